"""Widgets of a notebook: answered without a browser, and by a kernel; test_lab.py has one."""

import base64
import importlib
import queue

import pytest

import omniscopy as om
from omniscopy.model import MissingDependencyError
from omniscopy.view.chooser import ChooserSession, Shelf
from omniscopy.view.hosting import MOST_TABS, Conversation, Still
from omniscopy.view.widget import notebook_script, show


@pytest.fixture
def folder(tmp_path):
    """Make a folder with two channels in a file and a file in a folder below it."""
    (tmp_path / "below").mkdir()
    tree = om.samples.line_fit()[["gaussian_centre", "gaussian_sigma"]]
    om.save(tree, tmp_path / "fit.nxs")
    om.save(om.samples.surface(), tmp_path / "below" / "surface.nxs")
    (tmp_path / "notes.txt").write_text("nothing to see")
    return tmp_path


@pytest.fixture
def asking():
    """Ask a conversation; return the first reply to each message."""
    made = []

    def with_session(new_session):
        replies = queue.Queue()
        conversation = Conversation(new_session, lambda *reply: replies.put(reply))
        made.append(conversation)

        def ask(tab="a", **message):
            conversation.hear({"tab": tab, "seq": 1, **message}, [])
            return replies.get(timeout=120)

        return ask

    yield with_session
    for conversation in made:
        conversation.close()


def test_the_module_for_notebooks_has_one_default_and_no_imports():
    text = notebook_script()
    assert text.count("export default") == 1
    assert "import {" not in text
    assert "import(" not in text
    assert "https://" not in text


def test_a_chooser_lists_folders_files_and_channels(asking, folder):
    ask = asking(lambda: ChooserSession(Shelf.at(folder)))
    entries = {entry["name"]: entry for entry in ask(kind="hello")[0]["entries"]}
    assert entries["below"]["folder"]
    assert entries["fit.nxs"]["format"] == "nexus"
    assert entries["notes.txt"]["format"] is None
    (below,) = ask(kind="list", path="below")[0]["entries"]
    opened, _ = ask(kind="open", path=below["path"])
    assert opened["channels"][0]["words"].endswith(", nm")
    header, buffers = ask(
        kind="thumbnail", path=below["path"], channel=opened["channels"][0]["name"]
    )
    assert header["kind"] == "thumbnail"
    assert bytes(buffers[0]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"kind": "open", "path": "../secret.nxs"}, "outside the folder"),
        ({"kind": "open", "path": "none.nxs"}, "there is no such file"),
        ({"kind": "list", "path": ".."}, "outside the folder"),
        ({"kind": "choose", "path": "fit.nxs", "channel": "x"}, "there is no channel 'x'"),
        ({"kind": "eval", "path": "x"}, "there is no request 'eval'"),
        ({"kind": 3}, "an object with a text 'kind'"),
    ],
)
def test_what_cannot_be_chosen_is_said(asking, folder, message, words):
    header, _ = asking(lambda: ChooserSession(Shelf.at(folder)))(**message)
    assert header["kind"] == "error"
    assert words in header["message"]


def test_cells_have_sessions_of_their_own_and_old_ones_end(folder):
    closed, sent = [], queue.Queue()

    class Echo:
        def answer(self, header, buffers, turn):
            yield {"kind": "echo"}, []

        def close(self):
            closed.append(self)

    conversation = Conversation(Echo, lambda *reply: sent.put(reply))
    for number in range(MOST_TABS + 2):
        conversation.hear({"kind": "hello", "seq": 7, "tab": str(number)}, [])
        header, _ = sent.get(timeout=120)
        assert (header["tab"], header["seq"]) == (str(number), 7)
    conversation.hear("no message", [])
    conversation.hear({"kind": "hello", "tab": "x" * 1000}, [])
    conversation.close()
    assert sent.empty()


def test_a_tree_that_is_open_can_be_chosen_from(folder):
    widget = om.choose(om.open(folder / "fit.nxs"))
    assert widget.selected is None
    name = next(iter(om.signals(om.open(folder / "fit.nxs"))))
    widget.choice = {"path": "", "channel": name}
    assert widget.selected.sizes == om.signals(om.open(folder / "fit.nxs"))[name].sizes
    assert widget.path is None
    widget.close()


def test_a_place_without_a_file_is_refused(tmp_path):
    with pytest.raises(om.FormatError, match="there is no such file"):
        om.choose(tmp_path / "none.nxs")


@pytest.fixture
def without_anywidget(monkeypatch):
    real = importlib.import_module

    def absent(name, *args):
        if name.partition(".")[0] == "anywidget":
            raise ModuleNotFoundError(name=name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", absent)
    for module in ("widget", "chooser"):
        importlib.import_module(f"omniscopy.view.{module}")._widget_class.cache_clear()


def test_without_the_package_there_is_a_picture_and_a_sentence(without_anywidget, folder):
    still = show(om.samples.spectrum_image())
    assert isinstance(still, Still)
    assert still.picture.startswith(b"\x89PNG")
    assert "omniscopy[notebook]" in repr(still)
    assert "<img src=" in still._repr_html_()
    assert "omniscopy[notebook]" in still._repr_html_()
    with pytest.raises(MissingDependencyError, match=r"omniscopy\[notebook\]"):
        om.choose(folder)


def test_a_notebook_without_widgets_shows_a_picture_and_a_sentence():
    widget = show(om.samples.surface())
    bundle, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    coded = bundle["text/html"].partition("base64,")[2].partition('"')[0]
    assert base64.b64decode(coded).startswith(b"\x89PNG")
    assert "no front-end for widgets" in bundle["text/plain"]
    widget.close()


@pytest.fixture(scope="module")
def kernel():
    from omniscopy.testing.kernels import Kernel

    with Kernel() as started:
        yield started


@pytest.mark.slow
def test_a_notebook_shows_figures_summaries_and_progress_without_a_backend(kernel):
    (figure,) = kernel.run("import omniscopy as om\nom.plot.signal(om.samples.spectrum())")
    assert "image/png" in figure["data"]
    (summary,) = kernel.run("om.show(om.samples.line_fit())")
    assert "<table" in summary["data"]["text/html"]
    (backend,) = kernel.run("import sys\n'matplotlib.pyplot' in sys.modules")
    assert backend["data"]["text/plain"] == "False"
    told = kernel.run(
        "import tempfile, numpy as np, dask.array as da, xarray as xr, time\n"
        "from omniscopy.compute import progress\n"
        "progress._PATIENCE = 0.0\n"
        "slow = da.ones((8, 4), chunks=(1, 4)).map_blocks(lambda b: (time.sleep(0.15), b)[1])\n"
        "data = xr.DataArray(slow, dims=('y', 'x'))\n"
        "made = om.compute.run(data, tempfile.mkdtemp() + '/made.zarr', workers=1)\n"
    )
    bars = [out["data"]["text/html"] for out in told if "text/html" in out.get("data", {})]
    assert "<progress" in bars[0]
    assert bars[-1] == ""
