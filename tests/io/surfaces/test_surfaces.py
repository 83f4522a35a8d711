"""Stored numbers become heights, and what stands for no height becomes NaN."""

import pickle

import numpy as np
import pytest

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError
from omniscopy.io.surfaces import Heights, map_axes, map_grid


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(np.array([[0, 1, 2], [3, 4, 65535]], "<u2").tobytes())
    return path


def test_heights_are_scaled_and_what_is_missing_is_nan(stored):
    inner = Mapped(str(stored), 0, (2, 3), np.dtype("<u2"))
    heights = pickle.loads(pickle.dumps(Heights(inner, 0.5, 1.0, missing=1, beyond=5)))
    np.testing.assert_array_equal(
        heights[slice(None), slice(None)], [[1, np.nan, 2], [2.5, 3, np.nan]]
    )
    assert heights[0, 0] == 1.0
    assert np.isnan(heights[1, 2])
    assert heights.shape == (2, 3)


def test_a_part_of_a_map_is_nan_below_and_marked(stored):
    data, gap = map_grid(stored, 0, (4, 3), "<u2", partial=True)
    assert gap == {"missing_from": 2, "reason": "the file ends at byte 12"}
    assert np.isnan(data[slice(2, None), slice(None)]).all()
    with pytest.raises(FormatError, match="needs 24 bytes"):
        map_grid(stored, 0, (4, 3), "<u2", partial=False)


def test_a_map_without_points_is_refused(stored):
    with pytest.raises(FormatError, match="a map of 0 by 3 points cannot be"):
        map_grid(stored, 0, (0, 3), "<u2", partial=False)


def test_axes_without_a_step_are_in_pixels():
    y, x = map_axes((2, 3), (None, -4.0), "m")
    assert (y.scale, y.units) == (1.0, None)
    assert (x.scale, x.units) == (4.0, "m")
    y, x = map_axes((2, 3), (np.inf, 1.0), ("m", "nm"))
    assert (y.units, x.units) == (None, "nm")
