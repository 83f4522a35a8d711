"""Zero loss, thickness, deconvolution, plasmons and dielectric functions of low losses."""

import json

import numpy as np
import pytest
import xarray as xr

from omniscopy import eels, open_signal, samples, simulate
from omniscopy.eels.simulation import _detected
from omniscopy.eels.zero_loss import peak_kernel as kernel
from omniscopy.eels.zero_loss.shapes import SHAPES as MODELS
from omniscopy.eels.zero_loss.shapes import areas_of, figures_of
from omniscopy.model import DataError, coordinate, validate
from omniscopy.physics import peaks
from omniscopy.physics.electron import effective_energy
from omniscopy.physics.energy_loss import geometry, kramers_kronig, plasmons, plural
from omniscopy.physics.energy_loss.zero_losses import product_of_lorentzians


def labelled(values, energy, **attrs):
    """Return spectra on an axis of energy losses in eV."""
    values = np.asarray(values)
    dims = ("x", "energy_loss")[-values.ndim :]
    along = {"energy_loss": coordinate("energy_loss", energy, "eV")}
    return xr.DataArray(values, along, dims=dims, attrs={"units": "counts", **attrs})


def line(values):
    """Return numbers along x."""
    return xr.DataArray(
        np.asarray(values, float), {"x": coordinate("x", np.arange(len(values)), "nm")}, dims="x"
    )


ENERGY = -10.0 + 0.1 * np.arange(400)


@pytest.mark.parametrize("method", ["peak", "centroid", "cross_correlation", "model"])
def test_zero_losses_are_found_between_channels(method):
    places = np.array([-0.432, 0.0, 0.017, 0.25, 1.31])
    data = labelled(1e4 * np.exp(-0.5 * ((ENERGY - places[:, None]) / 0.5) ** 2), ENERGY)
    found = eels.align_zero_loss(data, method=method)
    atol = 3e-3 if method == "centroid" else 1e-4
    np.testing.assert_allclose(found["shift"], places, atol=atol)
    middle = found["aligned"].sel(energy_loss=slice(-5, 5))
    expected = 1e4 * np.exp(-0.5 * (middle["energy_loss"].values / 0.5) ** 2)
    np.testing.assert_allclose(middle, np.tile(expected, (5, 1)), atol=1e4 * 3 * atol)
    assert found["shift"].attrs["units"] == "eV"


def test_shifts_scatter_as_they_say():
    rng = np.random.default_rng(1)
    mean = 400.0 * np.exp(-0.5 * ((ENERGY - 0.23) / 0.6) ** 2)
    data = labelled(rng.poisson(mean, (1500, len(ENERGY))).astype(float), ENERGY)
    for method in ("peak", "model"):
        found = eels.align_zero_loss(data, method=method)
        away = (found["shift"] - 0.23) / found["shift_std"]
        assert float(away.std()) == pytest.approx(1.0, abs=0.12)
        assert abs(float(away.mean())) < 0.15


def test_core_losses_are_shifted_by_as_much_on_their_own_axis():
    low = labelled(np.exp(-0.5 * ((ENERGY - np.array([[0.3], [-0.7]])) / 0.5) ** 2), ENERGY)
    core_energy = 400.0 + 0.25 * np.arange(400)
    step = 1.0 / (1.0 + np.exp(-(core_energy - np.array([[450.3], [449.3]])) / 2.0))
    found = eels.align_zero_loss(low, labelled(step, core_energy))
    made = found["aligned_core_loss"].sel(energy_loss_core=slice(420, 480))
    expected = 1.0 / (1.0 + np.exp(-(made["energy_loss_core"].values - 450.0) / 2.0))
    np.testing.assert_allclose(made, np.tile(expected, (2, 1)), atol=1e-4)


def test_the_zero_loss_of_thick_samples_is_not_the_plasmon():
    data = eels.simulate_spectrum(t_over_lambda=3.5, noise=False, zero_loss_fwhm=3.0)
    assert float(data.idxmax("energy_loss")) > 10
    assert float(eels.align_zero_loss(data)["shift"]) == pytest.approx(0.0, abs=0.05)


SHAPES = {
    "gaussian": (peaks.gaussian, (1e4, 0.123, 0.5)),
    "lorentzian": (peaks.lorentzian, (1e4, 0.123, 0.5)),
    "pseudo_voigt": (peaks.pseudo_voigt, (1e4, 0.123, 1.1, 0.4)),
    "voigt": (peaks.voigt, (1e4, 0.123, 0.4, 0.3)),
    "split_voigt": (peaks.split_voigt, (1e4, 0.123, 0.9, 1.3, 0.4)),
    "lorentzian_product": (product_of_lorentzians, (1e4, 0.05, 0.6, 0.3, 0.9)),
}


@pytest.mark.parametrize("model", SHAPES)
def test_zero_losses_without_noise_are_fitted_exactly(model):
    function, parameters = SHAPES[model]
    found = eels.fit_zero_loss(labelled(function(ENERGY, *parameters)[0], ENERGY), model=model)
    names = [name for name in found if f"{name}_std" in found][: len(parameters)]
    values = [float(found[name]) for name in names]
    np.testing.assert_allclose(sorted(values), sorted(parameters), rtol=1e-4)
    fine = np.linspace(-3, 3, 600001)
    curve = function(fine, *parameters)[0]
    above = fine[curve >= 0.5 * curve.max()]
    assert float(found["centre"]) == pytest.approx(fine[np.argmax(curve)], abs=1e-4)
    assert float(found["fwhm"]) == pytest.approx(above[-1] - above[0], rel=1e-3)
    assert float(found["intensity"]) == pytest.approx(
        function(ENERGY, *parameters)[0].sum(), rel=1e-3
    )


def test_fitted_zero_losses_scatter_as_they_say():
    rng = np.random.default_rng(2)
    mean = peaks.pseudo_voigt(ENERGY, 800.0, 0.1, 1.2, 0.5)[0]
    data = labelled(rng.poisson(mean, (1500, len(ENERGY))).astype(float), ENERGY)
    found = eels.fit_zero_loss(data)
    for name, truth in (("centre", 0.1), ("fwhm", 1.2), ("intensity", mean.sum())):
        away = (found[name] - truth) / found[f"{name}_std"]
        assert float(away.std()) == pytest.approx(1.0, abs=0.12)
        assert abs(float(away.mean())) < 0.25


@pytest.mark.parametrize("place", [20, 99, 300])
def test_infinite_channels_spoil_only_their_spectrum(place):
    good = 1e4 * np.exp(-0.5 * ((ENERGY - 0.23) / 0.5) ** 2)
    spoiled = good.copy()
    spoiled[place] = np.inf
    found = eels.align_zero_loss(labelled(np.stack([good, spoiled]), ENERGY))
    assert float(found["shift"][0]) == pytest.approx(0.23, abs=1e-4)
    assert int(found["status"][1]) != 0 or float(found["shift"][1]) == pytest.approx(0.23, abs=0.1)


def test_saturated_and_empty_spectra_have_no_zero_loss_and_are_alone():
    good = 1e4 * np.exp(-0.5 * (ENERGY / 0.5) ** 2)
    data = labelled(np.stack([good, np.minimum(good, 5e3), np.zeros(400), good * np.nan]), ENERGY)
    for found in (
        eels.fit_zero_loss(data), eels.align_zero_loss(data), eels.measure_thickness(data)
    ):  # fmt: skip
        assert found["status"].values.tolist() == [0, 5, 4, 4]
        first = next(iter(found.data_vars.values()))
        assert np.isfinite(first[0]).all()
        assert np.isnan(first[1:]).all()


def test_zero_loss_and_losses_are_the_spectrum():
    data = samples.low_loss()
    for method in ("mirrored", "threshold", "gaussian"):
        parts = eels.subtract_zero_loss(data, method=method)
        np.testing.assert_allclose(parts["zero_loss"] + parts["inelastic"], data, rtol=1e-6)


@pytest.mark.parametrize(("fwhm", "step"), [(0.8, 0.1), (1.5, 0.25), (3.0, 0.5)])
def test_thickness_of_a_line_is_exact_to_two_thousandths(fwhm, step):
    truth = line(np.linspace(0.05, 3.0, 9))
    data = eels.simulate_spectrum(
        t_over_lambda=truth, noise=False, zero_loss_fwhm=fwhm, dispersion=step,
        channels=int(330 / step), zero_loss_shift=0.37 * step, start=-15.0,
        plasmon_energy=15.0, plasmon_width=2.0,
    )  # fmt: skip
    found = eels.measure_thickness(data)
    np.testing.assert_allclose(found["t_over_lambda"], truth, rtol=2e-3)


@pytest.mark.parametrize("options", [{"threshold": 5.0}, {}], ids=["threshold", "mirrored"])
@pytest.mark.parametrize("thickness", [0.3, 0.7, 1.5])
def test_thickness_scatters_as_it_says(thickness, options):
    truth = line(np.full(600, thickness))
    data = eels.simulate_spectrum(t_over_lambda=truth, electrons=1e6, dispersion=0.25, rng=4)
    found = eels.measure_thickness(data, **options)
    away = (found["t_over_lambda"] - found["t_over_lambda"].mean()) / found["t_over_lambda_std"]
    assert float(away.std()) == pytest.approx(1.0, abs=0.1)


def test_thickness_in_nanometres_is_that_of_the_mean_free_path():
    found = eels.measure_thickness(samples.low_loss(), density=2.33)
    path = eels.mean_free_path(
        density=2.33, voltage=200e3, convergence_mrad=0.0, collection_mrad=20.0
    )
    np.testing.assert_allclose(found["thickness"], path * found["t_over_lambda"])


@pytest.mark.shared
def test_thickness_of_a_real_spectrum_is_that_of_the_peer(shared):
    folder = shared / "data" / "tem"
    peer = json.loads((folder / "peer_results.json").read_text("utf-8"))["lowloss_spectrum.msa"]
    found = eels.measure_thickness(
        open_signal(folder / "lowloss_spectrum.msa"), threshold=peer["elastic_threshold_eV"],
        extrapolate=False,
    )  # fmt: skip
    assert float(found["elastic_intensity"]) == pytest.approx(peer["I0"])
    assert float(found["total_intensity"]) == pytest.approx(peer["Itot"])
    assert float(found["t_over_lambda"]) == pytest.approx(peer["t_over_lambda"], rel=1e-9)


@pytest.mark.parametrize("thickness", [0.3, 1.0, 2.5, 4.5])
def test_fourier_log_gives_single_scattering_at_any_thickness(thickness):
    energy = -20.0 + 0.25 * np.arange(2400)
    shape = np.exp(-0.5 * (energy / 0.6) ** 2)
    zero = 1e6 * shape / shape.sum()
    single = plural.single_scattering(0.25 * np.arange(2400), 18.0, 4.5, 200e3, 0.02)
    data = labelled(plural.plural(zero, single, np.array([thickness]))[0], energy)
    elastic = labelled(zero * np.exp(-thickness), energy)
    found = eels.deconvolve(data, elastic, method="fourier_log")
    expected = thickness * np.exp(-thickness) * np.convolve(zero, single)[:2400]
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.max())


@pytest.mark.parametrize(("gain", "units"), [(1.0, "counts"), (40.0, "1")])
def test_a_zero_loss_that_is_cut_out_of_noisy_data_does_not_ring(gain, units):
    # Its edge is stronger than the noise at frequencies where the whole has nothing else.
    energy = -40.0 + 0.2 * np.arange(2048)
    shape = np.exp(-0.5 * (energy / 1.3) ** 2)
    elastic = 8e5 * shape / shape.sum()
    single = plural.single_scattering(0.2 * np.arange(2048), 22.0, 6.0, 200e3, 0.02)
    whole = plural.plural(elastic, single, np.array([0.8]))[0]
    noisy = gain * np.random.default_rng(3).poisson(whole)
    zero = np.where(energy < 3.25, noisy, 0)
    data, part = (labelled(values, energy, units=units) for values in (noisy, zero))
    found = eels.deconvolve(data, part, method="fourier_log").values
    expected = gain * 0.8 * np.exp(-0.8) * np.convolve(elastic, single)[: len(energy)]
    losses = energy > 10.0
    assert np.std(found[losses] - expected[losses]) < 0.01 * expected.max()
    assert found[losses].sum() == pytest.approx(expected[losses].sum(), rel=0.02)
    assert np.abs(found[energy < -8.0]).max() < 0.05 * expected.max()


def test_fourier_ratio_takes_plasmons_off_core_losses():
    options = {"dispersion": 0.5, "noise": False, "electrons": 1e9, "zero_loss_fwhm": 1.5}
    low = eels.simulate_spectrum(t_over_lambda=1.2, start=-20.25, channels=640, **options)
    thick, thin = (
        eels.simulate_spectrum({"O": 500.0}, start=450.0, channels=500, t_over_lambda=t, **options)
        for t in (1.2, 0.0)
    )
    found = eels.deconvolve(thick, low, method="fourier_ratio")
    inside = {"energy_loss": slice(500, 640)}
    np.testing.assert_allclose(
        found.sel(inside), thin.sel(inside), atol=5e-3 * float(thin.max())
    )  # fmt: skip


def test_richardson_and_lucy_sharpen_and_keep_the_sum():
    data = eels.simulate_spectrum(t_over_lambda=0.5, noise=False, dispersion=0.25, channels=600)
    found = eels.deconvolve(data, method="richardson_lucy")
    assert float(found.sum()) == pytest.approx(float(data.sum()), rel=1e-3)
    before, after = (
        float(eels.fit_zero_loss(each, model="gaussian")["fwhm"]) for each in (data, found)
    )
    assert after < 0.6 * before


def test_plasmons_are_found_exactly():
    energy = 0.1 * np.arange(600)
    found = eels.fit_plasmon(labelled(plasmons.drude(energy, 7.0, 15.0, 1.5)[0], energy))
    assert float(found["energy"]) == pytest.approx(15.0, abs=1e-6)
    assert float(found["width"]) == pytest.approx(1.5, abs=1e-6)
    assert float(found["amplitude"]) == pytest.approx(7.0, rel=1e-6)


def test_plasmons_of_thick_samples_are_found_with_any_number_of_scatterings():
    truth = line([0.3, 1.0, 2.5])
    data = eels.simulate_spectrum(
        t_over_lambda=truth, noise=False, dispersion=0.25, channels=1200, zero_loss_fwhm=1.0
    )
    found = eels.fit_plasmon(data, plural=True)
    np.testing.assert_allclose(found["energy"], 18.0, atol=5e-3)
    np.testing.assert_allclose(found["width"], 4.5, atol=1e-2)
    np.testing.assert_allclose(found["t_over_lambda"], truth, rtol=2e-3)


@pytest.mark.parametrize("thickness", [0.3, 2.0])
def test_plasmons_scatter_as_they_say_where_most_channels_are_nearly_empty(thickness):
    settings = {"dispersion": 0.25, "channels": 900, "zero_loss_fwhm": 1.2}
    truth = line(np.full(300, thickness))
    data = eels.simulate_spectrum(t_over_lambda=truth, electrons=1e6, rng=6, **settings)
    found = eels.fit_plasmon(data, plural=True)
    exact = eels.simulate_spectrum(
        t_over_lambda=line([thickness]), electrons=1e6, noise=False, **settings
    )
    without = eels.fit_plasmon(exact, plural=True)
    for name in ("energy", "width", "t_over_lambda"):
        away = (found[name] - without[name].item()) / found[f"{name}_std"]
        assert float(away.std()) == pytest.approx(1.0, abs=0.12)
        assert abs(float(away.mean())) < 0.25
    assert float(found["reduced_chi_square"].mean()) == pytest.approx(1.0, abs=0.03)


def drude_metal(*, surfaces=False):
    """Return single scattering of 50 nm of a metal, its permittivity and the zero loss."""
    energy, step = 0.1 * np.arange(1500), 0.1
    permittivity = plasmons.drude_permittivity(np.maximum(energy, 1e-6), 15.0, 1.5)
    loss = plasmons.loss_function(permittivity)
    angles = geometry.dipole_angles(np.maximum(energy, 1e-6), 200e3, 0.01)
    scale = 1e6 * 50.0 * step / (2 * np.pi * geometry.BOHR_RADIUS * effective_energy(200e3))
    values = np.concatenate([np.zeros(100), scale * loss * angles])
    return labelled(values, 0.1 * (np.arange(1600) - 100)), permittivity


@pytest.mark.parametrize(
    "scale", [{"refractive_index": np.inf}, {"thickness": 50.0}], ids=["index", "thickness"]
)
def test_the_permittivity_of_a_metal_is_found_within_two_percent(scale):
    data, truth = drude_metal()
    found = eels.kramers_kronig(
        data, voltage=200e3, collection_mrad=10.0, zero_loss_intensity=1e6, **scale
    )
    values = (found["permittivity_real"] + 1j * found["permittivity_imaginary"]).values
    away = np.abs(values[102:1400] - truth[2:1300]) / np.abs(truth[2:1300])
    assert away.max() < 0.02
    assert float(found["thickness"]) == pytest.approx(50.0, rel=1e-3)
    assert np.isnan(values[:101]).all()


def test_losses_at_surfaces_are_taken_off():
    energy = 0.1 * np.arange(1500)
    truth = plasmons.oscillator_permittivity(energy, [[96.0, 6.0, 2.0], [150.0, 15.0, 8.0]])
    loss = plasmons.loss_function(truth)
    angles = np.zeros(1500)
    angles[1:] = geometry.dipole_angles(energy[1:], 200e3, 0.01)
    scale = 1e6 * 50.0 * 0.1 / (2 * np.pi * geometry.BOHR_RADIUS * effective_energy(200e3))
    surface = kramers_kronig.surface_losses(
        truth, loss, energy, voltage=200e3, collection=0.01, intensity=np.array(1e5)
    )
    data = labelled(
        np.concatenate([np.zeros(100), scale * loss * angles + surface]),
        0.1 * (np.arange(1600) - 100),
    )
    index = float(np.sqrt(truth[0].real))
    found = [
        eels.kramers_kronig(
            data, refractive_index=index, zero_loss_intensity=1e6, surface_steps=steps,
            voltage=200e3, collection_mrad=10.0,
        )
        for steps in (0, 20)
    ]  # fmt: skip
    assert float(found[0]["thickness"]) > 53.0
    assert float(found[1]["thickness"]) == pytest.approx(50.0, rel=5e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: eels.align_zero_loss(d.sel(energy_loss=slice(1, None))), "needs the zero loss"),
        (lambda d: eels.fit_zero_loss(d, window=(1.0, 2.0)), "must hold it"),
        (lambda d: eels.fit_zero_loss(d, model="box"), "model must be one of"),
        (lambda d: eels.measure_thickness(d, threshold=-3.0), "threshold must lie between 0"),
        (lambda d: eels.measure_thickness(d, density=-1.0), "density must be above 0"),
        (lambda d: eels.deconvolve(d, method="fourier_ratio"), "needs the low loss"),
        (lambda d: eels.deconvolve(d, d.isel(energy_loss=slice(0, None, 2)),
                                   method="fourier_log"), "steps of"),
        (lambda d: eels.kramers_kronig(d, voltage=200e3, collection_mrad=10.0), "give either"),
        (lambda d: eels.kramers_kronig(d, refractive_index=2.0), "the beam energy is not known|"
         "collection angle is not known"),
        (lambda d: eels.fit_plasmon(d, window=(500.0, 600.0)), "holds 0 channels"),
        (lambda d: eels.align_zero_loss(d.isel(x=0), method="cross_correlation"), "only one"),
    ],
)  # fmt: skip
def test_bad_calls_are_refused(call, message):
    data = labelled(np.exp(-0.5 * (ENERGY / 0.5) ** 2)[None] * np.ones((2, 1)), ENERGY)
    with pytest.raises(DataError, match=message):
        call(data)


def test_energies_that_are_none_are_refused():
    data = labelled(np.ones(400), ENERGY)
    data["energy_loss"].attrs["units"] = "nm"
    with pytest.raises(DataError, match="must be in 'eV'"):
        eels.measure_thickness(data)


def test_the_missing_attribute_is_named():
    data = labelled(np.ones(400), ENERGY)
    with pytest.raises(DataError, match=r"metadata'\]\['detector'\]\['collection_angle'\]"):
        eels.kramers_kronig(data, refractive_index=2.0, voltage=200e3)
    data.attrs["metadata"] = {"detector": {"collection_angle": 10.0}}
    with pytest.raises(DataError, match=r"metadata'\]\['beam'\]\['voltage'\]"):
        eels.kramers_kronig(data, refractive_index=2.0)


def test_the_truth_of_simulated_spectra_is_kept():
    data = eels.simulate_spectrum(t_over_lambda=simulate.phase_map((2, 3)), electrons=1e5)
    assert data.dims == ("y", "x", "energy_loss")
    assert data.attrs["metadata"]["truth"]["electrons"] == 1e5
    again = eels.simulate_spectrum(t_over_lambda=simulate.phase_map((2, 3)), electrons=1e5)
    xr.testing.assert_equal(data, again)
    quiet = eels.simulate_spectrum(electrons=1e5, noise=False, channels=1200)
    assert float(quiet.sum()) == pytest.approx(1e5, rel=1e-3)


@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_the_noise_of_the_detector_is_what_was_asked_for(gain):
    many = line(np.zeros(400))
    options = {"electrons": 1e5, "gain": gain, "readout_noise": 5.0, "t_over_lambda": many}
    data = eels.simulate_spectrum(channels=64, dispersion=0.5, start=-10.0, rng=1, **options)
    mean, variance = data.mean("x"), data.var("x")
    np.testing.assert_allclose(
        variance.sel(energy_loss=slice(-1, 1)), gain * mean.sel(energy_loss=slice(-1, 1)) + 25.0,
        rtol=0.25,
    )  # fmt: skip


def test_walks_to_peaks_are_those_of_numpy():
    rng = np.random.default_rng(5)
    for size in (1, 2, 3, 4, 7, 130):
        rows = np.round(rng.normal(1.0, 2.0, (60, size)), 1)
        rows[rng.random(rows.shape) < 0.05] = np.nan
        rows[rng.random(rows.shape) < 0.02] = np.inf
        top, height = np.empty(60, np.int64), np.empty(60)
        kernel.walk_to_summits(rows, 0.5, 0.1, top, height)
        for found, plain in zip((top, height), kernel.summits_plain(rows, 0.5, 0.1), strict=True):
            np.testing.assert_array_equal(found, plain)
        ends = np.empty((2, 60), np.int64)
        kernel.walk_to_ends(rows, top, 0.5 * height, *ends)
        np.testing.assert_array_equal(ends, kernel.ends_plain(rows, top, 0.5 * height))
        runs = np.empty(60, np.int64)
        kernel.count_runs(rows, height, runs)
        for row, value, run in zip(rows, height, runs, strict=True):
            text = "".join("1" if each else "0" for each in row == value)
            assert run == max(len(part) for part in text.split("0"))


@pytest.mark.parametrize("model", ["gaussian", "lorentzian", "pseudo_voigt"])
def test_closed_forms_of_a_peak_are_what_its_formula_gives(model):
    shape = MODELS[model]
    found = np.array([[30.0, 0.12, 0.4, 0.3], [7.0, -0.4, 1.1, 0.8]])[:, : len(shape.names)]
    nodes, weights = np.polynomial.legendre.leggauss(4000)
    low, high = -3.0, 5.0
    x = 0.5 * (low + high) + 0.5 * (high - low) * nodes
    value, slopes = shape.formula.evaluate([x], (), found)
    area, slope = areas_of(shape, found, low, high)
    np.testing.assert_allclose(area, 0.5 * (high - low) * value @ weights, rtol=1e-9)
    np.testing.assert_allclose(slope, 0.5 * (high - low) * slopes @ weights, rtol=1e-8, atol=1e-9)
    figures = figures_of(shape, found, np.ones((2, *[len(shape.names)] * 2)), x[:2], x[:2])
    half = shape.formula.evaluate(
        [figures.centre[:, None] + 0.5 * figures.fwhm[:, None]], (), found
    )
    np.testing.assert_allclose(half[0][:, 0], 0.5 * found[:, 0], rtol=1e-12)


def test_aligned_and_split_spectra_know_their_beam():
    low = samples.low_loss()
    aligned = eels.align_zero_loss(low, low)
    split = eels.subtract_zero_loss(low)
    parts = aligned["aligned"], aligned["aligned_core_loss"], split["inelastic"]
    assert all(each.attrs["metadata"] == low.attrs["metadata"] for each in parts)
    inside = aligned["aligned"].sel(energy_loss=slice(-10.0, 80.0))
    found = eels.measure_thickness(inside, density=2.33)
    assert found["thickness"].notnull().all()


def test_pixels_of_simulated_maps_are_counted_where_they_have_no_place():
    thickness = xr.DataArray(np.full((2, 3), 0.5), dims=("y", "x"))
    made = eels.simulate_spectrum(start=-10.0, channels=60, t_over_lambda=thickness)
    assert validate(made) == []
    assert made["x"].values.tolist() == [0.0, 1.0, 2.0]


def test_electrons_are_drawn_alike_whatever_rounding_makes_of_empty_channels():
    mean = np.full(400, 40.0)
    empty = np.arange(400) % 3 > 0
    rounded = np.random.default_rng(1).choice([-1e-17, 0.0, 1e-17], (2, 400))
    one, other = (
        _detected(np.where(empty, each, mean), 1.0, 0.0, 0.0, noise=True, rng=5) for each in rounded
    )
    np.testing.assert_array_equal(one, other)
    assert (one[empty] == 0).all()
    assert abs(one[~empty].mean() - 40.0) < 4 * np.sqrt(40.0 / np.sum(~empty))
