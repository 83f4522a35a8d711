"""Bloch waves against closed forms, another package, and a multislice calculation."""

import json

import numpy as np
import pytest
from ase import Atoms

from omniscopy import crystal, simulate
from omniscopy.model import DataError
from omniscopy.physics import bragg, electron, scattering
from omniscopy.simulate.bloch.beams import Material, choose_beams, couplings
from omniscopy.simulate.bloch.solving import amplitudes, solve
from omniscopy.simulate.patterns.crystals import view_of

PEROVSKITE = Atoms(
    "SrTiO3",
    scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)],
    cell=[3.905] * 3,
    pbc=True,
)


def beam_of(found, *hkl):
    (place,) = np.flatnonzero((found.hkl.values == hkl).all(axis=1))
    return found.isel(beam=int(place))


def pair(voltage, hkl, tilt):
    """Return 000 and one other beam of silicon, and nothing else."""
    view = view_of("Si", (0, 0, 1), voltage)
    beams = choose_beams(view, Material(), limit=1.0, largest_excitation=1.0, layers=(0,))
    kept = np.array([0, *np.flatnonzero((beams.hkl == hkl).all(axis=1))])
    two = beams._replace(
        hkl=beams.hkl[kept], g=beams.g[kept], coupling=beams.coupling[np.ix_(kept, kept)]
    )
    return view, two, -0.5 * two.g[1, :2] * tilt


@pytest.mark.parametrize("tilt", [1.0, 0.7, 0.0])
def test_two_beams_are_those_of_the_closed_form(tilt):
    view, beams, transverse = pair(100e3, (2, 2, 0), tilt)
    xi = scattering.extinction_distances(crystal.structure("Si"), (2, 2, 0), voltage=100e3)
    depth = np.linspace(0.0, 1500.0, 7)
    found = np.abs(amplitudes(solve(beams, transverse), depth)) ** 2
    (s,) = bragg.excitation_errors(beams.g[1:], view.wave_number, transverse)
    # Waves in the crystal are shorter than outside, by which the distance is longer.
    inside = xi * view.wave_number / electron.wave_number(100e3)
    expected = bragg.two_beam_intensity(s, inside, depth)
    np.testing.assert_allclose(found[:, 1], expected, atol=2e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-4)


@pytest.mark.shared
def test_strontium_titanate_is_that_of_another_package(shared):
    told = json.loads((shared / "data/tem/reference_tables.json").read_text("utf-8"))
    told = told["bloch_wave_SrTiO3_001_200kV"]
    # Its beams are those of the zone itself, to an excitation error of 0.1 1/Å.
    found = simulate.bloch_waves(
        PEROVSKITE, zone=(0, 0, 1), voltage=200e3, thickness=told["thickness_A"], limit=3.0
    )
    assert found.sizes["beam"] == told["beams"]
    for name, expected in told["I"].items():
        hkl = tuple(int(index) for index in name.strip("()").split(","))
        np.testing.assert_allclose(
            beam_of(found, *hkl).intensity, expected, atol=1e-2 * max(expected)
        )


def plain_multislice(atoms, voltage, cells, pixels, slices):
    """Return the wave of a plane wave behind cells along z, by the formulas alone.

    Slices are exact projections of the parts of the crystal: its three-dimensional Fourier
    coefficients, summed over l with the transform of a slice.
    """
    a, _, c = np.diag(np.asarray(atoms.cell))
    index = np.fft.fftfreq(pixels, 1 / pixels).round().astype(int)
    h, k = np.meshgrid(index, index, indexing="ij")
    q2 = (h**2 + k**2) / a**2
    keep = np.hypot(h, k) <= pixels / 3
    orders = np.arange(-3 * slices, 3 * slices + 1)
    hkl = np.stack(np.broadcast_arrays(h[..., None], k[..., None], orders), -1)
    volts = scattering.potential_coefficients(atoms, hkl)
    sigma, wavelength = electron.interaction(voltage), electron.wavelength(voltage)
    dz = c / slices
    propagator = np.where(keep, np.exp(-1j * np.pi * wavelength * dz * q2), 0)
    transmissions = []
    for number in range(slices):
        # The wave runs along -z: the first slice is the uppermost.
        low = 1.0 - (number + 1) / slices
        phase = np.exp(2j * np.pi * orders * (low + 0.5 / slices)) * np.sinc(orders / slices)
        projected = (volts * phase).sum(-1) * dz
        potential = np.fft.ifft2(np.where(keep, projected, 0)).real * pixels**2
        through = np.exp(1j * sigma * potential)
        transmissions.append(np.fft.ifft2(np.where(keep, np.fft.fft2(through), 0)))
    wave = np.ones((pixels, pixels), complex)
    for _ in range(cells):
        for through in transmissions:
            wave = np.fft.ifft2(np.fft.fft2(wave * through) * propagator)
    return np.fft.fft2(wave) / pixels**2


def test_bloch_waves_and_multislice_agree_on_strontium_titanate():
    cells = 26
    depth = cells * 3.905
    options = {"zone": (0, 0, 1), "voltage": 200e3, "debye_waller": 0.5}
    moving = PEROVSKITE.copy()
    moving.set_array("debye_waller", np.full(5, 0.5))
    found = simulate.bloch_waves(
        PEROVSKITE, thickness=depth, limit=5.0, largest_excitation=0.1, **options
    ).isel(thickness=0)
    assert set(np.unique(found.laue_zone)) == {0, 1}
    wave = np.abs(plain_multislice(moving, 200e3, cells, 64, 8)) ** 2
    largest = float(found.intensity.max())
    for hkl in ((0, 0, 0), (1, 1, 0), (2, 0, 0), (2, 2, 0), (1, 3, 0), (4, 0, 0)):
        ours = float(beam_of(found, *hkl).intensity)
        assert ours == pytest.approx(wave[hkl[0], hkl[1]], abs=0.01 * largest), hkl


def test_bloch_waves_and_the_slices_of_this_package_agree_to_a_percent():
    slices = simulate.potential(
        PEROVSKITE, sampling=0.07, slice_thickness=0.5, projection="finite", debye_waller=0.5,
        precision="double",
    )  # fmt: skip
    repeats = (26, 51)
    found = simulate.bloch_waves(
        PEROVSKITE, zone=(0, 0, 1), voltage=200e3, thickness=[3.905 * n for n in repeats],
        limit=5.0, debye_waller=0.5,
    )  # fmt: skip
    near = [row for row in found.hkl.values.tolist() if row[2] == 0 and max(map(abs, row)) <= 5]
    for number, count in enumerate(repeats):
        wave = simulate.multislice(slices, voltage=200e3, repeats=count).values
        theirs = np.abs(np.fft.fft2(wave) / wave.size) ** 2
        ours = np.array([float(beam_of(found, *row).intensity[number]) for row in near])
        away = np.abs(ours - [theirs[k, h] for h, k, _ in near]).max()
        assert away < 0.01 * ours.max(), count


def test_weak_beams_may_be_perturbations():
    options = {
        "zone": (0, 0, 1), "voltage": 200e3, "thickness": 100.0, "limit": 2.8, "debye_waller": 0.6,
    }  # fmt: skip
    every = simulate.bloch_waves(PEROVSKITE, largest_excitation=0.09, **options)
    few = simulate.bloch_waves(PEROVSKITE, largest_excitation=0.02, **options)
    felt = simulate.bloch_waves(
        PEROVSKITE, largest_excitation=0.02, weak_excitation=0.09, **options
    )
    assert few.sizes["beam"] == felt.sizes["beam"] < 0.25 * every.sizes["beam"]
    whole, lost, kept = (
        np.array([float(beam_of(each, *hkl).intensity[0]) for hkl in few.hkl.values[:9].tolist()])
        for each in (every, few, felt)
    )
    assert np.abs(lost - whole).max() > 0.1
    assert np.abs(kept - whole).max() < 0.02


def test_absorption_takes_electrons_away_and_more_along_the_columns():
    options = {
        "zone": (0, 0, 1), "voltage": 200e3, "thickness": (100.0, 400.0), "limit": 2.0,
        "debye_waller": {"Sr": 0.62, "Ti": 0.44, "O": 0.71},
    }  # fmt: skip
    kept = simulate.bloch_waves(PEROVSKITE, **options).intensity.sum("beam").values
    lost = simulate.bloch_waves(PEROVSKITE, absorption=True, **options).intensity.sum("beam")
    np.testing.assert_allclose(kept, 1.0, atol=1e-3)
    assert 0.3 < float(lost[1]) < float(lost[0]) < 0.98
    # Far off the axis channelling ends, and less is absorbed.
    tilted = simulate.bloch_waves(PEROVSKITE, absorption=True, tilt=(3.1, 1.7), **options)
    assert float(tilted.intensity.sum("beam")[1]) > float(lost[1])


def test_a_mean_absorption_is_exponential():
    alone = {"zone": (0, 0, 1), "voltage": 200e3, "limit": 0.1, "debye_waller": 0.6}
    found = simulate.bloch_waves(
        PEROVSKITE, thickness=(0.0, 200.0, 400.0), absorption=True, **alone
    )
    inner = scattering.potential_coefficients(
        PEROVSKITE, (0, 0, 0), debye_waller=0.6, absorption_at=200e3
    ).imag
    expected = np.exp(-2 * electron.interaction(200e3) * inner * np.array([0.0, 200.0, 400.0]))
    np.testing.assert_allclose(found.intensity.isel(beam=0), expected, rtol=1e-3)


def test_extinction_distances_are_those_of_two_beams_and_infinite_where_forbidden():
    found = simulate.bloch_waves("Si", zone=(0, 1, 1), voltage=200e3, thickness=100.0, limit=1.0)
    expected = scattering.extinction_distances(crystal.structure("Si"), (2, 0, 0), voltage=200e3)
    assert np.isinf(expected)
    assert np.isinf(float(beam_of(found, 2, 0, 0).extinction_distance))
    assert np.isinf(float(beam_of(found, 0, 0, 0).extinction_distance))
    xi = scattering.extinction_distances(crystal.structure("Si"), (1, 1, -1), voltage=200e3)
    assert float(beam_of(found, 1, 1, -1).extinction_distance) == pytest.approx(xi, rel=1e-3)


def test_tilts_are_those_of_a_stage_and_done_at_once():
    options = {"zone": (0, 0, 1), "voltage": 200e3, "thickness": 200.0, "limit": 1.5}
    angles = [(0.0, 0.0), (0.3, 0.0), (0.0, 0.4)]
    every = simulate.bloch_waves("Al", tilt=angles, **options)
    assert every.intensity.dims == ("tilt", "thickness", "beam")
    one = simulate.bloch_waves("Al", tilt=angles[2], largest_excitation=0.1, **options)
    spots = simulate.spot_pattern(
        "Al", zone=(0, 0, 1), voltage=200e3, tilt=angles[2], largest_excitation=0.1, limit=1.5
    )
    for hkl in ((2, 0, 0), (-2, 0, 0), (0, 2, 0)):
        kinematic = spots.isel(
            reflection=int(np.flatnonzero((spots.hkl.values == hkl).all(axis=1))[0])
        )
        s = float(beam_of(every, *hkl).excitation_error[2])
        assert s == pytest.approx(float(kinematic.excitation_error), abs=1e-9)
        assert float(beam_of(one, *hkl).intensity[0]) == pytest.approx(
            float(beam_of(every, *hkl).intensity[2, 0]), abs=1e-4
        )


def test_a_convergence_study_shows_what_is_missing():
    found = simulate.bloch_convergence(
        PEROVSKITE, zone=(0, 0, 1), voltage=200e3, thickness=200.0,
        excitations=(0.01, 0.02, 0.04), limit=2.0,
    )  # fmt: skip
    assert (np.diff(found["count"].values) > 0).all()
    change = found.change.values
    assert change[0] > change[1] > change[2] == 0.0


def test_a_pixel_of_a_disc_is_a_tilt_of_the_crystal():
    options = {"zone": (0, 0, 1), "voltage": 200e3, "thickness": 300.0, "limit": 1.2}
    discs = simulate.cbed_discs("Al", convergence_mrad=9.0, pixels=31, discs=9, **options)
    k = discs.attrs["wave_number"]
    for row, column, name in ((15, 22, "beta"), (8, 15, "alpha")):
        pixel = discs.isel(thickness=0, ky=row, kx=column)
        angle = float(np.rad2deg(np.arcsin(float(pixel.kx) / k)))
        tilt = (0.0, angle)
        if name == "alpha":
            # To have a wave vector that goes upwards, the zone axis is tipped down to meet it.
            tilt = (float(np.rad2deg(np.arcsin(float(pixel.ky) / k))), 0.0)
        single = simulate.bloch_waves("Al", tilt=tilt, **options)
        for hkl in ((0, 0, 0), (2, 0, 0), (-2, 0, 0), (0, 2, 0), (0, -2, 0)):
            expected = float(beam_of(single, *hkl).intensity[0])
            assert float(beam_of(pixel, *hkl).intensity) == pytest.approx(expected, abs=1e-3)


def test_a_camera_gets_every_electron_of_the_discs_once():
    pattern = simulate.cbed(
        "Al", zone=(0, 0, 1), voltage=200e3, thickness=300.0, convergence_mrad=3.0, pixels=15,
        limit=1.0, field=1.3,
    )  # fmt: skip
    assert float(pattern.sum()) == pytest.approx(1.0, abs=1e-3)
    assert float(pattern.sel(kx=0, ky=0, method="nearest")) > 0
    turned = pattern.values[::-1, ::-1]
    np.testing.assert_allclose(pattern.values, turned, atol=1e-9)


def test_holz_lines_are_where_bloch_waves_have_them():
    """A dynamical line is dark where the kinematic one is not."""
    options = {"zone": (1, 1, 1), "voltage": 100e3}
    lines = simulate.holz_lines("Si", convergence_mrad=8.0, limit=4.0, **options)
    moved = simulate.holz_lines("Si", convergence_mrad=8.0, limit=4.0, dynamical=True, **options)
    view = view_of("Si", **options)
    (place,) = np.flatnonzero((lines.hkl.values == (9, 1, -9)).all(axis=1))
    (again,) = np.flatnonzero((moved.hkl.values == (9, 1, -9)).all(axis=1))
    line = lines.isel(line=int(place))
    normal = np.array([float(line.normal_kx), -float(line.normal_ky)])
    along = np.linspace(0.02, 0.06, 81)
    beams = choose_beams(view, Material(), limit=1.2, largest_excitation=0.02, layers=(0,))
    hkl = np.concatenate([beams.hkl, [[9, 1, -9]]])
    full = beams._replace(
        hkl=hkl, g=view.g_vectors(hkl), coupling=couplings(view, Material(), hkl, hkl)
    )
    bright = np.array(
        [np.abs(amplitudes(solve(full, normal * at), np.array([1500.0]))[0, -1]) for at in along]
    )
    found = along[bright.argmax()]
    # The beams of the zone that are left out here hold the wave a little less.
    assert found == pytest.approx(float(moved.deficient[again]), abs=4e-3)
    assert float(line.deficient) - found > 8e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"voltage": 200}, "write 200000"),
        ({"thickness": -1.0}, "thicknesses are 0 or more"),
        ({"thickness": ()}, "thicknesses are 0 or more"),
        ({"tilt": (30.0, 0.0)}, "20 degrees at most"),
        ({"absorption": True}, "atoms that do not move absorb nothing"),
        ({"weak_excitation": 0.05}, "must be above 0.1"),
        ({"limit": -1.0}, "limit must be a positive"),
        ({"atoms": Atoms("Si2", [[0] * 3, [0, 0, 0.2]], cell=[4] * 3, pbc=True)}, "overlap"),
    ],
)
def test_bad_calls_are_refused(call, message):
    good = {"atoms": "Si", "zone": (0, 0, 1), "voltage": 200e3, "thickness": 100.0}
    with pytest.raises(DataError, match=message):
        simulate.bloch_waves(**good | call)


def test_too_many_beams_are_refused_before_they_are_solved():
    with pytest.raises(DataError, match="lower `limit`"):
        simulate.bloch_waves(PEROVSKITE * (4, 4, 1), zone=(0, 0, 1), voltage=200e3, thickness=100.0)
    with pytest.raises(DataError, match="500 mrad at most"):
        simulate.cbed_discs(
            "Si", zone=(0, 0, 1), voltage=200e3, thickness=100.0, convergence_mrad=900.0
        )
