"""Profiles of planes are lines, of rings circles."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.model import DataError

PROFILE = om.image.profile


def plane(image_of):
    blank = image_of(np.zeros((40, 120)))
    return (blank + 0.2 * blank["y"] - 0.3 * blank["x"]).assign_attrs(blank.attrs)


@pytest.mark.parametrize("width", [0.0, 7.0])
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_the_profile_of_a_plane_is_a_line_in_units(image_of, width, interpolation):
    image = plane(image_of)
    line = PROFILE(image, (120.0, -20.0), (150.0, 20.0), width, interpolation=interpolation)
    distance = line["distance"].values
    assert distance[-1] == pytest.approx(50.0)
    expected = 0.2 * (120 + 0.6 * distance) - 0.3 * (-20 + 0.8 * distance)
    np.testing.assert_allclose(
        line["profile"], expected, atol=1e-3 if interpolation == "cubic" else 1e-9
    )
    np.testing.assert_allclose(line["y"], 120 + 0.6 * distance)
    np.testing.assert_allclose(line["x"], -20 + 0.8 * distance)
    assert line["profile"].attrs["units"] == line["distance"].attrs["units"] == "nm"


def test_the_width_is_across_the_line(image_of):
    ridge = image_of(np.zeros((41, 161)), 0.5, 0.5)
    ridge = (ridge + abs(ridge["y"] - 110.0)).assign_attrs(ridge.attrs)
    line = PROFILE(ridge, (110.0, -20.0), (110.0, 30.0), 4.0)
    np.testing.assert_allclose(line["profile"], np.mean(abs(np.linspace(-2, 2, 9))))
    np.testing.assert_allclose(line["standard_deviation"], np.std(abs(np.linspace(-2, 2, 9))))


def test_what_lies_outside_is_nan_and_missing_points_are_left_out(image_of):
    image = plane(image_of)
    line = PROFILE(image, (120.0, 0.0), (120.0, 60.0))
    np.testing.assert_array_equal(line["profile"].isnull(), line["x"] > 29.75)
    image[8:] = np.nan
    line = PROFILE(image, (100.0, 0.0), (140.0, 0.0))
    np.testing.assert_array_equal(line["profile"].isnull(), line["y"] > 114.0 + 1e-9)


def test_radial_averages_are_those_of_rings(image_of):
    blank = image_of(np.zeros((41, 161)), 1.0, 0.5)
    away = np.hypot(blank["y"] - 115.0, blank["x"] - 3.0)
    image = (away + blank).assign_attrs(blank.attrs)
    found = om.image.radial_average(image, (115.0, 3.0), step=1.0)
    inside = found.isel(radius=slice(1, 40))
    np.testing.assert_allclose(inside["mean"], inside["radius"], atol=0.25)
    assert int(found["pixels"].sum()) == blank.size
    ring = np.abs(away.values - 7.0) < 0.5
    assert int(found["pixels"][7]) == pytest.approx(int(ring.sum()), abs=2)


def test_wrong_calls_are_refused(image_of):
    image = plane(image_of)
    with pytest.raises(DataError, match="same point"):
        PROFILE(image, (120.0, 0.0), (120.0, 0.0))
    with pytest.raises(DataError, match="lies outside"):
        PROFILE(image, (0.0, 0.0), (10.0, 0.0))
    with pytest.raises(DataError, match="width must be at least 0"):
        PROFILE(image, (120.0, 0.0), (121.0, 0.0), -1.0)
    with pytest.raises(DataError, match="has 1 points"):
        PROFILE(image[:1], (120.0, 0.0), (121.0, 0.0))
    with pytest.raises(DataError, match="step must be above 0"):
        om.image.radial_average(image, step=0.0)
