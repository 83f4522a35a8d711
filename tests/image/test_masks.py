"""Masks mark what they say, in the units of the image and its coordinates."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.model import DataError

MASK, CHANGE = om.image.mask_by_threshold, om.image.change_mask


def test_heights_slopes_and_curvatures_pass_a_threshold_in_their_units(image_of):
    blank = image_of(np.zeros((40, 50)), 2.0, 0.5)
    y, x = blank["y"] - blank["y"].mean(), blank["x"] - blank["x"].mean()
    tilted = (blank + 0.3 * y + 0.4 * x).assign_attrs(blank.attrs)
    assert MASK(tilted, 0.499, of="slope").all()
    assert not MASK(tilted, 0.501, of="slope").any()
    bowl = (blank - (y**2 + 2 * x**2) / 2).assign_attrs(blank.attrs)
    inside = {"y": slice(1, -1), "x": slice(1, -1)}
    assert MASK(bowl, 2.999, of="curvature").isel(inside).all()
    assert not MASK(bowl, 3.001, of="curvature").isel(inside).any()
    above, below = MASK(tilted, 0.0), MASK(tilted, 0.0, side="below")
    np.testing.assert_array_equal(above, tilted > 0)
    np.testing.assert_array_equal(below, tilted < 0)


def test_otsu_parts_two_heights(image_of):
    rng = np.random.default_rng(0)
    high = rng.random((30, 40)) < 0.3
    image = image_of(np.where(high, 5.0, 1.0) + 0.1 * rng.standard_normal(high.shape))
    np.testing.assert_array_equal(MASK(image), high)
    image[3] = np.nan
    found = MASK(image)
    assert not found[3].any()
    np.testing.assert_array_equal(found[4:], high[4:])
    assert not MASK(image * 0.0 + 1.0).any()


def test_outliers_are_those_beyond_so_many_standard_deviations(image_of):
    image = image_of(np.random.default_rng(1).standard_normal((300, 200)))
    part = float(om.image.mask_outliers(image).mean())
    assert abs(part - 0.0027) < 0.0008
    part = float(om.image.mask_outliers(image, 1.0).mean())
    assert abs(part - 0.3173) < 0.006


def test_masks_grow_by_a_length_in_both_directions(image_of):
    point = image_of(np.zeros((31, 121)), 2.0, 0.5)
    point[15, 60] = 1.0
    grown = CHANGE(point, "grow", 6.0)
    y, x = point["y"] - point["y"][15], point["x"] - point["x"][60]
    np.testing.assert_array_equal(
        grown, np.hypot(*np.broadcast_arrays(y.values[:, None], x.values)) <= 6
    )
    assert int(CHANGE(grown, "shrink", 6.5).sum()) == 0
    assert int(CHANGE(grown, "shrink", 6.0).sum()) == 1
    assert not CHANGE(point, "open", 2.0).any()
    np.testing.assert_array_equal(CHANGE(grown, "open", 2.0).sum() > 0, True)


def test_holes_are_filled_edges_kept_and_borders_removed(image_of):
    ring = np.zeros((20, 30))
    ring[4:12, 5:15] = 1
    ring[7:9, 8:11] = 0
    ring[0, 25:] = 1
    mask = image_of(ring)
    filled = CHANGE(mask, "fill")
    assert int(filled.sum()) == 80 + 5
    assert int(CHANGE(CHANGE(filled, "remove_border"), "edge").sum()) == 2 * 10 + 2 * 6
    assert int(CHANGE(filled, "remove_border").sum()) == 80
    assert int(CHANGE(mask, "invert").sum()) == 600 - int(ring.sum())
    closed = CHANGE(mask, "close", 4.0)
    assert closed[7:9, 8:11].all()


def test_logic_is_that_of_numpy(image_of):
    rng = np.random.default_rng(2)
    a, b = (image_of(rng.random((9, 8)) < 0.5) for _ in range(2))
    for logic, expected in {
        "and": (a != 0) & (b != 0), "or": (a != 0) | (b != 0), "xor": (a != 0) ^ (b != 0),
        "not": (a != 0) & (b == 0),
    }.items():  # fmt: skip
        np.testing.assert_array_equal(om.image.combine_masks(a, b, logic), expected)
    with pytest.raises(DataError, match="same places"):
        om.image.combine_masks(a, b.assign_coords(x=b["x"] + 1))


def test_wrong_calls_are_refused(image_of):
    image = image_of(np.random.default_rng(0).random((8, 9)))
    with pytest.raises(DataError, match="threshold must be finite"):
        MASK(image, np.nan)
    with pytest.raises(DataError, match="threshold must be one of"):
        MASK(image, "mean")
    with pytest.raises(DataError, match="sigmas must be above 0"):
        om.image.mask_outliers(image, 0.0)
    with pytest.raises(DataError, match="length must be above 0"):
        CHANGE(image, "grow")
    with pytest.raises(DataError, match="true and false or numbers"):
        CHANGE(image.astype(complex), "fill")
    with pytest.raises(DataError, match="has 1 points"):
        MASK(image[:1])
