"""Compositions from counts, and files of factors."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from omniscopy import eds, simulate
from omniscopy.eds.line_tables import line_coordinate
from omniscopy.model import DataError, Status
from omniscopy.physics import xray
from omniscopy.physics.xray.shells import atomic_weight

FACTORS = {"Fe_Ka": 1.450226, "Pt_La": 5.075602}
TITANATE = {"Sr": 0.2, "Ti": 0.2, "O": 0.6}
BEAM = {"metadata": {"beam": {"voltage": 200e3}}}


def counts_of(counts, *, std=None, voltage=200e3):
    values = np.array(list(counts.values()), dtype=np.float64)
    lines = {"line": line_coordinate(list(counts))}
    deviations = np.sqrt(values) if std is None else np.asarray(std)
    return xr.Dataset(
        {"intensity": ("line", values), "intensity_std": ("line", deviations)},
        lines,
        {"metadata": {"beam": {"voltage": voltage}}},
    )


@pytest.mark.shared
def test_iron_platinum_is_that_of_the_reference(shared):
    told = json.loads((shared / "data/tem/peer_results.json").read_text())["FePt"]
    found = eds.quantify(counts_of({"Fe_Ka": 2754.0, "Pt_La": 15090.0}), factors=FACTORS)
    np.testing.assert_allclose(100 * found["atomic_fraction"], told["atomic"], atol=0.005)
    np.testing.assert_allclose(100 * found["weight_fraction"], told["weight"], atol=0.005)


def test_ratios_of_two_lines_are_those_of_cliff_and_lorimer():
    found = eds.quantify(counts_of({"Fe_Ka": 400.0, "Pt_La": 100.0}), factors=FACTORS)
    masses = np.array([400 * 1.450226, 100 * 5.075602])
    np.testing.assert_allclose(found["weight_fraction"], masses / masses.sum())
    first = masses[0] / masses.sum()
    # d w = w (1 - w) (d I_1 / I_1 - d I_2 / I_2)
    expected = first * (1 - first) * np.hypot(1 / 20, 1 / 10)
    np.testing.assert_allclose(found["weight_fraction_std"], expected)
    wider = eds.quantify(
        counts_of({"Fe_Ka": 400.0, "Pt_La": 100.0}), factors=FACTORS, factors_std={"Fe_Ka": 0.145}
    )
    assert (wider["weight_fraction_std"] > found["weight_fraction_std"]).all()


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("cliff_lorimer", {"mass_thickness": 1e-3}),
        ("zeta", {"electrons": 1e9, "solid_angle": 0.7}),
        ("cross_section", {"electrons": 1e9, "solid_angle": 0.7}),
    ],
)
def test_a_film_that_absorbs_its_oxygen_is_recovered(method, options):
    data = simulate.eds_map([TITANATE], shape=(2, 2), mass_thickness=1e-3, noise=False)
    counts = eds.fit_lines(data, list(TITANATE), calibration=None)
    found = eds.quantify(counts, method, take_off_angle=20.0, **options)
    for symbol, part in TITANATE.items():
        np.testing.assert_allclose(found["atomic_fraction"].sel(element=symbol), part, rtol=1e-3)
    assert (found["correction"].sel(element="O") > 3).all()
    if method != "cliff_lorimer":
        np.testing.assert_allclose(found["mass_thickness"], 1e-3, rtol=1e-3)
        molar = sum(part * atomic_weight(symbol) for symbol, part in TITANATE.items())
        atoms = 1e-3 * 1e3 / molar * 6.02214076e23 * 1e-18
        np.testing.assert_allclose(found["areal_density"].sum("element"), atoms, rtol=1e-3)


def test_absorption_is_that_of_the_correction_alone():
    data = simulate.eds_map([TITANATE], shape=(1, 1), mass_thickness=1e-3, noise=False)
    counts = eds.fit_lines(data, list(TITANATE), calibration=None)
    found = eds.quantify(counts, mass_thickness=1e-3, take_off_angle=20.0)
    alone = eds.absorption_correction(found, mass_thickness=1e-3, take_off_angle=20.0)
    np.testing.assert_allclose(alone.values, found["correction"].values, rtol=1e-6)
    shallow = eds.absorption_correction(found, mass_thickness=1e-3, take_off_angle=70.0)
    assert (shallow < alone).all()


def test_many_noisy_films_scatter_as_their_deviations_say():
    truth = {"Fe": 0.5, "Pt": 0.3, "Ni": 0.2}
    data = simulate.eds_map([truth], shape=(25, 25), electrons=1e10, mass_thickness=2e-4, rng=5)
    counts = eds.fit_lines(data, list(truth), calibration=None)
    found = eds.quantify(
        counts, "zeta", lines=["Fe_Ka", "Pt_La", "Ni_Ka"], electrons=1e10, solid_angle=0.7,
        take_off_angle=20.0,
    )  # fmt: skip
    assert (found["status"] == Status.CONVERGED).all()
    for symbol, part in truth.items():
        one = found.sel(element=symbol)
        pulls = ((one["atomic_fraction"] - part) / one["atomic_fraction_std"]).values.ravel()
        assert np.std(pulls) == pytest.approx(1.0, abs=0.08)
        assert abs(np.mean(pulls)) < 0.15
        assert stats.chi2(pulls.size).sf((pulls**2).sum()) > 1e-3


@pytest.mark.parametrize("method", ["phi_rho_z", "zaf"])
def test_a_bulk_sample_is_recovered_from_its_own_emission(method):
    # Counts of nickel aluminide, and of the pure elements, by the model itself.
    truth = {"Ni": 0.685, "Al": 0.315}
    families = [xray.find_family("Ni_Ka"), xray.find_family("Al_Ka")]
    from omniscopy.physics.xray import quantities

    emitted = quantities._emitted_zaf if method == "zaf" else quantities._emitted_xpp
    way = 1 / np.sin(np.deg2rad(40.0))
    counts = {
        family.name: 1e5 * part * emitted(truth, family, 20e3, way)
        / emitted({family.element: 1.0}, family, 20e3, way)
        for family, part in zip(families, truth.values(), strict=True)
    }  # fmt: skip
    found = eds.quantify(
        counts_of(counts, voltage=20e3),
        method,
        factors=dict.fromkeys(counts, 1e5),
        take_off_angle=40.0,
    )
    np.testing.assert_allclose(found["weight_fraction"], list(truth.values()), rtol=1e-6)
    assert found["correction"].sel(element="Al") > 1.5


def test_bulk_samples_without_standards_are_quantified():
    counts = counts_of({"Fe_Ka": 1e5, "Ni_Ka": 9e4}, voltage=20e3)
    found = eds.quantify(counts, "phi_rho_z", take_off_angle=40.0)
    assert found["weight_fraction"].sum() == pytest.approx(1.0)
    assert found["weight_fraction"].sel(element="Fe").item() == pytest.approx(0.45, abs=0.08)


def test_points_without_counts_are_alone():
    two = xr.concat(
        [counts_of({"Fe_Ka": 0.0, "Pt_La": 0.0}), counts_of({"Fe_Ka": 9.0, "Pt_La": 0.0})], "point"
    )
    found = eds.quantify(two, factors=FACTORS)
    assert found["status"].values.tolist() == [Status.NO_DATA, Status.CONVERGED]
    assert np.isnan(found["atomic_fraction"][0]).all()
    assert found["atomic_fraction"][1].values.tolist() == [1.0, 0.0]


def test_files_of_factors_are_read(tmp_path):
    own, thermo, bruker = (tmp_path / name for name in ("own.csv", "thermo.csv", "bruker.esl"))
    own.write_text("Fe_Ka,1.45\nPt_La,5.08\n")
    assert eds.read_factors(own) == {"Fe_Ka": 1.45, "Pt_La": 5.08}
    thermo.write_text(
        "Line,Energy,K-factor\nFe-Ka1,6.404,1.17\nFe-Kb1,7.06,1.17\nPt-La1,9.44,4.2\n"
    )
    assert eds.read_factors(thermo) == {"Fe_Ka": 1.17, "Pt_La": 4.2}
    factors = ",".join(["0"] * 26 + ["1.3"])
    bruker.write_text(
        "<TRTStandardLibrary><ClassInstance><CliffLorimerFactors>"
        f"<K_Factors>{factors}</K_Factors><L_Factors>0</L_Factors>"
        "</CliffLorimerFactors></ClassInstance></TRTStandardLibrary>"
    )
    assert eds.read_factors(bruker) == {"Fe_Ka": 1.3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no factor"),
        ("iron,1.4\n", "is no line such as"),
        ("Fe_Ka,much\n", "'much' is no factor"),
        ("Fe_Ka,-1\n", "'-1' is no factor"),
        ("Fe_Ka\n", "has no factor"),
        ("Xx_Ka,1.0\n", "unknown element"),
        ("<TRTStandardLibrary>", "no element found"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a/>', "no document type"),
    ],
)
def test_damaged_files_of_factors_are_refused(tmp_path, text, message):
    place = tmp_path / "factors"
    place.write_text(text)
    with pytest.raises(DataError, match=message):
        eds.read_factors(place)
    with pytest.raises(DataError, match="cannot be read"):
        eds.read_factors(tmp_path / "absent")


def test_wrong_calls_are_refused():
    counts = counts_of({"Fe_Ka": 9.0, "Fe_La": 9.0, "Pt_La": 9.0})
    with pytest.raises(DataError, match="method must be one of"):
        eds.quantify(counts, "guess")
    with pytest.raises(DataError, match="there are no counts of"):
        eds.quantify(counts, factors={"Cu_Ka": 1.0})
    with pytest.raises(DataError, match="several of"):
        eds.quantify(counts, factors={"Fe_Ka": 1.0, "Fe_La": 1.0})
    with pytest.raises(DataError, match="factors must be positive"):
        eds.quantify(counts, factors={"Fe_Ka": 0.0})
    with pytest.raises(DataError, match="electrons must be given for 'zeta'"):
        eds.quantify(counts, "zeta", factors=FACTORS)
    with pytest.raises(DataError, match="solid_angle must be given"):
        eds.quantify(counts, "cross_section", electrons=1e9)
    with pytest.raises(DataError, match="take_off_angle must be given for 'phi_rho_z'"):
        eds.quantify(counts, "phi_rho_z")
    with pytest.raises(DataError, match="from 0 to 90"):
        eds.quantify(counts, mass_thickness=1e-4, take_off_angle=120.0)
    with pytest.raises(DataError, match="kg/m²"):
        eds.quantify(counts, mass_thickness=40.0, take_off_angle=20.0)
    with pytest.raises(DataError, match="takes no mass_thickness"):
        eds.quantify(
            counts, "zeta", mass_thickness=1e-4, take_off_angle=20.0, electrons=1.0, factors=FACTORS
        )
    with pytest.raises(DataError, match="voltage"):
        eds.quantify(counts.drop_attrs())
    with pytest.raises(DataError, match="expected counts of lines"):
        eds.quantify(xr.Dataset())
    with pytest.raises(DataError, match="expected a composition"):
        eds.absorption_correction(counts, mass_thickness=1e-4, take_off_angle=20.0)
