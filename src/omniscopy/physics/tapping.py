# ruff: noqa: PLR0917 - points and parameters are given by their place
r"""A driven cantilever of one or more modes whose tip meets a viscoelastic surface. Units of SI.

.. math::
    \ddot z_n + \frac{\omega_n}{Q_n} \dot z_n + \omega_n^2 z_n
    = \frac{\omega_n^2}{k_n} \left(F_0 \cos \omega t + F_{ts}\right)

with the tip at :math:`z_c + \sum z_n` above the surface.
"""

from typing import Any

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled

# What `work` and the rows of results hold, in this order.
COLUMNS = (
    "amplitude", "phase", "deflection", "dissipation", "virial", "peak_force", "drive_work",
    "damping_work",
)  # fmt: skip
# Numbers of the contact: Hamaker constant times radius over 6, closest distance, stiffness of the
# contact (4/3 E* sqrt(R)), of the arm of Maxwell, its relaxation time, viscous damping.
CONTACT = ("attraction", "closest", "stiffness", "arm_stiffness", "arm_time", "damping")


def tip_force(distance: Any, speed: Any, arm: Any, contact: Any) -> Any:
    r"""Return the force on the tip, positive away from the surface.

    Above the closest distance :math:`-HR/6d^2`; below it that of the closest distance, plus
    :math:`\frac43 E^* \sqrt R\, \delta^{3/2}` (DMT), the force of an arm of Maxwell, and
    :math:`\eta \sqrt{R \delta}\, \dot\delta` (Kelvin and Voigt).
    """
    attraction, closest, stiffness, _, _, damping = contact
    if distance > closest:
        return -attraction / (distance * distance)
    depth = closest - distance
    force = -attraction / (closest * closest) + stiffness * depth * np.sqrt(depth)
    return force + arm - damping * np.sqrt(depth) * speed


def slopes(t: Any, state: Any, modes: Any, drive: Any, contact: Any, height: Any, out: Any) -> Any:
    """Write how the state changes: positions and speeds of the modes, and the force of the arm."""
    count = len(modes)
    distance, speed = height, 0.0
    for n in range(count):
        distance += state[2 * n]
        speed += state[2 * n + 1]
    arm = state[2 * count]
    force = tip_force_of(distance, speed, arm, contact)
    push = drive[0] * np.cos(drive[1] * t) + force
    for n in range(count):
        omega, q, k = modes[n, 0], modes[n, 1], modes[n, 2]
        z, v = state[2 * n], state[2 * n + 1]
        out[2 * n] = v
        out[2 * n + 1] = omega * omega / k * push - omega / q * v - omega * omega * z
    depth = contact[1] - distance
    # The arm is stretched by the motion of the contact, and lets go out of it.
    grows = -1.5 * contact[3] * np.sqrt(depth) * speed if depth > 0.0 else 0.0
    out[2 * count] = grows - arm / contact[4]
    return force


def oscillate(
    modes: Any, drive: Any, contact: Any, height: Any, counts: Any, state: Any, found: Any
) -> None:
    """Integrate by Runge and Kutta's fourth order, and write `COLUMNS` of the last periods.

    `counts` are the steps a period, the periods before and the periods that are measured; `state`
    is where the motion begins, and where it ends.
    """
    size, count = len(state), len(modes)
    period = 2.0 * np.pi / drive[1]
    h = period / counts[0]
    k1, k2, k3, k4 = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    real = imaginary = mean = lost = virial = supplied = damped = 0.0
    peak = -np.inf
    total = counts[0] * (counts[1] + counts[2])
    for step in range(total):
        t = step * h
        force = slopes_of(t, state, modes, drive, contact, height, k1)
        if step >= counts[0] * counts[1]:
            z = v = 0.0
            for n in range(count):
                z += state[2 * n]
                v += state[2 * n + 1]
                speed = state[2 * n + 1]
                damped += modes[n, 2] / (modes[n, 0] * modes[n, 1]) * speed * speed
            real += z * np.cos(drive[1] * t)
            imaginary += z * np.sin(drive[1] * t)
            mean += z
            lost -= force * v
            virial += force * z
            supplied += drive[0] * np.cos(drive[1] * t) * v
            peak = max(peak, force)
        slopes_of(t + 0.5 * h, state + 0.5 * h * k1, modes, drive, contact, height, k2)
        slopes_of(t + 0.5 * h, state + 0.5 * h * k2, modes, drive, contact, height, k3)
        slopes_of(t + h, state + h * k3, modes, drive, contact, height, k4)
        for n in range(size):
            state[n] += h / 6.0 * (k1[n] + 2.0 * k2[n] + 2.0 * k3[n] + k4[n])
    points = counts[0] * counts[2]
    found[0] = 2.0 / points * np.sqrt(real * real + imaginary * imaginary)
    found[1] = np.arctan2(imaginary, real)
    found[2] = mean / points
    found[3] = lost * period / points
    found[4] = virial / points
    found[5] = peak
    found[6] = supplied * period / points
    found[7] = damped * period / points


def dissipation(amplitude: Any, phase: Any, force: Any, stiffness: Any, omega: Any,
                omega_0: Any, q: Any) -> Any:  # fmt: skip
    r"""Return the energy that the tip loses in a period of a harmonic motion.

    :math:`\pi F_0 A \sin\varphi - \pi k A^2 \omega / Q \omega_0`: what the drive does less what the
    damping takes. J. P. Cleveland et al., Appl. Phys. Lett. 72, 2613 (1998).
    """
    return np.pi * (
        force * amplitude * np.sin(phase) - stiffness * amplitude**2 * omega / (q * omega_0)
    )


def virial(amplitude: Any, phase: Any, force: Any, stiffness: Any, omega: Any, omega_0: Any) -> Any:
    r"""Return the mean of force times motion of a harmonic motion.

    :math:`\frac{kA^2}{2} (1 - \omega^2/\omega_0^2) - \frac12 F_0 A \cos\varphi`: A. San Paulo,
    R. García, Phys. Rev. B 64, 193411 (2001).
    """
    square = 0.5 * stiffness * amplitude**2 * (1.0 - (omega / omega_0) ** 2)
    return square - 0.5 * force * amplitude * np.cos(phase)


tip_force_of: Any = numba.njit(tip_force, error_model="numpy", inline="always")
slopes_of: Any = numba.njit(slopes, error_model="numpy")
oscillate_fast: Any = keep_compiled(numba.njit, oscillate, error_model="numpy", nogil=True)
