"""Backgrounds, edges and quantification of core losses."""

import dask
import numpy as np
import pytest
import xarray as xr

from omniscopy import eels, open_signal, samples
from omniscopy.eels.background.power_kernel import subtract, subtract_plain
from omniscopy.eels.core_loss.quantification import NoElectronsWarning
from omniscopy.model import DataError, coordinate
from omniscopy.signal.simplex import fit_fractions, solve_each

ENERGY = 300.0 + 0.5 * np.arange(600)


def labelled(values, energy=ENERGY, **attrs):
    """Return spectra on an axis of energy losses in eV."""
    values = np.asarray(values)
    dims = ("y", "x", "energy_loss")[-values.ndim :]
    sizes = dict(zip(dims, values.shape, strict=True))
    along = {d: coordinate(d, np.arange(float(sizes[d])), "nm") for d in dims[:-1]}
    along["energy_loss"] = coordinate("energy_loss", energy, "eV")
    return xr.DataArray(values, along, dims=dims, attrs={"units": "counts", **attrs})


def power_laws(exponents, amplitude=5e3):
    """Return power laws that are `amplitude` at 300 eV."""
    return amplitude * (ENERGY / 300.0) ** -np.asarray(exponents)[..., None]


@pytest.mark.parametrize("method", ["weighted", "two_area", "poisson"])
def test_power_laws_without_noise_are_exact(method):
    truth = np.array([1.2, 2.5, 3.0, 4.8])
    found = eels.fit_power_law(labelled(power_laws(truth)), (305, 480), method=method)
    np.testing.assert_allclose(found["exponent"], truth, rtol=1e-8)
    at = found.attrs["reference_energy"]
    np.testing.assert_allclose(found["amplitude"], 5e3 * (at / 300.0) ** -truth, rtol=1e-8)
    assert (found["status"] == 0).all()


@pytest.mark.parametrize("method", ["weighted", "two_area", "poisson"])
def test_power_laws_scatter_as_they_say(method):
    rng = np.random.default_rng(0)
    data = labelled(rng.poisson(power_laws(np.full(1500, 3.0), 300.0)).astype(float))
    found = eels.fit_power_law(data, (305, 480), method=method)
    away = (found["exponent"] - 3.0) / found["exponent_std"]
    assert float(away.std()) == pytest.approx(1.0, abs=0.08)
    assert abs(float(away.mean())) < 0.1
    background = eels.fit_background(
        data, (305, 480), method="power_law" if method == "weighted" else method
    )
    truth = power_laws(3.0, 300.0)
    away = ((background["background"] - truth) / background["background_std"]).isel(energy_loss=500)
    assert float(away.std()) == pytest.approx(1.0, abs=0.1)


def test_sums_of_power_laws_are_exact_and_not_negative():
    values = power_laws(2.0) + 0.3 * power_laws(4.0)
    found = eels.fit_background(labelled(values), (305, 480), method="power_law_sum")
    np.testing.assert_allclose(found["background"], values, rtol=1e-6)
    rng = np.random.default_rng(1)
    noisy = labelled(rng.poisson(power_laws(np.full(50, 3.0), 100.0)).astype(float))
    made = eels.fit_background(noisy, (305, 480), method="power_law_sum")["background"]
    assert (made > 0).all()
    assert (made.diff("energy_loss") < 0).all()
    assert (made.diff("energy_loss").diff("energy_loss") > 0).all()


def test_exponentials_and_two_fixed_power_laws_are_exact():
    values = 2e3 * np.exp(-(ENERGY - 300.0) / 150.0)
    found = eels.fit_background(labelled(values), (305, 480), method="exponential")
    np.testing.assert_allclose(found["background"], values, rtol=1e-6)
    values = power_laws(2.0) + power_laws(3.5)
    found = eels.fit_background(labelled(values), (305, 480), method="lcpl", exponents=(2.0, 3.5))
    np.testing.assert_allclose(found["background"], values, rtol=1e-6)


def test_exponents_of_two_power_laws_come_from_many_spectra():
    rng = np.random.default_rng(2)
    data = labelled(rng.poisson(power_laws(np.full(100, 3.0), 200.0)).astype(float))
    free, held = (
        eels.fit_background(data, (305, 480), method=method)["background"].isel(energy_loss=-1)
        for method in ("power_law", "lcpl")
    )
    assert float(held.std()) < float(free.std())


def test_local_averages_are_less_noisy():
    rng = np.random.default_rng(3)
    data = labelled(rng.poisson(power_laws(np.full((8, 9), 3.0), 100.0)).astype(float))
    alone, together = (
        eels.fit_background(data, (305, 480), radius=radius)["background"].isel(energy_loss=-1)
        for radius in (None, 2.0)
    )
    # A disc of radius 2 holds 13 spectra.
    ratio = float(alone.std() / together.std())
    assert 2.0 < ratio < 6.0


def test_what_is_subtracted_is_what_was_fitted():
    data = samples.core_loss()
    for method in ("power_law", "two_area", "poisson", "exponential", "power_law_sum"):
        options = {"window": (395, 450), "method": method}
        fitted = eels.fit_background(data, **options)["background"]
        np.testing.assert_allclose(
            eels.subtract_background(data, **options), data - fitted, atol=1e-2
        )


def test_the_compiled_difference_is_that_of_numpy():
    rows = np.random.default_rng(4).random((5, 600))
    order, amplitude, exponent = np.log(ENERGY / 380.0), np.arange(1.0, 6.0), np.linspace(1, 5, 5)
    made = np.empty_like(rows)
    subtract(rows, order, amplitude, exponent, made)
    np.testing.assert_allclose(made, subtract_plain(rows, order, amplitude, exponent), rtol=1e-12)


def test_least_squares_of_equations_of_their_own_are_those_of_shared_ones():
    rng = np.random.default_rng(5)
    corners, given = rng.random((3, 40)), rng.standard_normal((6, 40))
    shared = fit_fractions(given, corners, positive=True, closed=False)
    own = solve_each(
        np.broadcast_to(corners @ corners.T, (6, 3, 3)), given @ corners.T,
        (given**2).sum(axis=1), positive=True, channels=40,
    )  # fmt: skip
    for one, other in zip(own, shared, strict=True):
        np.testing.assert_allclose(one, other)


def test_dead_and_negative_channels_spoil_only_their_spectrum():
    values = np.tile(power_laws(3.0), (4, 1))
    values[1, 50] = np.nan
    values[2] = -values[2]
    found = eels.fit_background(labelled(values), (305, 480))
    assert found["status"].values.tolist() == [0, 4, 4, 0]
    assert np.isfinite(found["background"].isel(x=[0, 3])).all()
    assert np.isnan(found["background"].isel(x=[1, 2])).all()


def test_backgrounds_of_half_precision_are_those_of_single():
    half = labelled(power_laws([2.5, 3.0]).astype("f2"))
    one, other = (eels.fit_background(each, (305, 480)) for each in (half, half.astype("f4")))
    np.testing.assert_allclose(one["background"], other["background"], rtol=2e-3)


def test_edges_are_listed_by_energy():
    found = eels.edges("Ti")
    assert float(found["energy"].sel(edge="Ti_L3")) == 455.5
    assert float(found["electrons"].sel(edge="Ti_L3")) == 4.0
    assert (found["energy"].diff("edge") >= 0).all()
    near = eels.edges(window=(525.0, 540.0), major=True)
    assert "O_K" in near["edge"].values
    with pytest.raises(DataError, match="no edge of Ti lies"):
        eels.edges("Ti", window=(1000.0, 1100.0))


KNOWN = {"N": 800.0, "Ti": 1000.0, "O": 3000.0}
MICROSCOPE = {"dispersion": 1.0, "electrons": 1e9, "t_over_lambda": 0.5}
CORE = {"start": 330.0, "channels": 330, "background": 2e5, **MICROSCOPE}


def low_loss(**options):
    """Return the low loss of the same sample and microscope, without noise."""
    return eels.simulate_spectrum(
        start=-20.0, channels=340, noise=False, **{**MICROSCOPE, **options}
    )


@pytest.mark.parametrize("fine_structure", ["keep", "exclude", "spline"])
def test_atoms_without_noise_are_found(fine_structure):
    data = eels.simulate_spectrum(KNOWN, noise=False, **CORE)
    found = eels.quantify(data, [*KNOWN], low_loss=low_loss(), fine_structure=fine_structure)
    # Tails of deeper edges are no exact power law.
    np.testing.assert_allclose(found["areal_density"], [*KNOWN.values()], rtol=0.01)
    assert found["areal_density"].attrs["units"] == "1/nm^2"
    total = sum(KNOWN.values())
    np.testing.assert_allclose(
        found["atomic_fraction"], np.array([*KNOWN.values()]) / total, rtol=0.01
    )


def test_compositions_are_recovered_within_their_own_deviations():
    many = xr.DataArray(np.ones(300), {"x": coordinate("x", np.arange(300.0), "nm")}, dims="x")
    data = eels.simulate_spectrum({"Ti": 500.0, "O": 1500.0}, occupation=many, rng=7, **CORE)
    found = eels.quantify(data, ["Ti", "O"], low_loss=low_loss())
    truth = xr.DataArray([500.0, 1500.0], dims="element")
    away = (found["areal_density"] - truth) / found["areal_density_std"]
    np.testing.assert_allclose(away.std("x"), 1.0, atol=0.12)
    np.testing.assert_allclose(away.mean("x"), 0.0, atol=0.4)
    share = (found["atomic_fraction"] - truth / 2000.0) / found["atomic_fraction_std"]
    np.testing.assert_allclose(share.std("x"), 1.0, atol=0.12)
    # Chi square of both densities together, with their correlation.
    along = found["correlation"].values[:, 0, 1]
    one, other = away.values.T
    chi = (one**2 - 2 * along * one * other + other**2) / (1 - along**2)
    assert chi.mean() == pytest.approx(2.0, abs=0.4)
    np.testing.assert_allclose(found["atomic_fraction"].sum("element"), 1.0)


def test_thickness_and_exposure_do_not_change_what_is_found():
    thick = {**CORE, "t_over_lambda": 1.5}
    data = eels.simulate_spectrum({"O": 3000.0}, noise=False, **thick)
    low = low_loss(t_over_lambda=1.5) / 50.0
    low.attrs["units"] = "counts"
    found = eels.quantify(data, ["O"], low_loss=low, exposure_ratio=50.0)
    assert float(found["areal_density"][0]) == pytest.approx(3000.0, rel=0.01)


def test_absent_elements_are_nothing_within_their_deviation():
    many = xr.DataArray(np.ones(40), {"x": coordinate("x", np.arange(40.0), "nm")}, dims="x")
    data = eels.simulate_spectrum({"O": 3000.0}, occupation=many, rng=3, **CORE)
    found = eels.quantify(data, ["Ti", "O"], low_loss=low_loss())
    absent = found.sel(element="Ti")
    assert (np.abs(absent["areal_density"]) < 4.5 * absent["areal_density_std"]).all()
    held = eels.quantify(data, ["Ti", "O"], low_loss=low_loss(), nonnegative=True)
    assert (held["areal_density"] >= 0).all()
    assert (held["status"].isin([0, 3])).all()


def test_without_electrons_there_are_fractions_alone():
    data = eels.simulate_spectrum(KNOWN, noise=False, **{**CORE, "t_over_lambda": 0.0})
    with pytest.warns(NoElectronsWarning, match="the composition is relative"):
        found = eels.quantify(data, [*KNOWN])
    assert "areal_density" not in found
    assert float(found["atomic_fraction"].sel(element="O")) == pytest.approx(3000 / 4800, rel=0.01)


def test_lazy_spectra_with_a_low_loss_each_are_as_in_memory():
    many = xr.DataArray(
        [[0.5, 1.0, 1.5]], {"y": coordinate("y", [0.0], "nm"),
                            "x": coordinate("x", np.arange(3.0), "nm")}, dims=("y", "x")
    )  # fmt: skip
    data = eels.simulate_spectrum({"Ti": 500.0, "O": 1500.0}, occupation=many, **CORE)
    low = eels.simulate_spectrum(
        start=-20.0, channels=340, **{**MICROSCOPE, "t_over_lambda": 0.5 * many}
    )
    expected = eels.quantify(data, ["Ti", "O"], low_loss=low)
    with dask.config.set(scheduler="synchronous"):
        made = eels.quantify(data.chunk(x=1), ["Ti", "O"], low_loss=low.chunk(x=2))
        assert made["areal_density"].chunks is not None
        xr.testing.assert_allclose(made.compute(), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elements": ["Fe"]}, "no edge of Fe that stands out lies between"),
        ({"elements": ["Ti", "Ti"]}, "each once"),
        ({"elements": ["Qq"]}, "no symbol"),
        ({"window": (450.0, 600.0)}, "no edge of Ti|before the first edge"),
        ({"shifts": {"Mg": 1.0}}, "not among elements"),
        ({"exposure_ratio": 0.0}, "exposure_ratio must be above 0"),
        ({"fine_structure": "guess"}, "fine_structure must be one of"),
        ({"collection_mrad": -1.0}, "collection_mrad must be from 0"),
        ({"zero_loss_intensity": 1e6, "low_loss": low_loss()}, "not both"),
    ],
)
def test_bad_calls_are_refused(change, message):
    data = eels.simulate_spectrum(KNOWN, noise=False, **CORE)
    with pytest.raises(DataError, match=message):
        eels.quantify(data, **{"elements": ["Ti", "O"], **change})


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ((900.0, 950.0), "holds 0 channels"),
        ((480.0, 305.0), "low < high"),
        ((300.0, 300.6), "at least 4 are needed"),
    ],
)
def test_bad_windows_are_refused(window, message):
    with pytest.raises(DataError, match=message):
        eels.fit_power_law(labelled(power_laws(3.0)), window)


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore::omniscopy.model.OmniscopyWarning")
def test_strontium_titanate_has_three_oxygens_for_each_titanium(shared):
    data = open_signal(shared / "data" / "tem" / "EELS_STO.dm3")
    total = data.sum([dim for dim in data.dims if dim != "energy_loss"], keep_attrs=True)
    found = eels.quantify(
        total, ["Ti", "O"], window=(400.0, 650.0), voltage=200e3, convergence_mrad=30.0,
        collection_mrad=33.0,
    )  # fmt: skip
    ratio = found["atomic_fraction"].sel(element="O") / found["atomic_fraction"].sel(element="Ti")
    assert 2.0 < float(ratio) < 4.0


def test_edges_that_are_there_are_seen_and_others_are_not():
    data = eels.simulate_spectrum(KNOWN, rng=1, **CORE)
    found = eels.find_edges(data, ["N", "Ti", "O", "Sn", "Ca"])
    seen = {str(name).partition("_")[0] for name in found["edge"].values[found["is_seen"].values]}
    assert {"N", "Ti", "O"} <= seen
    assert "Sn" not in seen
    with pytest.raises(DataError, match="no edge of"):
        eels.find_edges(data, ["He"])


def test_white_lines_are_measured_above_two_steps():
    energy = 400.0 + 0.25 * np.arange(800)
    step = 300.0 * (energy >= 455.5) * 2 / 3 + 300.0 * (energy >= 461.5) / 3
    lines = [
        area * 0.25 / np.sqrt(2 * np.pi) / 0.5 * np.exp(-0.5 * ((energy - place) / 0.5) ** 2)
        for area, place in ((4e3, 455.5), (2.5e3, 461.5))
    ]
    found = eels.measure_white_lines(labelled(step + sum(lines), energy), "Ti", width=6.0)
    assert float(found["first_line"]) == pytest.approx(4e3, rel=0.01)
    assert float(found["second_line"]) == pytest.approx(2.5e3, rel=0.01)
    assert float(found["ratio"]) == pytest.approx(1.6, rel=0.01)
    with pytest.raises(DataError, match="neither L3 and L2"):
        eels.measure_white_lines(labelled(step, energy), "Fe")


def test_windows_are_summed_with_the_noise_of_their_counts():
    data = labelled(np.full((2, 600), 9.0))
    found = eels.measure_windows(data, {"a": (300.0, 300.9), "b": (400.0, 404.9)})
    np.testing.assert_allclose(found["intensity"], [[18.0, 90.0]] * 2)
    np.testing.assert_allclose(found["intensity_std"], np.sqrt([[18.0, 90.0]] * 2))
    with pytest.raises(DataError, match="window 'c'"):
        eels.measure_windows(data, {"c": (900.0, 910.0)})


def test_backgrounds_that_overlap_what_is_measured_are_refused():
    data = samples.core_loss()
    with pytest.raises(DataError, match=r"window 'Ti' \(450.0, 500.0\) eV overlaps the backgr"):
        eels.measure_windows(data, {"Ti": (450.0, 500.0)}, background=(395.0, 460.0))
    with pytest.raises(DataError, match=r"overlaps the first line, which begins at 452\.5 eV"):
        eels.measure_white_lines(data, "Ti", background=(395.0, 460.0))


def test_peaks_of_fine_structures_are_found():
    values = 200.0 * np.exp(-0.5 * ((ENERGY - 455.3) / 1.5) ** 2) + 7.0
    found = eels.fit_fine_structure(labelled(values), (440.0, 470.0), [456.0])
    assert float(found["peak_1_centre"]) == pytest.approx(455.3, abs=1e-4)
    with pytest.raises(DataError, match="outside of the window"):
        eels.fit_fine_structure(labelled(values), (440.0, 470.0), [500.0])


def test_a_drift_of_the_energy_moves_background_and_edges_alike():
    setting = {
        "start": 330.0,
        "channels": 400,
        "dispersion": 0.5,
        "background": 4e4,
        "noise": False,
    }
    still = eels.simulate_spectrum({"Ti": 800.0}, **setting)
    moved = eels.simulate_spectrum({"Ti": 800.0}, zero_loss_shift=3.0, **setting)
    np.testing.assert_allclose(moved[6:], still[:-6], rtol=1e-5)


def test_windows_of_half_precision_have_finite_sums():
    spectra = samples.core_loss()
    scaled = spectra * (60_000 / float(spectra.max()))
    half = scaled.astype(np.float16)
    made, exact = (
        eels.measure_windows(each, {"all": (430, 600)}) for each in (half, half.astype(float))
    )
    np.testing.assert_allclose(made["intensity"], exact["intensity"], rtol=1e-5)
