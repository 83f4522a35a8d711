"""Where the parameters of a model start, estimated from the spectra themselves.

Only what the model is not linear in needs a start; the engine solves for the rest. Levels and
decays are estimated below the peaks, then formulas of users by trial, steps, and peaks one after
the other, each from what the ones before leave. All of it is done for many spectra at once.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from omniscopy.signal.coarse import averaged, bridged, filled
from omniscopy.signal.components import Role
from omniscopy.signal.estimates import (
    Own,
    estimate_decay,
    estimate_level,
    estimate_peak,
    estimate_step,
    side_of_peaks,
    without_peak,
)
from omniscopy.signal.layout import Layout
from omniscopy.signal.plane_models import estimate_plane_starts
from omniscopy.signal.scans import scan_starts

# Channels to which long spectra are averaged, at most so many at a time.
_CHANNELS, _MOST_AVERAGED = 256, 4
# How many times longer one of several decays starts than the one before.
_APART = 4.0
# Digits of a start: what comes after them depends on how many spectra are looked at together.
_DIGITS = 8


def estimate_starts(
    layout: Layout,
    mesh: Sequence[np.ndarray],
    shape: tuple[int, ...],
    spectra: np.ndarray,
    given: np.ndarray,
) -> np.ndarray:
    """Return starts of shape (spectra, parameters), NaN for what the model is linear in.

    `given` has that shape too and holds what is known already, NaN elsewhere. What is not
    finite in `spectra` is bridged.
    """
    starts = given.copy()
    if layout.is_complex:
        real, imaginary = bridged(spectra.real), bridged(spectra.imag)
        power, peaks = real**2 + imaginary**2, [*_of_role(layout, "peak", starts)]
        _estimate_peaks(peaks, mesh[0], power, np.ones(len(power)))
        _scan_others(layout, mesh, np.concatenate([real, imaginary], axis=1), starts)
    elif len(shape) == 2:
        images = filled(spectra)
        images = images - _scan_others(layout, mesh, images, starts)
        estimate_plane_starts(layout, mesh, shape, images, starts)
    else:
        group = min(_MOST_AVERAGED, len(mesh[0]) // _CHANNELS)
        coarse = [averaged(axis, group) for axis in mesh]
        _estimate_in_turn(layout, coarse, averaged(bridged(spectra), group), starts)
    starts = np.where(np.isnan(given), _rounded(starts), given)
    linear = np.array([info.linear for info in layout.infos])
    loose = linear & np.isnan(given) & (layout.source >= 0)
    return np.where(loose, np.nan, np.clip(starts, layout.lower, layout.upper))


def _estimate_in_turn(
    layout: Layout, mesh: Sequence[np.ndarray], spectra: np.ndarray, starts: np.ndarray
) -> None:
    """Fill in the starts of spectra, component by component."""
    axis = mesh[0]
    roles = {component.role for component in layout.components}
    rest = spectra
    if "step" in roles:
        # What a smooth background leaves of the whole spectrum has the step in it.
        through = _background(layout, axis, spectra, starts.copy(), np.zeros(len(spectra)))
        for own in _of_role(layout, "step", starts):
            jump = estimate_step(own, axis, through)
            rest, through = rest - jump, through - jump
    tops = side_of_peaks(rest) if roles & {"peak", "other"} else np.zeros(len(rest))
    rest = _background(layout, axis, rest, starts, tops)
    if "other" in roles:
        rest = rest - _scan_others(layout, mesh, rest, starts)
    peaks = [*_of_role(layout, "peak", starts)]
    while peaks and peaks[-1].is_known:
        peaks.pop()
    _estimate_peaks(peaks, axis, rest, tops)


def _background(
    layout: Layout, axis: np.ndarray, spectra: np.ndarray, starts: np.ndarray, tops: np.ndarray
) -> np.ndarray:
    """Fill in the starts of decays, and return what they and levels leave of the spectra."""
    for own in _of_role(layout, "level", starts):
        spectra = spectra - estimate_level(own, axis, spectra, tops)
    decays = [*_of_role(layout, "decay", starts)]
    for number, own in enumerate(decays):
        apart = _APART ** (number - 0.5 * (len(decays) - 1))
        explained = estimate_decay(own, axis, spectra, tops, apart)
        if number == len(decays) - 1:
            spectra = spectra - explained
    return spectra


def _of_role(layout: Layout, role: Role, starts: np.ndarray) -> Iterator["Own"]:
    """Return the parameters of each component of a role."""
    for number, component in enumerate(layout.components):
        if component.role == role:
            first = layout.first[number]
            part = slice(first, first + len(component.infos))
            yield Own(component, layout.lower[part], layout.upper[part], starts[:, part])


def _estimate_peaks(
    peaks: Sequence[Own], axis: np.ndarray, rest: np.ndarray, tops: np.ndarray
) -> None:
    """Fill in the starts of peaks, each from what the ones before leave."""
    doubt = np.zeros((1, len(axis)))
    for number, own in enumerate(peaks):
        found = estimate_peak(own, axis, rest, tops, doubt)
        if number < len(peaks) - 1:
            rest, doubt = without_peak(own, axis, rest, doubt, found)


def _scan_others(
    layout: Layout, mesh: Sequence[np.ndarray], spectra: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Fill in the starts of components of no known kind, and return what they explain."""
    explained = np.zeros_like(spectra)
    for number, component in enumerate(layout.components):
        if component.role == "other":
            explained += scan_starts(layout, number, mesh, spectra - explained, starts)
    return explained


def _rounded(values: np.ndarray) -> np.ndarray:
    """Return numbers with a few digits."""
    with np.errstate(all="ignore"):
        unit = 10.0 ** (np.floor(np.log10(np.abs(values))) - _DIGITS)
        made = np.round(values / unit) * unit
    return np.where(np.isfinite(made), made, values)
