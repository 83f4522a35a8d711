"""The spectra of one count of each line and of the continuum, and what they make of a total."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.optimize import least_squares, nnls

from omniscopy.eds.spectra import bounds_of
from omniscopy.physics import xray
from omniscopy.physics.xray.bremsstrahlung import Model
from omniscopy.physics.xray.spectra import LOWEST


@dataclass(frozen=True)
class Setting:
    """What a model of spectra is made of."""

    families: tuple[xray.Family, ...]
    detector: xray.Detector
    voltage: float
    background: Model | None = "lifshin"
    escape: bool = True
    sum_peaks: bool = False


class Scale(NamedTuple):
    """True energies are `offset + gain` times those of the axis; `width` is the resolution."""

    gain: float = 1.0
    offset: float = 0.0
    width: float = 0.13


class Calibration(NamedTuple):
    """A scale and the standard deviations of its numbers."""

    scale: Scale
    std: Scale


def shapes(energy: np.ndarray, setting: Setting, scale: Scale) -> np.ndarray:
    """Return the columns of the model, shape (channels, families and further ones).

    A column of a family has one count in its alpha line. All are 0 below the continuum.
    """
    true = scale.offset + scale.gain * energy
    detector = replace(setting.detector, resolution=scale.width)
    bounds = bounds_of(true)
    columns = [
        xray.family_shape(bounds, family, detector, escape=setting.escape)
        for family in setting.families
    ]
    if setting.background is not None:
        columns += list(xray.continuum(true, setting.voltage, setting.background, detector))
    return np.stack(columns, axis=1)


def total_of(data: xr.DataArray, dim: str) -> xr.DataArray:
    """Return the sum of all spectra, NaN in channels that are NaN in all of them."""
    others = [each for each in data.dims if each != dim]
    if data.dtype.kind != "f":
        return data.sum(others, dtype=np.float64)
    if data.chunks is None:
        # One pass is enough where nothing is missing.
        total = data.sum(others, skipna=False, dtype=np.float64)
        if not total.isnull().any():
            return total
    return data.sum(others, dtype=np.float64).where(data.notnull().any(others))


def pile_up(total: np.ndarray, energy: np.ndarray, scale: Scale) -> np.ndarray:
    """Return the shape of pulses counted as one: the total spectrum folded with itself."""
    true = scale.offset + scale.gain * energy
    step = (true[-1] - true[0]) / (len(true) - 1)
    counts = np.nan_to_num(total)
    folded = np.convolve(counts, counts)
    at = (true - 2 * true[0]) / step
    made = np.interp(at, np.arange(len(folded)), folded, left=0.0, right=0.0)
    return made / made.sum() if made.sum() > 0 else made


def of_x_rays(total: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Return the total without the channels that the noise of the electronics fills."""
    return np.where(energy >= LOWEST, total, np.nan)


def variance_of(total: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the expected counts of the total, infinite in channels that are dead.

    They are those of the model, so that the noise does not choose its own weights.
    """
    alive = np.isfinite(total)
    counts = np.where(alive, total, 0.0)
    level = max(float(np.abs(counts).mean()), 1e-30)
    floor = 1e-3 * level
    expected = np.maximum(counts, level)
    for _ in range(3):
        root = alive / np.sqrt(expected)
        amplitudes = nnls(columns * root[:, None], counts * root, maxiter=100 * columns.shape[1])[0]
        expected = np.maximum(columns @ amplitudes, floor)
        alive &= ~((counts == 0) & (expected > 30))
    return np.where(alive, expected, np.inf)


def refine(total: np.ndarray, energy: np.ndarray, setting: Setting) -> Calibration:
    """Return the scale at which the model fits the total best.

    The amplitudes are found for each scale in closed form, not negative (variable projection).
    """
    start = setting.detector.resolution
    total = of_x_rays(total, energy)
    reach = max(abs(float(energy[-1])), start)
    variance = variance_of(total, shapes(energy, setting, Scale(width=start)))
    # Lines that are off by their width at first widen the weights, not the answer.
    root = 1.0 / np.sqrt(variance + 1e-4 * variance.min())
    counts = np.where(np.isfinite(total), total, 0.0) * root

    def scale_of(place: np.ndarray) -> Scale:
        # Shifts of the ends of the axis in widths; from 1, as steps are relative.
        low, high, wider = place - 1.0
        return Scale(1 + (high - low) * start / reach, low * start, start * np.exp(wider))

    def residual(place: np.ndarray) -> np.ndarray:
        columns = shapes(energy, setting, scale_of(place)) * root[:, None]
        return columns @ nnls(columns, counts, maxiter=100 * columns.shape[1])[0] - counts

    found = least_squares(
        residual, np.ones(3), bounds=([-2, -2, 0.3], [4, 4, 1.7]), x_scale=0.1, diff_step=1e-3
    )
    best = scale_of(found.x)
    covariance = np.linalg.pinv(found.jac.T @ found.jac)
    move = np.array([[-start / reach, start / reach, 0], [start, 0, 0], [0, 0, best.width]])
    std = np.sqrt(np.maximum(np.diag(move @ covariance @ move.T), 0.0))
    return Calibration(best, Scale(*std))
