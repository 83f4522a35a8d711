"""Loops are projected, measured and fitted: exactly, and with honest uncertainties."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.model import DataError, Status, coordinate
from omniscopy.physics import hysteresis, waveforms
from omniscopy.spm import (
    compare_loop_line,
    fit_loops,
    fit_oscillator,
    measure_loops,
    project_loops,
    switching_parameters,
)
from omniscopy.spm.band_excitation.loop_models import NAMES, estimate_loops

BIAS = waveforms.triangle(64, 8.0)
TRUTH = np.array([-0.6, 1.7, -2.4, 2.9, 0.006, 0.9, 1.6, 0.7, 1.3])


def loop(parameters=TRUTH, bias=BIAS):
    numbers = np.atleast_2d(parameters)[:, :, None]
    falling = np.where(hysteresis.falls(bias), 1.0, -1.0)
    return hysteresis.loop(bias, falling, *(numbers[:, n] for n in range(9)))[0]


def labelled(values, bias=BIAS, units="V"):
    count = len(values)
    coords = {
        "point": coordinate("point", np.arange(count), "1"),
        "bias": coordinate("bias", bias, units),
    }
    return xr.DataArray(np.asarray(values), coords, dims=("point", "bias"), attrs={"units": "mV"})


def test_where_a_bias_falls():
    assert np.flatnonzero(hysteresis.falls(BIAS)).tolist() == [*range(16, 48)]
    assert not hysteresis.falls(np.arange(5.0)).any()
    assert hysteresis.falls(np.array([2.0, 2.0, 1.0, 1.0, 0.0])).all()


@pytest.mark.parametrize("falling", [1.0, -1.0])
def test_the_derivatives_of_a_loop_are_those_by_differences(falling):
    bias = np.linspace(-8.0, 8.0, 41)
    slopes = hysteresis.loop(bias, falling + 0 * bias, *TRUTH)[1:]
    for n in range(9):
        move = 1e-6 * (np.arange(9) == n)
        ahead, behind = (
            hysteresis.loop(bias, falling + 0 * bias, *(TRUTH + sign * move))[0] for sign in (1, -1)
        )
        np.testing.assert_allclose(slopes[n], (ahead - behind) / 2e-6, atol=1e-8)


def test_a_loop_goes_from_its_lower_level_to_its_upper_one_at_its_coercive_biases():
    far = np.array([-100.0, 100.0])
    sharp = [-0.6, 1.7, -2.4, 2.9, 0.0, 0.01, 0.02, 0.01, 0.03]
    for falling, centre in ((1.0, -2.4), (-1.0, 2.9)):
        ends = hysteresis.loop(far, falling, *sharp)[0]
        np.testing.assert_allclose(ends, [-0.6, 1.1])
        near = hysteresis.loop(np.array([centre - 0.1, centre + 0.1]), falling, *sharp)[0]
        np.testing.assert_allclose(near, [-0.6, 1.1], atol=1e-5)


@given(st.floats(-179.999, 180.0), st.floats(-3.0, 3.0))
def test_a_projection_is_exact_for_any_phase(degrees, across):
    response = loop()
    turned = (response + 1j * across) * np.exp(1j * np.radians(degrees))
    found = project_loops(labelled(turned)).isel(point=0)
    np.testing.assert_allclose(found["response"], response[0], atol=1e-9)
    assert abs(np.exp(1j * np.radians(found["rotation"].item() - degrees)) - 1) < 1e-9
    assert found["offset"].item() == pytest.approx(across, abs=1e-9)


def test_amplitude_and_phase_project_as_complex_responses_do():
    turned = labelled(loop() * np.exp(0.8j))
    parts = xr.Dataset({
        "amplitude": abs(turned).assign_attrs(units="mV"),
        "phase": xr.apply_ufunc(np.angle, turned, kwargs={"deg": True}).assign_attrs(units="deg"),
    })  # fmt: skip
    found = project_loops(parts)
    np.testing.assert_allclose(found["response"][0], loop()[0], atol=1e-12)
    assert found["response"].attrs["units"] == "mV"


def test_one_angle_for_an_image_keeps_the_polarity_of_its_points():
    rng = np.random.default_rng(0)
    noise = 0.05 * (rng.standard_normal((6, 64)) + 1j * rng.standard_normal((6, 64)))
    sign = np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0])[:, None]
    turned = labelled((sign * loop() + noise) * np.exp(0.4j))
    image, own = project_loops(turned, angle="image"), project_loops(turned)
    np.testing.assert_allclose(np.unique(image["rotation"]), np.degrees(0.4), atol=0.5)
    assert np.corrcoef(image["response"][5], loop()[0])[0, 1] < -0.9
    assert np.corrcoef(own["response"][5], loop()[0])[0, 1] > 0.9
    given = project_loops(turned, angle=np.degrees(0.4))
    np.testing.assert_allclose(given["response"][5], image["response"][5], atol=0.02)
    lazy = project_loops(turned.chunk(point=2), angle="image").compute()
    xr.testing.assert_allclose(lazy.drop_attrs(), image.drop_attrs())


def test_an_offset_is_kept_or_removed():
    turned = labelled((loop() + 5.0) * np.exp(0.4j))
    kept, removed = project_loops(turned), project_loops(turned, keep_offset=False)
    np.testing.assert_allclose(kept["response"][0], loop()[0] + 5.0, atol=1e-9)
    np.testing.assert_allclose(removed["response"].mean("bias"), 0.0, atol=1e-12)


def test_area_and_centroid_are_those_of_a_parallelogram():
    # Corners (2, 1), (4, 2), (-2, 1) and (-4, 0) in bias and response, anticlockwise.
    bias = np.array([2.0, 4.0, -2.0, -4.0])
    values = np.array([[1.0, 2.0, 1.0, 0.0], [1.0, 2.0, 1.0, 0.0]])
    values[1] *= -1.0
    found = measure_loops(labelled(values, bias))
    np.testing.assert_allclose(found["area"], [4.0, -4.0])
    np.testing.assert_allclose(found["centroid_bias"], 0.0, atol=1e-12)
    np.testing.assert_allclose(found["centroid_response"], [1.0, -1.0])
    assert found["area"].attrs["units"] == "mV V"


def test_steps_that_are_missing_are_left_out_of_the_polygon():
    values = np.array([[1.0, np.nan, 2.0, 1.0, 0.0, np.nan]])
    bias = np.array([2.0, 9.0, 4.0, -2.0, -4.0, -9.0])
    found = measure_loops(labelled(values, bias)).isel(point=0)
    assert found["area"].item() == pytest.approx(4.0)
    assert found["centroid_response"].item() == pytest.approx(1.0)
    turned = project_loops(
        labelled(np.where(np.isnan(values), np.nan, values * np.exp(0.3j)), bias)
    )
    assert turned["status"].item() == 0
    assert np.isnan(turned["response"][0, 1])


def test_the_area_of_a_sharp_loop_is_its_height_times_its_width():
    sharp = np.array([-0.6, 1.7, -2.25, 2.75, 0.0, 1e-3, 1e-3, 1e-3, 1e-3])
    bias = waveforms.triangle(3200, 8.0)
    found = measure_loops(labelled(loop(sharp, bias), bias)).isel(point=0)
    assert found["area"].item() == pytest.approx(1.7 * 5.0, rel=1e-3)
    assert found["centroid_bias"].item() == pytest.approx(0.25, abs=1e-2)


def test_a_loop_of_too_few_steps_is_nan_and_alone():
    values = np.repeat(loop(), 3, axis=0).astype(complex)
    values[1, 2:] = np.nan
    found = project_loops(labelled(values))
    assert found["status"].values.tolist() == [0, Status.NO_DATA, 0]
    assert np.isnan(found["response"][1]).all()
    assert measure_loops(found)["status"].values.tolist() == [0, Status.NO_DATA, 0]
    assert fit_loops(found)["status"].values.tolist() == [0, Status.NO_DATA, 0]
    assert np.isnan(fit_loops(found)["a1"][1])


@pytest.mark.parametrize("seed", range(4))
def test_loops_without_noise_are_found_exactly(seed):
    rng = np.random.default_rng(seed)
    low = [-1.2, 1.0, -4.0, 1.0, -0.02, 0.6, 0.6, 0.6, 0.6]
    high = [-0.5, 2.5, -1.0, 4.0, 0.02, 2.0, 2.0, 2.0, 2.0]
    truth = rng.uniform(low, high, (50, 9))
    found = fit_loops(labelled(loop(truth)))
    assert (found["status"] == 0).all()
    for n, name in enumerate(NAMES):
        np.testing.assert_allclose(found[name], truth[:, n], rtol=1e-5, atol=1e-6)


def test_loops_in_the_other_order_and_units_are_the_same_loops():
    bias, values = BIAS * 1e3, loop()
    found = fit_loops(labelled(values, bias, "mV"))
    np.testing.assert_allclose(found["a3"], 2.9, rtol=1e-6)
    assert found["a3"].attrs["units"] == "V"
    backwards = fit_loops(labelled(values[:, ::-1], BIAS[::-1]))
    # Backwards in time, the branch that fell rises.
    np.testing.assert_allclose(backwards["a2"], 2.9, atol=0.3)


def test_the_scatter_is_the_reported_uncertainty():
    rng = np.random.default_rng(0)
    values = np.repeat(loop(), 3000, axis=0) + 0.01 * rng.standard_normal((3000, 64))
    found = fit_loops(labelled(values), restarts=0)
    for n, name in enumerate(NAMES[:5]):
        std = float(found[f"{name}_std"].mean())
        assert float(found[name].std()) == pytest.approx(std, rel=0.05), name
        assert abs(float(found[name].mean()) - TRUTH[n]) < 0.1 * std, name


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.02])
def test_no_loop_costs_more_than_from_the_truth_and_from_many_starts(noise):
    rng = np.random.default_rng(5)
    low = [-1.2, 1.0, -4.0, 1.0, -0.02, 0.3, 0.3, 0.3, 0.3]
    high = [-0.5, 2.5, -1.0, 4.0, 0.02, 2.5, 2.5, 2.5, 2.5]
    truth = rng.uniform(low, high, (1500, 9))
    values = loop(truth) + noise * rng.standard_normal((1500, 64))
    data = labelled(values)
    told = xr.Dataset({name: ("point", truth[:, n]) for n, name in enumerate(NAMES)})
    fits = [
        fit_loops(data), fit_loops(data, start=told.assign_coords(point=data["point"]), restarts=6),
    ]  # fmt: skip
    cost, least = (
        np.sum((values - loop(np.stack([fit[name] for name in NAMES], axis=1))) ** 2, axis=1)
        for fit in fits
    )
    assert (cost <= least * (1 + 1e-6) + 1e-12).all()
    # What is reported is the cost at the parameters that are reported.
    reported = fits[0]["reduced_chi_square"] * fits[0]["degrees_of_freedom"]
    np.testing.assert_allclose(reported, cost, rtol=1e-6, atol=1e-12)


def test_a_fit_ends_where_it_costs_what_it_says():
    # One of these leads along a valley so flat that its last step would be a long one.
    rng = np.random.default_rng(1)
    low = [-1.2, 1.0, -4.0, 1.0, -0.02, 0.3, 0.3, 0.3, 0.3]
    high = [-0.5, 2.5, -1.0, 4.0, 0.02, 2.5, 2.5, 2.5, 2.5]
    truth = rng.uniform(low, high, (4096, 9))
    values = (loop(truth) + 0.005 * rng.standard_normal((4096, 64)))[100:130]
    found = fit_loops(labelled(values), restarts=0)
    made = loop(np.stack([found[name] for name in NAMES], axis=1))
    reported = found["reduced_chi_square"] * found["degrees_of_freedom"]
    np.testing.assert_allclose(reported, np.sum((values - made) ** 2, axis=1), rtol=1e-6)


@pytest.mark.parametrize("start", ["neighbours", "clusters", "pyramid"])
def test_starts_from_others_find_the_same_or_better(start):
    maps = om.simulate.switching_maps((6, 6))
    loops = project_loops(maps)["response"]
    rng = np.random.default_rng(0)
    loops = (loops + 1e-4 * rng.standard_normal(loops.shape)).assign_attrs(units="V")
    plain, found = fit_loops(loops, restarts=0), fit_loops(loops, start=start, restarts=0)
    least = plain["reduced_chi_square"] * (1 + 1e-9)
    assert (found["reduced_chi_square"] <= least).all()


def test_numbers_maps_bounds_and_weights_are_taken():
    values = labelled(loop())
    found = fit_loops(values)
    again = fit_loops(values, start=found, restarts=0)
    np.testing.assert_allclose(again["a2"], found["a2"], rtol=1e-6)
    told = fit_loops(values, start={"a2": -2.0, "b0": 1.0}, restarts=0)
    np.testing.assert_allclose(told["a2"], -2.4, rtol=1e-5)
    held = fit_loops(values, bounds={"a4": (0.0, 0.001)})
    assert held["status"].item() == Status.AT_BOUND
    spoilt = values.copy()
    spoilt[0, 5] = 100.0
    weights = xr.ones_like(values.isel(point=0, drop=True)).assign_attrs(units="1")
    weights = xr.where(np.arange(64) == 5, 0.0, weights)
    np.testing.assert_allclose(
        fit_loops(spoilt, weights=_on(values, weights))["a3"], 2.9, rtol=1e-5
    )


def _on(values, weights):
    return xr.DataArray(np.asarray(weights), {"bias": values["bias"]}, dims="bias")


def test_reversal_curves_are_fitted_each_on_its_own_bias():
    maps = om.simulate.switching_maps((2, 2), curves=3, steps=48, amplitude=10.0)
    assert maps["bias"].dims == ("forc", "sample")
    np.testing.assert_allclose(abs(maps["bias"]).max("sample"), [10 / 3, 20 / 3, 10.0])
    loops = project_loops(maps)
    found = fit_loops(loops)
    assert found["a1"].dims == ("forc", "y", "x")
    last = fit_loops(loops["response"].isel(forc=-1).swap_dims(sample="bias"))
    np.testing.assert_allclose(found["a3"].isel(forc=-1), last["a3"], rtol=1e-6)
    truth = om.simulate.loop_maps((2, 2))
    np.testing.assert_allclose(found["a3"].isel(forc=-1), truth["a3"], rtol=1e-5)
    area = measure_loops(loops)["area"]
    assert (area.isel(forc=0) < area.isel(forc=-1)).all()


def test_the_start_is_near_without_a_fit():
    found = estimate_loops(BIAS, loop())
    np.testing.assert_allclose(found[0, 2:4], TRUTH[2:4], atol=0.5)


def test_the_errors_of_switching_parameters_are_their_scatter():
    rng = np.random.default_rng(8)
    noisy = loop(np.tile(TRUTH, (1500, 1))) + 0.01 * rng.standard_normal((1500, 64))
    found = fit_loops(labelled(noisy), start=dict(zip(NAMES, TRUTH, strict=True)), restarts=0,
                      covariance=True)  # fmt: skip
    matrix = found["covariance"]
    assert matrix.dims == ("point", "parameter", "other_parameter")
    for name in NAMES:
        both = matrix.sel(parameter=name, other_parameter=name)
        np.testing.assert_allclose(both, found[f"{name}_std"] ** 2, rtol=1e-9)
    np.testing.assert_allclose(matrix, matrix.transpose("point", "other_parameter", "parameter"),
                               atol=1e-12)  # fmt: skip
    made = switching_parameters(found)
    for name in ("imprint", "positive_remanence", "work_of_switching", "positive_coercive_bias",
                 "positive_nucleation_bias", "negative_nucleation_bias"):  # fmt: skip
        stated = float(np.sqrt((made[f"{name}_std"] ** 2).median()))
        low, high = np.nanpercentile(made[name], [15.87, 84.13])
        assert 0.5 * (high - low) == pytest.approx(stated, rel=0.08), name
    assert made["work_of_switching_std"].attrs["units"] == "mV V"


def test_the_covariance_is_that_of_the_normal_equations():
    noisy = loop() + 0.01 * np.random.default_rng(2).standard_normal((1, 64))
    noisy[0, 5] = np.nan
    weights = xr.DataArray(np.linspace(1.0, 2.0, 64), dims="bias")
    found = fit_loops(labelled(noisy), covariance=True, weights=weights).isel(point=0)
    numbers = [float(found[name]) for name in NAMES]
    falling = hysteresis.falls(BIAS).astype(float)
    _, *slopes = hysteresis.loop(BIAS, falling, *numbers)
    jacobian = np.array([np.broadcast_to(each, BIAS.shape) for each in slopes])
    weight = np.where(np.isnan(noisy[0]), 0.0, weights.values)
    inverse = np.linalg.inv((jacobian * weight) @ jacobian.T)
    expected = inverse * float(found["reduced_chi_square"])
    np.testing.assert_allclose(found["covariance"], expected, rtol=1e-5, atol=1e-12)


def test_a_parameter_that_is_held_has_no_covariance():
    noisy = loop() + 0.01 * np.random.default_rng(2).standard_normal((2, 64))
    noisy[1] = np.nan
    found = fit_loops(labelled(noisy), covariance=True, bounds={"a4": (-1.0, 0.0)})
    held = found["covariance"].sel(parameter="a4").isel(point=0)
    np.testing.assert_allclose(held.sel(other_parameter="a4"), found["a4_std"][0] ** 2)
    assert np.isnan(found["covariance"][1]).all()
    assert np.isnan(switching_parameters(found)["imprint_std"][1])
    lazy = fit_loops(labelled(noisy).chunk(point=1), covariance=True, bounds={"a4": (-1.0, 0.0)})
    assert lazy["covariance"].chunks is not None
    assert switching_parameters(lazy)["imprint_std"].chunks is not None
    xr.testing.assert_allclose(lazy["covariance"].compute(), found["covariance"])


def test_switching_parameters_are_what_the_loop_says():
    found = fit_loops(labelled(loop()))
    made = switching_parameters(found, threshold=0.05).isel(point=0)
    expected = {
        "positive_coercive_bias": 2.9, "negative_coercive_bias": -2.4, "imprint": 0.25,
        "positive_remanence": 1.1, "negative_remanence": -0.6, "switchable_polarization": 1.7,
        "work_of_switching": 5.3 * 1.7,
    }  # fmt: skip
    for name, value in expected.items():
        assert made[name].item() == pytest.approx(value, rel=1e-4), name
    rising = made["positive_nucleation_bias"].item()
    falling = made["negative_nucleation_bias"].item()
    flat = TRUTH.copy()
    flat[4] = 0.0
    for bias, branch, share in ((rising, -1.0, 0.05), (falling, 1.0, 0.95)):
        value = hysteresis.loop(np.array([bias]), branch, *flat)[0][0]
        assert (value + 0.6) / 1.7 == pytest.approx(share, abs=1e-4)
    assert made["work_of_switching"].attrs["units"] == "mV V"
    assert made["positive_coercive_bias_std"].attrs["units"] == "V"


def test_a_line_is_no_loop_and_a_loop_is_no_line():
    rng = np.random.default_rng(0)
    lines = 0.3 + 0.05 * BIAS + 0.05 * rng.standard_normal((40, 64))
    loops = loop() + 0.05 * rng.standard_normal((40, 64))
    found = compare_loop_line(labelled(np.concatenate([lines, loops])))
    assert found["is_loop"][:40].mean() <= 0.05
    assert (found["is_loop"][40:] == 1).all()


def test_criteria_are_those_of_the_likelihood_of_normal_noise():
    values = loop() + 0.05 * np.random.default_rng(0).standard_normal((1, 64))
    found = compare_loop_line(labelled(values)).isel(point=0)
    rest = values[0] - np.polyval(np.polyfit(BIAS, values[0], 1), BIAS)
    sigma = np.sqrt(np.mean(rest**2))
    likelihood = np.sum(-0.5 * (rest / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi)))
    assert found["aic_line"].item() == pytest.approx(-2 * likelihood + 2 * 3)
    assert found["bic_line"].item() == pytest.approx(-2 * likelihood + 3 * np.log(64))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda data: fit_loops(data.astype(complex)), "project them first"),
        (lambda data: fit_loops(data.rename(bias="time")), "expected a dimension 'bias'"),
        (lambda data: fit_loops(data, start="best"), "start must be one of"),
        (lambda data: fit_loops(data, start={"c": 1.0}), "start of"),
        (lambda data: fit_loops(data, bounds={"c": (0, 1)}), "bounds of"),
        (lambda data: fit_loops(data.isel(bias=slice(5))), "at least 9"),
        (project_loops, "expected complex responses"),
        (lambda data: project_loops(data.to_dataset(name="amplitude")), "'phase'\\] missing"),
        (lambda data: project_loops(data.astype(complex), angle="row"), "angle must be one of"),
        (lambda data: fit_loops(data, weights=data.isel(bias=slice(9))), "weights must have"),
        (lambda data: measure_loops(data.to_dataset(name="area")), "expected a `response`"),
        (lambda data: switching_parameters(data.to_dataset(name="a0")), "expected the parameters"),
        (
            lambda data: switching_parameters(fit_loops(data, restarts=0), threshold=2.0),
            "between 0 and 1",
        ),
    ],
)
def test_what_has_no_loops_is_refused_in_words(call, words):
    with pytest.raises(DataError, match=words):
        call(labelled(loop()))


@pytest.mark.shared
def test_no_loop_of_the_reference_costs_more_than_there(shared):
    reference = np.load(shared / "data/spm/loop_reference.npz")
    data = labelled(reference["loops"], reference["vdc"])
    found = fit_loops(data)
    cost = 0.5 * found["reduced_chi_square"] * found["degrees_of_freedom"]
    assert (cost <= reference["cost"] * (1 + 1e-6)).all()
    criteria = compare_loop_line(data)
    alike = cost >= reference["cost"] * (1 - 1e-4)
    assert alike.mean() > 0.9
    # There, eight numbers were counted for a loop and one for a line.
    for column, name, missing in ((0, "loop", 2), (2, "line", 2)):
        which = alike if name == "loop" else np.ones_like(alike)
        for criterion, number, factor in (("aic", 0, 2.0), ("bic", 1, np.log(64))):
            expected = reference["aic_bic"][:, column + number] + factor * missing
            found = criteria[f"{criterion}_{name}"]
            np.testing.assert_allclose(found[which], expected[which], atol=1e-2)
            assert (found <= expected + 1e-2).all()


@pytest.mark.shared
def test_switching_parameters_of_the_reference(shared):
    reference = np.load(shared / "data/spm/loop_reference.npz")
    fit = xr.Dataset({
        name: ("point", reference["bglib_fit_loop"][:, n]) for n, name in enumerate(NAMES)
    })  # fmt: skip
    made = switching_parameters(fit.assign_coords(point=np.arange(30)))
    names = (
        "positive_coercive_bias", "negative_coercive_bias", "imprint", "positive_remanence",
        "negative_remanence", "switchable_polarization", "work_of_switching",
    )  # fmt: skip
    for column, name in enumerate(names):
        np.testing.assert_allclose(made[name], reference["switching_of_fit"][:, column], rtol=1e-6)


@pytest.mark.shared
def test_spectra_along_loops_lead_to_the_loops_that_they_were_made_of(shared):
    folder = shared / "data/spm/beps_odf_synth"
    truth = np.load(folder / "truth.npz")
    real, imaginary = (
        np.fromfile(folder / f"beps_odf_synth_read_{part}.dat", "<f4") for part in ("real", "imag")
    )
    spectra = xr.DataArray(
        (real + 1j * imaginary).reshape(25, 32, 40),
        {
            "point": coordinate("point", np.arange(25), "1"),
            "bias": coordinate("bias", truth["vdc"], "V"),
            "frequency": coordinate("frequency", truth["frequency_hz"], "Hz"),
        },
        dims=("point", "bias", "frequency"),
        attrs={"units": "V"},
    )
    fit = fit_oscillator(spectra)
    assert (fit["status"] == 0).all()
    away = (fit["amplitude"] - truth["sho"][..., 0]) / fit["amplitude_std"]
    assert float(np.sqrt((away**2).mean())) == pytest.approx(1.0, abs=0.1)
    found = fit_loops(project_loops(fit))
    for column, name in ((2, "a2"), (3, "a3")):
        assert float(abs(found[name] - truth["loop"][:, column]).median()) < 0.15
    np.testing.assert_allclose(found["a1"] * 1e6, truth["loop"][:, 1], rtol=0.05)
