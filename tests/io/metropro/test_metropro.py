"""MetroPro maps made by the independent encoder."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.metropro.reader import read
from omniscopy.testing.files.surfaces import write_metropro

rng = np.random.default_rng(1)
PHASES = rng.integers(-(10**6), 10**6, (4, 5)).astype(np.int32)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@given(st.sampled_from([(0, 4096), (1, 32768), (2, 131072)]), st.booleans())
def test_phases_become_heights(tmp_path_factory, resolution, is_turned):
    path = tmp_path_factory.mktemp("metropro") / "a.dat"
    code, steps = resolution
    write_metropro(path, PHASES, resolution=code, sign=int(is_turned))
    (height,) = read(path).channels
    # Scale of the interferometer 0.5, wavelength 600 nm.
    scale = float(np.float32(0.5)) * float(np.float32(6e-7)) / steps
    expected = PHASES * scale * (-1 if is_turned else 1)
    np.testing.assert_allclose(load(height.data), expected, rtol=1e-12)
    assert (height.quantity, height.units) == ("height", "m")
    assert [axis.scale for axis in height.axes] == pytest.approx([1e-6, 1e-6], rel=1e-6)


def test_phases_that_were_not_found_are_nan(tmp_path):
    phases = np.array([[1, 2147483640], [2147483647, -5]])
    (height,) = read(write_metropro(tmp_path / "a", phases)).channels
    assert np.isnan(load(height.data)).tolist() == [[False, True], [True, False]]


def test_camera_frames_lie_before_the_phases(tmp_path):
    frames = rng.integers(0, 1000, (2, 3, 4))
    frames[0, 0, 0] = 65535
    measurement = read(write_metropro(tmp_path / "a", PHASES, frames, header_size=4096))
    height, camera = measurement.channels
    assert [axis.name for axis in camera.axes] == ["frame", "y", "x"]
    np.testing.assert_array_equal(load(camera.data)[1], frames[1])
    assert np.isnan(load(camera.data)[0, 0, 0])
    assert load(height.data)[0, 0] == pytest.approx(PHASES[0, 0] * 0.5 * 6e-7 / 32768)
    assert measurement.metadata["started"] == "2011-07-23T16:49:36+00:00"
    assert measurement.metadata["sample"] == {"name": "a part"}
    (height, camera) = read(write_metropro(tmp_path / "a", PHASES, frames[:1])).channels
    assert [axis.name for axis in camera.axes] == ["y", "x"]


def test_without_a_pixel_size_axes_are_in_pixels(tmp_path):
    (height,) = read(write_metropro(tmp_path / "a", PHASES, step=0.0)).channels
    assert {(axis.scale, axis.units) for axis in height.axes} == {(1.0, None)}


def test_a_map_that_is_cut_short_is_read_in_part(tmp_path):
    path = write_metropro(tmp_path / "a", PHASES)
    path.write_bytes(path.read_bytes()[:-25])
    with pytest.raises(FormatError, match="needs 80 bytes"):
        read(path)
    (height,) = read(path, partial=True).channels
    assert height.attrs["incomplete"]["missing_from"] == 2
    assert np.isnan(load(height.data)[2:]).all()


@pytest.mark.parametrize(
    ("place", "value", "error", "message"),
    [
        (6, struct.pack(">I", 900), UnsupportedFormatError, "a header of 900 bytes is not known"),
        (
            218,
            struct.pack(">h", 7),
            UnsupportedFormatError,
            "a resolution of the phase of 7 is not known",
        ),
        (
            68,
            struct.pack(">H", 60000),
            FormatError,
            "the phase needs 960000 bytes, the header says 80",
        ),
        (0, bytes(4), FormatError, "starts with 88 1b 03"),
    ],
)
def test_headers_that_contradict_themselves_are_refused(tmp_path, place, value, error, message):
    path = write_metropro(tmp_path / "a", PHASES)
    content = bytearray(path.read_bytes())
    content[place : place + len(value)] = value
    path.write_bytes(content)
    with pytest.raises(error, match=message):
        read(path)
