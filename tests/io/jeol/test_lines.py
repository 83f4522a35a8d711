"""Spectra along a line, made byte by byte."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io import identify
from omniscopy.testing.files.jeol import encode_image, encode_line, encode_spectrum, write_project
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

rng = np.random.default_rng(0)
COUNTS = rng.poisson(3.0, (3, 512))
PIXELS = rng.integers(0, 200, (4, 8)).astype(np.uint8)
# 178 mm at 40000 times, over 8 pixels.
STEP = 178e3 / 40000 / 8


def write(folder, *, absent=()):
    names = [f"spectrum{n}.eds" for n in range(3)]
    (folder / "view.img").write_bytes(encode_image(PIXELS))
    for n, name in enumerate(names):
        if n not in absent:
            (folder / name).write_bytes(encode_spectrum(COUNTS[n]))
    path = folder / "line.pln"
    path.write_bytes(encode_line("view.img", names, [(0, 0), (1024, 2048), (2048, 4095)]))
    return path


def test_spectra_have_their_order_and_places(tmp_path):
    path = write(tmp_path)
    check_reader("jeol", path)
    assert identify(path) == "jeol"
    image, line = om.signals(om.open(path)).values()
    np.testing.assert_array_equal(image, PIXELS)
    assert line.dims == ("point", "energy")
    np.testing.assert_array_equal(line, COUNTS)
    np.testing.assert_allclose(line["energy"], -0.1 + 0.01 * np.arange(512))
    np.testing.assert_allclose(line["x"], [0.0, 2 * STEP, 4 * STEP])
    np.testing.assert_allclose(line["y"], [0.0, 2 * STEP, 4095 / 4096 * 4 * STEP])
    assert line["x"].attrs["units"] == "µm"
    assert line.attrs["metadata"]["detector"]["live_time"] == 42.5


def test_spectra_that_are_not_there_are_listed(tmp_path):
    path = write(tmp_path, absent=(1,))
    tree = om.open(path)
    assert tree.attrs["not_read"] == ["Sample\\00_View000\\spectrum1.eds (not there)"]
    line = om.signals(tree)["line"]
    np.testing.assert_array_equal(line, COUNTS[[0, 2]])
    np.testing.assert_allclose(line["x"], [0.0, 4 * STEP])
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "line.pln").write_bytes(path.read_bytes())
    with pytest.raises(om.FormatError, match="none of the 3 spectra of the line is there"):
        om.open(alone / "line.pln")


def test_a_project_has_its_lines(tmp_path):
    files = {f"s{n}.eds": encode_spectrum(COUNTS[n]) for n in range(2)}
    files |= {"view.img": encode_image(PIXELS)}
    files |= {"line.pln": encode_line("view.img", ["s0.eds", "s1.eds"], [(0, 0), (1, 1)])}
    tree = om.open(write_project(tmp_path / "a.asw", files))
    np.testing.assert_array_equal(om.signals(tree)["line"], COUNTS[:2])


def test_damage_gives_an_error_of_ours_or_data(tmp_path):
    path = write(tmp_path)
    content = path.read_bytes()
    for each in [*truncations(content, 32), *bit_flips(content, 60, np.random.default_rng(1))]:
        check_damage(path, each, folder=tmp_path, damaged_file=path)
