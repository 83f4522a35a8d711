"""Waves through potentials: against closed forms, Bloch waves and other ways to add up."""

import ase
import numpy as np
import pytest
import xarray as xr

from omniscopy import crystal, diffraction, simulate
from omniscopy.compute.threads import available_cores
from omniscopy.model import DataError
from omniscopy.physics import electron, scattering
from omniscopy.simulate import AliasingWarning
from omniscopy.simulate.waves import projection, propagation, windows
from omniscopy.simulate.waves.grids import Grid

# Small grids do; the warning that they are coarse has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:a sampling of")
VOLTAGE = 200e3
WAVELENGTH = float(electron.wavelength(VOLTAGE))
SIGMA = float(electron.interaction(VOLTAGE))


def planes(values, size, thickness, dtype=np.float64):
    """Return planes of V Å over a cell of (y, x) Å as a labelled potential."""
    values = np.asarray(values, dtype)
    axes = [
        step * np.arange(count)
        for step, count in zip(np.array(size) / values.shape[1:], values.shape[1:], strict=True)
    ]
    depth = np.broadcast_to(thickness, len(values))
    coords = {
        "z": ("z", np.cumsum(depth) - depth, {"units": "Å"}),
        "y": ("y", axes[0], {"units": "Å"}),
        "x": ("x", axes[1], {"units": "Å"}),
        "thickness": ("z", depth, {"units": "Å"}),
    }
    return xr.DataArray(values, coords, ("z", "y", "x"), attrs={"units": "V Å"})


def amplitudes(wave):
    """Return the Fourier coefficients of waves."""
    return np.fft.fft2(wave.values) / (wave.sizes["y"] * wave.sizes["x"])


def orthogonal(atoms, length):
    """Return a crystal with a cubic cell of exactly this length."""
    made = atoms.copy()
    made.set_cell([length] * 3, scale_atoms=True)
    return made


# potentials


def test_the_potential_is_the_sum_of_the_atoms_in_real_space():
    atoms = ase.Atoms("TiO", [(1.03, 2.11, 0.4), (3.2, 0.7, 0.4)], cell=[5.0, 4.0, 2.0], pbc=True)
    made = simulate.potential(atoms, sampling=0.04, precision="double")
    blurred = simulate.potential(atoms, sampling=0.04, precision="double", debye_waller=0.0)
    np.testing.assert_array_equal(made, blurred)
    y, x = np.meshgrid(made.y, made.x, indexing="ij")
    total = np.zeros(y.shape)
    for symbol, (px, py, _) in zip(("Ti", "O"), atoms.positions, strict=True):
        for m in range(-4, 5):
            for n in range(-4, 5):
                away = np.hypot(x - px - 5.0 * m, y - py - 4.0 * n)
                total += scattering.projected_potential(symbol, np.maximum(away, 1e-3))
    near = np.hypot(x - 1.03, y - 2.11) < 0.3
    near |= np.hypot(x - 3.2, y - 0.7) < 0.3
    np.testing.assert_allclose(made[0].values[~near], total[~near], atol=0.01 * total.max())
    # The mean is no matter of sampling: the sum of f(0) over the area.
    np.testing.assert_allclose(made.mean(), total.mean(), rtol=0.02)


@pytest.mark.parametrize("kind", ["infinite", "finite"])
def test_the_mean_of_the_potential_is_the_inner_potential(kind):
    atoms = crystal.structure("SrTiO3")
    made = simulate.potential(atoms, sampling=0.07, projection=kind, precision="double")
    depth = float(made.thickness.sum())
    mean = float(made.mean(("y", "x")).sum()) / depth
    np.testing.assert_allclose(mean, scattering.mean_inner_potential(atoms), rtol=1e-9)


def test_atoms_are_where_they_are_on_the_axes():
    atoms = ase.Atoms("Au", [(4.5, 1.5, 3.1)], cell=[6.0, 5.0, 4.0], pbc=True)
    made = simulate.potential(atoms, sampling=0.06)
    place = made.argmax(...)
    assert float(made.x[place["x"]]) == pytest.approx(4.5, abs=0.04)
    assert float(made.y[place["y"]]) == pytest.approx(1.5, abs=0.04)
    assert float(made.z[place["z"]]) == 2.0


def test_an_atom_moved_by_a_whole_pixel_is_the_same_but_moved():
    step = 0.0625
    first = ase.Atoms("Si", [(1.0, 1.03, 0.5)], cell=[4.0, 4.0, 1.0], pbc=True)
    second = first.copy()
    second.positions[0, :2] += (3 * step, -2 * step)
    made, moved = (
        simulate.potential(each, sampling=step, precision="double") for each in (first, second)
    )
    np.testing.assert_allclose(
        moved, np.roll(made.values, (-2, 3), axis=(1, 2)), atol=1e-9 * float(made.max())
    )


def test_the_compiled_phases_are_those_of_the_formula():
    places, weights = np.array([0.123, 0.77]), np.array([1.0, 0.4])
    for count, sides in ((16, 2), (15, 2), (9, 1)):
        made = np.empty((2, count), np.complex128)
        projection._phases(places, weights, made, sides)
        np.testing.assert_allclose(
            made, projection.direct_phases(places, weights, count, sides), atol=1e-12
        )


@pytest.mark.parametrize("table", ["lobato", "kirkland", "peng"])
def test_part_of_an_atom_is_the_integral_of_its_potential_along_the_beam(table):
    k, z = 0.7, 0.35
    kz = np.linspace(-60.0, 60.0, 240001)
    f = scattering.form_factor("Ti", np.hypot(k, kz), table)
    # The integral of exp(2 pi i kz z') from 0 to z is sin(2 pi kz z) / (2 pi kz) in its real part.
    expected = np.trapezoid(f * z * np.sinc(2.0 * kz * z), kz)
    made = projection.partial_form_factor("Ti", np.array([k]), z, table)[0]
    np.testing.assert_allclose(made, expected, rtol=2e-4)
    far = projection.partial_form_factor("Ti", np.array([k]), 200.0, table)[0]
    np.testing.assert_allclose(far, 0.5 * scattering.form_factor("Ti", k, table), rtol=1e-9)


def test_finite_slices_add_up_to_the_whole_and_spread_over_their_neighbours():
    atoms = ase.Atoms("Au", [(2.0, 2.0, 6.1)], cell=[4.0, 4.0, 12.0], pbc=True)
    settings = {"sampling": 0.08, "slice_thickness": 1.0, "precision": "double"}
    finite = simulate.potential(atoms, projection="finite", **settings)
    infinite = simulate.potential(atoms, **settings)
    np.testing.assert_allclose(
        finite.sum("z"), infinite.sum("z"), atol=1e-5 * float(infinite.max())
    )
    part = finite.sum(("y", "x")) / infinite.sum()
    assert 0.3 < float(part[6]) < 0.9
    assert float(part[5]) > float(part[7]) > 0.0
    assert int((infinite.max(("y", "x")) > 0).sum()) == 1


def test_slices_of_the_same_atoms_are_the_same():
    atoms = crystal.structure("SrTiO3") * (1, 1, 3)
    made = simulate.potential(atoms, sampling=0.07, slice_thickness=1.95)
    assert made.sizes["z"] == 6
    assert propagation.same_slices(made.values) == [0, 1, 0, 1, 0, 1]


def test_shared_sites_weigh_by_their_occupancy():
    atoms = ase.Atoms("SrTi", [(1, 1, 0.5), (3, 3, 0.5)], cell=[4, 4, 1.0], pbc=True)
    atoms.info["occupancy"] = {"0": {"Sr": 0.5, "Ca": 0.5}, "1": {"Ti": 1.0}}
    atoms.arrays["spacegroup_kinds"] = np.array([0, 1])
    made = simulate.potential(atoms, sampling=0.05, precision="double")
    apart = [
        float(simulate.potential(
            ase.Atoms(symbol, [(1, 1, 0.5)], cell=[4, 4, 1.0], pbc=True), sampling=0.05,
            precision="double",
        ).sum())
        for symbol in ("Sr", "Ca", "Ti")
    ]  # fmt: skip
    np.testing.assert_allclose(made.sum(), 0.5 * apart[0] + 0.5 * apart[1] + apart[2], rtol=1e-9)


def test_thermal_motion_of_many_copies_is_the_factor_of_debye_and_waller():
    atoms = ase.Atoms("Si", [(2.0, 2.0, 0.5)], cell=[4.0, 4.0, 1.0], pbc=True) * (9, 8, 1)
    copies = simulate.frozen_phonons(atoms, 8, debye_waller=1.5, rng=3)
    made = simulate.potential(copies, sampling=0.2)
    assert made.dims == ("configuration", "z", "y", "x")
    assert made.chunks is not None
    mean = np.fft.fft2(made.mean("configuration").compute().values[0])
    still = np.fft.fft2(simulate.potential(atoms, sampling=0.2).values[0])
    for order in (1, 3, 5):
        expected = scattering.debye_waller_factor(order / 4.0, 1.5)
        for place in ((0, 9 * order), (8 * order, 0)):
            # 576 atoms: three standard deviations of what is drawn.
            assert abs(mean[place] / still[place] - expected) < 0.125


def test_frozen_phonons_are_of_a_seed_and_as_wide_as_asked():
    atoms = crystal.structure("Si") * (6, 6, 6)
    first, second = simulate.frozen_phonons(atoms, 2, debye_waller={"Si": 0.5}, rng=1)
    again = simulate.frozen_phonons(atoms, 1, debye_waller=0.5, rng=1)[0]
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.array_equal(first.positions, second.positions)
    spread = (first.positions - atoms.positions).std(axis=0)
    np.testing.assert_allclose(spread, scattering.thermal_displacement(0.5), rtol=0.06)


# waves


def test_a_gaussian_in_vacuum_spreads_as_the_closed_form_has_it():
    size, count, width, depth = 40.0, 128, 1.5, 700.0
    empty = planes(np.zeros((1, count, count)), (size, size), depth)
    y, x = np.meshgrid(empty.y, empty.x, indexing="ij")
    square = (y - size / 2) ** 2 + (x - size / 2) ** 2
    start = np.exp(-square / (2 * width**2)).astype(complex)
    wave = empty[0].drop_vars(["z", "thickness"]).copy(data=start)
    made = simulate.multislice(empty, voltage=VOLTAGE, wave=wave)
    # exp(-r^2 / 2 w^2) goes to 1/q exp(-r^2 / 2 w^2 q), q = 1 + i lambda z / (2 pi w^2).
    q = 1.0 + 1j * WAVELENGTH * depth / (2 * np.pi * width**2)
    np.testing.assert_allclose(made.values, np.exp(-square / (2 * width**2 * q)) / q, atol=1e-6)


def test_vacuum_is_a_change_of_focus():
    empty = planes(np.zeros((2, 96, 96)), (12.0, 12.0), 40.0)
    settings = {"voltage": VOLTAGE, "convergence_angle": 20.0, "like": empty}
    before = simulate.probe(aberrations={"C10": -80.0, "C12": 30.0, "phi12": 20.0}, **settings)
    behind = simulate.multislice(empty, voltage=VOLTAGE, wave=before.wave)
    focused = simulate.probe(aberrations={"C12": 30.0, "phi12": 20.0}, **settings)
    np.testing.assert_allclose(behind, focused.wave, atol=1e-9)
    assert behind.attrs["units"] == "1/Å"


def test_a_weak_slice_is_a_phase():
    size, count = 10.0, 64
    x = size / count * np.arange(count)
    weak = 0.5 * np.cos(2 * np.pi * 2 * x / size) * np.ones((count, 1))
    made = simulate.multislice(planes(weak[None], (size, size), 20.0), voltage=VOLTAGE)
    first = SIGMA * 0.25j * np.exp(-1j * np.pi * WAVELENGTH * 20.0 * (2 / size) ** 2)
    found = amplitudes(made)
    assert found[0, 2] == pytest.approx(first, rel=1e-6)
    assert found[0, -2] == pytest.approx(first, rel=1e-6)
    assert abs(found[2, 0]) < 1e-12


def test_two_beams_swing_as_pendulums_do():
    # A grating of one frequency in Bragg position: sin² with the extinction distance.
    period, count, volts = 2.0, 24, 6.0
    x = period / count * np.arange(count)
    step, slices = 4.0, 150
    grating = volts * np.cos(2 * np.pi * x / period) * np.ones((8, 1)) * step
    data = planes(grating[None], (8 * period / count, period), step)
    # The sample is tilted until 0 and g are as far from the axis: g/2 each.
    bragg = 1e3 * np.arctan(0.5 * WAVELENGTH / period)
    made = simulate.multislice(
        data,
        voltage=VOLTAGE,
        tilt=(0.0, bragg),
        repeats=slices,
        depths=step * np.arange(1, slices + 1),
    )
    intensity = np.abs(np.fft.fft2(made.values) / (8 * count))[:, 0, :] ** 2
    # xi = 1 / (lambda U) with U = sigma V_g / (pi lambda), V_g = volts / 2.
    xi = np.pi / (SIGMA * volts / 2.0)
    depth = made.z.values
    np.testing.assert_allclose(intensity[:, 1], np.sin(np.pi * depth / xi) ** 2, atol=0.03)
    assert intensity[:, -1].max() < 0.02


def zone_bloch(atoms, length, g_max, thickness, v_max=np.inf):
    """Return the intensities of zero-layer beams from the matrix of all of them."""
    n = int(g_max * length) + 1
    hkl = np.array([
        (h, k, 0) for h in range(-n, n + 1) for k in range(-n, n + 1)
        if np.hypot(h, k) / length <= g_max
    ])  # fmt: skip
    apart = hkl[:, None] - hkl[None]
    factors = scattering.structure_factors(atoms, apart.reshape(-1, 3)).reshape(apart.shape[:2])
    u = electron.lorentz_factor(VOLTAGE) * factors.real / (np.pi * length**3)
    u[np.hypot(apart[..., 0], apart[..., 1]) / length > v_max] = 0.0
    matrix = u - np.diag(np.square(hkl).sum(axis=1) / length**2)
    values, vectors = np.linalg.eigh(matrix)
    start = vectors[(hkl == 0).all(axis=1)][0]
    turn = np.exp(1j * np.pi * WAVELENGTH * np.outer(thickness, values))
    intensity = np.abs((turn * start) @ vectors.T) ** 2
    return {tuple(each): intensity[:, row] for row, each in enumerate(hkl.tolist())}


def zone_potential(length, count, step):
    """Return a slice of strontium titanate as if its atoms were smeared out along the beam."""
    atoms = orthogonal(crystal.structure("SrTiO3"), length)
    whole = simulate.potential(
        atoms, sampling=length / count, slice_thickness=length, precision="double"
    )
    return planes(whole.values * step / length, (length, length), step)


@pytest.mark.shared
def test_the_bloch_waves_of_the_tests_give_the_table_of_reference(shared):
    import json

    table = json.loads((shared / "data" / "tem" / "reference_tables.json").read_text())
    told = table["bloch_wave_SrTiO3_001_200kV"]
    atoms = orthogonal(crystal.structure("SrTiO3"), 3.905)
    found = zone_bloch(atoms, 3.905, 2.82, told["thickness_A"])
    assert len(found) == told["beams"]
    for name, values in told["I"].items():
        h, k, _ = (int(part) for part in name.strip("()").split(","))
        np.testing.assert_allclose(found[h, k, 0], values, atol=2e-5)


def test_multislice_converges_to_bloch_waves():
    length, count = 3.905, 45
    atoms = orthogonal(crystal.structure("SrTiO3"), length)
    depths = [50.0, 100.0, 200.0]
    # Waves and slices keep two thirds of the frequencies; so does the matrix here.
    limit = Grid((count, count), (length, length)).limit
    expected = zone_bloch(atoms, length, limit, depths, limit)
    worst = []
    for step in (1.0, 0.5, 0.25):
        data = zone_potential(length, count, step)
        made = simulate.multislice(data, voltage=VOLTAGE, repeats=round(200 / step), depths=depths)
        found = np.abs(amplitudes(made)) ** 2
        worst.append(max(
            np.abs(found[:, h, k] - expected[h, k, 0]).max()
            for h, k in ((0, 0), (1, 1), (0, 2), (2, 2), (1, 3))
        ))  # fmt: skip
    assert worst[2] < 0.01
    assert worst[0] > worst[1] > worst[2]


@pytest.mark.slow
def test_multislice_is_bloch_waves_with_higher_laue_zones():
    atoms = crystal.structure("SrTiO3")
    length = float(atoms.cell[0, 0])
    data = simulate.potential(
        atoms,
        sampling=length / 80,
        slice_thickness=length / 2,
        debye_waller=0.8,
        precision="double",
    )
    depths = [length * cells for cells in (13, 26, 52)]
    made = simulate.multislice(data, voltage=VOLTAGE, repeats=52, depths=depths)
    found = np.abs(amplitudes(made)) ** 2
    bloch = simulate.bloch_waves(
        atoms, zone=(0, 0, 1), voltage=VOLTAGE, thickness=made.z.values.tolist(), limit=5.2,
        largest_excitation=0.16, debye_waller=0.8,
    )  # fmt: skip
    hkl = bloch["hkl"].values
    for h, k in ((0, 0), (1, 1), (2, 0), (2, 2), (3, 1)):
        beam = int(np.flatnonzero((hkl == (h, k, 0)).all(axis=1))[0])
        np.testing.assert_allclose(
            found[:, k, h], bloch["intensity"].isel(beam=beam), atol=0.006, err_msg=f"{h} {k} 0"
        )


def test_the_zone_that_points_at_the_source_is_the_opposite_of_z():
    # A crystal without symmetry: each other way to put it into the beam has other intensities.
    lengths = np.array([4.1, 4.6, 3.6])
    places = [(0, 0, 0), (0.3, 0.2, 0.4), (0.55, 0.35, 0.7)]
    atoms = ase.Atoms("TiOSr", scaled_positions=places, cell=lengths, pbc=True)
    bloch = simulate.bloch_waves(
        atoms, zone=(0, 0, 1), voltage=60e3, thickness=10 * lengths[2], limit=2.5, up=(0, 1, 0),
        largest_excitation=0.1, debye_waller=1.0,
    )  # fmt: skip
    expected = bloch["intensity"].isel(thickness=0).values
    zero = bloch["laue_zone"].values == 0

    def away(cell):
        data = simulate.potential(
            cell, sampling=0.11, slice_thickness=lengths[2] / 12, projection="finite",
            debye_waller=1.0, precision="double",
        )  # fmt: skip
        found = np.abs(amplitudes(simulate.multislice(data, voltage=60e3, repeats=10))) ** 2
        sizes = cell.cell.lengths()
        ky, kx = (np.rint(bloch[k].values * size).astype(int) for k, size in
                  (("ky", sizes[1]), ("kx", sizes[0])))  # fmt: skip
        return np.abs(found[ky, kx] - expected)[zero].max()

    assert away(crystal.orthogonal_cell(atoms, (0, 0, -1))) < 0.005
    assert away(atoms) > 0.02


def test_no_electron_is_lost_but_beyond_the_band():
    atoms = crystal.structure("Si")
    data = simulate.potential(atoms, sampling=0.05, precision="double")
    made = simulate.multislice(data, voltage=VOLTAGE, repeats=10)
    assert float((np.abs(made) ** 2).mean()) == pytest.approx(1.0, abs=0.01)
    assert float((np.abs(made) ** 2).mean()) <= 1.0


def test_a_tilted_sample_is_one_whose_slices_are_shifted():
    count, size = 48, 6.0
    rng = np.random.default_rng(0)
    k = np.fft.fftfreq(count, size / count)
    low = (np.hypot(k[:, None], k) < 1.0) * 1.0
    base = np.fft.ifft2(np.fft.fft2(rng.standard_normal((count, count))) * low).real * 300.0
    thickness, tilt, slices = 5.0, (8.0, -13.0), 6
    data = planes([base] * slices, (size, size), thickness)
    tilted = simulate.multislice(data, voltage=VOLTAGE, tilt=tilt)
    slope = np.tan(1e-3 * np.array(tilt))

    def shifted(plane, depth):
        turn = np.exp(-2j * np.pi * depth * (k[:, None] * slope[0] + k * slope[1]))
        return np.fft.ifft2(np.fft.fft2(plane) * turn)

    leaning = [shifted(base, thickness * n).real for n in range(slices)]
    straight = simulate.multislice(planes(leaning, (size, size), thickness), voltage=VOLTAGE)
    np.testing.assert_allclose(
        shifted(tilted.values, thickness * slices), straight.values, atol=2e-4
    )


def test_the_pruned_steps_are_those_of_whole_transforms():
    rng = np.random.default_rng(1)
    values = 100.0 * rng.standard_normal((3, 30, 37))
    data = planes(values, (6.0, 7.0), [1.0, 2.0, 1.5])
    made = simulate.multislice(data, voltage=VOLTAGE)
    grid = Grid((30, 37), (6.0, 7.0))
    square = grid.ky[:, None] ** 2 + grid.kx**2
    inside = square <= grid.limit**2 * (1 + 1e-12)
    wave = np.ones((30, 37), complex)
    for plane, depth in zip(values, (1.0, 2.0, 1.5), strict=True):
        slab = np.fft.ifft2(np.fft.fft2(np.exp(1j * SIGMA * plane)) * inside)
        step = inside * np.exp(-1j * np.pi * WAVELENGTH * depth * square)
        wave = np.fft.ifft2(np.fft.fft2(wave * slab) * step)
    np.testing.assert_allclose(made.values, wave, atol=1e-12)


def test_depths_are_those_of_slices_and_repeats_go_on():
    data = simulate.potential("Si", sampling=0.1, slice_thickness=2.7, precision="double")
    made = simulate.multislice(data, voltage=VOLTAGE, repeats=3, depths=[5.0, 16.0])
    step = float(data.thickness[0])
    np.testing.assert_allclose(made.z, [2 * step, 6 * step])
    once = simulate.multislice(data, voltage=VOLTAGE)
    np.testing.assert_allclose(made[0], once, atol=1e-12)
    twice = simulate.multislice(data, voltage=VOLTAGE, wave=once, repeats=2)
    np.testing.assert_allclose(made[1], twice, atol=1e-12)


# scanned probes

SCAN = {
    "voltage": VOLTAGE, "convergence_angle": 20.0, "scan_stop": (3.0, 2.0), "scan_step": 1.0,
    "detectors": {"all": (0.0, 78.0), "adf": (40.0, 78.0), "rings": simulate.Rings(6.0, 78.0)},
}  # fmt: skip


@pytest.fixture(scope="module")
def silicon():
    return simulate.potential("Si", sampling=0.1, precision="double", debye_waller=0.5)


def test_images_are_those_of_patterns_and_of_exit_waves(silicon):
    images = simulate.stem(silicon, **SCAN)
    assert images["adf"].dims == ("y", "x")
    assert images["rings"].sizes == {"y": 3, "x": 2, "rings_angle": 13}
    np.testing.assert_allclose(images["rings"].sum("rings_angle"), images["all"], rtol=1e-5)
    assert float(images["all"].min()) > 0.98
    options = {key: value for key, value in SCAN.items() if key != "detectors"}
    patterns = simulate.stem_4d(silicon, **options)
    assert patterns.chunks is not None
    assert patterns.dims == ("y", "x", "ky", "kx")
    angle = 1e3 * WAVELENGTH * np.hypot(patterns.ky, patterns.kx)
    adf = patterns.where((angle >= 40.0) & (angle < 78.0)).sum(("ky", "kx"))
    np.testing.assert_allclose(adf, images["adf"], rtol=1e-5)
    place = (float(images.y[2]), float(images.x[1]))
    probe = simulate.probe(voltage=VOLTAGE, convergence_angle=20.0, like=silicon, position=place)
    behind = simulate.multislice(silicon, voltage=VOLTAGE, wave=probe.wave)
    far = np.abs(np.fft.fftshift(np.fft.fft2(behind.values, norm="ortho"))) ** 2
    far *= float(np.prod([silicon[d][1] - silicon[d][0] for d in ("y", "x")]))
    shown = patterns[2, 1].compute()
    y, x = (
        slice(whole // 2 - part // 2, whole // 2 - part // 2 + part)
        for whole, part in zip(far.shape, shown.shape, strict=True)
    )
    np.testing.assert_allclose(shown, far[y, x], atol=1e-10)


def test_a_quadrant_sees_to_which_side_a_wedge_deflects():
    count, size = 64, 12.0
    x = size / count * np.arange(count)
    # Within the probe a slope of the potential: electrons go where it rises.
    slope = 60.0 * size / np.pi * np.sin(2 * np.pi * (x - size / 2) / size) / 2.0
    data = planes((slope * np.ones((count, 1)))[None], (size, size), 1.0)
    detectors = {
        "right": diffraction.Segment(0, 30, -45, 45), "left": diffraction.Segment(0, 30, 135, 225),
        "down": diffraction.Segment(0, 30, 45, 135), "up": diffraction.Segment(0, 30, 225, 315),
    }  # fmt: skip
    made = simulate.stem(
        data, voltage=VOLTAGE, convergence_angle=10.0, detectors=detectors,
        scan_start=(6.0, 6.0), scan_stop=(6.1, 6.1), scan_step=1.0,
    )  # fmt: skip
    assert float(made["right"].item()) > 1.1 * float(made["left"].item())
    assert float(made["down"].item()) == pytest.approx(float(made["up"].item()), rel=0.02)


def test_a_source_blurs_images_as_the_gaussian_that_it_is():
    data = simulate.potential("Si", sampling=0.12, debye_waller=0.5, precision="double")
    size = 5.431020511
    options = {
        "voltage": VOLTAGE, "convergence_angle": 15.0, "scan_step": 0.5,
        "detectors": {"adf": (20.0, 60.0)},
    }  # fmt: skip
    sharp = simulate.stem(data, **options)["adf"]
    soft = simulate.stem(data, source_size=1.2, **options)["adf"]
    # The sum over shifted probes: those of a period are all there are.
    sigma = 1.2 / np.sqrt(8 * np.log(2))
    away = size / 11 * np.arange(-40, 41)
    weight = np.exp(-(away**2) / (2 * sigma**2))
    expected = sum(
        a * b * np.roll(sharp.values, (m, n), (0, 1))
        for m, a in enumerate(weight, -40) for n, b in enumerate(weight, -40)
        if a * b > 1e-12
    ) / weight.sum() ** 2  # fmt: skip
    assert sharp.shape == (11, 11)
    # A sampled Gaussian is not quite one that is sampled in frequencies.
    np.testing.assert_allclose(soft, expected, rtol=5e-4)
    assert float(soft.std()) < 0.9 * float(sharp.std())
    made = simulate.prism(data, interpolation=1, source_size=1.2, **options)["adf"]
    np.testing.assert_allclose(made, soft, atol=1e-9)


def test_a_source_needs_a_scan_that_repeats(silicon):
    with pytest.raises(DataError, match="is no whole part of the cell"):
        simulate.stem(silicon, source_size=0.8, **SCAN)
    with pytest.raises(DataError, match="source_size must be a width in Å, got -1"):
        simulate.stem(silicon, source_size=-1.0, **SCAN)


def test_prism_without_interpolation_is_multislice(silicon):
    lens = {"C10": -40.0, "C21": 500.0, "phi21": 30.0}
    images = simulate.stem(silicon, aberrations=lens, **SCAN)
    made = simulate.prism(silicon, interpolation=1, aberrations=lens, **SCAN)
    for name in SCAN["detectors"]:
        np.testing.assert_allclose(made[name], images[name], atol=1e-9)


def test_prism_with_interpolation_is_multislice_where_the_probe_fits_the_window():
    data = simulate.potential(
        crystal.structure("Si") * (4, 4, 1),
        sampling=21.725 / 144,
        debye_waller=0.5,
        precision="double",
    )
    options = {
        **SCAN, "scan_stop": (2.0, 2.0), "convergence_angle": 25.0,
        "detectors": {"bf": (0.0, 30.0), "adf": (30.0, 50.0)},
    }  # fmt: skip
    images = simulate.stem(data, **options)
    made = simulate.prism(data, interpolation=2, **options)
    for name in ("bf", "adf"):
        np.testing.assert_allclose(made[name], images[name], atol=0.06 * float(images[name].max()))


def test_windows_change_little_and_the_whole_cell_nothing():
    data = simulate.potential(
        crystal.structure("Si") * (3, 3, 1), sampling=0.15, debye_waller=0.5, precision="double"
    )
    options = {**SCAN, "detectors": {"bf": (0.0, 20.0), "adf": (25.0, 50.0)}}
    images = simulate.stem(data, **options)
    whole = simulate.stem(data, window=float(data.y[-1]) + 0.1, **options)
    part = simulate.stem(data, window=11.0, **options)
    for name in ("bf", "adf"):
        np.testing.assert_array_equal(whole[name], images[name])
        np.testing.assert_allclose(part[name], images[name], atol=0.03 * float(images[name].max()))


@pytest.mark.parametrize(
    ("name", "cells", "shaken", "options"),
    [
        ("Si", 5, 0.5, {"convergence_angle": 15.0}),
        ("Si", 5, 0.5, {"convergence_angle": 22.0, "aberrations": {"C10": -60.0}}),
        ("SrTiO3", 6, 0.0, {"convergence_angle": 12.0, "repeats": 6}),
        ("Au", 6, 0.7, {"convergence_angle": 25.0, "repeats": 2}),
    ],
)
def test_windows_are_as_large_as_a_tolerance_asks(name, cells, shaken, options):
    atoms = crystal.structure(name) * (cells, cells, 2)
    if shaken:
        atoms = simulate.frozen_phonons(atoms, 1, debye_waller=shaken)[0]
    data = simulate.potential(atoms, sampling=0.15)
    size = float(data.x[1]) * data.sizes["x"]
    options |= {
        "voltage": VOLTAGE, "scan_start": (0.4 * size, 0.4 * size), "scan_step": 0.7,
        "scan_stop": (0.4 * size + 4.0, 0.4 * size + 4.0),
        "detectors": {
            "bf": (0.0, 8.0), "adf": (28.0, 50.0), "segment": diffraction.Segment(8, 16, 0, 90),
        },
    }  # fmt: skip
    whole = simulate.stem(data, **options)
    lengths = []
    for tolerance in (0.2, 1e-6):
        made = simulate.stem(data, tolerance=tolerance, **options)
        window, error = float(made["window"]), float(made["window_error"])
        lengths.append(window)
        assert 0.0 <= error <= tolerance
        part = simulate.stem(data, window=window, **options)
        for detector in options["detectors"]:
            away = np.abs(made[detector] - whole[detector]).max() / whole[detector].max()
            assert float(away) <= max(error, 1e-6)
            np.testing.assert_array_equal(made[detector], part[detector])
    assert lengths[0] < 0.8 * size
    assert lengths[1] == pytest.approx(size)


def test_watched_places_are_on_columns_between_them_and_far_apart():
    values = np.zeros((2, 60, 60))
    values[:, 30, 40] = 1.0
    grid = Grid((60, 60), (6.0, 6.0))
    steps = np.arange(6) * 1.0
    places = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    chosen = windows.watched_places(values, grid, places)
    assert len(np.unique(chosen, axis=0)) == windows.WATCHED
    np.testing.assert_array_equal(chosen[0], (3.0, 4.0))
    np.testing.assert_array_equal(windows.watched_places(values, grid, places[:5]), places[:5])


def test_configurations_are_carried_along_and_lazy():
    copies = simulate.frozen_phonons(crystal.structure("Si"), 2, debye_waller=0.5)
    data = simulate.potential(copies, sampling=0.12)
    images = simulate.stem(data, **{**SCAN, "detectors": {"adf": (25.0, 50.0)}})
    assert images["adf"].chunks is not None
    assert images["adf"].dims == ("configuration", "y", "x")
    patterns = simulate.stem_4d(data, voltage=VOLTAGE, convergence_angle=20.0, scan_step=3.0)
    assert patterns.sizes["configuration"] == 2
    found = simulate.stem(data, tolerance=0.5, **{**SCAN, "detectors": {"adf": (25.0, 50.0)}})
    assert found["window"].dims == ("configuration",)
    assert found["window"].attrs["units"] == "Å"
    one = simulate.stem(data[1].compute(), **{**SCAN, "detectors": {"adf": (25.0, 50.0)}})
    np.testing.assert_allclose(images["adf"][1], one["adf"], rtol=1e-5)


def test_the_quick_dark_field_is_that_of_multislice_for_a_thin_sample():
    atoms = ase.Atoms("Au", [(4.0, 4.0, 0.5)], cell=[8.0, 8.0, 1.0], pbc=True)
    options = {"voltage": VOLTAGE, "convergence_angle": 20.0}
    quick = simulate.haadf(
        atoms, debye_waller=0.6, detector=(60.0, 120.0), sampling=0.25, **options
    )
    data = simulate.potential(simulate.frozen_phonons(atoms, 12, debye_waller=0.6), sampling=0.065)
    made = simulate.stem(
        data, detectors={"adf": (60.0, 120.0)}, scan_start=(4.0, 3.0), scan_stop=(4.1, 5.0),
        scan_step=0.25, **options,
    )["adf"].mean("configuration")  # fmt: skip
    row = quick.interp(y=4.0, x=made.x)
    # What is scattered coherently into the ring is not in the quick one.
    np.testing.assert_allclose(row, made[0], atol=0.2 * float(made.max()))
    assert float(quick.max("y").idxmax("x")) == 4.0


def test_the_power_of_the_quick_dark_field_is_the_cross_section_of_the_ring():
    atoms = ase.Atoms("Sr", [(2.0, 2.0, 0.5)], cell=[4.0, 4.0, 1.0], pbc=True)
    made = simulate.haadf(
        atoms, voltage=VOLTAGE, convergence_angle=20.0, debye_waller=0.5, sampling=0.1
    )
    p = np.linspace(0.07, 0.18, 4001) / WAVELENGTH
    f = scattering.form_factor("Sr", p)
    scattered = 2 * np.pi * p * f**2 * (1.0 - np.exp(-0.5 * 0.5 * p**2))
    area = (electron.lorentz_factor(VOLTAGE) * WAVELENGTH) ** 2 * np.trapezoid(scattered, p)
    np.testing.assert_allclose(float(made.mean()) * 16.0, area, rtol=1e-3)


# what is refused

ATOMS = ase.Atoms("Si", [(1.0, 1.0, 0.5)], cell=[4.0, 4.0, 1.0], pbc=True)


def test_wrong_samples_are_refused():
    overlapping = ase.Atoms("Si2", [(1, 1, 0.5), (1.1, 1, 0.5)], cell=[4, 4, 1.0], pbc=True)
    with pytest.raises(DataError, match=r"overlap: .* 0\.1 Å apart"):
        simulate.potential(overlapping, sampling=0.1)
    unknown = ase.Atoms("X", [(1, 1, 0.5)], cell=[4, 4, 1.0], pbc=True)
    with pytest.raises(DataError, match="unknown element 'X'"):
        simulate.potential(unknown, sampling=0.1)
    hexagonal = ase.Atoms("C", cell=[[2, 0, 0], [1, 1.7, 0], [0, 0, 3]], pbc=True)
    with pytest.raises(DataError, match=r"does not fit a rectangular grid .*orthogonal_cell"):
        simulate.potential(hexagonal, sampling=0.1)
    with pytest.raises(DataError, match="no cell with a volume"):
        simulate.potential(ase.Atoms("Si"), sampling=0.1)
    with pytest.raises(DataError, match="there are no atoms"):
        simulate.potential(ase.Atoms(cell=[4, 4, 1.0], pbc=True), sampling=0.1)
    with pytest.raises(DataError, match="expected atoms in a cell"):
        simulate.potential(3.0, sampling=0.1)
    with pytest.raises(DataError, match="no structure is called 'kryptonite'"):
        simulate.potential("kryptonite", sampling=0.1)
    missing = ATOMS.copy()
    missing.positions[0, 0] = np.nan
    with pytest.raises(DataError, match="finite"):
        simulate.potential(missing, sampling=0.1)
    with pytest.raises(DataError, match="has no finite projection"):
        simulate.potential(ATOMS, sampling=0.1, projection="finite", table="waasmaier_kirfel")
    with pytest.raises(DataError, match="nothing moves"):
        simulate.frozen_phonons(ATOMS, 2)
    with pytest.raises(DataError, match="count must be"):
        simulate.frozen_phonons(ATOMS, 0, debye_waller=1.0)


@pytest.mark.parametrize("sampling", [0.0, -1.0, 2.0, np.nan])
def test_a_sampling_that_makes_no_grid_is_refused(sampling):
    with pytest.raises(DataError, match=r"sampling must be a length in Å below a quarter"):
        simulate.potential(ATOMS, sampling=sampling)


def test_a_coarse_grid_says_which_would_do():
    heavy = ase.Atoms("Au", [(1.0, 1.0, 0.5)], cell=[4.0, 4.0, 1.0], pbc=True)
    with pytest.warns(AliasingWarning, match=r"what Au scatters; take 0\.\d+ Å or finer"):
        simulate.potential(heavy, sampling=0.25)


def test_wrong_beams_are_refused(silicon):
    with pytest.raises(DataError, match=r"for 200 kV write 200000"):
        simulate.multislice(silicon, voltage=200)
    with pytest.raises(DataError, match=r"for 80 kV write 80000"):
        simulate.probe(voltage=80, convergence_angle=20.0)
    with pytest.raises(DataError, match=r"angles are in mrad, not in rad"):
        simulate.probe(voltage=VOLTAGE, convergence_angle=0.02)
    with pytest.raises(DataError, match=r"keep angles to .* sampling of 0\.0\d+ Å or finer"):
        simulate.stem(silicon, **{**SCAN, "detectors": {"haadf": (80.0, 200.0)}})
    with pytest.raises(DataError, match="tilt must be two angles"):
        simulate.multislice(silicon, voltage=VOLTAGE, tilt=(0.0, 400.0))
    with pytest.raises(DataError, match="repeats must be"):
        simulate.multislice(silicon, voltage=VOLTAGE, repeats=0)
    with pytest.raises(DataError, match="at most that of the sample"):
        simulate.multislice(silicon, voltage=VOLTAGE, depths=[500.0])
    with pytest.raises(DataError, match="like=potential"):
        simulate.multislice(silicon, voltage=VOLTAGE, wave=silicon[0, 1:] + 0j)


def test_wrong_potentials_are_refused(silicon):
    with pytest.raises(DataError, match="must be in 'V Å'"):
        simulate.multislice(silicon.assign_attrs(units="nm"), voltage=VOLTAGE)
    with pytest.raises(DataError, match="no coordinate 'thickness'"):
        simulate.multislice(silicon.drop_vars("thickness"), voltage=VOLTAGE)
    with pytest.raises(DataError, match="missing"):
        simulate.multislice(silicon[0], voltage=VOLTAGE)
    with pytest.raises(DataError, match="real numbers"):
        simulate.multislice(
            (silicon > 0).assign_attrs(units="V Å"),
            voltage=VOLTAGE,
        )


def test_wrong_scans_are_refused(silicon):
    with pytest.raises(DataError, match="detectors must be a mapping"):
        simulate.stem(silicon, **{**SCAN, "detectors": {}})
    with pytest.raises(DataError, match=r"\(inner, outer\)"):
        simulate.stem(silicon, **{**SCAN, "detectors": {"a": (30.0, 10.0)}})
    with pytest.raises(DataError, match="got int"):
        simulate.stem(silicon, **{**SCAN, "detectors": {"a": 3}})
    with pytest.raises(DataError, match="patterns of certain pixels"):
        simulate.stem(silicon, **{**SCAN, "detectors": {"a": diffraction.Mask(np.ones((4, 4)))}})
    with pytest.raises(DataError, match="scan_start must be before"):
        simulate.stem(silicon, **{**SCAN, "scan_stop": (-1.0, 2.0)})
    with pytest.raises(DataError, match="window must be a length"):
        simulate.stem(silicon, window=50.0, **SCAN)
    with pytest.raises(DataError, match="tolerance must be a part of the largest intensity"):
        simulate.stem(silicon, window=3.0, tolerance=0.01, **SCAN)
    with pytest.raises(DataError, match="tolerance must be a part of the largest intensity"):
        simulate.stem(silicon, tolerance=2.0, **SCAN)
    with pytest.raises(DataError, match="detectors must have other names than"):
        simulate.stem(silicon, tolerance=0.1, **{**SCAN, "detectors": {"window": (0.0, 9.0)}})
    with pytest.raises(DataError, match="does not divide"):
        simulate.prism(silicon, interpolation=7, **SCAN)
    with pytest.raises(DataError, match="rings need"):
        simulate.Rings(5.0, 1.0)
    with pytest.raises(DataError, match="scatters nothing diffusely"):
        simulate.haadf(ATOMS, voltage=VOLTAGE, convergence_angle=20.0)


def test_a_missing_value_of_the_potential_is_missing_behind_it(silicon):
    spoiled = silicon.copy()
    spoiled[0, 3, 3] = np.nan
    assert np.isnan(simulate.multislice(spoiled, voltage=VOLTAGE)).all()


def test_an_interrupt_ends_a_scan(silicon, monkeypatch):
    from omniscopy.simulate.waves import scanning

    seen = []

    def interrupted(self, stepper, place):
        seen.append(place)
        raise KeyboardInterrupt

    monkeypatch.setattr(scanning.Probes, "behind", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate.stem(silicon, **{**SCAN, "scan_step": 0.2})
    assert len(seen) <= available_cores()
