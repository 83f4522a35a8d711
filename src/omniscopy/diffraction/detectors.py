"""Detectors that are made of pixels of a pattern."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from omniscopy.model import DataError

Centre = tuple[float, float] | Literal["auto"]


@runtime_checkable
class Detector(Protocol):
    """Pixels of a pattern whose values are summed, perhaps weighted."""

    @property
    def centre(self) -> Centre:
        """Where the detector is, as (ky, kx); "auto" for where the disc is."""

    def contains(self, dy: Any, dx: Any) -> Any:
        """Return whether pixels so far from the centre belong to it, or their weights."""

    def __str__(self) -> str:
        """Return a title in words."""


@dataclass(frozen=True)
class Disk:
    """A disc: the pixels whose middle is nearer to the centre than the radius.

    Parameters
    ----------
    radius : float, units of the coordinates
        The radius.
    centre : (ky, kx) or "auto", units of the coordinates
        Where it is; "auto" for the middle of the disc in the mean pattern.
    """

    radius: float
    _: KW_ONLY
    centre: Centre = "auto"

    def __post_init__(self) -> None:
        if not self.radius > 0:
            message = f"the radius of a disc must be positive, got {self.radius!r}"
            raise DataError(message)

    def contains(self, dy: Any, dx: Any) -> Any:
        """Return whether pixels so far from the centre belong to the detector."""
        return (dy**2 + dx**2) ** 0.5 < self.radius

    def __str__(self) -> str:
        return self.describe()

    def describe(self, units: str = "") -> str:
        """Return a title in words, with the units of the coordinates."""
        return f"disc of {self.radius:.4g} {units}".rstrip()


@dataclass(frozen=True)
class Annulus:
    """A ring: the pixels whose middle is between two distances from the centre.

    The inner one belongs to it, the outer one does not, so that a disc and the ring around it
    share no pixel.

    Parameters
    ----------
    inner, outer : float, units of the coordinates
        The radii.
    centre : (ky, kx) or "auto", units of the coordinates
        Where it is; "auto" for the middle of the disc in the mean pattern.
    """

    inner: float
    outer: float
    _: KW_ONLY
    centre: Centre = "auto"

    def __post_init__(self) -> None:
        _require_radii("ring", self.inner, self.outer)

    def contains(self, dy: Any, dx: Any) -> Any:
        """Return whether pixels so far from the centre belong to the detector."""
        away = (dy**2 + dx**2) ** 0.5
        return (away >= self.inner) & (away < self.outer)

    def __str__(self) -> str:
        return self.describe()

    def describe(self, units: str = "") -> str:
        """Return a title in words, with the units of the coordinates."""
        return f"ring {_from_to(self.inner, self.outer)} {units}".rstrip()


@dataclass(frozen=True)
class Segment:
    """A part of a ring, such as a quadrant.

    Parameters
    ----------
    inner, outer : float, units of the coordinates
        The radii; the inner one belongs to it, the outer one does not.
    start, stop : float, degrees
        Where it begins and ends, from the direction of +kx towards that of +ky. The start
        belongs to it, the stop does not.
    centre : (ky, kx) or "auto", units of the coordinates
        Where it is; "auto" for the middle of the disc in the mean pattern.
    """

    inner: float
    outer: float
    start: float
    stop: float
    _: KW_ONLY
    centre: Centre = "auto"

    def __post_init__(self) -> None:
        _require_radii("segment", self.inner, self.outer)
        if not 0 < self.stop - self.start <= 360:
            message = (
                "the angles of a segment must be start < stop <= start + 360 degrees, got "
                f"{self.start!r} and {self.stop!r}"
            )
            raise DataError(message)

    def contains(self, dy: Any, dx: Any) -> Any:
        """Return whether pixels so far from the centre belong to the detector."""
        away = (dy**2 + dx**2) ** 0.5
        turn = (np.rad2deg(np.arctan2(dy, dx)) - self.start) % 360.0
        return (away >= self.inner) & (away < self.outer) & (turn < self.stop - self.start)

    def __str__(self) -> str:
        return self.describe()

    def describe(self, units: str = "") -> str:
        """Return a title in words, with the units of the coordinates."""
        turn = f"{self.start:.4g}° to {self.stop:.4g}°"
        return f"{f'segment {_from_to(self.inner, self.outer)} {units}'.rstrip()}, {turn}"


@dataclass(frozen=True)
class Polygon:
    """The pixels whose middle is inside a polygon; where it crosses itself, by the even-odd rule.

    Parameters
    ----------
    points : sequence of (ky, kx), units of the coordinates
        Its corners, at least three, measured from `centre`.
    centre : (ky, kx) or "auto", units of the coordinates
        What the corners are measured from: the origin of the coordinates otherwise, "auto" for
        the middle of the disc in the mean pattern.
    """

    points: Sequence[tuple[float, float]]
    _: KW_ONLY
    centre: Centre = (0.0, 0.0)

    def __post_init__(self) -> None:
        shape = np.shape(self.points)
        if len(shape) != 2 or shape[0] < 3 or shape[1] != 2:
            message = f"a polygon needs three corners (ky, kx) or more, got shape {shape}"
            raise DataError(message)

    def contains(self, dy: Any, dx: Any) -> Any:
        """Return whether pixels so far from the centre belong to the detector."""
        inside = (dy * 0 + dx * 0) > 0
        corners = [(float(y), float(x)) for y, x in self.points]
        for (y0, x0), (y1, x1) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if y0 == y1:
                continue
            crosses = ((dy >= y0) != (dy >= y1)) & (dx < x0 + (dy - y0) * (x1 - x0) / (y1 - y0))
            inside = inside ^ crosses
        return inside

    def __str__(self) -> str:
        return f"polygon of {len(self.points)} corners"


@dataclass(frozen=True, eq=False)
class Mask:
    """Any pixels, each with a weight.

    Parameters
    ----------
    values : array, shape (ky, kx)
        What the values of the pixels are multiplied by: true or 1 where they count.
    """

    values: npt.ArrayLike

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 2 or values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            message = (
                "a mask must be a plane of finite weights, one for each pixel of a pattern, got "
                f"{values.dtype} of shape {values.shape}"
            )
            raise DataError(message)
        object.__setattr__(self, "values", values)

    @property
    def centre(self) -> Centre:
        """Where it is: its pixels are those of the pattern."""
        return (0.0, 0.0)

    def contains(self, dy: Any, dx: Any) -> Any:
        """Return the weights, in the place of `dy`."""
        values = np.asarray(self.values)
        named = hasattr(dy, "dims")
        shape = (
            (dy.sizes[dy.dims[-1]], dx.sizes[dx.dims[-1]])
            if named
            else np.broadcast_shapes(np.shape(dy), np.shape(dx))
        )
        if values.shape != shape:
            message = f"a mask of shape {values.shape} does not fit to patterns of {shape} pixels"
            raise DataError(message)
        if not named:
            return values
        plane = (dy * 0 + dx * 0).transpose(..., dy.dims[-1], dx.dims[-1])
        return plane.copy(data=values)

    def __str__(self) -> str:
        return "mask"


def _from_to(inner: float, outer: float) -> str:
    return f"from {inner:.4g} to {outer:.4g}" if outer < np.inf else f"beyond {inner:.4g}"


def _require_radii(what: str, inner: float, outer: float) -> None:
    if not 0 <= inner < outer:
        message = f"the radii of a {what} must be 0 <= inner < outer, got {inner!r} and {outer!r}"
        raise DataError(message)
