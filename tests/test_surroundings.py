"""The main job where little is as usual: homes, languages, names of files, no network."""

import ast
import base64
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import omniscopy as om
from omniscopy.cli.application import run
from omniscopy.testing.files.dm import DmImage, write_dm4
from omniscopy.testing.files.gwyddion import write_gsf

SOURCE = Path(om.__file__).parent
# A letter with an accent, a sign of no European alphabet, spaces, what shells and URLs read.
NAME = "Probe é 測定 #1 100% (a+b) & co"

JOURNEY = textwrap.dedent("""
    import sys
    from pathlib import Path
    import numpy as np
    import omniscopy as om

    folder, source = Path(sys.argv[1]), Path(sys.argv[2])
    data = om.open_signal(source)
    found = om.image.level(data, method="plane")
    for ending in (".hf5", ".zarr", ".nc", ".gsf"):
        path = om.save(found, folder / f"{source.stem}{ending}")
        np.testing.assert_allclose(om.open_signal(path), found, rtol=1e-6, atol=1e-15)
    om.replay(folder / f"{source.stem}.hf5")
    lazy = om.image.level(om.open_signal(folder / f"{source.stem}.zarr", chunks={"y": 6}))
    om.compute.run(lazy * 2, folder / f"{source.stem} twice.zarr", progress=False)
    om.plot.signal(found).savefig(folder / f"{source.stem}.png")
    om.report(source, folder / f"{source.stem}.html", copy=None)
    print(ascii(str(data.dims)))
""")
# What a process may not reach: everything but this machine.
OFFLINE = textwrap.dedent("""
    import socket

    def refused(*words, **more):
        raise AssertionError(f"the network was asked for: {words}")

    connect = socket.socket.connect

    def local(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(
            ("127.", "::1", "localhost")
        ):
            refused(address)
        return connect(self, address)

    socket.socket.connect = local
    socket.getaddrinfo = socket.gethostbyname = refused
""")
# Where compiled functions cannot be kept, neither beside their source nor in a home.
NOWHERE = textwrap.dedent("""
    from numba.core import caching

    caching.CacheImpl._locator_classes = []
""")
NO_HOME = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), "/dev/null/home")
# The language of a process without settings, without what Python does about it by itself.
ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def write_surface(path):
    y, x = np.mgrid[:12, :16]
    return write_gsf(path, (x + 0.5 * y + np.sin(x)) * 1e-9, {"Title": "Höhe"})


def environment(**changes):
    """Return the environment of a process without what tests and users have set."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MPL", "NUMBA", "XDG_"))}
    return {**kept, **changes}


def run_code(code, *words, **changes):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True, check=False, env=environment(**changes),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace")


def command(*words, **changes):
    done = subprocess.run(
        [sys.executable, "-m", "omniscopy", *map(str, words)],
        capture_output=True, check=False, env=environment(**changes),
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def is_whole(folder, stem):
    names = {path.name for path in folder.iterdir()}
    endings = (".hf5", ".zarr", ".nc", ".png", ".html", " twice.zarr")
    return {f"{stem}{ending}" for ending in endings} <= names


def leaves_encoding_open(call):
    """Return whether a call reads or writes text in whatever the machine takes for its own."""
    name = ast.unparse(call.func).rpartition(".")[2]
    said = {keyword.arg for keyword in call.keywords}
    if None in said or "encoding" in said:
        return False
    mode = call.args[1:2] if ast.unparse(call.func) == "open" else call.args[:1]
    return (
        (name == "read_text" and not call.args)
        or (name == "write_text" and len(call.args) < 2)
        or (name == "open" and any(ast.unparse(each) in {"'r'", "'w'", "'a'"} for each in mode))
        or ("text" in said and name in {"run", "Popen", "check_output"})
    )


def test_no_text_is_in_the_encoding_of_the_machine():
    trees = {path: ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}
    assert [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and leaves_encoding_open(node)
    ] == []


@pytest.mark.slow
def test_files_and_folders_have_any_names(tmp_path):
    folder = tmp_path / NAME / "below it"
    folder.mkdir(parents=True)
    (tmp_path / NAME / "raw").mkdir()
    source = write_surface(tmp_path / NAME / "raw" / f"{NAME}.gsf")
    run_code(JOURNEY, folder, source)
    assert is_whole(folder, NAME)
    code, out, err = command("info", source, PYTHONIOENCODING="utf-8")
    assert (code, err) == (0, "")
    assert NAME in out.decode("utf-8")
    code, _, err = command("convert", source, folder / f"{NAME} again.nxs")
    assert (code, err) == (0, "")
    np.testing.assert_array_equal(
        om.open_signal(folder / f"{NAME} again.nxs"), om.open_signal(source)
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="homes are named by HOME")
def test_a_home_that_cannot_be_written_is_not_needed(tmp_path):
    source = write_surface(tmp_path / "surface.gsf")
    (tmp_path / "made").mkdir()
    # The library of figures says on its own that it has no place for its settings.
    run_code(JOURNEY, tmp_path / "made", source, **NO_HOME)
    assert is_whole(tmp_path / "made", "surface")


def test_compiled_functions_need_no_place_to_be_kept():
    with_kernels = sorted(
        path.relative_to(SOURCE.parent).with_suffix("").as_posix().replace("/", ".")
        for path in SOURCE.rglob("*.py")
        if "numba" in path.read_text("utf-8")
    )
    assert "omniscopy.signal.simplex" in with_kernels
    code = f"{NOWHERE}\nimport importlib\nfor name in {with_kernels}: importlib.import_module(name)"
    run_code(code)
    run_code(
        f"{NOWHERE}\nimport numpy as np\n"
        "from omniscopy.signal.simplex import fit_fractions\n"
        "found = fit_fractions(np.array([[1.0, 3.0]]), np.eye(2), positive=True, closed=False)\n"
        "assert found.values.tolist() == [[1.0, 3.0]], found\n"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="languages are named by LC_ALL")
def test_a_language_of_few_letters_is_enough(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    values = np.arange(12 * 16, dtype=np.int16).reshape(12, 16)
    source = write_surface(tmp_path / "surface.gsf")
    run_code(JOURNEY, folder, source, **ASCII)
    assert is_whole(folder, "surface")
    page = (folder / "surface.html").read_text("utf-8")
    assert "Höhe" in page
    # Titles and units of files are said as far as that goes.
    pattern = DmImage(data=values, name="Übersicht µ")
    image = tmp_path / "Übersicht.dm4"
    write_dm4(image, pattern)
    for words in (["info", image], ["info", image, "--json"], ["formats"], ["--help"]):
        code, out, err = command(*words, **ASCII)
        assert (code, err) == (0, ""), words
        assert out
    code, _, err = command("report", image, "--copy", "none", **ASCII, PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert "<title>Übersicht.dm4</title>" in image.with_suffix(".html").read_text("utf-8")
    code, _, err = command("info", tmp_path / "nichts é.dm4", **ASCII)
    assert code == 2
    assert "there is no such file" in err
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
def test_names_in_another_encoding_are_kept_and_said_as_far_as_they_are_read(tmp_path, capsys):
    folder = tmp_path / os.fsdecode(b"gr\xf6\xdfe")
    folder.mkdir()
    source = write_surface(folder / os.fsdecode("Höhe ".encode() + b"\xb5.gsf"))
    page = om.report(source)
    text = page.read_text("utf-8")
    assert "<title>Höhe \ufffd.gsf</title>" in text
    assert 'href="H%C3%B6he%20%B5.hf5"' in text
    address = text.partition("data:application/x-ipynb+json;base64,")[2].partition('"')[0]
    told = json.loads(base64.b64decode(address).decode("utf-8"))
    assert "Höhe \ufffd.gsf" in str(told["cells"])
    found = om.image.level(om.open_signal(source), method="plane")
    saved = om.save(found, source.with_suffix(".nc"))
    np.testing.assert_array_equal(om.replay(saved), found)
    # The script opens it by the bytes of its name.
    made = {}
    exec(source.with_suffix(".py").read_text("utf-8").partition("figure")[0], made)
    assert run(["info", str(source)]) == 0
    assert "Höhe \ufffd.gsf" in capsys.readouterr().out


@pytest.mark.slow
def test_the_network_is_not_asked_for(tmp_path):
    source = write_surface(tmp_path / "surface.gsf")
    (tmp_path / "made").mkdir()
    run_code(OFFLINE + JOURNEY, tmp_path / "made", source)
    assert is_whole(tmp_path / "made", "surface")
    run_code(
        f"{OFFLINE}\nimport sys\nfrom omniscopy.cli.application import run\n"
        "sys.exit(run(['demo', sys.argv[1], '--output', sys.argv[2]]))",
        source,
        tmp_path / "demo",
    )
    assert (tmp_path / "demo" / "surface.html").exists()
