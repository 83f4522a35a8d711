"""Filters of frequencies: which part of a signal they let through, in units of frequency."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np

from omniscopy.model import DataError, require_choice

Edge = Literal["cosine", "erf"]
Counted = Literal["below", "all"]
# Cut-offs are compared with frequencies that are rounded.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class _Edged:
    """What all linear filters have: the edges of their bands, and values that are positive.

    `roll_off` is the width of an edge around the frequency where half of the amplitude is left,
    as a part of the cut-off or of the width of the band: 0 is a step. `edge` is its shape: half
    a period of a cosine, or an error function from -2.5 to 2.5.
    """

    roll_off: float = 0.05
    edge: Edge = "cosine"

    def __post_init__(self) -> None:
        require_choice("edge", self.edge, get_args(Edge))
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in ("roll_off", "centre") and not 0 <= value < np.inf:
                message = f"{each.name} must not be negative, got {value!r}"
                raise DataError(message)
            if each.name in ("cutoff", "width", "fundamental", "count") and not 0 < value < np.inf:
                message = f"{each.name} must be positive, got {value!r}"
                raise DataError(message)
        if self.roll_off > 1:
            message = f"roll_off is a part of the band and at most 1, got {self.roll_off!r}"
            raise DataError(message)

    @property
    def bands(self) -> list[tuple[float, float]]:
        """Return where each band begins and ends; none for an open one."""
        return []


@dataclass(frozen=True)
class LowPass(_Edged):
    """Let frequencies up to a cut-off through.

    Parameters
    ----------
    cutoff : float, units of frequency
        Where half of the amplitude is left.
    roll_off : float
        Width of the edge around the cut-off, as a part of it; 0 is a step.
    edge : {"cosine", "erf"}
        Its shape: half a period of a cosine, or an error function from -2.5 to 2.5.
    """

    cutoff: float

    def response(self, frequency: np.ndarray) -> np.ndarray:
        """Return the part of the amplitude that is let through at each frequency."""
        return _rise(self.cutoff - frequency, self.roll_off * self.cutoff, self.edge)


@dataclass(frozen=True)
class HighPass(_Edged):
    """Let frequencies from a cut-off on through; the mean is removed.

    Parameters
    ----------
    cutoff : float, units of frequency
        Where half of the amplitude is left.
    roll_off, edge
        As for `LowPass`.
    """

    cutoff: float

    def response(self, frequency: np.ndarray) -> np.ndarray:
        """Return the part of the amplitude that is let through at each frequency."""
        return _rise(frequency - self.cutoff, self.roll_off * self.cutoff, self.edge)


@dataclass(frozen=True)
class BandPass(_Edged):
    """Let a band of frequencies through; the mean is removed unless zero is in the band.

    Parameters
    ----------
    centre, width : float, units of frequency
        The band; at its ends half of the amplitude is left.
    roll_off : float
        Width of each edge, as a part of the width of the band; 0 is a step.
    edge : {"cosine", "erf"}
        As for `LowPass`.
    """

    centre: float
    width: float

    def response(self, frequency: np.ndarray) -> np.ndarray:
        """Return the part of the amplitude that is let through at each frequency."""
        beside = 0.5 * self.width - np.abs(frequency - self.centre)
        return _rise(beside, self.roll_off * self.width, self.edge)

    @property
    def bands(self) -> list[tuple[float, float]]:
        """Return where the band begins and ends."""
        return [(self.centre - 0.5 * self.width, self.centre + 0.5 * self.width)]


@dataclass(frozen=True)
class Notch(BandPass):
    """Stop a band of frequencies, such as that of the mains.

    Parameters
    ----------
    centre, width : float, units of frequency
        The band; at its ends half of the amplitude is left.
    roll_off, edge
        As for `BandPass`.
    """

    def response(self, frequency: np.ndarray) -> np.ndarray:
        """Return the part of the amplitude that is let through at each frequency."""
        return 1.0 - super().response(frequency)


@dataclass(frozen=True)
class Harmonics(_Edged):
    """Let a frequency and its multiples through; the mean is removed.

    Parameters
    ----------
    fundamental, width : float, units of frequency
        The first frequency, and the width of the band around it and around each multiple.
    count : int
        Number of bands, that of the fundamental included.
    roll_off, edge
        As for `BandPass`.
    """

    fundamental: float
    width: float
    count: int

    def response(self, frequency: np.ndarray) -> np.ndarray:
        """Return the part of the amplitude that is let through at each frequency."""
        nearest = np.clip(np.round(frequency / self.fundamental), 1, self.count)
        beside = 0.5 * self.width - np.abs(frequency - nearest * self.fundamental)
        return _rise(beside, self.roll_off * self.width, self.edge)

    @property
    def bands(self) -> list[tuple[float, float]]:
        """Return where each band begins and ends."""
        middles = [number * self.fundamental for number in range(1, int(self.count) + 1)]
        return [(middle - 0.5 * self.width, middle + 0.5 * self.width) for middle in middles]


@dataclass(frozen=True)
class NoiseFloor:
    r"""Set frequencies to zero whose amplitude may be that of white noise.

    Parameters
    ----------
    tolerance : float
        Part of the frequencies of noise that is let through.
    counted : {"below", "all"}
        What the power below the threshold is the mean over: the frequencies there, or all, as
        if those above it had no noise. That is lower, by what part of them is signal.

    Notes
    -----
    Of each line by itself. Amplitudes of noise have a Rayleigh distribution with a scale s, so
    that a part `tolerance` of them lies above :math:`T = s \sqrt{-2 \ln \mathrm{tolerance}}`.
    s begins with the median amplitude over :math:`\sqrt{2 \ln 2}` and is the root of half of
    the mean square of the amplitudes below T, corrected for those that noise has above it,
    until it stays the same; a change below a thousandth is none. With "all" it is not
    corrected.
    """

    tolerance: float = 1e-6
    counted: Counted = "below"

    def __post_init__(self) -> None:
        require_choice("counted", self.counted, get_args(Counted))
        if not 0 < self.tolerance < 0.5:
            message = f"tolerance must lie between 0 and 0.5, got {self.tolerance!r}"
            raise DataError(message)

    def threshold(self, amplitudes: np.ndarray) -> np.ndarray:
        """Return the amplitude that noise seldom has, for each line of the last axis.

        `amplitudes` are those of a spectrum without the frequency zero.
        """
        power = np.abs(amplitudes).astype(np.float64) ** 2
        limit = -np.log(self.tolerance)
        # The mean of an exponential distribution that is cut off at `limit` times its mean.
        kept = 1.0 - limit * self.tolerance / (1.0 - self.tolerance)
        mean = np.median(power, axis=-1) / np.log(2.0)
        if self.counted == "all":
            kept = 1.0
        for _ in range(50):
            below = power <= limit * mean[..., None]
            count = np.maximum(below.sum(axis=-1), 1)
            if self.counted == "all":
                count = np.full_like(count, power.shape[-1])
            last, mean = mean, (power * below).sum(axis=-1) / count / kept
            if np.all(np.abs(mean - last) <= 1e-3 * last):
                break
        return np.asarray(np.sqrt(limit * mean))


Linear = LowPass | HighPass | BandPass | Notch | Harmonics
Filter = Linear | NoiseFloor


def _rise(beyond: np.ndarray, width: float, edge: Edge) -> np.ndarray:
    """Return the height of an edge: 0 far below `beyond` zero, 1/2 there, 1 far above."""
    if width == 0:
        tolerated = _ROUNDING * np.max(np.abs(beyond), initial=0.0)
        return (beyond >= -tolerated).astype(np.float64)
    part = np.clip(beyond / width, -0.5, 0.5)
    if edge == "cosine":
        return 0.5 * (1.0 + np.sin(np.pi * part))
    from scipy.special import erf

    return np.where(np.abs(part) < 0.5, 0.5 * (1.0 + erf(5.0 * part)), part + 0.5)
