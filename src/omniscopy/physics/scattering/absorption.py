"""Electrons that thermal motion scatters out of the Bragg beams."""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from omniscopy.model.errors import DataError
from omniscopy.physics.electron import lorentz_factor, wavelength
from omniscopy.physics.scattering.coefficients import Table, find_element
from omniscopy.physics.scattering.form_factors import debye_waller_factor, form_factor

Floats = npt.NDArray[np.float64]

FARTHEST = 1000.0  # 1/Å; what is scattered farther is less than 1e-5 of the whole
STEP = 0.05  # 1/Å between tabulated values: a cubic between them errs by less than 1e-5
NEAREST = 1e-3  # 1/Å; smaller scattering vectors are taken for this one


def absorptive_form_factor(
    element: str | int,
    q: Any,
    *,
    voltage: float,
    debye_waller: float,
    table: Table = "lobato",
) -> Any:
    r"""Return the absorptive part of a form factor due to thermal diffuse scattering, in Å.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number. An ion counts as its atom: ions that move independently would
        scatter without a limit at small angles.
    q : float or array, 1/Å
        Scattering vector, :math:`q = 1/d`.
    voltage : float, V
        Accelerating voltage.
    debye_waller : float, Å²
        :math:`B = 8 \pi^2 \langle u^2 \rangle`.
    table : str
        Whose form factors; see `form_factor`.

    Returns
    -------
    float or array of the shape of `q`, Å
        :math:`f'`, positive at small and negative at large `q`, with the thermal factor in it.
        The atom scatters coherently with :math:`f e^{-B q^2/4} + i f'`; both are multiplied by
        the Lorentz factor for a fast electron.

    Raises
    ------
    DataError
        `debye_waller` is negative or not finite, the voltage is not positive, or the element or the
        table is unknown.

    Notes
    -----
    Atoms move independently (Einstein's model) and absorb what they scatter diffusely [1]_,
    [2]_:

    .. math:: f'(q) = \frac{\gamma\lambda}{2} \int f(|\tfrac{q}{2} + p|)\,
       f(|\tfrac{q}{2} - p|) \left[e^{-B q^2/4} - e^{-B p^2/2 - B q^2/8}\right] d^2p

    Losses to electronic excitations are not in it.

    References
    ----------
    .. [1] C. R. Hall and P. B. Hirsch, Proc. R. Soc. A 286, 158 (1965).
    .. [2] D. M. Bird and Q. A. King, Acta Cryst. A 46, 202 (1990).
    """
    if not (np.isfinite(debye_waller) and debye_waller >= 0.0):
        message = f"a Debye-Waller factor must be 0 or more Å², got {debye_waller}"
        raise DataError(message)
    from scipy.interpolate import CubicSpline

    q = np.abs(np.asarray(q, dtype=np.float64))
    highest = STEP * (4.0 + np.ceil(q.max(initial=0.0) / STEP))
    atom = find_element(element).symbol
    nodes, values = _integrals(atom, float(debye_waller), table, float(np.round(highest, 9)))
    scale = 0.5 * lorentz_factor(voltage) * wavelength(voltage)
    return scale * CubicSpline(nodes, values, bc_type=((1, 0.0), "not-a-knot"))(q)[()]


@lru_cache(maxsize=256)
def _integrals(element: str, b: float, table: Table, highest: float) -> tuple[Floats, Floats]:
    """Return scattering vectors and the integral over the plane at each of them."""
    nodes: Floats = np.arange(round(highest / STEP) + 1) * np.float64(STEP)
    return nodes, np.array([diffuse_integral(element, q, b, table) for q in nodes])


def diffuse_integral(element: str | int, q: float, b: float, table: Table) -> float:
    """Return the integral over the plane of what is scattered diffusely between two beams.

    In elliptic coordinates about the two beams, whose area element removes the peaks there: with
    distances r = q/2 (cosh m + cos n) and s = q/2 (cosh m - cos n) from them it is r s dm dn.
    """
    half = 0.5 * max(q, NEAREST)
    outward = _nodes(96, float(np.arccosh(FARTHEST / half)))
    along = _nodes(32, 0.5 * np.pi)
    wide, narrow = np.cosh(outward[0])[:, None], np.cos(along[0])
    r, s = half * (wide + narrow), half * (wide - narrow)
    exponent = 0.25 * b * (np.square(r) + np.square(s))
    left = debye_waller_factor(q, b) - np.exp(-exponent)
    inner = form_factor(element, r, table) * form_factor(element, s, table) * r * s * left
    return float(4.0 * (outward[1] @ inner @ along[1]))


@lru_cache(maxsize=8)
def _rule(count: int) -> tuple[Floats, Floats]:
    places, weights = np.polynomial.legendre.leggauss(count)
    return 0.5 * (places + 1.0), 0.5 * weights


def _nodes(count: int, stop: float) -> tuple[Floats, Floats]:
    """Return the places and weights of a rule for integrals from 0 to `stop`."""
    places, weights = _rule(count)
    return stop * places, stop * weights
