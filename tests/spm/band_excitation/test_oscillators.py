"""Oscillators are found in complex spectra: exactly, with honest uncertainties, or not at all."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.model import DataError, Status, coordinate
from omniscopy.physics import resonance
from omniscopy.spm import estimate_oscillator, fit_oscillator
from omniscopy.spm.band_excitation.linear_starts import (
    amplitude_at_pole,
    linear_starts,
    plain_linear_starts,
)
from omniscopy.spm.band_excitation.oscillator_fits import OscillatorFit

FREQUENCY = np.linspace(305e3, 365e3, 60)
NAMES = ("amplitude", "resonance_frequency", "quality_factor", "phase")


def labelled(values, dims=("point", "frequency"), frequency=FREQUENCY, units="Hz"):
    coords = {"frequency": coordinate("frequency", frequency, units)}
    for dim, size in zip(dims, np.shape(values), strict=True):
        if dim != "frequency":
            coords[dim] = coordinate(dim, np.arange(size), "1")
    return xr.DataArray(np.asarray(values), coords, dims=dims, attrs={"units": "V"})


def response(amplitude, f0, quality, degrees, frequency=FREQUENCY):
    parts = (np.asarray(each, float)[..., None] for each in (amplitude, f0, quality, degrees))
    a, b, c, d = parts
    return resonance.oscillator(frequency, a, b, c, np.radians(d))


def noisy(values, sigma, seed=0):
    rng = np.random.default_rng(seed)
    parts = rng.standard_normal((2, *np.shape(values)))
    return values + sigma * (parts[0] + 1j * parts[1])


@given(
    st.floats(1e-6, 1e3), st.floats(315e3, 355e3), st.floats(20.0, 400.0), st.floats(-179.9, 180.0)
)
def test_an_oscillator_without_noise_is_found_exactly(amplitude, f0, quality, degrees):
    found = fit_oscillator(labelled(response([amplitude], [f0], [quality], [degrees])))
    found = found.isel(point=0)
    assert found["status"] == 0
    assert float(found["amplitude"]) == pytest.approx(amplitude, rel=1e-6)
    assert float(found["resonance_frequency"]) == pytest.approx(f0, rel=1e-8)
    assert float(found["quality_factor"]) == pytest.approx(quality, rel=1e-6)
    turn = np.exp(1j * np.radians(float(found["phase"]) - degrees))
    assert abs(turn - 1.0) < 1e-6
    assert float(found["r_squared"]) == pytest.approx(1.0)


def test_the_phase_is_in_degrees_between_minus_and_plus_180():
    degrees = np.array([-180.0, -90.0, 0.0, 90.0, 135.0, 180.0])
    found = fit_oscillator(labelled(response(1.0, 335e3, 100.0, degrees)))
    assert found["phase"].attrs["units"] == "deg"
    np.testing.assert_allclose(found["phase"][1:5], degrees[1:5], atol=1e-6)
    np.testing.assert_allclose(np.abs(found["phase"][[0, 5]]), 180.0, atol=1e-6)


@pytest.mark.parametrize("background", ["none", "constant"])
@pytest.mark.parametrize("refined", [True, False])
def test_the_estimate_without_noise_is_exact_too(refined, background):
    values = response([1.0, 2.0], [330e3, 341e3], [60.0, 150.0], [20.0, -100.0])
    values = values + (0.3 - 0.2j if background == "constant" else 0.0)
    find = fit_oscillator if refined else estimate_oscillator
    found = find(labelled(values), background=background)
    np.testing.assert_allclose(found["quality_factor"], [60.0, 150.0], rtol=1e-6)
    np.testing.assert_allclose(found["phase"], [20.0, -100.0], atol=1e-4)
    if background == "constant":
        np.testing.assert_allclose(found["background"], 0.3 - 0.2j, rtol=1e-6)


def test_a_linear_background_is_taken_off():
    values = response([1.0], [330e3], [60.0], [20.0])
    values = values + (0.3 - 0.2j) + (1e-5 + 2e-5j) * (FREQUENCY - FREQUENCY.mean())
    found = fit_oscillator(labelled(values), background="linear")
    np.testing.assert_allclose(found["background_slope"], 1e-5 + 2e-5j, rtol=1e-6)
    assert found["background_slope"].attrs["units"] == "V/Hz"
    np.testing.assert_allclose(found["resonance_frequency"], 330e3, rtol=1e-8)


def test_the_scatter_is_the_reported_uncertainty():
    values = noisy(np.repeat(response([1.0], [336e3], [90.0], [40.0]), 6000, axis=0), 3.0)
    found = fit_oscillator(labelled(values))
    truth = dict(zip(NAMES, (1.0, 336e3, 90.0, 40.0), strict=True))
    assert (found["status"] == 0).all()
    for name in NAMES:
        std = float(found[f"{name}_std"].mean())
        assert float(found[name].std()) == pytest.approx(std, rel=0.05)
        assert abs(float(found[name].mean()) - truth[name]) < 0.1 * std
    assert float(found["reduced_chi_square"].mean()) == pytest.approx(9.0, rel=0.01)


def test_weights_of_a_noisy_half_band_help_and_keep_the_uncertainty_honest():
    sigma = np.where(np.arange(60) < 30, 1.0, 10.0)
    values = noisy(np.repeat(response([1.0], [336e3], [90.0], [40.0]), 3000, axis=0), sigma)
    weights = labelled(1.0 / sigma**2, ("frequency",)).assign_attrs(units="1/V^2")
    plain, found = (
        fit_oscillator(labelled(values)),
        fit_oscillator(labelled(values), weights=weights),
    )
    for name in NAMES:
        assert float(found[name].std()) < 0.8 * float(plain[name].std())
        std = float(found[f"{name}_std"].mean())
        assert float(found[name].std()) == pytest.approx(std, rel=0.05)
    assert found["reduced_chi_square"].attrs["units"] == "1"


def test_weights_of_every_spectrum_are_taken():
    values = response([1.0, 1.0], [336e3, 336e3], [90.0, 90.0], [40.0, 40.0])
    values[0, 10] = 1e3
    weights = np.ones((2, 60))
    weights[0, 10] = 0.0
    found = fit_oscillator(labelled(values), weights=labelled(weights))
    np.testing.assert_allclose(found["quality_factor"], 90.0, rtol=1e-6)


def test_bins_without_a_value_are_left_out():
    values = response([1.0], [336e3], [90.0], [40.0])
    values[0, [3, 30, 31]] = np.nan
    found = fit_oscillator(labelled(values))
    np.testing.assert_allclose(found["resonance_frequency"], 336e3, rtol=1e-9)


def test_bad_spectra_are_nan_flagged_and_alone():
    values = response(np.ones(6), 336e3, 90.0, 40.0)
    values[1] = np.nan
    values[2] = 0.0
    values[3].real = np.clip(values[3].real, -20.0, 20.0)
    values[4, 1:] = np.nan
    found = fit_oscillator(labelled(values))
    expected = [0, Status.NO_DATA, Status.NO_DATA, Status.INVALID, Status.NO_DATA, 0]
    assert found["status"].values.tolist() == expected
    for name in NAMES:
        assert np.isfinite(found[name][[0, 5]]).all()
        assert np.isnan(found[name][1:5]).all()
    np.testing.assert_allclose(found["quality_factor"][[0, 5]], 90.0, rtol=1e-6)


def test_noise_alone_is_no_crash():
    found = fit_oscillator(labelled(noisy(np.zeros((500, 60)), 1.0)))
    assert np.isfinite(found["r_squared"]).all()
    assert float(found["r_squared"].mean()) < 0.5


@pytest.mark.parametrize("turned", [False, True])
def test_data_of_the_other_convention_of_time_are_conjugated(turned):
    values = noisy(response([1.0, 2.0], [336e3, 341e3], [90.0, 60.0], [40.0, 10.0]), 0.1)
    rng = np.random.default_rng(1)
    values = np.concatenate([values, noisy(np.zeros((40, 60)), 5.0, rng)])
    data = labelled(values.conj() if turned else values)
    found = fit_oscillator(data)
    assert int(found["conjugated"]) == turned
    np.testing.assert_allclose(found["phase"][:2], [40.0, 10.0], atol=2.0)
    as_told = fit_oscillator(data, conjugate=turned)
    xr.testing.assert_allclose(as_told.drop_attrs(), found.drop_attrs())


def test_a_quality_factor_may_be_one_number_for_all_steps():
    f0 = np.linspace(325e3, 345e3, 12)
    values = np.stack([response(1.0, f0, quality, 20.0) for quality in (80.0, 140.0)])
    values = noisy(values, 2.0)
    data = labelled(values, ("cycle", "point", "frequency"))
    found, alone = fit_oscillator(data, shared="point"), fit_oscillator(data)
    assert found["quality_factor"].dims == ("cycle", "point")
    np.testing.assert_allclose(found["quality_factor"].std("point"), 0.0, atol=1e-9)
    std = found["quality_factor_std"].mean("point")
    assert (abs(found["quality_factor"].mean("point") - [80.0, 140.0]) < 4 * std).all()
    assert (std < 0.5 * alone["quality_factor_std"].mean("point")).all()
    lazy = fit_oscillator(data.chunk(cycle=1, point=5), shared="point").compute()
    xr.testing.assert_allclose(lazy.drop_attrs(), found.drop_attrs())


def test_a_robust_loss_withstands_spikes():
    values = noisy(response(np.ones(50), 336e3, 90.0, 40.0), 0.5)
    values[:, 5] += 300.0
    plain, robust = (
        fit_oscillator(labelled(values)),
        fit_oscillator(labelled(values), loss="cauchy"),
    )
    assert float(abs(robust["quality_factor"] - 90.0).max()) < 3.0
    assert float(abs(plain["quality_factor"] - 90.0).max()) > 3.0


def test_a_start_may_be_an_earlier_result():
    values = noisy(response(np.ones(20), 336e3, 90.0, 40.0), 1.0)
    found = fit_oscillator(labelled(values))
    again = fit_oscillator(labelled(values), start=found)
    for name in NAMES:
        np.testing.assert_allclose(again[name], found[name], rtol=1e-5)


def test_bounds_hold_and_are_told():
    values = response([1.0], [336e3], [90.0], [40.0])
    found = fit_oscillator(labelled(values), bounds={"quality_factor": (None, 50.0)}).isel(point=0)
    assert float(found["quality_factor"]) == 50.0
    assert found["status"] == Status.AT_BOUND
    assert np.isnan(found["quality_factor_std"])


def test_a_window_and_kilohertz_give_the_same():
    values = response([1.0], [336e3], [90.0], [40.0])
    data = labelled(values, frequency=FREQUENCY / 1e3, units="kHz")
    found = fit_oscillator(data, window=(320.0, 350.0))
    np.testing.assert_allclose(found["resonance_frequency"], 336e3, rtol=1e-9)


@pytest.mark.parametrize("order", [0, 2, 3])
def test_the_compiled_start_is_its_plain_twin(order):
    rng = np.random.default_rng(0)
    values = noisy(response(rng.uniform(0.5, 2.0, 30), 336e3, 90.0, 40.0), 3.0)
    values[3, 5:9] = np.nan
    values[4] = np.nan
    values[5].real = np.clip(values[5].real, -20.0, 20.0)
    x, weights = FREQUENCY / FREQUENCY.mean(), rng.uniform(0.5, 1.5, (1, 60))
    found = linear_starts(x, values, weights, order)
    twin = plain_linear_starts(x, values, weights, order)
    np.testing.assert_allclose(found, twin, rtol=1e-6, atol=1e-8)
    assert found[5, 2] == 1.0
    assert found[4, 3] == 1.0
    good = np.isfinite(found[:, 0])
    exact = linear_starts(x, response([1.0], [336e3], [90.0], [40.0]), None, order)
    assert amplitude_at_pole(x, exact) == pytest.approx(np.exp(1j * np.radians(40.0)))
    assert good.sum() == 29


def test_spectra_without_a_solution_of_the_equations_start_at_their_top():
    fit = OscillatorFit(
        FREQUENCY, -1, (0.0, 0.0), (1e9, np.inf), weighted=False, started=False, shared=0,
        refined=True, loss="linear", loss_scale=None, max_steps=100, threads=1,
    )  # fmt: skip
    phase, f0, quality = fit.estimate_at_top(response([1.0], [336e3], [90.0], [40.0]), None)[0]
    assert f0 == pytest.approx(336e3, abs=1100.0)
    assert quality == 100.0
    assert np.degrees(phase) == pytest.approx(40.0, abs=40.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: (abs(data), {}), "complex spectra"),
        (lambda data: (data.rename(frequency="time"), {}), "expected a dimension 'frequency'"),
        (lambda data: (data, {"window": (320e3, 321e3)}), "at least 3"),
        (lambda data: (data.assign_coords(frequency=FREQUENCY), {}), "must be in 'Hz'"),
        (lambda data: (data, {"background": "cubic"}), "background must be one of"),
        (lambda data: (data, {"shared": "bias"}), "not dimensions of the spectra"),
        (lambda data: (data, {"bounds": {"amplitude": (0, 1)}}), "they can be given for"),
        (lambda data: (data, {"bounds": {"quality_factor": (9, 1)}}), "must be \\(low, high\\)"),
        (lambda data: (data, {"loss": "cubic"}), "loss must be one of"),
        (lambda data: (data, {"start": xr.Dataset()}), "start must hold"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(change, words):
    data, options = change(labelled(response([1.0], [336e3], [90.0], [40.0])))
    with pytest.raises(DataError, match=words):
        fit_oscillator(data, **options)


def test_bins_that_differ_between_steps_are_refused_in_words():
    values = response(np.ones(3), 336e3, 90.0, 40.0)
    bins = np.stack([FREQUENCY, FREQUENCY + 1e3, FREQUENCY])
    data = xr.DataArray(
        values, {"frequency": (("bias", "sample"), bins, {"units": "Hz"})}, dims=("bias", "sample")
    )
    with pytest.raises(DataError, match="fit each set on its own"):
        fit_oscillator(data)


@pytest.mark.shared
def test_the_cost_is_at_most_that_of_an_independent_fit_and_errors_are_as_small_as_can_be(shared):
    reference = np.load(shared / "data/spm/sho_reference.npz")
    frequency, spectra = reference["frequency_hz"], reference["spectra"]
    found = fit_oscillator(labelled(spectra, frequency=frequency))
    assert (found["status"] == 0).all()

    def cost(parameters):
        columns = (parameters[:, n, None] for n in range(4))
        return np.sum(np.abs(resonance.oscillator(frequency, *columns) - spectra) ** 2, axis=1)

    ours = np.stack([found[name] for name in NAMES], axis=1)
    ours[:, 3] = np.radians(ours[:, 3])
    assert (cost(ours) <= cost(reference["complex_lm_fit"]) * (1 + 1e-6)).all()
    assert (cost(ours) <= cost(reference["bglib_shipped_fit"])).all()
    # The noise of the reference is that of both parts together.
    sigma = reference["noise_sigma"] / np.sqrt(2.0)
    bound = _cramer_rao(frequency, reference["truth"][:, :4], sigma)
    away = ours - reference["truth"][:, :4]
    away[:, 3] = np.angle(np.exp(1j * away[:, 3]))
    error = np.sqrt(np.mean((away / bound) ** 2, axis=0))
    assert (error <= 1.2).all(), error
    std = np.stack([found[f"{name}_std"] for name in NAMES], axis=1)
    std[:, 3] = np.radians(std[:, 3])
    np.testing.assert_allclose(np.median(std / bound, axis=0), 1.0, rtol=0.1)


def _cramer_rao(frequency, truth, sigma):
    """Return the least standard deviation of each parameter, from derivatives by differences."""
    steps = truth * 1e-6

    def values(parameters):
        made = resonance.oscillator(frequency, *(parameters[:, n, None] for n in range(4)))
        return np.concatenate([made.real, made.imag], axis=1)

    jacobian = []
    for n in range(4):
        move = np.zeros(4)
        move[n] = 1.0
        ahead, behind = values(truth + steps * move), values(truth - steps * move)
        jacobian.append((ahead - behind) / (2 * steps[:, n, None]))
    slopes = np.stack(jacobian, axis=2)
    inverse = np.linalg.inv(np.einsum("spa,spb->sab", slopes, slopes))
    return sigma[:, None] * np.sqrt(np.einsum("saa->sa", inverse))


def test_the_sample_is_what_its_truth_says():
    truth = om.simulate.oscillator_maps()
    found = fit_oscillator(om.samples.band_excitation())
    pull = (found["resonance_frequency"] - truth["resonance_frequency"]) / found[
        "resonance_frequency_std"
    ]
    assert 0.8 < float(pull.std()) < 1.2
    turn = np.radians(found["phase"]) - truth["phase"]
    assert float(abs(np.exp(1j * turn) - 1).max()) < 0.05
