"""Spots, rings and lines of crystals, against closed forms."""

import ase
import numpy as np
import pytest
from ase.build import bulk

import omniscopy as om
from omniscopy import crystal, simulate
from omniscopy.model import DataError
from omniscopy.physics import electron, scattering

SILICON = bulk("Si", "diamond", a=5.431, cubic=True)


def row(table, *hkl):
    """Return the row of a reflection."""
    found = np.flatnonzero((table.hkl.values == hkl).all(axis=1))
    assert len(found) == 1, hkl
    return table.isel({table.hkl.dims[0]: int(found[0])})


# Factors of Lobato and Van Dyck, computed by another package (reference_tables.json).
@pytest.mark.parametrize(
    ("hkl", "factor"), [((1, 1, 1), 18.43563), ((4, 0, 0), 9.16466), ((3, 1, 1), 8.46725)]
)
def test_spots_of_silicon_have_its_structure_factors_and_places(hkl, factor):
    spot = row(
        spots := simulate.spot_pattern(SILICON, zone=(0, 1, -1), voltage=200e3, thickness=50.0),
        *hkl,
    )
    k = spots.attrs["wave_number"]
    assert float(spot.structure_factor) == pytest.approx(factor, rel=1e-5)
    length = float(np.hypot(spot.ky, spot.kx))
    assert length == pytest.approx(np.sqrt(np.square(hkl).sum()) / 5.431, rel=1e-12)
    s = -(length**2) / (2 * k)
    assert float(spot.excitation_error) == pytest.approx(s, rel=1e-9)
    gamma, wavelength = electron.lorentz_factor(200e3), electron.wavelength(200e3)
    xi = np.pi * 5.431**3 / (gamma * wavelength * factor)
    assert float(spot.extinction_distance) == pytest.approx(xi, rel=1e-5)
    expected = np.square(np.sin(np.pi * s * 50.0) / (xi * s))
    assert float(spot.intensity) == pytest.approx(expected, rel=1e-4)


def test_up_is_up_and_the_pattern_is_not_mirrored():
    spots = simulate.spot_pattern("Si", zone=(0, 0, 1), voltage=200e3, up=(0, 4, 0))
    # Seen from the source, with b upwards, a points to the right; rows are counted downwards.
    assert float(row(spots, 0, 4, 0).ky) < -0.7
    assert float(row(spots, 4, 0, 0).kx) > 0.7
    assert float(row(spots, 0, 4, 0).kx) == pytest.approx(0, abs=1e-12)


def test_tilting_moves_the_laue_circle_and_excites_what_is_on_it():
    a = crystal.structure("Al").cell[0, 0]
    k = simulate.spot_pattern("Al", zone=(0, 0, 1), voltage=200e3).attrs["wave_number"]
    # Beta, about y, tips the zone axis to the right, and so the circle to the left.
    angle = float(np.rad2deg(np.arctan(1 / a / k)))
    spots = simulate.spot_pattern(
        "Al", zone=(0, 0, 1), voltage=200e3, tilt=(0.0, angle), thickness=300.0
    )
    np.testing.assert_allclose(spots.attrs["laue_circle"], [0.0, -1 / a], atol=1e-4)
    left, right = row(spots, -2, 0, 0), row(spots, 2, 0, 0)
    assert abs(float(left.excitation_error)) < 1e-4
    assert float(right.excitation_error) == pytest.approx(-((2 / a) ** 2) / k, rel=1e-2)
    assert float(left.intensity) > 20 * float(right.intensity)
    up = simulate.spot_pattern("Al", zone=(0, 0, 1), voltage=200e3, tilt=(angle, 0.0))
    # Alpha, about x, tips the axis downwards in the pattern, and the circle upwards.
    np.testing.assert_allclose(up.attrs["laue_circle"], [-1 / a, 0.0], atol=1e-4)
    assert abs(float(row(up, 0, 2, 0).excitation_error)) < 1e-4


def test_the_first_order_laue_zone_is_a_ring():
    spots = simulate.spot_pattern(
        "SrTiO3", zone=(0, 0, 1), voltage=100e3, limit=5.0, largest_excitation=0.004
    )
    first = spots.isel(reflection=spots.laue_zone.values == 1)
    height, k = 1 / crystal.structure("SrTiO3").cell[0, 0], spots.attrs["wave_number"]
    radii = np.hypot(first.ky, first.kx)
    expected = np.sqrt(2 * k * height - height**2)
    assert len(radii) > 10
    np.testing.assert_allclose(radii, expected, atol=0.004 * k / expected * 1.1)
    assert (spots.laue_zone.values >= 0).all()


def test_double_diffraction_lights_what_two_others_lead_to():
    spots = simulate.spot_pattern(SILICON, zone=(0, 1, -1), voltage=200e3)
    second = row(spots, 2, 0, 0)
    assert int(second.double_diffraction) == 1
    assert np.isinf(float(second.extinction_distance))
    # 111 and 1-1-1 lead there, and others do.
    assert float(second.intensity) >= 2 * float(row(spots, 1, 1, 1).intensity) ** 2 * 0.999
    # Along [001] no two allowed ones lead to 200.
    along = simulate.spot_pattern(SILICON, zone=(0, 0, 1), voltage=200e3)
    assert not (along.hkl.values == (2, 0, 0)).all(axis=1).any()
    without = simulate.spot_pattern(
        SILICON, zone=(0, 1, -1), voltage=200e3, double_diffraction=False
    )
    assert not (without.hkl.values == (2, 0, 0)).all(axis=1).any()


def test_shapes_of_a_slab_keep_its_sum_over_excitation_errors():
    from omniscopy.physics.bragg import beam_intensities

    s = np.linspace(-2.0, 2.0, 400_001)
    for shape in ("sinc", "lorentzian", "gaussian"):
        values = beam_intensities(s, np.array(500.0), 100.0, shape)
        # The integral over s is pi^2 t / xi^2.
        area = values.sum() * (s[1] - s[0])
        assert area == pytest.approx(np.pi**2 * 100.0 / 500.0**2, rel=2e-3)
    both = beam_intensities(s, np.array(500.0), 100.0, "two_beam")
    assert both.max() <= 1.0


def test_precession_is_the_mean_over_tilts():
    still = {"zone": (0, 0, 1), "voltage": 200e3, "thickness": 200.0, "largest_excitation": 0.1}
    found = simulate.spot_pattern("Al", precession=1.0, **still)
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    single = [
        row(
            simulate.spot_pattern("Al", tilt=(np.cos(a), np.sin(a)), **still), 2, 0, 0
        ).intensity
        for a in angles
    ]  # fmt: skip
    assert float(row(found, 2, 0, 0).intensity) == pytest.approx(np.mean(single), rel=1e-2)
    intensity = [float(row(found, *hkl).intensity) for hkl in ((2, 0, 0), (0, 2, 0), (-2, 0, 0))]
    np.testing.assert_allclose(intensity, intensity[0], rtol=1e-6)


def test_rings_of_aluminium_have_their_multiplicities_and_intensities():
    rings = simulate.ring_pattern("Al", voltage=200e3)
    assert rings.label.values[:4].tolist() == ["111", "200", "220", "311"]
    assert rings.multiplicity.values[:4].tolist() == [8, 6, 12, 24]
    f111, f200 = scattering.structure_factors(crystal.structure("Al"), [(1, 1, 1), (2, 0, 0)])
    expected = 6 * abs(f200) ** 2 * 3 / (8 * abs(f111) ** 2 * 4)
    assert float(rings.intensity[1]) == pytest.approx(expected, rel=1e-9)
    whole = float(rings.ring_intensity[1])
    assert whole == pytest.approx(expected * np.sqrt(4 / 3), rel=1e-9)


def test_a_ring_is_as_wide_as_its_grains_are_small():
    rings = simulate.ring_pattern("Al", voltage=200e3, grain_size=60.0, points=6000)
    profile = rings.profile.sel(k=slice(0.40, 0.455))
    above = profile.k[profile > 0.5 * profile.max()]
    assert float(above[-1] - above[0]) == pytest.approx(0.9 / 60.0, rel=0.03)
    peak = float(profile.idxmax())
    assert peak == pytest.approx(float(rings.radius[0]), abs=1e-3)
    lowered = simulate.ring_pattern("Al", voltage=200e3, grain_size=600.0, dynamical=True)
    # Strong rings are lowered more, and so weak ones are stronger beside them.
    plain = simulate.ring_pattern("Al", voltage=200e3, grain_size=600.0)
    assert float(lowered.intensity[5]) > 1.5 * float(plain.intensity[5])


def test_kikuchi_pairs_are_a_reciprocal_vector_apart_and_go_with_the_crystal():
    still = simulate.kikuchi_lines("Al", zone=(0, 0, 1), voltage=200e3)
    line = row(still, 2, 0, 0)
    g = 2 / crystal.structure("Al").cell[0, 0]
    assert float(line.excess - line.deficient) == pytest.approx(g, rel=1e-9)
    assert float(line.excess) == pytest.approx(g / 2, rel=1e-9)
    assert (float(line.normal_ky), float(line.normal_kx)) == pytest.approx((0, 1), abs=1e-9)
    tilted = simulate.kikuchi_lines("Al", zone=(0, 0, 1), voltage=200e3, tilt=(0.0, 0.3))
    (place,) = np.flatnonzero((np.abs(tilted.hkl.values) == (2, 0, 0)).all(axis=1))
    line = tilted.isel(line=place)
    middle = 0.5 * float(line.excess + line.deficient) * float(line.normal_kx)
    # The zone axis, and the bands with it, is seen where it points: from the source, so that
    # rays along it, downwards, end on the other side.
    k = still.attrs["wave_number"]
    assert middle == pytest.approx(-k * np.sin(np.deg2rad(0.3)), rel=1e-3)


def test_a_deficient_line_is_where_the_excitation_error_is_nothing():
    from omniscopy.physics import bragg

    lines = simulate.holz_lines("Si", zone=(1, 1, 1), voltage=100e3, convergence_mrad=8.0)
    k, turn = lines.attrs["wave_number"], np.array(lines.attrs["orientation"])
    g = crystal.g_vectors(crystal.structure("Si"), lines.hkl.values) @ turn.T
    assert len(g) > 20
    for number in range(0, len(g), 7):
        line = lines.isel(line=number)
        foot = float(line.deficient) * np.array([float(line.normal_kx), -float(line.normal_ky)])
        s = bragg.excitation_errors(g[number : number + 1], k, foot)
        assert s[0] == pytest.approx(0.0, abs=1e-12)
        out = bragg.wave_vectors(foot, k) + g[number]
        along = out[0] * float(line.normal_kx) - out[1] * float(line.normal_ky)
        assert along == pytest.approx(float(line.excess), abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"atoms": "unobtainium"}, "no structure is called"),
        ({"atoms": 3}, "ase.Atoms, got int"),
        ({"atoms": ase.Atoms("Si")}, "no cell with a volume"),
        ({"atoms": ase.Atoms(cell=[4, 4, 4])}, "no atoms"),
        ({"atoms": ase.Atoms("Si2", [[0, 0, 0], [0, 0, 0.1]], cell=[4, 4, 4], pbc=True)},
         "overlap"),
        ({"atoms": ase.Atoms("X", cell=[4, 4, 4], pbc=True)}, "unknown element"),
        ({"voltage": 200}, "write 200000"),
        ({"voltage": -1e5}, "positive number of volts"),
        ({"zone": (0, 0, 0)}, "not all zero"),
        ({"limit": 0.0}, "limit must be a positive number"),
        ({"debye_waller": {"Ti": 0.4}}, "no Debye-Waller factor is given for Si"),
    ],
)  # fmt: skip
def test_what_is_no_crystal_or_beam_is_refused(call, message):
    good = {"atoms": "Si", "zone": (0, 0, 1), "voltage": 200e3}
    for simulated in (simulate.spot_pattern, simulate.kikuchi_lines, simulate.ring_pattern):
        arguments = good | call
        if simulated is simulate.ring_pattern:
            if "zone" in call:
                continue
            del arguments["zone"]
        with pytest.raises(DataError, match=message):
            simulated(**arguments)


def test_options_that_make_no_sense_are_refused():
    good = {"atoms": "Si", "zone": (0, 0, 1), "voltage": 200e3}
    with pytest.raises(DataError, match="thickness must be a positive number"):
        simulate.spot_pattern(**good, thickness=0.0)
    with pytest.raises(DataError, match="shape must be one of"):
        simulate.spot_pattern(**good, shape="round")
    with pytest.raises(DataError, match="half angle of 0 to 10 degrees"):
        simulate.spot_pattern(**good, precession=20.0)
    with pytest.raises(DataError, match="name a nearer zone axis"):
        simulate.spot_pattern(**good, tilt=(50.0, 0.0))
    with pytest.raises(DataError, match="500 mrad at most"):
        simulate.holz_lines(**good, convergence_mrad=600.0)
    with pytest.raises(DataError, match="grain_size must be a positive number"):
        simulate.ring_pattern("Si", voltage=200e3, grain_size=-1.0)


def test_a_pattern_of_given_atoms_can_be_made_again_from_its_history():
    atoms = crystal.structure("ZnO")
    atoms.positions[0] += 0.05
    spots = simulate.spot_pattern(atoms, zone=(2, 1, 0), voltage=200e3, thickness=80.0)
    again = om.replay(spots)
    np.testing.assert_array_equal(again.intensity, spots.intensity)
