"""Models as sums of components, and what is known of their parameters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Protocol

import numpy as np

from omniscopy.compute.fitting.problem import Formula
from omniscopy.model import DataError
from omniscopy.model.units import product
from omniscopy.physics.hysteresis import falls
from omniscopy.signal.parameters import Setting

Role = Literal["level", "decay", "step", "peak", "other"]


@dataclass(frozen=True)
class Info:
    """What is known of a parameter before any data are seen.

    Its units are those of the data and of the axes to powers, unless they are stated; none if
    all axes must have the same and have not. A positive parameter comes near its lower bound 0,
    but never there. A `place` is a position on the axis whose units it has. One that `scales`
    changes a component by about a factor, for which the first parameter, an amplitude, makes up.
    """

    name: str
    data: float = 0
    axes: tuple[float, ...] = ()
    alike: bool = False
    stated: str | None = None
    linear: bool = False
    positive: bool = False
    place: bool = False
    scales: bool = False
    lower: float = -math.inf
    upper: float = math.inf

    @property
    def axis(self) -> int | None:
        """Return which axis its units are of, the first one; `None` if of none."""
        return next((number for number, power in enumerate(self.axes) if power), None)

    def units(self, data: str | None, axes: Sequence[str | None]) -> str | None:
        """Return the units, given those of data and axes; `None` where one is unknown."""
        if self.stated is not None:
            return self.stated or None
        if self.alike and len(set(axes)) > 1:
            return None
        powers = [(data, self.data), *zip(axes, self.axes, strict=False)]
        used = [(units, float(power)) for units, power in powers if power]
        if len(used) == 1 and used[0][1] == 1.0:
            return used[0][0]
        return product(*used)


def height(name: str = "amplitude") -> Info:
    """Return what is known of a parameter in units of the data that the model is linear in."""
    return Info(name, data=1, linear=True)


def place(name: str = "centre", axis: int = 0) -> Info:
    """Return what is known of a position on an axis."""
    return Info(name, axes=(0,) * axis + (1,), place=True)


def length(name: str, axis: int = 0) -> Info:
    """Return what is known of a length on an axis."""
    return Info(name, axes=(0,) * axis + (1,), positive=True, lower=0.0)


def share(name: str) -> Info:
    """Return what is known of a number between 0 and 1."""
    return Info(name, lower=0.0, upper=1.0)


class Column(NamedTuple):
    """A row of numbers that formulas take: an axis, its logarithm, a power, or where it falls."""

    kind: Literal["axis", "log", "power", "falling"] = "axis"
    axis: int = 0
    power: int = 0
    reference: float = 0.0

    def of(self, axes: Sequence[np.ndarray]) -> np.ndarray:
        """Return the numbers for all points of the axes."""
        values = np.asarray(axes[self.axis], dtype=np.float64)
        if self.kind == "log":
            # A logarithm of 0 that formulas can multiply by 0.
            return np.log(np.maximum(values, 1e-300))
        if self.kind == "falling":
            return np.where(falls(values), 1.0, -1.0)
        if self.kind == "power":
            return (values - self.reference) ** self.power
        return values


class FormulaOfPart(Formula, Protocol):
    """What the engine asks of a formula, and whether its values are complex."""

    @property
    def complex(self) -> bool:
        """Whether values are complex."""


class Part(NamedTuple):
    """A formula of a component, with what it takes besides parameters."""

    formula: FormulaOfPart
    columns: tuple[Column, ...] = (Column(),)
    constants: tuple[float, ...] = ()
    scratch: int = 0


@dataclass(frozen=True)
class Component:
    """One term of a model; `name` is that of its parameters in the result.

    `ndim` is 1 for spectra, 2 for images, 0 for both.
    """

    ndim: ClassVar[int] = 1
    role: ClassVar[Role] = "other"
    formula: ClassVar[FormulaOfPart]
    known: ClassVar[tuple[Info, ...]]

    @property
    def infos(self) -> tuple[Info, ...]:
        """Return what is known of each parameter."""
        return self.known

    @property
    def label(self) -> str:
        """Return the name that the parameters get when there is one such component."""
        name: str | None = getattr(self, "name", None)
        return name or _snake(type(self).__name__)

    def setting(self, parameter: str) -> Setting:
        """Return what was said of a parameter."""
        said: Setting = getattr(self, parameter)
        return said

    def parts(self) -> tuple[Part, ...]:
        """Return the formulas whose sum the component is."""
        return (Part(self.formula),)

    def require_axes(self, axes: Sequence[np.ndarray]) -> None:
        """Raise where the component has no meaning on these axes."""

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> dict[str, np.ndarray | float]:
        """Return starts of a peak or a step of this position and full width, by parameter."""
        raise NotImplementedError

    def __add__(self, other: "Component | Sum") -> "Sum":
        """Return a model that is the sum of both."""
        return Sum((self,)) + other


@dataclass(frozen=True)
class Sum:
    """A model that is the sum of components."""

    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "components", tuple(self.components))
        if not self.components or not all(isinstance(c, Component) for c in self.components):
            message = "a model is a component such as `Gaussian()`, or a sum of components"
            raise DataError(message)
        dimensions = {component.ndim for component in self.components} - {0}
        if len(dimensions) > 1:
            message = "components of spectra and of images cannot be added"
            raise DataError(message)

    def __add__(self, other: "Component | Sum") -> "Sum":
        """Return a model that is the sum of both."""
        return Sum((*self.components, *components_of(other)))

    @property
    def names(self) -> list[str]:
        """Return a different name for each component: `gaussian`, `gaussian_1`, ..."""
        made: list[str] = []
        for component in self.components:
            label, number = component.label, 0
            name = label
            while name in made:
                number += 1
                name = f"{label}_{number}"
            made.append(name)
        return made


def components_of(model: object) -> tuple[Component, ...]:
    """Return the components of a model."""
    if isinstance(model, Sum):
        return model.components
    if isinstance(model, Component):
        return (model,)
    message = (
        f"expected a model such as `Gaussian() + Offset()`, got {type(model).__name__}; "
        "a class needs its brackets"
    )
    raise DataError(message)


def _snake(name: str) -> str:
    """Return `SkewNormal` as `skew_normal`, `Gaussian2D` as `gaussian_2d`."""
    spelled = "".join(
        f"_{letter.lower()}" if place and letter.isupper() and not name[place - 1].isdigit()
        else letter.lower()
        for place, letter in enumerate(name)
    )  # fmt: skip
    return spelled.replace("2d", "_2d")
