"""The server as a client of the protocol sees it."""

import base64
import importlib
import io
import subprocess
import sys
import threading
import time

import anyio
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from PIL import Image

import omniscopy as om
from omniscopy.cli.application import run
from omniscopy.io.requests import MOST_BYTES
from omniscopy.mcp_server import Bench, make_server
from omniscopy.testing.files.mrc import write_mrc


@pytest.fixture
def truth():
    y, x = np.mgrid[:24, :32]
    return (np.sin(2 * np.pi * x / 8) + 0.1 * y).astype(np.float32)


@pytest.fixture
def folder(tmp_path, truth):
    root = tmp_path / "root"
    (root / "results").mkdir(parents=True)
    write_mrc(root / "image.mrc", truth, cell=(32.0, 24.0, 1.0))
    write_mrc(tmp_path / "secret.mrc", truth)
    return root


@pytest.fixture
def ask(folder):
    """Call tools one after the other in one session; return the facts, and pictures, of each."""

    def ask_with(*calls, mode="auto", **options):
        async def talk():
            server = make_server(Bench.at(folder, **options))
            async with Client(server, mode=mode) as client:
                return [await client.call_tool(name, given) for name, given in calls]

        return [(made.structured_content, made.content[1:], made) for made in anyio.run(talk)]

    return ask_with


@pytest.fixture
def refused(ask):
    """Return the words with which the last of several calls is refused."""

    def words_of(*calls, **options):
        facts, pictures, made = ask(*calls, **options)[-1]
        assert made.is_error
        assert not pictures
        return facts["error"]

    return words_of


def listed(folder, **options):
    async def talk():
        async with Client(make_server(Bench.at(folder, **options))) as client:
            return (await client.list_tools()).tools

    return {tool.name: tool for tool in anyio.run(talk)}


OPEN = ("open", {"path": "image.mrc"})


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_file_is_found_opened_and_described_with_its_units(ask, truth, mode):
    answers = ask(("list_files", {}), ("info", {"path": "image.mrc"}), OPEN, mode=mode)
    files, info, opened = (facts for facts, _, _ in answers)
    assert [entry["path"] for entry in files["entries"]] == ["image.mrc", "results"]
    assert files["entries"][0]["format"] == "mrc"
    assert info["channels"][0]["shape"] == [24, 32]
    (channel,) = opened["channels"]
    assert channel["handle"] == "d1"
    assert channel["lazy"]
    y, x = channel["dimensions"]
    assert (y["name"], y["size"], x["name"], x["size"]) == ("y", 24, "x", 32)
    assert x["units"] == "Å"
    assert x["last"] == 31.0


def test_an_operation_runs_on_a_handle_and_gives_what_python_gives(ask, folder):
    calls = (
        OPEN,
        ("run_operation", {"name": "signal.mean_over", "inputs": {"data": "d1"},
                           "parameters": {"dims": "y"}}),
        ("values", {"handle": "d2"}),
        ("statistics", {"handle": "d2"}),
    )  # fmt: skip
    _, made, values, statistics = (facts for facts, _, _ in ask(*calls))
    expected = om.signal.mean_over(om.open_signal(folder / "image.mrc"), "y").compute()
    assert made["handle"] == "d2"
    np.testing.assert_allclose(values["values"], expected, rtol=1e-5, atol=1e-6)
    assert values["coordinates"]["x"]["units"] == "Å"
    assert "units" in values
    assert statistics["mean"] == pytest.approx(float(expected.mean()), rel=1e-5)


def test_numbers_are_thinned_and_a_part_is_taken_by_its_coordinates(ask, folder):
    part = {"y": [5, 10.2], "x": 15.8}
    calls = (OPEN, ("values", {"handle": "d1", "labels": part}),
             ("select", {"handle": "d1", "labels": {"x": [None, 7]}}))  # fmt: skip
    _, values, selected = (facts for facts, _, _ in ask(*calls))
    image = om.open_signal(folder / "image.mrc")
    np.testing.assert_allclose(values["values"], image.values[5:11, 16], rtol=1e-5)
    assert values["coordinates"]["y"]["values"] == [5, 6, 7, 8, 9, 10]
    assert selected["dimensions"][1]["size"] == 8
    calls = (("run_operation", {"name": "simulate.surface", "parameters": {}}),
             ("values", {"handle": "d1"}))  # fmt: skip
    _, thinned = (facts for facts, _, _ in ask(*calls))
    assert np.size(thinned["values"]) <= 1000
    assert thinned["one_of_every"]["x"] > 1


def test_a_picture_is_a_png_with_something_on_it(ask):
    facts, pictures, _ = ask(OPEN, ("picture", {"handle": "d1", "title": "Waves"}))[-1]
    assert facts["format"] == "png"
    assert pictures[0].mime_type == "image/png"
    image = Image.open(io.BytesIO(base64.b64decode(pictures[0].data)))
    assert min(image.size) > 200
    assert np.asarray(image.convert("L")).std() > 10


def test_the_script_of_a_result_gives_the_same_numbers(ask, folder, monkeypatch):
    calls = (
        OPEN,
        ("select", {"handle": "d1", "labels": {"y": [5, 15]}}),
        ("run_operation", {"name": "image.power_spectrum", "inputs": {"image": "d2"}}),
        ("history", {"handle": "d3"}),
        ("script", {"handle": "d3"}),
        ("values", {"handle": "d3", "labels": {"ky": 0.0}}),
    )
    *_, history, script, values = (facts for facts, _, _ in ask(*calls))
    assert "io.open_signal" in history["steps"][0]
    assert "image.power_spectrum" in history["steps"][-1]
    assert not any("change" in step.split("(")[0] for step in history["steps"])
    monkeypatch.chdir(folder)
    place = folder / "again.py"
    asked = "power_spectrum.sel(ky=0, method='nearest').values.sum()"
    place.write_text(f"{script['script']}\nprint({asked})")
    done = subprocess.run([sys.executable, place], capture_output=True, text=True, check=True)
    assert float(done.stdout.split()[-1]) == pytest.approx(np.sum(values["values"]), rel=1e-4)


def test_operations_are_found_and_explained(ask):
    found, told = (
        facts
        for facts, _, _ in ask(
            ("find_operations", {"words": "power spectrum", "group": "image"}),
            ("describe_operation", {"name": "diffraction.reduce"}),
        )
    )
    assert "image.power_spectrum" in [each["name"] for each in found["operations"]]
    assert told["required_inputs"] == ["data"]
    assert told["example_parameters"]["operations"][2]["name"] == "diffraction.Disk"
    assert "Parameters" in told["text"]


def test_tools_are_read_only_unless_writing_is_allowed(folder):
    tools = listed(folder)
    assert {"open", "info", "list_files", "picture", "run_operation", "script"} <= set(tools)
    assert not {"save", "report"} & set(tools)
    assert all(tool.annotations.read_only_hint for tool in tools.values())
    writing = listed(folder, allow_write=True)
    assert set(writing) - set(tools) == {"save", "report"}
    assert not writing["save"].annotations.read_only_hint
    for tool in writing.values():
        assert tool.description
        assert tool.input_schema["type"] == "object"
        assert "bench" not in tool.input_schema["properties"]


def test_a_group_of_operations_becomes_tools_with_their_schemas(folder, ask):
    tools = listed(folder, groups=("image",))
    tool = tools["image-power_spectrum"]
    wanted = om.model.find_operation("image.power_spectrum").schema
    assert tool.input_schema["required"] == ["image"]
    assert tool.input_schema["properties"]["window"] == wanted["properties"]["window"]
    assert len([name for name in tools if name.startswith("image-")]) == len(
        om.operations("image.")
    )
    given = {"image": "d1", "window": "none"}
    facts, _, _ = ask(OPEN, ("image-power_spectrum", given), groups=("image",))[-1]
    assert facts["handle"] == "d2"


def test_settings_are_given_by_name(ask):
    disc = {"$type": "settings", "name": "diffraction.Disk", "fields": {"radius": 2.0}}
    calls = (
        ("run_operation", {"name": "simulate.diffraction_4d"}),
        ("run_operation", {"name": "diffraction.virtual_image", "inputs": {"data": "d1"},
                           "parameters": {"detector": disc}}),
    )  # fmt: skip
    facts, _, made = ask(*calls)[-1]
    assert not made.is_error
    assert facts["handle"] == "d2"


def test_results_are_saved_into_new_files_only(ask, folder):
    level = ("run_operation", {"name": "image.level", "inputs": {"image": "d1"}})
    save = ("save", {"handle": "d2", "path": "results/level.nxs"})
    *_, saved, again = ask(OPEN, level, save, save, allow_write=True)
    assert saved[0] == {"saved": "results/level.nxs"}
    assert again[2].is_error
    assert "is there already and is not replaced" in again[0]["error"]
    kept = om.open_signal(folder / "results" / "level.nxs")
    assert om.history(kept)[-1].operation == "image.level"


def test_a_file_is_written_up(ask, folder):
    given = {"path": "image.mrc", "target": "results/page.html"}
    facts, _, made = ask(("report", given), allow_write=True)[0]
    assert not made.is_error
    assert facts == {"page": "results/page.html", "script": "results/page.py"}
    assert (folder / "results" / "page.html").stat().st_size > 1000
    assert len(list((folder / "results").iterdir())) == 2


@pytest.mark.parametrize("path", ["../secret.mrc", "results/../../secret.mrc", "/etc/hostname"])
@pytest.mark.parametrize("tool", ["open", "info"])
def test_paths_outside_the_root_are_refused(refused, tool, path):
    assert "outside the folder that is served" in refused((tool, {"path": path}))


def test_whether_a_file_outside_exists_is_not_told(refused):
    for path in ("../secret.mrc", "../nothing.mrc"):
        assert "outside the folder that is served" in refused(("open", {"path": path}))


def test_links_to_the_outside_are_refused_and_not_listed(refused, ask, folder):
    (folder / "link.mrc").symlink_to(folder.parent / "secret.mrc")
    (folder / "up").symlink_to(folder.parent)
    (folder / "circle").symlink_to(folder / "circle")
    for path in ("link.mrc", "up/secret.mrc", "circle"):
        assert "outside the folder that is served" in refused(("open", {"path": path}))
    facts, _, _ = ask(("list_files", {}))[0]
    assert [entry["path"] for entry in facts["entries"]] == ["image.mrc", "results"]


def test_links_in_a_data_set_to_the_outside_are_refused(refused, folder, truth):
    om.save(om.open_signal(folder / "image.mrc"), folder / "store.zarr")
    (folder / "store.zarr" / "beside").symlink_to(folder.parent / "secret.mrc")
    assert "is a link to something outside" in refused(("open", {"path": "store.zarr"}))


def test_nothing_is_written_outside_the_root_or_through_links(refused, folder):
    (folder / "up").symlink_to(folder.parent)
    (folder / "results" / "dangling.nxs").symlink_to(folder.parent / "new.nxs")
    words = {
        "../new.nxs": "outside the folder",
        "up/new.nxs": "outside the folder",
        "results/dangling.nxs": "is there already",
        "image.mrc": "is there already",
        "nowhere/new.nxs": "there is no folder 'nowhere'",
        "results/..": "is not the name of a file",
        "s3://bucket/new.zarr": "is a URL",
    }
    for path, wanted in words.items():
        call = ("save", {"handle": "d1", "path": path})
        assert wanted in refused(OPEN, call, allow_write=True)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["root", "secret.mrc"]


def test_writing_is_refused_by_a_server_that_only_reads(refused):
    words = refused(OPEN, ("save", {"handle": "d1", "path": "new.nxs"}))
    assert "without --allow-write" in words


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("nothing", {}), "there is no tool 'nothing'"),
        (("open", {}), "parameter 'path' is missing"),
        (("open", {"path": "image.mrc", "reader": "x"}), "there is no parameter 'reader'"),
        (("open", {"path": 3}), "parameter 'path' must be text, got 3"),
        (("open", {"path": "none.mrc"}), "there is no such file"),
        (("open", {"path": "http://example.org/a.mrc"}), "is a URL"),
        (("open", {"path": "a\0b"}), "is not the name of a file"),
        (("open", {"path": "image.mrc", "channel": "X"}), "has no channel 'X'"),
        (("describe", {"handle": "d7"}), "there is no handle 'd7'"),
        (("list_files", {"folder": "image.mrc"}), "there is no folder 'image.mrc'"),
        (("run_operation", {"name": "os.system"}), "'os.system' is not an operation"),
        (("run_operation", {"name": "io.open"}), "'io.open' is not an operation"),
        (("run_operation", {"name": "image.level"}), "needs the input 'image'"),
        (("run_operation", {"name": "image.level", "inputs": {"data": 1}}), "no input 'data'"),
        (
            ("run_operation", {"name": "simulate.surface", "parameters": {"size": 1}}),
            "there is no parameter 'size'",
        ),
        (("picture", {"handle": "d1", "width": 90}), "width must be from 2 to 14 inches"),
    ],
)  # fmt: skip
def test_wrong_calls_are_refused_in_words(refused, call, message):
    assert message in refused(call)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"z": 1}, "there is no dimension 'z'; there are y, x"),
        ({"x": 99.0}, "there is nothing at 99.0: 'x' goes from 0"),
        ({"x": [50, 60]}, "there is nothing between 50 and 60"),
        ({"x": [1, 2, 3]}, "is a label or [low, high]"),
    ],
)
def test_parts_that_are_not_there_are_refused(refused, labels, message):
    assert message in refused(OPEN, ("values", {"handle": "d1", "labels": labels}))


def test_oversized_requests_are_refused(refused):
    huge = ("find_operations", {"words": "x" * (MOST_BYTES + 1)})
    assert "the request has" in refused(huge)
    deep = nested = {}
    for _ in range(40):
        nested["a"] = {}
        nested = nested["a"]
    assert "nested more than" in refused(("run_operation", {"name": "a", "parameters": deep}))
    wide = {"name": "simulate.surface", "parameters": {"shape": [10**6, 10**6]}}
    assert "asks for 1e+12 points" in refused(("run_operation", wide))


def test_large_numbers_that_are_no_sizes_are_taken(ask):
    wanted = {"window": {"x": [0, 10**9], "y": [0, 10**9]}}
    call = {"name": "signal.crop", "inputs": {"data": "d1"}, "parameters": wanted}
    facts, _, made = ask(OPEN, ("run_operation", call))[-1]
    assert not made.is_error
    assert facts["dimensions"][1]["size"] == 32


@pytest.mark.parametrize(
    "name", ["signal.Function", "io.remote.RemotePath", "io.storage.hdf5.Handle", "os.system"]
)
def test_only_settings_of_operations_can_be_named(refused, name):
    model = {"$type": "settings", "name": name, "fields": {"function": "os.system"}}
    call = {"name": "signal.fit_model", "inputs": {"data": "d1"}, "parameters": {"model": model}}
    assert "is not a setting that may be asked for" in refused(OPEN, ("run_operation", call))


def test_an_expression_is_read_and_never_executed(refused):
    text = "__import__('os').system('true')"
    model = {"$type": "settings", "name": "signal.Expression", "fields": {"text": text}}
    call = {"name": "signal.fit_model", "inputs": {"data": "d1"}, "parameters": {"model": model}}
    assert refused(OPEN, ("run_operation", call))


def test_messages_do_not_tell_where_the_root_is(refused, folder):
    (folder / "bad.mrc").write_bytes(b"nothing that is known" * 10)
    words = refused(("open", {"path": "bad.mrc"}))
    assert words.startswith("bad.mrc: ")
    assert str(folder) not in words


@pytest.fixture
def slow_tool(folder):
    """Return a function that makes a server with a tool that works on so many chunks.

    Each of them waits for an event, and takes so many seconds then. The event and a list of the
    chunks that were begun come besides.
    """
    begun, go = [], threading.Event()

    def made(chunks, seconds):
        def chunk(values):
            begun.append(1)
            go.wait(300)
            time.sleep(seconds)
            return values

        bench = Bench.at(folder)
        ones = da.ones((chunks, 8), chunks=(1, 8))
        values = ones.map_blocks(chunk, dtype=float, meta=np.empty((0, 0)))
        bench.shelf.keep(xr.DataArray(values, dims=("y", "x"), name="slow"))
        return make_server(bench), begun, go

    yield made
    go.set()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_long_call_tells_how_far_it_is(slow_tool, mode, monkeypatch):
    monkeypatch.setattr("omniscopy.mcp_server.watching._SECONDS", 0.0)
    server, _, go = slow_tool(20, 0.0)
    go.set()
    told = []

    async def tell(done, total, words):
        told.append((done, total, words))

    async def talk():
        async with Client(server, mode=mode) as client:
            given = {"handle": "d1"}
            return await client.call_tool("statistics", given, progress_callback=tell)

    made = anyio.run(talk)
    assert made.structured_content["mean"] == 1.0
    done = [now[0] for now in told]
    assert len(told) >= 3
    assert done == sorted(set(done))
    assert all(now[0] <= now[1] for now in told)
    assert "chunks" in told[-1][2]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_call_that_is_cancelled_ends_and_the_next_is_answered(slow_tool, mode):
    # All of them would take a minute and more.
    server, begun, go = slow_tool(600, 0.25)

    async def talk():
        async with Client(server, mode=mode) as client:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as calls:
                    calls.start_soon(client.call_tool, "statistics", {"handle": "d1"})
                    while not begun:
                        await anyio.sleep(0.01)
                    go.set()
                    scope.cancel()
            assert scope.cancelled_caught
            # One call at a time: the one before has ended.
            return await client.call_tool("handles", {})

    facts = anyio.run(talk)
    assert facts.structured_content["handles"][0]["handle"] == "d1"
    assert len(begun) < 600


def test_a_report_tells_its_steps(folder):
    told = []

    async def tell(done, total, words):
        told.append(words)

    async def talk():
        async with Client(make_server(Bench.at(folder, allow_write=True))) as client:
            given = {"path": "image.mrc", "target": "results/page.html"}
            return await client.call_tool("report", given, progress_callback=tell)

    assert not anyio.run(talk).is_error
    assert len(told) >= 2


def test_handles_are_listed_and_released(ask):
    calls = (OPEN, ("handles", {}), ("release", {"handle": "d1"}), ("handles", {}))
    _, before, _, after = (facts for facts, _, _ in ask(*calls))
    assert before["handles"][0]["sizes"] == {"y": 24, "x": 32}
    assert after["handles"] == []


def test_metadata_are_searched(ask):
    facts, _, _ = ask(OPEN, ("metadata", {"handle": "d1", "words": "mode"}))[-1]
    assert any("mode" in entry["name"].lower() for entry in facts["entries"])


def test_the_command_serves_over_standard_input_and_output(folder):
    async def talk():
        words = ["-m", "omniscopy", "mcp", "--root", str(folder)]
        parameters = StdioServerParameters(command=sys.executable, args=words)
        async with Client(parameters) as client:
            return await client.call_tool(*OPEN)

    assert anyio.run(talk).structured_content["channels"][0]["handle"] == "d1"


def test_without_the_package_the_extra_is_named(folder, monkeypatch, capsys):
    real = importlib.import_module

    def absent(name, *args):
        if name.partition(".")[0] == "mcp":
            raise ModuleNotFoundError(name=name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", absent)
    assert run(["mcp", "--root", str(folder)]) == 2
    assert "pip install 'omniscopy[mcp]'" in capsys.readouterr().err


def test_a_root_that_is_no_folder_and_unknown_groups_are_said(folder, capsys):
    assert run(["mcp", "--root", str(folder / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert run(["mcp", "--root", str(folder), "--tools", "nothing"]) == 2
    assert "there is no group 'nothing'" in capsys.readouterr().err


def test_where_the_protocol_is_missing_the_extra_is_named_before_anything_loads(tmp_path):
    # As where it is not installed: no folder has it.
    code = """if True:
        import sys
        from importlib.machinery import PathFinder as finder
        find = finder.find_spec
        finder.find_spec = lambda name, *more: None if name == "mcp" else find(name, *more)
        from omniscopy.cli.application import run
        code = run(["mcp", "--root", sys.argv[1]])
        print(code, [each for each in ("numpy", "xarray", "dask") if each in sys.modules])
    """
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "pip install 'omniscopy[mcp]'" in done.stderr
    assert done.stdout == "2 []\n"
