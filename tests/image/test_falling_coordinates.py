"""Rows whose coordinate falls are the same image: directions are those of the coordinates."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import image, samples

FALLING = [("y",), ("x",), ("y", "x")]


def listed_backwards(data: xr.DataArray, dims: tuple[str, ...]) -> xr.DataArray:
    """Return the same values at the same places, in the other order."""
    return data.isel(dict.fromkeys(dims, slice(None, None, -1)))


def assert_alike(found: xr.Dataset, expected: xr.Dataset, names: list[str], atol: float) -> None:
    for name in names:
        scale = float(abs(expected[name]).max())
        np.testing.assert_allclose(
            found[name], expected[name], atol=atol * scale, rtol=0, err_msg=name
        )


@pytest.mark.parametrize("dims", FALLING)
def test_slopes_and_axes_of_grains_are_those_of_the_coordinates(dims):
    heights = samples.surface()
    grains = image.find_grains(heights)
    names = ["y", "x", "slope_y", "slope_x", "azimuth", "orientation", "feret_max"]
    expected = image.measure_grains(heights, grains)
    back = [listed_backwards(each, dims) for each in (heights, grains)]
    assert_alike(image.measure_grains(*back), expected, names, 1e-6)


@pytest.mark.parametrize("dims", FALLING)
def test_a_plane_climbs_in_the_direction_of_the_coordinates(dims):
    heights = samples.surface()
    plane = heights * 0.0 + 0.002 * heights["y"] + 0.001 * heights["x"]
    plane = plane + 0.3 * np.sin(2 * np.pi * (heights["x"] + 2.0 * heights["y"]) / 125.0)
    plane = plane.assign_attrs(heights.attrs)
    found = image.measure_roughness(listed_backwards(plane, dims), detrend="plane")
    assert float(found["azimuth"]) == pytest.approx(np.rad2deg(np.arctan2(2, 1)), abs=1.0)
    # Crests of waves along (x + 2 y) lie along (-2, 1).
    assert float(found["std"]) == pytest.approx(np.rad2deg(np.arctan2(1, -2)), abs=2.0)


@pytest.mark.parametrize("dims", FALLING)
def test_lines_turn_from_x_towards_y_of_the_coordinates(dims):
    from omniscopy.simulate import patterned_surface

    data = patterned_surface(kind="gratings", angle=30.0, period=250.0)
    expected = image.find_lines(data)
    found = image.find_lines(listed_backwards(data, dims))
    assert_alike(found, expected, ["angle", "offset", "y", "x", "length"], 1e-9)


@pytest.mark.parametrize("dims", [("ky",), ("kx",), ("ky", "kx")])
def test_rings_are_distorted_along_the_coordinates(dims):
    rings = samples.distorted_rings()
    expected = image.measure_distortion(rings, (3.0, 5.0))
    back = listed_backwards(rings, dims)
    found = image.measure_distortion(back, (3.0, 5.0))
    assert_alike(found, expected, ["cosine", "sine", "direction", "ky", "kx"], 1e-4)
    round_ = image.undistort(rings, expected)
    again = image.undistort(back, expected).sortby(list(dims))
    np.testing.assert_allclose(again, round_, atol=1e-9 * float(abs(rings).max()))


@pytest.mark.parametrize("dims", FALLING)
def test_tips_look_in_the_directions_of_the_coordinates(dims):
    surface = samples.surface()[:48, :48]
    step = float(surface["x"][1] - surface["x"][0])
    tip = image.model_tip("parabola", radius=400.0, extent=40.0, step=step)
    lopsided = tip - 0.02 * abs(tip["x"] + 2.0 * step) - 0.01 * tip["y"].clip(0.0)
    lopsided = lopsided.assign_attrs(tip.attrs)
    seen = image.dilate(surface, lopsided)
    again = image.dilate(listed_backwards(surface, dims), lopsided).sortby(list(dims))
    np.testing.assert_allclose(again, seen, atol=1e-9)
    found = image.estimate_tip(seen, extent=40.0)["tip"]
    back = image.estimate_tip(listed_backwards(seen, dims), extent=40.0)["tip"]
    np.testing.assert_allclose(back.sortby(["y", "x"]), found, atol=1e-6)


def lopsided(y, x, angle):
    """Return three spots of unlike brightness around the origin, turned from +x towards +y."""
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along, across = cosine * x + sine * y, cosine * y - sine * x
    spots = [(1.0, 3.0, 0.0), (0.6, -1.0, 3.0), (0.3, -2.0, -2.5)]
    return sum(a * np.exp(-((along - u) ** 2 + (across - v) ** 2)) for a, u, v in spots)


def on_grid(function, y, x):
    attrs = {"units": "nm", "quantity": "position", "kind": "spatial"}
    coords = {"y": ("y", y, attrs), "x": ("x", x, attrs)}
    values = function(y[:, None], x[None, :])
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "1"})


@pytest.mark.parametrize("which", ["image", "template", "both"])
@pytest.mark.parametrize("dims", FALLING)
def test_templates_are_turned_and_listed_as_the_coordinates_say(dims, which):
    axis = 0.5 * np.arange(80)
    data = on_grid(lambda y, x: lopsided(y - 14.0, x - 23.0, 40.0), axis, axis)
    template = on_grid(lambda y, x: lopsided(y, x, 0.0), *2 * [0.5 * np.arange(-10, 11)])
    data = data if which == "template" else listed_backwards(data, dims)
    template = template if which == "image" else listed_backwards(template, dims)
    found = image.template_match(data, template, angles=(-40.0, 0.0, 40.0), threshold=0.9)
    assert found.sizes["peak"] == 1
    np.testing.assert_allclose([*found["y"], *found["x"]], [14.0, 23.0], atol=0.05)
    assert found["angle"].item() == 40.0
    scores = image.correlate_template(data, template, angles=(40.0,))
    assert float(scores.sel(y=14.0, x=23.0)) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("which", ["image", "psf", "both"])
@pytest.mark.parametrize("dims", FALLING)
def test_blur_goes_where_the_coordinates_say(dims, which):
    axis = 0.5 * np.arange(40)
    blurred = on_grid(lambda y, x: 0.1 + lopsided(y - 9.0, x - 11.0, 0.0), axis, axis)
    psf = on_grid(lambda y, x: lopsided(y, x, 0.0), *2 * [0.5 * np.arange(-10, 11)])
    expected = image.deconvolve(blurred, psf, max_steps=20)
    blurred = blurred if which == "psf" else listed_backwards(blurred, dims)
    psf = psf if which == "image" else listed_backwards(psf, dims)
    found = image.deconvolve(blurred, psf, max_steps=20)
    np.testing.assert_allclose(
        found.sortby(["y", "x"]), expected, atol=1e-6 * float(expected.max())
    )
    # All that was blurred came from one place.
    assert float(expected.sel(y=9.0, x=11.0)) == float(expected.max())


@pytest.mark.parametrize("dims", FALLING)
def test_spots_and_their_symmetry_are_along_the_coordinates(dims):
    axis = 0.1 * np.arange(100)
    waves = {(0.7, 2.0): 1.0, (-1.6, 1.3): 0.6}
    data = on_grid(
        lambda y, x: sum(a * np.cos(2 * np.pi * (u * y + v * x)) for (u, v), a in waves.items()),
        axis, axis,
    )  # fmt: skip
    found = image.find_fourier_spots(listed_backwards(data, dims))
    assert found.sizes["peak"] == 2
    np.testing.assert_allclose(found["ky"], [0.7, -1.6], atol=0.01)
    np.testing.assert_allclose(found["kx"], [2.0, 1.3], atol=0.01)
    np.testing.assert_allclose(
        found["angle"], np.degrees(np.arctan2([0.7, -1.6], [2.0, 1.3])), atol=0.5
    )
