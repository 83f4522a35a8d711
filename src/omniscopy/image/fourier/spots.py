"""Spots in the power spectrum of an image: its lattice planes."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.tapers import (
    Window,
    flattened,
    reciprocal_coordinates,
    require_choice,
)
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_numbers,
    require_plane,
    require_same_units,
    require_uniform,
    result,
)
from omniscopy.model.units import product, reciprocal

MAX_SPOTS = 32
_FOUND = ("ky", "kx", "ky_std", "kx_std", "intensity", "amplitude", "amplitude_std",
          "signal_to_noise")  # fmt: skip
# Spots fainter than this part of the brightest are side lobes of the window.
_FAINTEST = 1e-4
_FALSE_ALARM = 0.01
_TINY = 1e-300
# How much brighter a spot is than a line through it: of the many on a line few are by chance.
_PROMINENT = 8.0
# Noise of scan lines makes streaks along an axis: their power is that of the lower quartile of so
# many pixels on both sides, and counts where it is that much above the background.
_STREAK, _ABOVE = (4, 40), 2.0
# How far a spot reaches through the window, in pixels.
_LOBE = 3


@operation(example={"image": "atom_image"})
def find_fourier_spots(
    image: xr.DataArray,
    *,
    threshold: float | None = None,
    spacing_range: tuple[float, float] | None = None,
    min_distance: int = 4,
    max_spots: int = MAX_SPOTS,
    window: Window = "hann",
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find the spots in the power spectrum of every image, and the spacings they stand for.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units, real or complex
        Lazy or in memory, on a uniform grid; both coordinates in the same units.
    threshold : float
        Power of a spot over that of the background at the same distance from the middle, at
        least. Otherwise what noise alone exceeds somewhere in 1 of 100 images.
    spacing_range : (low, high), units of the coordinates
        Spacings looked for; otherwise all up to a third of the field of view.
    min_distance : int
        Pixels of the spectrum between two spots, at least.
    max_spots : int
        Only the most intense ones are returned.
    window : {"hann", "hamming", "blackman", "none"}
        Falls off to the edges. Without one, spots lean on each other.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., peak)
        The most intense first, one of each pair at :math:`\pm k` (that with kx > 0, and ky > 0
        on the axis): ``ky``, ``kx`` and their ``magnitude`` in periods per unit (1/nm, without
        2 pi), ``spacing`` :math:`1/|k|`, ``angle`` of k in degrees from +x towards +y (down in
        the image), ``amplitude`` of the wave (units of the image), ``intensity`` (power
        spectral density), each but the last with ``_std``; ``signal_to_noise``, the power over
        the background. ``count`` before the limit, and ``status``: 4 (no data) for an image
        without a finite pixel. Of a single image in memory as many spots as there are;
        otherwise `max_spots` with NaN after the last one.

    Raises
    ------
    DataError
        There are no two spatial dimensions of at least 8 pixels, a step is not uniform, or the
        units of the two differ.

    Notes
    -----
    Each spot is moved to the maximum of :math:`|\sum w z e^{-2 \pi i k r}|^2`, which is the
    estimate of maximum likelihood of a wave in white noise. The noise for the uncertainties
    is the background of the spectrum at that distance from the middle: the median of the ring
    over ln 2. Lines in a spectrum (from steps, or from the noise of scan lines) are no spots.

    See [1]_ for that estimate and its deviations.

    References
    ----------
    .. [1] D. C. Rife, R. R. Boorstyn, *IEEE Trans. Inf. Theory* 20, 591 (1974).

    Examples
    --------
    >>> import omniscopy as om
    >>> spots = om.image.find_fourier_spots(om.samples.atom_image())
    >>> round(float(spots["spacing"].max()), 2)
    0.39
    """
    dims = require_plane(image, dims, kind="spatial", at_least=8)
    require_numbers(image)
    require_choice(window=window)
    units = require_same_units(image, dims)
    if max_spots < 1 or min_distance < 1:
        message = f"max_spots and min_distance must be at least 1, got {max_spots}, {min_distance}"
        raise DataError(message)
    steps = [require_uniform(image, dim) for dim in dims]
    across = reciprocal_coordinates(image, dims, steps)
    search = _Search(
        ky=across[f"k{dims[0]}"].values, kx=across[f"k{dims[1]}"].values,
        steps=(steps[0], steps[1]), k_range=_k_range(spacing_range, image, dims, steps),
        threshold=threshold, distance=min_distance, max_spots=max_spots, window=window,
    )  # fmt: skip
    found = map_signal(
        search.run, image, dim=dims, output_dims=[{"peak": max_spots}] * len(_FOUND) + [{}, {}],
        dtypes=[np.float64] * len(_FOUND) + [np.int64, np.uint8],
    )  # fmt: skip
    columns = dict(zip((*_FOUND, "count", "status"), found, strict=True))
    spots = _with_units(columns, units, image.attrs.get("units"))
    spots = spots.assign_coords(peak=coordinate("peak", np.arange(max_spots), "1"))
    single = image.ndim == 2 and image.chunks is None
    return spots.isel(peak=slice(min(int(spots["count"]), max_spots))) if single else spots


def _with_units(
    columns: dict[str, xr.DataArray], units: str | None, values: str | None
) -> xr.Dataset:
    """Return the spots with what follows from ky and kx, all with units."""
    ky, kx, ky_std, kx_std = (columns[name] for name in ("ky", "kx", "ky_std", "kx_std"))
    magnitude = (ky**2 + kx**2) ** 0.5
    radial = ((ky * ky_std) ** 2 + (kx * kx_std) ** 2) ** 0.5 / magnitude
    turning = ((kx * ky_std) ** 2 + (ky * kx_std) ** 2) ** 0.5 / magnitude**2
    angle: Any = xr.apply_ufunc(np.arctan2, ky, kx, dask="allowed")
    degrees = 180.0 / np.pi
    per_unit = reciprocal(units)
    return result(
        None,
        ky=(ky, per_unit), ky_std=(ky_std, per_unit),
        kx=(kx, per_unit), kx_std=(kx_std, per_unit),
        magnitude=(magnitude, per_unit), magnitude_std=(radial, per_unit),
        spacing=(1 / magnitude, units), spacing_std=(radial / magnitude**2, units),
        angle=(degrees * angle, "deg"), angle_std=(degrees * turning, "deg"),
        amplitude=(columns["amplitude"], values), amplitude_std=(columns["amplitude_std"], values),
        intensity=(columns["intensity"], product((values, 2), (units, 2))),
        signal_to_noise=(columns["signal_to_noise"], "1"),
        count=(columns["count"], "1"), status=(columns["status"], "1"),
    )  # fmt: skip


def _k_range(
    spacings: tuple[float, float] | None,
    image: xr.DataArray,
    dims: tuple[str, str],
    steps: list[float],
) -> tuple[float, float]:
    if spacings is None:
        field = min(abs(step) * image.sizes[dim] for step, dim in zip(steps, dims, strict=True))
        return 3.0 / field, np.inf
    low, high = spacings
    if not 0 <= low < high:
        message = f"spacing_range {spacings} must be (low, high) with 0 <= low < high"
        raise DataError(message)
    return 1.0 / high, 1.0 / low if low else np.inf


@dataclass(frozen=True)
class _Search:
    """What is looked for in a block of images; `ky` and `kx` are zero in the middle."""

    ky: np.ndarray
    kx: np.ndarray
    steps: tuple[float, float]
    k_range: tuple[float, float]
    threshold: float | None
    distance: int
    max_spots: int
    window: Window

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns, the count and the status of every image."""
        outer = block.shape[:-2]
        columns = np.full((len(_FOUND), *outer, self.max_spots), np.nan)
        count = np.zeros(outer, dtype=np.int64)
        status = np.zeros(outer, dtype=np.uint8)
        for pixel in np.ndindex(*outer):
            image = block[pixel]
            if not np.isfinite(image).any():
                status[pixel] = Status.NO_DATA
                continue
            values, weight = flattened(image, self.window, "mean")
            tops, background = self.tops_of(values, weight)
            wave = _Wave(values, weight, self.steps)
            rows = [
                wave.fitted(self.ky[row], self.kx[column], background[row, column])
                for row, column in tops[: self.max_spots]
            ]
            table = np.array(rows, dtype=np.float64).reshape(-1, len(_FOUND))
            size = np.hypot(table[:, 0], table[:, 1])
            outside = (size < self.k_range[0]) | (size > self.k_range[1])
            count[pixel] = len(tops) - outside.sum()
            table = table[~outside]
            table = table[np.argsort(-table[:, _FOUND.index("intensity")], kind="stable")]
            columns[(slice(None), *pixel, slice(len(table)))] = table.T
        return (*columns, count, status)

    def tops_of(
        self, values: np.ndarray, weight: np.ndarray
    ) -> tuple[list[tuple[int, int]], np.ndarray]:
        """Return the pixels of spots, the brightest first, and the background everywhere."""
        from scipy.ndimage import maximum_filter

        area = abs(self.steps[0] * self.steps[1])
        scale = area / max(float((weight**2).sum()), _TINY)
        power = scale * np.abs(np.fft.fftshift(np.fft.fft2(values))) ** 2
        ky, kx = self.ky[:, None], self.kx[None, :]
        distance, pixel = np.hypot(ky, kx), _pixel(self.ky, self.kx)
        threshold = self.threshold
        if threshold is None:
            threshold = np.log(power.size / 2 / _FALSE_ALARM)
        # The pixel of a spot may lie outside of the range that the spot is in.
        inside = (distance > self.k_range[0] - pixel) & (distance < self.k_range[1] + pixel)
        half = (kx > 0) | ((kx == 0) & (ky > 0))
        size = 2 * self.distance + 1
        highest = power == maximum_filter(power, size=size, mode="wrap")
        faintest = _FAINTEST * power.max(where=inside, initial=0.0)
        candidates = highest & inside & (power > faintest)
        background = np.zeros_like(power)
        quiet = np.ones(power.shape, dtype=bool)
        for _ in range(2):  # the spots are no background to themselves
            background = ring_background(power, distance, 2 * pixel, quiet)
            tops = candidates & (power >= threshold * background)
            tops[tops] = power[tops] >= _PROMINENT * _ridge(power, np.argwhere(tops))
            streak = _streak(power, np.argwhere(tops))
            streak[streak < _ABOVE * background[tops]] = 0.0
            tops[tops] = power[tops] >= threshold * streak
            quiet = ~maximum_filter(tops, size=2 * _LOBE + 1, mode="wrap")
        places = [(int(row), int(column)) for row, column in np.argwhere(tops & half)]
        return sorted(places, key=lambda place: -float(power[place])), background


def _pixel(*axes: np.ndarray) -> float:
    """Return the largest step of uniform axes."""
    return max(abs(float(axis[1] - axis[0])) for axis in axes)


def _ridge(power: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the power of the line that runs through each place, if one does.

    Steps, terraces and the noise of scan lines make lines in a spectrum, not spots: along one
    direction the neighbours on both sides are as bright. The lower median of them is taken:
    of the next spots of a lattice, three of six pixels are bright.
    """
    reach = np.concatenate([-np.arange(3, 9), np.arange(3, 9)])
    angle = np.pi * np.arange(8)[:, None] / 8
    rows, columns = (np.rint(reach * part(angle)).astype(int) for part in (np.sin, np.cos))
    along = power[
        (places[:, 0, None, None] + rows) % power.shape[0],
        (places[:, 1, None, None] + columns) % power.shape[1],
    ]
    middle = len(reach) // 2 - 1
    return np.partition(along, middle, axis=-1)[..., middle].max(axis=-1)


def _streak(power: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the mean power of noise along the row or the column of each place, the larger."""
    found = []
    for axis in (0, 1):
        last = min(_STREAK[1], power.shape[axis] // 3)
        reach = np.concatenate([-np.arange(_STREAK[0], last), np.arange(_STREAK[0], last)])
        at = [places[:, n, None] + (reach if n == axis else 0) for n in (0, 1)]
        along = power[at[0] % power.shape[0], at[1] % power.shape[1]]
        quartile = len(reach) // 4
        found.append(np.partition(along, quartile, axis=1)[:, quartile] / np.log(4.0 / 3.0))
    return np.asarray(np.maximum(*found))


def ring_background(
    power: np.ndarray, distance: np.ndarray, width: float, quiet: np.ndarray
) -> np.ndarray:
    """Return the mean power of noise at each distance: the median of the ring over ln 2."""
    ring = (distance / width).astype(int)
    order = np.argsort(ring[quiet], kind="stable")
    ends = np.searchsorted(ring[quiet][order], np.arange(ring.max() + 2))
    sorted_power = power[quiet][order]
    level = np.zeros(len(ends) - 1)
    for number, (start, stop) in enumerate(itertools.pairwise(ends)):
        # Rings in the corners have few pixels: they take the level of the one before.
        few = stop - start < (8 if number else 1)
        level[number] = level[number - 1] if few else np.median(sorted_power[start:stop])
    centres = (np.arange(len(level)) + 0.5) * width
    level = np.maximum(level / np.log(2.0), 1e-14 * max(float(power.max()), _TINY))
    # Spectra of surfaces fall by decades: between rings the logarithm is what is straight.
    return np.exp(np.interp(distance, centres, np.log(level)))


class _Wave:
    """The transform of one windowed image at any spatial frequency, with its derivatives."""

    def __init__(self, values: np.ndarray, weight: np.ndarray, steps: tuple[float, float]) -> None:
        self.values = values
        self.area = abs(steps[0] * steps[1])
        self.total = float(weight.sum())
        self.squares = float((weight**2).sum())
        places = [step * np.arange(size) for step, size in zip(steps, values.shape, strict=True)]
        sums = [weight.sum(axis=1), weight.sum(axis=0)]
        middles = [float(s @ place) / self.total for s, place in zip(sums, places, strict=True)]
        # Measured from the middle of the window, shift and phase do not depend on each other.
        self.places = [place - middle for place, middle in zip(places, middles, strict=True)]
        squares = [(weight**2).sum(axis=1), (weight**2).sum(axis=0)]
        self.second = [float(s @ place**2) for s, place in zip(sums, self.places, strict=True)]
        self.noisy = [float(s @ place**2) for s, place in zip(squares, self.places, strict=True)]
        self.pixel = [1 / abs(step * n) for step, n in zip(steps, values.shape, strict=True)]

    def fitted(self, ky: float, kx: float, background: float) -> list[float]:
        """Return the columns of the spot near (ky, kx)."""
        start = k = np.array([ky, kx])
        for _ in range(30):
            gradient, hessian, _ = self.slopes(k)
            downhill = np.linalg.eigvalsh(hessian)[-1] >= 0
            step = np.zeros(2) if downhill else -np.linalg.solve(hessian, gradient)
            step = np.clip(step, -np.multiply(0.5, self.pixel), np.multiply(0.5, self.pixel))
            k = np.clip(k + step, start - self.pixel, start + self.pixel)
            if np.all(np.abs(step) < 1e-10 * np.array(self.pixel)):
                break
        height = abs(self.slopes(k)[2])
        sigma = np.sqrt(background / self.area)
        scatter = [
            sigma * np.sqrt(noisy / 2) * self.total / (2 * np.pi * height * second)
            for noisy, second in zip(self.noisy, self.second, strict=True)
        ]
        intensity = self.area * height**2 / self.squares
        amplitude_std = sigma * np.sqrt(2 * self.squares) / self.total
        return [
            *k, *scatter, intensity, 2 * height / self.total, amplitude_std, intensity / background,
        ]  # fmt: skip

    def slopes(self, k: np.ndarray) -> tuple[np.ndarray, np.ndarray, complex]:
        """Return gradient and Hessian of the squared modulus, and the transform itself."""
        along = []
        for place, frequency in zip(self.places, k, strict=True):
            turn = -2j * np.pi * place
            along.append(np.exp(turn * frequency) * np.stack([turn**n for n in range(3)]))
        f = along[0] @ self.values @ along[1].T
        value = complex(f[0, 0])
        gradient = 2 * np.real(np.conj(value) * np.array([f[1, 0], f[0, 1]]))
        cross = np.conj(f[1, 0]) * f[0, 1] + np.conj(value) * f[1, 1]
        hessian = 2 * np.real(
            [
                [abs(f[1, 0]) ** 2 + np.conj(value) * f[2, 0], cross],
                [cross, abs(f[0, 1]) ** 2 + np.conj(value) * f[0, 2]],
            ]
        )
        return gradient, hessian, value
