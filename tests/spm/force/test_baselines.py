"""Baselines, contacts and separations of simulated force curves."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy import simulate, spm
from omniscopy.model import DataError


def test_a_baseline_without_noise_is_exact():
    data = simulate.force_map(noise=0.0, tilt=30.0, offset=0.2)
    found = spm.fit_baseline(data)
    # 30 pN/µm of travel; the height falls on the way there.
    np.testing.assert_allclose(found["tilt"], -3e-5, rtol=1e-9)
    assert found["tilt"].attrs["units"] == "nN/nm"
    travel = (data["z"].max() - found["position"]) * 1e-3 - 1.0
    np.testing.assert_allclose(found["offset"], 0.2 + 0.03 * travel, rtol=1e-9)
    np.testing.assert_allclose(found["corrected"][..., :200], 0.0, atol=1e-12)


def test_baselines_do_not_depend_on_the_sense_of_the_height():
    data = simulate.force_map(noise=0.02)
    other = data.assign_coords(z=("time", -data["z"].values, data["z"].attrs))
    one, two = spm.fit_baseline(data), spm.fit_baseline(other)
    np.testing.assert_allclose(one["tilt"], -two["tilt"])
    np.testing.assert_allclose(one["corrected"], two["corrected"], atol=1e-12)
    back = simulate.force_map(noise=0.0, part="retract")
    np.testing.assert_allclose(spm.fit_baseline(back)["tilt"], -2e-5, rtol=1e-9)


def test_the_scatter_of_baselines_is_the_stated_deviation():
    data = simulate.force_map((80, 40), points=200, noise=0.1, modulus=2e4)
    found = spm.fit_baseline(data)
    for name in ("offset", "tilt"):
        ratio = float(found[name].std() / found[f"{name}_std"].mean())
        assert ratio == pytest.approx(1.0, abs=0.05)
    assert float(found["noise"].mean()) == pytest.approx(0.1, rel=0.02)


def test_saturated_points_are_counted_and_left_out():
    data = simulate.force_map(noise=0.02, largest=5.0)
    found = spm.fit_baseline(data)
    assert (found["clipped"] > 5).all()
    assert found["corrected"].isnull().sum() == found["clipped"].sum()
    assert (spm.find_contact(data)["status"] == 5).all()


@pytest.mark.parametrize(
    ("method", "within"),
    [
        ("deviation", 25.0), ("constant_polynomial", 60.0), ("line_polynomial", 60.0),
        ("constant_line", 150.0), ("frechet", 90.0), ("gradient", 80.0),
    ],
)  # fmt: skip
def test_contacts_are_where_they_were_made(method, within):
    data = simulate.force_map(noise=0.01)
    corrected = spm.fit_baseline(data)["corrected"]
    found = spm.find_contact(corrected, method=method)
    truth = data.attrs["metadata"]["truth"]["contact"]
    assert (np.abs(found["contact"] - truth) < within).all()
    assert (found["direction"] == -1).all()
    other = corrected.assign_coords(z=("time", -data["z"].values, data["z"].attrs))
    turned = spm.find_contact(other, method=method)
    np.testing.assert_allclose(turned["contact"], -found["contact"], rtol=1e-6)


def test_the_contact_of_two_straight_parts_is_exact_and_scatters_as_stated():
    z = np.linspace(0.0, 100.0, 201)
    force = 0.1 + np.maximum(z - 61.3, 0.0)
    rng = np.random.default_rng(1)
    coords = {"z": ("time", z, {"units": "nm"})}
    noise = np.vstack([np.zeros(201), 0.2 * rng.standard_normal((2000, 201))])
    data = xr.DataArray(force + noise, coords, dims=("y", "time"), attrs={"units": "nN"})
    found = spm.find_contact(data, method="constant_line")
    assert float(found["contact"][0]) == pytest.approx(61.3, abs=1e-6)
    many = found.isel(y=slice(1, None))
    ratio = float(many["contact"].std() / many["contact_std"].mean())
    assert ratio == pytest.approx(1.0, abs=0.05)


def test_curves_without_contact_are_flagged():
    data = simulate.force_map(travel=(-2.0, -1.0), noise=0.02)
    assert (spm.find_contact(data)["status"] == 4).all()


def test_separations_add_up_to_the_travel():
    data = simulate.force_map(noise=0.0, tilt=0.0, offset=0.0)
    depth = spm.to_separation(data)
    found = spm.find_contact(data)
    travel = depth["indentation"] + 1e-9 * data / 0.05 * 1e9
    np.testing.assert_allclose(travel, found["contact"] - data["z"], atol=1e-9)
    np.testing.assert_allclose(depth["separation"], -depth["indentation"])


def test_deflections_and_voltages_become_forces():
    data = simulate.force_map(noise=0.01)
    metres = (data * 1e-9 / 0.05).assign_attrs(data.attrs, units="m")
    volts = (metres / 1e-7).assign_attrs(data.attrs, units="V")
    expected = spm.to_separation(data)
    for each, options in ((metres, {}), (volts, {"sensitivity": 1e-7})):
        made = spm.to_separation(each, **options)
        assert made.attrs["units"] == "N"
        np.testing.assert_allclose(made, expected * 1e-9, rtol=1e-9)
        np.testing.assert_allclose(made["indentation"], expected["indentation"], atol=1e-4)
    with pytest.raises(DataError, match=r"the data are in V: give sensitivity= in m/V"):
        spm.to_separation(volts)
    with pytest.raises(DataError, match=r"must be in 'N' or units that convert"):
        spm.to_separation(volts.assign_attrs(units="K"))
    with pytest.raises(DataError, match=r"give spring_constant= in N/m"):
        spm.to_separation(data.assign_attrs(metadata={}))


def test_the_sensitivity_of_a_hard_surface_is_exact_and_scatters_as_stated():
    z = np.linspace(0.0, 200.0, 401)
    volts = np.maximum(z - 100.0, 0.0) / 80.0
    rng = np.random.default_rng(2)
    noise = np.vstack([np.zeros(401), 0.01 * rng.standard_normal((2000, 401))])
    data = xr.DataArray(
        volts + noise, {"z": ("time", -z, {"units": "nm"})}, dims=("y", "time"),
        attrs={"units": "V"},
    )  # fmt: skip
    found = spm.fit_sensitivity(data)
    assert float(found["sensitivity"][0]) == pytest.approx(80.0)
    assert found["sensitivity"].attrs["units"] == "nm/V"
    many = found.isel(y=slice(1, None))
    ratio = float(many["sensitivity"].std() / many["sensitivity_std"].mean())
    assert ratio == pytest.approx(1.0, abs=0.08)


def test_records_of_both_ways_are_split_at_the_turn():
    data = simulate.force_curve(noise=0.0)
    assert spm.find_contact(data)["status"] == 5
    parts = spm.split_curve(data)
    assert parts.dims == ("segment", "time")
    assert int(parts.sel(segment="approach").notnull().sum()) == 400
    np.testing.assert_allclose(parts.sum("segment"), data)
    found = spm.find_contact(spm.fit_baseline(parts)["corrected"], method="deviation")
    assert (found["status"] == 0).all()


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (simulate.force_map().drop_vars("z"), {}, r"expected a coordinate 'z'.*assign the height"),
        (simulate.force_map(), {"fraction": 1.5}, "fraction must be between 0 and 1"),
        (simulate.force_map(points=5), {}, "have 5 points; at least 8 are needed"),
    ],
)
def test_wrong_calls_are_refused_in_words(data, options, message):
    with pytest.raises(DataError, match=message):
        spm.fit_baseline(data, **options)


@pytest.mark.shared
def test_files_of_instruments_give_moduli(shared):
    path = shared / "data/spm/fmt-jpk-fd_spot3-0192.jpk-force"
    force = om.open_signal(path, "vDeflection_extend")
    corrected = spm.fit_baseline(force)["corrected"]
    depth = spm.to_separation(corrected, spring_constant=0.04)
    found = spm.fit_indentation(depth, radius=18.6e-6, baseline="line").compute()
    assert int(found["status"]) == 0
    assert 10.0 < float(found["modulus"]) < 1e5
    assert float(found["r_squared"]) > 0.98


@pytest.mark.shared
def test_maps_of_curves_of_different_lengths_are_worked_through(shared):
    path = shared / "data/vendor/jpk/fmt-jpk-fd_map-data-reference-points.jpk-force-map"
    force = om.open_signal(path, "vDeflection_extend")
    assert force.chunks is not None
    depth = spm.to_separation(spm.fit_baseline(force)["corrected"])
    found = spm.fit_indentation(depth, radius=18.6e-6).compute()
    measured = found["modulus"].notnull()
    assert 0 < int(measured.sum()) < measured.size
    assert (found["status"].where(~measured, 4) != 0).sum() >= 0
    assert (found["status"].values[~measured.values] >= 4).all()
