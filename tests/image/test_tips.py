"""Tips of scanning probes: their models, what they make of a surface, and their estimation."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.image import dilate, erode, estimate_tip, map_certainty, model_tip
from omniscopy.image.tips.tip_estimation import blind_tip, padded_image
from omniscopy.model import DataError, Status, convert_units

STEPS = (1.0, 2.0)


def image(values, steps=STEPS, units=("nm", "nm")):
    coords = {
        dim: (dim, step * np.arange(size), {"units": units[1]})
        for dim, step, size in zip("yx", steps, np.shape(values), strict=True)
    }
    return xr.DataArray(
        np.asarray(values, float), coords, dims=("y", "x"), attrs={"units": units[0]}
    )


def random_tip(seed=1, shape=(5, 7)):
    tip = -np.random.default_rng(seed).random(shape) * 4 - 0.5
    tip[shape[0] // 2, shape[1] // 2] = 0.0
    coords = {
        dim: (dim, step * (np.arange(n) - n // 2), {"units": "nm"})
        for dim, step, n in zip("yx", STEPS, shape, strict=True)
    }
    return xr.DataArray(tip, coords, dims=("y", "x"), attrs={"units": "nm"})


def plainly(surface, tip, best, sign):
    """Go over all points of the surface and of the tip, one by one."""
    made = np.full(surface.shape, np.nan)
    a0, b0 = np.unravel_index(np.nanargmax(tip), tip.shape)
    for i, j in np.ndindex(surface.shape):
        found = [
            surface[i + sign * (a - a0), j + sign * (b - b0)] + sign * tip[a, b]
            for a, b in np.ndindex(tip.shape)
            if 0 <= i + sign * (a - a0) < surface.shape[0]
            and 0 <= j + sign * (b - b0) < surface.shape[1]
        ]
        made[i, j] = best(found)
    return made


def test_dilation_and_erosion_are_those_of_all_points_of_a_tip_that_is_not_symmetric():
    surface = np.random.default_rng(0).random((12, 15)) * 3
    tip = random_tip()
    expected = plainly(surface, tip.values, np.nanmax, 1)
    np.testing.assert_allclose(dilate(image(surface), tip), expected)
    expected = plainly(surface, tip.values, np.nanmin, -1)
    np.testing.assert_allclose(erode(image(surface), tip), expected)


def test_a_spike_is_imaged_as_the_tip_turned_by_half_a_turn():
    tip = random_tip(shape=(5, 7))
    surface = np.full((11, 15), -100.0)
    surface[5, 7] = 0.0
    made = dilate(image(surface), tip)
    np.testing.assert_allclose(made[3:8, 4:11], tip.values[::-1, ::-1])


def test_erosion_undoes_what_the_tip_could_reach_and_never_cuts_below_the_surface():
    surface = image(np.random.default_rng(2).random((40, 50)) * 2)
    tip = model_tip("parabola", radius=4.0, extent=(8.0, 12.0), step=STEPS)
    made = dilate(surface, tip)
    back = erode(made, tip)
    assert bool((back >= surface - 1e-12).all())
    np.testing.assert_allclose(dilate(back, tip), made)  # the image is the same
    known = map_certainty(made, tip)
    assert 0.05 < float(known.mean()) < 0.95
    np.testing.assert_allclose(back.values[known.values], surface.values[known.values])
    assert not np.allclose(back.values[~known.values], surface.values[~known.values])


def test_a_smooth_surface_is_known_everywhere_inside():
    y, x = np.meshgrid(np.arange(40.0), 2.0 * np.arange(30), indexing="ij")
    surface = image(2.0 * np.sin(y / 12) * np.cos(x / 15))
    tip = model_tip("parabola", radius=5.0, extent=(10.0, 12.0), step=STEPS)
    made = dilate(surface, tip)
    inside = {"y": slice(6, -6), "x": slice(4, -4)}
    assert float(map_certainty(made, tip).isel(inside).mean()) > 0.75
    np.testing.assert_allclose(erode(made, tip).isel(inside), surface.isel(inside), atol=0.05)


def test_units_of_the_tip_are_converted():
    surface = image(np.random.default_rng(3).random((12, 15)))
    tip = random_tip()
    small = convert_units(convert_units(tip * 1e3, "pm", dim="y"), "pm", dim="x")
    small = small.assign_attrs(units="pm")
    np.testing.assert_allclose(dilate(surface, small), dilate(surface, tip))


def test_missing_points_touch_nothing():
    surface = np.zeros((9, 9))
    surface[4, 4] = np.nan
    tip = random_tip(shape=(3, 3))
    made = dilate(image(surface), tip)
    assert np.isnan(made[4, 4])
    assert int(made.isnull().sum()) == 1
    holed = tip.where(tip > -2)
    expected = plainly(np.eye(9), np.where(np.isfinite(holed), holed, -np.inf), np.nanmax, 1)
    np.testing.assert_allclose(dilate(image(np.eye(9)), holed), expected)


@pytest.mark.parametrize("shape", ["parabola", "sphere", "cone", "pyramid"])
def test_a_model_has_its_radius_at_the_apex(shape):
    radius = 50.0
    tip = model_tip(shape, radius=radius, extent=20.0, step=(0.5, 1.0))
    assert tip.sizes == {"y": 41, "x": 21}
    assert float(tip.sel(y=0, x=0)) == 0.0 == float(tip.max())
    assert float(tip.sel(y=0, x=4.0)) == pytest.approx(-16 / (2 * radius), rel=0.01)
    assert float(tip.sel(y=4.0, x=0)) == pytest.approx(-16 / (2 * radius), rel=0.01)


@pytest.mark.parametrize("shape", ["cone", "pyramid"])
def test_sides_have_their_angle_and_touch_the_ball_without_a_kink(shape):
    tip = model_tip(shape, radius=5.0, half_angle=30.0, extent=100.0, step=0.1)
    line = tip.sel(y=0, method="nearest")
    slope = line.differentiate("x")
    assert float(slope.sel(x=40, method="nearest")) == pytest.approx(-1 / np.tan(np.pi / 6))
    assert float(np.abs(slope.diff("x")).max()) < 0.1 / 5.0 * 9  # the curvature of the ball
    assert float(line.sel(x=40, method="nearest")) == pytest.approx(5.0 - 40 * 3**0.5)
    sharp = model_tip(shape, radius=0.0, half_angle=30.0, extent=10.0)
    assert float(sharp.sel(x=3, y=0)) == pytest.approx(-3 * 3**0.5)


def test_faces_of_a_pyramid_look_where_they_are_said_to():
    tip = model_tip("pyramid", radius=0.0, half_angle=45.0, sides=3, rotation=90.0, extent=20.0)
    assert float(tip.sel(y=6, x=0)) == pytest.approx(-6.0)  # the face towards +y
    assert float(tip.sel(y=-6, x=0)) == pytest.approx(-3.0)  # the edge opposite of it
    assert np.isnan(model_tip("sphere", radius=5.0, extent=20.0).sel(y=0, x=8))


def spikes(seed, shape=(60, 70), count=25):
    """Return needles of several heights on a deep ground."""
    rng = np.random.default_rng(seed)
    surface = np.full(shape, -50.0)
    surface[rng.integers(0, shape[0], count), rng.integers(0, shape[1], count)] = rng.random(count)
    return surface


def test_needles_show_the_tip_itself():
    tip = random_tip(4, (5, 7))
    made = dilate(image(spikes(0)), tip)
    found = estimate_tip(made, (4.0, 12.0))
    assert int(found["status"]) == Status.CONVERGED
    np.testing.assert_allclose(found["tip"], tip, atol=1e-12)
    np.testing.assert_allclose(found["tip"]["x"], tip["x"])


@pytest.mark.parametrize("seed", range(4))
def test_an_estimate_is_never_sharper_than_the_tip(seed):
    tip = model_tip("parabola", radius=3.0, extent=(8.0, 12.0), step=STEPS)
    surface = image(np.random.default_rng(seed).standard_normal((48, 40)) * 2)
    found = estimate_tip(dilate(surface, tip), (8.0, 12.0))["tip"]
    assert bool((found >= tip.values - 1e-12).all())
    assert float(found.min()) < 0.5 * float(tip.min())


def test_a_threshold_keeps_noise_from_making_a_needle():
    tip = model_tip("parabola", radius=3.0, extent=(8.0, 12.0), step=STEPS)
    made = dilate(image(spikes(1)), tip)
    noisy = made + 0.05 * np.random.default_rng(0).standard_normal(made.shape)
    noisy = noisy.assign_attrs(made.attrs)
    bare = estimate_tip(noisy, (8.0, 12.0))["tip"]
    kept = estimate_tip(noisy, (8.0, 12.0), threshold=0.4)["tip"]
    assert bool((kept >= tip.values - 0.01).all())
    assert not bool((bare >= tip.values - 0.01).all())


def plain_blind(values, reaches, threshold, steps=100):
    """Estimate a tip by all points of it at once, at each point of the image."""
    padded, places = padded_image(values, reaches)
    shape = tuple(2 * reach + 1 for reach in reaches)
    a, b = (grid.ravel() for grid in np.indices(shape))
    tip = np.zeros(a.size)
    for _ in range(steps):
        before = tip.copy()
        for i, j in places:
            level = padded[i, j]
            beside = padded[i + a - reaches[0], j + b - reaches[1]] - level + tip
            feasible = beside >= -threshold - 1e-11
            rows = i + a[None, feasible] - a[:, None]
            columns = j + b[None, feasible] - b[:, None]
            best = (padded[rows, columns] - level + tip[feasible]).max(axis=1)
            tip = np.where(best < tip - threshold - 1e-11, best + threshold, tip)
        if np.array_equal(before, tip):
            break
    return tip.reshape(shape)


@pytest.mark.parametrize("threshold", [0.0, 0.2])
def test_the_compiled_estimate_is_the_plain_one(threshold):
    values = np.random.default_rng(5).standard_normal((20, 18))
    values[4, 5] = np.nan
    found, _, status = blind_tip(values, (2, 3), threshold=threshold, max_steps=1000)
    assert status == 0
    np.testing.assert_allclose(found, plain_blind(values, (2, 3), threshold), atol=1e-12)


def test_an_estimate_says_when_it_is_stopped_or_has_nothing():
    data = samples.surface().isel(y=slice(0, 32), x=slice(0, 32))
    assert int(estimate_tip(data, max_steps=1)["status"]) == Status.MAX_STEPS
    nothing = estimate_tip(data * np.nan)
    assert int(nothing["status"]) == Status.NO_DATA
    assert bool(nothing["tip"].isnull().all())


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: model_tip("needle"), "shape must be one of"),
        (lambda: model_tip("parabola", radius=0.0), "radius must be positive"),
        (lambda: model_tip("cone", half_angle=90.0), "between 0 and 90"),
        (lambda: model_tip(extent=-1.0), "must be positive"),
        (lambda: dilate(image(np.eye(9)), model_tip(extent=4.0)), "has steps of"),
        (lambda: dilate(image(np.eye(9), units=("V", "nm")), random_tip()), "converted"),
        (lambda: estimate_tip(image(np.eye(9)), 0.5), "extent along"),
        (lambda: estimate_tip(image(np.eye(9)), 100.0), "extent along"),
        (lambda: estimate_tip(image(np.eye(9)), threshold=-1.0), "must not be negative"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call()
