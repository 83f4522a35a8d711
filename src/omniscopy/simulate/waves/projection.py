r"""Potentials of slices, summed along the beam.

The transform of the potential of an atom is its form factor times :math:`h^2/2\pi m_0 e`; summed
along the whole beam it is that at :math:`k_z = 0`. Atoms so have any place, not that of a pixel.
"""

from functools import lru_cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from omniscopy.compute.native_threads import native_threads_held
from omniscopy.compute.threads import share_work
from omniscopy.model.compiling import keep_compiled
from omniscopy.physics.electron import POTENTIAL_PER_FACTOR
from omniscopy.physics.scattering import form_factor
from omniscopy.physics.scattering.coefficients import Table, coefficients
from omniscopy.simulate.waves.grids import Grid
from omniscopy.simulate.waves.slices import Content, Sliced

Floats = npt.NDArray[np.float64]
RADII = 4096  # tabulated radii of a partly projected form factor; a line between them errs by 1e-6


def slice_potentials(sliced: Sliced, grid: Grid, table: Table, dtype: npt.DTypeLike) -> Any:
    """Return the potential of every slice in V Å, shape (slices, y, x).

    Slices that hold the same atoms are computed once.
    """
    keys: dict[bytes, int] = {}
    which = [keys.setdefault(content.key(), len(keys)) for content in sliced.contents]
    first = [which.index(number) for number in range(len(keys))]
    made = np.empty((len(which), *grid.shape), dtype)
    used = sorted({
        (int(kind), int(part))
        for place in first
        for kind, part in zip(
            sliced.contents[place].kinds, sliced.contents[place].parts, strict=True
        )
    })  # fmt: skip
    factors = {(kind, part): _factor(sliced, kind, part, grid, table, dtype) for kind, part in used}
    scale = POTENTIAL_PER_FACTOR / (grid.size[0] * grid.size[1])

    def work(number: int) -> None:
        place = first[number]
        made[place] = scale * _slice(sliced.contents[place], grid, factors, dtype)

    with native_threads_held():
        share_work(work, range(len(first)))

    def repeat(place: int) -> None:
        if first[which[place]] != place:
            made[place] = made[first[which[place]]]

    share_work(repeat, range(len(which)))
    return made


def half_kx(grid: Grid) -> Floats:
    """Return the frequencies along x that transforms of real images have."""
    return np.asarray(np.fft.rfftfreq(grid.shape[1], grid.sampling[1]))


def _slice(content: Content, grid: Grid, factors: Any, dtype: npt.DTypeLike) -> Any:
    """Return the sum of the form factors of a slice as an image, in Å."""
    from scipy import fft

    kind = np.complex64 if np.dtype(dtype) == np.float32 else np.complex128
    total = np.zeros((grid.shape[0], half_kx(grid).size), kind)
    for pair in sorted(set(zip(content.kinds.tolist(), content.parts.tolist(), strict=True))):
        own = (content.kinds == pair[0]) & (content.parts == pair[1])
        rows = np.empty((int(own.sum()), grid.shape[0]), kind)
        columns = np.empty((len(rows), total.shape[1]), kind)
        _phases(content.y[own] / grid.size[0], np.ones(len(rows)), rows, 2)
        _phases(content.x[own] / grid.size[1], content.weights[own], columns, 1)
        part = rows.T @ columns
        part *= factors[pair]
        total += part
    return fft.irfft2(total, grid.shape, norm="forward", overwrite_x=True)


def direct_phases(places: Floats, weights: Floats, count: int, sides: int) -> Any:
    """Return what the compiled loop makes, as the formula is written."""
    k = np.fft.fftfreq(count, 1.0 / count) if sides == 2 else np.arange(count)
    return weights[:, None] * np.exp(-2j * np.pi * places[:, None] * k)


def _loop(places: Any, weights: Any, made: Any, sides: int) -> None:
    count = made.shape[1]
    for atom in range(len(places)):
        turn = np.exp(-2j * np.pi * places[atom])
        power = weights[atom] + 0j
        if sides == 1:
            for k in range(count):
                made[atom, k] = power
                power *= turn
        else:
            for k in range(count // 2 + 1):
                made[atom, (count - k) % count] = power.conjugate()
                if k < (count + 1) // 2:
                    made[atom, k] = power
                power *= turn


_phases: Any = keep_compiled(numba.njit, _loop, error_model="numpy", nogil=True)


def _factor(  # noqa: PLR0917
    sliced: Sliced, kind: int, part: int, grid: Grid, table: Table, dtype: npt.DTypeLike
) -> Any:
    """Return the form factor of an element in a stretch along the beam, at every frequency."""
    species = sliced.species[kind]
    start, stop = sliced.stretches[part]
    ky, kx = np.meshgrid(grid.ky, half_kx(grid), indexing="ij")
    q = np.hypot(ky, kx)
    thermal = species.thermal_factor(np.stack([kx, ky, np.zeros_like(q)], -1))
    if np.isneginf(start) and np.isposinf(stop):
        return (form_factor(species.name, q, table) * thermal).astype(dtype)
    radii = np.linspace(0.0, float(q.max()), RADII)
    whole = partial_form_factor(species.name, radii, stop, table) - partial_form_factor(
        species.name, radii, start, table
    )
    return (np.interp(q, radii, whole) * thermal).astype(dtype)


@lru_cache(maxsize=512)
def _columns(symbol: str, table: Table) -> Any:
    return coefficients(symbol, table)


def partial_form_factor(symbol: str, k: Floats, z: float, table: Table) -> Floats:
    r"""Return the form factor (Å) of the part of an atom from its middle to `z` along the beam.

    :math:`\int_0^z dz' \int dk_z f(\sqrt{k^2 + k_z^2}) e^{2\pi i k_z z'}`, odd in z, and half of
    :math:`f(k)` at infinity. Of :math:`1/(\kappa^2 + k_z^2)` it is :math:`(1 - e^{-u})/2\kappa^2`,
    of its square :math:`(2 - (2 + u) e^{-u})/4\kappa^4` with :math:`u = 2\pi\kappa z`, of
    :math:`e^{-d k_z^2}` half of :math:`\mathrm{erf}(\pi z/\sqrt d)`.
    """
    from scipy.special import erf

    sign, depth, square = np.sign(z), abs(z), np.square(k)
    if np.isinf(depth):
        return np.asarray(0.5 * sign * form_factor(symbol, k, table))
    total = np.zeros_like(square)
    columns = _columns(symbol, table)
    if table == "lobato":
        for a, b in zip(*columns, strict=True):
            kappa = square + 1.0 / b
            u = 2.0 * np.pi * np.sqrt(kappa) * depth
            fall = np.exp(-u)
            total += a / b * (1.0 - fall) / (2.0 * kappa)
            total += a / b**2 * (2.0 - (2.0 + u) * fall) / (4.0 * kappa**2)
    elif table == "kirkland":
        for a, b, c, d in zip(*columns, strict=True):
            kappa = square + b
            total += a * (1.0 - np.exp(-2.0 * np.pi * np.sqrt(kappa) * depth)) / (2.0 * kappa)
            total += 0.5 * c * np.exp(-d * square) * erf(np.pi * depth / np.sqrt(d))
    else:  # sums of Gaussians
        for a, b in zip(*columns, strict=True):
            d = b / 4.0
            total += 0.5 * a * np.exp(-d * square) * erf(np.pi * depth / np.sqrt(d))
    return np.asarray(sign * total)
