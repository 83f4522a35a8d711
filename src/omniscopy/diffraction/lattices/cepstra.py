"""Lattices of crystals from the cepstra of patterns: no disc need be found."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal, read_again
from omniscopy.compute.threads import share_work
from omniscopy.diffraction.cameras.corrections import mend
from omniscopy.diffraction.dead import without_dead
from omniscopy.diffraction.reductions.reading import scan_of
from omniscopy.diffraction.reductions.wanted import COUNTS
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_plane,
    require_real,
    require_uniform,
    result,
    units_of,
)

Floats = npt.NDArray[np.float64]
Vector = tuple[float, float]

_NAMES = ("a_ky", "a_kx", "b_ky", "b_kx")
# Around the peak of no distance, in steps of the transform; the lobe of the window is 2 wide.
_LOBE = 2.5
_STEPS, _APART = 12, np.deg2rad(20.0)
# Of noise alone, one peak in a thousand is so many times the root mean square.
_CLEAR = 3.0


class Cepstrum(NamedTuple):
    """How patterns are turned into cepstra: their axes, a window, and what is added to them."""

    axes: tuple[Floats, Floats]
    window: Floats
    floor: float
    counted: bool
    radius: float | None = None

    def logarithm(self, pattern: np.ndarray) -> tuple[Floats, Floats]:
        """Return the windowed logarithm of a pattern, and how noise of counts varies it."""
        values = np.asarray(pattern, np.float64)
        missing = ~np.isfinite(values)
        if missing.any() and not missing.all():
            # A transform needs all pixels: those that are not known are as those around them.
            values = values.copy()
            mend(values, missing)
        offset = self.floor * values.mean()
        if not (np.isfinite(offset) and offset > 0):
            return np.full_like(values, np.nan), values
        above = np.maximum(values, 0.0)
        made = np.log(above + offset)
        weight = self.window / self.window.sum()
        made -= (made * weight).sum()
        return made * self.window, self.window**2 * above / (above + offset) ** 2


@operation(example={"data": "nanobeam_4d"})
def fit_cepstrum(
    data: xr.DataArray,
    *,
    vectors: tuple[Vector, Vector] | None = None,
    floor: float = 0.3,
    shortest: float | None = None,
    radius: float | None = None,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Fit a lattice to the cepstrum of every pattern: its peaks are distances in the crystal.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory, on a uniform grid of reciprocal lengths.
    vectors : ((ky, kx), (ky, kx)), units of the coordinates
        About what two reciprocal vectors are. Otherwise they belong to the two strongest peaks
        of the mean cepstrum that are not in line.
    floor : float
        What is added before the logarithm is taken, in parts of the mean of a pattern: less
        brings out weak discs, and noise where there are no counts.
    shortest : float, inverse of the units of the coordinates, optional
        Peaks nearer to the middle are none of the crystal; 2.5 steps of the transform otherwise.
    radius : float, units of the coordinates, optional
        Of the discs: how they draw peaks aside is then taken off. Without it vectors are some
        percent too long, by the same in patterns of the same discs.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``a_ky``, ``a_kx`` (nearest to +kx), ``b_ky``, ``b_kx`` as of `fit_lattice`, for
        `measure_strain`; with ``_std`` where `data` are in counts, NaN otherwise. ``peak_a``
        and ``peak_b``, how high the peaks are above the cepstrum around, in its root mean square.
        ``status``: 4 (no data) for patterns that are empty, 5 (invalid) where there is no peak, or
        none higher than 3 (of noise alone, one in a thousand is); NaN then. Pixels that are NaN
        are as those around them.

    Raises
    ------
    DataError
        The patterns are smaller than 16 x 16 or not on a uniform grid in one unit, a vector or
        a number is none, or no two peaks are found.

    Notes
    -----
    The exit-wave power cepstrum is :math:`|F[\log(I + c)]|` [1]_, with a window of Hann.
    Intensities of discs, which vary with thickness and tilt, hardly matter in it, nor does where
    the pattern is. Peaks are refined by Newton's method on the transform at any place, not on
    its grid; their errors follow from the noise of counts through the curvature. Reciprocal
    vectors are the inverse of the two distances.

    The form of the discs draws peaks aside, as their cepstrum falls from the middle on: without
    `radius` vectors are off by some percent, which is not in the deviations. Strain, which
    compares patterns of the same discs, is off by a few thousandths where about twenty discs are
    in a pattern. Where discs can be told apart, fits to them are better (`fit_lattice`).

    References
    ----------
    .. [1] E. Padgett et al., *Ultramicroscopy* 214, 112994 (2020).

    Examples
    --------
    >>> import omniscopy as om
    >>> lattice = om.diffraction.fit_cepstrum(om.samples.nanobeam_4d())
    >>> strain = om.diffraction.measure_strain(lattice, {"x": slice(0.0, 2.0)})
    >>> strain["strain_xx"].dims
    ('y', 'x')
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=16)
    require_real(data)
    data = without_dead(data, dead, plane)
    for dim in plane:
        require_uniform(data, dim)
    units = {units_of(data, dim) for dim in plane}
    if len(units) > 1:
        message = f"coordinates {plane} must have the same units, got {sorted(map(str, units))}"
        raise DataError(message)
    if not floor > 0:
        message = f"floor must be positive, got {floor!r}"
        raise DataError(message)
    if radius is not None and not radius > 0:
        message = f"the radius of discs must be positive, got {radius!r}"
        raise DataError(message)
    axes = [np.asarray(data[dim].values, np.float64) for dim in plane]
    middled = (axes[0] - axes[0].mean(), axes[1] - axes[1].mean())
    window = np.outer(*(np.hanning(axis.size + 2)[1:-1] for axis in axes))
    cepstrum = Cepstrum(middled, window, float(floor), data.attrs.get("units") in COUNTS, radius)
    if vectors is None:
        shape = {"ry": axes[0].size, "rx": axes[1].size}
        (each,) = map_signal(
            _squares, data, dim=plane, output_dims=[shape], parameters={"cepstrum": cepstrum}
        )
        over = scan_of(data, plane)
        mean = each.mean(over) if over else each
    else:
        given = np.array(vectors, np.float64)
        if given.shape != (2, 2) or abs(np.linalg.det(given)) < 1e-3 * np.hypot(*given.T).prod():
            message = f"vectors must be two (ky, kx) that are not parallel, got {vectors!r}"
            raise DataError(message)
        mean = xr.DataArray(np.linalg.inv(given).T, dims=("ry", "rx"))
    again = read_again(data, mean)
    made = map_signal(
        _fit, again, dim=plane, also=[mean.drop_vars(list(mean.coords))], whole=("ry", "rx"),
        output_dims=[{}] * 11, dtypes=[np.float64] * 10 + [np.uint8],
        parameters={"cepstrum": cepstrum, "found": vectors is not None, "shortest": shortest},
    )  # fmt: skip
    unit = units.pop()
    named = dict(zip((*_NAMES, *(f"{n}_std" for n in _NAMES)), made, strict=False))
    return result(
        None, **{name: (values, unit) for name, values in named.items()},
        peak_a=(made[8], "1"), peak_b=(made[9], "1"), status=(made[10], None),
    )  # fmt: skip


def _squares(patterns: np.ndarray, cepstrum: Cepstrum) -> np.ndarray:
    """Return squared cepstra on the grid of the transform; 0 for patterns of nothing."""
    found = np.zeros(patterns.shape)
    for index in np.ndindex(*patterns.shape[:-2]):
        made, _ = cepstrum.logarithm(patterns[index])
        if np.isfinite(made).all():
            square = np.abs(np.fft.fft2(made)) ** 2
            found[index] = square / max(square.sum(), np.finfo(float).tiny)
    return found


def distances_of(mean: Floats, cepstrum: Cepstrum, shortest: float | None) -> Floats | None:
    """Return the distances of the two strongest peaks of a squared cepstrum, not in line."""
    from scipy.ndimage import maximum_filter

    steps = [1.0 / (axis.size * abs(axis[1] - axis[0])) for axis in cepstrum.axes]
    # Where axes descend, so do the phases: distances are in their sense.
    ry, rx = (np.fft.fftfreq(axis.size, axis[1] - axis[0]) for axis in cepstrum.axes)
    away = np.hypot(ry[:, None], rx)
    nearest = _LOBE * max(steps) if shortest is None else shortest
    peaks = (maximum_filter(mean, 3, mode="wrap") == mean) & (away >= nearest) & (mean > 0)
    peaks &= (rx > 0) | ((rx == 0) & (ry[:, None] > 0))  # the other half is the same
    peaks &= (np.abs(ry[:, None]) < ry.max()) & (np.abs(rx) < rx.max())
    rows, columns = np.nonzero(peaks)
    order = np.argsort(mean[rows, columns])[::-1]
    places = np.stack([ry[rows], rx[columns]], axis=1)[order]
    if not len(places):
        return None
    first = places[0]
    turn = np.abs(places @ np.array([-first[1], first[0]]))
    apart = turn > np.sin(_APART) * np.linalg.norm(first) * np.linalg.norm(places, axis=1)
    return np.stack([first, places[apart][0]]) if apart.any() else None


def _fit(
    patterns: np.ndarray,
    mean: Floats,
    *,
    cepstrum: Cepstrum,
    found: bool,
    shortest: float | None,
) -> tuple[np.ndarray, ...]:
    """Return vectors, their deviations, heights of peaks and status of every pattern."""
    shape = patterns.shape[:-2]
    values = np.full((10, *shape), np.nan)
    status = np.full(shape, int(Status.INVALID), np.uint8)
    means = np.broadcast_to(mean, (*shape, *mean.shape[-2:]))
    indices = list(np.ndindex(*shape))

    def work(n: int) -> None:
        index = indices[n]
        made, noise = cepstrum.logarithm(patterns[index])
        if not np.isfinite(made).all() or not made.any():
            status[index] = int(Status.NO_DATA)
            return
        start = means[index] if found else distances_of(means[index], cepstrum, shortest)
        answer = None if start is None else lattice_of(made, noise, start, cepstrum)
        if answer is not None:
            values[(slice(None), *index)] = answer
            status[index] = 0

    share_work(work, range(len(indices)), title="Cepstra")
    return (*values, status)


def lattice_of(
    logarithm: Floats, noise: Floats, start: Floats, cepstrum: Cepstrum
) -> Floats | None:
    """Return reciprocal vectors, their standard deviations and how high both peaks are."""
    places, slopes, heights = np.empty((2, 2)), [], []
    rms = np.sqrt((logarithm**2).sum())
    for n in range(2):
        peak = _peak(logarithm, start[n], cepstrum.axes)
        if peak is None:
            return None
        places[n], height, curvature, slope = peak
        heights.append(height / rms)
        if not heights[n] > _CLEAR:
            return None
        # How a pixel of the logarithm moves the peak.
        slopes.append(-np.linalg.solve(curvature, slope.reshape(2, -1)))
        if cepstrum.radius is not None:
            # The peak of the lattice alone: the form of a disc is divided by, to first order.
            fall = _fall(places[n], cepstrum.radius)
            places[n] += np.linalg.solve(curvature / height**2, fall)
    if abs(np.linalg.det(places)) < 1e-3 * np.hypot(*places.T).prod():
        return None
    vectors = np.linalg.inv(places).T
    moved = np.concatenate(slopes)
    covariance = (moved * noise.ravel()) @ moved.T
    # G = inverse of R transposed, so that dG = -G dR^T G.
    change = -np.einsum("il,kj->ijkl", vectors, vectors).reshape(4, 4)
    spread = np.sqrt(np.diag(change @ covariance @ change.T)).reshape(2, 2)
    if not cepstrum.counted:
        spread[:] = np.nan
    # The one nearest to +kx first, and both to the right, or down.
    order = np.argsort(-np.abs(vectors[:, 1]) / np.linalg.norm(vectors, axis=1))
    vectors, spread, high = vectors[order], spread[order], np.array(heights)[order]
    vectors[0] *= np.sign(vectors[0, 1]) or 1.0
    vectors[1] *= np.sign(vectors[1, 0]) or 1.0
    return np.concatenate([vectors.ravel(), spread.ravel(), high])


def _fall(place: Floats, radius: float) -> Floats:
    r"""Return the gradient of :math:`\ln (J_1(x) / x)^2`, :math:`x = 2 \pi R r`, within a lobe."""
    from scipy.special import jv

    away = float(np.hypot(*place))
    x = 2.0 * np.pi * radius * away
    # Near the first zero, at 3.83, there is next to nothing to be divided by.
    x = min(x, 3.0)
    return np.asarray(-2.0 * jv(2, x) / jv(1, x) * 2.0 * np.pi * radius * place / away)


def _peak(
    logarithm: Floats, start: Floats, axes: tuple[Floats, Floats]
) -> tuple[Floats, float, Floats, Floats] | None:
    """Return where the transform is largest near a place, how large, its curvature and slope.

    The slope is that of how the gradient of the squared transform changes with every pixel.
    """
    size = np.array([1.0 / (axis.size * abs(axis[1] - axis[0])) for axis in axes])
    tried = np.linspace(-1.0, 1.0, 9)
    grid = [np.exp(-2j * np.pi * np.outer(axis, at + tried * step))
            for axis, at, step in zip(axes, start, size, strict=True)]  # fmt: skip
    power = np.abs(grid[0].T @ logarithm @ grid[1])
    row, column = np.unravel_index(int(power.argmax()), power.shape)
    place = start + size * tried[[row, column]]
    for _ in range(_STEPS):
        waves = [np.exp(-2j * np.pi * axis * at) for axis, at in zip(axes, place, strict=True)]
        down, right = (
            np.stack([wave * (-2j * np.pi * axis) ** n for n in range(3)])
            for wave, axis in zip(waves, axes, strict=True)
        )
        f = down @ logarithm @ right.T
        first = np.array([f[1, 0], f[0, 1]])
        second = np.array([[f[2, 0], f[1, 1]], [f[1, 1], f[0, 2]]])
        gradient = 2.0 * (f[0, 0].conj() * first).real
        curvature = 2.0 * (np.outer(first, first.conj()) + f[0, 0].conj() * second).real
        if not (np.linalg.eigvalsh(curvature) < 0).all():
            return None
        step = -np.linalg.solve(curvature, gradient)
        place = place + np.clip(step, -0.5 * size, 0.5 * size)
        if (np.abs(step) < 1e-9 * size).all():
            break
    if (np.abs(place - start) > 1.6 * size).any():
        return None
    wave = np.outer(waves[0], waves[1])
    along = (axes[0][:, None], axes[1][None, :])
    slope = np.stack(
        [
            2.0 * (each.conj() * wave + f[0, 0].conj() * wave * (-2j * np.pi * axis)).real
            for each, axis in zip(first, along, strict=True)
        ]
    )
    return place, float(abs(f[0, 0])), curvature, slope
