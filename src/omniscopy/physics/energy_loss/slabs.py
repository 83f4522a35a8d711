r"""What a fast electron loses at normal incidence on a slab: bulk, both surfaces, radiation."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss

from omniscopy.physics.electron import effective_energy, velocity_ratio
from omniscopy.physics.energy_loss.geometry import (
    BOHR_RADIUS,
    characteristic_angle,
    momentum_scale,
)

# Of integrals over angles: points of a part, parts at first, part of a characteristic angle below
# which nothing changes, error beside the whole, how often parts are halved, losses at a time.
_POINTS, _PARTS, _SMALLEST, _ERROR, _HALVED, _AT_ONCE = 8, 24, 1e-3, 1e-5, 24, 64


class Waves(NamedTuple):
    r"""Fields of the electron in one medium, in units of its wave number.

    `decay` is :math:`\lambda = \sqrt{\theta^2 - \varepsilon \theta_E^2 \beta^2}`, by which waves
    without a source fall along the beam; `along` and `across` are the electric field of the
    electron itself, parallel to the beam and to the scattering.
    """

    decay: np.ndarray
    along: np.ndarray
    across: np.ndarray


def waves_in(
    permittivity: np.ndarray, angle: np.ndarray, characteristic: np.ndarray, speed: float
) -> Waves:
    """Return the fields in a medium; `speed` is that of the electron over that of light."""
    square = angle**2 - permittivity * (characteristic * speed) ** 2
    decay = np.sqrt(square)
    # Waves fall off, or leave: with exp(-iωt) the imaginary part of the root is not positive.
    decay = np.where(decay.imag > 0.0, -decay, decay)
    source = permittivity * (square + characteristic**2)
    return Waves(
        decay, characteristic * (1.0 - permittivity * speed**2) / source, angle / source
    )  # fmt: skip


def slab_losses(
    permittivity: np.ndarray,
    energy: np.ndarray,
    angle: np.ndarray,
    *,
    thickness: np.ndarray | float,
    voltage: float,
    outside: complex = 1.0,
    retarded: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the probability of losses to a slab, and that of as much of an endless medium.

    Parameters
    ----------
    permittivity : array, complex
        Of the slab, with a positive imaginary part; broadcast with the others.
    energy : array, eV
        Losses, above 0.
    angle : array, rad
        Of scattering, above 0.
    thickness : array or float, nm
        Of the slab.
    voltage : float, V
        Accelerating voltage.
    outside : complex
        Permittivity on both sides.
    retarded : bool
        Whether light has its speed; otherwise it is infinitely fast.

    Returns
    -------
    tuple of arrays, 1/(eV sr)
        :math:`d^2P / dE\, d\Omega` of the slab with its surfaces, and :math:`\frac{t}{2 \pi^2 a_0
        T} \mathrm{Im}\frac{-\mu^2}{\varepsilon \varphi^2}` of the medium alone, with
        :math:`\mu^2 = 1 - \varepsilon \beta^2` and :math:`\varphi^2 = \theta^2 + \mu^2
        \theta_E^2`.

    Notes
    -----
    Maxwell's equations for the Fourier components of the electron's field, with waves in slab and
    surroundings that make the parallel electric field and the normal displacement continuous at
    both surfaces; the loss is the work of the whole field along the path, which holds surface
    plasmons, guided modes, Cherenkov and transition radiation. This is Kröger's result [1]_, kept
    as the fields that it is made of.

    References
    ----------
    .. [1] E. Kröger, *Z. Phys.* 216, 115 (1968).
    """
    speed = float(velocity_ratio(voltage)) if retarded else 0.0
    wave = momentum_scale(voltage)
    edge = characteristic_angle(energy, voltage)
    inner = waves_in(np.asarray(permittivity, np.complex128), angle, edge, speed)
    outer = waves_in(np.asarray(outside, np.complex128), angle, edge, speed)
    ratio = permittivity / outside
    path = wave * np.asarray(thickness, np.float64)
    forth = np.exp(1j * edge * path)
    fall = np.exp(-inner.decay * path)
    # What the fields of the electron alone leave to be matched at a surface.
    across = -1j * angle * (outer.across - inner.across)
    along = ratio * inner.along - outer.along
    first = across + outer.decay * along
    second = forth * (across - outer.decay * along)
    plus, minus = inner.decay + outer.decay * ratio, inner.decay - outer.decay * ratio
    bottom = plus**2 - (fall * minus) ** 2
    rising = (plus * second - fall * minus * first) / bottom
    falling = (fall * minus * second - plus * first) / bottom
    before = ratio * (inner.along + rising * fall + falling) - outer.along
    after = ratio * (inner.along * forth + rising + falling * fall) - outer.along * forth
    back = np.conj(forth)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = rising * (back - fall) / (inner.decay - 1j * edge)
        inside = inside + falling * (1.0 - fall * back) / (inner.decay + 1j * edge)
        beyond = before / (outer.decay - 1j * edge) + after * back / (outer.decay + 1j * edge)
    scale = 1.0 / (2.0 * np.pi**2 * BOHR_RADIUS * effective_energy(voltage) * wave * edge)
    bulk = -scale * (path * inner.along).imag
    return bulk - scale * (inside + beyond).imag, bulk


def collected_slab_losses(
    permittivity: np.ndarray,
    energy: np.ndarray,
    collection: float,
    *,
    thickness: float,
    voltage: float,
    outside: complex = 1.0,
    retarded: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return what `slab_losses` gives within a collection angle, in 1/eV.

    Gauss' integrals over parts of :math:`\ln \theta`, which are halved where both halves say
    something else: guided modes and Cherenkov radiation are as narrow as the losses are small.
    """
    made = np.empty((2, len(energy)))
    for begin in range(0, len(energy), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        values, losses = permittivity[part], energy[part]

        def scattered(
            which: np.ndarray, angle: np.ndarray,
            values: np.ndarray = values, losses: np.ndarray = losses,
        ) -> np.ndarray:  # fmt: skip
            found = slab_losses(
                values[which, None], losses[which, None], angle, thickness=thickness,
                voltage=voltage, outside=outside, retarded=retarded,
            )  # fmt: skip
            return np.stack(found) * 2.0 * np.pi * np.sin(angle) * angle

        first = _SMALLEST * characteristic_angle(losses, voltage)
        made[:, part] = _halved(scattered, np.minimum(first, 0.01 * collection), collection)
    return made[0], made[1]


def _halved(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], first: np.ndarray, last: float
) -> np.ndarray:
    """Return integrals (2, curves) over the logarithm of the angle, from `first` to `last`."""
    nodes, weights = leggauss(_POINTS)

    def integrals(which: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        half = 0.5 * (high - low)
        place = np.exp(low[:, None] + half[:, None] * (1.0 + nodes))
        return np.asarray((function(which, place) @ weights) * half)

    count = len(first)
    ends = np.linspace(np.log(first), np.log(last), _PARTS + 1)
    which = np.tile(np.arange(count), _PARTS)
    low, high = ends[:-1].ravel(), ends[1:].ravel()
    whole = integrals(which, low, high)
    made = np.zeros((2, count))
    scale = np.stack([np.bincount(which, np.abs(each), count) for each in whole])
    for turn in range(_HALVED):
        middle = 0.5 * (low + high)
        left, right = integrals(which, low, middle), integrals(which, middle, high)
        wrong = np.abs(left + right - whole) > _ERROR * scale[:, which]
        open_ = wrong.any(axis=0) & (turn < _HALVED - 1)
        for row in range(2):
            made[row] += np.bincount(which[~open_], (left + right)[row, ~open_], count)
        if not open_.any():
            break
        which = np.tile(which[open_], 2)
        low, middle, high = low[open_], middle[open_], high[open_]
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        whole = np.concatenate([left[:, open_], right[:, open_]], axis=1)
    return made
