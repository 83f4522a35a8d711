"""Attraction, hysteresis and quality of simulated force curves."""

import numpy as np
import pytest

from omniscopy import simulate, spm
from omniscopy.model import DataError


def test_the_largest_attraction_of_a_retract_is_exact():
    data = simulate.force_map(
        (), part="retract", model="cone", adhesion=0.8, noise=0.0, points=2000
    )
    found = spm.measure_adhesion(data, radius=2.5e-6)
    assert float(found["adhesion"]) == pytest.approx(0.8, rel=2e-3)
    assert found["adhesion"].attrs["units"] == "nN"
    dmt = float(found["adhesion"]) * 1e-9 / (2 * np.pi * 2.5e-6)
    assert float(found["work_of_adhesion_dmt"]) == pytest.approx(dmt)
    assert float(found["work_of_adhesion_jkr"] / found["work_of_adhesion_dmt"]) == pytest.approx(
        4 / 3
    )
    line = spm.fit_baseline(data, fraction=0.3)["corrected"]
    below = -np.trapezoid(np.minimum(line, 0.0), -data["z"])
    assert abs(float(found["work"])) == pytest.approx(abs(below), rel=2e-2)


def test_the_attraction_scatters_as_stated_and_is_not_chosen_by_the_noise():
    data = simulate.force_map((50, 10), part="retract", adhesion=2.0, noise=0.05)
    found = spm.measure_adhesion(data)
    exact = spm.measure_adhesion(
        simulate.force_map((1, 10), part="retract", adhesion=2.0, noise=0.0)
    )
    pull = (found["adhesion"] - exact["adhesion"].isel(y=0)) / found["adhesion_std"]
    assert float(pull.std()) == pytest.approx(1.0, abs=0.25)
    assert abs(float(pull.mean())) < 0.5
    # The work scatters with the baseline, which is far from where it is extrapolated to.
    pull = (found["work"] - found["work"].mean("y")) / found["work_std"]
    assert float(pull.std()) == pytest.approx(1.0, abs=0.15)


def test_curves_that_do_not_stick_have_no_attraction():
    found = spm.measure_adhesion(simulate.force_map())
    assert (found["adhesion"] == 0).all()
    assert (found["work"] == 0).all()
    assert (found["status"] == 0).all()


def test_energy_is_lost_by_curves_that_stick():
    options = {"model": "cone", "noise": 0.0, "offset": 0.0, "tilt": 0.0, "points": 2000}
    there = simulate.force_map((), adhesion=0.5, **options)
    back = simulate.force_map((), adhesion=0.5, part="retract", **options)
    found = spm.measure_hysteresis(there, back)
    expected = np.trapezoid(there.values, -there["z"]) - np.trapezoid(
        back.values[::-1], -there["z"]
    )
    assert float(found["energy"]) == pytest.approx(expected, rel=1e-9)
    assert float(found["energy"]) > 0
    assert found["energy"].attrs["units"] in {"nN*nm", "nN nm", "nN·nm"}
    assert float(spm.measure_hysteresis(there, there)["energy"]) == 0.0
    with pytest.raises(DataError, match="must have the same units"):
        spm.measure_hysteresis(there, back.assign_attrs(units="N"))


def test_good_curves_are_rated_above_bad_ones():
    good, noisy, clipped, none = (
        simulate.force_map((2, 2), **options)
        for options in ({}, {"noise": 0.6}, {"largest": 6.0}, {"travel": (-2.0, -1.0)})
    )
    rated = [
        float(spm.rate_curves(each)["quality"].mean()) for each in (good, noisy, clipped, none)
    ]
    assert rated[0] > 0.9
    assert rated[0] > rated[1] > rated[3]
    assert rated[0] > rated[2] > 0.3
    assert rated[3] == 0.0
