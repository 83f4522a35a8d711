"""Levels, decays, steps and peaks as spectra suggest them, for many spectra at once."""

import numpy as np

from omniscopy.signal.coarse import averaged, smoothed
from omniscopy.signal.components import Component

# Channels that are enough to see what lies under peaks.
_CHANNELS_UNDER = 64
# Shares of a spectrum that are compared on both sides of a step.
_WINDOWS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.24, 0.32, 0.4, 0.48)
# The part of a peak that its estimate may leave, with the wings of a Lorentzian.
_DOUBT = 0.25
_PLACES = ("centre", "location", "resonance_frequency")

# Sign, height and width of the highest peak of each spectrum.
Top = tuple[np.ndarray, np.ndarray, np.ndarray]


class Own:
    """The parameters of one component; `values` is a view that is filled in."""

    def __init__(
        self, component: Component, lower: np.ndarray, upper: np.ndarray, values: np.ndarray
    ) -> None:
        self.component, self.lower, self.upper, self.values = component, lower, upper, values
        self.names = [info.name for info in component.infos]

    def number(self, *names: str) -> int:
        """Return the number of the parameter that has one of these names."""
        return next(self.names.index(name) for name in names if name in self.names)

    @property
    def is_known(self) -> bool:
        """Return whether nothing is left to estimate."""
        linear = [info.linear for info in self.component.infos]
        return not np.isnan(self.values[:, ~np.array(linear)]).any()

    def fill(self, name: str, values: np.ndarray | float) -> np.ndarray:
        """Set a parameter where it is not known yet, and return it."""
        column = self.values[:, self.number(name)]
        column[:] = np.where(np.isnan(column), values, column)
        return column


def estimate_level(own: Own, axis: np.ndarray, rest: np.ndarray, tops: np.ndarray) -> np.ndarray:
    """Return a polynomial under the peaks; its coefficients are left to the engine."""
    u = _unit_interval(axis)[0]
    basis = np.stack([u**power for power in range(len(own.names))])
    return _under(basis, rest, tops)[1]


def estimate_decay(
    own: Own, axis: np.ndarray, rest: np.ndarray, tops: np.ndarray, apart: float
) -> np.ndarray:
    """Return a decay, from a straight line through logarithms; its start is so much longer."""
    name = type(own.component).__name__
    count, full = len(rest), axis
    group = len(axis) // _CHANNELS_UNDER
    axis, rest = averaged(axis, group), averaged(rest, group)
    largest = np.max(np.abs(rest), axis=1, keepdims=True)
    sign = np.where(np.sum(rest, axis=1, keepdims=True) < 0, -1.0, 1.0)
    unit = np.where(largest > 0, largest, 1.0)
    size = np.maximum(sign * rest, 1e-3 * unit)
    # Logarithms of counts n have the variance 1 / n at best, of even noise 1 / n^2.
    weight = np.where(sign * rest > 0, (size / unit) ** 2, 0.0) + 1e-12
    powers = name in ("PowerLaw", "DoublePowerLaw")
    if name == "Bleasdale":
        u, middle, half = _unit_interval(axis)
        line, _ = _under(np.stack([np.ones_like(u), u]), 1.0 / size, 0 * tops, (size / unit) ** 4)
        own.fill("a", line[:, 0] - line[:, 1] * middle / half)
        own.fill("b", line[:, 1] / half)
        own.fill("c", 1.0)
        return np.zeros((count, len(full)))
    u, middle, half = _unit_interval(np.log(axis) if powers else axis)
    line, _ = _under(np.stack([np.ones_like(u), u]), np.log(size), tops * sign[:, 0], weight)
    slope = -line[:, 1] / half
    if powers:
        own.fill("exponent", slope / np.sqrt(apart))
        if "ratio" in own.names:
            own.fill("ratio", 0.5)
            own.fill("shift", -0.1 * abs(axis[0]))
    else:
        span = abs(axis[-1] - axis[0]) or 1.0
        length = 1.0 / np.where(np.abs(slope) > 1e-3 / span, slope, 1e-3 / span)
        stretched = "exponent" in own.names
        own.fill("decay", apart * (np.abs(length) if stretched else length))
        if stretched:
            own.fill("exponent", 0.8)
    wide = ((np.log(full) if powers else full) - middle) / half
    return sign * np.exp(np.minimum(line @ np.stack([np.ones_like(wide), wide]), 700.0))


def estimate_step(own: Own, axis: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return the step that explains most, on a line of its own, in a window about it."""
    from omniscopy.signal.start_kernel import find_steps, widths_of_steps

    count, rest = len(axis), np.ascontiguousarray(rest)
    column = own.number("centre")
    centre = own.values[:, column]
    places = np.interp(np.arange(count + 1) - 0.5, np.arange(count), axis)
    allowed = (places >= own.lower[column]) & (places <= own.upper[column])
    known, given = np.full(len(rest), -1), ~np.isnan(centre)
    if given.any():
        known[given] = np.argmin(np.abs(places - centre[given][:, None]), axis=1)
    split, jump, wide = np.empty(len(rest), np.int64), np.empty(len(rest)), np.empty(len(rest))
    sums, moments = np.empty(count + 1), np.empty(count + 1)
    find_steps(rest, allowed, known, _sizes(count, 2), sums, moments, split, jump)
    widths_of_steps(rest, split, jump, _sizes(count, 1), sums, wide)
    for name, values in own.component.shape(places[split], wide * _distance(axis)).items():
        own.fill(name, values)
    return jump[:, None] * (axis >= own.values[:, column][:, None])


def _sizes(count: int, least: int) -> np.ndarray:
    """Return the channels of windows on both sides of a step, the shortest first."""
    return np.array(sorted({max(least, int(count * share)) for share in _WINDOWS}))


def estimate_peak(
    own: Own, axis: np.ndarray, rest: np.ndarray, tops: np.ndarray, doubt: np.ndarray
) -> Top:
    """Return sign, height and width of the highest peak left, within the bounds of its place.

    `doubt` is how much may be left of peaks before, which are not known well; one row of it
    stands for all spectra.
    """
    from omniscopy.signal.start_kernel import measure_peaks

    column = own.number(*_PLACES)
    smooth = smoothed(rest)
    allowed = (axis >= own.lower[column]) & (axis <= own.upper[column])
    if not allowed.any():
        allowed = np.ones(len(axis), bool)
    sign = _sign(own, smooth, tops)
    known = own.values[:, column]
    top, given = np.full(len(rest), -1), ~np.isnan(known)
    if given.any():
        top[given] = np.argmin(np.abs(axis - known[given][:, None]), axis=1)
    height, fwhm = np.empty(len(rest)), np.empty(len(rest))
    measure_peaks(axis, smooth, sign, doubt, allowed, _distance(axis), top, height, fwhm)
    for name, values in own.component.shape(axis[top], fwhm).items():
        own.fill(name, values)
    return sign, height, fwhm


def without_peak(
    own: Own, axis: np.ndarray, rest: np.ndarray, doubt: np.ndarray, found: Top
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a peak leaves of spectra, and how much of it and of others may be left there."""
    sign, height, fwhm = found
    u = (axis - own.values[:, own.number(*_PLACES)][:, None]) / fwhm[:, None]
    left = doubt + _DOUBT * np.maximum(height, 0.0)[:, None] / (1.0 + 4.0 * u**2)
    return rest - (sign * height)[:, None] * np.exp2(-4.0 * u**2), left


def _sign(own: Own, smooth: np.ndarray, tops: np.ndarray) -> np.ndarray:
    """Return whether each peak points up (1) or down (-1), after its bounds or the data."""
    first = own.lower[0], own.upper[0]
    if first[0] >= 0:
        return np.ones(len(smooth))
    if first[1] <= 0:
        return -np.ones(len(smooth))
    if tops.all():
        return tops
    own_side = np.where(smooth.max(axis=1) >= -smooth.min(axis=1), 1.0, -1.0)
    return np.where(tops == 0, own_side, tops)


def side_of_peaks(spectra: np.ndarray) -> np.ndarray:
    """Return 1 where spectra stand out above their median, -1 where they do below."""
    smooth = smoothed(spectra)
    channels = averaged(smooth, smooth.shape[1] // _CHANNELS_UNDER)
    between = 0.5 * (smooth.max(axis=1) + smooth.min(axis=1))
    # The median is in the lower half if more than half of the channels are: to sort takes longer.
    lower = 2 * np.count_nonzero(channels <= between[:, None], axis=1)
    up = lower > channels.shape[1]
    even = np.flatnonzero(lower == channels.shape[1])
    up[even] = np.median(channels[even], axis=1) <= between[even]
    return np.where(up, 1.0, -1.0)


def _under(
    basis: np.ndarray, values: np.ndarray, tops: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients and values of asymmetric least squares below (above) what stands out.

    `tops` is 1 for spectra whose peaks point up, -1 for down, 0 for none.
    """
    from omniscopy.signal.start_kernel import lie_under

    full, group = basis, values.shape[1] // _CHANNELS_UNDER
    own = np.ones((1, values.shape[1]))
    if weight is not None:
        own = weight / weight.max(axis=1, keepdims=True)
    basis, values, own = (
        np.ascontiguousarray(averaged(each, group)) for each in (basis, values, own)
    )
    count, channels = basis.shape
    coefficients = np.full((len(values), count), np.nan)
    room = np.empty((count, count)), np.empty(count), np.empty((2, channels))
    lie_under(basis, values, own, tops, coefficients, *room)
    return coefficients, coefficients @ full


def _distance(axis: np.ndarray) -> float:
    """Return the mean distance of two channels, 1 if there is no distance."""
    return abs(float(axis[-1] - axis[0])) / max(len(axis) - 1, 1) or 1.0


def _unit_interval(axis: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return an axis from -1 to 1, and the middle and half length that it had."""
    middle, half = 0.5 * float(axis[0] + axis[-1]), 0.5 * abs(float(axis[-1] - axis[0]))
    half = half if half > 0 else 1.0
    return (axis - middle) / half, middle, half
