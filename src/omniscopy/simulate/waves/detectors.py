"""Detectors in the far field behind a sample, in mrad from the axis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.model import DataError, coordinate
from omniscopy.simulate.waves.grids import Grid, require_angle

Floats = npt.NDArray[np.float64]


@runtime_checkable
class Detector(Protocol):
    """Angles that are summed, perhaps weighted, such as `diffraction.Annulus`."""

    def contains(self, dy: Any, dx: Any) -> Any:
        """Return whether these angles belong to it, or their weights."""


@dataclass(frozen=True)
class Rings:
    """A flexible annular detector: rings of equal width, from which others are summed later.

    Parameters
    ----------
    width : float, mrad
        Of each ring.
    outer : float, mrad
        Where the last one ends, or the next whole ring after it.
    """

    width: float
    outer: float

    def __post_init__(self) -> None:
        if not 0.0 < self.width <= self.outer:
            message = (
                f"rings need 0 < width <= outer in mrad, got {self.width!r} and {self.outer!r}"
            )
            raise DataError(message)

    @property
    def count(self) -> int:
        """Return how many rings there are."""
        return int(np.ceil(self.outer / self.width - 1e-9))


Detectors = Mapping[str, Any]


def require_detectors(
    detectors: Detectors, grid: Grid, wavelength: float
) -> dict[str, Detector | Rings]:
    """Return detectors by name, or raise where one is none or lies beyond what waves keep."""
    if not isinstance(detectors, Mapping) or not detectors:
        message = (
            "detectors must be a mapping of names to detectors in mrad, such as "
            "{'haadf': (70, 180)} or {'bf': diffraction.Disk(10)}"
        )
        raise DataError(message)
    found: dict[str, Detector | Rings] = {}
    for name, given in detectors.items():
        detector = given
        if isinstance(given, tuple | list):
            detector = _Ring(*_pair(name, given))
        if isinstance(detector, Rings):
            require_angle(grid, detector.count * detector.width, wavelength, f"detector {name!r}")
        elif isinstance(detector, Detector):
            outer = getattr(detector, "outer", getattr(detector, "radius", 0.0))
            require_angle(grid, float(outer), wavelength, f"detector {name!r}")
        else:
            message = (
                f"detector {name!r} must be (inner, outer) in mrad, `simulate.Rings` or one of "
                f"`diffraction` such as `Segment`, got {type(given).__name__}"
            )
            raise DataError(message)
        found[str(name)] = detector
    return found


@dataclass(frozen=True)
class _Ring:
    inner: float
    outer: float

    def contains(self, dy: Any, dx: Any) -> Any:
        away = np.hypot(dy, dx)
        return (away >= self.inner) & (away < self.outer)


def _pair(name: str, given: Any) -> tuple[float, float]:
    if len(given) != 2 or not 0.0 <= given[0] < given[1]:
        message = f"detector {name!r} must be (inner, outer) with 0 <= inner < outer, got {given!r}"
        raise DataError(message)
    return float(given[0]), float(given[1])


def weights_of(detectors: Mapping[str, Detector | Rings], grid: Grid, wavelength: float) -> Any:
    """Return what each row of results weighs each frequency of the band with, sparse."""
    from scipy.sparse import csr_array, vstack

    y = 1e3 * wavelength * grid.ky[:, None] + 0.0 * grid.band_kx
    x = 1e3 * wavelength * grid.band_kx[None, :] + 0.0 * grid.ky[:, None]
    rows: list[Any] = []
    for detector in detectors.values():
        if isinstance(detector, Rings):
            ring = np.floor(np.hypot(y, x) / detector.width).astype(np.int64).ravel()
            inside = np.flatnonzero(ring < detector.count)
            ones = np.ones(len(inside), np.float32)
            shape = (detector.count, ring.size)
            rows.append(csr_array((ones, (ring[inside], inside)), shape=shape))
        else:
            weight = np.asarray(_seen(detector, y, x), np.float32)
            rows.append(csr_array(weight.reshape(1, -1)))
    return csr_array(vstack(rows))


def _seen(detector: Detector, y: Floats, x: Floats) -> Any:
    """Return the weight of every angle, one after the other, which no mask of pixels has."""
    try:
        return detector.contains(y.ravel(), x.ravel())
    except (AttributeError, DataError) as error:
        message = (
            f"the detector {detector} belongs to patterns of certain pixels; give one by its angles"
        )
        raise DataError(message) from error


def split(
    made: npt.NDArray[Any], detectors: Mapping[str, Detector | Rings]
) -> dict[str, npt.NDArray[Any]]:
    """Return the rows (the last axis) of each detector; that of one row is without the axis."""
    found, first = {}, 0
    for name, detector in detectors.items():
        if isinstance(detector, Rings):
            found[name] = made[..., first : first + detector.count]
            first += detector.count
        else:
            found[name] = made[..., first]
            first += 1
    return found


def rows_of(detectors: Mapping[str, Detector | Rings]) -> int:
    """Return how many numbers all detectors give for a probe."""
    return sum(each.count if isinstance(each, Rings) else 1 for each in detectors.values())


def ring_coordinate(detector: Rings, dim: str) -> xr.Variable:
    """Return the angles at the middle of rings."""
    middle = detector.width * (np.arange(detector.count) + 0.5)
    return coordinate(dim, middle, "mrad", quantity="scattering angle", kind="spectral")
