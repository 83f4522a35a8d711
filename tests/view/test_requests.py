"""What a page may ask for: files, operations, scripts, recipes, exports, and what it may not."""

import io
import json
import threading

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.model.errors import DataError
from omniscopy.view import operating, recent
from omniscopy.view.dispatch import SupersededError, Turn
from omniscopy.view.files import describe
from omniscopy.view.making import bench_maker
from omniscopy.view.session import Session


class Asker:
    """Asks a session of its own."""

    def __init__(self, bench):
        self.session = Session(bench)

    def replies(self, kind, **said):
        return list(self.session.answer({"kind": kind, "seq": 1, **said}, [], Turn()))

    def __call__(self, kind, **said):
        return self.replies(kind, **said)[-1][0]


def opened(ask, path):
    return ask("open", path=path)["items"]


def test_the_folder_is_listed_with_formats(ask):
    entries = {each["name"]: each for each in ask("list", path=".")["entries"]}
    assert entries["surface.gsf"]["format"] == "gsf"
    assert entries["core_loss.zarr"]["format"] == "zarr"
    assert not entries["core_loss.zarr"]["folder"]
    assert entries["below"]["folder"]
    assert entries["notes.xyz"]["format"] is None


@pytest.mark.parametrize(
    "path", ["../elsewhere.gsf", "/etc/passwd", "below/../../x", "s3://bucket/x.zarr", "a\0b", ""]
)
@pytest.mark.parametrize("kind", ["open", "list", "thumbnail"])
def test_paths_outside_of_the_folder_are_refused(ask, path, kind):
    with pytest.raises(
        (DataError, FormatError), match=r"outside|URL|not the name|no such|no folder|neither"
    ):
        ask(kind, path=path)


def test_links_that_lead_out_are_refused(ask, folder, tmp_path):
    secret = tmp_path / "secret.gsf"
    secret.write_bytes((folder / "surface.gsf").read_bytes())
    link = folder / "link.gsf"
    link.symlink_to(secret)
    try:
        assert "link.gsf" not in [each["name"] for each in ask("list", path=".")["entries"]]
        with pytest.raises(DataError, match="outside the folder"):
            ask("open", path="link.gsf")
    finally:
        link.unlink()


def test_damaged_and_unknown_files_are_said(ask):
    with pytest.raises(FormatError, match="at byte 48"):
        ask("open", path="broken.gsf")
    with pytest.raises(UnsupportedFormatError):
        ask("open", path="notes.xyz")
    assert len(ask("formats")["formats"]) > 50


def test_bare_numbers_are_opened_by_what_the_user_says(ask):
    said = {"path": "numbers.dat", "shape": [2, 3, 4], "dtype": "uint16"}
    (item,) = ask("open_raw", **said)["items"]
    assert [axis["size"] for axis in item["axes"]] == [2, 3, 4]
    with pytest.raises(DataError, match="the shape is 1 to 6"):
        ask("open_raw", **{**said, "shape": [0]})
    with pytest.raises(DataError, match="the type of the numbers"):
        ask("open_raw", **{**said, "dtype": "object"})
    with pytest.raises((DataError, FormatError), match=r"\d+ bytes"):
        ask("open_raw", **{**said, "shape": [2000, 3000]})


@pytest.mark.parametrize(
    ("name", "form"),
    [("surface.gsf", "image"), ("core_loss.zarr", "image"), ("spiral.nxs", "curve")],
)
def test_files_have_pictures(ask, name, form):
    header, (values,) = ask.replies("thumbnail", path=name)[-1]
    assert header["form"] == form
    assert np.isfinite(np.frombuffer(values, "<f4")).all()


def test_a_dropped_file_comes_in_pieces_and_goes_with_the_explorer(ask, folder):
    content = (folder / "surface.gsf").read_bytes()
    half = len(content) // 2
    said = {"name": "surface.gsf", "total": len(content)}
    assert not ask("drop", content[:half], offset=0, **said)["done"]
    with pytest.raises(DataError, match="a piece begins at 5"):
        ask("drop", b"x", offset=5, **said)
    done = ask("drop", content[half:], offset=half, **said)
    assert done["done"]
    assert opened(ask, done["path"])[0]["units"]
    place = ask.bench.dropped()
    ask.session.close()
    assert not place.exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "a\0b", 5, "x" * 300])
def test_dropped_files_have_plain_names(ask, name):
    with pytest.raises(DataError, match="not the name of a file"):
        ask("drop", b"x", name=name, offset=0, total=1)


def test_dropped_files_may_not_fill_the_disk(ask):
    with pytest.raises(DataError, match="at most 8 GiB"):
        ask("drop", b"x", name="large.dat", offset=0, total=2**34)


def test_the_script_of_what_is_seen_runs_and_gives_the_same_numbers(ask, folder):
    (item,) = opened(ask, "core_loss.zarr")
    region = {"kind": "ellipse", "centre": [3.0, 4.0], "radii": [1.6, 2.2]}
    window = {"kind": "interval", "from": [455.0], "to": [470.0]}
    spectrum = {"kind": "reduce", "data": item["id"], "target": "signal", "region": region}
    image = {"kind": "reduce", "data": item["id"], "target": "navigation", "region": window,
             "statistic": "sum"}  # fmt: skip
    above = {"kind": "window_map", "data": item["id"], "window": [455.0, 470.0],
             "background": {"window": [422.0, 448.0], "model": "power_law"}}  # fmt: skip
    text = ask("python", results=[{"data": item["id"], "shown": each}
                                  for each in (spectrum, image, above)])["text"]  # fmt: skip
    names: dict = {}
    body = "\n".join(line for line in text.splitlines() if "figure" not in line)
    exec(compile(body, "copied", "exec"), names)
    results = [each for each in names.values() if isinstance(each, xr.DataArray)]
    for shown in (spectrum, image, above):
        live = ask.values(**shown)
        found = [each for each in results if each.shape == live.shape]
        assert any(np.allclose(each.values, live, rtol=1e-5) for each in found), shown["kind"]


def test_a_recipe_of_what_is_seen_is_applied_to_a_folder(tmp_path):
    surface = om.samples.surface()
    om.save(surface, tmp_path / "one.gsf")
    om.save(surface.copy(data=2 * surface.values), tmp_path / "two.gsf")
    (tmp_path / "broken.gsf").write_bytes(b"Gwyddion Simple Field 1.0\nXRes = 4\n")
    ask = Asker(bench_maker(tmp_path)())
    (item,) = opened(ask, "one.gsf")
    (made,) = ask("run", name="image.level", inputs={"image": item["id"]}, parameters={})["items"]
    results = [{"data": made["id"]}]
    assert "image.level" in ask("recipe", results=results)["text"]
    replies = [header for header, _ in ask.replies("batch", folder=".", results=results)]
    assert [each["kind"] for each in replies[:-1]] == ["progress"] * 3
    outcomes = {each["file"]: each for each in replies[-1]["outcomes"]}
    assert "error" in outcomes["broken.gsf"]
    assert str(tmp_path) not in json.dumps(outcomes)
    paths = (tmp_path / outcomes[name]["result"] for name in ("one.gsf", "two.gsf"))
    one, two = map(om.open_signal, paths)
    np.testing.assert_allclose(2 * one.values, two.values, rtol=1e-5, atol=1e-5)


def test_what_may_not_write_does_not(folder):
    from tests.view.conftest import Asker

    ask = Asker(bench_maker(folder, allow_write=False)())
    assert not ask("hello")["writes"]
    with pytest.raises(DataError, match="may not write"):
        ask("batch", folder=".", results=[])
    with pytest.raises(DataError, match="may not write"):
        ask("save", path="new.nxs", results=[])


def test_data_are_saved_into_new_files_only(ask, folder):
    (item,) = opened(ask, "surface.gsf")
    with pytest.raises(DataError, match="is there already"):
        ask("save", path="stack.nxs", results=[{"data": item["id"]}])
    with pytest.raises(DataError, match="outside"):
        ask("save", path="../new.nxs", results=[{"data": item["id"]}])
    assert ask("save", path="saved.gsf", results=[{"data": item["id"]}])["path"] == "saved.gsf"
    (folder / "saved.gsf").unlink()


def test_operations_come_with_forms_from_the_registry(ask):
    listed = {each["name"] for each in ask("operations")["operations"]}
    assert {"signal.smooth", "image.power_spectrum", "eels.fit_power_law"} <= listed
    form = ask("form", name="signal.smooth")
    assert form["required_inputs"] == ["data"]
    assert form["schema"]["properties"]["width"]["anyOf"][0] == {"type": "number"}
    assert "DataArray" not in form["about"].get("width", "")
    json.dumps(form, allow_nan=False)


def test_an_operation_makes_an_item_with_its_history(ask):
    (item,) = opened(ask, "surface.gsf")
    said = {"name": "image.level", "inputs": {"image": item["id"]}, "parameters": {}}
    replies = [header for header, _ in ask.replies("run", **said)]
    assert replies[0]["kind"] == "progress"
    (made,) = replies[-1]["items"]
    assert made["parent"] == item["id"]
    steps = [each["operation"] for each in ask("history", data=made["id"])["steps"]]
    assert steps == ["io.open_signal", "image.level"]


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"name": "os.system"}, "is not an operation"),
        ({"name": "image.nothing"}, "has no public"),
        ({"name": "image.level", "inputs": {}}, "needs 'image'"),
        ({"name": "image.level", "inputs": {"image": "d77"}}, "no data 'd77'"),
        ({"name": "image.level", "inputs": 5}, "given by their names"),
        ({"name": "image.level", "parameters": {"method": "magic"}}, "method"),
        ({"name": "image.level", "parameters": {"nothing": 1}}, "nothing"),
    ],
)
def test_calls_that_cannot_be_are_refused_in_words(ask, said, match):
    with pytest.raises(DataError, match=match):
        ask("run", **said)


def test_code_of_others_is_not_run(ask):
    (item,) = opened(ask, "core_loss.zarr")
    model = {"$type": "settings", "name": "signal.Function", "fields": {"function": "os.system"}}
    with pytest.raises(DataError, match="not a setting that may be asked for"):
        ask(
            "run", name="signal.fit_model", inputs={"data": item["id"]}, parameters={"model": model}
        )


def test_a_fit_shows_data_model_and_residual_of_a_pixel(asking):
    data, fit = om.samples.spectrum_image(), om.samples.line_fit()
    ask = asking(data, fit)
    items = ask("hello")["items"]
    centre = next(each for each in items if each["name"] == "gaussian_centre")
    assert centre["fit"]
    header, buffers = ask.replies(
        "fit", data=centre["id"], region={"kind": "point", "at": [2.0, 3.0]}
    )[-1]
    measured, curve, residual = (np.frombuffer(each, "<f4") for each in buffers)
    np.testing.assert_allclose(measured, data.sel(y=2.0, x=3.0).values, rtol=1e-6)
    np.testing.assert_allclose(residual, measured - curve, atol=1e-3)
    told = {each["name"]: each for each in header["parameters"]}
    assert told["gaussian_centre"]["value"] == pytest.approx(
        float(fit["gaussian_centre"].sel(y=2, x=3))
    )
    assert told["gaussian_centre"]["std"] > 0


def test_what_is_no_fit_says_so(asking):
    ask = asking(om.samples.loop_oscillators())
    with pytest.raises(DataError, match="has no model to draw"):
        ask("fit", data=ask("hello")["items"][0]["id"], region={"kind": "point", "at": [0, 0]})


@pytest.mark.parametrize(
    ("form", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("tiff", b"II")]
)
def test_figures_and_numbers_are_exported(ask, form, start):
    (item,) = opened(ask, "surface.gsf")
    replies = ask.replies("export", results=[{"data": item["id"]}], format=form, dpi=80)
    assert bytes(replies[-1][1][0])[:12].startswith(start)


def test_a_figure_has_the_letter_of_its_panel(ask):
    (item,) = opened(ask, "surface.gsf")
    said = {"results": [{"data": item["id"]}], "format": "svg"}
    plain, lettered = (
        bytes(ask.replies("export", **said, **more)[-1][1][0]) for more in ({}, {"panel": "$b$"})
    )
    assert b"<!-- $b$ -->" in lettered
    assert b"<!-- $b$ -->" not in plain


def test_exported_numbers_are_those_that_are_seen(ask):
    (item,) = opened(ask, "core_loss.zarr")
    region = {"kind": "box", "from": [1.0, 2.0], "to": [3.0, 4.5]}
    shown = {"kind": "reduce", "data": item["id"], "target": "signal", "region": region}
    (text,) = ask.replies("export", results=[{"data": item["id"], "shown": shown}], format="csv")[
        -1
    ][1]
    rows = [line for line in bytes(text).decode().splitlines() if line and line[0].isdigit()]
    table = np.genfromtxt(io.StringIO("\n".join(rows)), delimiter=",")
    np.testing.assert_allclose(table[:, -1], ask.values(**shown), rtol=1e-5)


@pytest.mark.parametrize(
    ("said", "match"),
    [({"format": "exe"}, "formats are"), ({"dpi": 1e9}, "dpi is a number"),
     ({"width_mm": "a"}, "width_mm"),
     ({"results": []}, "lists 1 to"), ({"results": [5]}, "names the data")],
)  # fmt: skip
def test_exports_that_cannot_be_are_refused(ask, said, match):
    (item,) = opened(ask, "surface.gsf")
    with pytest.raises(DataError, match=match):
        ask("export", **{"results": [{"data": item["id"]}], **said})


def test_metadata_are_found_by_names_and_values(asking):
    ask = asking(om.samples.spectrum_image())
    everything = ask("metadata", data="d1", words="")["found"]
    some = ask("metadata", data="d1", words="technique")
    assert 0 < some["found"] < everything
    assert some["entries"][0]["value"] == "EELS"
    assert ask("metadata", data="d1", words="no such word")["found"] == 0


def test_a_profile_is_that_of_the_operation(asking):
    data = om.samples.surface()
    said = {"from": [200.0, 100.0], "to": [700.0, 800.0], "width": 0.0}
    _, (values, places) = asking(data).replies("profile", data="d1", **said)[-1]
    expected = om.image.profile(data, (200.0, 100.0), (700.0, 800.0))
    np.testing.assert_allclose(np.frombuffer(values, "<f4"), np.abs(expected["profile"]), rtol=1e-5)
    assert np.frombuffer(places, "<f4")[-1] == pytest.approx(np.hypot(500, 700), rel=1e-5)


def test_the_fourier_spectrum_becomes_data(asking):
    ask = asking(om.samples.atom_image())
    (made,) = ask("fourier", data="d1")["items"]
    assert [axis["units"] for axis in made["axes"]] == ["1/nm", "1/nm"]


def test_a_scale_is_set_without_changing_the_data(asking):
    data = om.samples.surface()
    ask = asking(data)
    (made,) = ask("set_scale", data="d1", dims=["y", "x"], size=2.5, units="µm")["items"]
    assert [axis["step"] for axis in made["axes"]] == [2.5, 2.5]
    assert made["axes"][0]["units"] == "µm"
    assert ask.bench.item("d1").axis("x").units == "nm"
    with pytest.raises(DataError, match="other than 0"):
        ask("set_scale", data="d1", dims=["x"], size=0, units="nm")


def test_what_is_seen_becomes_data_and_can_be_forgotten(asking):
    ask = asking(om.samples.spectrum_image())
    shown = {"kind": "reduce", "data": "d1", "target": "navigation", "statistic": "sum",
             "region": {"kind": "interval", "from": [455.0], "to": [470.0]}}  # fmt: skip
    (made,) = ask("keep", data="d1", shown=shown, title="titanium")["items"]
    assert (made["title"], made["parent"]) == ("titanium", "d1")
    assert made["panes"]["navigation"] == ["y", "x"]
    ask("forget", data=made["id"])
    with pytest.raises(DataError, match="no data"):
        ask("metadata", data=made["id"])


def test_unknown_requests_are_refused(ask):
    with pytest.raises(DataError, match="no request 'eval'"):
        ask("eval", text="1 + 1")


def test_what_an_operation_needs_is_said_before_it_runs(ask, folder):
    (item,) = opened(ask, "core_loss.zarr")
    said = {"inputs": {"data": item["id"]}, "parameters": {"width": 3}, "name": "signal.smooth"}
    lazy = ask("estimate", **said)
    data = om.open_signal(folder / "core_loss.zarr")
    assert lazy["read"] == data.nbytes
    assert 0 < lazy["memory"] < 100 * data.nbytes
    assert not lazy["large"]
    assert lazy["words"].startswith("Reads")
    assert "of memory at a time" in lazy["words"]
    with pytest.raises(DataError, match="width"):
        ask("estimate", **{**said, "parameters": {"width": "wide"}})


def test_an_operation_that_needs_much_memory_says_so(asking, monkeypatch):
    monkeypatch.setattr(operating, "free_bytes", lambda: 2**32)
    wide = da.zeros((2**14, 2**16), chunks=(2**10, 2**16), dtype=np.float64)
    image = xr.DataArray(wide, dims=("y", "x"), name="wide").assign_coords(
        {dim: om.model.coordinate(dim, np.arange(float(n)), units="nm")
         for dim, n in zip("yx", wide.shape, strict=True)}
    )  # fmt: skip
    ask = asking(image)
    said = ask("estimate", name="image.power_spectrum", inputs={"image": "d1"}, parameters={})
    assert said["large"]
    assert "8.00 GiB" in said["words"]


def test_a_computation_tells_how_far_it_is_and_ends_when_it_is_stopped(asking):
    ran, go = [], threading.Event()

    def chunk(values):
        ran.append(1)
        # Half of them, and all that others begin meanwhile, wait for words about the rest.
        if len(ran) > 32:
            go.wait(120)
        return values

    slow = da.ones((64, 64, 8), chunks=(1, 64, 8)).map_blocks(chunk, dtype=float)
    axes = (("y", 64, "nm"), ("x", 64, "nm"), ("energy_loss", 8, "eV"))
    coords = {
        dim: om.model.coordinate(dim, np.arange(float(n)), units=units) for dim, n, units in axes
    }
    ask = asking(xr.DataArray(slow, coords, tuple(coords), name="slow"))
    ran.clear()
    shown = {"kind": "reduce", "data": "d1", "target": "navigation", "statistic": "sum"}
    asked = {"kind": "keep", "seq": 1, "data": "d1", "shown": shown, "title": "total"}
    told = []
    for header, _ in ask.session.answer(asked, [], Turn()):
        if header["kind"] == "progress":
            told.append(header)
            if 0 < header["done"] < 1:
                go.set()
    done = [header["done"] for header in told]
    assert done == sorted(done)
    assert any("s left" in header["words"] for header in told if 0 < header["done"] < 1)
    assert len(ran) == 64

    ran.clear()
    go.clear()
    turn = Turn()
    replies = ask.session.answer(asked, [], turn)
    next(replies)
    turn.cancelled.set()
    go.set()
    with pytest.raises(SupersededError):
        next(replies)
    assert len(ran) < 64


def test_all_samples_that_are_offered_can_be_opened(asking):
    ask = asking(om.samples.surface())
    for name in ask("hello")["samples"]:
        assert ask("sample", name=name)["items"]
    with pytest.raises(DataError, match="samples are"):
        ask("sample", name="__import__")


@pytest.fixture
def remembered(tmp_path, monkeypatch):
    """Return the list of files of this test."""
    place = tmp_path / "state" / "recent.json"
    monkeypatch.setattr(recent, "place_of_list", lambda: place)
    return place


def test_files_that_were_opened_are_offered_by_the_next_explorer(folder, remembered, tmp_path):
    outside = om.save(om.samples.surface(), tmp_path / "other.gsf")
    for place, name in ((tmp_path, outside.name), (folder, "surface.gsf"), (folder, "stack.nxs")):
        Asker(bench_maker(place)())("open", path=name)
    again = Asker(bench_maker(folder)())
    again("open", path="surface.gsf")
    # The last one first, each once, none of other folders.
    assert again("hello")["recent"] == ["surface.gsf", "stack.nxs"]
    assert Asker(bench_maker(tmp_path)())("hello")["recent"] == ["other.gsf"]
    outside.unlink()
    assert Asker(bench_maker(tmp_path)())("hello")["recent"] == []
    assert json.loads(remembered.read_text("utf-8"))[0] == str(folder.resolve() / "surface.gsf")


@pytest.mark.parametrize(
    "text", ["", "{}", "[1, null]", '["/nowhere/a.gsf"]', '["a\\u0000b"]', "[["]
)
def test_a_damaged_list_of_files_is_no_list(folder, remembered, text):
    remembered.parent.mkdir()
    remembered.write_text(text, "utf-8")
    assert Asker(bench_maker(folder)())("hello")["recent"] == []


def test_a_home_that_cannot_be_written_to_hinders_nobody(folder, remembered):
    remembered.parent.write_text("a file where a folder should be")
    asker = Asker(bench_maker(folder)())
    assert asker("open", path="surface.gsf")["kind"] == "opened"
    assert asker("hello")["recent"] == []


def test_what_was_drawn_on_an_image_is_told(asking):
    drawn = [{"kind": "box", "from": [1.0, 2.0], "to": [3.0, 4.0], "text": "grain"}]
    data = om.samples.surface().assign_attrs(annotations=drawn)
    bench = asking(data).bench
    assert describe(bench, bench.item("d1"))["annotations"] == drawn
    bench = asking(om.samples.surface()).bench
    assert describe(bench, bench.item("d1"))["annotations"] == []
