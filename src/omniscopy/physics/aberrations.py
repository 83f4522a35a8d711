r"""Aberrations of lenses to the fifth order, in four notations, and coherence.

The wave aberration is :math:`W = \sum_{nm} \theta^{n+1}/(n+1)\,[C_{nma} \cos m\varphi + C_{nmb}
\sin m\varphi]` (Krivanek), and :math:`\chi = 2 \pi W/\lambda`; a wave is multiplied by
:math:`e^{-i\chi}`. Coefficients are in Å, their azimuths in degrees; what these functions take
as angles of a beam is in radians.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.physics.electron import require_voltage, wavelength

Notation = Literal["krivanek", "nion", "haider", "ceos"]
NOTATIONS: tuple[Notation, ...] = get_args(Notation)
Coefficients = Mapping[str, Any]
Terms = dict[tuple[int, int], complex]
"""Of each order n and symmetry m, :math:`C_{nma} + i C_{nmb}`."""

ORDERS = [(n, m) for n in range(1, 6) for m in range((n + 1) % 2, n + 2, 2)]

ALIASES = {
    "defocus": (1, 0, -1.0),
    "Cs": (3, 0, 1.0),
    "astigmatism": (1, 2, 1.0),
    "coma": (2, 1, 1.0),
    "trefoil": (2, 3, 1.0),
    "star": (3, 2, 1.0),
    "fourfold": (3, 4, 1.0),
}

# Haider's letters; the factor that makes them Krivanek's; whether the term is of the conjugate.
HAIDER: dict[str, tuple[int, int, int, bool]] = {
    "C1": (1, 0, 1, False),
    "A1": (1, 2, 1, False),
    "B2": (2, 1, 3, True),
    "A2": (2, 3, 1, False),
    "C3": (3, 0, 1, False),
    "S3": (3, 2, 4, True),
    "A3": (3, 4, 1, False),
    "B4": (4, 1, 5, True),
    "D4": (4, 3, 5, True),
    "A4": (4, 5, 1, False),
    "C5": (5, 0, 1, False),
    "S5": (5, 2, 6, True),
    "R5": (5, 4, 6, True),
    "A5": (5, 6, 1, False),
}


def terms_of(coefficients: Coefficients, notation: Notation = "krivanek") -> Terms:
    r"""Return the coefficients of a notation as :math:`C_{nma} + i C_{nmb}`, in Å.

    Parameters
    ----------
    coefficients : mapping of names to numbers, Å and degrees
        ``"krivanek"``: ``C10``, ``C12`` with its azimuth ``phi12``, … ``C56``, ``phi56``, and the
        names ``defocus`` (:math:`-C_{10}`), ``Cs``, ``astigmatism``, ``coma``, ``trefoil``,
        ``star``, ``fourfold`` with azimuths such as ``astigmatism_angle``.
        ``"nion"``: ``C10``, ``C12a``, ``C12b``, … Both may be mixed.
        ``"haider"``: complex ``C1 A1 B2 A2 C3 S3 A3 B4 D4 A4 C5 S5 R5 A5`` of
        :math:`W = \Re\{\frac12 C_1 w\bar w + \frac12 A_1 \bar w^2 + B_2 w^2 \bar w + \frac13 A_2
        \bar w^3 + \frac14 C_3 (w \bar w)^2 + S_3 w^3 \bar w + \dots\}` [1]_.
        ``"ceos"``: the same numbers as moduli, and their arguments such as ``A1_angle``.

    Raises
    ------
    DataError
        A name is not of the notation, a number is not finite, or an azimuth has no coefficient.

    References
    ----------
    .. [1] S. Uhlemann and M. Haider, Ultramicroscopy 72, 109 (1998).
    """
    if notation not in NOTATIONS:
        message = f"unknown notation {notation!r} of aberrations; there are {', '.join(NOTATIONS)}"
        raise DataError(message)
    for name, value in coefficients.items():
        if not np.isfinite(value):
            message = f"the aberration {name} must be a finite number, got {value}"
            raise DataError(message)
    if notation in {"krivanek", "nion"}:
        return _from_krivanek(coefficients)
    return _from_haider(coefficients)


def _from_krivanek(coefficients: Coefficients) -> Terms:
    found: Terms = {}
    left = dict(coefficients)
    for n, m in ORDERS:
        names = [(f"C{n}{m}", f"phi{n}{m}", 1.0)]
        names += [
            (alias, f"{alias}_angle", sign)
            for alias, (*of, sign) in ALIASES.items()
            if of == [n, m]
        ]
        for name, azimuth, sign in names:
            if name in left:
                turn = np.deg2rad(left.pop(azimuth, 0.0)) if m else 0.0
                value = sign * left.pop(name) * np.exp(1j * m * turn)
                found[n, m] = found.get((n, m), 0.0) + complex(value)
        if m:
            parts = left.pop(f"C{n}{m}a", 0.0) + 1j * left.pop(f"C{n}{m}b", 0.0)
            found[n, m] = found.get((n, m), 0.0) + complex(parts)
    _refuse(left, "C10, C12 with phi12, C12a, C12b, ... C56, or " + ", ".join(ALIASES))
    return {order: value for order, value in found.items() if value}


def _from_haider(coefficients: Coefficients) -> Terms:
    found: Terms = {}
    left = dict(coefficients)
    for name, (n, m, factor, conjugate) in HAIDER.items():
        if name in left:
            value = complex(left.pop(name)) * np.exp(
                1j * np.deg2rad(left.pop(f"{name}_angle", 0.0))
            )
            found[n, m] = complex(factor * (value.conjugate() if conjugate else value))
    _refuse(left, ", ".join(HAIDER) + " and their angles such as A1_angle")
    return {order: value for order, value in found.items() if value}


def _refuse(left: Mapping[str, Any], known: str) -> None:
    if left:
        names = ", ".join(sorted(left))
        message = (
            f"unknown aberrations, or azimuths without their coefficient: {names}; give {known}"
        )
        raise DataError(message)


def coefficients_of(terms: Terms, notation: Notation = "krivanek") -> dict[str, Any]:
    """Return terms of `terms_of` in a notation; Å, and degrees for the azimuths."""
    written: dict[str, Any] = {}
    letters = {(n, m): (name, factor, turned) for name, (n, m, factor, turned) in HAIDER.items()}
    for n, m in sorted(terms):
        value = terms[n, m]
        if notation == "nion":
            parts = {f"C{n}{m}a": value.real, f"C{n}{m}b": value.imag}
            written.update(parts if m else {f"C{n}{m}": value.real})
        elif notation == "krivanek":
            written[f"C{n}{m}"] = abs(value) if m else value.real
            if m:
                written[f"phi{n}{m}"] = float(np.rad2deg(np.angle(value)) / m)
        else:
            name, factor, turned = letters[n, m]
            scaled = (value.conjugate() if turned else value) / factor
            if not m:
                written[name] = scaled.real
            elif notation == "haider":
                written[name] = scaled
            else:
                written[name] = abs(scaled)
                written[f"{name}_angle"] = float(np.rad2deg(np.angle(scaled)))
    return written


def convert(coefficients: Coefficients, source: Notation, target: Notation) -> dict[str, Any]:
    """Return aberrations of one notation in another; see `terms_of` for the notations.

    Both give the same wave aberration. Lengths keep their unit, azimuths are in degrees.
    """
    if target not in NOTATIONS:
        message = f"unknown notation {target!r} of aberrations; there are {', '.join(NOTATIONS)}"
        raise DataError(message)
    return coefficients_of(terms_of(coefficients, source), target)


def wave_aberration(y: Any, x: Any, terms: Terms) -> Any:
    r"""Return W in Å at the angles `y` and `x` (rad), for terms in Å."""
    w = np.asarray(x) + 1j * np.asarray(y)
    total = np.zeros(w.shape)
    for (n, m), value in terms.items():
        total += (np.conj(value) * _power(w, n, m)).real / (n + 1)
    return total[()]


def _power(w: Any, n: int, m: int) -> Any:
    r"""Return :math:`\theta^{n+1} e^{i m \varphi}` of :math:`w = \theta e^{i\varphi}`."""
    return w**m * (w.real**2 + w.imag**2) ** ((n + 1 - m) // 2)


def gradient(y: Any, x: Any, terms: Terms) -> tuple[Any, Any]:
    r"""Return the derivatives of W along `y` and `x` in Å: how far a ray misses the focus."""
    w = np.asarray(x) + 1j * np.asarray(y)
    along_y, along_x = np.zeros(w.shape), np.zeros(w.shape)
    for (n, m), value in terms.items():
        p, q = (n + 1 + m) // 2, (n + 1 - m) // 2
        of_w = p * _product(w, p - 1, q)
        of_conjugate = q * _product(w, p, q - 1)
        scale = np.conj(value) / (n + 1)
        along_x += (scale * (of_w + of_conjugate)).real
        along_y += (1j * scale * (of_w - of_conjugate)).real
    return along_y[()], along_x[()]


def hessian(y: Any, x: Any, terms: Terms) -> tuple[Any, Any, Any]:
    r"""Return the second derivatives of W along yy, yx and xx in Å."""
    w = np.asarray(x) + 1j * np.asarray(y)
    yy, yx, xx = np.zeros(w.shape), np.zeros(w.shape), np.zeros(w.shape)
    for (n, m), value in terms.items():
        p, q = (n + 1 + m) // 2, (n + 1 - m) // 2
        twice = p * (p - 1) * _product(w, p - 2, q)
        mixed = p * q * _product(w, p - 1, q - 1)
        conjugates = q * (q - 1) * _product(w, p, q - 2)
        scale = np.conj(value) / (n + 1)
        xx += (scale * (twice + 2 * mixed + conjugates)).real
        yy += (scale * (-twice + 2 * mixed - conjugates)).real
        yx += (1j * scale * (twice - conjugates)).real
    return yy[()], yx[()], xx[()]


def _product(w: Any, p: int, q: int) -> Any:
    r"""Return :math:`w^p \bar w^q`, whose factor is 0 where a power is negative."""
    return w ** max(p, 0) * np.conj(w) ** max(q, 0)


def chi(
    theta: Any,
    phi: Any,
    coefficients: Coefficients,
    *,
    voltage: float,
    notation: Notation = "krivanek",
) -> Any:
    r"""Return the aberration function :math:`\chi` in radians.

    Parameters
    ----------
    theta, phi : float or array, rad
        Angle to the axis and azimuth of a beam; :math:`\theta = \lambda k`.
    coefficients : mapping, Å and degrees
        See `terms_of`.
    voltage : float, V
        Accelerating voltage.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the coefficients have.

    Raises
    ------
    DataError
        An aberration is not of the notation, or the voltage was given in kV.

    References
    ----------
    .. [1] O. L. Krivanek, N. Dellby and A. R. Lupini, Ultramicroscopy 78, 1 (1999).
    """
    terms = terms_of(coefficients, notation)
    y, x = np.asarray(theta) * np.sin(phi), np.asarray(theta) * np.cos(phi)
    return 2.0 * np.pi / wavelength(voltage) * wave_aberration(y, x, terms)


def scherzer_defocus(cs: float, *, voltage: float, factor: float = 1.2) -> float:
    r"""Return the defocus (underfocus positive) of Scherzer in Å, :math:`1.2 \sqrt{C_s \lambda}`.

    Scherzer's own factor, with the widest band of one sign, is 1.1547 (:math:`\sqrt{4/3}`).
    """
    return float(factor * np.sign(cs) * np.sqrt(abs(cs) * wavelength(voltage)))


def focal_spread(
    chromatic: float,
    *,
    voltage: float,
    energy_spread: float = 0.0,
    voltage_ripple: float = 0.0,
    current_ripple: float = 0.0,
) -> float:
    r"""Return the standard deviation of the defocus in Å.

    :math:`\Delta = C_c \sqrt{(\delta E/E)^2 + (\delta U/U)^2 + (2 \delta I/I)^2}` [1]_.

    Parameters
    ----------
    chromatic : float, Å
        Coefficient of chromatic aberration, defined with the nominal voltage.
    voltage : float, V
        Accelerating voltage.
    energy_spread : float, eV
        Standard deviation of the energy (the width at half maximum is 2.355 times that).
    voltage_ripple, current_ripple : float
        Relative standard deviations of the voltage and of the current of the lens.

    References
    ----------
    .. [1] L. Reimer and H. Kohl, *Transmission Electron Microscopy*, 5th ed., Springer (2008),
       chapter 6.
    """
    relative = energy_spread / require_voltage(voltage)
    spread: float = np.sqrt(relative**2 + voltage_ripple**2 + (2.0 * current_ripple) ** 2)
    return float(chromatic * spread)


def temporal_envelope(k: Any, spread: float, *, voltage: float) -> Any:
    r"""Return how a spread of the defocus damps contrast, :math:`e^{-(\pi\lambda\Delta)^2 k^4/2}`.

    `k` is in 1/Å, `spread` the standard deviation of the defocus in Å (see `focal_spread`).
    """
    return np.exp(-0.5 * (np.pi * wavelength(voltage) * spread) ** 2 * np.asarray(k) ** 4)


def spatial_envelope(
    ky: Any,
    kx: Any,
    coefficients: Coefficients,
    *,
    convergence: float,
    voltage: float,
    notation: Notation = "krivanek",
) -> Any:
    r"""Return how a spread of the illumination damps contrast.

    Parameters
    ----------
    ky, kx : float or array, 1/Å
        Spatial frequency.
    coefficients : mapping, Å and degrees
        See `terms_of`.
    convergence : float, rad
        Angle :math:`\alpha` at which the Gaussian of directions has fallen to 1/e.
    voltage : float, V
        Accelerating voltage.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the coefficients have.

    Notes
    -----
    :math:`e^{-(\pi \alpha/\lambda)^2 |\nabla W|^2}`, for round lenses
    :math:`e^{-(\pi\alpha/\lambda)^2 (C_{10} \lambda k + C_{30} \lambda^3 k^3)^2}` [1]_.

    References
    ----------
    .. [1] J. Frank, Optik 38, 519 (1973).
    """
    length = wavelength(voltage)
    terms = terms_of(coefficients, notation)
    away_y, away_x = gradient(length * np.asarray(ky), length * np.asarray(kx), terms)
    return np.exp(-((np.pi * convergence / length) ** 2) * (away_y**2 + away_x**2))
