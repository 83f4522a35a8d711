"""Components of models of images: peaks in a plane."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from omniscopy.physics import plane_peaks, steps
from omniscopy.physics.formulas import Formula
from omniscopy.physics.line_shapes import FWHM_PER_SIGMA
from omniscopy.signal.components import Column, Component, Info, Part, Role, height, length, place
from omniscopy.signal.layout import Layout
from omniscopy.signal.parameters import Setting


@dataclass(frozen=True)
class Gaussian2D(Component):
    r"""A peak :math:`A e^{-(u^2 + v^2) / 2}` with axes turned by `angle` (degrees, from x to y).

    `sigma_x` is along the turned x axis, `sigma_y` along the turned y axis. For a round peak the
    angle is not determined: ``Gaussian2D(angle=Fixed(0))``.
    """

    amplitude: Setting = None
    centre_y: Setting = None
    centre_x: Setting = None
    sigma_y: Setting = None
    sigma_x: Setting = None
    angle: Setting = None
    name: str | None = None

    ndim: ClassVar[int] = 2
    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(plane_peaks.gaussian_2d, 6, columns=2)
    known: ClassVar[tuple[Info, ...]] = (
        height(), place("centre_y", 0), place("centre_x", 1), length("sigma_y", 0),
        length("sigma_x", 1), Info("angle", stated="deg"),
    )  # fmt: skip

    def parts(self) -> tuple[Part, ...]:
        """Return the formula, of both axes."""
        return (Part(self.formula, (Column(axis=0), Column(axis=1))),)


@dataclass(frozen=True)
class Lorentzian2D(Component):
    r"""A peak :math:`A / (1 + u^2 + v^2)` with axes turned by `angle` (degrees, from x to y)."""

    amplitude: Setting = None
    centre_y: Setting = None
    centre_x: Setting = None
    gamma_y: Setting = None
    gamma_x: Setting = None
    angle: Setting = None
    name: str | None = None

    ndim: ClassVar[int] = 2
    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(plane_peaks.lorentzian_2d, 6, columns=2)
    known: ClassVar[tuple[Info, ...]] = (
        height(), place("centre_y", 0), place("centre_x", 1), length("gamma_y", 0),
        length("gamma_x", 1), Info("angle", stated="deg"),
    )  # fmt: skip

    def parts(self) -> tuple[Part, ...]:
        """Return the formula, of both axes."""
        return (Part(self.formula, (Column(axis=0), Column(axis=1))),)


@dataclass(frozen=True)
class Plane(Component):
    """A plane :math:`v + s_y y + s_x x`: `value` at the origin, `slope_y` and `slope_x`."""

    value: Setting = None
    slope_y: Setting = None
    slope_x: Setting = None
    name: str | None = None

    ndim: ClassVar[int] = 2
    role: ClassVar[Role] = "level"
    known: ClassVar[tuple[Info, ...]] = (
        height("value"), Info("slope_y", data=1, axes=(-1,), linear=True),
        Info("slope_x", data=1, axes=(0, -1), linear=True),
    )  # fmt: skip
    formula: ClassVar[Formula] = Formula(steps.scaled, 1)

    def parts(self) -> tuple[Part, ...]:
        """Return a multiple of 1 and of each axis."""
        columns = (Column("power"), Column(axis=0), Column(axis=1))
        return tuple(Part(self.formula, (column,)) for column in columns)


def estimate_plane_starts(
    layout: Layout,
    mesh: Sequence[np.ndarray],
    shape: tuple[int, ...],
    images: np.ndarray,
    starts: np.ndarray,
) -> None:
    """Fill in the starts of peaks, of shape (images, parameters).

    Peaks are looked for one after the other, each the highest that those before leave; their
    widths are those of the area above half of the height around them.
    """
    rest = images - np.quantile(images, 0.2, axis=1, keepdims=True)
    for number, component in enumerate(layout.components):
        if component.role == "peak":
            first = layout.first[number]
            own = starts[:, first : first + len(component.infos)]
            rest = rest - _peak(component, own, mesh, shape, rest)


def _peak(
    component: Component,
    own: np.ndarray,
    mesh: Sequence[np.ndarray],
    shape: tuple[int, ...],
    rest: np.ndarray,
) -> np.ndarray:
    """Fill in the place and widths of the highest peak of each image, and return it."""
    y, x = mesh
    step_y, step_x = (
        float(np.ptp(axis)) / max(n - 1, 1) for axis, n in zip(mesh, shape, strict=True)
    )
    smooth = _smoothed(rest.reshape(-1, *shape)).reshape(rest.shape)
    top = np.argmax(smooth, axis=1)
    rows = np.arange(len(rest))
    for column, axis in ((1, y), (2, x)):
        own[:, column] = np.where(np.isnan(own[:, column]), axis[top], own[:, column])
    scaled_y, scaled_x = (
        (a - own[:, c, None]) / max(s, 1e-300) for a, c, s in ((y, 1, step_y), (x, 2, step_x))
    )
    distance = scaled_y**2 + scaled_x**2
    nearest = np.argmin(distance, axis=1)
    level = smooth[rows, nearest]
    # The radius within which the peak stays above half of its height, in pixels.
    below = smooth < 0.5 * level[:, None]
    radius = np.sqrt(np.min(np.where(below, distance, np.inf), axis=1))
    farthest = np.sqrt(np.max(distance, axis=1))
    radius = np.clip(np.where(np.isfinite(radius), radius, farthest), 0.7, None)
    unit = 2.0 / FWHM_PER_SIGMA if isinstance(component, Gaussian2D) else 1.0
    share = np.where(distance < (2 * radius[:, None]) ** 2, smooth / level[:, None] - 0.2, 0.0)
    long, short, angle = _axes(scaled_y, scaled_x, np.clip(share, 0.0, 1.0))
    for column, step, ratio in ((3, step_y, short), (4, step_x, long)):
        value = ratio * unit * radius * step
        own[:, column] = np.where(np.isnan(own[:, column]), value, own[:, column])
    own[:, 5] = np.where(np.isnan(own[:, 5]), angle, own[:, 5])
    return level[:, None] * np.exp2(-distance / radius[:, None] ** 2)


def _axes(y: np.ndarray, x: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return how long peaks are along and across their axis near x, and its angle in degrees.

    From second moments; the lengths are relative, and never quite the same, so that the angle has
    a meaning from the first step on.
    """
    total = np.maximum(share.sum(axis=1), 1e-300)
    yy, xx, xy = (np.sum(share * each, axis=1) / total for each in (y * y, x * x, x * y))
    angle = 0.5 * np.arctan2(2.0 * xy, xx - yy)
    spread, mean = np.hypot(xx - yy, 2.0 * xy), xx + yy
    elongation = np.clip(np.where(mean > 0, spread / np.where(mean > 0, mean, 1.0), 0.0), 0.05, 0.9)
    along, across = np.sqrt(1.0 + elongation), np.sqrt(1.0 - elongation)
    # The axis that is nearer to x is called x.
    steep = np.abs(angle) > np.pi / 4
    angle = np.where(steep, angle - np.sign(angle) * np.pi / 2, angle)
    along, across = np.where(steep, across, along), np.where(steep, along, across)
    return along, across, np.rad2deg(angle)


def _smoothed(images: np.ndarray) -> np.ndarray:
    """Return images averaged over neighbours with binomial weights."""
    for axis in (1, 2):
        if images.shape[axis] >= 5:
            pad = [(0, 0)] * 3
            pad[axis] = (1, 1)
            padded = np.pad(images, pad, mode="edge")
            low, middle, high = (
                np.take(padded, range(shift, shift + images.shape[axis]), axis=axis)
                for shift in range(3)
            )
            images = 0.25 * (low + high) + 0.5 * middle
    return images
