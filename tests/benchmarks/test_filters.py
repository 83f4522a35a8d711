"""What filtering many lines costs, against one call for each line."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import coordinate
from omniscopy.signal import BandPass, Harmonics, LowPass, filter_fourier

pytestmark = pytest.mark.benchmark
STEP = 1e-6


def lines(count, points):
    values = np.random.default_rng(0).standard_normal((count, points)).astype(np.float32)
    coords = {"time": coordinate("time", STEP * np.arange(points), "s")}
    return xr.DataArray(values, coords, dims=("y", "time"))


def one_by_one(values, gain):
    """Filter each line through its whole complex spectrum, as earlier packages do."""
    made = np.empty_like(values)
    for line, row in zip(made, values, strict=True):
        line[:] = np.fft.ifft(np.fft.ifftshift(np.fft.fftshift(np.fft.fft(row)) * gain)).real
    return made


@pytest.mark.parametrize(("count", "points"), [(16384, 256), (2048, 4096), (64, 2**17)])
def test_filtered_lines_against_a_loop(count, points, measured, best_time):
    data = lines(count, points)
    nyquist = 0.5 / STEP
    chain = [LowPass(0.6 * nyquist, roll_off=0), Harmonics(0.1 * nyquist, 0.02 * nyquist, 5)]
    chain += [BandPass(0.3 * nyquist, 0.5 * nyquist, edge="erf")]
    frequency = np.abs(np.fft.fftshift(np.fft.fftfreq(points, STEP)))
    gain = np.prod([each.response(frequency) for each in chain], axis=0)
    ours, theirs = filter_fourier(data, chain, "time"), one_by_one(data.values, gain)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    ratio = best_time(lambda: one_by_one(data.values, gain), 3) / best_time(
        lambda: filter_fourier(data, chain, "time")
    )
    measured(f"Filters on {count} lines of {points}: lines for one of a loop", ratio, "> 2.5")
    assert ratio > 2.5
