"""What baselines, spikes and alignment cost, against SciPy for one spectrum after the other.

The loops follow the same rules and find the same numbers; only what they find is compared in
other tests.
"""

import time

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
import scipy.sparse
import scipy.sparse.linalg
import xarray as xr

from omniscopy.model import coordinate
from omniscopy.signal import align_signals, estimate_baseline, remove_spikes
from omniscopy.signal.spikes import steepest_gaussian

pytestmark = pytest.mark.benchmark
COUNT, CHANNELS, WIDTH = 8192, 1024, 256.0
X = np.arange(CHANNELS)


def spectra(shift=0.0, noise=1.0):
    """Return spectra of six peaks on a decay, in 64 rows."""
    rng = np.random.default_rng(0)
    centres = np.linspace(80, 940, 6) + rng.uniform(-20, 20, 6)
    away = np.reshape(shift, (-1, 1))
    values = 100.0 * np.exp(-X / 600.0) + sum(
        50.0 * np.exp(-0.5 * ((X - centre - away) / 8.0) ** 2) for centre in centres
    )
    values = np.broadcast_to(values, (COUNT, CHANNELS)) + noise * rng.standard_normal(
        (COUNT, CHANNELS)
    )
    return labelled(values)


def labelled(values):
    coords = {"energy": coordinate("energy", X.astype(float), "eV")}
    return xr.DataArray(values.reshape(64, COUNT // 64, -1), coords, dims=("y", "x", "energy"))


def seconds_each(function, given):
    """Return the seconds that a plain loop takes for one spectrum, at best, and what it finds."""
    took, found = [], []
    for _ in range(3):
        start = time.perf_counter()
        found = [function(each) for each in given]
        took.append((time.perf_counter() - start) / len(given))
    return min(took), np.array(found)


def reweighted(y, solve, method):
    """Return the baseline by reweighted least squares, after the papers."""
    weights = np.ones(len(y))
    for _ in range(50):
        curve = solve(weights, weights * y)
        if method == "als":
            again = np.where(y > curve, 0.01, 0.99)
            done = (again == weights).all()
        else:
            away = y - curve
            below = away[away < 0]
            mean, spread = below.mean(), below.std()
            again = 1 / (1 + np.exp(np.minimum(2 * (away - (2 * spread - mean)) / spread, 700)))
            done = np.linalg.norm(again - weights) <= 1e-3 * np.linalg.norm(weights)
        if done:
            break
        weights = again
    return curve


def solvers():
    """Return the sparse solver that is taken for this, and the banded one."""
    strength = (WIDTH / (2 * np.pi)) ** 4
    ones = np.ones(CHANNELS)
    bends = scipy.sparse.diags_array(
        [ones[:-2], -2 * ones[:-2], ones[:-2]], offsets=[0, 1, 2], shape=(CHANNELS - 2, CHANNELS)
    ).tocsc()
    penalty = strength * (bends.T @ bends)
    bands = np.zeros((3, CHANNELS))
    for offset in range(3):
        bands[2 - offset, offset:] = penalty.diagonal(offset)

    def sparse(weights, right):
        matrix = scipy.sparse.diags_array([weights], offsets=[0]) + penalty
        return scipy.sparse.linalg.spsolve(matrix.tocsc(), right)

    def banded(weights, right):
        matrix = bands.copy()
        matrix[2] += weights
        return scipy.linalg.solveh_banded(matrix, right, overwrite_ab=True, check_finite=False)

    return {"spsolve": sparse, "solveh_banded": banded}


@pytest.mark.parametrize("method", ["arpls", "als"])
def test_baselines_against_a_loop(method, measured, best_time):
    data = spectra()
    found = estimate_baseline(data, method=method, width=WIDTH)
    ours = best_time(lambda: estimate_baseline(data, method=method, width=WIDTH)) / COUNT
    rows = data.values.reshape(COUNT, -1)
    for (name, solve), count, least in zip(solvers().items(), (16, 100), (20, 5), strict=True):
        theirs, expected = seconds_each(lambda y, s=solve: reweighted(y, s, method), rows[:count])
        difference = np.abs(expected - found.values.reshape(COUNT, -1)[:count])
        assert difference.max() < 1e-3
        ratio = theirs / ours
        measured(f"Baselines ({method}), 1024 channels: for one of `{name}`", ratio,
                 "> 20" if name == "spsolve" else "")  # fmt: skip
        assert ratio > least


def snip(y, reach):
    values = y.copy()
    for away in range(reach, 0, -1):
        mean = 0.5 * (values[: -2 * away] + values[2 * away :])
        values[away:-away] = np.minimum(values[away:-away], mean)
    return values


def test_clipped_baselines_against_a_loop(measured, best_time):
    data = spectra()
    ours = best_time(lambda: estimate_baseline(data, method="snip", width=WIDTH)) / COUNT
    theirs, expected = seconds_each(lambda y: snip(y, 128), data.values.reshape(COUNT, -1)[:200])
    found = estimate_baseline(data, method="snip", width=WIDTH).values.reshape(COUNT, -1)
    np.testing.assert_allclose(found[:200], expected)
    measured("Baselines (snip), 1024 channels: for one in NumPy", theirs / ours, "")
    assert theirs / ours > 5


def without_spikes(own, near, threshold, steepness):
    """Return a spectrum without spikes of one or two channels, by the rule of `remove_spikes`."""
    y = own
    if near is not None:
        common = np.median(near, axis=0)
        y = own - own.sum() / common.sum() * common
    bends = np.abs(np.diff(y, 2))
    noise = max(1.4826 * np.median(bends), np.percentile(bends, 95) / 1.96) / np.sqrt(6)
    steps = np.diff(y)
    spike = np.zeros(len(y), dtype=bool)
    for length in (1, 2):
        edges = np.minimum(steps[:-length], -steps[length:])
        for first in np.flatnonzero(edges > threshold * noise) + 1:
            last = first + length - 1
            beside = np.r_[y[max(first - 6, 0) : first], y[last + 1 : last + 7]]
            height = y[first : last + 1].max() - beside.min()
            around = np.r_[bends[max(first - 21, 0) : first - 2], bends[last + 1 : last + 20]]
            least = threshold * max(noise, 1.4826 * np.median(around) / np.sqrt(6))
            if edges[first - 1] > max(least, steepness * height + 0.5 * least):
                spike[first : last + 1] = True
    good = np.flatnonzero(~spike)
    return np.where(spike, np.interp(np.arange(len(y)), good, own[good]), own)


@pytest.mark.parametrize("neighbours", [False, True])
def test_spikes_against_a_loop(neighbours, measured, best_time):
    data = spectra()
    values = data.values
    rng = np.random.default_rng(1)
    values.reshape(COUNT, -1)[np.arange(0, COUNT, 2), rng.integers(3, 1020, COUNT // 2)] += 200.0
    options = {} if neighbours else {"neighbours": ()}
    found = remove_spikes(data, **options)["cleaned"].values
    ours = best_time(lambda: remove_spikes(data, **options)) / COUNT
    threshold, (steepness, _) = 2.0 * np.sqrt(np.log(CHANNELS)) + 1.5, steepest_gaussian(3.0)
    around = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]

    def loop(place):
        near = [values[place[0] + i, place[1] + k] for i, k in around] if neighbours else None
        return without_spikes(values[place], near, threshold, steepness)

    places = [(1 + i % 60, 1 + i // 60) for i in range(200)]
    theirs, expected = seconds_each(loop, places)
    cleaned = np.array([found[place] for place in places])
    assert np.mean(np.abs(cleaned - expected) > 1e-9) < 1e-4
    what = "compared with 8 neighbours" if neighbours else "alone"
    measured(f"Spikes of spectra {what}, 1024 channels: for one in SciPy", theirs / ours, "> 20")
    assert theirs / ours > 5


LAGS = np.arange(9) - 4
THROUGH_LAGS = np.linalg.inv(np.vander(LAGS / 4.0))


def aligned(y, reference, reach):
    """Return the shift of a spectrum, and the spectrum shifted back, by the rule of ours."""
    n, size = len(y), len(y) - 2 * reach
    own = y[reach : n - reach] - y[reach : n - reach].mean()
    products = np.correlate(reference, own, "valid")
    sums, squares = np.cumsum(np.r_[0, reference]), np.cumsum(np.r_[0, reference**2])
    total = sums[size:] - sums[:-size]
    spread = squares[size:] - squares[:-size] - total**2 / size
    likeness = products / np.sqrt(spread * (own @ own))
    top = min(max(int(np.argmax(likeness)), 4), len(likeness) - 5)
    value = THROUGH_LAGS @ likeness[top - 4 : top + 5]
    slope = np.polyder(value)
    bend, place = np.polyder(slope), 0.0
    for _ in range(4):
        place -= np.polyval(slope, place) / np.polyval(bend, place)
    shift = reach - top - 4.0 * place
    return shift, scipy.ndimage.shift(y, -shift, order=3, mode="constant", cval=np.nan)


def test_alignment_against_a_loop(measured, best_time):
    truth = np.random.default_rng(2).uniform(-20, 20, COUNT)
    data = spectra(truth)
    reference = spectra(0.0, noise=0.0)[0, 0]
    options = {"reference": reference, "max_shift": 32.0}
    found = align_signals(data, **options)
    ours = best_time(lambda: align_signals(data, **options)) / COUNT
    rows = data.values.reshape(COUNT, -1)[:300]
    theirs, expected = seconds_each(lambda y: np.r_[aligned(y, reference.values, 32)], rows)
    shifts = found["shift"].values.ravel()
    assert np.std(shifts - truth) < 0.05
    np.testing.assert_allclose(shifts[:300], expected[:, 0], atol=0.02)
    both = expected[:, 1:] - found["aligned"].values.reshape(COUNT, -1)[:300]
    assert np.nanmedian(np.abs(both)) < 0.05
    measured("Alignment, 1024 channels, 65 lags: for one of SciPy", theirs / ours, "> 20")
    assert theirs / ours > 5
