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
