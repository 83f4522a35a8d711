r"""Dielectric functions from single scattering, by the relations of Kramers and Kronig."""

from typing import NamedTuple

import numpy as np
from scipy import fft

from omniscopy.model.errors import DataError
from omniscopy.physics.electron import effective_energy, lorentz_factor
from omniscopy.physics.energy_loss.geometry import (
    BOHR_RADIUS,
    dipole_angles,
    momentum_scale,
)

# Part of a loss that surfaces may be the cause of.
_MOST = 0.95


class Dielectric(NamedTuple):
    """Permittivity, loss function, thickness in nm and what surfaces lost, for every spectrum."""

    permittivity: np.ndarray
    loss: np.ndarray
    thickness: np.ndarray
    surface: np.ndarray


def real_part(loss: np.ndarray) -> np.ndarray:
    r"""Return :math:`\mathrm{Re}(1/\varepsilon)` of a loss function on equal steps from 0.

    :math:`1 - \frac{2}{\pi} P \int_0^\infty \mathrm{Im}(-1/\varepsilon)
    \frac{E' dE'}{E'^2 - E^2}`: the Hilbert transform of the odd function, exactly for lines
    between the points, and for a tail of :math:`E^{-3}` (that of free electrons) beyond the last.
    """
    size = loss.shape[-1]
    odd = np.concatenate([-loss[..., :0:-1], loss], axis=-1)
    order = np.arange(-(2 * size - 2), 2 * size - 1, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = (
            (order + 1) * np.log(np.abs(order + 1)) + (order - 1) * np.log(np.abs(order - 1))
            - 2 * order * np.log(np.abs(order))
        )  # fmt: skip
    weight[size * 2 - 2] = 0.0
    weight[[size * 2 - 3, size * 2 - 1]] = -2.0 * np.log(2.0), 2.0 * np.log(2.0)
    length = fft.next_fast_len(len(order) + odd.shape[-1], real=True)
    # What is at E' acts at E by the weight of E' - E: the weights are turned round.
    turned = fft.irfft(fft.rfft(odd, length) * fft.rfft(-weight, length), length)
    integral = turned[..., 3 * size - 3 : 4 * size - 3]
    place = np.arange(size) / (size - 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.where(
            place > 1e-2,
            (np.arctanh(np.minimum(place, 1.0 - 0.5 / size)) / place - 1.0) / place**2,
            1.0 / 3.0 + place**2 / 5.0,
        )
    total = integral + 2.0 * loss[..., -1:] * beyond
    made: np.ndarray = 1.0 - total / np.pi
    return made


def dielectric(
    single: np.ndarray,
    step: float,
    *,
    intensity: np.ndarray,
    voltage: float,
    collection: float,
    index: float | None = None,
    thickness: np.ndarray | None = None,
    surface_steps: int = 0,
) -> Dielectric:
    r"""Return what single-scattering distributions on equal steps from 0 say of the permittivity.

    The scale is that of a refractive index, :math:`\frac{2}{\pi} \int \mathrm{Im}(-1/\varepsilon)
    \frac{dE}{E} = 1 - n^{-2}`, or of a thickness [1]_:
    :math:`J_1 = \frac{I_0 t\, dE}{2 \pi a_0 T} \mathrm{Im}(-1/\varepsilon)
    \ln(1 + \beta^2/\theta_E^2)`. In further steps the losses at both surfaces are taken off.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       3rd ed., Springer (2011), section 4.2 and appendix B.
    """
    size = single.shape[-1]
    energy = step * np.arange(size)
    angles = np.zeros(size)
    angles[1:] = dipole_angles(energy[1:], voltage, collection)
    kinetic = effective_energy(voltage)
    surface = np.zeros(single.shape)
    reached = thickness
    if (index is None) == (reached is None):
        message = "either a refractive index or a thickness sets the scale"
        raise DataError(message)
    for turn in range(surface_steps + 1):
        bulk = single - surface
        loss = np.zeros(single.shape)
        loss[..., 1:] = bulk[..., 1:] / angles[1:]
        if index is not None:
            wanted = 1.0 - index**-2.0
            scale = 2.0 / np.pi * _over_energy(loss) / wanted
            reached = 2.0 * np.pi * BOHR_RADIUS * kinetic * scale / (intensity * step)
        elif reached is not None:
            scale = reached * intensity * step / (2.0 * np.pi * BOHR_RADIUS * kinetic)
        loss = loss / scale[..., None]
        real = real_part(loss)
        permittivity = 1.0 / (real - 1j * loss)
        if turn < surface_steps:
            found = surface_losses(
                permittivity, loss, energy, voltage=voltage, collection=collection,
                intensity=intensity * step,
            )  # fmt: skip
            # Half of the way, within what there is: whole steps swing wider and wider.
            most = np.maximum(single, 0.0)
            surface = 0.5 * (surface + np.clip(found, -most, _MOST * most))
    return Dielectric(permittivity, loss, np.asarray(reached), surface)


def _over_energy(loss: np.ndarray) -> np.ndarray:
    r"""Return :math:`\int \mathrm{Im}(-1/\varepsilon) dE/E`, with a tail of :math:`E^{-3}`."""
    number = np.arange(1, loss.shape[-1])
    inside = loss[..., 1:] / number
    first = loss[..., 1]  # The limit at 0 of a function that begins as a line.
    sums = inside.sum(axis=-1) - 0.5 * inside[..., -1] + 0.5 * first
    made: np.ndarray = sums + loss[..., -1] / 3.0
    return made


def surface_losses(
    permittivity: np.ndarray,
    loss: np.ndarray,
    energy: np.ndarray,
    *,
    voltage: float,
    collection: float,
    intensity: np.ndarray,
) -> np.ndarray:
    r"""Return the losses at both surfaces of a clean slab at normal incidence.

    :math:`\frac{dP_s}{dE} = \frac{1}{\pi a_0 k_0 T} [\frac{\tan^{-1}(\beta/\theta_E)}{\theta_E} -
    \frac{\beta}{\beta^2 + \theta_E^2}] [\frac{4 \varepsilon_2}{(\varepsilon_1 + 1)^2 +
    \varepsilon_2^2} - \mathrm{Im}(-1/\varepsilon)]` (Egerton, equation 4.31), which does not
    depend on the thickness.
    """
    kinetic = effective_energy(voltage)
    angle = energy[1:] / (2.0 * lorentz_factor(voltage) * kinetic)
    spread = np.arctan(collection / angle) / angle - collection / (collection**2 + angle**2)
    part = permittivity[..., 1:]
    shape = 4.0 * part.imag / ((part.real + 1.0) ** 2 + part.imag**2) - loss[..., 1:]
    strength = 1.0 / (np.pi * BOHR_RADIUS * momentum_scale(voltage) * kinetic)
    made = np.zeros(loss.shape)
    made[..., 1:] = intensity[..., None] * strength * spread * shape
    return made
