"""The bright-field disc: its middle and radius."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_choice,
    require_plane,
    require_real,
    require_uniform,
    result,
    units_of,
)

_FOUND = ("ky", "kx", "radius", "ky_std", "kx_std", "radius_std")
_MAX_STEPS = 60
# How far around the disc intensity counts for its centre of mass, in radii.
_AROUND = 1.3
# How many times brighter than its surroundings a pixel is hot.
_HOT = 3.0

Method = Literal["edge", "com", "symmetry"]


@operation(example={"data": "diffraction_4d"})
def find_centre(
    data: xr.DataArray, *, method: Method = "edge", dims: tuple[str, str] | None = None
) -> xr.Dataset:
    r"""Find the middle and the radius of the bright-field disc in every pattern.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory, on a uniform grid, both coordinates in the same units. Usually
        the `mean_pattern` of a scan.
    method : {"edge", "com", "symmetry"}
        By a fit to the edge of the disc; by the centre of mass of the disc alone, which is quick;
        or about which point the pattern looks most like itself turned by half, for patterns
        whose middle is behind a beam stop or that are rings or spots.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``ky``, ``kx`` and ``radius`` in units of the coordinates, each with ``_std``, and
        ``status``: 1 (max steps) where the fit did not settle, 4 (no data) where nothing is
        brighter than the rest, 5 (invalid) where what was found is smaller than a pixel or
        reaches over the edge; NaN for the last two. Single pixels more than three times brighter
        than the brightest region are left out. Other methods than the fit have no ``_std``,
        the symmetry has no radius: NaN.

    Raises
    ------
    DataError
        There are no two reciprocal dimensions of at least 5 pixels, or their units differ.

    Notes
    -----
    Least squares of :math:`b + a\,(1 - \tanh((|k - k_0| - r) / w)) / 2` around the largest
    bright region, started from its middle and area. The uncertainties follow from the scatter
    of each pixel about the fit (without assuming that it is the same for all [1]_), so that
    Poisson noise and a disc that is not flat are both allowed for.

    References
    ----------
    .. [1] H. White, *Econometrica* 48, 817 (1980).

    Examples
    --------
    >>> import omniscopy as om
    >>> pattern = om.diffraction.mean_pattern(om.samples.diffraction_4d())
    >>> round(float(om.diffraction.find_centre(pattern)["radius"]), 1)
    1.6
    """
    dims = require_plane(data, dims, kind="reciprocal", at_least=5)
    require_real(data)
    require_choice("method", method, get_args(Method))
    units = units_of(data, dims[0])
    if units != units_of(data, dims[1]):
        message = (
            f"coordinates {dims} must have the same units, got {units!r} and "
            f"{units_of(data, dims[1])!r}; convert one with `convert_units(data, units, dim=...)`"
        )
        raise DataError(message)
    for dim in dims:
        require_uniform(data, dim)
    ky, kx = (np.asarray(data.coords[dim].values, dtype=np.float64) for dim in dims)
    found = map_signal(
        _Patterns(ky, kx, method).run, data, dim=dims, output_dims=[{}] * 7,
        dtypes=[np.float64] * 6 + [np.uint8],
    )  # fmt: skip
    columns = dict(zip((*_FOUND, "status"), found, strict=True))
    return result(
        None,
        **{name: (column, "1" if name == "status" else units) for name, column in columns.items()},
    )


@dataclass(frozen=True)
class _Patterns:
    """The coordinates of patterns, of which the discs are found."""

    ky: np.ndarray
    kx: np.ndarray
    method: Method = "edge"

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns and the status of every pattern."""
        outer = block.shape[:-2]
        columns = np.full((len(_FOUND), *outer), np.nan)
        status = np.zeros(outer, dtype=np.uint8)
        for pixel in np.ndindex(*outer):
            row, status[pixel] = self.disc_of(np.asarray(block[pixel], dtype=np.float64))
            columns[(slice(None), *pixel)] = row
        return (*columns, status)

    def disc_of(self, pattern: np.ndarray) -> tuple[np.ndarray, int]:
        """Return the columns of one pattern, and what became of it."""
        nothing = np.full(len(_FOUND), np.nan)
        pattern = _without_hot_pixels(pattern)
        if self.method == "symmetry":
            return self.symmetric(pattern)
        start = self.start_of(pattern)
        if start is None:
            return nothing, Status.NO_DATA
        if self.method == "com":
            return self.weighed(pattern, start)
        pixel = max(abs(self.ky[1] - self.ky[0]), abs(self.kx[1] - self.kx[0]))
        y, x = np.meshgrid(self.ky, self.kx, indexing="ij")
        away = np.hypot(y - start[0], x - start[1])
        # Up to the gap before the next discs, but with some of the dark around.
        near = np.isfinite(pattern) & (away < max(1.5 * start[2], start[2] + 3 * pixel))
        parameters, covariance, settled = _fit_disc(y[near], x[near], pattern[near], start, pixel)
        middle_y, middle_x, radius = parameters[:3]
        inside = (
            self.ky.min() <= middle_y <= self.ky.max()
            and self.kx.min() <= middle_x <= self.kx.max()
        )
        if not (inside and pixel / 2 < radius < np.ptp(self.ky) + np.ptp(self.kx)):
            return nothing, Status.INVALID
        spread = np.sqrt(np.maximum(np.diag(covariance)[:3], 0.0))
        row = np.concatenate([parameters[:3], spread])
        return row, Status.CONVERGED if settled else Status.MAX_STEPS

    def weighed(self, pattern: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, int]:
        """Return the centre of mass of the disc, over the dark around it, and its radius."""
        made = np.full(len(_FOUND), np.nan)
        at, radius, dark = start[:2], start[2], start[5]
        values = np.where(np.isfinite(pattern), pattern - dark, 0.0)
        for _ in range(5):
            near = np.hypot(self.ky[:, None] - at[0], self.kx - at[1]) <= _AROUND * radius
            weight = np.where(near, values, 0.0)
            total = float(weight.sum())
            if not total > 0:
                return made, Status.NO_DATA
            at = np.array([weight.sum(axis=1) @ self.ky, weight.sum(axis=0) @ self.kx]) / total
        made[:3] = *at, radius
        return made, Status.CONVERGED

    def symmetric(self, pattern: np.ndarray) -> tuple[np.ndarray, int]:
        """Return about which point a pattern turned by half is most like itself.

        That is half of where the pattern convolved with itself peaks.
        """
        from scipy import fft

        made = np.full(len(_FOUND), np.nan)
        finite = np.isfinite(pattern)
        if not finite.any() or not np.ptp(pattern[finite]) > 0:
            return made, Status.NO_DATA
        # Roots, so that the few brightest pixels do not decide alone.
        values = np.sqrt(np.maximum(np.where(finite, pattern, 0.0), 0.0))
        values = np.where(finite, values - values[finite].mean(), 0.0)
        whole = [2 * size for size in pattern.shape]
        both = fft.irfft2(fft.rfft2(values, whole) ** 2, whole)
        top = np.unravel_index(int(np.argmax(both)), both.shape)
        ends = []
        for axis, coordinate in enumerate((self.ky, self.kx)):
            line = np.moveaxis(both, axis, 0)[:, top[1 - axis]]
            n = int(top[axis])
            before, here, after = line[n - 1], line[n], line[(n + 1) % len(line)]
            bend = before - 2 * here + after
            place = (n + (0.5 * (before - after) / bend if bend < 0 else 0.0)) / 2
            ends.append(coordinate[0] + (coordinate[1] - coordinate[0]) * place)
        made[:2] = ends
        return made, Status.CONVERGED

    def start_of(self, pattern: np.ndarray) -> np.ndarray | None:
        """Return middle, radius, width, height and background of the largest bright region."""
        from scipy import ndimage

        finite = np.isfinite(pattern)
        if not finite.any():
            return None
        if not np.ptp(pattern[finite]) > 0:
            return None
        filled = np.where(finite, pattern, np.median(pattern[finite]))
        dark = float(np.median(filled))
        smooth = ndimage.uniform_filter(filled, 3)
        level, region = float(smooth.max()), np.zeros(filled.shape, dtype=bool)
        if not level > dark:
            dark = float(smooth.min())
        for _ in range(5):
            labels, count = ndimage.label(smooth > (level + dark) / 2)
            if count == 0:
                break
            sums = ndimage.sum_labels(smooth - dark, labels, np.arange(1, count + 1))
            region = labels == 1 + int(np.argmax(sums))
            level = float(np.median(smooth[region]))
            outside = smooth[~region]
            dark = float(np.median(outside)) if outside.size else dark
        if not region.any() or not level > dark:
            return None
        rows, columns = np.nonzero(region)
        area = region.sum() * abs((self.ky[1] - self.ky[0]) * (self.kx[1] - self.kx[0]))
        radius = float(np.sqrt(area / np.pi))
        width = 0.5 * abs(self.ky[1] - self.ky[0])
        middle = [self.ky[rows].mean(), self.kx[columns].mean()]
        return np.array([*middle, radius, width, level - dark, dark])


def _without_hot_pixels(pattern: np.ndarray) -> np.ndarray:
    """Return a pattern, NaN at single pixels or pairs that are far brighter than all else."""
    from scipy import ndimage

    known = np.isfinite(pattern)
    filled = np.where(known, pattern, 0.0)
    top = float(filled.max(initial=0.0))
    # Of a disc the mean of nine pixels is hardly less than its brightest one.
    if not top > _HOT * float(ndimage.uniform_filter(filled, 3).max()):
        return pattern
    limit = _HOT * float(ndimage.rank_filter(filled, -5, size=5).max())
    return np.where(filled > limit, np.nan, pattern) if limit > 0 else pattern


def _fit_disc(
    y: np.ndarray, x: np.ndarray, values: np.ndarray, start: np.ndarray, pixel: float
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the parameters of a disc, their covariance, and whether the fit settled."""
    best = start.copy()
    model, slopes = _disc(y, x, best)
    cost, damping = float(np.sum((values - model) ** 2)), 1e-3
    settled = False
    for _ in range(_MAX_STEPS):
        normal = slopes @ slopes.T
        scale = np.diag(normal) + 1e-30
        step = np.linalg.lstsq(
            normal + damping * np.diag(scale), slopes @ (values - model), rcond=None
        )[0]
        trial = best + step
        trial[3] = min(max(trial[3], 0.05 * pixel), 5 * pixel)
        new_model, new_slopes = _disc(y, x, trial)
        new_cost = float(np.sum((values - new_model) ** 2))
        moved = float(np.max(np.abs(trial[:3] - best[:3]))) / pixel
        if new_cost <= cost:
            best, model, slopes, cost = trial, new_model, new_slopes, new_cost
            damping = max(damping / 5, 1e-9)
        else:
            damping *= 5
        if moved < 1e-7:
            settled = True
            break
    inverse = np.linalg.pinv(slopes @ slopes.T)
    # A pixel draws the fit to itself: its residual is smaller than its error ("HC3").
    own = np.clip(np.einsum("in,ij,jn->n", slopes, inverse, slopes), 0.0, 0.99)
    scatter = (slopes * ((values - model) / (1 - own)) ** 2) @ slopes.T
    return best, inverse @ scatter @ inverse, settled


def _disc(y: np.ndarray, x: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a disc with a soft edge, and its derivatives by each parameter."""
    dy, dx = y - p[0], x - p[1]
    away = np.hypot(dy, dx)
    reach = (away - p[2]) / p[3]
    edge = np.tanh(reach)
    steep = 0.5 * p[4] * (1 - edge**2) / p[3]
    inverse = 1 / np.maximum(away, 1e-300)
    height = 0.5 * (1 - edge)
    slopes = np.stack(
        [steep * dy * inverse, steep * dx * inverse, steep, steep * reach, height, np.ones_like(y)]
    )
    return p[5] + p[4] * height, slopes
