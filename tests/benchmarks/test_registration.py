"""Registration of a drifting stack, against frames compared one after the other."""

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage
from skimage.registration import phase_cross_correlation

import omniscopy as om
from omniscopy.model import coordinate

pytestmark = pytest.mark.benchmark
FRAMES, SIZE = 20, 512


def drifting():
    """Return frames of a random texture with half as much noise, and their shifts in pixels."""
    rng = np.random.default_rng(3)
    shifts = np.cumsum(rng.normal(0, 1.2, (FRAMES, 2)), axis=0)
    shifts -= shifts[0]
    size = SIZE + 64
    texture = ndimage.gaussian_filter(rng.standard_normal((size, size)), 2.5, mode="wrap")
    spectrum = np.fft.fft2(texture / texture.std())
    k = np.fft.fftfreq(size)
    frames = [
        np.fft.ifft2(spectrum * np.exp(-2j * np.pi * (k[:, None] * dy + k * dx))).real
        for dy, dx in shifts
    ]
    values = np.stack(frames)[:, 32:-32, 32:-32] + 0.5 * rng.standard_normal((FRAMES, SIZE, SIZE))
    coords = {
        dim: coordinate(dim, np.arange(n, dtype=float), units)
        for dim, n, units in (("frame", FRAMES, "1"), ("y", SIZE, "nm"), ("x", SIZE, "nm"))
    }
    return xr.DataArray(values.astype(np.float32), coords, dims=("frame", "y", "x")), shifts


def one_after_the_other(frames):
    """Register each frame to the one before it, to whole pixels, and add the shifts up."""
    steps = [
        phase_cross_correlation(before, after, normalization=None)[0]
        for before, after in itertools.pairwise(frames)
    ]
    drift = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return np.stack([ndimage.shift(f, d, order=3) for f, d in zip(frames, drift, strict=True)])


def test_a_stack_is_registered_faster_and_to_a_small_part_of_a_pixel(best_time, measured):
    stack, shifts = drifting()
    values = stack.values.astype(float)
    found = om.image.register(stack)
    ours = best_time(lambda: om.image.register(stack), 5)
    plain = best_time(lambda: one_after_the_other(values), 1)
    away = np.stack([found["shift_y"], found["shift_x"]], axis=-1) - shifts
    rms = float(np.sqrt((away**2).mean()))
    measured("register 20 x 512², bare steps of pycroscopy over ours", plain / ours, ">= 2")
    measured("register 20 x 512², rms error in pixels", rms, "<= 0.02")
    assert rms <= 0.02
    assert plain / ours >= 2
