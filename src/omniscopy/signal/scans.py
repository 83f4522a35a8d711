"""Where formulas of users start: the best of many values that their units suggest.

For each trial of the nonlinear parameters the linear ones follow in closed form, together with
levels under the spectrum, so that a trial costs a few products.
"""

from collections.abc import Sequence

import numpy as np

from omniscopy.signal.coarse import averaged
from omniscopy.signal.components import Info
from omniscopy.signal.layout import Layout

# Trials for one, two, or more parameters; and points that spectra are averaged to for them.
_TRIALS, _POINTS = (256, 512, 1024), 64
# Values of a model that are worked on at a time.
_PIECE = 2**21
# A pure number, such as an exponent, is looked for between these.
_PURE = (0.1, 10.0)


def can_scan(info: Info, lower: float, upper: float) -> bool:
    """Return whether it is known where to look for a parameter."""
    bounded = np.isfinite(lower) and np.isfinite(upper)
    return bool(bounded or (info.stated is None and info.data == 0))


def scan_starts(
    layout: Layout,
    number: int,
    mesh: Sequence[np.ndarray],
    spectra: np.ndarray,
    starts: np.ndarray,
) -> np.ndarray:
    """Fill in `starts` of one component, and return what it explains of the spectra.

    `spectra` are finite, real and imaginary parts of complex ones follow each other. Linear
    parameters stay NaN.
    """
    first = layout.first[number]
    own = slice(first, first + len(layout.components[number].infos))
    explained = np.zeros_like(spectra)
    # Spectra that start from the same numbers are looked at together.
    given = np.where(np.isnan(starts[:, own]), np.inf, starts[:, own])
    for known in np.unique(given, axis=0):
        rows = np.flatnonzero((given == known).all(axis=1))
        scan = _Scan(layout, number, mesh, starts[rows[0]])
        trials = scan.trials()
        best = scan.best(trials, spectra[rows])
        made = starts[rows]
        made[:, scan.unknown] = trials[best][:, scan.unknown]
        starts[rows] = made
        if len(layout.components) > 1:
            explained[rows] = scan.explained(trials, best, spectra[rows])
    return explained


class _Scan:
    """A component with the levels under it, and the parameters that are looked for."""

    def __init__(
        self, layout: Layout, number: int, mesh: Sequence[np.ndarray], given: np.ndarray
    ) -> None:
        self.layout, self.mesh, self.given = layout, mesh, given
        self.columns = layout.columns(mesh)
        self.number = number
        levels = [n for n, each in enumerate(layout.components) if each.role == "level"]
        self.used = [number, *(n for n in levels if n != number)]
        self.own = self.parameters_of(number)
        free, linear = layout.free, layout.linear
        self.unknown = [n for n in self.own if free[n] and not linear[n] and np.isnan(given[n])]
        inside = [n for each in self.used for n in self.parameters_of(each)]
        self.basis = [n for n in inside if free[n] and linear[n]]

    def parameters_of(self, component: int) -> list[int]:
        """Return the numbers of the parameters of a component."""
        first = self.layout.first[component]
        return list(range(first, first + len(self.layout.components[component].infos)))

    def trials(self) -> np.ndarray:
        """Return parameters of shape (trials, parameters), linear ones 0."""
        layout, dimensions = self.layout, len(self.unknown)
        count = 1 if dimensions == 0 else _TRIALS[min(dimensions, 3) - 1]
        made = np.tile(np.where(np.isnan(self.given), 0.0, self.given), (count, 1))
        made[:, layout.free & layout.linear] = 0.0
        # A sequence that fills the unit cube evenly: multiples of powers of the root of
        # g^(d + 1) = g + 1, of which the golden ratio is the first.
        root = 2.0
        for _ in range(60):
            root = (1.0 + root) ** (1.0 / (dimensions + 1.0))
        for place, n in enumerate(self.unknown):
            share = (0.5 + np.arange(count) * root ** -(place + 1.0)) % 1.0
            made[:, n] = _values(
                layout.infos[n], layout.lower[n], layout.upper[n], share, self.mesh
            )
        return layout.followed(made)

    def functions(self, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of each trial without its linear parameters, and what these add.

        Of shape (trials, points) and (trials, points, linear parameters).
        """
        layout, begin = self.layout, 0
        values: np.ndarray = np.zeros((len(trials), 1))
        slopes: dict[int, np.ndarray] = {}
        owned = {n for each in self.used for n in self.parameters_of(each)}
        for term in layout.problem().terms:
            part = list(range(begin, begin + term.formula.parameters))
            begin += len(part)
            if part[0] not in owned:
                continue
            rows = [self.columns[row] for row in term.columns]
            value, jacobian = term.formula.evaluate(rows, term.constants, trials[:, part])
            if layout.is_complex:
                value, jacobian = as_real(value), as_real(jacobian)
            values = values + value
            slopes |= dict(zip(part, np.moveaxis(jacobian, -2, 0), strict=True))
        for follower, source in enumerate(layout.source):
            if follower in slopes and source in slopes and source != follower:
                slopes[source] = slopes[source] + layout.factor[follower] * slopes[follower]
        if not self.basis:
            return values, np.zeros((*values.shape, 0))
        return values, np.stack([slopes[n] for n in self.basis], axis=-1)

    def best(self, trials: np.ndarray, spectra: np.ndarray) -> np.ndarray:
        """Return for each spectrum which trial leaves the least sum of squares."""
        group = spectra.shape[1] // _POINTS
        target = averaged(spectra, group)
        # What is left, without the sum of squares of the spectra themselves.
        left = np.empty((len(spectra), len(trials)))
        size = max(1, _PIECE // (spectra.shape[1] * (len(self.layout.names) + 1)))
        for begin in range(0, len(trials), size):
            part = slice(begin, begin + size)
            fixed, basis = self.functions(trials[part])
            fixed = averaged(fixed, group)
            basis = averaged(basis.swapaxes(-1, -2), group).swapaxes(-1, -2)
            finite = np.isfinite(fixed).all(axis=-1) & np.isfinite(basis).all(axis=(-2, -1))
            fixed = np.where(finite[:, None], fixed, 0.0)
            q = _orthonormal(np.where(finite[:, None, None], basis, 0.0))
            inside = np.einsum("tnl,tn->tl", q, fixed)
            along = np.tensordot(target, q, axes=(1, 1)) - inside
            rest = np.sum(fixed**2, axis=-1) - 2.0 * target @ fixed.T
            left[:, part] = np.where(finite, rest - np.sum(along**2, axis=-1), np.inf)
        return np.argmin(left, axis=1)

    def explained(self, trials: np.ndarray, best: np.ndarray, spectra: np.ndarray) -> np.ndarray:
        """Return the component alone, of the best trial of each spectrum."""
        made = np.zeros_like(spectra)
        mine = [n in self.own for n in self.basis]
        for trial in np.unique(best):
            rows = np.flatnonzero(best == trial)
            (fixed,), (basis,) = self.functions(trials[[trial]])
            if np.isfinite(fixed).all() and np.isfinite(basis).all():
                weights = (spectra[rows] - fixed) @ np.linalg.pinv(basis, rcond=1e-10).T
                made[rows] = fixed + weights[:, mine] @ basis[:, mine].T
        return made


def _values(
    info: Info, lower: float, upper: float, share: np.ndarray, mesh: Sequence[np.ndarray]
) -> np.ndarray:
    """Return what to try for a parameter, given numbers from 0 to 1."""
    if np.isfinite(lower) and np.isfinite(upper):
        return lower + share * (upper - lower)
    if info.axis is None:
        made = _between(*_PURE, share)
    else:
        values = mesh[info.axis]
        span = float(np.ptp(values)) or 1.0
        shortest = span / max(len(np.unique(values)) - 1, 1)
        if info.place:
            return np.clip(np.min(values) + share * span, lower, upper)
        made = _between(shortest, 3.0 * span, share) ** info.axes[info.axis]
    return np.clip(-made if upper <= 0 else made, lower, upper)


def _between(low: float, high: float, share: np.ndarray) -> np.ndarray:
    """Return numbers whose logarithms are spread evenly."""
    return low * (high / low) ** share


def _orthonormal(basis: np.ndarray) -> np.ndarray:
    """Return orthonormal columns for each trial, 0 for those that depend on others."""
    size = np.sqrt(np.sum(basis**2, axis=-2, keepdims=True))
    q, r = np.linalg.qr(basis / np.where(size > 0, size, 1.0))
    own = np.abs(np.einsum("tll->tl", r))
    return np.asarray(np.where(own[:, None, :] > 1e-8, q, 0.0))


def as_real(values: np.ndarray) -> np.ndarray:
    """Return real parts followed by imaginary parts along the last axis."""
    return np.concatenate([np.real(values), np.imag(values)], axis=-1)
