"""Gaussians fitted to the windows of atoms, each with what its neighbours add to it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from omniscopy.atoms.finding.noise import NoiseLine, noise_line, noise_line_of_rows
from omniscopy.atoms.refinement.overlaps import Overlaps, Slopes
from omniscopy.atoms.refinement.window_kernel import start_windows
from omniscopy.atoms.refinement.windows import Pair, Windows, windows_of
from omniscopy.compute import least_squares
from omniscopy.compute.fitting.problem import Likelihood, Problem, Solution, Term
from omniscopy.compute.threads import available_cores
from omniscopy.model import Status
from omniscopy.physics import plane_peaks, steps
from omniscopy.physics.formulas import Formula

Shape = Literal["gaussian", "round_gaussian"]
Widths = Literal["auto", "own", "shared"]

_GAUSSIAN = Formula(plane_peaks.gaussian_of_form, 6, columns=2)
_LEVEL = Formula(steps.scaled, 1)
# Height, place along y and x, form (yy, yx, xx), background, and how much of the others (1),
# which are part of the mean of counts, and taken off from other values.
_PARAMETERS = 8
_FORM = slice(3, 6)
# In widths: how far a window reaches, atoms lean on each other so that they are fitted in turns,
# and so that they share their uncertainties.
_WINDOW, _IN_TURNS, _TOGETHER = 2.75, 3.5, 4.5
# Widths are shared where most atoms have a lower signal to noise: alone they would be wrong by
# more than a twentieth.
FAINT = 20.0
_MOST_ROUNDS = 60
# Part of the noise that does not matter in what the others add to a window.
_LITTLE = 0.1
# A step that gains no more than this part of the sum of squares is the last of an atom that has
# a shape of its own: what is left then is less than a hundredth of the standard deviation.
_GAIN = 1e-5
# The variance of a height that is not known, over its square.
_UNKNOWN = 0.25
# How many widths an atom may be from where it was found.
_FARTHEST = 1.5
# Widths of atoms, over that to start from: of each, and of all together.
_ALLOWED, _LIKE_START = (0.4, 2.5), (0.7, 1.4)
_PAIRS = 4096
# Atoms that a slope of the background is taken from, the far ones less, and how many tell their
# mean width.
_AROUND = 21
_ENOUGH = 256


@dataclass(frozen=True)
class Settings:
    """How atoms are fitted; steps are those of rows and columns in one unit."""

    steps: Pair
    shape: Shape
    joint: bool
    likelihood: Likelihood
    widths: Widths
    max_steps: int


class Fitted(NamedTuple):
    """Parameters (atoms, 7) with their covariances (atoms, 7, 7), and how the fits ended.

    The parameters are height, place along y and x, form (yy, yx, xx) and background.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    status: np.ndarray
    residual_rms: np.ndarray


class Beginning(NamedTuple):
    """What the fit of the atoms of an image begins with."""

    fit: "_Fit"
    start: np.ndarray
    noise: np.ndarray
    places: np.ndarray

    @property
    def alike(self) -> bool:
        """Return whether all atoms are given the same shape, whose width has to be told well."""
        return self.fit.shared


def fit_atoms(image: np.ndarray, places: np.ndarray, width: float, settings: Settings) -> Fitted:
    """Return what is fitted to atoms at `places` (atoms, 2), all inside of the image."""
    return finished(begun(image, places, width, settings))


def begun(
    image: np.ndarray,
    places: np.ndarray,
    width: float,
    settings: Settings,
    known: np.ndarray | None = None,
) -> Beginning:
    """Return where a fit of atoms at `places`, about as wide as `width`, begins.

    Weights are those of round atoms, unless parameters (atoms, 7) are `known`.
    """
    around = _around(places, _AROUND)
    nearest = around[0][:, 1]
    radius = np.full(len(places), _WINDOW * width)
    if not settings.joint:
        radius = np.clip(0.5 * nearest, 1.3 * width, radius)
    windows = windows_of(image, places, settings.steps, radius)
    start, noise = _start(windows, places, width)
    line = _noise_of(image)
    level = np.sqrt(line.variance(start[:, 6] + 0.5 * start[:, 0]))
    faint = bool(np.median(_signal(start, level, width, settings)) < FAINT)
    shared = settings.widths == "shared" or (settings.widths == "auto" and faint)
    fit = _Fit(windows, settings, shared, width, Slopes.at(places, *around), image.shape)
    if not fit.poisson:
        away = np.pad(windows.middle, ((0, 0), (1, 4)))
        fit = fit.weighted(start if known is None else known - away, line)
    return Beginning(fit, start, noise, places)


def finished(beginning: Beginning) -> Fitted:
    """Return what a fit that has begun finds."""
    fit, start, noise, places = beginning
    windows, settings, shared, width = fit.windows, fit.settings, fit.shared, fit.width
    found = fit.rounds(start, noise, places)
    weight = windows.weight.sum(axis=1)
    if not fit.poisson:
        # Values at the edge of a window count for a part only.
        part = (found.points - fit.free) / np.maximum(weight - fit.free, 1.0)
        found = found._replace(
            covariance=found.covariance * part[:, None, None], spread=found.spread * part
        )
    covariance = found.covariance
    if settings.joint and not shared:
        covariance = joint_covariance(windows, found, _TOGETHER * width, settings)
    covariance = _of_uncertain_heights(covariance, found.parameters[:, 0], shared=shared)
    squares = found.chi_square
    if fit.poisson:  # there it is the deviance
        squares = fit.squares(found.parameters)
    degrees = weight - fit.free
    residual = np.sqrt(np.where(degrees > 0, squares / np.maximum(degrees, 1.0), np.nan))
    return Fitted(
        found.parameters[:, :7] + np.pad(windows.middle, ((0, 0), (1, 4))),
        covariance[:, :7, :7], found.status, residual,
    )  # fmt: skip


def _of_uncertain_heights(
    covariance: np.ndarray, height: np.ndarray, *, shared: bool
) -> np.ndarray:
    r"""Return covariances in which places and forms also bear that heights may be wrong.

    Their variances go with :math:`1 / A^2`, of which the mean over heights that may be the true one
    is :math:`(1 + 3 \sigma_A^2 / A^2) / A^2` to first order. Atoms that noise made higher are found
    more often than those it made lower, and would seem too well known.
    """
    part = np.clip(covariance[:, 0, 0] / np.maximum(height**2, 1e-300), 0.0, _UNKNOWN)
    more = np.ones(covariance.shape[:2])
    more[:, 1 : 3 if shared else 6] = np.sqrt(1.0 + 3.0 * part)[:, None]
    return covariance * more[:, :, None] * more[:, None, :]


def width_at(image: np.ndarray, places: np.ndarray, steps: Pair) -> float:
    """Return the standard deviation of atoms at `places`, NaN where they do not tell.

    It is that of the half width of their mean, as far as half the distance of two atoms.
    """
    if len(places) < 2:
        return np.nan
    finest = min(steps)
    some = slice(None, None, 1 + len(places) // _ENOUGH)
    apart = 0.5 * float(np.median(_around(places, 2, some)[0][:, 1]))
    places = places[some]
    windows = windows_of(image, places, steps, np.full(len(places), min(apart, 32.0 * finest)))
    centre = places - windows.middle
    away = np.hypot(windows.dy - centre[:, :1], windows.dx - centre[:, 1:]) / finest
    # Shared out to the rings on both sides, so that nothing jumps when an atom moves a bit.
    ring = away.astype(np.int64)
    outer = (away - ring) * windows.weight
    rings = np.concatenate([ring.ravel(), ring.ravel() + 1])
    weight = np.concatenate([(windows.weight - outer).ravel(), outer.ravel()])
    count = np.bincount(rings, weight)
    sums = np.bincount(rings, weight * np.tile(windows.values.ravel(), 2))
    profile = sums[count > 0.5] / count[count > 0.5]
    # What was found may be dark.
    profile = profile - profile[-1] if profile.size else profile
    below = np.flatnonzero(profile * np.sign(profile[:1]) < 0.5 * np.abs(profile[:1]))
    if not below.size or not below[0] or not profile[0]:
        return np.nan
    after = int(below[0])
    part = (profile[after - 1] - 0.5 * profile[0]) / (profile[after - 1] - profile[after])
    return float((after - 1 + part) * finest / np.sqrt(2.0 * np.log(2.0)))


def _around(
    places: np.ndarray, count: int, some: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Return distances and numbers of the nearest places to some, each of itself first."""
    from scipy.spatial import cKDTree

    distance, near = cKDTree(places).query(places[some], k=count, workers=available_cores())
    return distance, near


def _start(windows: Windows, places: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters to start from, and the deviations of the values from them."""
    centre = places - windows.middle
    found = np.empty((len(places), 3))
    start_windows(
        windows.values, windows.weight, windows.dy, windows.dx, centre, width,
        np.empty(windows.dy.size), found,
    )  # fmt: skip
    start = np.zeros((len(places), _PARAMETERS))
    start[:, 0], start[:, 1:3], start[:, 6], start[:, 7] = found[:, 0], centre, found[:, 1], 1.0
    start[:, [3, 5]] = 1.0 / width**2
    return start, np.sqrt(found[:, 2])


def _noise_of(image: np.ndarray) -> NoiseLine:
    """Return the noise of an image."""
    from scipy.ndimage import uniform_filter

    known = np.isfinite(image)
    if known.all():
        return noise_line_of_rows(image)
    whole = np.where(known, image, np.median(image[known]))
    return noise_line(whole, known, uniform_filter(whole, 3))


def _signal(start: np.ndarray, noise: np.ndarray, width: float, settings: Settings) -> np.ndarray:
    """Return the heights over their standard deviations."""
    pixels = np.pi * width**2 / (settings.steps[0] * settings.steps[1])
    tiny = 1e-12 * np.abs(start[:, 0]) + 1e-300
    made: np.ndarray = np.abs(start[:, 0]) * np.sqrt(pixels) / np.maximum(noise, tiny)
    return made


class _Found(NamedTuple):
    """What was found last for each atom; places relative to the middle of its window."""

    parameters: np.ndarray
    covariance: np.ndarray
    spread: np.ndarray
    chi_square: np.ndarray
    points: np.ndarray
    status: np.ndarray

    def write(self, now: np.ndarray, made: Solution) -> None:
        """Write what was found for some atoms; those without an answer stay where they are."""
        good = np.isfinite(made.parameters).all(axis=1)
        self.parameters[now[good]] = made.parameters[good]
        for name in ("covariance", "spread", "chi_square", "points", "status"):
            getattr(self, name)[now] = getattr(made, name)


class _Fit(NamedTuple):
    """The windows of all atoms and how they are fitted."""

    windows: Windows
    settings: Settings
    shared: bool
    width: float
    slopes: Slopes
    shape: tuple[int, ...]

    @property
    def poisson(self) -> bool:
        """Return whether values are counts."""
        return self.settings.likelihood == "poisson"

    @property
    def parameters(self) -> int:
        """Return how many parameters there are."""
        return _PARAMETERS if self.poisson else _PARAMETERS - 1

    @property
    def free(self) -> int:
        """Return how many parameters each atom has of its own."""
        return len(_free(self.settings.shape)[0])

    def weighted(self, values: np.ndarray, line: NoiseLine) -> "_Fit":
        """Return the fit with weights of the noise where atoms of `values` are.

        In each window their mean is 1, as that of the noise is found from the residuals.
        """
        windows = self.windows
        if not line.slope > 0:
            return self
        inverse = windows.weight / line.variance(self.model(values))
        total = inverse.sum(axis=1, keepdims=True)
        share = windows.weight.sum(axis=1, keepdims=True) / np.where(total > 0, total, 1.0)
        return self._replace(windows=windows._replace(weight=inverse * share))

    def rounds(self, start: np.ndarray, noise: np.ndarray, places: np.ndarray) -> _Found:
        """Fit all atoms, and again and again those whose neighbours have changed.

        Atoms that lean on each other take turns (Gauss and Seidel), which always leads down.
        """
        count, own = len(start), self.parameters
        found = _Found(
            start[:, :own].copy(), np.full((count, own, own), np.nan), noise**2,
            np.full(count, np.nan), np.zeros(count, np.int64),
            np.full(count, int(Status.MAX_STEPS), np.int64),
        )  # fmt: skip
        turns, problem, overlaps = self.turns(places), self.problem(), self.overlaps()
        if not self.settings.joint:
            overlaps.others[:] = 0.0
            everyone = np.arange(count)
            found.write(everyone, self.fit(problem, everyone, found.parameters, overlaps.others))
            return found
        for _ in range(_MOST_ROUNDS):
            moved = False
            for turn in turns:
                unit = np.sqrt(found.spread[turn]) if not self.poisson else noise[turn]
                least = _LITTLE * unit + 1e-9 * np.abs(found.parameters[turn, 0])
                changed = overlaps.take(found.parameters, turn, least)
                if changed.any():
                    moved = True
                    now = turn if self.shared else turn[changed]
                    ahead = found.parameters[now]
                    found.write(now, self.fit(problem, now, ahead, overlaps.others))
            if not moved:
                break
        return found

    def turns(self, places: np.ndarray) -> list[np.ndarray]:
        """Return groups of atoms of which none lean on each other."""
        from scipy.spatial import cKDTree

        turn = np.zeros(len(places), dtype=np.int64)
        if self.settings.joint and not self.shared:
            near = cKDTree(places).query_pairs(_IN_TURNS * self.width, output_type="ndarray")
            beside: dict[int, list[int]] = {}
            for one, other in near.tolist():
                beside.setdefault(max(one, other), []).append(min(one, other))
            for atom in sorted(beside):
                taken = {int(turn[other]) for other in beside[atom]}
                turn[atom] = next(n for n in range(len(taken) + 1) if n not in taken)
        return [np.flatnonzero(turn == n) for n in range(int(turn.max(initial=0)) + 1)]

    def model(self, values: np.ndarray) -> np.ndarray:
        """Return what is expected in each window."""
        own, _ = _GAUSSIAN.evaluate(
            [self.windows.dy[None], self.windows.dx[None]], (), values[:, :6]
        )
        made: np.ndarray = own + values[:, 6, None]
        if self.settings.joint:
            overlaps = self.overlaps()
            overlaps.take(values, np.arange(len(values)), np.zeros(len(values)))
            made += overlaps.others
        return made

    def overlaps(self) -> Overlaps:
        """Return what holds what atoms add to each other's windows."""
        return Overlaps.none(self.windows, self.slopes, self.settings.steps, self.width, self.shape)

    def fit(
        self, problem: Problem, now: np.ndarray, start: np.ndarray, others: np.ndarray
    ) -> Solution:
        """Return the fits of some atoms, given what the others add to their windows."""
        windows = self.windows.take(now)
        others = others if len(now) == len(others) else others[now]
        columns = np.stack([windows.dy, windows.dx, np.ones_like(windows.dy)])
        values = windows.values
        if self.poisson:
            every = np.broadcast_to(columns, (len(now), *columns.shape))
            columns = np.concatenate([every, others[:, None]], axis=1)
        else:
            values = values - others
        return least_squares(
            problem, values, start, columns=columns, weights=windows.weight,
            likelihood=self.settings.likelihood, max_steps=self.settings.max_steps, covariance=True,
            tolerance=1e-10 if self.shared else _GAIN,
        )  # fmt: skip

    def squares(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of squared residuals of each window."""
        found: np.ndarray = (
            self.windows.weight * (self.windows.values - self.model(values)) ** 2
        ).sum(axis=1)
        return found

    def problem(self) -> Problem:
        """Return what is fitted."""
        count = self.parameters
        terms = (Term(_GAUSSIAN, (0, 1)), Term(_LEVEL, (2,)), Term(_LEVEL, (3,)))[: count - 5]
        lower, upper = np.full(count, -np.inf), np.full(count, np.inf)
        most = _FARTHEST * self.width + 0.5 * max(self.settings.steps)
        lower[1:3], upper[1:3] = -most, most
        narrow, wide = _LIKE_START if self.shared else _ALLOWED
        lower[[3, 5]], upper[[3, 5]] = (wide * self.width) ** -2, (narrow * self.width) ** -2
        # A faint atom is also a wide one on a background far below: that must have been seen.
        seen = self.windows.values[self.windows.weight > 0]
        lower[6], upper[6] = seen.min(initial=0.0), seen.max(initial=0.0)
        if self.poisson:
            lower[[0, 6]] = 0.0
        source = np.arange(count)
        source[7:] = -1
        if self.settings.shape == "round_gaussian":
            source[4], source[5] = -1, 3
        positive, linear, shared = (np.zeros(count, bool) for _ in range(3))
        positive[[3, 5]], linear[[0, 6]] = True, True
        shared[_FORM] = self.shared
        shared &= source == np.arange(count)
        return Problem(
            terms, lower, upper, positive, linear, source, np.ones(count), np.zeros(count),
            shared=shared,
        )  # fmt: skip


def joint_covariance(
    windows: Windows, found: _Found, reach: float, settings: Settings
) -> np.ndarray:
    r"""Return covariances of atoms that are fitted together with those near to them.

    From the equations of an atom those of each neighbour are eliminated (Schur):
    :math:`N_i - \sum_j M_{ij} N_j^{-1} M_{ij}^T`, where :math:`M_{ij}` couples both in the
    window of the first. Atoms further than `reach` are left out, and what neighbours share.
    """
    from scipy.spatial import cKDTree

    free, tie = _free(settings.shape)
    own = found.covariance[:, free][:, :, free]
    known = np.isfinite(own).all(axis=(1, 2))
    places = found.parameters[:, 1:3] + windows.middle
    pairs = cKDTree(places).query_pairs(reach, output_type="ndarray")
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    pairs = pairs[known[pairs].all(axis=1)]
    taken = np.zeros_like(own)
    for begin in range(0, len(pairs), _PAIRS):
        one, other = pairs[begin : begin + _PAIRS].T
        coupled = _coupling(windows, found, one, other, settings)
        first = np.einsum("af,pab,bg->pfg", tie, coupled, tie)[:, :, :-1]
        inner = own[other][:, :-1, :-1]
        np.add.at(taken, one, np.einsum("pab,pbc,pdc->pad", first, inner, first))
    near = np.unique(pairs[:, 0])
    # Brought to ones on the diagonal, as heights and forms are of any size.
    scale = np.sqrt(np.diagonal(own[near], axis1=1, axis2=2))
    unit = scale[:, :, None] * scale[:, None, :]
    left = np.linalg.inv(own[near] / unit) - taken[near] * unit
    lost = (np.linalg.eigvalsh(left) <= 1e-9).any(axis=1)
    left[lost] = np.nan  # they cannot be told apart
    inverse = np.linalg.inv(left) * unit
    made = found.covariance.copy()
    made[near, :7, :7] = np.einsum("af,pfg,bg->pab", tie, inverse, tie)
    return made


def _free(shape: Shape) -> tuple[list[int], np.ndarray]:
    """Return which of the first 7 parameters are free, and how all follow them."""
    free = [0, 1, 2, 3, 6] if shape == "round_gaussian" else list(range(7))
    tie = np.eye(7)[:, free]
    if shape == "round_gaussian":
        tie[5, 3] = 1.0
    return free, tie


def _coupling(
    windows: Windows, found: _Found, one: np.ndarray, other: np.ndarray, settings: Settings
) -> np.ndarray:
    """Return the part (pairs, 7, 7) of the equations that couples two atoms."""
    values = found.parameters
    moved = values[other].copy()
    moved[:, 1:3] += windows.middle[other] - windows.middle[one]
    columns = [windows.dy[None], windows.dx[None]]
    _, slopes = _GAUSSIAN.evaluate(columns, (), values[one, :6])
    level, theirs = _GAUSSIAN.evaluate(columns, (), moved[:, :6])
    weight = windows.weight[one] / found.spread[one, None]
    if settings.likelihood == "poisson":
        mean, _ = _GAUSSIAN.evaluate(columns, (), values[one, :6])
        expected = mean + level + values[one, 6, None]
        weight = windows.weight[one] / np.maximum(expected, 1e-3 * np.abs(expected).max())
    made = np.zeros((len(one), 7, 7))
    made[:, :6, :6] = np.einsum("pan,pn,pbn->pab", slopes, weight, theirs)
    made[:, 6, :6] = np.einsum("pn,pbn->pb", weight, theirs)
    return made
