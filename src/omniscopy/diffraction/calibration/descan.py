"""How patterns move during a scan."""

from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_choice,
    require_plane,
    result,
)

Surface = Literal["plane", "parabola"]
_PAIRS = (("ky", "kx"), ("origin_ky", "origin_kx"), ("com_y", "com_x"))
_TERMS = {"plane": 3, "parabola": 6}


@operation(example={"centres": "nanobeam_lattice"})
def fit_descan(
    centres: xr.Dataset, *, surface: Surface = "plane", dims: tuple[str, str] | None = None
) -> xr.Dataset:
    r"""Fit a smooth surface to the middles of patterns over a scan.

    Parameters
    ----------
    centres : Dataset, shape (..., y, x)
        ``ky`` and ``kx`` of `find_centre`, ``origin_ky`` and ``origin_kx`` of `fit_lattice`, or
        ``com_y`` and ``com_x`` of `measure_com`.
    surface : {"plane", "parabola"}
        What the middles follow: a plane, or a polynomial of the second degree.
    dims : (str, str)
        The dimensions of the scan; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        In units of the middles: ``ky`` and ``kx`` of the surface, that can be given as ``centres``
        to detectors, centres of mass and profiles; ``residual``, the distance of what was found
        from it; ``status``: 4 (no data) where fewer middles are known than the surface has terms,
        NaN then.

    Raises
    ------
    DataError
        There are no middles, or no scan.

    Notes
    -----
    :math:`k(y, x) = a + b y + c x` (and :math:`+\, d y^2 + e y x + f x^2`) by least squares
    that are repeated with the weights :math:`[1 - (r / 4.7 s)^2]^2` of Tukey's bisquare [1]_,
    0 beyond; r is the distance from the surface and s its median over 1.18, the deviation of
    either of two normal coordinates. A few wrong middles do not matter.

    References
    ----------
    .. [1] P. W. Holland and R. E. Welsch, Communications in Statistics A 6, 813 (1977).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.diffraction.fit_descan(om.samples.nanobeam_lattice())
    >>> bool(found["residual"].max() < 0.1)
    True
    """
    require_choice("surface", surface, ("plane", "parabola"))
    down, right = middles_of(centres)
    dims = require_plane(down, dims, kind="spatial", at_least=1)
    units = down.attrs.get("units")
    axes = [np.asarray(centres[dim].values, np.float64) for dim in dims]
    found = map_signal(
        _Surface(axes[0], axes[1], _TERMS[surface]).run, down, dim=dims,
        also=[right.drop_vars(list(right.coords))],
        output_dims=[{dim: centres.sizes[dim] for dim in dims}] * 4,
        dtypes=[np.float64] * 3 + [np.uint8],
    )  # fmt: skip
    names = ("ky", "kx", "residual", "status")
    made = result(
        None,
        **{
            name: (values, "1" if name == "status" else units)
            for name, values in zip(names, found, strict=True)
        },
    )
    return made.assign_coords({dim: centres.coords[dim] for dim in dims})


def middles_of(centres: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return where the middles of patterns are along ky and kx, by any of their names."""
    pair = next((each for each in _PAIRS if {*each} <= {*centres}), None)
    if pair is None or "peak" in centres[pair[0]].dims:
        message = f"centres must have one of the pairs {_PAIRS}, got {sorted(map(str, centres))}"
        raise DataError(message)
    return centres[pair[0]], centres[pair[1]]


class _Surface:
    """A polynomial over the positions of a scan."""

    def __init__(self, y: np.ndarray, x: np.ndarray, terms: int) -> None:
        def unit(axis: np.ndarray) -> np.ndarray:
            reach = np.ptp(axis) / 2 if axis.size else 0.0
            return (axis - axis.mean()) / reach if reach > 0 else np.zeros(axis.shape)

        self.shape = (y.size, x.size)
        v, u = (each.ravel() for each in np.meshgrid(unit(y), unit(x), indexing="ij"))
        self.design = np.stack([np.ones_like(u), v, u, v * v, v * u, u * u], axis=1)[:, :terms]

    def run(self, ky: np.ndarray, kx: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the surfaces, the residuals and the status of every scan."""
        outer = np.broadcast_shapes(ky.shape[:-2], kx.shape[:-2])
        both = [np.broadcast_to(each, (*outer, *self.shape)) for each in (ky, kx)]
        made = np.full((3, *outer, *self.shape), np.nan)
        status = np.full((*outer, *self.shape), Status.NO_DATA, np.uint8)
        for place in np.ndindex(*outer):
            values = np.stack([each[place].ravel() for each in both], 1).astype(np.float64)
            known = np.asarray(np.isfinite(values).all(axis=1))
            if known.sum() < self.design.shape[1]:
                continue
            fitted = self.fitted(values, known)
            made[(slice(2), *place)] = fitted.T.reshape(2, *self.shape)
            made[(2, *place)] = np.hypot(*(values - fitted).T).reshape(self.shape)
            status[place] = Status.CONVERGED
        return made[0], made[1], made[2], status

    def fitted(self, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the surface through what is known."""
        weight = np.ones(int(known.sum()))
        solved = np.zeros((self.design.shape[1], 2))
        for _ in range(8):
            root = np.sqrt(weight)[:, None]
            solved = np.linalg.lstsq(root * self.design[known], root * values[known], rcond=None)[0]
            away = np.hypot(*(values[known] - self.design[known] @ solved).T)
            typical = float(np.median(away)) / 1.18
            if not typical > 0:
                break
            weight = np.clip(1 - (away / (4.7 * typical)) ** 2, 1e-6, None) ** 2
        return np.asarray(self.design @ solved)
