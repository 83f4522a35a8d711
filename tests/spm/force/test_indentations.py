"""Moduli of simulated force curves."""

import dask
import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate, spm
from omniscopy.model import DataError
from omniscopy.physics import contact

RADIUS = 2.5e-6
CODES = {"converged": 0, "no_data": 4, "invalid": 5}


def curves(model="hertz", *, moduli=(2e3, 2e4, 2e5), place=0.0, low=-0.5, attraction=None, **shape):
    """Return curves without noise, on an axis in nm."""
    of = contact.law(model, radius=RADIUS, half_angle=25.0, **shape)
    depth = np.linspace(low * 1e-6, 1e-6, 301)
    more = () if attraction is None else (attraction,)
    force = np.stack([contact.force(of, depth - place, each, *more)[0] for each in moduli])
    axis = ("indentation", depth * 1e9, {"units": "nm", "quantity": "indentation"})
    return xr.DataArray(
        force * 1e9, {"indentation": axis}, dims=("y", "indentation"), attrs={"units": "nN"}
    )


@pytest.mark.parametrize("model", ["hertz", "cone", "pyramid", "sneddon", "sneddon_series"])
@pytest.mark.parametrize("place", [0.0, 1.3e-7])
def test_moduli_without_noise_are_exact(model, place):
    found = spm.fit_indentation(
        curves(model, place=place), model=model, radius=RADIUS, half_angle=25.0
    )
    np.testing.assert_allclose(found["modulus"], [2e3, 2e4, 2e5], rtol=1e-6)
    np.testing.assert_allclose(found["contact"], place * 1e9, atol=1e-3)
    np.testing.assert_allclose(found["largest_indentation"], 1e3 - place * 1e9, atol=1e-3)
    assert found["modulus"].attrs["units"] == "Pa"
    assert found["contact"].attrs["units"] == "nm"
    assert (found["status"] == 0).all()


@pytest.mark.parametrize("model", ["dmt", "jkr"])
def test_attraction_without_noise_is_exact(model):
    data = curves(model, moduli=(2e4, 5e4), attraction=3e-9, place=5e-8)
    touching = data.where(data["indentation"] > 60.0)
    found = spm.fit_indentation(touching, model=model, radius=RADIUS)
    np.testing.assert_allclose(found["modulus"], [2e4, 5e4], rtol=1e-5)
    np.testing.assert_allclose(found["adhesion"], 3.0, rtol=1e-4)
    share = {"dmt": 2.0, "jkr": 1.5}[model]
    energy = 3e-9 / (share * np.pi * RADIUS)
    np.testing.assert_allclose(found["work_of_adhesion"], energy, rtol=1e-4)


def test_a_contact_that_is_known_stays_where_it_is():
    found = spm.fit_indentation(curves(), radius=RADIUS, fit_contact=False)
    np.testing.assert_allclose(found["modulus"], [2e3, 2e4, 2e5], rtol=1e-9)
    assert "contact" not in found


def test_a_layer_is_softer_than_it_seems():
    data = curves(thickness=4e-6)
    thick = spm.fit_indentation(data, radius=RADIUS, fit_contact=False)
    thin = spm.fit_indentation(data, radius=RADIUS, thickness=4e-6)
    np.testing.assert_allclose(thin["modulus"], [2e3, 2e4, 2e5], rtol=1e-6)
    assert (thick["modulus"] > 1.2 * thin["modulus"]).all()


def test_a_baseline_is_fitted_with_the_contact():
    data = curves()
    tilted = data + 0.3 + 1e-4 * data["indentation"]
    found = spm.fit_indentation(tilted.assign_attrs(units="nN"), radius=RADIUS, baseline="line")
    np.testing.assert_allclose(found["modulus"], [2e3, 2e4, 2e5], rtol=1e-6)
    np.testing.assert_allclose(found["offset"], 0.3, rtol=1e-5)
    np.testing.assert_allclose(found["tilt"], 1e-4, rtol=1e-5)
    assert found["tilt"].attrs["units"] == "nN/nm"


@pytest.mark.parametrize("baseline", ["none", "line"])
def test_the_scatter_is_the_stated_deviation(baseline):
    rng = np.random.default_rng(3)
    data = curves(moduli=np.full(3000, 2e4))
    noisy = data + 0.5 * rng.standard_normal(data.shape)
    found = spm.fit_indentation(noisy.assign_attrs(units="nN"), radius=RADIUS, baseline=baseline)
    for name, truth in (("modulus", 2e4), ("contact", 0.0)):
        std = found[f"{name}_std"]
        assert float(found[name].std() / std.mean()) == pytest.approx(1.0, abs=0.05)
        assert abs(float((found[name].mean() - truth) / std.mean())) < 0.1


def test_the_scatter_is_the_stated_deviation_where_the_noise_moves_the_depth_too():
    data = simulate.force_map((60, 40), points=400, noise=0.05, offset=0.0, tilt=0.0)
    truth = xr.DataArray(data.attrs["metadata"]["truth"]["modulus"], dims="x")
    found = spm.fit_indentation(spm.to_separation(data), radius=RADIUS)
    pull = (found["modulus"] - truth) / found["modulus_std"]
    assert float(pull.std()) == pytest.approx(1.0, abs=0.05)
    assert abs(float(pull.mean())) < 0.2  # noise of the depth where the law bends
    unaware = spm.to_separation(data)
    unaware.attrs["metadata"] = {}
    wrong = spm.fit_indentation(unaware, radius=RADIUS)
    assert float(((wrong["modulus"] - truth) / wrong["modulus_std"]).std()) > 1.1


def test_the_whole_chain_finds_the_modulus_within_its_deviation():
    data = simulate.force_map((20, 10), noise=0.02)
    corrected = spm.fit_baseline(data)["corrected"]
    depth = spm.to_separation(corrected, spm.find_contact(corrected))
    found = spm.fit_indentation(depth, radius=RADIUS, baseline="line")
    truth = xr.DataArray(data.attrs["metadata"]["truth"]["modulus"], dims="x")
    pull = (found["modulus"] - truth) / found["modulus_std"]
    assert float(np.abs(pull).mean()) < 1.0
    assert float(pull.std()) == pytest.approx(1.0, abs=0.15)


def test_bad_curves_are_flagged_and_alone():
    data = curves(moduli=np.full(5, 2e4)).copy()
    rng = np.random.default_rng(0)
    data[1] = 0.1 * rng.standard_normal(301)
    data[2] = np.minimum(data[2], 20.0)
    data[3] = np.nan
    data[4, ::7] = np.nan
    found = spm.fit_indentation(data, radius=RADIUS)
    assert found["status"].values.tolist() == [0, 4, 5, 4, 0]
    assert np.isnan(found["modulus"].values).tolist() == [False, True, True, True, False]
    np.testing.assert_allclose(found["modulus"][[0, 4]], 2e4, rtol=1e-6)


def test_curves_of_different_lengths_are_fitted_lazily():
    data = simulate.force_map((4, 6), noise=0.0, offset=0.0, tilt=0.0)
    ragged = data.where(
        xr.DataArray(np.arange(400), dims="time") >= xr.DataArray([0, 30, 60, 90], dims="y")
    )
    height = data["z"].broadcast_like(data).where(ragged.notnull()).transpose(*data.dims)
    ragged = ragged.assign_coords(z=(data.dims, height.values, data["z"].attrs))
    lazy = ragged.chunk(y=2)
    with dask.config.set(scheduler=lambda *_, **__: pytest.fail("computed early")):
        found = spm.fit_indentation(spm.to_separation(lazy), radius=RADIUS)
    truth = data.attrs["metadata"]["truth"]["modulus"]
    np.testing.assert_allclose(found["modulus"], np.tile(truth, (4, 1)), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"units": "V"}, {}, "force curves must be in 'N' or units that convert to it, got 'V'"),
        ({}, {"radius": None}, r"model 'hertz' needs radius= in m, above 0, got None"),
        ({}, {"model": "cone"}, r"model 'cone' needs half_angle= in degrees"),
        ({}, {"model": "wedge"}, "model must be one of"),
        ({}, {"poisson_ratio": 0.6}, "poisson_ratio must be above -1 and at most 0.5"),
        ({}, {"thickness": -1.0}, "thickness is above 0 m"),
        ({}, {"window": (3, 1)}, "must be .low, high. with low < high"),
        ({}, {"spring_constant": 0.0}, "spring_constant must be above 0 N/m"),
    ],
)
def test_wrong_calls_are_refused_in_words(change, options, message):
    with pytest.raises(DataError, match=message):
        spm.fit_indentation(curves().assign_attrs(change), **{"radius": RADIUS, **options})


def test_curves_without_indentation_are_told_what_makes_it():
    with pytest.raises(DataError, match=r"expected a coordinate 'indentation'.*to_separation"):
        spm.fit_indentation(simulate.force_map(), radius=RADIUS)
