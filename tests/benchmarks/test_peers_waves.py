"""Potentials and waves of strontium titanate, against abTEM, on the same atoms and slices."""

import numpy as np
import pytest
from tests.benchmarks.peers.races import race

from omniscopy import crystal, simulate
from omniscopy.physics import electron, scattering

pytestmark = [pytest.mark.benchmark, pytest.mark.peer]
PIXELS, SLICES = 512, 102


def atoms_of(cell, pixels=PIXELS, slices=SLICES):
    return {
        "numbers": cell.numbers, "positions": cell.positions, "cell": cell.cell.array,
        "pixels": pixels, "slices": slices,
    }  # fmt: skip


@pytest.fixture(scope="module")
def cell():
    return crystal.structure("SrTiO3") * (5, 5, 51)


def sums_of_atoms(cell, pixels, *, as_abtem=False):
    """Return the potential of the first slice, atom by atom, as the formula is written.

    abTEM shares each atom among four pixels by their distance along y and x, which blurs it, and
    divides by sin(u) / u with u = q s instead of the transform of a pixel.
    """
    size = float(cell.cell[0, 0])
    step = size / pixels
    k = np.fft.fftfreq(pixels, step)
    q = np.hypot(k[:, None], k)
    total = np.zeros((pixels, pixels), complex)
    inside = cell.positions[:, 2] < 1.0
    for symbol, (x, y, _) in zip(
        np.array(cell.get_chemical_symbols())[inside], cell.positions[inside], strict=True
    ):
        along = []
        for place in (y, x):
            whole, part = divmod(place / step, 1.0) if as_abtem else (place / step, 0.0)
            turn = np.exp(-2j * np.pi * k * step)
            along.append(turn**whole * (1.0 - part + part * turn))
        total += scattering.form_factor(symbol, q) * along[0][:, None] * along[1]
    if as_abtem:
        total /= np.sinc(q * step / np.pi)
    return np.fft.ifft2(total).real * electron.POTENTIAL_PER_FACTOR / step**2


def test_potentials(compared, cell, tmp_path):
    ours, theirs = race("abtem", "potential", atoms_of(cell), tmp_path, seconds=12.0)
    truth = sums_of_atoms(cell, PIXELS)

    def error(answer):
        return f"{np.abs(answer['values'][0] - truth).max() / truth.max():.1g} of the largest"

    faster = compared(
        "potential of SrTiO3 5×5×51 in 102 slices of 512²", "abTEM", ours, theirs, "5", error
    )
    assert faster > 1
    # Why abTEM is apart: with its places of atoms, ours is its.
    blurred = sums_of_atoms(cell, PIXELS, as_abtem=True)
    assert np.abs(theirs.answer["values"][0] - blurred).max() < 1e-4 * truth.max()
    assert np.abs(ours.answer["values"][0] - truth).max() < 1e-5 * truth.max()


def sliced(cell):
    """Return the potential that both packages pass their waves through."""
    length = float(cell.cell[0, 0])
    made = simulate.potential(
        cell, sampling=length / PIXELS, slice_thickness=float(cell.cell[2, 2]) / SLICES
    )
    return {"values": made.values, "size": length, "depth": float(cell.cell[2, 2])}


def apart(ours, theirs, key="values"):
    """Return how far answers are from those of the other package, over the largest."""
    if theirs.error:
        return lambda _: ""
    truth = theirs.answer[key]

    def error(answer):
        if answer is not ours.answer:
            return ""
        return f"{np.abs(answer[key] - truth).max() / np.abs(truth).max():.1g} apart"

    return error


def test_plane_waves(compared, cell, tmp_path):
    ours, theirs = race("abtem", "plane_wave", sliced(cell), tmp_path, seconds=12.0)
    what = "plane wave through 102 slices of 512²"
    assert compared(what, "abTEM", ours, theirs, "2", apart(ours, theirs)) > 1


@pytest.mark.parametrize(
    ("job", "what", "asked"),
    [
        ("scan", "HAADF of 8×8 places, 102 slices of 512², one place", "1.4"),
        ("windows", "HAADF of 8×8 places, displaced atoms, in windows of 11.7 Å, one place", "4"),
    ],
)
def test_scans(  # noqa: PLR0917
    compared, cell, tmp_path, job, what, asked
):
    sample = cell
    if job == "windows":
        sample = simulate.frozen_phonons(cell, 1, debye_waller={"Sr": 0.6, "Ti": 0.4, "O": 0.7})[0]
    data = sliced(sample)
    ours, theirs = race("abtem", job, data, tmp_path, limit=600.0, peer_limit=900.0)
    assert compared(what, "abTEM", ours, theirs, asked, apart(ours, theirs)) > 1
