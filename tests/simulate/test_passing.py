"""Waves in registers: against transforms of NumPy and the same steps in NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate
from omniscopy.physics import electron
from omniscopy.simulate.waves import butterflies, passing
from omniscopy.simulate.waves.grids import Grid
from omniscopy.simulate.waves.passing import Layout, Plain, layout_of
from omniscopy.simulate.waves.propagation import Stepper, propagator

pytestmark = pytest.mark.filterwarnings("ignore:a sampling of")


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 11, 13])
def test_few_numbers_are_transformed_as_the_sum_has_it(n):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n) + 1j * rng.normal(size=n)
    made = butterflies.dft([(each.real, each.imag) for each in x])
    np.testing.assert_allclose([complex(*each) for each in made], np.fft.fft(x), atol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 8, 11, 16, 24, 45, 60, 77, 128, 256, 308, 512])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_are_transformed_as_numpy_does_and_back(n, dtype):
    plan, lanes = butterflies.plan_of(n, dtype), butterflies.LANES[np.dtype(dtype).itemsize]
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, lanes)) + 1j * rng.normal(size=(n, lanes))
    values = np.stack([x.real, x.imag], axis=1).astype(dtype)
    butterflies.transform_apart(values, n, *plan[1:4])
    expected = np.fft.fft(x, axis=0)[plan.order]
    tolerance = 20 * np.finfo(dtype).eps
    found = values[:, 0] + 1j * values[:, 1]
    np.testing.assert_allclose(found, expected, atol=tolerance * abs(expected).max())
    butterflies.transform_together(values, n, *plan[1:4])
    found = (values[:, 0] + 1j * values[:, 1]) / n
    np.testing.assert_allclose(found, x, atol=tolerance * abs(x).max())


def test_lengths_with_large_prime_factors_have_no_plan():
    assert butterflies.plan_of(13, np.float32) is None
    assert butterflies.plan_of(1, np.float32) is None
    assert isinstance(layout_of(Grid((26, 24), (3.0, 3.0)), np.complex64), Plain)
    assert isinstance(layout_of(Grid((22, 24), (3.0, 3.0)), np.complex64), Layout)


@pytest.mark.parametrize("shape", [(60, 48), (45, 77), (16, 16), (33, 20)])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("workers", [1, 2])
def test_registers_take_waves_where_numpy_takes_them(shape, dtype, workers):
    grid = Grid(shape, (0.09 * shape[0], 0.1 * shape[1]))
    layout, plain = layout_of(grid, dtype), Plain(grid, np.dtype(dtype))
    rng = np.random.default_rng(3)
    spectrum = (rng.normal(size=grid.square.shape) + 1j) * grid.inside
    turns = [np.exp(1j * rng.normal(size=count)) for count in grid.square.shape]
    phases = rng.normal(size=(2, *shape)).astype(np.empty(0, dtype).real.dtype)
    step = propagator(grid, 3.0, 200e3, (0.0, 8.0), dtype)
    limit = grid.inside / np.prod(shape) + 0j
    reached = []
    for each in (layout, plain):
        passes = each.passes(workers)
        slices = [passes.limited(phase, each.spectrum(limit)) for phase in phases]
        passes.start(each.spectrum(spectrum), *turns)
        passes.slice(slices[0])
        passes.step(each.spectrum(step), behind=False)
        first = passes.spectrum().copy()
        passes.go_on()
        passes.slice(slices[1])
        passes.step(each.spectrum(step), behind=True)
        passes.slice(slices[0])
        passes.step(each.spectrum(step), behind=False)
        reached.append((first, passes.spectrum(), passes.intensity()))
    assert isinstance(layout, Layout)
    for mine, other in zip(*reached, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, atol=2e2 * np.finfo(dtype).eps * abs(other).max())


def test_part_of_a_plane_begins_at_its_corner():
    whole, part = Grid((48, 60), (4.8, 6.0)), Grid((20, 25), (2.0, 2.5))
    rng = np.random.default_rng(2)
    phase = rng.normal(size=whole.shape)
    rows, columns = (np.arange(40) - 8) % 48, (np.arange(50) + 30) % 60
    made = []
    for kind in (layout_of(whole, np.complex128), Plain(whole, np.dtype(complex))):
        limit = kind.spectrum(whole.inside / phase.size + 0j)
        plane = kind.passes().limited(phase, limit)
        window = (
            layout_of(part, complex) if isinstance(kind, Layout) else Plain(part, np.dtype(complex))
        )
        cut = window.cut(plane, rows, columns)
        passes = window.passes()
        passes.start(window.spectrum(np.ones(part.square.shape, complex) * part.inside))
        passes.slice(cut, window.corner(16, 9))
        passes.step(window.spectrum(part.inside + 0j), behind=False)
        made.append(passes.spectrum())
    np.testing.assert_allclose(made[0], made[1], atol=1e-10 * abs(made[1]).max())


def test_grids_of_prime_lengths_are_taken_too():
    shape, size, depth = (37, 41), (3.7, 4.1), 4.0
    assert isinstance(layout_of(Grid(shape, size), complex), Plain)
    values = np.random.default_rng(5).normal(size=(3, *shape)) * 20.0
    coords = {
        "z": ("z", depth * np.arange(3), {"units": "Å"}),
        **{d: (d, 0.1 * np.arange(n), {"units": "Å"}) for d, n in zip("yx", shape, strict=True)},
        "thickness": ("z", [depth] * 3, {"units": "Å"}),
    }
    data = xr.DataArray(values, coords, ("z", "y", "x"), attrs={"units": "V Å"})
    made = simulate.multislice(data, voltage=200e3)
    k = [np.fft.fftfreq(n, 0.1) for n in shape]
    square = k[0][:, None] ** 2 + k[1] ** 2
    inside = square <= (10.0 / 3.0) ** 2
    step = inside * np.exp(-1j * np.pi * electron.wavelength(200e3) * depth * square)
    wave = np.ones(shape, complex)
    for plane in values:
        slab = np.exp(1j * electron.interaction(200e3) * plane)
        slab = np.fft.ifft2(np.fft.fft2(slab) * inside)
        wave = np.fft.ifft2(np.fft.fft2(wave * slab) * step)
    np.testing.assert_allclose(made.values, wave, atol=1e-12)
    options = {"voltage": 200e3, "convergence_angle": 15.0, "detectors": {"bf": (0.0, 30.0)}}
    options.update(scan_stop=(1.0, 1.0), scan_step=0.5)
    whole, part = (simulate.stem(data, window=w, **options)["bf"] for w in (None, 3.0))
    np.testing.assert_allclose(part, whole, atol=0.2)


def test_waves_pass_where_nothing_is_compiled():
    code = (
        "import numpy as np; from omniscopy import simulate; "
        "v = simulate.potential('Si', sampling=0.4, precision='double'); "
        "w = simulate.multislice(v, voltage=200e3); print(repr(complex(w[1, 2].item())))"
    )
    found = []
    for off in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True,
            text=True, env=os.environ | {"NUMBA_DISABLE_JIT": off}, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        found.append(complex(done.stdout))
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_a_stepper_is_what_a_plain_grid_gives():
    assert isinstance(Plain(Grid((13, 13), (2.0, 2.0)), np.dtype(complex)).passes(), Stepper)
    assert isinstance(layout_of(Grid((16, 16), (2.0, 2.0)), complex).passes(), passing.Passes)
