# ruff: noqa: PLR0913, PLR0917 - points and parameters are given by their place
"""Driven cantilevers whose resonance changes while they move."""

from typing import Any, Literal, get_args

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled

Relaxation = Literal["exponential", "biexponential", "stretched", "step"]
RELAXATIONS: tuple[Relaxation, ...] = get_args(Relaxation)


def relaxation(
    t: Any, kind: Relaxation, tau: Any = 1.0, second_tau: Any = 1.0, exponent: Any = 1.0
) -> Any:
    r"""Return how far a change has come at time `t` after it began: 0 before, towards 1 after it.

    :math:`1 - e^{-t/\tau}` (exponential), :math:`1 - (e^{-t/\tau} + e^{-t/\tau_2}) / 2`
    (biexponential), :math:`1 - e^{-(t/\tau)^\beta}` (stretched), 1 (step). Broadcasts.
    """
    later = np.maximum(t, 0.0)
    if kind == "step":
        return np.where(t >= 0.0, 1.0, 0.0)
    if kind == "stretched":
        return -np.expm1(-((later / tau) ** exponent))
    first = -np.expm1(-later / tau)
    if kind == "biexponential":
        return 0.5 * (first - np.expm1(-later / second_tau))
    return first


def static_response(omega: Any, omega_0: Any, q: Any) -> Any:
    r"""Return the motion for a unit of acceleration :math:`e^{i\omega t}`, as a complex number.

    :math:`1 / (\omega_0^2 - \omega^2 + i \omega \omega_0 / Q)`, of
    :math:`\ddot z + \omega_0 \dot z / Q + \omega_0^2 z = e^{i\omega t}`.
    """
    return 1.0 / (omega_0**2 - omega**2 + 1j * omega * omega_0 / q)


def propagator(h: Any, omega_0: Any, q: Any) -> tuple[Any, Any, Any, Any]:
    r"""Return the matrix that takes :math:`(z, \dot z)` of a free oscillation `h` further, by rows.

    For :math:`Q > 1/2`.
    """
    damping = omega_0 / (2.0 * q)
    omega = np.sqrt(omega_0**2 - damping**2)
    fall = np.exp(-damping * h)
    cosine, sine = fall * np.cos(omega * h), fall * np.sin(omega * h) / omega
    return cosine + damping * sine, sine, -(omega_0**2) * sine, cosine - damping * sine


def step_further(
    z: Any, v: Any, h: Any, half: Any, full: Any, force: Any, omega: Any, omega_0: Any, q: Any
) -> tuple[Any, Any]:
    r"""Return :math:`(z, \dot z)` after a step `h` of a driven oscillation.

    That is of :math:`\ddot z = f - \omega \dot z / Q - \omega^2 z`. `force` and `omega` are three
    values each: at the beginning, the middle and the end; `half` and `full` are the `propagator`
    of half a step and of the step, with `omega_0` and `q`.

    Runge-Kutta of fourth order in the frame of the free oscillation [1]_: what differs from it,
    and the force, are small beside the acceleration of the motion.

    References
    ----------
    .. [1] J. D. Lawson, *SIAM J. Numer. Anal.* 4, 372 (1967).
    """
    f0, f1, f2 = force
    w0, w1, w2 = omega
    a, b, c, d = half
    e, g, i, j = full
    n0 = f0 - (w0 * w0 - omega_0 * omega_0) * z - (w0 - omega_0) / q * v
    middle_z, middle_v = a * z + b * v, c * z + d * v
    stiff, loss = w1 * w1 - omega_0 * omega_0, (w1 - omega_0) / q
    n1 = (
        f1
        - stiff * (middle_z + 0.5 * h * b * n0)
        - loss * (middle_v + 0.5 * h * d * n0)
    )  # fmt: skip
    n2 = f1 - stiff * middle_z - loss * (middle_v + 0.5 * h * n1)
    end_z, end_v = e * z + g * v, i * z + j * v
    n3 = (
        f2
        - (w2 * w2 - omega_0 * omega_0) * (end_z + h * b * n2)
        - (w2 - omega_0) / q * (end_v + h * d * n2)
    )  # fmt: skip
    both = 2.0 * (n1 + n2)
    return (
        end_z + h / 6.0 * (g * n0 + b * both),
        end_v + h / 6.0 * (j * n0 + d * both + n3),
    )


def oscillate(
    omega: np.ndarray, force: np.ndarray, steps: np.ndarray, omega_0: np.ndarray, q: np.ndarray,
    start: np.ndarray, substeps: int,
) -> np.ndarray:  # fmt: skip
    r"""Return the motion of cantilevers, integrated in equal steps.

    Parameters
    ----------
    omega, force : array, shape (cantilevers, 2 samples substeps + 1), rad/s and m/s²
        Resonance and driving force by mass: at the beginning, the middle and the end of each step.
    steps : array, shape (cantilevers, 2), s
        Time from the beginning to the first sample, and from one sample to the next.
    omega_0, q : array, shape (cantilevers,)
        Resonance before any change, and quality factor, which is above 1/2.
    start : array, shape (cantilevers, 2), m and m/s
        Position and velocity at the beginning.
    substeps : int
        Steps from one sample to the next.

    Returns
    -------
    array, shape (cantilevers, samples), m
        With 20 steps a period the error is below 1e-6 of the amplitude (1e-7 of a motion at the
        resonance), for changes of the resonance of up to a hundredth.
    """
    samples = (omega.shape[1] - 1) // (2 * substeps)
    found = np.empty((len(omega), samples))
    first, later = (_propagators(steps[:, n] / substeps, omega_0, q) for n in (0, 1))
    _oscillate(omega, force, steps / substeps, omega_0, q, start, substeps, first, later, found)
    return found


def oscillate_plainly(
    omega: np.ndarray, force: np.ndarray, steps: np.ndarray, omega_0: np.ndarray, q: np.ndarray,
    start: np.ndarray, substeps: int,
) -> np.ndarray:  # fmt: skip
    """Return the same as `oscillate`, all cantilevers at a time."""
    z, v = start[:, 0], start[:, 1]
    found = []
    for k in range((omega.shape[1] - 1) // 2):
        h = steps[:, 0 if k < substeps else 1] / substeps
        half, full = propagator(0.5 * h, omega_0, q), propagator(h, omega_0, q)
        now = slice(2 * k, 2 * k + 3)
        z, v = step_further(z, v, h, half, full, force[:, now].T, omega[:, now].T, omega_0, q)
        if (k + 1) % substeps == 0:
            found.append(z)
    return np.stack(found, axis=-1) if found else np.empty((len(omega), 0))


def _propagators(h: np.ndarray, omega_0: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the matrices of half a step and of a step, shape (cantilevers, 2, 4)."""
    both = [np.stack(propagator(part * h, omega_0, q), axis=-1) for part in (0.5, 1.0)]
    return np.stack(both, axis=1)


_step: Any = numba.njit(error_model="numpy", inline="always")(step_further)


def _loop(
    omega: Any, force: Any, steps: Any, omega_0: Any, q: Any, start: Any, substeps: int,
    first: Any, later: Any, found: Any,
) -> None:  # fmt: skip
    for row in range(omega.shape[0]):
        z, v = start[row, 0], start[row, 1]
        w, f, resonance, quality = omega[row], force[row], omega_0[row], q[row]
        k = 0
        for sample in range(found.shape[1]):
            matrices = first[row] if sample == 0 else later[row]
            h = steps[row, 0] if sample == 0 else steps[row, 1]
            a, b = matrices[0], matrices[1]
            half, full = (a[0], a[1], a[2], a[3]), (b[0], b[1], b[2], b[3])
            for _ in range(substeps):
                z, v = _step(
                    z, v, h, half, full, (f[k], f[k + 1], f[k + 2]), (w[k], w[k + 1], w[k + 2]),
                    resonance, quality,
                )  # fmt: skip
                k += 2
            found[row, sample] = z


_oscillate: Any = keep_compiled(numba.njit, _loop, error_model="numpy", nogil=True)
