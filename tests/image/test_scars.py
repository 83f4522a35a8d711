"""Scars are found where they were put, and taken away to the surface below them."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import DataError

FIND, REMOVE = om.image.find_scars, om.image.remove_scars


def surface(image_of, seed=0):
    rng = np.random.default_rng(seed)
    ramp = np.arange(60)[:, None] * 0.02 + np.arange(80) * 0.01
    return image_of(ramp + 0.005 * rng.standard_normal((60, 80)), 1.0, 1.0)


@pytest.mark.parametrize("sign", ["positive", "negative"])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_scar_is_found_and_no_more(image_of, sign, width):
    image, truth = surface(image_of), np.zeros((60, 80), dtype=bool)
    truth[20 : 20 + width, 10:50] = True
    height = 3.0 if sign == "positive" else -3.0
    scarred = image + height * truth
    for asked in (sign, "both"):
        np.testing.assert_array_equal(FIND(scarred, sign=asked), truth)
    other = {"positive": "negative", "negative": "positive"}[sign]
    assert not FIND(scarred, sign=other).any()


def test_what_is_too_wide_or_too_short_is_no_scar(image_of):
    image = surface(image_of)
    wide, short = image.copy(), image.copy()
    wide[20:25, 10:50] += 3.0
    short[20, 10:20] += 3.0
    assert not FIND(wide).any()
    assert not FIND(short).any()
    assert int(FIND(short, min_length=10).sum()) == 10
    assert int(FIND(wide, max_width=5).sum()) == 200


def test_low_points_join_a_scar_with_a_high_one_only(image_of):
    image = surface(image_of) * 0.0
    image[::2] += 0.5  # the root mean square of steps between rows
    image[20, 5:70] += 0.4
    image[20, 30] += 0.5
    found = FIND(image, threshold_low=0.5, threshold_high=1.0)
    truth = np.zeros((60, 80), dtype=bool)
    assert found[20, 5:70].all()
    image[20, 30] -= 0.5
    np.testing.assert_array_equal(FIND(image, threshold_low=0.5, threshold_high=2.0), truth)


def test_the_kernel_and_its_definition_agree(image_of):
    values = np.random.default_rng(7).random((12, 9))
    from omniscopy.image.cleaning.scar_kernel import mark_prominence

    found = np.zeros_like(values)
    mark_prominence(values, 3, found)
    expected = np.zeros_like(values)
    for width in (1, 2, 3):
        for top in range(len(values) - width - 1):
            inside = values[top + 1 : top + 1 + width]
            beside = np.maximum(values[top], values[top + width + 1])
            rises = np.maximum(inside.min(axis=0) - beside, 0.0)
            part = expected[top + 1 : top + 1 + width]
            np.maximum(part, rises, out=part)
    np.testing.assert_array_equal(found, expected)


def test_removed_scars_leave_the_line_between_the_rows_beside(image_of):
    ramp = image_of(np.arange(30.0)[:, None] * np.linspace(1, 2, 40))
    scarred, mask = ramp.copy(), ramp.copy(data=np.zeros(ramp.shape, dtype=bool))
    mask[10:13, 5:30] = True
    scarred = scarred.where(~mask, 99.0)
    np.testing.assert_allclose(REMOVE(scarred, mask), ramp, rtol=1e-13)


def test_scars_along_columns_are_those_of_a_turned_scan(image_of):
    image = surface(image_of)
    image[20, 10:50] += 3.0
    turned = image.transpose("x", "y").rename(x="y", y="x")
    np.testing.assert_array_equal(FIND(turned, dim="y").values, FIND(image).values.T)
    np.testing.assert_allclose(REMOVE(turned, dim="y").values, REMOVE(image).values.T)


@pytest.mark.shared
def test_scars_of_a_published_pair_are_lines_between_the_rows_beside(shared):
    folder = shared / "data" / "spm"
    scarred, cleaned = (
        np.load(folder / f"test_scars_synthetic_{name}.npy")
        for name in ("scar_image", "remove_scars")
    )
    grid = {"y": np.arange(20.0), "x": np.arange(20.0)}
    image = xr.DataArray(scarred, grid, ("y", "x"))
    # Where their mask is known: each run of changed points in a column ends on points that stayed.
    mask = scarred != cleaned
    here = REMOVE(image, image.copy(data=mask)).values
    left = np.abs(here - cleaned)[:10]
    assert left.max() < 1e-12 or (left > 1e-12).sum() <= 3
    # Ours finds the strokes of the upper half, which are one high, up to four rows wide.
    found = FIND(image[:10], min_length=1, sign="positive").values
    assert found[1:5, 5:8][scarred[1:5, 5:8] == 2].all()


def test_wrong_calls_are_refused(image_of):
    image = surface(image_of)
    with pytest.raises(DataError, match="0 < threshold_low <= threshold_high"):
        FIND(image, threshold_low=2.0)
    with pytest.raises(DataError, match="at least 1"):
        FIND(image, max_width=0)
    with pytest.raises(DataError, match="sign must be one of"):
        FIND(image, sign="up")
    with pytest.raises(DataError, match="has 1 points"):
        FIND(image[:1])
    with pytest.raises(DataError, match="leaves no point"):
        REMOVE(image, image < 1e9)
