"""Distances of atoms in a disordered sample, from the rings of its pattern."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_dim,
    require_real,
    require_units,
    result,
)
from omniscopy.physics.scattering import form_factor


@operation(example={"profile": "ring_profile", "composition": {"Si": 1.0}})
def pair_distribution(  # noqa: PLR0913 - each is a physical parameter
    profile: xr.DataArray,
    composition: Mapping[str, float],
    *,
    window: tuple[float, float] | None = None,
    background: int = 2,
    damping: float | None = None,
    density: float | None = None,
    max_distance: float = 10.0,
    distance_step: float = 0.02,
    dim: str = "k",
) -> xr.Dataset:
    r"""Find the reduced pair distribution function of an amorphous sample.

    Parameters
    ----------
    profile : DataArray, shape (..., k)
        Mean intensity of rings, as of `radial_profile`; ``k`` is 1/d in 1/nm or another
        reciprocal length.
    composition : mapping of element to part
        As in ``{"Si": 1, "O": 2}``.
    window : (low, high), units of k
        What is transformed; all that is known otherwise. The lower end should be beyond the
        undiffracted disc, below the first ring.
    background : int
        Degree of the polynomial of :math:`Q^2` times the mean square form factor, besides its
        scale, that is fitted to the intensity: inelastic and multiple scattering.
    damping : float, Å²
        Of :math:`e^{-b Q^2}`; the window of Lorch otherwise, which ends at the upper end.
    density : float, atoms per Å³
        For the pair distribution function itself.
    max_distance, distance_step : float, Å
        Of the distances.
    dim : str
        Dimension of the profile.

    Returns
    -------
    Dataset, shape (..., r) and (..., k)
        ``reduced_pair_distribution`` :math:`G(r)` in 1/Å² over ``r`` in Å, and
        ``pair_distribution`` :math:`g(r)`, 1 far away, where the density is given; the
        ``structure_function`` :math:`Q (S(Q) - 1)` in 1/Å and the fitted ``background`` in units
        of `profile` over ``k``. ``status``: 4 (no data) where fewer than 8 values are known,
        5 (invalid) where the scale is not positive; NaN then.

    Raises
    ------
    DataError
        k is no reciprocal length, an element or a part is not known, or the window holds too
        few values.

    Notes
    -----
    With :math:`Q = 2 \pi k`,

    .. math::
        Q (S - 1) = Q \frac{I - N \langle f^2 \rangle B(Q)}{N \langle f \rangle^2}, \quad
        G(r) = \frac{2}{\pi} \int Q (S - 1) M(Q) \sin(Q r)\,dQ = 4 \pi r \rho (g(r) - 1)

    where form factors are those of Lobato and Van Dyck [1]_.

    References
    ----------
    .. [1] I. Lobato and D. Van Dyck, *Acta Cryst.* A 70, 636 (2014).

    Examples
    --------
    >>> import omniscopy as om
    >>> made = om.diffraction.pair_distribution(om.samples.ring_profile(), {"Si": 1.0})
    >>> made["reduced_pair_distribution"].attrs["units"]
    '1/angstrom^2'
    """
    require_dim(profile, dim, at_least=8)
    require_real(profile)
    factor = require_units(profile.coords[dim], "1/angstrom", what=f"coordinate {dim!r}")
    parts = _parts(composition)
    if background < 0 or not (max_distance > 0 and 0 < distance_step < max_distance):
        message = (
            "background must be 0 or more, and 0 < distance_step < max_distance, got "
            f"{background!r}, {distance_step!r} and {max_distance!r}"
        )
        raise DataError(message)
    k = np.asarray(profile.coords[dim].values, np.float64)
    inside = (k > 0) if window is None else (k >= window[0]) & (k <= window[1]) & (k > 0)
    if inside.sum() < max(8, background + 4):
        message = (
            f"window {window} holds {int(inside.sum())} values of {dim!r}, which spans "
            f"{k.min():g} to {k.max():g}; at least {max(8, background + 4)} are needed"
        )
        raise DataError(message)
    q = 2 * np.pi * k * factor
    factors = {
        element: np.asarray(form_factor(element, np.maximum(k * factor, 1e-9))) for element in parts
    }
    mean = sum(part * factors[element] for element, part in parts.items())
    square = sum(part * factors[element] ** 2 for element, part in parts.items())
    r = distance_step * np.arange(1, int(max_distance / distance_step + 1e-9) + 1)
    transform = _Transform(
        q, inside, np.asarray(mean) ** 2, np.asarray(square), r, int(background), damping
    )
    reduced, structure, fitted, status = map_signal(
        transform.run, profile, dim=dim,
        output_dims=[{"r": len(r)}, {dim: len(k)}, {dim: len(k)}, {}],
        dtypes=[np.float64] * 3 + [np.uint8],
    )  # fmt: skip
    label = coordinate("r", r, "angstrom", kind="parameter", quantity="length")
    reduced = reduced.assign_coords(r=label)
    variables: dict[str, tuple[xr.DataArray, str | None]] = {
        "reduced_pair_distribution": (reduced, "1/angstrom^2")
    }
    if density is not None:
        if not density > 0:
            message = f"density must be above 0, in atoms per cubic Å, got {density!r}"
            raise DataError(message)
        distance = xr.DataArray(r, dims="r")
        whole = 1 + reduced / (4 * np.pi * density * distance)
        variables["pair_distribution"] = (whole, "1")
    made = result(
        None, **variables, structure_function=(structure, "1/angstrom"),
        background=(fitted, profile.attrs.get("units")), status=(status, "1"),
    )  # fmt: skip
    return made.assign_coords({dim: profile.coords[dim]})


def _parts(composition: Mapping[str, float]) -> dict[str, float]:
    known = isinstance(composition, Mapping)
    total = sum(composition.values()) if known and composition else 0.0
    if not total > 0 or any(part <= 0 for part in composition.values()):
        message = (
            f"composition must be positive parts of elements, as {{'Si': 1}}, got {composition}"
        )
        raise DataError(message)
    for element in composition:
        try:
            form_factor(element, 0.1)
        except (DataError, KeyError, ValueError) as error:
            message = f"{element!r} is no element with a form factor"
            raise DataError(message) from error
    return {element: part / total for element, part in composition.items()}


@dataclass(frozen=True)
class _Transform:
    """From intensities over `q` (1/Å) to distances `r` (Å)."""

    q: np.ndarray
    inside: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    r: np.ndarray
    degree: int
    damping: float | None

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the functions of every profile, and its status."""
        outer = block.shape[:-1]
        reduced = np.full((*outer, len(self.r)), np.nan)
        structure, fitted = (np.full((*outer, len(self.q)), np.nan) for _ in range(2))
        status = np.full(outer, Status.NO_DATA, np.uint8)
        for place in np.ndindex(*outer):
            values = np.asarray(block[place], np.float64)
            known = self.inside & np.isfinite(values)
            if known.sum() < max(8, self.degree + 4):
                continue
            found = self.of(values, known)
            status[place] = Status.INVALID if found is None else Status.CONVERGED
            if found is not None:
                reduced[place], structure[place], fitted[place] = found
        return reduced, structure, fitted, status

    def of(
        self, values: np.ndarray, known: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Return G(r), Q (S - 1) and the background of one profile."""
        q, square = self.q[known], self.square[known]
        top = q[-1] if q[-1] > q[0] else q[0]
        terms = np.stack([square * (q / top) ** (2 * n) for n in range(self.degree + 1)], axis=1)
        # Rings count alike at small and at large angles when weighted as they are transformed.
        weight = q / self.mean[known]
        solved = np.linalg.lstsq(weight[:, None] * terms, weight * values[known], rcond=None)[0]
        smooth = terms @ solved
        # The scale is that of single scattering: what the background is at its end.
        scale = float((smooth / square)[-max(len(q) // 4, 1) :].mean())
        if not scale > 0:
            return None
        function = q * (values[known] - smooth) / (scale * self.mean[known])
        lorch = self.damping is None
        window = np.sinc(q / top) if lorch else np.exp(-float(self.damping or 0.0) * q**2)
        width = np.gradient(q)
        reduced = 2 / np.pi * np.sin(np.outer(self.r, q)) @ (function * window * width)
        whole, under = (np.full(self.q.shape, np.nan) for _ in range(2))
        whole[known], under[known] = function, smooth
        return reduced, whole, under
