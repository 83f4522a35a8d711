"""Series of frames as scans."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream

FRAMES = np.arange(12 * 4 * 3, dtype=">u2").reshape(12, 4, 3)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("frames") / "a.raw"
    path.write_bytes(b"start" + b"".join(b"head" + frame.tobytes() + b"x" for frame in FRAMES))
    return path


def stream(path, scan=(3, 4), **options):
    form = FRAMES.dtype
    return FrameStream(str(path), 5, scan, (4, 3), form, count=12, before=4, after=1, **options)


@given(
    st.tuples(*[st.one_of(st.integers(0, n - 1), st.slices(n)) for n in (3, 4, 4, 3)]).filter(
        lambda key: all(not isinstance(part, slice) or (part.step or 1) > 0 for part in key)
    )
)
def test_any_part_is_that_of_the_array(path, key):
    np.testing.assert_array_equal(stream(path)[key], FRAMES.reshape(3, 4, 4, 3)[key])


@pytest.mark.parametrize(("first", "missing"), [(0, 4), (-3, 4), (2, 6), (20, 16), (-20, 16)])
def test_positions_without_a_frame_are_filled(path, first, missing):
    found = stream(path, (4, 4), first=first)
    assert found.missing == missing
    whole = found[(slice(None),) * 4].reshape(16, 4, 3)
    for position in range(16):
        number = first + position
        expected = FRAMES[number] if 0 <= number < 12 else 0
        np.testing.assert_array_equal(whole[position], np.broadcast_to(expected, (4, 3)))


def test_a_handle_travels_and_is_native(path):
    copy = pickle.loads(pickle.dumps(stream(path)))
    assert copy[0, 0, :, :].dtype == np.dtype("u2")


def test_frames_beyond_the_end_are_refused(path):
    with pytest.raises(FormatError, match="a series of 13 frames"):
        FrameStream(str(path), 5, (13,), (4, 3), FRAMES.dtype, count=13, before=4, after=1)
