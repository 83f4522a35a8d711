r"""Components of models of spectra.

Every parameter may be left to be estimated, given the number it starts from, or be `Fixed`,
`Bounded` or `Tied`. Components are added: ``Gaussian(centre=1.8) + PowerLaw() + Offset()``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from omniscopy.model import DataError
from omniscopy.physics import decays, peaks, steps
from omniscopy.physics.formulas import Formula
from omniscopy.physics.line_shapes import FWHM_PER_SIGMA
from omniscopy.signal.components import (
    Column,
    Component,
    Info,
    Part,
    Role,
    height,
    length,
    place,
    share,
)
from omniscopy.signal.parameters import Setting

Known = tuple[Info, ...]
Starts = dict[str, np.ndarray | float]


@dataclass(frozen=True)
class Gaussian(Component):
    r"""A peak :math:`A e^{-(x - c)^2 / 2 \sigma^2}` of height `amplitude`."""

    amplitude: Setting = None
    centre: Setting = None
    sigma: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(peaks.gaussian, 3)
    known: ClassVar[Known] = (height(), place(), length("sigma"))

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a peak."""
        return {"centre": centre, "sigma": fwhm / FWHM_PER_SIGMA}


@dataclass(frozen=True)
class Lorentzian(Component):
    r"""A peak :math:`A / (1 + (x - c)^2 / \gamma^2)` of height `amplitude`."""

    amplitude: Setting = None
    centre: Setting = None
    gamma: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(peaks.lorentzian, 3)
    known: ClassVar[Known] = (height(), place(), length("gamma"))

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a peak."""
        return {"centre": centre, "gamma": fwhm / 2}


@dataclass(frozen=True)
class Voigt(Component):
    r"""A Gaussian of `sigma` folded with a Lorentzian of half width `gamma`, of an area.

    :math:`A\, \mathrm{Re}\, w(z) / (\sigma \sqrt{2\pi})` with Faddeeva's function w of
    :math:`z = (x - c + i\gamma) / (\sigma \sqrt 2)`. The area is in units of the data times those
    of the axis.
    """

    area: Setting = None
    centre: Setting = None
    sigma: Setting = None
    gamma: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(peaks.voigt, 4)
    known: ClassVar[Known] = (
        Info("area", data=1, axes=(1,), linear=True), place(), length("sigma"), length("gamma"),
    )  # fmt: skip

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a peak."""
        return {"centre": centre, "sigma": 0.6 * fwhm / FWHM_PER_SIGMA, "gamma": 0.3 * fwhm}


@dataclass(frozen=True)
class PseudoVoigt(Component):
    r"""A Lorentzian (`fraction` 1) mixed with a Gaussian (0) of the same full width and height.

    :math:`A [\eta / (1 + u^2) + (1 - \eta)\, 2^{-u^2}]` with :math:`u = 2 (x - c) / w`, the height
    `amplitude`, the full width at half maximum `fwhm` and the `fraction` :math:`\eta`.
    """

    amplitude: Setting = None
    centre: Setting = None
    fwhm: Setting = None
    fraction: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(peaks.pseudo_voigt, 4)
    known: ClassVar[Known] = (height(), place(), length("fwhm"), share("fraction"))

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a peak."""
        return {"centre": centre, "fwhm": fwhm, "fraction": 0.5}


@dataclass(frozen=True)
class SplitVoigt(Component):
    """A pseudo-Voigt peak whose full width differs below and above its centre.

    As `PseudoVoigt`, with the full width `fwhm_low` where :math:`x < c` and `fwhm_high` elsewhere.
    """

    amplitude: Setting = None
    centre: Setting = None
    fwhm_low: Setting = None
    fwhm_high: Setting = None
    fraction: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(peaks.split_voigt, 5)
    known: ClassVar[Known] = (
        height(), place(), length("fwhm_low"), length("fwhm_high"), share("fraction"),
    )  # fmt: skip

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a peak."""
        return {"centre": centre, "fwhm_low": fwhm, "fwhm_high": fwhm, "fraction": 0.5}


@dataclass(frozen=True)
class SkewNormal(Component):
    r"""A skew normal distribution of an area: :math:`2 A \varphi(u) \Phi(\alpha u) / \omega`.

    With :math:`u = (x - \xi) / \omega`, `location` :math:`\xi`, `scale` :math:`\omega` and
    `skewness` :math:`\alpha` (above 0: tail to large `x`).
    """

    area: Setting = None
    location: Setting = None
    scale: Setting = None
    skewness: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(peaks.skew_normal, 4)
    known: ClassVar[Known] = (
        Info("area", data=1, axes=(1,), linear=True), place("location"), length("scale"),
        Info("skewness"),
    )  # fmt: skip

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a peak."""
        return {"location": centre, "scale": fwhm / FWHM_PER_SIGMA, "skewness": 0.5}


@dataclass(frozen=True)
class Doniach(Component):
    r"""The line of photoelectrons from metals of Doniach and Šunjić, with its tail to small `x`.

    :math:`A \cos[\pi\alpha/2 + (1 - \alpha) \arctan u] / (1 + u^2)^{(1 - \alpha)/2}` with
    :math:`u = (x - c) / \gamma` and the `asymmetry` :math:`\alpha`, 0 of a Lorentzian: S. Doniach,
    M. Šunjić, *J. Phys. C* 3, 285 (1970). Its area has no end.
    """

    amplitude: Setting = None
    centre: Setting = None
    gamma: Setting = None
    asymmetry: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(peaks.doniach, 4)
    known: ClassVar[Known] = (height(), place(), length("gamma"), share("asymmetry"))

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a peak."""
        return {"centre": centre, "gamma": fwhm / 2, "asymmetry": 0.1}


@dataclass(frozen=True)
class Logistic(Component):
    r"""A step :math:`A / (1 + e^{-(x - c) / w})` from 0 to `amplitude`."""

    amplitude: Setting = None
    centre: Setting = None
    width: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "step"
    formula: ClassVar[Formula] = Formula(steps.logistic, 3)
    known: ClassVar[Known] = (height(), place(), length("width"))

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a step that rises from a quarter to three quarters."""
        return {"centre": centre, "width": fwhm / (2 * math.log(3))}


@dataclass(frozen=True)
class Arctan(Component):
    r"""A step :math:`A [1/2 + \arctan((x - c) / w) / \pi]` from 0 to `amplitude`."""

    amplitude: Setting = None
    centre: Setting = None
    width: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "step"
    formula: ClassVar[Formula] = Formula(steps.arctan_step, 3)
    known: ClassVar[Known] = (height(), place(), length("width"))

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a step that rises from a quarter to three quarters."""
        return {"centre": centre, "width": fwhm / 2}


@dataclass(frozen=True)
class ErrorStep(Component):
    r"""A step :math:`A [1 + \mathrm{erf}((x - c) / \sqrt 2 \sigma)] / 2` to `amplitude`."""

    amplitude: Setting = None
    centre: Setting = None
    sigma: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "step"
    formula: ClassVar[Formula] = Formula(steps.error_step, 3)
    known: ClassVar[Known] = (height(), place(), length("sigma"))

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> Starts:
        """Return the starts of a step that rises from a quarter to three quarters."""
        return {"centre": centre, "sigma": fwhm / 1.3489795}


@dataclass(frozen=True)
class Exponential(Component):
    r"""A decay :math:`A e^{-x / \tau}`; a growth where `decay` is below 0."""

    amplitude: Setting = None
    decay: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "decay"
    formula: ClassVar[Formula] = Formula(decays.exponential, 2)
    known: ClassVar[Known] = (height(), Info("decay", axes=(1,), place=True, scales=True))


@dataclass(frozen=True)
class StretchedExponential(Component):
    r"""A decay :math:`A e^{-(x / \tau)^\beta}` from `x` = 0 on."""

    amplitude: Setting = None
    decay: Setting = None
    exponent: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "decay"
    formula: ClassVar[Formula] = Formula(decays.stretched_exponential, 3)
    known: ClassVar[Known] = (
        height(), length("decay"), Info("exponent", positive=True, lower=0.0),
    )  # fmt: skip

    def parts(self) -> tuple[Part, ...]:
        """Return the formula, of the logarithm of the axis."""
        return (Part(self.formula, (Column("log"),)),)

    def require_axes(self, axes: Sequence[np.ndarray]) -> None:
        """Raise where the axis has values below 0."""
        require_above(axes[0], "StretchedExponential", zero=True)


@dataclass(frozen=True)
class PowerLaw(Component):
    r"""A decay :math:`A (x / x_0)^{-r}`; the amplitude is that at the `reference` :math:`x_0`.

    The reference is in units of the axis; in the middle of the data it makes the two parameters
    nearly independent.
    """

    amplitude: Setting = None
    exponent: Setting = None
    reference: float = 1.0
    name: str | None = None

    role: ClassVar[Role] = "decay"
    formula: ClassVar[Formula] = Formula(decays.power_law, 2, constants=1)
    known: ClassVar[Known] = (height(), Info("exponent", scales=True))

    def __post_init__(self) -> None:
        _require_reference(self.reference)

    def parts(self) -> tuple[Part, ...]:
        """Return the formula, of the logarithm of the axis."""
        return (Part(self.formula, (Column("log"),), (math.log(self.reference),)),)

    def require_axes(self, axes: Sequence[np.ndarray]) -> None:
        """Raise where the axis has values that are not above 0."""
        require_above(axes[0], "PowerLaw")


@dataclass(frozen=True)
class DoublePowerLaw(Component):
    r"""Two power laws :math:`A [(x/x_0)^{-r} + \rho ((x - s)/x_0)^{-r}]`, one shifted."""

    amplitude: Setting = None
    exponent: Setting = None
    ratio: Setting = None
    shift: Setting = None
    reference: float = 1.0
    name: str | None = None

    role: ClassVar[Role] = "decay"
    formula: ClassVar[Formula] = Formula(decays.double_power_law, 4, columns=2, constants=1)
    known: ClassVar[Known] = (
        height(), Info("exponent", scales=True), Info("ratio"), place("shift"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        _require_reference(self.reference)

    def parts(self) -> tuple[Part, ...]:
        """Return the formula, of the axis and its logarithm."""
        return (Part(self.formula, (Column(), Column("log")), (self.reference,)),)

    def require_axes(self, axes: Sequence[np.ndarray]) -> None:
        """Raise where the axis has values that are not above 0."""
        require_above(axes[0], "DoublePowerLaw")


@dataclass(frozen=True)
class Bleasdale(Component):
    """A yield :math:`(a + b x)^{-1/c}`.

    J. K. A. Bleasdale, J. A. Nelder, *Nature* 188, 342 (1960).
    """

    a: Setting = None
    b: Setting = None
    c: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "decay"
    formula: ClassVar[Formula] = Formula(decays.bleasdale, 3)
    # The units of a and b are powers of those of the data that are only known after the fit.
    known: ClassVar[Known] = (
        Info("a", stated=""), Info("b", stated=""), Info("c", positive=True, lower=0.0),
    )  # fmt: skip


@dataclass(frozen=True)
class Offset(Component):
    """A constant :math:`c`, of spectra or of images: its `value`."""

    value: Setting = None
    name: str | None = None

    ndim: ClassVar[int] = 0
    role: ClassVar[Role] = "level"
    formula: ClassVar[Formula] = Formula(steps.scaled, 1)
    known: ClassVar[Known] = (height("value"),)

    def parts(self) -> tuple[Part, ...]:
        """Return a multiple of 1."""
        return (Part(self.formula, (Column("power", power=0),)),)


@dataclass(frozen=True)
class Polynomial(Component):
    r"""A polynomial :math:`\sum_k c_k (x - x_0)^k`, with the coefficients `c0`, `c1`, ...

    The `reference` :math:`x_0` is in units of the axis.
    """

    degree: int = 1
    reference: float = 0.0
    coefficients: tuple[Setting, ...] = ()
    name: str | None = None

    role: ClassVar[Role] = "level"
    formula: ClassVar[Formula] = Formula(steps.scaled, 1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", tuple(self.coefficients))
        if not 0 <= self.degree <= 12 or len(self.coefficients) > self.degree + 1:
            message = (
                f"a polynomial has a degree from 0 to 12 and at most degree + 1 coefficients, "
                f"got degree {self.degree} and {len(self.coefficients)} coefficients"
            )
            raise DataError(message)

    @property
    def infos(self) -> Known:
        """Return what is known of each coefficient."""
        return tuple(
            Info(f"c{power}", data=1, axes=(-power,), linear=True)
            for power in range(self.degree + 1)
        )

    def setting(self, parameter: str) -> Setting:
        """Return what was said of a coefficient."""
        number = int(parameter[1:])
        return self.coefficients[number] if number < len(self.coefficients) else None

    def parts(self) -> tuple[Part, ...]:
        """Return a multiple of each power."""
        return tuple(
            Part(self.formula, (Column("power", power=power, reference=self.reference),))
            for power in range(self.degree + 1)
        )


def require_above(axis: np.ndarray, model: str, *, zero: bool = False) -> None:
    """Raise where an axis has values below 0, or 0 if that is not allowed."""
    least = float(np.min(axis)) if np.size(axis) else 1.0
    if not (least > 0 or (zero and least == 0)):
        wanted = "from 0 on" if zero else "above 0"
        message = f"{model} needs a coordinate {wanted}; it starts at {least:g}: give a `window`"
        raise DataError(message)


def _require_reference(reference: float) -> None:
    if not (reference > 0 and math.isfinite(reference)):
        message = f"reference must be above 0, got {reference!r}"
        raise DataError(message)
