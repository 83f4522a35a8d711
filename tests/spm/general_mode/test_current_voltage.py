"""Resistances behind a current: exact, statistical, against plain formulas and published data."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import DataError, convert_units, coordinate
from omniscopy.spm.general_mode import current_voltage as module
from omniscopy.spm.general_mode.inference import Factor

FREQUENCY, AMPLITUDE, POINTS = 200.0, 6.0, 512
TIME = np.arange(POINTS) / (POINTS * FREQUENCY)
SINE = AMPLITUDE * np.sin(2 * np.pi * FREQUENCY * TIME)
SLOPE = 2 * np.pi * FREQUENCY * AMPLITUDE * np.cos(2 * np.pi * FREQUENCY * TIME)


def resistance(voltage, later=0.0):
    """Return a resistance that falls from 4 to 1.5 GOhm around 2 V."""
    return 1.5e9 + 2.5e9 / (1 + np.exp((voltage - 2.0 - later) / 0.5))


def current(noise=0.0, *, later=0.0, capacitance=5e-14, copies=1, r_extra=110.0, bias=SINE,
            slope=SLOPE, seed=0):  # fmt: skip
    shift = np.where(slope >= 0, later, -later)
    clean = bias / resistance(bias, shift) + capacitance * (slope + 2 * r_extra * bias)
    drawn = noise * np.random.default_rng(seed).standard_normal((copies, len(bias)))
    coords = {"time": coordinate("time", TIME, "s")}
    return xr.DataArray(clean + drawn, coords, dims=("y", "time"), attrs={"units": "A"})


def invert(data, **options):
    return om.spm.invert_current_voltage(data, **{"bias": SINE, "frequency": FREQUENCY, **options})


@pytest.mark.parametrize("later", [0.0, 0.4])
def test_resistance_and_capacitance_come_out_of_a_current_without_noise(later):
    found = invert(current(later=later), steps=251)
    grid = found["bias"].values
    for branch, shift in (("forward", later), ("reverse", -later)):
        expected = 1 / resistance(grid, shift)
        made = found["conductance"].sel(branch=branch).values[0]
        np.testing.assert_allclose(made[1:-1], expected[1:-1], rtol=3e-3, err_msg=branch)
    np.testing.assert_allclose(found["resistance"], 1 / found["conductance"], rtol=1e-4)
    # With a hysteresis the capacitance shows only where the bias passes zero.
    assert float(found["capacitance"][0]) == pytest.approx(5e-14, rel=1e-3 if not later else 5e-3)
    assert float(found["hysteresis"][0]) == pytest.approx(0.0, abs=1.0 if later else 1e-12)
    assert found["status"].values.tolist() == [0]


def test_the_corrected_current_lacks_what_the_capacitance_lets_through():
    found = invert(current())
    expected = SINE / resistance(SINE)
    np.testing.assert_allclose(found["corrected_current"].values[0], expected, atol=1e-12)
    np.testing.assert_array_equal(found["excitation"].values, SINE)


def test_the_current_in_phase_through_the_capacitance_is_no_conductance():
    data = current(capacitance=5e-13)
    with_it, without = invert(data), invert(data, r_extra=0.0)
    excess = without["conductance"] - with_it["conductance"]
    np.testing.assert_allclose(excess.values[..., 2:-2], 2 * 110.0 * 5e-13, rtol=0.05)


def test_units_of_current_bias_and_time_do_not_matter():
    data = current(2e-11)
    expected = invert(data)
    other = convert_units(convert_units(data, "pA"), "ms", dim="time")
    bias = xr.DataArray(SINE * 1e3, dims="time", attrs={"units": "mV"})
    made = invert(other, bias=bias)
    for name in ("resistance", "resistance_std", "capacitance", "corrected_current", "noise"):
        np.testing.assert_allclose(made[name], expected[name], rtol=1e-6, err_msg=name)
    units = {name: made[name].attrs["units"] for name in ("resistance", "capacitance", "noise")}
    assert units == {"resistance": "ohm", "capacitance": "F", "noise": "A"}


def test_a_bias_of_any_form_and_phase_will_do():
    place = np.arange(POINTS) / POINTS
    triangle = AMPLITUDE * (4 * np.abs((place + 0.13) % 1.0 - 0.5) - 1)
    slope = 0.5 * FREQUENCY * POINTS * (np.roll(triangle, -1) - np.roll(triangle, 1))
    data = current(bias=triangle, slope=slope, later=0.3)
    found = invert(data, bias=triangle)
    inside = np.abs(found["bias"]) < 5.5
    for branch, shift in (("forward", 0.3), ("reverse", -0.3)):
        expected = 1 / resistance(found["bias"], shift)
        made = found["conductance"].sel(branch=branch).isel(y=0)
        np.testing.assert_allclose(made[inside], expected[inside], rtol=1e-2)


def test_samples_along_the_bias_itself_or_without_labels_are_one_period():
    data = current(2e-11)
    expected = invert(data)["resistance"]
    along = data.drop_vars("time").rename(time="bias")
    for given in (along, along.assign_coords(bias=coordinate("bias", SINE, "V"))):
        found = invert(given)
        np.testing.assert_allclose(found["resistance"], expected, rtol=1e-9)
        assert found["corrected_current"].dims == ("y", "sample")
    named = invert(along.assign_coords(bias=coordinate("bias", SINE, "V")), bias="bias")
    np.testing.assert_allclose(named["resistance"], expected, rtol=1e-9)


def test_several_periods_make_one_answer():
    twice = np.tile(SINE, 2)
    data = xr.concat([current(2e-11, seed=n).drop_vars("time") for n in (1, 2)], "time")
    time = coordinate("time", np.arange(2 * POINTS) / (POINTS * FREQUENCY), "s")
    found = invert(data.assign_coords(time=time), bias=twice)
    once = invert(current(2e-11, seed=1))
    ratio = float(once["capacitance_std"][0] / found["capacitance_std"][0])
    assert ratio == pytest.approx(np.sqrt(2), rel=0.1)
    with pytest.raises(om.DataError, match=r"lasts 1\.398 periods"):
        invert(data.assign_coords(time=time)[:, :716], bias=twice[:716])


@pytest.mark.parametrize("switch", [-3.0, 2.0])
def test_a_resistance_that_switches_is_known_better_away_from_there(switch):
    data = current(2e-11, copies=200)
    truth = resistance(SINE) if switch > 0 else resistance(SINE + 5.0)
    clean = SINE / truth - SINE / resistance(SINE)
    found = invert(data + xr.DataArray(clean, dims="time"))
    grid = found["bias"]
    expected = resistance(grid) if switch > 0 else resistance(grid + 5.0)
    error = np.abs(found["resistance"] / expected - 1).isel(branch=0)
    # The spread at 0.6 V alone would be 2.7 % with a prior that is the same everywhere.
    assert float(np.sqrt((error.sel(bias=0.6, method="nearest") ** 2).mean())) < 0.013
    score = (found["conductance"] - 1 / expected) / found["conductance_std"]
    assert float(np.sqrt((score**2).mean())) == pytest.approx(1.0, abs=0.15)


def test_the_scatter_of_the_capacitance_and_of_the_noise_is_as_stated():
    found = invert(current(2e-11, later=0.4, copies=3000))
    scatter, stated = float(found["capacitance"].std()), float(found["capacitance_std"].mean())
    assert stated == pytest.approx(scatter, rel=0.05)
    assert float(found["capacitance"].mean()) == pytest.approx(5e-14, abs=0.1 * scatter)
    assert float(found["noise"].mean()) == pytest.approx(2e-11, rel=0.01)


def test_conductances_of_the_prior_have_the_stated_errors():
    rng = np.random.default_rng(3)
    made = module._Inversion.of(
        SINE, 1, FREQUENCY, steps=101, r_extra=110.0, smoothness=0.22
    )  # fmt: skip
    root = module._prior_root(made.grid, 0.22 * AMPLITUDE, None)
    root[:, 0] *= 1e-3
    drawn = 3e-10 + 5e-11 * rng.standard_normal((2000, root.shape[1])) @ root.T
    weights = module._interpolation(SINE, made.grid)
    values = SINE * (drawn @ weights.T) + 5e-14 * (SLOPE + 220.0 * SINE)
    values += 2e-11 * rng.standard_normal(values.shape)
    data = xr.DataArray(values, {"time": coordinate("time", TIME, "s")}, dims=("y", "time"),
                        attrs={"units": "A"})  # fmt: skip
    found = invert(data, steps=101, quantiles=(0.1, 0.9))
    error = (found["conductance"].values - drawn[:, None]) / found["conductance_std"].values
    # Not quite one: how wide the prior is has to be estimated from one record each.
    assert np.sqrt(np.mean(error**2)) == pytest.approx(1.03, abs=0.05)
    truth = 1 / drawn[:, None, :, None]
    below = (truth < found["resistance_quantiles"].values).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(below, [0.1, 0.9], atol=0.02)


def test_the_answer_is_that_of_the_plain_normal_equations():
    rng = np.random.default_rng(5)
    design, prior = rng.standard_normal((40, 7)), rng.standard_normal((7, 7))
    records = rng.standard_normal((3, 40)) + 4 * (design @ prior[:, 0])
    factor = Factor.of(design, prior)
    places, ratio, score = factor.evidence(records, None)
    gamma2 = factor.noise_variance(records, places, ratio)
    mean, variance = factor.posterior(places, ratio, gamma2)
    for n in range(3):
        covariance = np.linalg.inv(
            design.T @ design / gamma2[n] + np.linalg.inv(prior @ prior.T * ratio[n] * gamma2[n])
        )
        np.testing.assert_allclose(
            mean[n], covariance @ design.T @ records[n] / gamma2[n], rtol=1e-6
        )
        np.testing.assert_allclose(variance[n], np.diag(covariance), rtol=1e-6)

        def plain(ratio, n=n):
            """Return the log evidence of a ratio by the whole covariance of a record."""
            whole = np.eye(40) + ratio * design @ prior @ prior.T @ design.T
            best = records[n] @ np.linalg.solve(whole, records[n]) / 40
            return -0.5 * (40 * np.log(best) + np.linalg.slogdet(whole)[1])

        around = [plain(ratio[n] * step) for step in (0.5, 1.0, 2.0)]
        assert around[1] > max(around[0], around[2])
        # The score is that of the nearest ratio looked at, without a constant.
        assert score[n] + 0.5 * 40 * np.log(40) == pytest.approx(around[1], abs=0.5)


def test_a_resistance_that_the_noise_hides_has_wide_quantiles_and_no_negative_one():
    found = invert(current(5e-10, copies=5))
    quantiles = found["resistance_quantiles"].values
    assert (quantiles > 0).all()
    assert (np.diff(quantiles, axis=-1) > 0).all()
    middle = np.abs(found["bias"].values) < 0.5
    spread = quantiles[..., 2] / quantiles[..., 0] - 1.0
    assert spread[..., middle].mean() > 1.5 * spread[..., ~middle].mean()


def test_a_known_noise_is_used():
    data = current(2e-11)
    large = invert(data, noise=1e-10)
    assert float(large["noise"][0]) == pytest.approx(1e-10)
    assert float(large["conductance_std"].mean()) > 1.5 * float(
        invert(data)["conductance_std"].mean()
    )


def test_pixels_without_data_are_marked_and_alone():
    data = current(2e-11, copies=4)
    data[1] = np.nan
    data[2, 7] = np.nan
    data[3] = 0.0
    found = invert(data)
    assert found["status"].values.tolist() == [0, 4, 5, 4]
    assert np.isfinite(found["resistance"].values[0]).all()
    assert np.isnan(found["resistance"].values[1:]).all()
    assert np.isnan(found["capacitance"].values[1:]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": SINE[:10]}, "name that of the samples"),
        ({"bias": SINE[:10], "dim": "time"}, r"the bias has the shape \(10,\)"),
        ({"bias": SINE * 0}, "the bias must be finite, change"),
        ({"bias": "drive"}, "there is no coordinate 'drive'"),
        (
            {"bias": xr.DataArray(SINE, dims="time", attrs={"units": "A"})},
            "the bias must be in 'V'",
        ),
        ({"frequency": 0.0}, "frequency must be positive"),
        ({"frequency": 333.0}, r"lasts 1\.665 periods of 333 Hz"),
        ({"smoothness": -1.0}, "smoothness must be positive"),
        ({"steps": 2}, "steps must be at least 3"),
        ({"noise": 0.0}, "noise positive"),
        ({"quantiles": (0.0, 0.5)}, "quantiles must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_inverted_is_refused(change, message):
    with pytest.raises(om.DataError, match=message):
        invert(current(), **change)


def test_what_is_no_current_is_refused():
    with pytest.raises(om.DataError, match="the current must be in 'A'"):
        invert(current().assign_attrs(units="V"))


@pytest.mark.shared
def test_published_currents_give_their_resistance_within_two_percent(shared):
    known = np.load(shared / "data/spm/giv_reference.npz")
    data = xr.DataArray(known["current_nA"], dims="time", attrs={"units": "nA"})
    bias = known["bias_V"]
    found = invert(data, bias=bias, frequency=float(known["freq_hz"]))
    order = np.argsort(bias)
    truth = np.interp(found["bias"], bias[order], known["true_R_GOhm"][order]) * 1e9
    far = np.abs(found["bias"].values) > 0.5
    error = np.abs(found["resistance"].values / truth - 1)[:, far]
    assert error.max() < 0.015
    assert np.median(error) < 0.003
    assert float(found["capacitance"]) == pytest.approx(float(known["true_C_nF"]) * 1e-9, rel=0.005)
    assert float(found["noise"]) == pytest.approx(2e-11, rel=0.05)
    # The published inference of the same data.
    published = np.interp(known["x"], bias[order], known["true_R_GOhm"][order])
    theirs = np.abs(known["mR"] / published - 1)[np.abs(known["x"]) > 0.5]
    assert error.max() < 0.2 * theirs.max()


def test_time_that_falls_is_refused():
    backwards = om.samples.current_voltage().isel(time=slice(None, None, -1))
    with pytest.raises(DataError, match="'time' must ascend"):
        om.spm.invert_current_voltage(backwards, bias="bias", frequency=200.0)
