"""Lines, calibration and fits of X-ray spectra."""

import h5py
import numpy as np
import pytest
import xarray as xr

from omniscopy import eds, samples, simulate
from omniscopy.model import DataError, Status, coordinate, history

IRON_PLATINUM, ALLOY = {"Fe": 0.5, "Pt": 0.5}, {"Fe": 0.5, "Pt": 0.3, "Ni": 0.2}
ELEMENTS = ["Fe", "Pt", "Ti", "Sr", "O"]


@pytest.fixture(scope="module")
def exact():
    return simulate.eds_map(shape=(3, 4), noise=False)


@pytest.fixture(scope="module")
def noisy():
    return simulate.eds_map([ALLOY], shape=(20, 25), electrons=3e9, rng=3)


def iron_platinum(shared):
    with h5py.File(shared / "data/tem/EDS_TEM_FePt_nanoparticles.hspy") as file:
        values = next(iter(file["Experiments"].values()))["data"][()].ravel()
    energy = coordinate("energy", 0.169315 + 0.020028 * np.arange(values.size), "keV")
    beam = {"beam": {"voltage": 200e3}}
    return xr.DataArray(
        values.astype(float), {"energy": energy}, attrs={"units": "counts", "metadata": beam}
    )


def test_lines_of_an_element_are_labelled_by_family():
    found = eds.lines("Pt")
    assert found["energy"].sel(line="Pt_La1").item() == pytest.approx(9.4427, abs=1e-3)
    assert found["family"].sel(line="Pt_Lb1").item() == "Pt_La"
    assert found["weight"].groupby("family").sum().values == pytest.approx(1.0)
    assert found["energy"].attrs["units"] == "keV"


def test_noiseless_counts_are_recovered(exact):
    found = eds.fit_lines(exact, ELEMENTS, calibration=None)
    total = exact.sum("energy")
    alpha = found["intensity"] / found["alpha"]
    assert (alpha.sum("line") < total).all()
    again = simulate.eds_map(shape=(3, 4), noise=False, electrons=2e9)
    doubled = eds.fit_lines(again, ELEMENTS, calibration=None)["intensity"]
    np.testing.assert_allclose(doubled, 2 * found["intensity"], rtol=1e-6, atol=1e-6)
    # The continuum of Kramers was added with a quarter of the counts of the lines.
    np.testing.assert_allclose(found["background"], 0.2 * total, rtol=0.03)
    assert (found["reduced_chi_square"] < 1e-3).all()


def test_a_wrong_axis_is_found_and_its_counts_stay(exact):
    gain, offset = 1.004, -0.03
    energy = coordinate("energy", (exact["energy"].values - offset) / gain, "keV")
    shifted = exact.assign_coords(energy=energy)
    found = eds.calibrate(shifted, ELEMENTS, detector=eds.Detector(resolution=0.15))
    assert found["gain"].item() == pytest.approx(gain, abs=2e-5)
    assert found["offset"].item() == pytest.approx(offset, abs=1e-4)
    assert found["width"].item() == pytest.approx(0.13, abs=2e-4)
    counts = eds.fit_lines(shifted, ELEMENTS, calibration=found)["intensity"]
    expected = eds.fit_lines(exact, ELEMENTS, calibration=None)["intensity"]
    np.testing.assert_allclose(counts, expected, rtol=5e-3, atol=0.05)


def test_scatter_of_calibrations_is_the_reported_deviation():
    found = [
        eds.calibrate(
            simulate.eds_map([IRON_PLATINUM], shape=(1, 4), channels=512, dispersion=0.03, rng=n),
            ["Fe", "Pt"],
        )
        for n in range(24)
    ]
    for name, truth in {"gain": 1.0, "offset": 0.0, "width": 0.13}.items():
        pulls = [(each[name] - truth) / each[f"{name}_std"] for each in found]
        assert np.std(pulls) == pytest.approx(1.0, abs=0.4)
        assert abs(np.mean(pulls)) < 0.7


def test_scatter_of_counts_is_the_reported_deviation_and_counts_are_unbiased(noisy):
    found = eds.fit_lines(noisy, ["Fe", "Pt", "Ni"], calibration=None)
    truth = eds.fit_lines(
        simulate.eds_map([ALLOY], shape=(1, 1), electrons=3e9, noise=False),
        ["Fe", "Pt", "Ni"],
        calibration=None,
    )["intensity"].squeeze()
    pulls = (found["intensity"] - truth) / found["intensity_std"]
    strong = truth > 20
    assert strong.sum() >= 4
    np.testing.assert_allclose(pulls.std(("y", "x"))[strong], 1.0, atol=0.1)
    np.testing.assert_allclose(pulls.mean(("y", "x"))[strong], 0.0, atol=0.15)
    assert found["reduced_chi_square"].mean().item() == pytest.approx(1.0, abs=0.03)
    measured = np.cov(found["intensity"].stack(point=("y", "x")).sel(line=["Fe_Ka", "Pt_La"]))
    told = found["intensity_covariance"].mean(("y", "x")).sel(line="Fe_Ka", other_line="Pt_La")
    scale = np.sqrt(measured[0, 0] * measured[1, 1])
    assert measured[0, 1] / scale == pytest.approx(told.item() / scale, abs=0.12)


def test_an_element_that_is_absent_has_no_negative_counts(noisy):
    found = eds.fit_lines(noisy, ["Fe", "Pt", "Ni", "Ag"], calibration=None)["intensity"]
    assert (found >= 0).all()
    assert found.sel(line="Ag_La").mean() < 0.05 * found.sel(line="Fe_Ka").mean()


def test_pile_up_is_not_taken_for_lines():
    made = simulate.eds_map([{"Si": 1.0}], shape=(1, 1), electrons=1e12, noise=False)
    counts = made.values.ravel()
    folded = 1e-2 * np.convolve(counts, counts)[: counts.size] / counts.sum()
    piled = made.copy(data=(counts + folded).reshape(made.shape))
    with_sum = eds.fit_lines(piled, ["Si", "Ar_Ka", "Cl_Ka"], calibration=None, sum_peaks=True)
    without = eds.fit_lines(piled, ["Si", "Ar_Ka", "Cl_Ka"], calibration=None)
    silicon = with_sum["intensity"].sel(line="Si_Ka").item()
    assert with_sum["reduced_chi_square"].item() < 0.05 * without["reduced_chi_square"].item()
    assert with_sum["intensity"].sel(line=["Ar_Ka", "Cl_Ka"]).max() < 1e-3 * silicon


def test_models_of_the_continuum_agree_on_strong_lines(exact):
    expected = eds.fit_lines(exact, ELEMENTS, calibration=None)["intensity"].sel(line="Sr_Ka")
    for model in ("kramers", "small"):
        found = eds.fit_lines(exact, ELEMENTS, calibration=None, background=model)["intensity"]
        np.testing.assert_allclose(found.sel(line="Sr_Ka"), expected, rtol=0.1, atol=4)


def test_bad_spectra_are_alone_and_dead_channels_left_out(exact):
    spoiled = exact.copy(deep=True)
    spoiled[0, 0, 40] = np.nan
    spoiled[0, 1] = 0.0
    spoiled[:, :, 700] = np.nan
    found = eds.fit_lines(spoiled, ELEMENTS, calibration=None)
    assert found["status"].values[0, :3].tolist() == [
        Status.NO_DATA,
        Status.NO_DATA,
        Status.CONVERGED,
    ]
    assert np.isnan(found["intensity"][0, :2]).all()
    expected = eds.fit_lines(exact, ELEMENTS, calibration=None)["intensity"]
    np.testing.assert_allclose(found["intensity"][1:], expected[1:], rtol=1e-2, atol=0.5)


def test_negative_counts_of_a_corrected_detector_are_fitted(exact):
    made = eds.fit_lines(exact - 0.01, ELEMENTS, calibration=None)
    assert (made["status"] == Status.CONVERGED).all()


def test_one_line_in_two_disguises_is_singular(exact):
    found = eds.fit_lines(
        exact.isel(energy=slice(20, 60)), ["O_Ka", "V_La", "Cr_La", "Fe_La"], calibration=None
    )
    assert set(np.unique(found["status"])) <= {Status.CONVERGED, Status.SINGULAR}


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([{"Fe": 0.5, "Pt": 0.5}, {"Sr": 0.2, "Ti": 0.2, "O": 0.6}], {"Fe", "Pt", "Sr", "Ti", "O"}),
        ([{"Mo": 1.0, "S": 2.0}], {"Mo", "S"}),
        ([{"Pb": 1.0, "S": 1.0}], {"Pb", "S"}),
        ([{"Ba": 0.2, "Ti": 0.2, "O": 0.6}], {"Ba", "Ti", "O"}),
        ([{"Mn": 0.33, "Fe": 0.33, "Co": 0.34}], {"Mn", "Fe", "Co"}),
    ],
)
def test_elements_are_told_apart_by_all_of_their_lines(phases, expected):
    found = eds.find_elements(simulate.eds_map(phases, shape=(6, 6)))
    assert set(found["element"].values[found["found"].values]) == expected


@pytest.mark.shared
def test_elements_of_a_real_spectrum_are_found(shared):
    found = eds.find_elements(iron_platinum(shared))
    names = set(found["element"].values[found["found"].values])
    assert {"Fe", "Pt", "Cu", "C", "Si"} <= names
    # Cobalt of the pole piece and zirconium of the collimator; remnants of strong peaks are none.
    assert names <= {"Fe", "Pt", "Cu", "C", "Si", "O", "Co", "Zr"}
    strongest = found.sortby("significance", ascending=False)["element"].values[:3]
    assert "Pt" in strongest


@pytest.mark.shared
def test_counts_of_a_real_spectrum_are_those_of_windows(shared):
    found = eds.fit_lines(iron_platinum(shared), ["Fe", "Pt", "Cu", "C", "Si", "O", "Co"])
    counts = found["intensity"]
    # Windows of one width of the peak: 2754 and 15090, which leave out the flanks.
    assert counts.sel(line="Fe_Ka").item() == pytest.approx(2754 / 0.92, rel=0.05)
    assert counts.sel(line="Pt_La").item() == pytest.approx(15090 / 0.95, rel=0.05)
    assert found["gain"].item() == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("method", ["kmeans", "gmm", "nmf"])
def test_phases_are_found_with_their_spectra(method):
    data = samples.eds_map()
    found = eds.find_phases(data, 2, method=method)
    truth = np.array(data.attrs["metadata"]["truth"]["fraction_of_second"])
    label = found["label"].values
    second = label[:, -1][0]
    clear = np.abs(truth - 0.5) > 0.2
    assert ((label == second) == (truth > 0.5))[clear].all()
    np.testing.assert_allclose(found["spectrum"].sum("energy"), 1.0)
    peak = found["spectrum"].sel(energy=slice(6.2, 6.6)).sum("energy")
    assert peak.sel(phase=second) < 0.2 * peak.sel(phase=1 - second)


@pytest.mark.parametrize("method", ["kmeans", "gmm", "nmf"])
def test_places_without_counts_are_no_phase(method):
    data = samples.eds_map()
    whole = eds.find_phases(data, 2, method=method)
    empty = data.where(data["y"] > data["y"][4], 0.0).assign_attrs(data.attrs)
    found = eds.find_phases(empty, 2, method=method)
    assert (found["label"][:5] == -1).all()
    assert np.isnan(found["abundance"][:5]).all()
    same = (found["label"] == whole["label"])[5:].mean()
    assert same > 0.95 or same < 0.05  # the phases may be counted the other way round


def test_wrong_spectra_are_refused(exact):
    with pytest.raises(DataError, match="elements must be a list such as"):
        eds.fit_lines(exact, "Fe")
    with pytest.raises(DataError, match="unknown element 'Xx'"):
        eds.fit_lines(exact, ["Xx"])
    with pytest.raises(DataError, match="Pt_Ka has no line between"):
        eds.fit_lines(exact, ["Pt_Ka"])
    with pytest.raises(DataError, match="state its units as 'eV'"):
        eds.fit_lines(
            exact.assign_coords(energy=coordinate("energy", exact["energy"] * 1e3, "keV")), ["Fe"]
        )
    with pytest.raises(DataError, match="must be in 'keV'"):
        eds.fit_lines(
            exact.assign_coords(energy=coordinate("energy", exact["energy"], "nm")), ["Fe"]
        )
    with pytest.raises(DataError, match=r"set data.attrs\['metadata'\]\['beam'\]\['voltage'\]"):
        eds.fit_lines(exact.drop_attrs(deep=False), ["Fe"])
    with pytest.raises(DataError, match="for 200 kV write 200000"):
        eds.fit_lines(exact, ["Fe"], voltage=200.0)
    with pytest.raises(DataError, match="spectra must be counts"):
        eds.fit_lines(exact.assign_attrs(units="nA"), ["Fe"])
    with pytest.raises(DataError, match="background must be one of"):
        eds.fit_lines(exact, ["Fe"], background="none")
    with pytest.raises(DataError, match=r"130 eV are 0\.13"):
        eds.fit_lines(exact, ["Fe"], detector=eds.Detector(resolution=130.0))
    with pytest.raises(DataError, match="layer of Al"):
        eds.detector_efficiency(exact, eds.Detector(layers={"Al": -3.0}))
    with pytest.raises(DataError, match="it has no"):
        eds.fit_lines(exact, ["Fe"], calibration=xr.Dataset())
    with pytest.raises(DataError, match=r"result of `eds\.calibrate`"):
        eds.fit_lines(exact, ["Fe"], calibration="no")
    with pytest.raises(DataError, match="at least 16"):
        eds.fit_lines(exact.isel(energy=slice(3)), ["Fe"])
    with pytest.raises(DataError, match="single spectrum has no phases"):
        eds.find_phases(exact[0, 0], 2)
    with pytest.raises(DataError, match="n_phases must be at least 2"):
        eds.find_phases(exact, 1)
    with pytest.raises(DataError, match="min_significance must be positive"):
        eds.find_elements(exact, min_significance=0.0)


def test_an_axis_in_ev_is_the_same(exact):
    energy = coordinate("energy", exact["energy"].values * 1e3, "eV")
    found = eds.fit_lines(exact.assign_coords(energy=energy), ["Fe"], calibration=None)
    np.testing.assert_allclose(
        found["intensity"], eds.fit_lines(exact, ["Fe"], calibration=None)["intensity"]
    )
    assert history(found)[-1].operation == "eds.fit_lines"
