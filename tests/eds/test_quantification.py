"""Compositions from counts, and files of factors."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy import constants, special, stats

from omniscopy import eds, simulate
from omniscopy.eds.line_tables import line_coordinate
from omniscopy.model import DataError, Status
from omniscopy.physics import xray
from omniscopy.physics.xray.quantities import BulkEmission
from omniscopy.physics.xray.secondary import exciting_lines
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
    families = (xray.find_family("Ni_Ka"), xray.find_family("Al_Ka"))
    sample = BulkEmission(families, 20e3, 40.0, zaf=method == "zaf", fluorescence=True)
    made = 1e5 * np.array(list(truth.values())) * sample.of(truth) / sample.of_pure()
    counts = dict(zip(("Ni_Ka", "Al_Ka"), made.tolist(), strict=True))
    found = eds.quantify(
        counts_of(counts, voltage=20e3),
        method,
        factors=dict.fromkeys(counts, 1e5),
        take_off_angle=40.0,
    )
    np.testing.assert_allclose(found["weight_fraction"], list(truth.values()), rtol=1e-6)
    assert found["correction"].sel(element="Al") > 1.5


def test_iron_that_excites_chromium_is_corrected_for():
    truth, families = {"Cr": 0.18, "Fe": 0.82}, tuple(map(xray.find_family, ("Cr_Ka", "Fe_Ka")))
    # What the lines excite, by counting rays: directions and paths are drawn.
    sample = BulkEmission(families, 25e3, 40.0)
    primary, pure = sample.of(truth), sample.of_pure()
    primary[0] += truth["Fe"] * sum(
        counted_rays(truth, families[0], lines, rng)
        for rng, lines in enumerate(exciting_lines(families[0], "Fe", 25e3))
    )
    made = 1e5 * np.array(list(truth.values())) * primary / pure
    counts = counts_of(dict(zip(("Cr_Ka", "Fe_Ka"), made.tolist(), strict=True)), voltage=25e3)
    options = {"factors": {"Cr_Ka": 1e5, "Fe_Ka": 1e5}, "take_off_angle": 40.0}
    found = eds.quantify(counts, "phi_rho_z", **options)["weight_fraction"]
    without = eds.quantify(counts, "phi_rho_z", fluorescence=False, **options)["weight_fraction"]
    assert found.sel(element="Cr").item() == pytest.approx(0.18, rel=0.004)
    assert without.sel(element="Cr").item() > 1.1 * 0.18


def counted_rays(composition, family, lines, rng, count=400_000):
    """Return what lines excite of another one that leaves a bulk sample, in g/cm², ray by ray.

    25 kV, and 40° to the detector.
    """
    rng = np.random.default_rng(rng)
    depths = xray.depth_distribution(composition, lines.family.edge, 25e3, lines.family.shell)
    z = np.linspace(0.0, 40.0 / min(depths.a, depths.b), 200_001)
    below = np.concatenate([[0.0], np.cumsum(depths(z)[1:] + depths(z)[:-1])])
    start = np.interp(rng.random(count) * below[-1], below, z)
    chi = xray.mass_absorption(composition, family.energy) / np.sin(np.deg2rad(40.0))
    total = 0.0
    for energy, excited in zip(lines.energy, lines.excited, strict=True):
        mu = xray.mass_absorption(composition, energy)
        stop = start + rng.uniform(-1.0, 1.0, count) * rng.exponential(1.0 / mu, count)
        leaves = np.where(stop > 0.0, np.exp(-chi * np.maximum(stop, 0.0)), 0.0)
        # An absorbed ray excites `excited` / mu.
        total += depths.area * excited / mu * leaves.mean()
    return total


@pytest.mark.parametrize("method", ["cliff_lorimer", "zeta", "cross_section"])
def test_a_film_whose_iron_excites_its_chromium_is_recovered(method):
    truth, mass = {"Cr": 0.1, "Fe": 0.9}, 4e-3  # kg/m², half a micrometre
    families = [xray.find_family(name) for name in ("Cr_Ka", "Fe_Ka")]
    molar = np.array([atomic_weight(each.element) for each in families])
    barns = np.array([xray.emission_cross_section(each, 200e3) for each in families])
    atoms = np.array(list(truth.values())) * mass * 1e3 * constants.Avogadro / molar
    seen = 1e10 * atoms * barns * 1e-28
    thick = 0.1 * mass
    further = 0.0
    for lines in exciting_lines(families[0], "Fe", 200e3):
        for energy, excited in zip(lines.energy, lines.excited, strict=True):
            mu = xray.mass_absorption(truth, energy)
            x, step = np.linspace(0.0, mu * thick, 200_001, retstep=True)
            x = x[:-1] + step / 2
            both = (mu * thick - x) * special.exp1(x)
            further += truth["Fe"] * excited * both.sum() * step / (mu**2 * thick)
    assert 0.01 < further < 0.2
    chi = np.array([xray.mass_absorption(truth, each.energy) for each in families]) * thick
    seen = seen / xray.absorption_factor(chi / np.sin(np.deg2rad(25.0))) * [1.0 + further, 1.0]
    counts = counts_of(dict(zip(("Cr_Ka", "Fe_Ka"), seen.tolist(), strict=True)))
    known = eds.Detector(dead_layer=0.0, thickness=1e3)
    options = {
        "cliff_lorimer": {"mass_thickness": mass},
        "zeta": {"electrons": 1e10, "solid_angle": 4 * np.pi},
        "cross_section": {"electrons": 1e10, "solid_angle": 4 * np.pi},
    }[method]
    options |= {"take_off_angle": 25.0, "detector": known}
    found = eds.quantify(counts, method, fluorescence=True, **options)
    assert found["weight_fraction"].sel(element="Cr").item() == pytest.approx(0.1, rel=2e-4)
    without = eds.quantify(counts, method, **options)["weight_fraction"].sel(element="Cr").item()
    assert without == pytest.approx(0.1 * (1.0 + 0.9 * further), rel=0.01)
    if method != "cliff_lorimer":
        assert found["mass_thickness"].item() == pytest.approx(mass, rel=1e-3)


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
    with pytest.raises(DataError, match="fluorescence in a film needs take_off_angle"):
        eds.quantify(counts, factors=FACTORS, fluorescence=True)
    with pytest.raises(DataError, match="fluorescence in a film needs its mass_thickness"):
        eds.quantify(counts, factors=FACTORS, fluorescence=True, take_off_angle=20.0)
    with pytest.raises(DataError, match="voltage"):
        eds.quantify(counts.drop_attrs())
    with pytest.raises(DataError, match="expected counts of lines"):
        eds.quantify(xr.Dataset())
    with pytest.raises(DataError, match="expected a composition"):
        eds.absorption_correction(counts, mass_thickness=1e-4, take_off_angle=20.0)
