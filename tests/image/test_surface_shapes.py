"""Slopes, curvatures, distributions, Minkowski functionals and fractal dimensions."""

import numpy as np
import pytest
from scipy.special import erfc
from tests.image.images import image

from omniscopy import samples
from omniscopy.image import (
    height_distribution,
    measure_curvature,
    measure_fractal_dimension,
    measure_minkowski,
    measure_slopes,
    slope_distribution,
)
from omniscopy.image.roughness.minkowski import functionals
from omniscopy.model import DataError, Status


def plane(slope_y=0.3, slope_x=-0.4, shape=(9, 12)):
    empty = image(np.zeros(shape))
    return (2.0 + slope_y * empty["y"] + slope_x * empty["x"] + empty).assign_attrs(units="nm")


def test_a_plane_has_its_slopes_up_to_the_edges_whatever_way_the_axes_go():
    for data in (plane(), plane()[::-1], plane()[:, ::-1]):
        found = measure_slopes(data)
        np.testing.assert_allclose(found["gradient_y"], 0.3)
        np.testing.assert_allclose(found["gradient_x"], -0.4)
        np.testing.assert_allclose(found["magnitude"], 0.5)
        np.testing.assert_allclose(found["azimuth"], np.rad2deg(np.arctan2(0.3, -0.4)))
        np.testing.assert_allclose(found["inclination"], np.rad2deg(np.arctan(0.5)))


def test_slopes_know_units():
    thousandth = plane().assign_attrs(units="pm")
    np.testing.assert_allclose(measure_slopes(thousandth)["magnitude"], 0.5e-3)
    volts = measure_slopes(plane().assign_attrs(units="V"))
    assert volts["gradient_x"].attrs["units"] == "V/nm"
    assert "inclination" not in volts


def sphere(radius=50.0, steps=(0.5, 0.4), n=41):
    y, x = (step * (np.arange(n) - n // 2) for step in steps)
    return image(np.sqrt(radius**2 - y[:, None] ** 2 - x**2), steps)


def test_a_sphere_has_one_over_its_radius_everywhere():
    found = measure_curvature(sphere())
    inside = {"y": slice(1, -1), "x": slice(1, -1)}
    for name in ("mean_curvature", "largest_curvature", "smallest_curvature"):
        np.testing.assert_allclose(found[name].isel(inside), -1 / 50, rtol=5e-3)
    np.testing.assert_allclose(found["gaussian_curvature"].isel(inside), 1 / 50**2, rtol=1e-3)
    assert np.isnan(found["mean_curvature"][0]).all()
    assert found["gaussian_curvature"].attrs["units"] == "1/nm^2"


def test_a_saddle_and_a_cylinder_have_both_curvatures():
    y, x = (0.1 * np.arange(-10, 11) for _ in "yx")
    saddle = measure_curvature(image(0.5 * (3 * x**2 - y[:, None] ** 2), (0.1, 0.1)))
    middle = {"y": 10, "x": 10}
    assert float(saddle["largest_curvature"].isel(middle)) == pytest.approx(3.0)
    assert float(saddle["smallest_curvature"].isel(middle)) == pytest.approx(-1.0)
    assert float(saddle["laplacian"].isel(middle)) == pytest.approx(2.0)
    twisted = measure_curvature(image(2.0 * y[:, None] * x, (0.1, 0.1)))
    assert float(twisted["gaussian_curvature"].isel(middle)) == pytest.approx(-4.0)


def test_heights_of_a_normal_distribution_have_its_density():
    data = image(3.0 + 2.0 * np.random.default_rng(0).standard_normal((500, 500)))
    found = height_distribution(data, bins=20)
    u = found["deviation"]
    np.testing.assert_allclose(
        found["density"], np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi), atol=0.01
    )
    assert float(found["mean"]) == pytest.approx(3.0, abs=0.02)
    assert float(found["sq"]) == pytest.approx(float(data.std()))
    assert float(found["density"].sum() * 0.5) == pytest.approx(1.0, abs=1e-5)


def test_heights_of_a_ramp_are_even_and_those_of_a_plane_none():
    ramp = image(np.arange(2000.0).reshape(40, 50))
    density = height_distribution(ramp, bins=10, limit=3**0.5)["density"]
    np.testing.assert_allclose(density, 1 / (2 * 3**0.5), rtol=0.01)
    assert np.isnan(height_distribution(0 * ramp)["density"]).all()


def test_slopes_of_a_plane_are_in_one_class():
    found = slope_distribution(plane(0.0, 0.5), bins=36)
    assert float(found["azimuth_density"].sel(azimuth=5.0)) == pytest.approx(1 / 10)
    assert float(found["azimuth_density"].sum()) == pytest.approx(1 / 10)
    inclined = found["inclination_density"]
    assert float(inclined.sel(inclination=np.rad2deg(np.arctan(0.5)), method="nearest")) == (
        pytest.approx(1 / 2.5)
    )
    upwards = slope_distribution(plane(0.5, 0.0), bins=36)["azimuth_density"]
    assert float(upwards.sel(azimuth=95.0)) == pytest.approx(1 / 10)
    assert "inclination_density" not in slope_distribution(plane().assign_attrs(units="V"))


def test_the_contour_of_a_plane_is_a_line_and_that_of_a_cone_a_circle():
    z = np.add.outer(0 * np.arange(21.0), np.arange(31.0))
    area, boundary, euler = functionals(z, (0.5, 2.0), np.array([-1.0, 3.25, 17.5, 40.0]))
    np.testing.assert_allclose(area, [1, 27 / 31, 13 / 31, 0])
    total = z.size * 0.5 * 2.0
    np.testing.assert_allclose(boundary * total, [0, 10, 10, 0])
    np.testing.assert_allclose(euler * total, [1, 1, 1, 0])
    y, x = 0.5 * np.arange(-100, 101), 0.25 * np.arange(-200, 201)
    cone = -np.hypot(y[:, None], x)
    _, boundary, euler = functionals(cone, (0.5, 0.25), np.array([-40.0, -20.0]))
    total = cone.size * 0.125
    np.testing.assert_allclose(boundary * total, 2 * np.pi * np.array([40, 20]), rtol=1e-3)
    np.testing.assert_allclose(euler * total, 1)
    _, boundary, euler = functionals(-cone, (0.5, 0.25), np.array([20.0]))
    assert euler[0] * total == pytest.approx(0.0, abs=1e-9)  # one part with a hole
    assert boundary[0] * total == pytest.approx(2 * np.pi * 20, rel=1e-3)


def gaussian_field(shape, xi, seed):
    rng = np.random.default_rng(seed)
    ky, kx = (np.fft.fftfreq(n) for n in shape)
    k2 = ky[:, None] ** 2 + kx**2
    density = np.pi * xi**2 * np.exp(-(np.pi**2) * xi**2 * k2)
    return np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * np.sqrt(density)).real


def test_a_gaussian_surface_has_the_functionals_of_its_slope():
    xi, count, total = 8.0, 6, 0.0
    for seed in range(count):
        data = image(gaussian_field((400, 400), xi, seed), (1.0, 1.0))
        total = total + measure_minkowski(data, thresholds=25) / count
    u, slope = total["deviation"].values, 2 / xi**2  # of exp(-r²/xi²): minus its curvature
    np.testing.assert_allclose(total["area"], 0.5 * erfc(u / 2**0.5), atol=0.02)
    expected = 0.5 * slope**0.5 * np.exp(-(u**2) / 2)
    np.testing.assert_allclose(total["boundary"], expected, atol=0.04 * expected.max())
    # With what the edges of the field of view add: half of its circumference counts once.
    expected = slope * u * np.exp(-(u**2) / 2) / (2 * np.pi) ** 1.5
    expected += 800 / 400**2 * slope**0.5 * np.exp(-(u**2) / 2) / (2 * np.pi)
    np.testing.assert_allclose(total["euler"], expected, atol=0.08 * expected.max())


def test_missing_points_are_neither_above_nor_below():
    data = image(np.random.default_rng(3).standard_normal((30, 40)))
    holes = data.where(np.random.default_rng(4).random((30, 40)) > 0.1)
    found = measure_minkowski(holes)
    assert float(found["area"][0]) == pytest.approx(1.0, abs=0.01)
    assert np.isfinite(found["boundary"]).all()
    assert np.isnan(measure_minkowski(data * np.nan)["area"]).all()


def self_affine(hurst, n=512, seed=0):
    rng = np.random.default_rng(seed)
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n), indexing="ij"))
    k[0, 0] = np.inf
    return np.fft.ifft2(np.fft.fft2(rng.standard_normal((n, n))) * k ** (-hurst - 1)).real


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.8])
@pytest.mark.parametrize(
    ("method", "tolerance"),
    [("variance", 0.12), ("psd", 0.06), ("box_counting", 0.3), ("triangulation", 0.3)],
)
def test_a_self_affine_surface_has_three_less_its_hurst_exponent(method, tolerance, hurst):
    found = measure_fractal_dimension(image(self_affine(hurst), (1.0, 1.0)), method)
    assert float(found["dimension"]) == pytest.approx(3 - hurst, abs=tolerance)
    assert 0 < float(found["dimension_std"]) < 0.2
    assert int(found["status"]) == Status.CONVERGED


@pytest.mark.parametrize("method", ["variance", "box_counting", "triangulation"])
def test_a_plane_has_two_dimensions(method):
    data = image(np.add.outer(np.arange(257.0), 0.3 * np.arange(257.0)), (1.0, 1.0))
    assert float(measure_fractal_dimension(data, method)["dimension"]) == pytest.approx(2, abs=0.06)


def test_missing_points_have_no_dimension():
    data = samples.surface()
    data[3, 4] = np.nan
    found = measure_fractal_dimension(data)
    assert np.isnan(found["dimension"])
    assert int(found["status"]) == Status.NO_DATA


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: measure_slopes(image(np.ones((2, 5)))), "at least 3"),
        (lambda: height_distribution(plane(), bins=0), "bins must be"),
        (lambda: slope_distribution(plane(), bins=0), "bins must be"),
        (lambda: measure_minkowski(plane(), thresholds=1), "thresholds must be"),
        (lambda: measure_fractal_dimension(plane(), "boxes"), "method must be one of"),
        (lambda: measure_fractal_dimension(plane(), size_range=(0.5, 0.1)), "size_range must be"),
        (lambda: measure_fractal_dimension(image(np.ones((4, 9)))), "at least 8"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call()
