"""A model as a list of parameters: their names, bounds and ties, and the problem for a fit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.model import DataError
from omniscopy.signal.components import Column, Component, Info, Sum, components_of
from omniscopy.signal.parameters import Bounded, Fixed, Setting, Tied, require_bounds

Bounds = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Layout:
    """The parameters of a model in a row.

    `starts` are the numbers that were given, NaN where none was. `source`, `factor` and `offset`
    say what follows what, as in `omniscopy.compute.fitting.problem.Problem`; `roots` say so for
    those that follow a fixed one too. `rows` are the numbers that the formulas take.
    """

    components: tuple[Component, ...]
    names: tuple[str, ...]
    infos: tuple[Info, ...]
    first: tuple[int, ...]
    starts: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    source: np.ndarray
    factor: np.ndarray
    offset: np.ndarray
    roots: np.ndarray
    rows: tuple[Column, ...]

    @property
    def linear(self) -> np.ndarray:
        """Return which parameters the model is linear in, what follows them included."""
        linear = np.array([info.linear for info in self.infos])
        for number, source in enumerate(self.source):
            if source >= 0 and not linear[number]:
                linear[source] = False
        return linear

    @property
    def free(self) -> np.ndarray:
        """Return which parameters are free: neither fixed nor tied to another."""
        return self.source == np.arange(len(self.source))

    @property
    def carried(self) -> np.ndarray:
        """Return amplitudes, each with a parameter that makes up for a factor of it."""
        pairs = [
            (first, first + number)
            for first, component in zip(self.first, self.components, strict=True)
            for number, info in enumerate(component.infos)
            if info.scales
        ]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)

    @property
    def is_complex(self) -> bool:
        """Return whether the model has complex values."""
        return any(part.formula.complex for each in self.components for part in each.parts())

    @property
    def ndim(self) -> int:
        """Return how many dimensions the model has."""
        return max(1, *(component.ndim for component in self.components))

    def columns(self, axes: Sequence[np.ndarray]) -> np.ndarray:
        """Return the rows of numbers that the formulas take."""
        return np.stack([column.of(axes) for column in self.rows])

    def problem(self) -> Problem:
        """Return the problem that the engine solves."""
        numbers = {column: number for number, column in enumerate(self.rows)}
        terms = [
            Term(
                part.formula, tuple(numbers[c] for c in part.columns), part.constants, part.scratch
            )
            for component in self.components
            for part in component.parts()
        ]
        return Problem(
            tuple(terms), self.lower, self.upper,
            np.array([info.positive for info in self.infos]), self.linear,
            self.source, self.factor, self.offset,
            is_complex=self.is_complex, carried=self.carried,
        )  # fmt: skip

    def followed(self, starts: np.ndarray) -> np.ndarray:
        """Return starts of which tied ones follow those that they are tied to."""
        made = starts.copy()
        for number, root in enumerate(self.roots):
            if root != number:
                made[..., number] = self.factor[number] * starts[..., root] + self.offset[number]
        return made


def lay_out(model: Component | Sum, bounds: Bounds | None = None) -> Layout:
    """Return the parameters of a model, with what was said of them in the model and in `bounds`."""
    components = components_of(model)
    names: list[str] = []
    infos: list[Info] = []
    settings: list[Setting] = []
    first: list[int] = []
    for component, label in zip(components, Sum(components).names, strict=True):
        first.append(len(names))
        for info in component.infos:
            names.append(f"{label}_{info.name}")
            infos.append(info)
            settings.append(_checked(component.setting(info.name), names[-1]))
    _require_different(names)
    if len({part.formula.complex for each in components for part in each.parts()}) > 1:
        message = "components with real and with complex values cannot be added"
        raise DataError(message)
    lower, upper = _bounds(names, infos, settings, bounds or {})
    roots, factor, offset = _ties(names, settings)
    fixed = np.array([isinstance(setting, Fixed) for setting in settings])
    columns: dict[Column, None] = {}
    for component in components:
        for part in component.parts():
            columns |= dict.fromkeys(part.columns)
    starts = np.array([_start(setting) for setting in settings])
    require_inside(starts, lower, upper, names)
    return Layout(
        components, tuple(names), tuple(infos), tuple(first), starts, lower, upper,
        np.where(fixed[roots], -1, roots), factor, offset, roots, tuple(columns),
    )  # fmt: skip


def require_inside(
    starts: np.ndarray, lower: np.ndarray, upper: np.ndarray, names: Sequence[str]
) -> None:
    """Raise where a start that is a number is outside its bounds, or not finite."""
    for number, name in enumerate(names):
        start, low, high = starts[number], lower[number], upper[number]
        if math.isinf(start):
            message = f"{name} cannot start at {start:g}"
            raise DataError(message)
        if start < low or start > high:
            message = (
                f"{name} starts at {start:g}, outside its bounds {low:g} to {high:g}; "
                "change one of them"
            )
            raise DataError(message)


def _checked(setting: object, name: str) -> Setting:
    if isinstance(setting, bool) or not isinstance(
        setting, int | float | np.number | Fixed | Bounded | Tied | None
    ):
        message = (
            f"{name} must be a number to start from, `Fixed`, `Bounded` or `Tied`, got {setting!r}"
        )
        raise DataError(message)
    return setting if not isinstance(setting, np.number) else float(setting)


def _start(setting: Setting) -> float:
    if isinstance(setting, Fixed):
        setting = setting.value
    elif isinstance(setting, Bounded):
        setting = setting.start
    return float(setting) if isinstance(setting, int | float) else math.nan


def _bounds(
    names: Sequence[str], infos: Sequence[Info], settings: Sequence[Setting], more: Bounds
) -> tuple[np.ndarray, np.ndarray]:
    lower = np.array([info.lower for info in infos])
    upper = np.array([info.upper for info in infos])
    unknown = set(more) - set(names)
    if unknown:
        message = f"bounds of {sorted(unknown)}; the parameters are {list(names)}"
        raise DataError(message)
    for number, (name, setting) in enumerate(zip(names, settings, strict=True)):
        if isinstance(setting, Bounded):
            lower[number] = max(lower[number], setting.lower)
            upper[number] = min(upper[number], setting.upper)
        if name in more:
            if isinstance(setting, Tied):
                message = f"{name} is tied: give bounds to {setting.to} in its place"
                raise DataError(message)
            low, high = _pair(name, more[name])
            lower[number] = max(lower[number], -math.inf if low is None else low)
            upper[number] = min(upper[number], math.inf if high is None else high)
        if isinstance(setting, Tied | Fixed):
            lower[number], upper[number] = -math.inf, math.inf
        require_bounds(lower[number], upper[number], name)
    return lower, upper


def _pair(name: str, bounds: object) -> tuple[float | None, float | None]:
    """Return bounds, if they are two numbers or `None`."""
    pair = tuple(bounds) if isinstance(bounds, Sequence) and len(bounds) == 2 else (math.nan,)
    if not all(each is None or (isinstance(each, int | float) and each == each) for each in pair):  # noqa: PLR0124
        message = (
            f"bounds of {name} must be (low, high), numbers or `None` where there is none, got "
            f"{bounds!r}"
        )
        raise DataError(message)
    return pair


def _ties(
    names: Sequence[str], settings: Sequence[Setting]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each parameter the one that it follows in the end, with factor and offset."""
    count = len(names)
    roots, factor, offset = np.arange(count), np.ones(count), np.zeros(count)
    for number in range(count):
        seen, setting = [number], settings[number]
        while isinstance(setting, Tied):
            if setting.to not in names:
                message = (
                    f"{names[number]} is tied to {setting.to!r}; the parameters are {list(names)}"
                )
                raise DataError(message)
            following = names.index(setting.to)
            if following in seen:
                message = f"{names[number]} is tied in a circle"
                raise DataError(message)
            offset[number] += factor[number] * setting.offset
            factor[number] *= setting.factor
            seen.append(following)
            setting = settings[following]
        roots[number] = seen[-1]
    return roots, factor, offset


def _require_different(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"two parameters are called {twice[0]!r}; give components another `name`"
        raise DataError(message)
