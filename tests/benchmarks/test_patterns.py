"""Patterns of crystals, and the orientations found in them."""

import numpy as np
import pytest

from omniscopy import crystal, diffraction, simulate
from omniscopy.diffraction.orientation import matching

pytestmark = pytest.mark.benchmark


def test_a_spot_pattern_of_a_hundred_atoms_to_index_12(glass, measured, best_time):
    def pattern():
        return simulate.spot_pattern(
            glass, zone=(0, 0, 1), voltage=200e3, thickness=100.0, limit=2.0, largest_index=12,
            largest_excitation=0.03,
        )  # fmt: skip

    assert pattern().sizes["reflection"] > 500
    took = best_time(pattern, 15)
    measured("spot pattern of 100 atoms to hkl 12, ms", 1e3 * took, "≤ 50")


def plain_match(patterns, library, steps):
    """Match as a plain implementation does: a gather and a sum for each entry of the library."""
    data = patterns
    grid = matching._grid(data, ("ky", "kx"), (0.0, 0.0), 360.0 / steps, None)
    ky, kx = 10 * library.ky.values, 10 * library.kx.values
    intensity = library.intensity.values
    radius = np.hypot(ky, kx)
    ring = np.round(radius / grid.step)
    usable = np.isfinite(intensity) & (ring < len(grid.rows))
    turn = np.round(np.arctan2(ky, kx) / (2 * np.pi) * steps)
    every = np.arange(steps)
    found = []
    for pattern in data.values.reshape(-1, *data.shape[-2:]):
        polar = matching.polar_of(pattern, grid, 0.3, 3.0)[:, :steps]
        best = (-1.0, 0, 0)
        for number in range(len(ky)):
            real = usable[number]
            weight = intensity[number, real] ** 0.3
            rows = ring[number, real].astype(int)[:, None]
            columns = (turn[number, real].astype(int)[:, None] + every) % steps
            sums = weight @ polar[rows, columns] / np.linalg.norm(weight)
            place = int(sums.argmax())
            if sums[place] > best[0]:
                best = (float(sums[place]), number, place)
        found.append(best)
    return np.array(found)


def test_orientations_of_64_by_64_patterns_among_a_thousand(measured, best_time):
    library = simulate.pattern_library("Al", voltage=200e3, step=1.41)
    data = simulate.orientation_4d("Al", (6, 8), rng=11)
    found = diffraction.match_orientation(data, library)
    truth = np.array(data.attrs["metadata"]["truth"]["orientation"])
    away = crystal.misorientations(crystal.structure("Al"), found.matrix.values, truth)
    few = data.isel(y=slice(0, 1), x=slice(0, 4))
    plain = plain_match(few, library, 360)
    ours = diffraction.match_orientation(few, library).entry.values.ravel()
    assert (plain[:, 1] == ours).mean() >= 0.5
    fast = best_time(lambda: diffraction.match_orientation(data, library), 3) / away.size
    slow = best_time(lambda: plain_match(few, library, 360), 2) / len(plain)
    measured("orientations of 64² patterns among 1000, median misorientation, deg",
             float(np.median(away)), "≤ 1")  # fmt: skip
    measured("orientations among 1000, plain NumPy / ours", slow / fast, "≥ 5")
    assert np.median(away) <= 1.0
    assert slow / fast > 5
