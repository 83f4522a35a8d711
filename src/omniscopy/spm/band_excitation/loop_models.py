"""Loops of nine parameters as a model of the fit engine, and where they start."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from omniscopy.compute.fitting.problem import Solution
from omniscopy.compute.fitting.solving import least_squares
from omniscopy.physics import hysteresis
from omniscopy.physics.formulas import Formula
from omniscopy.signal.block_fits import BlockFit
from omniscopy.signal.coarse import bridged
from omniscopy.signal.components import Column, Component, Info, Part, Role, height, length, place
from omniscopy.signal.parameters import Setting

NAMES = ("a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3")
# Numbers of both coercive biases and of the widths.
COERCIVE, WIDTHS = slice(2, 4), slice(5, 9)
# Widths start at this part of the range of the bias; the ends of it that are saturated.
_WIDTH, _SATURATED = 1.0 / 8.0, 1.0 / 8.0
# Further starts from the best fit so far: moves of both coercive biases in steps of the bias, or
# a width for all corners.
_MOVES: tuple[tuple[float, float] | float, ...] = (
    (0.5, 0.5), (-0.5, -0.5), 0.5, (1.5, -0.5), (-1.5, 0.5), 2.0
)  # fmt: skip
_NARROW = 0.2


@dataclass(frozen=True)
class Loop(Component):
    """A hysteresis loop of nine parameters, `omniscopy.physics.hysteresis.loop`."""

    a0: Setting = None
    a1: Setting = None
    a2: Setting = None
    a3: Setting = None
    a4: Setting = None
    b0: Setting = None
    b1: Setting = None
    b2: Setting = None
    b3: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "other"
    formula: ClassVar[Formula] = Formula(hysteresis.loop, 9, columns=2)
    known: ClassVar[tuple[Info, ...]] = (
        height("a0"), height("a1"), place("a2"), place("a3"),
        Info("a4", data=1, axes=(-1,), linear=True), length("b0"), length("b1"), length("b2"),
        length("b3"),
    )  # fmt: skip

    def parts(self) -> tuple[Part, ...]:
        """Return the formula, of the bias and of where it falls."""
        return (Part(self.formula, (Column(), Column("falling"))),)


@dataclass(frozen=True)
class LoopFit(BlockFit):
    """A fit of blocks of loops; heights and slope are solved for in closed form."""

    def estimate(self, spectra: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Return starts, estimated where they are not given; NaN for heights and slope."""
        starts = estimate_loops(self.mesh[0], spectra)
        starts = np.clip(starts, self.layout.lower, self.layout.upper)
        return np.where(np.isnan(given), starts, given)

    def moved(self, starts: np.ndarray, best: np.ndarray, number: int) -> np.ndarray:
        """Return other starts, from the best fit so far.

        Its cost has a kink where a coercive bias passes a step, and may have minima on either
        side. The way from one to the other is along a valley: a branch that switches later has a
        wider corner before, and a narrower one after it.
        """
        move, unit = _MOVES[number % len(_MOVES)], _step_of(self.mesh[0])
        made = np.where(np.isfinite(best), best, starts)
        if isinstance(move, tuple):
            ahead = np.repeat(np.multiply(move, unit), 2) * np.array([1.0, -1.0, 1.0, -1.0])
            made[:, COERCIVE] += ahead[::2]
            made[:, WIDTHS] = np.maximum(made[:, WIDTHS] + ahead, _NARROW * unit)
        else:
            made[:, WIDTHS] = move * unit
        free = self.layout.free
        made[:, ~free] = starts[:, ~free]
        made[:, self.layout.linear & free] = np.nan
        return self.layout.followed(np.clip(made, self.layout.lower, self.layout.upper))

    def solve(
        self, spectra: np.ndarray, weights: np.ndarray | None, starts: np.ndarray
    ) -> Solution:
        """Return what the engine finds."""
        separable = (self.loss, self.likelihood) == ("linear", "gaussian")
        return least_squares(
            self.layout.problem(), spectra, starts, columns=self.columns, weights=weights,
            likelihood=self.likelihood, loss=self.loss, loss_scale=self.loss_scale or 1.0,
            max_steps=self.max_steps, threads=self.threads, separable=separable,
        )  # fmt: skip


def _step_of(bias: np.ndarray) -> float:
    """Return the usual step of a bias, 0 if it stays."""
    steps = np.abs(np.diff(bias))
    return float(np.median(steps[steps > 0.0])) if (steps > 0.0).any() else 0.0


def estimate_loops(bias: np.ndarray, loops: np.ndarray) -> np.ndarray:
    r"""Return where the parameters of loops start, shape (loops, 9); NaN for heights and slope.

    A branch that steps at :math:`c` from one saturated level to the other has the area of that
    step: :math:`c = V_\mathrm{min} + \int (r_h - r) / (r_h - r_l) \, dV`.
    """
    r = bridged(loops)
    low, high = float(bias.min()), float(bias.max())
    span = max(high - low, 1e-300)
    at_top, at_bottom = bias >= high - _SATURATED * span, bias <= low + _SATURATED * span
    top, bottom = r[:, at_top].mean(axis=1), r[:, at_bottom].mean(axis=1)
    step = np.where(top == bottom, 1.0, top - bottom)
    down = hysteresis.falls(bias)
    made = np.full((len(r), len(NAMES)), np.nan)
    for column, branch in ((2, down), (3, ~down)):
        order = np.flatnonzero(branch)[np.argsort(bias[branch], kind="stable")]
        if len(order) < 2:
            made[:, column] = 0.5 * (low + high)
            continue
        left = (top[:, None] - r[:, order]) / step[:, None]
        centre = bias[order[0]] + np.trapezoid(left, bias[order], axis=1)
        made[:, column] = np.clip(centre, low, high)
    made[:, WIDTHS] = _WIDTH * span
    return made
