"""Waves of an image that are near a reciprocal vector: their amplitude and local frequency."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import fft

from omniscopy.compute.threads import available_cores

# How far a Gaussian reaches, in standard deviations: exp(-18) is left out.
_REACH = 6.0


class Wave(NamedTuple):
    r"""What is left of an image near k0, without its carrier :math:`e^{2 \pi i k_0 r}`.

    `value`, `slope_y` and `slope_x`, shape (y, x), complex: the wave and its derivatives per
    unit. `k0`, shape (2,): (ky, kx).
    """

    value: np.ndarray
    slope_y: np.ndarray
    slope_x: np.ndarray
    k0: np.ndarray


class Weights(NamedTuple):
    """How much of the Gaussian around each pixel lies on values, and its covariance.

    `part` is 1 where all of it does. The covariance is relative to that of all of it; without
    `yx` it is a vector along y and one along x, by which slopes are still to be divided.
    """

    part: np.ndarray
    yy: np.ndarray
    xx: np.ndarray
    yx: np.ndarray | None


@dataclass(frozen=True)
class Smoothing:
    """A Gaussian of standard deviation `sigma` on a grid of these steps, in the same units."""

    sigma: float
    steps: tuple[float, float]

    @property
    def noise(self) -> float:
        """Return the variance that it leaves of white noise of variance 1."""
        return abs(self.steps[0] * self.steps[1]) / (4 * np.pi * self.sigma**2)

    def padded_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the shape of a transform in which opposite edges do not see each other."""
        rows, columns = (
            fft.next_fast_len(size + int(np.ceil(_REACH * self.sigma / abs(step))))
            for size, step in zip(shape, self.steps, strict=True)
        )
        return rows, columns

    def waves(
        self, values: np.ndarray, vectors: np.ndarray, weights: Weights
    ) -> tuple[list[Wave], float]:
        r"""Return the waves near `vectors`, shape (2, 2), and the variance of the noise.

        `values` are 0 where there are none, and on average. The wave near g is
        :math:`F^{-1}[F(k)\,e^{-|k - g|^2 / 2 \sigma_k^2}]` with
        :math:`\sigma_k = 1 / 2 \pi \sigma`. White noise has an exponential distribution of
        power, of which the median is ln 2 of the mean; spots are too few to shift it.
        """
        whole = self.padded_shape(values.shape)
        spectrum = fft.fft2(values, whole, workers=available_cores())
        power = np.abs(spectrum[::3, ::3]) ** 2
        used = max(np.count_nonzero(values), 1)
        noise = float(np.median(power)) / np.log(2.0) / used
        return [self._wave(spectrum, g, values.shape, weights) for g in vectors], noise

    def _wave(
        self, spectrum: np.ndarray, g: np.ndarray, shape: tuple[int, ...], weights: Weights
    ) -> Wave:
        """Return one wave, transformed back from the part of the spectrum around it."""
        width = 1 / (2 * np.pi * self.sigma)
        places, beyond, k0 = [], [], np.empty(2)
        for axis, (size, step) in enumerate(zip(spectrum.shape, self.steps, strict=True)):
            pixel = 1 / (size * step)
            centre = round(float(g[axis]) / pixel)
            k0[axis] = centre * pixel
            reach = min(int(np.ceil(_REACH * width / abs(pixel))), (size - 1) // 2)
            offsets = np.arange(-reach, reach + 1)
            places.append((centre + offsets) % size)
            beyond.append(offsets)
        near = spectrum[np.ix_(*places)]
        away = [
            offsets / (size * step)
            for offsets, size, step in zip(beyond, spectrum.shape, self.steps, strict=True)
        ]
        gauss = [
            np.exp(-0.5 * ((d + k0[axis] - g[axis]) / width) ** 2) for axis, d in enumerate(away)
        ]
        near = near * np.multiply.outer(*gauss).astype(near.real.dtype)
        slopes = [2j * np.pi * d for d in away]
        parts = np.stack([near, near * slopes[0][:, None], near * slopes[1]]).astype(near.dtype)
        value, slope_y, slope_x = _transformed_back(parts, beyond, spectrum.shape, shape)
        if weights.yx is not None:
            det = weights.yy * weights.xx - weights.yx**2
            slope_y, slope_x = (
                (weights.xx * slope_y - weights.yx * slope_x) / det,
                (weights.yy * slope_x - weights.yx * slope_y) / det,
            )
        return Wave(value, slope_y, slope_x, k0)

    def weights(self, used: np.ndarray, dtype: np.dtype) -> Weights:
        r"""Return how much of the Gaussian lies on used pixels, and its covariance there.

        A wave :math:`e^{2 \pi i q r}` that is seen through a Gaussian with the covariance C has
        the logarithmic slope :math:`2 \pi i C q / \sigma^2`: near an edge less than it should.
        """
        if used.all():
            along = [
                _moments(size, self.sigma / abs(step))
                for size, step in zip(used.shape, self.steps, strict=True)
            ]
            (rows, yy), (columns, xx) = along
            return Weights(
                np.multiply.outer(rows.astype(dtype), columns.astype(dtype)),
                yy[:, None].astype(dtype), xx[None, :].astype(dtype), None,
            )  # fmt: skip
        return self._weights_of_mask(used, dtype)

    def _weights_of_mask(self, used: np.ndarray, dtype: np.dtype) -> Weights:
        """Return the same where pixels are missing, by derivatives of the smoothed mask."""
        whole = self.padded_shape(used.shape)
        ky = 2 * np.pi * self.sigma * fft.fftfreq(whole[0], self.steps[0])[:, None]
        kx = 2 * np.pi * self.sigma * fft.rfftfreq(whole[1], self.steps[1])
        smooth = fft.rfft2(used.astype(np.float64), whole) * np.exp(-0.5 * (ky**2 + kx**2))
        part, dy, dx, yy, xx, yx = (
            fft.irfft2(smooth * factor, whole)[: used.shape[0], : used.shape[1]]
            for factor in (1.0, 1j * ky, 1j * kx, -(ky**2), -(kx**2), -ky * kx)
        )
        part = np.maximum(part, 1e-6)
        # sigma^2 times the second derivatives of ln W, and 1 on the diagonal.
        relative = [
            1 + yy / part - (dy / part) ** 2,
            1 + xx / part - (dx / part) ** 2,
            yx / part - dy * dx / part**2,
        ]
        relative[0], relative[1] = (np.maximum(each, 0.05) for each in relative[:2])
        limit = 0.9 * np.sqrt(relative[0] * relative[1])
        relative[2] = np.clip(relative[2], -limit, limit)
        return Weights(*(each.astype(dtype) for each in (part, *relative)))


def _transformed_back(
    parts: np.ndarray, beyond: list[np.ndarray], whole: tuple[int, ...], shape: tuple[int, ...]
) -> np.ndarray:
    """Return inverse transforms of spectra that are 0 but for a few rows and columns."""
    workers = available_cores()
    rows = np.zeros((*parts.shape[:2], whole[1]), dtype=parts.dtype)
    rows[..., beyond[1] % whole[1]] = parts
    rows = fft.ifft(rows, axis=-1, overwrite_x=True, workers=workers)
    columns = np.zeros((len(parts), whole[0], shape[1]), dtype=parts.dtype)
    columns[:, beyond[0] % whole[0]] = rows[..., : shape[1]]
    columns = fft.ifft(columns, axis=1, overwrite_x=True, workers=workers)
    return np.asarray(columns[:, : shape[0]])


def _moments(size: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of a Gaussian on `size` pixels around each, and its relative variance."""
    reach = int(np.ceil(_REACH * sigma))
    t = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (t / sigma) ** 2)
    kernel /= kernel.sum()
    # The sum over the pixels of the image is a difference of cumulative sums.
    sums = [np.concatenate([[0.0], np.cumsum(kernel * t**power)]) for power in range(3)]
    place = np.arange(size)
    first = np.clip(reach - place, 0, len(t))
    last = np.clip(reach + size - place, 0, len(t))
    zeroth, one, two = (each[last] - each[first] for each in sums)
    return zeroth, (two / zeroth - (one / zeroth) ** 2) / float((kernel * t**2).sum())
