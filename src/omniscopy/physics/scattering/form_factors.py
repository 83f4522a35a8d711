"""Atomic form factors of electrons and X-rays, and the potential of an atom."""

from typing import Any

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.physics.electron import BOHR_RADIUS, POTENTIAL_PER_FACTOR
from omniscopy.physics.scattering.coefficients import (
    Table,
    charge_of,
    coefficients,
    find_element,
)

MOTT_BETHE = 1.0 / (2.0 * np.pi**2 * BOHR_RADIUS)
r"""Form factor for electrons over :math:`(Z - f_x) / q^2`, in 1/Å: :math:`1 / 2 \pi^2 a_0`."""


def form_factor(element: str | int, q: Any, table: Table = "lobato") -> Any:
    r"""Return the form factor of an atom or ion for electrons, in Å.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number; or an ion such as ``"Ti4+"``, of the last table.
    q : float or array, 1/Å
        Scattering vector, :math:`q = 1/d = 2 \sin\theta/\lambda`.
    table : {"lobato", "kirkland", "peng", "doyle_turner", "waasmaier_kirfel"}
        Whose coefficients: Lobato and Van Dyck [1]_ (right at small and large q), Kirkland [2]_
        (fitted to 12 1/Å), Peng et al. [3]_ (to 12 1/Å), Doyle and Turner with Smith and Burge
        [4]_ (to 4 1/Å), or the X-ray factors of Waasmaier and Kirfel [5]_ (to 12 1/Å) by the
        formula of Mott and Bethe.

    Returns
    -------
    float or array of the shape of `q`, Å
        Finite at q = 0, for ions too: see the notes.

    Raises
    ------
    DataError
        The element or the table is unknown, or the table has not the element.

    Notes
    -----
    First Born approximation for the rest mass; multiply by the Lorentz factor for a fast
    electron. Lobato: :math:`\sum a_i (2 + b_i q^2) / (1 + b_i q^2)^2`; Kirkland:
    :math:`\sum a_i / (q^2 + b_i) + \sum c_i e^{-d_i q^2}`; Peng, Doyle and Turner:
    :math:`\sum a_i e^{-b_i q^2/4}`.

    An ion of charge :math:`\Delta` has the term of Coulomb :math:`\Delta / 2\pi^2 a_0 q^2`, which
    grows without a limit at small q. At q = 0 it is left out: those of a neutral crystal cancel.

    References
    ----------
    .. [1] I. Lobato and D. Van Dyck, Acta Cryst. A 70, 636 (2014).
    .. [2] E. J. Kirkland, *Advanced Computing in Electron Microscopy*, 2nd ed., Springer (2010),
       appendix C.
    .. [3] L.-M. Peng, G. Ren, S. L. Dudarev and M. J. Whelan, Acta Cryst. A 52, 257 (1996).
    .. [4] P. A. Doyle and P. S. Turner, Acta Cryst. A 24, 390 (1968); G. H. Smith and
       R. E. Burge, Acta Cryst. 15, 182 (1962).
    .. [5] D. Waasmaier and A. Kirfel, Acta Cryst. A 51, 416 (1995).
    """
    columns = coefficients(element, table)
    square = np.square(np.asarray(q, dtype=np.float64))
    factor = np.zeros_like(square)
    if table == "lobato":
        for a, b in zip(*columns, strict=True):
            fall = 1.0 / (1.0 + b * square)
            factor += a * fall * (1.0 + fall)
    elif table == "kirkland":
        for a, b, c, d in zip(*columns, strict=True):
            factor += a / (square + b) + c * np.exp(-d * square)
    elif table == "waasmaier_kirfel":
        # What the fit lacks of all electrons at q = 0 is left out: charges are whole.
        for a, b in zip(*columns[:2], strict=True):
            factor += a * _one_less_gaussian(square, b / 4.0)
        factor += charge_of(element) * (square > 0.0) / np.where(square > 0.0, square, 1.0)
        factor *= MOTT_BETHE
    else:
        for a, b in zip(*columns, strict=True):
            factor += a * np.exp(-b / 4.0 * square)
    return factor[()]


def _one_less_gaussian(square: Any, b: float) -> Any:
    r"""Return :math:`(1 - e^{-b q^2}) / q^2`, also at :math:`q = 0`."""
    return -np.expm1(-b * square) / np.where(square > 0.0, square, 1.0) + b * (square == 0.0)


def xray_form_factor(element: str | int, q: Any) -> Any:
    r"""Return the X-ray form factor of an atom or ion in electrons, without dispersion.

    :math:`\sum a_i e^{-b_i q^2/4} + c` of Waasmaier and Kirfel, Acta Cryst. A 51, 416 (1995),
    fitted to q = 12 1/Å (:math:`\sin\theta/\lambda` = 6 1/Å).

    Parameters
    ----------
    element : str or int
        Symbol, ion such as ``"O2-"``, or atomic number.
    q : float or array, 1/Å
        Scattering vector, :math:`q = 1/d`.

    Returns
    -------
    float or array of the shape of `q`, electrons

    Raises
    ------
    DataError
        The element or ion is not in the table.
    """
    a, b, c = coefficients(element, "waasmaier_kirfel")
    square = np.square(np.asarray(q, dtype=np.float64))[..., None]
    return (np.exp(-b / 4.0 * square) @ a + c[0])[()]


def electron_from_xray(element: str | int, q: Any, xray: Any) -> Any:
    r"""Return electron form factors (Å) from X-ray ones (electrons), for q > 0.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.
    q : float or array, 1/Å
        Scattering vector, :math:`q = 1/d`, above 0.
    xray : float or array of the shape of `q`, electrons
        X-ray form factors.

    Returns
    -------
    float or array of the shape of `q`, Å
        :math:`f_e = (Z - f_x) / (2 \pi^2 a_0 q^2)`, the formula of Mott and Bethe.

    Raises
    ------
    DataError
        The element is unknown.

    Notes
    -----
    The formula of Mott [1]_ and Bethe [2]_ with Bohr's radius :math:`a_0`.

    References
    ----------
    .. [1] N. F. Mott, *Proc. R. Soc. A* 127, 658 (1930).
    .. [2] H. Bethe, *Ann. Phys.* 397, 325 (1930).
    """
    return MOTT_BETHE * (find_element(element).atomic_number - xray) / np.square(q)


def xray_from_electron(element: str | int, q: Any, electron: Any) -> Any:
    r"""Return X-ray form factors (electrons) from electron ones (Å).

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.
    q : float or array, 1/Å
        Scattering vector, :math:`q = 1/d`.
    electron : float or array of the shape of `q`, Å
        Electron form factors.

    Returns
    -------
    float or array of the shape of `q`, electrons
        :math:`f_x = Z - 2 \pi^2 a_0 q^2 f_e`, the formula of Mott and Bethe.

    Raises
    ------
    DataError
        The element is unknown.

    Notes
    -----
    The formula of Mott [1]_ and Bethe [2]_ with Bohr's radius :math:`a_0`.

    References
    ----------
    .. [1] N. F. Mott, *Proc. R. Soc. A* 127, 658 (1930).
    .. [2] H. Bethe, *Ann. Phys.* 397, 325 (1930).
    """
    return find_element(element).atomic_number - np.square(q) * electron / MOTT_BETHE


def debye_waller_factor(q: Any, b: Any) -> Any:
    r"""Return by how much thermal motion lowers a form factor.

    Parameters
    ----------
    q : float or array, 1/Å
        Scattering vector, :math:`q = 1/d`.
    b : float or array, Å²
        :math:`B = 8 \pi^2 \langle u^2 \rangle`, with the mean square displacement along one
        direction.

    Returns
    -------
    float or array, 1
        :math:`e^{-B q^2/4}`, which multiplies amplitudes, not intensities.

    Notes
    -----
    Atoms that swing harmonically and alike in all directions [1]_, [2]_.

    References
    ----------
    .. [1] P. Debye, *Ann. Phys.* 348, 49 (1913).
    .. [2] I. Waller, *Z. Phys.* 17, 398 (1923).
    """
    return np.exp(-0.25 * b * np.square(q))


def thermal_displacement(b: Any) -> Any:
    r"""Return the root mean square displacement of an atom along one direction.

    Parameters
    ----------
    b : float or array, Å²
        :math:`B = 8 \pi^2 \langle u^2 \rangle`.

    Returns
    -------
    float or array, Å
        :math:`\sqrt{B / 8 \pi^2}`.
    """
    return np.sqrt(b / 8.0) / np.pi


def projected_potential(element: str | int, r: Any, table: Table = "lobato") -> Any:
    r"""Return the potential of an atom summed along the beam, in V Å.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.
    r : float or array, Å
        Distance from the axis through the atom; it diverges as :math:`-\ln r` at 0 (Gaussian
        tables do not).
    table : {"lobato", "kirkland", "peng", "doyle_turner"}
        Whose coefficients; see `form_factor`.

    Returns
    -------
    float or array of the shape of `r`, V Å
        Infinite at r = 0 for tables that are not Gaussian.

    Raises
    ------
    DataError
        The element or the table is unknown, or it is an ion, whose potential has no end.

    Notes
    -----
    The two-dimensional Fourier transform of the form factor times :math:`h^2 / 2 \pi m_0 e`.

    With :math:`x = 2 \pi r / \sqrt b`, Lobato: :math:`\sum \frac{2 \pi a}{b} [K_0(x) + \frac x2
    K_1(x)]` [1]_; Kirkland: :math:`\sum 2 \pi a K_0(2 \pi r \sqrt b) + \sum \frac{\pi c}{d}
    e^{-\pi^2 r^2 / d}` [2]_; Gaussian tables: :math:`\sum \frac{4 \pi a}{b} e^{-4 \pi^2 r^2 /
    b}`, all times :math:`h^2 / 2 \pi m_0 e`.

    References
    ----------
    .. [1] I. Lobato, D. Van Dyck, *Acta Cryst. A* 70, 636 (2014).
    .. [2] E. J. Kirkland, *Advanced Computing in Electron Microscopy*, 2nd ed., Springer (2010),
       appendix C.
    """
    from scipy import special

    if charge_of(element):
        message = (
            f"the potential of {element} has no end, so that only that of a neutral crystal can "
            "be summed; `simulate.potential` makes it"
        )
        raise DataError(message)
    r = np.asarray(r, dtype=np.float64)
    columns = coefficients(element, table)
    total = np.zeros_like(r)
    if table == "lobato":
        for a, b in zip(*columns, strict=True):
            x = 2.0 * np.pi * r / np.sqrt(b)
            total += 2.0 * np.pi * a / b * (special.k0(x) + 0.5 * x * _k1(x))
    elif table == "kirkland":
        for a, b, c, d in zip(*columns, strict=True):
            total += 2.0 * np.pi * a * special.k0(2.0 * np.pi * r * np.sqrt(b))
            total += np.pi * c / d * np.exp(-(np.pi**2) / d * r**2)
    else:
        # 1 - exp(-b q^2 / 4) over q^2 of an X-ray table is an integral of Gaussians over b.
        for a, b in zip(*columns[:2], strict=True):
            if table == "waasmaier_kirfel":
                width = 4.0 * np.pi**2 / b * r**2
                total += np.pi * MOTT_BETHE * a * special.exp1(width)
            else:
                total += 4.0 * np.pi * a / b * np.exp(-4.0 * np.pi**2 / b * r**2)
    return (POTENTIAL_PER_FACTOR * total)[()]


def _k1(x: Any) -> Any:
    """Return the Bessel function whose product with `x` is 1 at 0."""
    from scipy import special

    return special.k1(np.maximum(x, 1e-150))
