"""The strain of crystals, from the lattices of their patterns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.diffraction.lattices.medians import median_over
from omniscopy.model import (
    DataError,
    Status,
    dims_of_kind,
    operation,
    result,
)

_VECTORS = ("a_ky", "a_kx", "b_ky", "b_kx")
_STRAINS = ("strain_yy", "strain_xx", "strain_xy", "rotation")


@operation(example={"lattice": "nanobeam_lattice"})
def measure_strain(
    lattice: xr.Dataset,
    reference: Mapping[str, Any] | xr.Dataset | None = None,
    *,
    rotation: float | None = None,
    finite: bool = False,
) -> xr.Dataset:
    r"""Measure the strain and the rotation of a crystal at every position.

    Parameters
    ----------
    lattice : Dataset, shape (..., y, x)
        ``a_ky``, ``a_kx``, ``b_ky`` and ``b_kx`` of `fit_lattice`; lazy or in memory.
    reference : mapping of dimension to label or slice, or Dataset
        Where the crystal is not strained, as in ``{"x": slice(0, 20)}``: the median there is
        the reference, that of the whole scan otherwise. Or the lattice that is the reference, as
        of another scan.
    rotation : float, degrees
        From the axes of the detector, +kx towards +ky, to those that strain is wanted along:
        that of the scan as seen on the detector, or of an interface. What `calibrate` has
        noted otherwise, or 0.
    finite : bool
        Return the strain of Green and Lagrange and the rotation of the polar decomposition.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``strain_yy``, ``strain_xx``, ``strain_xy`` (half of the shear angle; positive where the
        lattice is stretched) and ``rotation`` (degrees, from +x towards +y), each with ``_std``.
        ``status``: that of the lattice, or 5 (invalid) where there is no reference; NaN then.

    Raises
    ------
    DataError
        `lattice` is none, or the region of the reference holds no position.

    Notes
    -----
    With the rows a and b in G, and in :math:`G_0` for the reference, the deformation is
    :math:`F = G^{-1} G_0`: reciprocal vectors shrink where the lattice is stretched. Strain is
    :math:`(F + F^T)/2 - 1` and rotation :math:`(F_{yx} - F_{xy})/2`; with `finite`
    :math:`(F^T F - 1)/2` and the angle of the polar decomposition. Standard deviations follow
    from those of the vectors; the reference is taken as exact.

    Strain from reciprocal vectors is that of [1]_.

    References
    ----------
    .. [1] V. B. Ozdol, C. Gammer, X. G. Jin, P. Ercius, C. Ophus, J. Ciston, A. M. Minor, *Appl.
       Phys. Lett.* 106, 253107 (2015).

    Examples
    --------
    >>> import omniscopy as om
    >>> strain = om.diffraction.measure_strain(
    ...     om.samples.nanobeam_lattice(), {"x": slice(0.0, 2.0)}
    ... )
    >>> round(float(strain["strain_xx"].isel(x=3).median()), 2)
    0.02
    """
    _require_lattice(lattice)
    turn = _noted(lattice) if rotation is None else float(rotation)
    known = _reference(lattice, reference)
    spread = [
        lattice[f"{name}_std"] if f"{name}_std" in lattice else xr.full_like(lattice[name], np.nan)
        for name in _VECTORS
    ]
    shared = lattice["correlation_ab"] if "correlation_ab" in lattice else xr.zeros_like(spread[0])
    status = lattice["status"] if "status" in lattice else xr.zeros_like(spread[0], dtype=np.uint8)
    also = [*(lattice[name] for name in _VECTORS[1:]), *known, *spread, shared, status]
    also = [each.drop_vars(list(each.coords)).drop_attrs() for each in also]
    made = map_signal(
        _strains, lattice["a_ky"], dim=(), also=also, output_dims=[{}] * 9,
        dtypes=[np.float64] * 8 + [np.uint8],
        parameters={"turn": np.radians(turn), "finite": bool(finite)},
    )  # fmt: skip
    names = (*_STRAINS, *(f"{name}_std" for name in _STRAINS), "status")
    return result(
        None,
        **{
            name: (values, "deg" if name.startswith("rotation") else "1")
            for name, values in zip(names, made, strict=True)
        },
    )


def _require_lattice(lattice: xr.Dataset) -> None:
    if not isinstance(lattice, xr.Dataset) or not {*_VECTORS} <= {*lattice.data_vars}:
        message = (
            f"expected a Dataset with {_VECTORS}, such as `fit_lattice` returns, got "
            f"{type(lattice).__name__}"
        )
        raise DataError(message)


def _noted(lattice: xr.Dataset) -> float:
    metadata = lattice.attrs.get("metadata")
    detector = metadata.get("detector") if isinstance(metadata, dict) else None
    return float(detector.get("rotation", 0.0)) if isinstance(detector, dict) else 0.0


def _reference(
    lattice: xr.Dataset, reference: Mapping[str, Any] | xr.Dataset | None
) -> list[xr.DataArray]:
    """Return the vectors of the reference, as few dimensions as possible."""
    if isinstance(reference, xr.Dataset):
        _require_lattice(reference)
        part = reference
        for name in _VECTORS:
            if reference[name].attrs.get("units") != lattice[name].attrs.get("units"):
                message = (
                    f"the reference is in {reference[name].attrs.get('units')!r}, the lattice in "
                    f"{lattice[name].attrs.get('units')!r}"
                )
                raise DataError(message)
    else:
        part = lattice[list(_VECTORS)]
        missing = {*(reference or {})} - {*part.dims}
        if missing:
            message = f"the reference names {sorted(missing)}; the scan has {tuple(part.dims)}"
            raise DataError(message)
        if reference:
            part = part.sel({
                dim: label if isinstance(label, slice) else slice(label, label)
                for dim, label in reference.items()
            })  # fmt: skip
    vectors = [part[name] for name in _VECTORS]
    over = dims_of_kind(vectors[0], "spatial", "point") or [str(dim) for dim in vectors[0].dims]
    if any(part.sizes[dim] == 0 for dim in over):
        if isinstance(reference, Mapping) and all(lattice.sizes[dim] for dim in over):
            spans = ", ".join(
                f"{dim!r} from {float(lattice[dim].min()):g} to {float(lattice[dim].max()):g}"
                for dim in over
            )
            message = f"the reference {dict(reference)} holds no position; the scan has {spans}"
            raise DataError(message)
        return [xr.DataArray(np.nan)] * len(_VECTORS)
    return [median_over(each, over) for each in vectors]


def _strains(*arrays: np.ndarray, turn: float, finite: bool) -> tuple[np.ndarray, ...]:
    """Return the strains, their standard deviations and the status of a block."""
    outer = np.broadcast_shapes(*(each.shape for each in arrays))
    given = [
        np.broadcast_to(each.reshape((1,) * (len(outer) - each.ndim) + each.shape), outer)
        for each in arrays
    ]
    g, g0, spread = (
        np.stack(given[start : start + 4], -1).reshape(*outer, 2, 2).astype(np.float64)
        for start in (0, 4, 8)
    )
    shared, status = given[12], given[13].astype(np.uint8)
    det = g[..., 0, 0] * g[..., 1, 1] - g[..., 0, 1] * g[..., 1, 0]
    size = np.hypot(g[..., 0], g[..., 1]).prod(axis=-1)
    usable = (np.abs(det) > 1e-6 * size) & np.isfinite(g0).all(axis=(-2, -1))
    status = np.where((status == Status.CONVERGED) & ~usable, Status.INVALID, status)
    usable &= status == Status.CONVERGED
    inverse = np.full(g.shape, np.nan)
    inverse[usable] = np.linalg.inv(g[usable])
    deformation = inverse @ g0
    # Axes (y, x) turned by an angle from +x towards +y.
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    # What a change of G does: dF = -G^-1 dG F, of which the two components of dG are independent.
    left = axes @ inverse
    right = deformation @ axes.T
    rho = np.stack(
        [np.stack([np.ones(outer), shared], -1), np.stack([shared, np.ones(outer)], -1)], -2
    )
    covariance = np.zeros((*outer, 2, 2, 2, 2))
    for p in range(2):
        own = rho * spread[..., :, None, p] * spread[..., None, :, p]
        rows = np.einsum("...ci,...ij,...dj->...cd", left, own, left)
        covariance += np.einsum(
            "...ce,...d,...f->...cdef", rows, right[..., p, :], right[..., p, :]
        )
    turned = axes @ deformation @ axes.T
    std = [
        np.sqrt(covariance[..., 0, 0, 0, 0]), np.sqrt(covariance[..., 1, 1, 1, 1]),
        np.sqrt(_of_pair(covariance, 1.0)), np.degrees(np.sqrt(_of_pair(covariance, -1.0))),
    ]  # fmt: skip
    strain = [
        turned[..., 0, 0] - 1, turned[..., 1, 1] - 1,
        (turned[..., 0, 1] + turned[..., 1, 0]) / 2,
        np.degrees((turned[..., 0, 1] - turned[..., 1, 0]) / 2),
    ]  # fmt: skip
    if finite:
        square = np.swapaxes(turned, -1, -2) @ turned
        strain[:3] = [
            (square[..., 0, 0] - 1) / 2, (square[..., 1, 1] - 1) / 2, square[..., 0, 1] / 2,
        ]  # fmt: skip
        strain[3] = np.degrees(
            np.arctan2(turned[..., 0, 1] - turned[..., 1, 0], turned[..., 0, 0] + turned[..., 1, 1])
        )
    return (*strain, *std, status)


def _of_pair(covariance: np.ndarray, sign: float) -> np.ndarray:
    """Return the variance of half of the sum, or difference, of the two shears."""
    first, second = covariance[..., 0, 1, 0, 1], covariance[..., 1, 0, 1, 0]
    both = covariance[..., 0, 1, 1, 0]
    return np.asarray(np.maximum(first + second + 2 * sign * both, 0.0) / 4)
