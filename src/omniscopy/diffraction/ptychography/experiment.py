"""What phase retrieval must know of a measurement: beam, scan and detector, in nm and 1/nm."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.diffraction.angles import of_a_mrad
from omniscopy.diffraction.centre import find_centre
from omniscopy.model import (
    DataError,
    MetadataWarning,
    coordinate,
    require_plane,
    require_real,
    require_uniform,
    require_units,
)
from omniscopy.physics import aberrations, electron

Centre = tuple[float, float] | Literal["auto"]

# By which part of the stated radius that of the disc may be another.
_ALIKE = 0.2
_BEAM = {"voltage": ("V", "200e3"), "convergence_angle": ("mrad", "20.0")}


@dataclass(frozen=True)
class Beam:
    """A convergent beam: wavelength in nm, radius of its aperture in 1/nm, aberrations in Å."""

    wavelength: float
    radius: float
    terms: aberrations.Terms

    def aperture(self, ky: Any, kx: Any) -> Any:
        r"""Return the wave in the aperture, :math:`e^{-i\chi}` inside and 0 outside."""
        inside = ky**2 + kx**2 <= self.radius**2 * (1 + 1e-9)
        return inside * np.exp(-1j * self.chi(ky, kx)) if self.terms else inside.astype(complex)

    def chi(self, ky: Any, kx: Any) -> Any:
        """Return the aberration function in rad at spatial frequencies in 1/nm."""
        wave = aberrations.wave_aberration(self.wavelength * ky, self.wavelength * kx, self.terms)
        return 0.2 * np.pi / self.wavelength * wave

    def shift(self, ky: Any, kx: Any) -> tuple[Any, Any]:
        """Return the gradient of the wave aberration in nm: how far rays miss the axis."""
        y, x = aberrations.gradient(self.wavelength * ky, self.wavelength * kx, self.terms)
        return 0.1 * y, 0.1 * x

    @property
    def reach(self) -> float:
        """Radius of the probe in nm: that of the rays, and that of diffraction."""
        turn = np.linspace(0.0, 2.0 * np.pi, 64, endpoint=False)
        y, x = self.shift(self.radius * np.sin(turn), self.radius * np.cos(turn))
        return float(np.max(np.hypot(y, x)) + 0.61 / self.radius)


@dataclass(frozen=True)
class Turn:
    """How the detector is turned against the scan.

    Deflections on the detector, those along ky negated first where there is a flip, are turned by
    the angle (degrees, from +x to +y) to be those in the scan.
    """

    rotation: float = 0.0
    flip: bool = False

    @property
    def matrix(self) -> np.ndarray:
        """Return what brings (y, x) of the scan to the axes of the detector; it is orthogonal."""
        angle = np.deg2rad(self.rotation)
        sign = -1.0 if self.flip else 1.0
        return np.array([[sign * np.cos(angle), -sign * np.sin(angle)],
                         [np.sin(angle), np.cos(angle)]])  # fmt: skip

    def to_detector(self, y: Any, x: Any) -> tuple[Any, Any]:
        """Return vectors of the scan along the axes of the detector."""
        (a, b), (c, d) = self.matrix
        return a * y + b * x, c * y + d * x


@dataclass(frozen=True)
class Experiment:
    """A scan of patterns: dimensions, axes and the beam.

    `y` and `x` are positions in nm, `ky` and `kx` frequencies in 1/nm from the origin of the
    coordinates; all ascend or descend as the coordinates do.
    """

    beam: Beam
    scan: tuple[str, str]
    plane: tuple[str, str]
    y: np.ndarray
    x: np.ndarray
    ky: np.ndarray
    kx: np.ndarray
    centre: tuple[float, float] | None
    per_scan: float
    per_k: float

    @property
    def steps(self) -> tuple[float, float]:
        """Return the steps of the scan in nm."""
        return float(self.y[1] - self.y[0]), float(self.x[1] - self.x[0])

    @property
    def pixels(self) -> tuple[float, float]:
        """Return the pixels of a pattern in 1/nm."""
        return float(self.ky[1] - self.ky[0]), float(self.kx[1] - self.kx[0])

    def middle_of(self, mean: np.ndarray) -> tuple[float, float] | None:
        """Return the middle of the pattern in 1/nm, None where the disc is not on the detector."""
        if self.centre is not None:
            return self.centre
        axes = {
            dim: coordinate(dim, values, "1/nm")
            for dim, values in {"ky": self.ky, "kx": self.kx}.items()
        }
        disc = find_centre(xr.DataArray(mean, axes, dims=("ky", "kx")))
        middle = float(disc["ky"]), float(disc["kx"])
        self.compare_radius(float(disc["radius"]))
        return middle if np.isfinite(middle).all() and self.holds(middle) else None

    def compare_radius(self, found: float) -> None:
        """Warn where the disc is not as large as the convergence angle says."""
        stated, pixel = self.beam.radius, max(abs(each) for each in self.pixels)
        if np.isfinite(found) and abs(found - stated) > max(_ALIKE * stated, 1.5 * pixel):
            angles = [1e3 * self.beam.wavelength * radius for radius in (found, stated)]
            message = (
                f"the disc in the mean pattern has a radius of {found:.3g} 1/nm, which is "
                f"{angles[0]:.3g} mrad, but the convergence angle is {angles[1]:.3g} mrad: phases "
                "will be wrong. Is it half of the full angle, and are ky and kx calibrated?"
            )
            warnings.warn(message, MetadataWarning, stacklevel=2)

    def holds(self, middle: tuple[float, float]) -> bool:
        """Return whether the disc around this middle is on the detector, but for half a pixel."""
        for at, axis in zip(middle, (self.ky, self.kx), strict=True):
            room = 0.5 * abs(axis[1] - axis[0])
            if (
                at - self.beam.radius < axis.min() - room
                or at + self.beam.radius > axis.max() + room
            ):
                return False
        return True


def require_experiment(
    data: xr.DataArray, *, voltage: float | None, convergence_angle: float | None,
    aberration: Mapping[str, float] | None, centre: Centre, at_least: int,
) -> Experiment:  # fmt: skip
    """Return what is known of a measurement; raise where something is missing or cannot be."""
    plane = require_plane(data, None, kind="reciprocal", at_least=5)
    scan = require_plane(data, None, kind="spatial", at_least=at_least)
    require_real(data)
    for dim in (*scan, *plane):
        require_uniform(data, dim)
    volts = float(electron.require_voltage(_of_beam(data, "voltage", voltage)))
    angle = _of_beam(data, "convergence_angle", convergence_angle)
    if not 0 < angle < 1000:
        message = f"the convergence angle must be positive, in mrad, got {angle!r}"
        raise DataError(message)
    wavelength = 0.1 * float(electron.wavelength(volts))
    per_k = 1e-3 / (wavelength * of_a_mrad(data, plane, volts))
    lengths = [_lengths(data, dim) for dim in scan]
    k = [np.asarray(data.coords[dim].values, dtype=np.float64) * per_k for dim in plane]
    beam = Beam(wavelength, 1e-3 * angle / wavelength, aberrations.terms_of(aberration or {}))
    middle = None if centre == "auto" else (per_k * centre[0], per_k * centre[1])
    per_scan = require_units(data.coords[scan[0]], "nm")
    found = Experiment(
        beam, scan, plane, lengths[0], lengths[1], k[0], k[1], middle, per_scan, per_k
    )
    _require_disc(found, angle)
    return found


def _of_beam(data: xr.DataArray, name: str, given: float | None) -> float:
    units, example = _BEAM[name]
    if given is None:
        metadata = data.attrs.get("metadata")
        beam = metadata.get("beam") if isinstance(metadata, dict) else None
        given = beam.get(name) if isinstance(beam, dict) else None
    if given is None:
        words = name.replace("_", " ")
        message = (
            f"the {words} is not known: pass {name}= in {units}, such as {name}={example}, or set "
            f"data.attrs['metadata']['beam']['{name}']"
        )
        raise DataError(message)
    return float(given)


def _lengths(data: xr.DataArray, dim: str) -> np.ndarray:
    """Return the positions of a scan in nm."""
    try:
        factor = require_units(data.coords[dim], "nm", what=f"coordinate {dim!r}")
    except DataError as error:
        message = (
            f"{error}: the step of the scan must be known; set it as in "
            f"`data.assign_coords({dim}=omniscopy.model.coordinate({dim!r}, positions, 'nm'))`"
        )
        raise DataError(message) from None
    return np.asarray(data.coords[dim].values, dtype=np.float64) * factor


def _require_disc(found: Experiment, angle: float) -> None:
    """Raise unless the disc of the beam has several pixels and fits on the detector."""
    radius = found.beam.radius
    pixel = max(abs(each) for each in found.pixels)
    if radius < 1.5 * pixel:
        message = (
            f"a convergence angle of {angle:g} mrad is a disc of {radius / pixel:.2g} pixels in "
            "radius; at least 1.5 are needed. Are ky and kx calibrated?"
        )
        raise DataError(message)
    span = min(len(axis) * abs(axis[1] - axis[0]) for axis in (found.ky, found.kx))
    if 2 * radius > span + pixel:
        message = (
            f"a convergence angle of {angle:g} mrad is a disc of {2 * radius:.3g} 1/nm across, "
            f"larger than the detector of {span:.3g} 1/nm. Are ky and kx calibrated?"
        )
        raise DataError(message)
    if found.centre is not None and not found.holds(found.centre):
        at = tuple(round(each / found.per_k, 3) for each in found.centre)
        message = f"the disc around centre={at} leaves the detector"
        raise DataError(message)
