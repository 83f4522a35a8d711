"""Backgrounds are the medians and spheres that they are said to be."""

import numpy as np
import pytest
from scipy import ndimage

import omniscopy as om
from omniscopy.image.levelling.backgrounds import median_around
from omniscopy.model import DataError

BACKGROUND = om.image.estimate_background


def disc(radius, dy, dx):
    rows, columns = int(radius // dy), int(radius // dx)
    y, x = np.mgrid[-rows : rows + 1, -columns : columns + 1]
    return np.hypot(y * dy, x * dx) <= radius * (1 + 1e-12)


def test_medians_are_those_of_all_points_in_the_disc(image_of):
    values = np.random.default_rng(0).random((25, 60))
    footprint = disc(6.0, 2.0, 0.5)
    expected = ndimage.median_filter(values, footprint=footprint)
    found = BACKGROUND(image_of(values), 6.0).values
    np.testing.assert_array_equal(found[3:-3, 12:-12], expected[3:-3, 12:-12])


def test_medians_leave_out_what_is_missing_and_what_is_beyond_the_edges(image_of):
    rng = np.random.default_rng(1)
    values, used = rng.random((20, 23)), rng.random((20, 23)) < 0.5
    used[:8, :8] = False
    found = median_around(values, used, radius=3.0, steps=(1.0, 1.0))
    for row, column in np.ndindex(20, 23):
        y, x = np.mgrid[:20, :23]
        near = np.sort(values[used & (np.hypot(y - row, x - column) <= 3.0)])
        expected = near[(len(near) - 1) // 2] if len(near) else np.nan
        np.testing.assert_equal(found[row, column], expected)


def test_medians_are_alike_across_the_tiles_in_which_they_are_found(image_of):
    values = np.random.default_rng(5).random((150, 140))
    footprint = disc(4.0, 1.0, 1.0)
    found = BACKGROUND(image_of(values, 1.0, 1.0), 4.0).values
    expected = ndimage.median_filter(values, footprint=footprint)
    np.testing.assert_array_equal(found[4:-4, 4:-4], expected[4:-4, 4:-4])


def test_particles_on_a_bent_base_stand_on_nothing_after_it(image_of):
    particles = om.simulate.grainy_surface(noise=0.0, count=6, radius=(20.0, 40.0))
    bent = (particles + 1e-5 * (particles["x"] - 500) ** 2).assign_attrs(particles.attrs)
    flat = om.image.subtract_background(bent, 150.0)
    assert float(abs(flat - particles).isel(y=slice(20, -20), x=slice(20, -20)).max()) < 0.5


@pytest.mark.parametrize(("radius", "tolerance"), [(25.0, 1e-12), (5e4, 1e-3)])
def test_a_rolled_sphere_is_the_opening_by_its_cap(image_of, radius, tolerance):
    rough = image_of(10.0 * np.random.default_rng(2).random((40, 60)), 2.0, 3.0)
    found = BACKGROUND(rough, radius, "sphere").values
    depth = float(np.ptp(rough.values))
    reach = min(np.sqrt(2 * radius * depth), radius)
    footprint = disc(reach, 2.0, 3.0)[:79, :119] if radius > 100 else disc(reach, 2.0, 3.0)
    if radius > 100:
        y, x = np.mgrid[-39:40, -59:60]
        footprint = np.ones(y.shape, dtype=bool)
    else:
        y, x = (n - n.mean() for n in np.indices(footprint.shape))
    cap = np.sqrt(np.maximum(radius**2 - (2 * y) ** 2 - (3 * x) ** 2, 0)) - radius
    low = ndimage.grey_erosion(
        rough.values, footprint=footprint, structure=cap, mode="constant", cval=np.inf
    )
    expected = ndimage.grey_dilation(
        low, footprint=footprint, structure=cap, mode="constant", cval=-np.inf
    )
    np.testing.assert_allclose(found, expected, atol=tolerance * depth)


def test_a_sphere_rolls_along_a_surface_that_is_less_bent(image_of):
    x = np.arange(200.0) - 100
    bowl = image_of(np.tile(x**2 / (2 * 400.0), (40, 1)), 1.0, 1.0)
    for method in ("sphere", "arc"):
        assert float(abs(BACKGROUND(bowl, 100.0, method) - bowl)[:, 30:-30].max()) < 1e-9
        above = BACKGROUND(-bowl, 100.0, method, side="above")
        np.testing.assert_allclose(above, -BACKGROUND(bowl, 100.0, method))


def test_an_arc_follows_each_row_by_itself(image_of):
    rows = np.random.default_rng(3).standard_normal((30, 1)) * 50
    shifted = image_of(np.tile(rows, (1, 40)), 1.0, 1.0)
    assert float(abs(om.image.subtract_background(shifted, 20.0, "arc")).max()) < 1e-12
    assert float(abs(om.image.subtract_background(shifted, 20.0, "sphere")).max()) > 1.0


def test_wrong_calls_are_refused(image_of):
    image = image_of(np.random.default_rng(0).random((8, 9)))
    with pytest.raises(DataError, match="both must be lengths, got values in 'V'"):
        BACKGROUND(image.assign_attrs(units="V"), 10.0, "sphere")
    with pytest.raises(DataError, match="radius must be above 0"):
        BACKGROUND(image, 0.0)
    with pytest.raises(DataError, match="less than a pixel"):
        BACKGROUND(image, 0.1)
    with pytest.raises(DataError, match="leaves no point"):
        BACKGROUND(image, 5.0, mask=image > -1)
    with pytest.raises(DataError, match="has 1 points"):
        BACKGROUND(image[:1], 5.0)
