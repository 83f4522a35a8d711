"""Mean and maximum patterns, discs, detectors and centres of mass."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples, simulate
from omniscopy.diffraction import (
    Annulus,
    Disk,
    find_centre,
    max_pattern,
    mean_pattern,
    measure_com,
    virtual_image,
)
from omniscopy.model import DataError, Status


@pytest.fixture
def data():
    return samples.diffraction_4d()


@pytest.fixture
def one_pattern():
    return simulate.diffraction_4d(
        (1, 1), (64, 60), noise=False, deflection=(0.0, 0.0), strain=0.0
    ).isel(y=0, x=0, drop=True)


def copies(pattern, count, seed=0):
    drawn = np.random.default_rng(seed).poisson(pattern.values, (count, *pattern.shape))
    coords = {dim: pattern[dim] for dim in pattern.dims}
    made = xr.DataArray(drawn, coords, dims=("frame", *pattern.dims))
    return made.assign_attrs(units="counts")


def test_the_mean_pattern_is_the_mean_over_the_scan(data):
    mean = mean_pattern(data)
    assert mean.dims == ("ky", "kx")
    np.testing.assert_allclose(mean, data.values.mean(axis=(0, 1)))
    assert mean.attrs["units"] == "counts"
    assert mean.attrs["signal_type"] == "diffraction"


def test_the_maximum_pattern_keeps_the_type_of_the_values(data):
    largest = max_pattern(data)
    np.testing.assert_array_equal(largest, data.values.max(axis=(0, 1)))
    assert largest.dtype == np.uint16


def test_frames_of_a_scan_are_kept_apart_and_those_of_a_series_are_not(data):
    twice = xr.concat([data, data], "frame")
    assert mean_pattern(twice).dims == ("frame", "ky", "kx")
    assert mean_pattern(twice[:, 0, 0]).dims == ("ky", "kx")
    assert mean_pattern(twice, ["frame", "x"]).dims == ("y", "ky", "kx")


@pytest.mark.parametrize("reduce", [mean_pattern, max_pattern])
def test_patterns_that_were_not_scanned_are_left_out(data, reduce):
    holes = data.astype(float)
    holes[0] = np.nan
    np.testing.assert_allclose(reduce(holes), reduce(data[1:].astype(float)))
    assert np.isnan(reduce(holes * np.nan)).all()


@pytest.mark.parametrize("reduce", [mean_pattern, max_pattern])
def test_says_what_it_cannot_reduce(data, reduce):
    with pytest.raises(DataError, match="two reciprocal dimensions"):
        reduce(samples.atom_image())
    with pytest.raises(DataError, match="there is no scan"):
        reduce(data[0, 0])
    with pytest.raises(DataError, match="no pattern"):
        reduce(data[:0])


def test_the_disc_is_found_between_pixels(one_pattern):
    found = find_centre(one_pattern)
    assert float(found["ky"]) == pytest.approx(0.25, abs=1e-3)
    assert float(found["kx"]) == pytest.approx(-0.4, abs=1e-3)
    assert float(found["radius"]) == pytest.approx(1.6, abs=2e-3)
    assert int(found["status"]) == Status.CONVERGED
    assert {found[name].attrs["units"] for name in ("ky", "kx_std", "radius")} == {"1/nm"}


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.07, -0.11), (-1.3, 0.9)])
def test_the_disc_moves_with_the_pattern_along_each_axis(shift):
    pattern = simulate.diffraction_4d(
        (1, 1), (64, 60), centre=shift, noise=False, deflection=(0.0, 0.0)
    )
    found = find_centre(pattern)
    assert float(found["ky"][0, 0]) == pytest.approx(shift[0], abs=2e-3)
    assert float(found["kx"][0, 0]) == pytest.approx(shift[1], abs=2e-3)


def test_pixels_need_not_be_square(one_pattern):
    stretched = one_pattern[:, ::2]
    found = find_centre(stretched)
    assert float(found["kx"]) == pytest.approx(-0.4, abs=0.01)
    assert float(found["radius"]) == pytest.approx(1.6, abs=0.01)


def test_the_spread_of_the_centre_is_its_scatter(one_pattern):
    found = find_centre(copies(one_pattern, 1500))
    assert (found["status"] == Status.CONVERGED).all()
    for name, truth in (("ky", 0.25), ("kx", -0.4), ("radius", 1.6)):
        scatter = float(found[name].std())
        reported = float((found[f"{name}_std"] ** 2).mean()) ** 0.5
        assert scatter == pytest.approx(reported, rel=0.1)
        assert float(found[name].mean()) == pytest.approx(truth, abs=0.2 * reported)


def test_a_pattern_without_a_disc_is_nan_and_alone(one_pattern):
    stack = xr.concat([one_pattern, one_pattern * np.nan, one_pattern * 0 + 7], "frame")
    found = find_centre(stack)
    assert found["status"].values.tolist() == [0, Status.NO_DATA, Status.NO_DATA]
    assert np.isnan(found["radius"]).values.tolist() == [False, True, True]


def test_a_hot_pixel_is_no_disc():
    pattern = xr.DataArray(
        np.zeros((32, 32)), {"ky": np.arange(32.0), "kx": np.arange(32.0)}, dims=("ky", "kx")
    )
    pattern[10, 12] = 100.0
    found = find_centre(pattern)
    bad = int(found["status"]) != Status.CONVERGED
    assert bad or float(found["radius"]) < 1.5


@pytest.mark.parametrize("places", [[(3, 4)], [(24, 25), (24, 26)], [(20, 30), (40, 9)]])
@pytest.mark.parametrize("height", [20.0, 6e4])
def test_a_disc_is_found_beside_hot_pixels(one_pattern, places, height):
    hot = one_pattern.astype(float)
    for row, column in places:
        hot[row, column] = height * float(one_pattern.max())
    found, clean = find_centre(hot), find_centre(one_pattern)
    for name in ("ky", "kx", "radius"):
        assert float(found[name]) == pytest.approx(float(clean[name]), abs=0.02)


def test_a_disc_and_the_ring_around_it_make_the_larger_disc(data):
    centre = (0.25, -0.4)
    inner, outer = (
        virtual_image(data, Disk(1.6, centre=centre)),
        virtual_image(data, Annulus(1.6, 5.0, centre=centre)),
    )
    whole = virtual_image(data, Disk(5.0, centre=centre))
    np.testing.assert_array_equal(inner + outer, whole)


def test_a_virtual_image_sums_the_pixels_on_the_detector(data):
    away = np.hypot(data["ky"].values[:, None] - 0.25, data["kx"].values + 0.4)
    image = virtual_image(data, Disk(2.0, centre=(0.25, -0.4)))
    np.testing.assert_allclose(image, (data.values * (away < 2.0)).sum(axis=(2, 3)))
    assert image.dims == ("y", "x")
    assert image.attrs["units"] == "counts"
    assert image.attrs["signal_type"] == "image"


def test_the_detector_is_given_as_ky_then_kx(data):
    above = virtual_image(data, Disk(1.0, centre=(-4.2 + 0.25, -0.4)))
    beside = virtual_image(data, Disk(1.0, centre=(-0.4, -4.2 + 0.25)))
    assert float(above.mean()) > 1.3 * float(beside.mean())


def test_a_centre_that_is_left_to_us_is_that_of_the_mean_pattern(data):
    found = find_centre(mean_pattern(data))
    centre = (float(found["ky"]), float(found["kx"]))
    xr.testing.assert_allclose(
        virtual_image(data, Disk(2.0)).drop_attrs(),
        virtual_image(data, Disk(2.0, centre=centre)).drop_attrs(),
    )
    nothing = virtual_image(data * 0.0, Disk(2.0))
    assert np.isnan(nothing).all()


def test_patterns_that_were_not_scanned_have_no_image(data):
    holes = data.astype(float)
    holes[2, 3] = np.nan
    holes[0, 0, 0, 0] = np.nan
    image = virtual_image(holes, Disk(2.0, centre=(0.25, -0.4)))
    assert np.isnan(image[2, 3])
    assert int(np.isnan(image).sum()) == 1
    np.testing.assert_allclose(
        image[0, 0], virtual_image(data, Disk(2.0, centre=(0.25, -0.4)))[0, 0]
    )


def test_the_centre_of_mass_follows_the_deflection():
    data = simulate.diffraction_4d((5, 4), noise=False, strain=0.0, deflection=(0.05, -0.08))
    com = measure_com(data)
    y, x = data["y"] - data["y"].mean(), data["x"] - data["x"].mean()
    truth_y, truth_x = xr.broadcast(0.25 + 0.05 * y, -0.4 - 0.08 * x)
    np.testing.assert_allclose(com["com_y"], truth_y, atol=2e-3)
    np.testing.assert_allclose(com["com_x"], truth_x, atol=2e-3)
    assert com["com_y"].attrs["units"] == "1/nm"


def test_the_centre_of_mass_of_one_pixel_is_that_pixel():
    pattern = samples.diffraction_4d()[0, 0] * 0
    pattern[3, 7] = 5
    com = measure_com(pattern)
    assert float(com["com_y"]) == pytest.approx(float(pattern["ky"][3]))
    assert float(com["com_x"]) == pytest.approx(float(pattern["kx"][7]))


def test_the_spread_of_the_centre_of_mass_is_its_scatter(one_pattern):
    com = measure_com(copies(one_pattern, 4000))
    for name in ("com_y", "com_x"):
        assert float(com[name].std()) == pytest.approx(float(com[f"{name}_std"].mean()), rel=0.04)
    volts = measure_com(copies(one_pattern, 2).assign_attrs(units="V"))
    assert np.isnan(volts["com_y_std"]).all()


def test_a_mask_limits_what_counts():
    data = simulate.diffraction_4d((2, 2), noise=False, strain=0.0, deflection=(0.0, 0.0))
    lopsided = data.copy(deep=True)
    lopsided[..., 0, 0] = 1e6
    com = measure_com(lopsided, mask=Disk(2.5, centre=(0.25, -0.4)))
    np.testing.assert_allclose(com["com_y"], 0.25, atol=0.02)
    assert float(abs(measure_com(lopsided)["com_y"][0, 0])) > 1.0


def test_a_pattern_without_counts_has_no_centre_of_mass(data):
    empty = data.copy(deep=True)
    empty[1, 2] = 0
    com = measure_com(empty)
    assert np.isnan(com["com_y"][1, 2])
    assert int(com["status"].sum()) == Status.NO_DATA


@pytest.mark.parametrize("dtype", [np.uint16, np.float64])
def test_a_ring_beside_the_pixels_has_no_intensity_not_none(dtype):
    data = simulate.nanobeam_4d((2, 3), (40, 40), pixel=0.3, noise=False).astype(dtype)
    corner = float(np.hypot(data["ky"].max(), data["kx"].max()))
    for lazy in (data, data.chunk(y=1)):
        image = virtual_image(lazy, Annulus(1.2 * corner, 1.5 * corner))
        assert np.isnan(image).all()
        assert np.isfinite(virtual_image(lazy, Annulus(0.0, 0.5 * corner))).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda data: Disk(0.0), "must be positive, got 0.0"),
        (lambda data: Annulus(3.0, 2.0), "0 <= inner < outer, got 3.0 and 2.0"),
        (lambda data: virtual_image(data, 2.0), "must be a Disk or an Annulus, .* got float"),
        (lambda data: virtual_image(data, Disk(0.5, centre=(90.0, 0.0))), "no pixel is on"),
        (lambda data: virtual_image(samples.atom_image(), Disk(1.0)), "two reciprocal"),
        (lambda data: find_centre(data.isel(ky=slice(4))), "at least 5"),
        (lambda data: measure_com(data.astype(complex)), "real numbers"),
    ],
)
def test_says_what_is_wrong(data, make, match):
    with pytest.raises(DataError, match=match):
        make(data)


def test_says_when_the_units_of_the_axes_differ(data):
    data = data.assign_coords(kx=data["kx"].assign_attrs(units="1/Å"))
    with pytest.raises(DataError, match="must have the same units, got '1/nm' and '1/Å'"):
        find_centre(data)
