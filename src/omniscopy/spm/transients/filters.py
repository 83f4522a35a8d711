"""Zero-phase filters about the frequency of a drive, and how fast they are."""

import functools
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from omniscopy.model import DataError

Window = Literal["gaussian", "blackman", "hann", "hamming"]
WINDOWS: tuple[Window, ...] = get_args(Window)

# A Gaussian of standard deviation 1: width of its spectrum at half of its height, and the time in
# which its step goes from 10 % to 90 %.
WIDTH, RISE = 0.374781, 2.563103
# Length of a window for which a windowed sine has no lobes, in units of one over the bandwidth.
_LENGTH = 1.6
# A Gaussian filter is left out beyond: 1e-8 of its height.
_REACH = 6.0


@dataclass(frozen=True)
class Filter:
    """A symmetric filter of the baseband: it shifts nothing in time.

    Attributes
    ----------
    window : str
        "gaussian", or the window of a finite filter.
    bandwidth : float, Hz
        Full width, from half of the height to half of the height.
    taps : int or None
        Length of a finite filter; the shortest that has the bandwidth if left out.
    step : float, s
        Of the samples.
    """

    window: Window
    bandwidth: float
    taps: int | None
    step: float

    @property
    def length(self) -> int:
        """Return how many samples it spans, an odd number."""
        if self.window == "gaussian":
            return 2 * int(np.ceil(_REACH * WIDTH / self.bandwidth / self.step)) + 1
        wanted = _LENGTH / self.bandwidth / self.step if self.taps is None else self.taps
        return int(wanted) // 2 * 2 + 1

    @property
    def kernel(self) -> np.ndarray:
        """Return its weights, which add up to 1."""
        return _kernel(self)

    @property
    def rise_time(self) -> float:
        """Return in which time its answer to a step goes from 10 % to 90 %, in seconds."""
        if self.window == "gaussian":
            return RISE * WIDTH / self.bandwidth
        rise = np.cumsum(self.kernel)
        low, high = np.interp([0.1, 0.9], rise, np.arange(len(rise)))
        return float(high - low) * self.step

    def response(self, frequency: np.ndarray) -> np.ndarray:
        """Return what remains of frequencies, in hertz from the drive."""
        if self.window == "gaussian":
            sigma = WIDTH / self.bandwidth
            return np.asarray(np.exp(-0.5 * (2.0 * np.pi * sigma * frequency) ** 2))
        half = self.length // 2
        # The kernel is even: a sum of cosines, by recursion along the weights of one half.
        angle = 2.0 * np.pi * frequency * self.step
        weights = self.kernel[half:]
        return np.asarray(np.cos(np.outer(angle, np.arange(half + 1))) @ _folded(weights))

    @property
    def reach(self) -> float:
        """Return beyond which distance from the drive nothing remains, in hertz."""
        if self.window == "gaussian":
            return _REACH / (2.0 * np.pi) / WIDTH * self.bandwidth
        # Lobes of these windows are below 1e-4 there, and fall further.
        return 0.5 * self.bandwidth + 12.0 / (self.length * self.step)


def require_filter(made: Filter) -> None:
    """Raise unless a filter is one."""
    if not made.bandwidth > 0:
        message = f"bandwidth must be above 0, got {made.bandwidth!r}"
        raise DataError(message)
    if made.taps is not None and (made.window == "gaussian" or not made.taps >= 3):
        message = (
            f"taps must be 3 or more, for windows that are finite; got {made.taps!r} for "
            f"{made.window!r}"
        )
        raise DataError(message)


def _folded(weights: np.ndarray) -> np.ndarray:
    return np.concatenate([weights[:1], 2.0 * weights[1:]])


@functools.lru_cache(maxsize=16)
def _kernel(made: Filter) -> np.ndarray:
    half = made.length // 2
    t = np.arange(-half, half + 1) * made.step
    if made.window == "gaussian":
        weights = np.exp(-0.5 * (t * made.bandwidth / WIDTH) ** 2)
    else:
        from scipy.signal.windows import get_window

        # The ends of the window, which are 0, lie beyond the filter.
        taper = get_window(made.window, made.length + 2, fftbins=False)[1:-1]
        weights = np.sinc(made.bandwidth * t) * taper
    weights = weights / weights.sum()
    weights.setflags(write=False)
    return np.asarray(weights)
