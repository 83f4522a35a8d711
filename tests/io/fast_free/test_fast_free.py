"""Folders of fast free transients: lines in order, averages, what is missing."""

import copy
import shutil

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.fast_free.reader import Folded
from omniscopy.io.igor.reader import read as read_igor
from omniscopy.io.pieces import Stacked
from omniscopy.testing.files.fast_free import SETTINGS, write_fast_free

rng = np.random.default_rng(5)


def settings(**changes):
    made = copy.deepcopy(SETTINGS)
    for name, value in changes.items():
        for section in made.values():
            if name in section:
                section[name] = value
                if value is None:
                    del section[name]
    return made


def test_a_line_is_a_row_and_a_column_of_its_wave_a_pixel(tmp_path):
    lines = rng.standard_normal((12, 3, 50)).astype(np.float32)
    path = write_fast_free(tmp_path / "a.cfg", lines, settings(lines_per_image=12))
    for place in (path, tmp_path):
        data = om.open_signal(place)
        assert data.dims == ("y", "x", "time")
        np.testing.assert_array_equal(data, lines)
    np.testing.assert_allclose(data["time"], np.arange(50) / 1e6)
    np.testing.assert_allclose(data["x"], np.arange(3) * 1e-6)
    np.testing.assert_allclose(data["y"], np.arange(12) * 2e-6 / 12)
    assert data.attrs["units"] == "V"
    metadata = data.attrs["metadata"]
    assert metadata["stimulus"] == {"trigger": 4e-4}
    assert metadata["probe"] == {"drive_frequency": 277261.0}
    assert data.attrs["original_metadata"]["Parameters"]["Q"] == 432
    assert om.validate(data) == []


def test_numbers_of_lines_are_no_text(tmp_path):
    lines = rng.standard_normal((11, 3, 8)).astype(np.float32)
    path = write_fast_free(tmp_path / "a.cfg", lines, settings(lines_per_image=None))
    for number in range(11):
        shutil.move(tmp_path / f"FF_{number:04d}.ibw", tmp_path / f"FF{number}.ibw")
    np.testing.assert_array_equal(om.open_signal(path), lines)


def test_several_transients_of_a_pixel_follow_each_other(tmp_path):
    lines = rng.standard_normal((4, 6, 20)).astype(np.float32)
    data = om.open_signal(write_fast_free(tmp_path / "a.cfg", lines))
    assert data.dims == ("y", "x", "frame", "time")
    whole = lines.reshape(4, 3, 2, 20)
    np.testing.assert_array_equal(data, whole)
    for key in ((1, 2), (slice(None), 1, 0), (slice(1, 3), slice(None, None, -1), 1, 4),
                (..., slice(2, 9, 3)), (0, slice(0, 0)), (3, 0, slice(1, 2), 5)):  # fmt: skip
        np.testing.assert_array_equal(data[key], whole[key])


def test_a_part_reads_its_pixels_only(tmp_path):
    lines = rng.standard_normal((1, 6, 20)).astype(np.float32)
    write_fast_free(tmp_path / "a.cfg", lines)
    (channel,) = read_igor(tmp_path / "FF_0000.ibw").channels
    folded = Folded(Stacked((channel.data,)), 2)
    np.testing.assert_array_equal(folded[0, 1], lines[0, 2:4])


def test_an_image_that_was_not_finished_is_filled(tmp_path):
    lines = rng.standard_normal((3, 3, 20)).astype(np.float32)
    data = om.open_signal(write_fast_free(tmp_path / "a.cfg", lines))
    assert data.shape == (4, 3, 20)
    assert data.dtype == np.float32
    np.testing.assert_array_equal(data[:3], lines)
    assert np.isnan(data[3]).all()
    assert data.attrs["incomplete"] == {"missing_from": 3, "reason": "3 of 4 lines were taken"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_pixels": 4}, "3 transients in a line are not those of 4 pixels"),
        ({"n_pixels": 2.5}, "a number was expected for 'n_pixels'"),
        ({"sampling_rate": -1.0}, "neither sampling_rate nor total_time"),
    ],
)
def test_settings_that_contradict_the_waves_are_named(tmp_path, changes, message):
    path = write_fast_free(tmp_path / "a.cfg", np.zeros((4, 3, 20), "f4"), settings(**changes))
    with pytest.raises(om.FormatError, match=message):
        om.open(path)


def test_the_rate_is_that_of_the_time_where_it_is_not_said(tmp_path):
    lines = np.zeros((4, 3, 20), np.float32)
    data = om.open_signal(
        write_fast_free(tmp_path / "a.cfg", lines, settings(sampling_rate=None, total_time=2e-5))
    )
    np.testing.assert_allclose(np.diff(data["time"]), 1e-6)


def test_what_is_missing_or_differs_is_named(tmp_path):
    path = write_fast_free(tmp_path / "a.cfg", np.zeros((4, 3, 20), np.float32))
    cut = tmp_path / "FF_0002.ibw"
    content = cut.read_bytes()
    cut.write_bytes(content[:-40])
    with pytest.raises(om.FormatError, match=r"FF_0002\.ibw"):
        om.open(path)
    write_fast_free(tmp_path / "a.cfg", np.zeros((2, 3, 21), np.float32))
    cut.write_bytes(content)
    with pytest.raises(om.FormatError, match="lines have different shapes"):
        om.open(path)
    for each in tmp_path.glob("*.ibw"):
        each.unlink()
    with pytest.raises(om.FormatError, match=r"no wave \(\.ibw\)"):
        om.open(path)
