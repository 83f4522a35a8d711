r"""Spring constants of cantilevers, from how they move by themselves or in a fluid. Units of SI."""

from typing import Any

import numpy as np

from omniscopy.physics.formulas import Formula

BOLTZMANN = 1.380649e-23


def beam_shares(mode: int) -> tuple[float, float]:
    r"""Return what a mode (1, 2, …) of a beam has of the mean square :math:`k_B T / k` at its end.

    Of the deflection, :math:`12 / \alpha^4`, and what a detector of the angle sees of it in units
    of its static sensitivity, :math:`\frac{16}{3} \left(\frac{\sin\alpha \sinh\alpha}
    {\alpha (\sin\alpha + \sinh\alpha)}\right)^2`, with :math:`\cos\alpha \cosh\alpha = -1`:
    H.-J. Butt, M. Jaschke, Nanotechnology 6, 1 (1995).
    """
    # Newton's steps from half-odd multiples of pi, of cos(alpha) + 1 / cosh(alpha), which stays
    # of order 1.
    alpha = np.pi * (mode - 0.5)
    for _ in range(20):
        over = 2.0 / (np.exp(alpha) + np.exp(-alpha)) if alpha < 700.0 else 0.0
        alpha -= (np.cos(alpha) + over) / (-np.sin(alpha) - over * np.tanh(alpha))
    # Over sinh: over is one over cosh.
    sine = np.sin(alpha)
    shape = sine / (alpha * (1.0 + sine * over / np.tanh(alpha)))
    return float(12.0 / alpha**4), float(16.0 / 3.0 * shape**2)


DEFLECTION, ANGLE = beam_shares(1)
_REAL = (
    (0.91324, -0.48274, 0.46842, -0.12886, 0.044055, -0.0035117, 0.00069085),
    (1.0, -0.56964, 0.48690, -0.13444, 0.045155, -0.0035862, 0.00069085),
)
_IMAGINARY = (
    (-0.024134, -0.029256, 0.016294, -0.00010961, 0.000064577, -0.000044510),
    (1.0, -0.59702, 0.55182, -0.18357, 0.079156, -0.014369, 0.0028361),
)


def thermal_peak(f: Any, square: Any, f0: Any, q: Any) -> Any:
    r"""Return the one-sided power density of an oscillator in a white force.

    :math:`\frac{2 \langle z^2\rangle}{\pi f_0 Q} \frac{f_0^4}{(f^2-f_0^2)^2 + (f f_0/Q)^2}`,
    whose integral is :math:`\langle z^2\rangle`, and its derivatives.
    """
    away, loss = f * f - f0 * f0, f * f0 / q
    size = away * away + loss * loss
    shape = 2.0 / np.pi * f0 * f0 * f0 / (q * size)
    by_f0 = 3.0 / f0 - (2.0 * loss * loss / f0 - 4.0 * away * f0) / size
    by_q = -1.0 / q + 2.0 * loss * loss / (q * size)
    value = square * shape
    return value, shape, value * by_f0, value * by_q


THERMAL_PEAK = Formula(thermal_peak, 3)


def hydrodynamic_function(reynolds: Any) -> Any:
    r"""Return the complex hydrodynamic function of a thin rectangular beam that bends.

    With :math:`Re = \rho \omega b^2 / 4 \eta` of the width :math:`b`: J. E. Sader, J. Appl. Phys.
    84, 64 (1998), equations 20 and 21, for Re from 1e-6 to 1e4.
    """
    import scipy.special

    re = np.asarray(reynolds, dtype=np.float64)
    root = np.sqrt(1j * re)
    k1, k0 = (scipy.special.kve(order, -1j * root) for order in (1, 0))
    circle = 1.0 + 4.0j * k1 / (root * k0)
    tau = np.log10(re)
    real, imaginary = (
        np.polynomial.polynomial.polyval(tau, above) / np.polynomial.polynomial.polyval(tau, below)
        for above, below in (_REAL, _IMAGINARY)
    )
    return (real + 1j * imaginary) * circle


def sader(
    f0: Any, q: Any, *, length: float, width: float, density: float, viscosity: float
) -> Any:  # fmt: skip
    r"""Return :math:`0.1906\, \rho b^2 L Q\, \Gamma_i(\omega_0)\, \omega_0^2`.

    J. E. Sader, J. W. M. Chon, P. Mulvaney, Rev. Sci. Instrum. 70, 3967 (1999).
    """
    omega = 2.0 * np.pi * np.asarray(f0, dtype=np.float64)
    reynolds = density * omega * width**2 / (4.0 * viscosity)
    with np.errstate(invalid="ignore", divide="ignore"):
        damping = hydrodynamic_function(reynolds).imag
    return 0.1906 * density * width**2 * length * q * damping * omega**2


def ribbon_hydrodynamics(reynolds: Any, *, torsion: bool, terms: int | None = None) -> Any:
    r"""Return the complex hydrodynamic function of a thin ribbon that bends or twists.

    With :math:`Re = \rho \omega b^2 / 4 \eta` of the width :math:`b`. The force and the torque for
    each length are :math:`\frac{\pi}{4} \rho \omega^2 b^2 \Gamma W` and
    :math:`\frac{\pi}{8} \rho \omega^2 b^4 \Gamma \Phi`: E. O. Tuck, J. Eng. Math. 3, 29 (1969);
    C. P. Green, J. E. Sader, J. Appl. Phys. 92, 6262 (2002). Without viscosity 1 and 1/16.

    The pressure on the ribbon :math:`x = b/2 \cos\theta` is a sum of :math:`\cos n\theta` over
    :math:`\sin\theta`; its velocity is that of unsteady Stokeslets. Their logarithm is diagonal
    in these terms, the rest is smooth and summed over points.
    """
    import scipy.special

    flat = np.atleast_1d(np.asarray(reynolds, dtype=np.float64)).ravel()
    found = np.full(flat.shape, np.nan, dtype=np.complex128)
    for place, re in enumerate(flat):
        if not (np.isfinite(re) and re > 0):
            continue
        count = terms or int(64 + 16 * np.sqrt(re))
        theta = (np.arange(count) + 0.5) * np.pi / count
        x = np.cos(theta)
        away = np.abs(x[:, None] - x)
        # A point itself: what is left there without the logarithm has a limit.
        np.fill_diagonal(away, 1e-7)
        reduced = np.sqrt(-1j * re)
        kernel = _stokeslet(reduced * away, scipy.special) + 0.5 * np.log(away)
        order = np.arange(count)
        cosines = np.cos(np.multiply.outer(theta, order))
        logarithm = np.where(order == 0, np.pi * np.log(2.0), np.pi / np.maximum(order, 1))
        table = np.pi / count * kernel @ cosines + 0.5 * cosines * logarithm
        velocity = x if torsion else np.ones(count)
        pressure = np.linalg.solve(table, velocity.astype(np.complex128))
        # With the velocity -i omega W, or -i omega Phi x, and the half width as unit of x.
        found[place] = 2j * np.pi / re * (pressure[1] / 4.0 if torsion else pressure[0])
    shape = np.shape(reynolds)
    return found.reshape(shape) if shape else found[0]


def _stokeslet(z: Any, special: Any) -> Any:
    """Return the velocity across a plane of a point force across it, z over the decay away."""
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(z) < 1e-3
        safe = np.where(near, 1.0, z)
        decay = np.exp(-safe)
        wide = special.kve(0, safe) * decay + special.kve(1, safe) * decay / safe - 1.0 / safe**2
        # K0 + K1/z - 1/z^2 by its series at 0.
        small = -0.5 * (np.log(np.where(near, z, 1.0) / 2.0) + np.euler_gamma) - 0.25
    return np.where(near, small, wide)


def sader_torsional(
    f0: Any, q: Any, *, length: float, width: float, density: float, viscosity: float
) -> Any:  # fmt: skip
    r"""Return :math:`0.1592\, \rho b^4 L Q\, \Gamma_i^t(\omega_0)\, \omega_0^2`, in N m/rad.

    C. P. Green et al., Rev. Sci. Instrum. 75, 1988 (2004), with the first torsional mode of a
    rectangular beam, :math:`\sin(\pi x / 2L)`: the factor is :math:`1 / 2\pi`.
    """
    omega = 2.0 * np.pi * np.asarray(f0, dtype=np.float64)
    reynolds = density * omega * width**2 / (4.0 * viscosity)
    damping = np.imag(ribbon_hydrodynamics(reynolds, torsion=True))
    return density * width**4 * length * q * damping * omega**2 / (2.0 * np.pi)
