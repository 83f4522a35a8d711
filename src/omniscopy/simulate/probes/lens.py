r"""What the lens of a probe or of an image does to spectra, :math:`A\, e^{-i\chi}`."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.model import DataError
from omniscopy.physics import aberrations, electron, microscopes

Floats = npt.NDArray[np.float64]
LARGEST_ANGLE = 500.0  # mrad; more has been given in another unit
NODES = 9  # energies that a Gaussian of energies is summed over


class Lens(NamedTuple):
    """A round or aberrated lens at one voltage."""

    voltage: float
    convergence: float
    """Half angle of the aperture in mrad."""
    terms: aberrations.Terms


def lens_of(
    voltage: float, convergence_angle: float, coefficients: Any, notation: aberrations.Notation
) -> Lens:
    """Return a lens, or raise where an angle or an aberration is none."""
    electron.require_voltage(voltage)
    require_angle_in_mrad("convergence_angle", convergence_angle)
    terms = aberrations.terms_of(coefficients or {}, notation)
    return Lens(float(voltage), float(convergence_angle), terms)


def require_angle_in_mrad(name: str, angle: float) -> None:
    """Raise unless an angle is a positive number of mrad."""
    if not (np.isfinite(angle) and 0.0 < angle <= LARGEST_ANGLE):
        message = f"{name} must be an angle in mrad between 0 and {LARGEST_ANGLE:g}, got {angle!r}"
        raise DataError(message)
    if angle < 0.05:
        message = f"{name} of {angle:g} mrad is too small; angles are in mrad, not in rad"
        raise DataError(message)


def aperture(theta: Floats, edge: float, width: float) -> Floats:
    """Return the transmission of an aperture whose edge falls from 1 to 0 over a width."""
    if width <= 0.0:
        return (theta <= edge * (1.0 + 1e-12)).astype(np.float64)
    return np.clip((edge - theta) / width + 0.5, 0.0, 1.0)


def spectrum(lens: Lens, ky: Floats, kx: Floats, *, soft: bool, defocus: float = 0.0) -> Any:
    """Return the spectrum of a probe at the origin, whose intensities add up to 1.

    `ky` and `kx` are the frequencies along each axis in 1/Å; a soft edge is as wide as a pixel.
    """
    length = float(electron.wavelength(lens.voltage))
    y, x = length * ky[:, None], length * kx[None, :]
    theta = np.hypot(y, x)
    width = 0.0
    if soft:
        width = length * float(np.sqrt(_step(ky) * _step(kx)))
    inside = aperture(theta, 1e-3 * lens.convergence, width)
    terms = dict(lens.terms)
    if defocus:
        terms[1, 0] = terms.get((1, 0), 0.0) + complex(defocus)
    shift = aberrations.wave_aberration(y, x, terms) if terms else 0.0
    made = inside * np.exp(-2j * np.pi / length * shift)
    return made / np.sqrt(np.square(np.abs(made)).sum())


def moved(made: Any, ky: Floats, kx: Floats, y: float, x: float) -> Any:
    """Return a spectrum whose origin is moved to (y, x) in Å."""
    rows, columns = np.exp(-2j * np.pi * ky * y), np.exp(-2j * np.pi * kx * x)
    return made * rows[:, None] * columns[None, :]


def _step(k: Floats) -> float:
    return float(abs(k[1] - k[0])) if len(k) > 1 else 0.0


def energies(spread: float | str) -> tuple[Floats, Floats]:
    """Return energies in eV about the mean and their weights, of a Gaussian or a cold emitter."""
    if spread == "cold_field_emission":
        found, weights = microscopes.cold_field_emission()
        return found, weights
    if isinstance(spread, str) or not (np.isfinite(spread) and spread >= 0.0):
        message = (
            "energy_spread must be a standard deviation in eV or 'cold_field_emission', got "
            f"{spread!r}"
        )
        raise DataError(message)
    if spread == 0.0:
        return np.zeros(1), np.ones(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return spread * nodes, weights / weights.sum()
