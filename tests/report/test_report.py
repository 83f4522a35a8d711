"""Reports of files."""

import base64
import html
import importlib
import json
import re
import struct
import subprocess
import sys
from html.parser import HTMLParser

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import DataError
from omniscopy.model.analyses import Analysis
from omniscopy.report import copies
from omniscopy.testing.files.dm import DmImage, gatan_tags, write_dm4
from omniscopy.testing.files.igor import write_asylum_image

HOSTILE = '<script>alert("x")</script>&lt;{{ 7 * 7 }}'


def write_spectra(folder):
    """Write a spectrum image as a DM4 file, with a title that tries to break out of the page."""
    values = np.random.default_rng(0).poisson(50, (40, 4, 5)).astype(np.float32)
    calibrations = [(0.0, 2.0, "nm"), (0.0, 2.0, "nm"), (0.0, 0.5, "eV")]
    image = DmImage(
        data=values, name="EELS <b>map</b>", calibrations=calibrations,
        tags=gatan_tags() | {"Note": {"Text": HOSTILE}},
    )  # fmt: skip
    path = folder / "map.dm4"
    write_dm4(path, image, thumbnail=False)
    return path


@pytest.fixture
def eels(tmp_path):
    """Make a spectrum image as a DM4 file."""
    return write_spectra(tmp_path)


@pytest.fixture
def topography(tmp_path):
    """Make two images of a scanning probe microscope as an Igor file."""
    rng = np.random.default_rng(1)
    channels = {name: 1e-9 * rng.normal(size=(24, 32)) for name in ("HeightTrace", "PhaseTrace")}
    return write_asylum_image(tmp_path / "scan.ibw", channels, pixel_size=(1e-8, 1e-8))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the page of the spectrum image, for tests that only look at it."""
    return page_of(om.report(write_spectra(tmp_path_factory.mktemp("page"))))


@pytest.fixture
def analyses(monkeypatch):
    """Replace the default analyses by those of a test."""

    def replace(*functions):
        found = [
            Analysis(function.__name__, ("image",), function, lambda data: True)
            for function in functions
        ]
        contents = importlib.import_module("omniscopy.report.contents")
        monkeypatch.setattr(contents, "analyses_for", lambda data: found)

    return replace


class Page(HTMLParser):
    """The tags of a page, and what they point to."""

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self.addresses, self.open = text, [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page_of(path):
    page = Page(path.read_text("utf-8"))
    assert not page.open
    return page


def pictures(page):
    found = re.findall(r'src="data:image/(webp|svg\+xml);base64,([^"]+)"', page.text)
    return [(kind, base64.b64decode(content)) for kind, content in found]


def test_a_report_is_one_file_with_its_copy_and_its_script_beside_it(eels):
    out = om.report(eels)
    assert out == eels.with_suffix(".html")
    assert {p.name for p in eels.parent.iterdir()} == {"map.dm4", "map.html", "map.hf5", "map.py"}
    page = page_of(out)
    outside = [a for a in page.addresses if not a.startswith(("data:", "#"))]
    assert outside == ["map.hf5", "map.py"]
    without_data = re.sub(r"(base64,|data-preview=\")[^\"]+", "", page.text)
    assert "//" not in without_data.partition("<script>")[0]


def test_a_report_shows_what_is_in_the_file(page):
    text = page.text
    for words in (
        "Gatan DigitalMicrograph", "energy_loss", "0.5 eV", "spectral image", "200 kV",
        "Standard deviation", "FEI Titan Remote", "SrTiO3", "open_signal",
    ):  # fmt: skip
        assert words in text, words


def test_every_picture_of_a_report_is_whole(page):
    found = pictures(page)
    assert found
    for kind, content in found:
        if kind == "webp":
            assert content[:4] + content[8:12] == b"RIFFWEBP"
            assert struct.unpack("<I", content[4:8])[0] == len(content) - 8 > 1000
        else:
            assert b"</svg>" in content


def test_text_from_the_file_is_escaped_and_never_a_template(page):
    assert page.tags.count("script") == 1
    assert "b" not in page.tags[: page.tags.index("h1")]
    assert "EELS &lt;b&gt;map&lt;/b&gt;" in page.text
    assert "{{ 7 * 7 }}" in page.text


def test_a_page_may_run_only_its_own_script(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page.text)[1]
    assert "default-src &#39;none&#39;" in policy
    assert re.search(r"script-src &#39;sha256-[\w+/]+=&#39;;", policy)


def test_every_channel_has_its_section(topography, analyses):
    analyses()
    text = page_of(om.report(topography)).text
    assert text.count('<section id="channel-') == 2
    assert om.report(topography, channels=["PhaseTrace"], overwrite=True)
    text = page_of(topography.with_suffix(".html")).text
    assert text.count('<section id="channel-') == 1


def test_a_channel_that_is_not_there_is_refused(topography):
    with pytest.raises(DataError, match=r"has no channel 'Depth'; it has HeightTrace, PhaseTrace"):
        om.report(topography, channels=["Depth"])
    assert not topography.with_suffix(".html").exists()


def test_an_analysis_that_fails_is_a_note_and_stops_nothing(topography, analyses):
    def broken(data):
        message = f"no <lattice> in {data.name}"
        raise ValueError(message)

    def sound(data):
        return {"Mean height": data.mean("x", keep_attrs=True)}

    analyses(broken, sound)
    text = page_of(om.report(topography)).text
    assert text.count("no &lt;lattice&gt; in HeightTrace <code>(ValueError)") == 1
    assert "Mean height of HeightTrace." in text


def test_a_result_that_cannot_be_drawn_is_a_note(topography, analyses):
    analyses(lambda data: {"Words": xr.DataArray(["a", "b"], dims="x")})
    text = page_of(om.report(topography)).text
    assert "The figure could not be made" in text


def test_results_are_saved_with_the_channels(topography, analyses):
    def level(data):
        return {"Level: tilt removed": data - data.mean(), "Numbers": xr.Dataset({"a": ((), 1.0)})}

    analyses(level)
    om.report(topography)
    tree = om.open(topography.with_suffix(".hf5"))
    names = om.signals(tree)
    assert {"HeightTrace", "results/HeightTrace/Level_tilt_removed"} <= set(names)
    levelled = names["results/HeightTrace/Level_tilt_removed"]
    raw = om.open_signal(topography, "HeightTrace")
    np.testing.assert_allclose(levelled, raw - raw.mean())
    assert "results/PhaseTrace/Numbers/a" in names


def test_the_script_of_a_report_runs(eels):
    om.report(eels)
    script = eels.with_suffix(".py")
    done = subprocess.run(
        [sys.executable, script], cwd=eels.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(eels.parent.glob("*.png"))


def test_files_that_are_there_are_kept(eels, analyses):
    analyses()
    om.report(eels)
    before = {p: p.stat().st_mtime_ns for p in eels.parent.iterdir()}
    with pytest.raises(FileExistsError, match="is there already"):
        om.report(eels)
    assert before == {p: p.stat().st_mtime_ns for p in eels.parent.iterdir()}
    om.report(eels, overwrite=True)


def test_a_report_of_saved_results_shows_them_and_leaves_them(eels, analyses):
    analyses()
    om.report(eels)
    saved = eels.with_suffix(".hf5")
    content = saved.read_bytes()
    out = om.report(saved, eels.parent / "again" / "saved.html")
    assert "EELS" in page_of(out).text
    assert saved.read_bytes() == content
    beside = om.report(saved, overwrite=True)
    assert beside.with_name("map-report.hf5").exists()
    assert saved.read_bytes() == content


def test_no_copy_is_made_when_none_is_wanted(eels, analyses):
    analyses()
    out = om.report(eels, copy=None)
    assert not eels.with_suffix(".hf5").exists()
    assert "map.hf5" not in page_of(out).addresses


def test_a_copy_that_cannot_be_saved_is_said(eels, analyses, monkeypatch):
    analyses()

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(importlib.import_module("omniscopy.report.writing"), "save", full)
    assert "No space left on device" in page_of(om.report(eels)).text


def test_no_copy_is_made_unasked_of_what_is_huge_when_written_out(eels, analyses, monkeypatch):
    analyses()
    made = eels.with_suffix(".hf5")
    huge = xr.DataArray(da.zeros((40, 4000, 50_000), chunks=(40, 4000, 500)), dims=("y", "x", "e"))
    tree = xr.DataTree.from_dict({"/": huge.rename("signal").to_dataset()})
    form, note = copies.form_of_copy(tree, "auto", eels.parent / "not there" / "page.html")
    assert form is None
    assert "59.6 GiB" in note.message  # 40 x 4000 x 50,000 values of 8 bytes
    assert copies.form_of_copy(tree, "zarr", made) == ("zarr", None)
    monkeypatch.setattr(copies, "LARGEST_COPY", 3000)  # 40 x 4 x 5 values of 4 bytes are more
    page = page_of(om.report(eels))
    assert not made.exists()
    assert "No open copy was saved." in page.text
    assert "are 3.51 KiB." in page.text  # with 49 coordinates of 8 bytes
    assert "--copy nsid" in page.text
    page = page_of(om.report(eels, copy="nsid", overwrite=True))
    assert made.exists()
    assert "No open copy was saved." not in page.text


def test_no_copy_is_made_unasked_where_the_disk_has_no_room(eels, analyses, monkeypatch):
    analyses()
    usage = type("Usage", (), {"free": 2048})
    monkeypatch.setattr(copies.shutil, "disk_usage", lambda place: usage)
    assert "and 2 KiB are free there" in page_of(om.report(eels)).text
    assert not eels.with_suffix(".hf5").exists()


def test_progress_is_told_from_start_to_end(topography, analyses):
    analyses()
    told = []
    om.report(topography, progress=lambda *now: told.append(now))
    done = [now[0] for now in told]
    assert done == sorted(done)
    assert told[-1] == (6, 6, "done")
    assert any("HeightTrace: figure" in words for _, _, words in told)


def test_every_picture_says_what_it_shows_to_those_who_do_not_see_it(page):
    found = re.findall(r'<img [^>]*alt="([^"]*)" data-enlarge', page.text)
    assert len(found) == page.text.count("<figcaption>") > 2
    assert all("along" in words or "Edge" in words for words in found)
    assert "energy loss (0 to 19.5 eV, 40 points)" in found[0]


def test_a_page_holds_numbers_a_graph_and_a_notebook(page):
    (text,) = re.findall(r'data-preview="([^"]+)"', page.text)
    content = json.loads(html.unescape(text))
    assert (content["rows"], content["columns"], content["curve"]["count"]) == (4, 5, 40)
    assert page.tags.count("rect") >= 3
    (coded,) = re.findall(r'href="data:application/x-ipynb\+json;base64,([^"]+)"', page.text)
    book = json.loads(base64.b64decode(coded))
    assert any("om.open_signal(" in "".join(cell["source"]) for cell in book["cells"])
    for anchor in re.findall(r'<a href="#([^"]+)">', page.text):
        assert f'id="{anchor}"' in page.text


def test_a_page_of_many_channels_is_bounded(topography, analyses, monkeypatch):
    analyses()
    figures = importlib.import_module("omniscopy.report.figures")
    monkeypatch.setattr(figures.Album.__init__, "__defaults__", (30_000,))
    text = page_of(om.report(topography)).text
    assert "The figure could not be made" in text
    assert "the page would be larger than" in text
    assert len(text) < 200_000


def test_nothing_is_left_of_a_report_that_fails(tmp_path):
    path = tmp_path / "damaged.dm4"
    path.write_bytes(b"\0\0\0\x04 nothing of use")
    with pytest.raises(om.FormatError):
        om.report(path)
    assert [p.name for p in tmp_path.iterdir()] == ["damaged.dm4"]


def test_the_function_keeps_its_name_when_its_package_is_imported():
    package = importlib.import_module("omniscopy.report")
    importlib.import_module("omniscopy.report.writing")
    assert om.report is package.report
    assert callable(om.report)
