"""Waves of an image that are near a reciprocal vector: their amplitude and local frequency."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import fft
from scipy.interpolate import BSpline

from omniscopy.compute.threads import available_cores, share_work

# How far a Gaussian reaches, in standard deviations: exp(-18) is left out.
_REACH = 6.0
# Nodes per standard deviation. What the Gaussian leaves is transformed back to them alone: it
# holds waves of up to 6 / 2 pi sigma, of which those beyond 3 / 2 pi sigma are below 1 %; a
# spline of degree 7 through them and its slopes are right to a few millionths of what deviates
# from the carrier.
_NODES = 3.0
TAPS = 8
_BASIS = BSpline.basis_element(np.arange(-4.0, 5.0), extrapolate=False)
# Values and slopes of the spline's basis at its nodes.
_AT_NODES = np.stack([each(np.arange(-3.0, 4.0)) for each in (_BASIS, _BASIS.derivative())])
# Columns of the spectrum of which the power is looked at to know the noise.
_SAMPLED = 24


class Waves(NamedTuple):
    r"""What is left of an image near two vectors, without the carriers :math:`e^{2 \pi i k_0 r}`.

    `coefficients`, shape (2, y nodes + 7, x nodes + 7), complex: splines of each wave. Node n lies
    on row or column `stride` n of the image and has the coefficients n to n + 6. `steps` are the
    distances of pixels; `k0` and `g`, shape (2, 2), carriers and vectors as (ky, kx).
    """

    coefficients: np.ndarray
    k0: np.ndarray
    g: np.ndarray
    stride: tuple[int, int]
    steps: tuple[float, float]

    def at_nodes(self) -> np.ndarray:
        """Return waves and derivatives per unit on all nodes, shape (2, 3, y nodes, x nodes)."""
        kind = self.coefficients.real.dtype
        value, slope = (each.astype(kind) for each in _AT_NODES)
        lines = self.coefficients
        made = np.empty((2, 3, *(size - TAPS + 1 for size in lines.shape[1:])), lines.dtype)
        per_node = [kind.type(1 / (a * b)) for a, b in zip(self.stride, self.steps, strict=True)]

        def work(number: int) -> None:
            along, down = (_summed(lines[number], each, 0) for each in (value, slope))
            made[number, 0] = _summed(along, value, 1)
            np.multiply(_summed(down, value, 1), per_node[0], out=made[number, 1])
            np.multiply(_summed(along, slope, 1), per_node[1], out=made[number, 2])

        share_work(work, range(2))
        return made

    def taps(self, axis: int) -> np.ndarray:
        """Return what coefficients count from a node on along an axis, shape (stride, 2, 8).

        For the wave and for its derivative per unit.
        """
        stride = self.stride[axis]
        away = np.arange(stride)[:, None] / stride - np.arange(-3, TAPS - 3)
        made = np.stack([_BASIS(away), _BASIS.derivative()(away)], axis=1)
        made[:, 1] /= stride * self.steps[axis]
        return np.nan_to_num(made).astype(self.coefficients.real.dtype)


def _summed(coefficients: np.ndarray, taps: np.ndarray, axis: int) -> np.ndarray:
    """Return what every seven coefficients along an axis make of seven taps."""
    size = coefficients.shape[axis] - TAPS + 1
    before = (slice(None),) * axis
    parts = [coefficients[(*before, slice(n, n + size))] for n in range(TAPS - 1)]
    made = taps[3] * parts[3]
    # The basis is even, its slope odd.
    even = taps[0] * taps[6] >= 0
    for n in range(3):
        pair = parts[n] + parts[6 - n] if even else parts[n] - parts[6 - n]
        made += np.multiply(pair, taps[6 - n], out=pair)
    return np.asarray(made)


class Weights(NamedTuple):
    """How much of the Gaussian around each pixel lies on values, and its covariance there.

    With all pixels, `rows`, shape (2, y), and `columns`, shape (2, x), are the factors of that
    part and the inverse of the covariance along y and along x, relative to that of all of the
    Gaussian. Where pixels are missing, `pixels`, shape (4, y, x), are the part and the elements
    yy, yx and xx of that inverse; otherwise its shape is (4, 0, 0).
    """

    rows: np.ndarray
    columns: np.ndarray
    pixels: np.ndarray

    def at(self, stride: tuple[int, int]) -> np.ndarray:
        """Return part and inverse of the covariance, yy, yx, xx, of every `stride` pixels."""
        if self.pixels.size:
            return self.pixels[:, :: stride[0], :: stride[1]]
        rows, columns = self.rows[:, :: stride[0], None], self.columns[:, None, :: stride[1]]
        ones = np.ones((rows.shape[1], columns.shape[2]), rows.dtype)
        return np.stack([rows[0] * columns[0], rows[1] * ones, 0 * ones, columns[1] * ones])


@dataclass(frozen=True)
class Smoothing:
    """A Gaussian of standard deviation `sigma` on a grid of these steps, in the same units."""

    sigma: float
    steps: tuple[float, float]

    @property
    def noise(self) -> float:
        """Return the variance that it leaves of white noise of variance 1."""
        return abs(self.steps[0] * self.steps[1]) / (4 * np.pi * self.sigma**2)

    @property
    def stride(self) -> tuple[int, int]:
        """Return how many pixels apart along y and x nodes tell all of a wave."""
        rows, columns = (max(1, int(self.sigma / abs(step) / _NODES)) for step in self.steps)
        return rows, columns

    def padded_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the shape of a transform in which opposite edges do not see each other.

        Its rows and columns are whole strides.
        """
        least = [
            size + int(np.ceil(_REACH * self.sigma / abs(step)))
            for size, step in zip(shape, self.steps, strict=True)
        ]
        rows, columns = (
            stride * fft.next_fast_len(-(-size // stride))
            for size, stride in zip(least, self.stride, strict=True)
        )
        return rows, columns

    def waves(self, values: np.ndarray, vectors: np.ndarray, count: int) -> tuple[Waves, float]:
        r"""Return the waves near `vectors`, shape (2, 2), and the variance of the noise.

        `values` are 0 on average, and where there are none; there are `count` others. The wave
        near g is
        :math:`F^{-1}[F(k)\,e^{-|k - g|^2 / 2 \sigma_k^2}]` with
        :math:`\sigma_k = 1 / 2 \pi \sigma`. White noise has an exponential distribution of
        power, of which the median is ln 2 of the mean; spots are too few to shift it.
        """
        whole = self.padded_shape(values.shape)
        half = fft.rfft(values, whole[1], axis=1, workers=available_cores())
        sampled = half[:, :: -(-half.shape[1] // _SAMPLED)]
        seen = fft.fft(sampled, whole[0], axis=0)
        power = np.square(seen.real, dtype=np.float64) + np.square(seen.imag, dtype=np.float64)
        noise = float(np.median(power)) / np.log(2.0) / count
        pixels = 1 / (np.array(whole) * self.steps)
        centres = np.round(vectors / pixels).astype(int)
        nodes = [-(-size // stride) for size, stride in zip(values.shape, self.stride, strict=True)]
        made = np.empty((2, *(count + TAPS - 1 for count in nodes)), half.dtype)

        def work(number: int) -> None:
            made[number] = self._coefficients(
                half, centres[number], vectors[number], whole, made.shape[1:]
            )

        share_work(work, range(2))
        return Waves(made, centres * pixels, vectors, self.stride, self.steps), noise

    def _coefficients(
        self, half: np.ndarray, centre: np.ndarray, g: np.ndarray, whole: tuple[int, int],
        shape: tuple[int, ...],
    ) -> np.ndarray:  # fmt: skip
        """Return the spline of one wave, from those of three nodes before the first one on.

        `half`, shape (y, >= 0 kx), is the spectrum of the image along x.
        """
        width = 1 / (2 * np.pi * self.sigma)
        beyond, factors, periods = [], [], []
        for axis, (size, step) in enumerate(zip(whole, self.steps, strict=True)):
            pixel, stride = 1 / (size * step), self.stride[axis]
            reach = min(int(np.ceil(_REACH * width / abs(pixel))), (size - 1) // 2)
            beyond.append(np.arange(-reach, reach + 1))
            offset = (beyond[axis] + centre[axis]) * pixel - g[axis]
            # Divided by what the spline makes of each frequency.
            turn = 2 * np.pi * beyond[axis] * stride / size
            spline = np.cos(np.multiply.outer(turn, np.arange(-3, 4))) @ _AT_NODES[0]
            factors.append(np.exp(-0.5 * (offset / width) ** 2) / spline / stride)
            periods.append(size // stride)
        # A real image has the conjugate spectrum at negative frequencies.
        places = (centre[1] + beyond[1]) % whole[1]
        mirrored = places > whole[1] // 2
        near = half[:, np.where(mirrored, whole[1] - places, places)]
        np.conj(near, out=near, where=mirrored)
        near = fft.fft(near, whole[0], axis=0)[(centre[0] + beyond[0]) % whole[0]]
        near *= np.multiply.outer(*factors).astype(near.real.dtype)
        spectrum = np.zeros(periods, near.dtype)
        spectrum[np.ix_(*(each % count for each, count in zip(beyond, periods, strict=True)))] = (
            near
        )
        made = fft.ifft2(spectrum, overwrite_x=True)
        kept = (np.arange(-3, size - 3) % count for size, count in zip(shape, periods, strict=True))
        return np.asarray(made[np.ix_(*kept)])

    def weights(self, used: np.ndarray | None, shape: tuple[int, ...], dtype: np.dtype) -> Weights:
        r"""Return how much of the Gaussian lies on used pixels, and its covariance there.

        A wave :math:`e^{2 \pi i (g + q) r}` that is seen through a Gaussian around g with the
        covariance C has the logarithmic slope :math:`2 \pi i (g + C q / \sigma^2)`: near an edge
        less far from g than it should be.
        Without `used` all pixels of an image of this `shape` are.
        """
        if used is None:
            rows, columns = (
                _moments(size, self.sigma / abs(step)).astype(dtype)
                for size, step in zip(shape, self.steps, strict=True)
            )
            return Weights(rows, columns, np.empty((4, 0, 0), dtype))
        rows, columns = (np.ones((2, size), dtype) for size in shape)
        return Weights(rows, columns, self._weights_of_mask(used).astype(dtype))

    def _weights_of_mask(self, used: np.ndarray) -> np.ndarray:
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
        yy = np.maximum(1 + yy / part - (dy / part) ** 2, 0.05)
        xx = np.maximum(1 + xx / part - (dx / part) ** 2, 0.05)
        limit = 0.9 * np.sqrt(yy * xx)
        yx = np.clip(yx / part - dy * dx / part**2, -limit, limit)
        det = yy * xx - yx**2
        return np.stack([part, xx / det, -yx / det, yy / det])


def _moments(size: int, sigma: float) -> np.ndarray:
    """Return the part of a Gaussian on `size` pixels around each, and 1 over its variance.

    The variance is relative to that of the whole Gaussian.
    """
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
    variance = two / zeroth - (one / zeroth) ** 2
    return np.stack([zeroth, float((kernel * t**2).sum()) / variance])
