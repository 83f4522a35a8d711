"""Compliances of simulated Voigt elements."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate, spm
from omniscopy.model import DataError
from omniscopy.physics import viscoelasticity
from omniscopy.physics.viscoelasticity import Creep, creep_histories, relaxation_of

RADIUS = 2.5e-6


def test_an_element_without_noise_is_exact():
    found = spm.fit_force_creep(simulate.force_creep(noise=0.0), radius=RADIUS)
    assert float(found["glassy_compliance"]) == pytest.approx(2e-5, rel=1e-4)
    assert float(found["compliance"][0]) == pytest.approx(8e-5, rel=1e-4)
    assert float(found["retardation_time"][0]) == pytest.approx(0.1, rel=1e-4)
    assert float(found["r_squared"]) == pytest.approx(1.0)
    assert int(found["status"]) == 0


def test_two_elements_and_a_dashpot_without_noise_are_exact_in_any_units():
    truth = {"compliances": (5e-5, 9e-5), "times": (0.02, 0.4), "fluidity": 1e-4}
    data = simulate.force_creep(noise=0.0, duration=2.0, points=800, **truth)
    milli = data.assign_coords(time=("time", 1e3 * data["time"].values, {"units": "ms"}))
    for each in (data, milli):
        found = spm.fit_force_creep(each, radius=RADIUS, elements=2, flows=True)
        np.testing.assert_allclose(found["compliance"], truth["compliances"], rtol=2e-3)
        np.testing.assert_allclose(found["retardation_time"], truth["times"], rtol=5e-3)
        assert float(found["fluidity"]) == pytest.approx(1e-4, rel=5e-3)
    assert found["fluidity"].attrs["units"] == "1/(Pa s)"


def test_the_depth_is_that_whose_force_is_that_of_the_relaxation():
    creep = Creep((8e-5,), (0.1,), 2e-5)
    time = np.linspace(0.0, 1.0, 4001)
    force = 2e-8 * time
    columns = creep_histories(force, time[1], creep.times)
    depth = (np.array([2e-5, 8e-5]) @ columns * 3.0 / (16.0 * RADIUS**0.5)) ** (2.0 / 3.0)
    made = viscoelasticity.indentation_force(time, depth, relaxation_of(creep), RADIUS)
    np.testing.assert_allclose(made[400:], force[400:], rtol=2e-3)


def test_the_scatter_is_the_stated_deviation():
    data = simulate.force_creep(noise=0.0)
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((150, data.sizes["time"]))
    depth = xr.DataArray(
        data["indentation"].values + noise, dims=("y", "time"), attrs={"units": "nm"}
    )
    many = data.drop_vars("indentation").expand_dims(y=150)
    found = spm.fit_force_creep(many, radius=RADIUS, indentation=depth)
    assert (found["status"] == 0).all()
    for name, truth in (("glassy_compliance", 2e-5), ("compliance", 8e-5),
                        ("retardation_time", 0.1)):  # fmt: skip
        stated, scatter = float(found[f"{name}_std"].mean()), float(found[name].std())
        assert stated == pytest.approx(scatter, rel=0.2)
        assert float(found[name].mean()) == pytest.approx(truth, abs=0.3 * scatter)


def test_an_elastic_material_has_no_elements_and_a_curve_without_contact_nothing():
    data = simulate.force_creep(noise=0.0, compliances=(0.0,))
    found = spm.fit_force_creep(data, radius=RADIUS)
    assert float(found["glassy_compliance"]) == pytest.approx(2e-5, rel=1e-3)
    assert int(found["status"]) == 3
    none = data.assign_coords(indentation=-np.abs(data["indentation"]))
    none["indentation"].attrs["units"] = "nm"
    found = spm.fit_force_creep(none, radius=RADIUS)
    assert int(found["status"]) == 4
    assert np.isnan(found["glassy_compliance"])
    for strange in (-data, 0.0 * data):
        found = spm.fit_force_creep(strange.assign_attrs(data.attrs), radius=RADIUS)
        assert int(found["status"]) == 3
        assert np.isnan(found["glassy_compliance_std"])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"radius": 0.0}, "radius must be above 0 m"),
        ({"indentation": "depth"}, "there is no coordinate 'depth'"),
        ({"indentation": xr.DataArray(np.ones(3), dims="time")}, "must have the 300 values"),
    ],
)
def test_wrong_calls_are_refused_in_words(options, match):
    with pytest.raises(DataError, match=match):
        spm.fit_force_creep(simulate.force_creep(), **{"radius": RADIUS, **options})
