"""Detectors that are made of pixels of a pattern."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

import xarray as xr

from omniscopy.model import DataError

Centre = tuple[float, float] | Literal["auto"]


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

    def mask(self, distance: xr.DataArray) -> xr.DataArray:
        """Return whether pixels at this distance from the centre belong to the detector."""
        return distance < self.radius


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
        if not 0 <= self.inner < self.outer:
            message = (
                f"the radii of a ring must be 0 <= inner < outer, got {self.inner!r} and "
                f"{self.outer!r}"
            )
            raise DataError(message)

    def mask(self, distance: xr.DataArray) -> xr.DataArray:
        """Return whether pixels at this distance from the centre belong to the detector."""
        return (distance >= self.inner) & (distance < self.outer)


Detector = Disk | Annulus
