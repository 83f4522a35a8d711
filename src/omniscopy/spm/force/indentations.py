"""Fits of contact mechanics to force curves."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import least_squares, map_signal
from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.compute.threads import blocks_of, share_work
from omniscopy.model import DataError, Status, operation, require_choice, require_units, result
from omniscopy.model.units import product
from omniscopy.physics import steps
from omniscopy.physics.contact import ATTRACTION, INDENTERS, Indenter, Law, law
from omniscopy.physics.formulas import Formula
from omniscopy.spm.force.axes import as_rows, curve_axis
from omniscopy.spm.force.contacts import spring_constant_of
from omniscopy.spm.force.curve_kernel import indentation_starts

Baseline = Literal["none", "offset", "line"]
_LEVEL = Formula(steps.scaled, 1)
# Row 0 of the axis is the depth, row 1 what an offset does to a residual, row 2 what a tilt does.
_BASELINES: dict[str, tuple[Term, ...]] = {
    "none": (), "offset": (Term(_LEVEL, (1,)),), "line": (Term(_LEVEL, (1,)), Term(_LEVEL, (2,))),
}  # fmt: skip
_OUTPUTS = 16


@operation(example={"data": "indentations", "radius": 2.5e-6})
def fit_indentation(  # noqa: PLR0913 - options of the field
    data: xr.DataArray,
    *,
    model: Indenter = "hertz",
    radius: float | None = None,
    half_angle: float | None = None,
    faces: Literal[3, 4] = 4,
    poisson_ratio: float = 0.5,
    thickness: float | None = None,
    dim: str | None = None,
    window: tuple[float, float] | None = None,
    fit_contact: bool = True,
    baseline: Baseline = "none",
    spring_constant: float | None = None,
    max_steps: int = 100,
) -> xr.Dataset:
    r"""Fit Young's modulus to every curve of force against indentation.

    Parameters
    ----------
    data : DataArray, shape (..., indentation), force
        Lazy or in memory, in N or units that convert to it. ``indentation`` is the dimension, or
        a coordinate of every curve along another one (see `to_separation`), a length. What is not
        finite is left out.
    model : {"hertz", "cone", "pyramid", "sneddon", "sneddon_series", "dmt", "jkr"}
        Paraboloid, cone, pyramid, sphere (exactly, and as a series), and paraboloids that stick
        by forces outside, or inside, of the contact.
    radius : float, m
        Of paraboloids and spheres.
    half_angle : float, degrees
        Of cones; between axis and faces of pyramids.
    faces : {3, 4}
        Of a pyramid.
    poisson_ratio : float
        Of the sample.
    thickness : float, m
        Of a sample bonded to something rigid, for "hertz", and for "cone" and "pyramid" at a
        Poisson ratio of 1/2; thick otherwise.
    dim : str
        Dimension of the curves; that of ``indentation`` otherwise.
    window : (low, high), units of the indentation
        The part that is fitted, both ends included.
    fit_contact : bool
        Let the contact be at another indentation than 0.
    baseline : {"none", "offset", "line"}
        Fit an offset of the force, or a line, too. Points before the contact are then needed; the
        deviations of the modulus hold the uncertainty of the baseline only in this way. The line
        is one along the travel of the base where the spring constant is known.
    spring_constant : float, N/m
        With which the indentation was computed from the same force: what its noise does to both
        is then weighed; what the metadata say otherwise, nothing if they do not.
    max_steps : int
        Evaluations of the model for a curve, at most.

    Returns
    -------
    Dataset, shape (...)
        ``modulus`` [Pa], ``contact``, for sticking contacts ``adhesion`` (the largest attraction)
        and ``work_of_adhesion`` [J/m²], ``offset`` and ``tilt`` where fitted, each with its
        ``_std``; ``r_squared``, ``largest_indentation``, ``steps`` and ``status``: ``no_data``
        where there is no contact (the largest force is not above 6 noises), ``invalid`` where the
        detector is saturated (5 equal largest forces in a row); both are NaN.

    Raises
    ------
    DataError
        The units are not those of a force and of a length, or a number of the indenter is missing.

    Notes
    -----
    The laws are in `omniscopy.physics.contact`. Bounded least squares. Where the spring constant
    :math:`k` is known, points have weights :math:`(1 + F'(\delta)/k)^{-2}`, because white noise
    of the force :math:`\epsilon` is one of the depth, :math:`-\epsilon/k`, too.

    Most of them are in [1]_.

    References
    ----------
    .. [1] H.-J. Butt, B. Cappella, M. Kappl, *Surf. Sci. Rep.* 59, 1 (2005).
    """
    require_choice("model", model, INDENTERS)
    require_choice("baseline", baseline, tuple(_BASELINES))
    numbers = indenter_law(model, radius, half_angle, faces, poisson_ratio, thickness)
    dim, depth = curve_axis(data, "indentation", dim, units=None)
    to_newton = require_units(data, "N", what="force curves")
    to_metre = require_units(depth, "m", what="coordinate 'indentation'")
    if window is not None and not window[0] < window[1]:
        message = f"window {window} must be (low, high) with low < high"
        raise DataError(message)
    stiffness = spring_constant_of(data, spring_constant)
    if stiffness is not None and not stiffness > 0:
        message = f"spring_constant must be above 0 N/m, got {stiffness!r}"
        raise DataError(message)
    fit = IndentationFit(
        numbers, fit_contact, baseline, window, to_newton, to_metre,
        0.0 if stiffness is None else 1.0 / stiffness, max_steps,
        None if data.chunks is None else 1,
    )  # fmt: skip
    made = map_signal(fit.run, data, dim=dim, also=[depth], output_dims=[{"parameter": _OUTPUTS}])[
        0
    ]
    return _result(
        made, fit, model, radius, data.attrs["units"], depth.attrs["units"]
    )  # fmt: skip


@dataclass(frozen=True)
class IndentationFit:
    """How blocks of curves are fitted: the law, what is free, and units in those of SI."""

    law: Law
    fit_contact: bool
    baseline: Baseline
    window: tuple[float, float] | None
    to_newton: float
    to_metre: float
    softness: float
    max_steps: int
    threads: int | None

    @property
    def own(self) -> int:
        """Return how many parameters the law has: modulus, contact and perhaps attraction."""
        return self.law.formula.parameters

    def problem(self) -> Problem:
        """Return what is fitted."""
        terms = (
            Term(self.law.formula, (0,), self.law.constants), *_BASELINES[self.baseline]
        )  # fmt: skip
        count = sum(term.formula.parameters for term in terms)
        lower = np.full(count, -np.inf)
        lower[0] = 0.0
        positive = np.zeros(count, bool)
        linear = np.ones(count, bool)
        linear[1] = False
        if self.law.sticks:
            lower[2] = 0.0
            linear[2] = len(self.law.constants) == 1
            if not linear[2]:
                linear[0], positive[0], positive[2] = False, True, True
        source = np.arange(count)
        if not self.fit_contact:
            source[1] = -1
        return Problem(
            terms, lower, np.full(count, np.inf), positive, linear, source, np.ones(count),
            np.zeros(count),
        )  # fmt: skip

    def run(self, values: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return parameters, deviations and figures of every curve of a block."""
        rows, places = as_rows(values, depth)
        found = np.full((len(rows), _OUTPUTS), np.nan)
        # Blocks are small, so that all that is made of one stays in the cache.
        blocks = blocks_of(len(rows), rows.shape[1])

        def work(begin: int) -> None:
            part = slice(begin, begin + blocks.step)
            self.fit(rows[part], places[part] if len(places) > 1 else places, found[part])

        share_work(work, blocks, self.threads)
        return found.reshape(*values.shape[:-1], _OUTPUTS)

    def fit(self, rows: np.ndarray, places: np.ndarray, found: np.ndarray) -> None:
        """Fill in what is found for some curves."""
        y = np.asarray(rows, np.float64)
        y = y if self.to_newton == 1.0 else y * self.to_newton
        x = np.ascontiguousarray(places, np.float64)
        if self.window is not None:
            inside = (x >= self.window[0]) & (x <= self.window[1])
            y = np.where(inside, y, np.nan)
        x = x * self.to_metre
        begun, weights = self.starts(x, y)
        found[:, 12] = begun[:, 4]
        good = begun[:, 4] == Status.CONVERGED
        if not good.any():
            return
        if not good.all():
            y, begun = y[good], begun[good]
            x = x[good] if len(x) > 1 else x
            weights = weights[good] if len(weights) else weights
        if not math.isfinite(x.sum()):
            holes = ~np.isfinite(x)
            y, x = np.where(holes, np.nan, y), np.where(holes, 0.0, x)
        columns = x[:, None]
        if self.baseline != "none":
            columns = self.with_baseline(x, y, weights)
        solved = least_squares(
            self.problem(), y, self.first(begun), columns=columns,
            weights=weights if len(weights) else None, max_steps=self.max_steps, threads=1,
        )  # fmt: skip
        made = np.full((len(y), _OUTPUTS), np.nan)
        count = solved.parameters.shape[1]
        more = count - self.own
        made[:, : self.own], made[:, 3 : 3 + more] = (
            solved.parameters[:, : self.own], solved.parameters[:, self.own :]
        )  # fmt: skip
        made[:, 5 : 5 + self.own], made[:, 8 : 8 + more] = (
            solved.std[:, : self.own], solved.std[:, self.own :]
        )  # fmt: skip
        with np.errstate(all="ignore"):
            made[:, 10] = 1.0 - solved.chi_square / solved.total
            made[:, 13] = begun[:, 5] - made[:, 1]
        made[:, 11], made[:, 12] = solved.steps, solved.status
        lost = ~np.isfinite(solved.parameters[:, 0])
        made[lost, 10], made[lost, 13] = np.nan, np.nan
        found[good] = made

    def with_baseline(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return depths, and what an offset of the force and a tilt along the travel do.

        An offset of the force is one of the depth too, just as its noise.
        """
        if len(weights) == 0:
            return np.stack([x, np.ones_like(x), x], axis=1)
        both = 1.0 / np.sqrt(weights)
        travel = x + self.softness * np.where(np.isfinite(y), y, 0.0)
        return np.stack([np.broadcast_to(x, y.shape), both, travel * both], axis=1)

    def starts(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where fits start, and weights of the points, if there are any."""
        begun = np.full((len(y), 6), np.nan)
        weights = np.empty((len(y) if self.softness > 0 else 0, y.shape[1]))
        ends = np.empty((len(y), 4))
        with np.errstate(invalid="ignore"):
            for column, values in ((0, x), (2, y)):
                ends[:, column], ends[:, column + 1] = values.min(axis=1), values.max(axis=1)
        indentation_starts(
            x, y, ends, self.law.exponent, self.law.sticks, not self.fit_contact, self.softness,
            begun, weights,
        )  # fmt: skip
        return begun, weights

    def first(self, begun: np.ndarray) -> np.ndarray:
        """Return starts of all parameters."""
        more = len(_BASELINES[self.baseline])
        start = np.full((len(begun), self.own + more), 0.0)
        high, force, contact, held = begun.T[:4]
        contact = np.where(contact < high, contact, high - 1e-3 * np.abs(high) - 1e-12)
        # A law that sticks is at first one that does not, of the force less the attraction.
        plain = self.law.formula.function
        quiet = (1.0, contact, *([1e-300] * (self.own - 2)))
        with np.errstate(all="ignore"):
            unit = np.asarray(plain(high, *self.law.constants, *quiet)[0])
            start[:, 0] = np.where(unit > 0.0, force / unit, 1.0)
        start[:, 1] = contact
        if self.law.sticks:
            start[:, 2] = np.maximum(held, 1e-3 * force)
        return start


def indenter_law(  # noqa: PLR0917
    model: Indenter, radius: float | None, half_angle: float | None, faces: int, nu: float,
    thickness: float | None,
) -> Law:  # fmt: skip
    """Return the law of an indenter, whose numbers are checked."""
    if model in ("cone", "pyramid"):
        if half_angle is None or not 0.0 < half_angle < 90.0:
            message = (
                f"model {model!r} needs half_angle= in degrees, from 0 to 90, got {half_angle!r}"
            )
            raise DataError(message)
        if faces not in (3, 4):
            message = f"a pyramid has 3 or 4 faces, got {faces!r}"
            raise DataError(message)
    elif radius is None or not radius > 0:
        message = f"model {model!r} needs radius= in m, above 0, got {radius!r}"
        raise DataError(message)
    if not -1.0 < nu <= 0.5:
        message = f"poisson_ratio must be above -1 and at most 0.5, got {nu!r}"
        raise DataError(message)
    if thickness is not None:
        if model not in ("hertz", "cone", "pyramid") or not thickness > 0:
            message = (
                "thickness is above 0 m, and for the models 'hertz', 'cone' and 'pyramid'; got "
                f"{thickness!r} for {model!r}"
            )
            raise DataError(message)
        if model != "hertz" and nu != 0.5:
            message = f"layers under a {model} are known for poisson_ratio=0.5 only, got {nu!r}"
            raise DataError(message)
    given = {"radius": radius, "half_angle": half_angle}
    known = {name: value for name, value in given.items() if value is not None}
    return law(model, faces=faces, poisson_ratio=nu, thickness=thickness, **known)


def _result(  # noqa: PLR0917
    made: xr.DataArray, fit: IndentationFit, model: Indenter, radius: float | None, force: str,
    length: str,
) -> xr.Dataset:  # fmt: skip
    """Return the columns by name, with their units."""
    column = [made.isel(parameter=number, drop=True) for number in range(_OUTPUTS)]
    newton, metre = 1.0 / fit.to_newton, 1.0 / fit.to_metre
    named: dict[str, tuple[xr.DataArray, str | None]]
    named = {"modulus": (column[0], "Pa"), "modulus_std": (column[5], "Pa")}
    if fit.fit_contact:
        named |= {
            "contact": (column[1] * metre, length), "contact_std": (column[6] * metre, length)
        }  # fmt: skip
    if fit.law.sticks and radius is not None:
        energy = 1.0 / (ATTRACTION[model] * np.pi * radius)
        named |= {
            "adhesion": (column[2] * newton, force), "adhesion_std": (column[7] * newton, force),
            "work_of_adhesion": (column[2] * energy, "J/m^2"),
            "work_of_adhesion_std": (column[7] * energy, "J/m^2"),
        }  # fmt: skip
    if fit.baseline != "none":
        named |= {"offset": (column[3] * newton, force), "offset_std": (column[8] * newton, force)}
    if fit.baseline == "line":
        units = product((force, 1.0), (length, -1.0))
        scale = newton * fit.to_metre
        named |= {"tilt": (column[4] * scale, units), "tilt_std": (column[9] * scale, units)}
    return result(
        {},
        **named,
        r_squared=(column[10], "1"),
        largest_indentation=(column[13] * metre, length),
        steps=(column[11].fillna(0.0).astype(np.int32), "1"),
        status=(column[12], "1"),
    )
