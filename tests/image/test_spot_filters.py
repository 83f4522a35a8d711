"""Filters by spots of spectra, and the symmetry of spots."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples, simulate
from omniscopy.image import filter_fourier_spots, find_fourier_spots, measure_symmetry
from omniscopy.model import DataError, Status


def waves(*parts, shape=(100, 80), steps=(0.1, 0.25), level=3.0):
    coords = {
        dim: (dim, 5.0 + step * np.arange(size), {"units": "nm"})
        for dim, step, size in zip(("y", "x"), steps, shape, strict=True)
    }
    data = xr.DataArray(np.full(shape, level), coords, dims=("y", "x"))
    for amplitude, ky, kx in parts:
        data = data + amplitude * np.cos(2 * np.pi * (ky * data["y"] + kx * data["x"]) + 0.7)
    return data.assign_attrs(units="V")


def at(*places, units="1/nm"):
    ky, kx = np.transpose(places)
    return xr.Dataset({"ky": ("peak", ky, {"units": units}), "kx": ("peak", kx, {"units": units})})


@pytest.mark.parametrize("edge", ["gaussian", "cosine", "step"])
def test_the_wave_of_a_spot_is_kept_and_the_other_taken_away(edge):
    one, other = waves((2.0, 1.2, 0.8), level=0.0), waves((1.0, -1.0, 1.5), level=3.0)
    both = (one + other).assign_attrs(units="V")
    # A Gaussian is nothing only far from its middle.
    radius = 0.3
    kept = filter_fourier_spots(both, at((1.2, 0.8)), radius=radius, edge=edge)
    np.testing.assert_allclose(kept, one + 3.0, atol=1e-8)
    rest = filter_fourier_spots(both, at((1.2, 0.8)), radius=radius, edge=edge, keep="rest")
    np.testing.assert_allclose(rest, other, atol=1e-8)


@pytest.mark.parametrize(("edge", "left"), [("gaussian", 0.5), ("cosine", 0.5)])
def test_half_of_the_amplitude_is_left_at_the_radius(edge, left):
    data = waves((2.0, 1.2, 0.8), level=0.0)
    found = filter_fourier_spots(data, at((1.2, 0.4)), radius=0.4, edge=edge)
    np.testing.assert_allclose(found, left * data, atol=1e-8)


def test_units_of_spots_are_those_of_the_image():
    data = waves((2.0, 1.2, 0.8), level=0.0)
    plain = filter_fourier_spots(data, at((1.2, 0.8)), radius=0.3)
    same = filter_fourier_spots(data, at((1200.0, 800.0), units="1/um"), radius=0.3)
    np.testing.assert_allclose(same, plain)


def test_a_noisy_lattice_is_found_again():
    noisy = simulate.atom_image(counts=20.0)
    exact = simulate.atom_image(counts=20.0, noise=False)
    found = filter_fourier_spots(noisy, find_fourier_spots(noisy))
    assert float((found - exact).std()) < 0.35 * float((noisy - exact).std())


def test_missing_pixels_and_images_without_spots_are_nan():
    data = waves((2.0, 1.2, 0.8))
    data[3, 4] = np.nan
    found = filter_fourier_spots(data, at((1.2, 0.8)))
    assert int(found.isnull().sum()) == 1
    assert filter_fourier_spots(data, at((np.nan, np.nan))).isnull().all()


LATTICES = {
    "square": (((0.39, 0.0), (0.0, 0.39)), [1, 0, 1, 0], 0.0),
    "hexagonal": (((0.39 * np.sin(np.pi / 3), 0.195), (0.0, 0.39)), [1, 1, 0, 1], 0.0),
    "rectangular": (((0.3, 0.0), (0.0, 0.45)), [1, 0, 0, 0], 0.0),
    "oblique": (((0.33, 0.1), (0.0, 0.5)), [1, 0, 0, 0], None),
    "turned square": (((0.36, 0.15), (-0.15, 0.36)), [1, 0, 1, 0], np.degrees(np.arctan2(15, 36))),
}


@pytest.mark.parametrize("name", LATTICES)
def test_the_symmetry_of_plane_lattices(name):
    (a, b), scores, mirror = LATTICES[name]
    found = measure_symmetry(simulate.atom_image(a=a, b=b, second=0.0))
    np.testing.assert_allclose(found["rotation_score"], scores, atol=0.06)
    assert found["order"].values.tolist() == [2, 3, 4, 6]
    if mirror is None:
        assert float(found["mirror_score"]) < 0.6
        return
    assert float(found["mirror_score"]) > 0.95
    step = {"square": 45, "turned square": 45, "hexagonal": 30, "rectangular": 90}[name]
    off = (float(found["mirror_angle"]) - mirror + step / 2) % step - step / 2
    assert abs(off) < 1.5


def test_noise_has_no_symmetry_and_a_status():
    rng = np.random.default_rng(0)
    stack = xr.concat([waves() + rng.standard_normal((100, 80)), samples_like()], "frame")
    found = measure_symmetry(stack.assign_attrs(units="V"))
    assert found["status"].values.tolist() == [Status.NO_DATA, Status.CONVERGED]
    assert np.isnan(found["rotation_score"][0]).all()
    assert float(found["rotation_score"].sel(order=2)[1]) == pytest.approx(1.0)


def samples_like():
    return waves((1.0, 1.5, 0.5), (3.0, 0.6, 1.7))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data: filter_fourier_spots(data, at((1.0, 1.0)), radius=-1.0), "radius must be"),
        (lambda data: filter_fourier_spots(data, at((1.0, 1.0)), keep="all"), "keep must be"),
        (
            lambda data: filter_fourier_spots(data, at((1.0, 1.0), units="pixel?")),
            "cannot be converted",
        ),
        (lambda data: filter_fourier_spots(data, xr.Dataset()), "'ky' along 'peak'"),
        (lambda data: filter_fourier_spots(data[:1], at((1.0, 1.0))), "at least 2"),
        (lambda data: measure_symmetry(data, tolerance=0.6), "tolerance must be"),
        (lambda data: measure_symmetry(data, orders=(1,)), "from 2 on"),
        (lambda data: measure_symmetry(data[:5]), "at least 8"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call(samples.atom_image())
