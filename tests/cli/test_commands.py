"""The commands, called as the shell calls them."""

import json
import re
import shlex
import subprocess
import time

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.cli.application import run
from omniscopy.cli.printing import say_table
from omniscopy.cli.targets import targets_for
from omniscopy.compute import progress
from omniscopy.testing.files.igor import write_ibw
from omniscopy.testing.files.mrc import write_mrc


@pytest.fixture
def image(tmp_path):
    values = np.random.default_rng(0).normal(size=(12, 16)).astype(np.float32)
    return write_mrc(tmp_path / "image.mrc", values, cell=(16.0, 12.0, 1.0))


@pytest.fixture
def damaged(tmp_path):
    path = tmp_path / "damaged.mrc"
    path.write_bytes(b"nothing that is known" * 10)
    return path


@pytest.fixture
def call(capsys):
    """Call the command line; return exit code, stdout and stderr."""

    def call_with(*words):
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call_with


def test_info_says_what_is_in_a_file(call, image):
    code, out, err = call("info", image)
    assert (code, err) == (0, "")
    for words in ("MRC", "image", "y 12 × x 16", "float32"):
        assert words in out, words


def test_info_for_machines_is_clean_json(call, image):
    code, out, _ = call("info", image, "--json")
    assert code == 0
    found = json.loads(out)
    assert found == json.loads(json.dumps(om.io.info(image), default=str))


def test_a_file_that_cannot_be_read_is_one_line_and_exit_code_2(call, damaged):
    code, out, err = call("info", damaged)
    assert (code, out) == (2, "")
    assert err.startswith(f"omniscopy: {damaged}: ")
    assert err.count("\n") == 1


def test_a_file_that_is_not_there_is_said(call, tmp_path):
    code, _, err = call("info", tmp_path / "none.dm4")
    assert code == 2
    assert "there is no such file" in err


def test_debug_shows_where_an_error_comes_from(call, damaged):
    for words in (("--debug", "info", damaged), ("info", damaged, "--debug")):
        code, _, err = call(*words)
        assert code == 2
        assert "Traceback" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["info"], "Missing argument 'file'"),
        (["info", "a", "--loud"], "No such option"),
        (["convert", "a"], "Missing argument 'target'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(call, words, message):
    code, _, err = call(*words)
    assert code == 2
    assert message.lower() in err.lower()
    assert err.count("\n") == 1


def test_text_from_a_file_cannot_steer_the_terminal(call, tmp_path):
    path = write_ibw(tmp_path / "w.ibw", np.zeros(4, np.float32), name="a\x1b[31mb", note="x")
    code, out, _ = call("info", path)
    assert code == 0
    assert "\x1b" not in out
    _, out, _ = call("info", path, "--json")
    assert "\x1b" not in out
    json.loads(out)


def test_the_version_is_printed(call):
    code, out, _ = call("--version")
    assert code == 0
    assert out.startswith("omniscopy ")


def test_formats_lists_what_can_be_read(call):
    code, out, _ = call("formats", "--json")
    assert code == 0
    assert {row["name"] for row in json.loads(out)} == {row["name"] for row in om.io.formats()}
    assert "Gatan DigitalMicrograph" in call("formats")[1]


def test_formats_are_found_by_a_word(call):
    _, out, _ = call("formats", "gatan")
    assert "dm" in out.split()
    assert "nanoscope" not in out
    code, _, err = call("formats", "no such thing")
    assert code == 2
    assert "no format has 'no such thing'" in err


def test_convert_writes_an_open_file_and_keeps_one_that_is_there(call, image):
    target = image.with_suffix(".hf5")
    code, out, _ = call("convert", image, target)
    assert (code, out.strip()) == (0, str(target))
    (raw,), (kept,) = (om.signals(om.open(path)).values() for path in (image, target))
    np.testing.assert_array_equal(raw, kept)
    code, _, err = call("convert", image, target)
    assert code == 2
    assert "is there already" in err
    assert call("convert", image, target, "--overwrite")[0] == 0


def test_one_channel_is_converted_by_itself(call, tmp_path):
    both = tmp_path / "both.nxs"
    om.save(xr.DataTree.from_dict({
        "/A": om.samples.surface().rename("signal").to_dataset(),
        "/B": om.samples.atom_image().rename("signal").to_dataset(),
    }), both)  # fmt: skip
    code, out, err = call("convert", both, tmp_path / "one.nxs", "--channel", "A")
    assert (code, out, err) == (0, f"{tmp_path / 'one.nxs'}\n", "")
    np.testing.assert_allclose(
        om.open_signal(tmp_path / "one.nxs"), om.samples.surface(), rtol=1e-6
    )
    code, _, err = call("convert", both, tmp_path / "one.nxs", "--channel", "C")
    assert code == 2
    assert "there is no channel 'C'" in err


def test_errors_name_options_as_they_are_typed(call, image):
    target = image.with_suffix(".nxs")
    assert call("convert", image, target)[0] == 0
    _, _, err = call("convert", image, target)
    assert "give `--overwrite` to replace it" in err
    _, _, err = call("convert", image)
    assert "(omniscopy convert --help says how it is used)" in err
    _, _, err = call("info", image, "--reader", "nanoscop")
    assert "did you mean nanoscope" in err


def test_what_is_said_of_the_file_is_not_said_again_of_each_channel(call, tmp_path):
    data = om.samples.surface()
    data.attrs["metadata"] = {"instrument": {"model": "Mine"}}
    om.save(data, tmp_path / "one.nxs")
    _, out, _ = call("info", tmp_path / "one.nxs")
    assert out.count("instrument.model: Mine") == 1


def test_a_narrow_terminal_gets_a_list_in_place_of_a_table(capsys, monkeypatch):
    monkeypatch.setattr("omniscopy.cli.printing._WIDE", 40)
    columns = ("channel", "dimensions", "units", "axes")
    rows = [
        ("HAADF", "y 512 × x 512", "", "y: -1.3 µm to 1.3 µm"),
        ("EELS", "energy 2048", "eV", ""),
    ]
    say_table(columns, rows)
    text = capsys.readouterr().out
    assert text.splitlines()[0].split() == list(columns)  # every word fits
    monkeypatch.setattr("omniscopy.cli.printing._WIDE", 30)
    say_table(columns, rows)
    assert capsys.readouterr().out.splitlines() == [
        "HAADF", "  dimensions: y 512 × x 512", "  axes: y: -1.3 µm to 1.3 µm",
        "EELS", "  dimensions: energy 2048", "  units: eV",
    ]  # fmt: skip


def test_convert_to_an_unknown_format_is_refused(call, image):
    code, _, err = call("convert", image, image.with_suffix(".nonsense"))
    assert code == 2
    assert "no format is written with the extension '.nonsense'" in err


def test_report_writes_a_page_for_each_file(call, image, tmp_path):
    other = write_mrc(tmp_path / "other.mrc", np.ones((4, 4), np.int16))
    folder = tmp_path / "pages"
    code, out, _ = call("report", image, other, "--output", folder, "--copy", "none")
    assert code == 0
    assert out.split() == [str(folder / "image.html"), str(folder / "other.html")]
    made = {p.name for p in folder.iterdir()}
    assert made == {"image.html", "image.py", "other.html", "other.py"}


def test_some_files_that_fail_are_exit_code_1_and_do_not_stop_the_others(call, image, damaged):
    code, out, err = call("report", damaged, image, "--copy", "none")
    assert code == 1
    assert out.strip() == str(image.with_suffix(".html"))
    assert "damaged.mrc" in err


def test_one_page_for_several_files_is_refused(call, image):
    code, _, err = call("report", image, image, "--output", "one.html")
    assert code == 2
    assert "name a folder" in err


def test_view_says_what_is_not_there(call, tmp_path):
    code, _, err = call("view", tmp_path / "nothing.mrc", "--no-browser")
    assert code == 2
    assert "there is no such file" in err


def test_the_demo_of_a_file_writes_it_up(call, image, tmp_path):
    folder = tmp_path / "a demo"
    code, out, _ = call("demo", image, "--output", folder)
    assert code == 0
    assert {p.name for p in folder.iterdir()} == {"image.html", "image.hf5", "image.py"}
    assert str(folder / "image.html") in out
    assert call("demo", image, "--output", folder)[0] == 0


@pytest.mark.slow
def test_the_name_of_a_page_among_files_is_refused_before_anything_is_written(call, image):
    page = image.with_name("page.html")
    code, out, err = call("report", image, page)
    assert (code, out) == (2, "")
    assert f"say where the page goes by `--output {page}`" in err.replace("\n", "")
    assert [each.name for each in image.parent.iterdir()] == [image.name]


def test_the_demo_makes_measurements_reports_copies_and_scripts(call, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")  # as where no environment is entered
    code, out, _ = call("demo", "--output", tmp_path)
    assert code == 0
    stems = {"eels-spectrum-image": ".dm4", "afm-topography": ".ibw"}
    made = {p.name for p in tmp_path.iterdir()}
    assert made == {f"{s}{e}" for s, own in stems.items() for e in (own, ".html", ".hf5", ".py")}
    spectra = om.open_signal(tmp_path / "eels-spectrum-image.dm4")
    assert spectra.dims == ("y", "x", "energy_loss")
    assert float(spectra.energy_loss[0]) == pytest.approx(420, abs=1e-3)
    assert spectra.units == "counts"
    height = om.open_signal(tmp_path / "afm-topography.ibw", "HeightTrace")
    assert height.shape == (192, 256)
    (told,) = re.findall(r"^  (\S+ info .+)$", out, re.MULTILINE)
    done = subprocess.run(shlex.split(told), capture_output=True, text=True, check=True)
    assert "EELS_Spectrum_Image" in done.stdout


def test_results_never_share_a_file(tmp_path):
    sources = [tmp_path / "a.dm3", tmp_path / "a.dm4", tmp_path / "sub" / "a.dm4", tmp_path / "b.x"]
    found = targets_for(sources, tmp_path, ".html")
    names = [target.name for target in found]
    assert names == ["a.dm3.html", "a.dm4.html", "a.dm4-1.html", "b.html"]


def test_progress_is_shown_in_a_terminal_after_a_while(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0.01)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    bars = []
    show = progress._Bar.show
    monkeypatch.setattr(progress._Bar, "show", lambda bar: (bars.append(bar), show(bar)))
    with progress.showing_progress("working") as tell:
        for _ in range(6000):
            if bars and bars[0]._shown is not None:
                break
            time.sleep(0.05)
        da.ones(10, chunks=2).sum().compute()
        tell(1, 2, "half [of] it")
        assert bars[0]._shown.tasks[0].description == "half [of] it"
        assert bars[0]._shown.tasks[0].completed == pytest.approx(0.5)


def test_no_progress_is_written_where_nobody_looks(capsys):
    with progress.showing_progress("working") as tell:
        tell(1, 2, "half")
    assert capsys.readouterr().err == ""
