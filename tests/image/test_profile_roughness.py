"""Roughness of profiles, and the filters that cut waviness off."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.image import measure_profile_roughness, measure_roughness, separate_waviness
from omniscopy.image.roughness.profile_roughness import profile_elements
from omniscopy.model import DataError


def profile(values, step=0.5, units=("nm", "nm")):
    x = ("x", step * np.arange(len(values)), {"units": units[1]})
    return xr.DataArray(np.asarray(values, float), {"x": x}, dims="x", attrs={"units": units[0]})


def wave(wavelength, amplitude=2.0, n=4000, step=0.5, phase=0.3):
    return amplitude * np.sin(2 * np.pi * step * np.arange(n) / wavelength + phase)


def test_a_sinusoid_has_the_closed_forms():
    found = measure_profile_roughness(profile(wave(40.0)))
    expected = {
        "ra": 4 / np.pi, "rq": 2**0.5, "rp": 2.0, "rv": 2.0, "rz": 4.0, "rt": 4.0, "rc": 4.0,
        "rsk": 0.0, "rku": 1.5, "rsm": 40.0, "rdq": 2 * np.pi * 2 / 40 / 2**0.5,
    }  # fmt: skip
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, rel=2e-3, abs=1e-9), name
    assert found["rsm"].attrs["units"] == "nm"


def test_slopes_know_the_units_of_both():
    found = measure_profile_roughness(profile(wave(40.0), units=("nm", "µm")))
    assert float(found["rdq"]) == pytest.approx(2 * np.pi * 2e-3 / 40 / 2**0.5, rel=2e-3)
    volts = measure_profile_roughness(profile(wave(40.0), units=("V", "µm")))
    assert volts["rdq"].attrs["units"] == "V/µm"


def test_extremes_are_means_over_sections():
    values = np.zeros(50)
    values[[5, 15, 25, 35, 45]] = [1, 2, 3, 4, 5]
    values[[6, 16, 26, 36, 46]] = [-1, -2, -3, -4, -5]
    found = measure_profile_roughness(profile(values), sections=5)
    assert float(found["rp"]) == float(found["rv"]) == 3.0
    assert float(found["rz"]) == 6.0
    assert float(found["rt"]) == 10.0
    assert float(measure_profile_roughness(profile(values), sections=1)["rz"]) == 10.0


def test_low_and_short_peaks_are_no_elements():
    step = 0.5
    values = wave(40.0) + wave(2.0, amplitude=0.1)
    spacing, height = profile_elements(values, step, lowest=0.4, shortest=1.0)
    assert spacing == pytest.approx(40.0, rel=2e-3)
    assert height == pytest.approx(4.0, rel=0.06)
    assert np.isnan(profile_elements(values, step, lowest=10.0, shortest=1.0)[0])


def test_elements_of_a_train_of_pulses_are_those_of_its_period():
    values = np.where(np.arange(1000) % 50 < 10, 4.0, -1.0)
    found = measure_profile_roughness(profile(values))
    assert float(found["rsm"]) == pytest.approx(25.0)
    assert float(found["rc"]) == pytest.approx(5.0)


def test_rows_and_columns_are_told_apart():
    data = samples.surface().isel(y=slice(0, 64))
    rows, columns = (measure_profile_roughness(data, dim=dim) for dim in ("x", "y"))
    assert rows["ra"].sizes == {"y": 64}
    assert columns["ra"].sizes == {"x": 128}
    one = measure_profile_roughness(data.isel(y=7))
    xr.testing.assert_allclose(rows.isel(y=7).drop_attrs(), one.drop_attrs())
    np.testing.assert_allclose(rows["rq"], data.std("x"))


@pytest.mark.parametrize("wavelength", [25.0, 50.0, 100.0])
def test_the_filter_lets_half_through_at_the_cutoff(wavelength):
    data = profile(wave(wavelength, amplitude=1.0))
    parts = separate_waviness(data, 50.0)
    middle = slice(400, 3600)
    share = np.exp(-np.log(2) * (50.0 / wavelength) ** 2)
    np.testing.assert_allclose(parts["waviness"][middle], share * data[middle], atol=2e-6)
    np.testing.assert_allclose(parts["waviness"] + parts["roughness"], data, atol=1e-12)
    short = separate_waviness(data, None, short_cutoff=50.0)["roughness"]
    np.testing.assert_allclose(short[middle], share * data[middle], atol=2e-6)


def test_in_the_plane_it_is_the_product_of_both():
    step_y, step_x, n = 0.5, 2.0, 400
    y, x = step_y * np.arange(n), step_x * np.arange(n)
    values = np.cos(2 * np.pi * y[:, None] / 20) * np.cos(2 * np.pi * x / 100)
    coords = {"y": ("y", y, {"units": "nm"}), "x": ("x", x * 1e-3, {"units": "µm"})}
    data = xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "V"})
    waves = separate_waviness(data, 20.0)["waviness"]
    share = 0.5 * np.exp(-np.log(2) * (20 / 100) ** 2)
    np.testing.assert_allclose(waves[50:-50, 20:-20], share * data[50:-50, 20:-20], atol=1e-5)
    assert waves.attrs["units"] == "V"


def test_a_level_stays_level_up_to_its_ends_and_around_holes():
    data = profile(np.full(300, 7.0))
    data[[0, 20, 21, 150]] = np.nan
    parts = separate_waviness(data, 40.0, short_cutoff=5.0)
    assert int(parts["waviness"].isnull().sum()) == 4
    np.testing.assert_allclose(parts["waviness"].dropna("x"), 7.0)
    np.testing.assert_allclose(parts["roughness"].dropna("x"), 0.0, atol=1e-12)


def test_roughness_is_what_the_filter_leaves():
    data = profile(wave(400.0, amplitude=50.0) + wave(4.0, amplitude=2.0))
    found = measure_profile_roughness(data, cutoff=40.0)
    assert float(found["ra"]) == pytest.approx(4 / np.pi, rel=0.05)
    assert float(found["rsm"]) == pytest.approx(4.0, rel=0.02)


def test_a_flat_profile_and_a_missing_one_are_no_crash():
    flat = measure_profile_roughness(profile(np.full(30, 0.1)))
    assert float(flat["ra"]) == 0.0
    assert np.isnan(flat["rsk"])
    assert np.isnan(measure_profile_roughness(profile(np.full(30, np.nan)))["ra"])


def test_rows_of_an_image_have_the_mean_square_of_the_image():
    data = samples.surface()
    rows = measure_profile_roughness(data - data.mean("x"))
    whole = measure_roughness(data - data.mean("x"))
    assert float((rows["rq"] ** 2).mean()) ** 0.5 == pytest.approx(float(whole["sq"]))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"dim": "z"}, "expected a dimension 'z'"),
        ({"cutoff": 0.1}, "between two steps and the profile"),
        ({"cutoff": 1e9}, "between two steps and the profile"),
        ({"cutoff": 100.0, "short_cutoff": 200.0}, "must be below the cutoff"),
        ({"sections": 0}, "sections must be"),
    ],
)
def test_profiles_say_what_is_wrong(options, match):
    with pytest.raises(DataError, match=match):
        measure_profile_roughness(samples.surface(), **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"cutoff": 1.0}, "at least two steps"),
        ({"cutoff": 100.0, "short_cutoff": 100.0}, "must be below the cutoff"),
        ({"cutoff": 100.0, "dims": ()}, None),
        ({"cutoff": 100.0, "dims": ("y", "x", "z")}, "one dimension of profiles or two"),
    ],
)
def test_filters_say_what_is_wrong(options, match):
    if match is None:
        assert separate_waviness(samples.surface(), **options)["roughness"].dims == ("y", "x")
        return
    with pytest.raises(DataError, match=match):
        separate_waviness(samples.surface(), **options)
