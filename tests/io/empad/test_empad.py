"""EMPAD data: descriptions and frames made by hand, and the real descriptions."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.empad import write_empad

FRAMES = np.random.default_rng(4).random((6, 128, 128)).astype(np.float32)


def test_frames_stand_at_their_place_of_the_scan(tmp_path):
    data = om.open_signal(write_empad(tmp_path / "a.xml", FRAMES, scan=(2, 3)))
    assert data.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(data, FRAMES.reshape(2, 3, 128, 128))
    np.testing.assert_allclose(data["x"], 4e-6 / 3 * np.arange(3))
    np.testing.assert_allclose(data["y"], 3e-6 / 2 * np.arange(2))
    np.testing.assert_allclose(data["kx"], 0.4 * (np.arange(128) - 64))
    assert (data["x"].attrs["units"], data["kx"].attrs["units"]) == ("m", "mrad")
    metadata = data.attrs["metadata"]
    assert metadata["beam"]["voltage"] == 300e3
    assert metadata["detector"]["exposure_time"] == 1e-3
    assert metadata["detector"]["camera_length"] == 0.7225
    assert metadata["started"] == "2019-06-06T13:30:00.164675"


def test_a_series_has_frames(tmp_path):
    data = om.open_signal(write_empad(tmp_path / "a.xml", FRAMES))
    assert data.dims == ("frame", "ky", "kx")
    np.testing.assert_array_equal(data[2], FRAMES[2])


def test_a_scan_that_was_not_finished_is_filled(tmp_path):
    path = write_empad(tmp_path / "a.xml", FRAMES[:5], scan=(2, 3))
    data = om.open_signal(path)
    np.testing.assert_array_equal(data[1, 1], FRAMES[4])
    assert np.isnan(data[1, 2]).all()
    assert data.attrs["incomplete"]["missing_from"] == 5
    raw = tmp_path / "a.raw"
    raw.write_bytes(raw.read_bytes()[:-100])
    with pytest.raises(om.FormatError, match=r"6 frames are described, 4 are in a\.raw, and"):
        om.open(path)
    assert om.open_signal(path, partial=True).attrs["incomplete"]["missing_from"] == 4


def test_missing_frames_and_damage_are_named(tmp_path):
    path = write_empad(tmp_path / "a.xml", FRAMES[:1])
    text = path.read_text()
    path.write_text(text.replace("<count>1<", "<count>-1<"))
    with pytest.raises(om.FormatError, match="a number of frames was expected"):
        om.open(path)
    # Only the name counts: nothing outside the folder is opened.
    path.write_text(text.replace('"a.raw"', '"../../etc/b.raw"'))
    with pytest.raises(om.FormatError, match=r"'b\.raw', which is not beside"):
        om.open(path)
    path.write_text(text[:-30])
    with pytest.raises(om.FormatError, match="description is damaged"):
        om.open(path)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["map4x4", "stack_images"])
def test_real_descriptions_miss_their_frames(shared, name):
    with pytest.raises(om.FormatError, match="which is not beside"):
        om.open(shared / f"data/vendor/empad/{name}.xml")


def test_the_scan_of_first_programs_is_that_which_was_acquired(tmp_path):
    path = write_empad(tmp_path / "a.xml", FRAMES, scan=(2, 3))
    scans = "".join(
        f'<scan_parameters mode="{mode}"><scan_resolution_x>{x}</scan_resolution_x>'
        f"<scan_resolution_y>{y}</scan_resolution_y></scan_parameters>"
        for mode, x, y in (("search", 9, 9), ("acquire", 3, 2))
    )
    text = path.read_text()
    path.write_text(text.replace("<pix_x>3</pix_x><pix_y>2</pix_y>", scans))
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(data[1, 0], FRAMES[3])


def test_later_programs_give_the_width_of_the_longer_side_times_a_factor(tmp_path):
    path = write_empad(tmp_path / "a.xml", FRAMES, scan=(3, 2), later=True, field=(1e-6, 3e-6))
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, FRAMES.reshape(3, 2, 128, 128))
    np.testing.assert_allclose(data["y"], 1e-6 * np.arange(3))
    np.testing.assert_allclose(data["x"], 1e-6 * np.arange(2))
    assert "units" not in data["kx"].attrs
    metadata = data.attrs["metadata"]
    assert metadata["beam"]["voltage"] == 200e3
    assert metadata["detector"]["camera_length"] == 0.369
    assert metadata["detector"]["temperature"] == 268.15
    assert metadata["scan"]["rotation"] == 0.5


@pytest.mark.parametrize("name", ["scan_x3_y2.raw", "a.raw"])
def test_the_scan_to_search_with_may_have_been_recorded(tmp_path, name):
    # The name of the frames tells, or else how many there are.
    path = write_empad(
        tmp_path / "a.xml", FRAMES, scan=(4, 4), searched=(2, 3), later=True, raw_name=name
    )
    np.testing.assert_array_equal(om.open_signal(path)[1, 0], FRAMES[3])


def test_an_unfinished_scan_has_the_shape_in_its_name(tmp_path):
    path = write_empad(
        tmp_path / "a.xml", FRAMES, scan=(4, 4), later=True, raw_name="scan_x2_y4.raw"
    )
    data = om.open_signal(path)
    assert data.shape == (4, 2, 128, 128)
    assert data.attrs["incomplete"]["missing_from"] == 6
