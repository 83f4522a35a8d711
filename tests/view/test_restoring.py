"""Sessions in files: what was open is opened and made again, and nothing else can be asked for."""

import json

import numpy as np
import pytest
from tests.view.conftest import Asker

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.model.errors import DataError
from omniscopy.view.making import bench_maker


@pytest.fixture
def place(tmp_path):
    om.save(om.samples.surface(), tmp_path / "surface.gsf")
    np.arange(24, dtype="<u2").tofile(tmp_path / "numbers.dat")
    return tmp_path


@pytest.fixture
def working(place):
    """Ask a session of an explorer that has a folder; others can be begun."""
    made = []

    def begin(**options):
        made.append(Asker(bench_maker(place, **options)()))
        return made[-1]

    yield begin
    for each in made:
        each.session.close()


def saved(ask, place, name="work", **more):
    """Save a session as the page does."""
    session = {**ask("session")["session"], "shown": {"past": [], "at": -1}, **more}
    content = json.dumps(session).encode()
    path = ask.replies("save_session", content, path=name)[-1][0]["path"]
    assert (place / path).exists()
    return path


def test_what_was_opened_and_made_is_there_again(working, place):
    ask = working()
    (surface,) = ask("open", path="surface.gsf")["items"]
    raw = {"path": "numbers.dat", "shape": [2, 3, 4], "dtype": "uint16"}
    (numbers,) = ask("open_raw", **raw)["items"]
    (level,) = ask("run", name="image.level", inputs={"image": surface["id"]})["items"]
    (spectrum,) = ask("fourier", data=level["id"])["items"]
    (scaled,) = ask("set_scale", data=level["id"], dims=["x"], size=2.0, units="mm")["items"]
    ask("forget", data=numbers["id"])
    path = saved(ask, place)
    assert path == "work.omniscopy"
    entries = {each["name"]: each["format"] for each in ask("list", path=".")["entries"]}
    assert entries[path] == "session"

    again = working()
    again("open", path="surface.gsf")  # so that all names are others
    header = again("open_session", path=path)
    assert header["missing"] == []
    names = header["names"]
    assert names[level["id"]] != level["id"]
    assert [each["title"] for each in header["items"]] == [
        each["title"] for each in (surface, level, spectrum, scaled)
    ]
    expected = om.image.level(om.open_signal(place / "surface.gsf"))
    found = again.values("reduce", data=names[level["id"]], target="navigation")
    np.testing.assert_allclose(found, expected.values, rtol=1e-5, atol=1e-9)
    assert again.bench.item(names[scaled["id"]]).axis("x").units == "mm"
    # A session that was opened can be saved again.
    assert len(again("session")["session"]["requests"]) == 6


def test_what_cannot_be_made_again_is_said_and_the_rest_is_there(working, place):
    ask = working()
    (surface,) = ask("open", path="surface.gsf")["items"]
    ask("run", name="image.level", inputs={"image": surface["id"]})
    ask("open_raw", path="numbers.dat", shape=[24], dtype="uint16")
    path = saved(ask, place)
    (place / "surface.gsf").unlink()
    header = working()("open_session", path=path)
    assert [each.partition(":")[0] for each in header["missing"]] == ["surface.gsf", "image.level"]
    assert str(place) not in json.dumps(header["missing"])
    assert len(header["items"]) == 1


def test_data_in_memory_are_found_where_they_are_open(asking, place, working):
    ask = asking(om.samples.surface())
    (made,) = ask("run", name="image.level", inputs={"image": "d1"}, parameters={})["items"]
    ask("arrange", data="d1", navigation=["x", "y"], signal=[])
    session = {**ask("session")["session"]}
    assert [each["id"] for each in session["given"]] == ["d1"]
    path = saved(working(), place, requests=session["requests"], given=session["given"],
                 open=session["open"])  # fmt: skip
    bench = bench_maker([om.samples.spectrum_image(), om.samples.surface()], root=place)()
    header = Asker(bench)("open_session", path=path)
    assert bench.item("d2").plan()["navigation"] == ["x", "y"]
    assert header["missing"] == []
    assert header["names"] == {"d1": "d2", made["id"]: "d3"}


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (b"nothing", "no session"), (b"[]", "no session"), (b"[" * 100_000, "no session"),
        ({"format": "another"}, "no session"), ({"version": 99}, "of version 99"),
        ({"requests": 5}, "lists at most"), ({"requests": [5]}, "lists at most"),
        ({"requests": [{"said": {"kind": "save"}, "items": []}]}, "lists at most"),
        ({"requests": [{"said": {"kind": "eval"}, "items": []}]}, "lists at most"),
        ({"requests": [{"said": {"kind": "open"}, "items": [1]}]}, "lists at most"),
        ({"requests": [{"said": {"kind": "open"}, "items": []}] * 501}, "lists at most"),
    ],
)  # fmt: skip
def test_what_is_no_session_is_refused(working, place, said, match):
    whole = {"format": "omniscopy session", "version": 1, "requests": []}
    content = said if isinstance(said, bytes) else json.dumps({**whole, **said}).encode()
    (place / "bad.omniscopy").write_bytes(content)
    with pytest.raises(DataError, match=match):
        working()("open_session", path="bad.omniscopy")
    with pytest.raises(DataError, match=match):
        working().replies("save_session", content, path="other")


def test_a_session_reaches_no_further_than_the_page(working, place, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.gsf"
    om.save(om.samples.surface(), secret)
    model = {"$type": "settings", "name": "signal.Function", "fields": {"function": "os.system"}}
    requests = [
        {"kind": "open", "path": str(secret)},
        {"kind": "open", "path": "../secret.gsf"},
        {"kind": "run", "name": "os.system", "inputs": {}, "parameters": {}},
        {"kind": "run", "name": "signal.fit_model", "inputs": {}, "parameters": {"model": model}},
    ]
    whole = {"format": "omniscopy session", "version": 1,
             "requests": [{"said": each, "items": ["d1"]} for each in requests]}  # fmt: skip
    (place / "bad.omniscopy").write_text(json.dumps(whole))
    header = working()("open_session", path="bad.omniscopy")
    assert len(header["missing"]) == 4
    assert header["items"] == []
    with pytest.raises((DataError, FormatError), match="outside"):
        working()("open_session", path="../bad.omniscopy")


def test_sessions_are_written_only_where_it_is_allowed(working):
    ask = working(allow_write=False)
    with pytest.raises(DataError, match="may not write"):
        ask("save_session", path="x")
    ask = working()
    content = json.dumps(ask("session")["session"]).encode()
    with pytest.raises(DataError, match="outside"):
        ask.replies("save_session", content, path="../x")
    ask.replies("save_session", content, path="x")
    with pytest.raises(DataError, match="is there already"):
        ask.replies("save_session", content, path="x")
