"""Patterns moved so that all have the same middle."""

from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_work
from omniscopy.diffraction.calibration.descan import middles_of
from omniscopy.model import (
    DataError,
    labelled,
    operation,
    require_choice,
    require_plane,
    require_real,
    require_same_direction,
    require_uniform,
    units_of,
)


@operation(example={"data": "nanobeam_4d", "centres": "nanobeam_lattice"})
def centre_patterns(
    data: xr.DataArray,
    centres: xr.Dataset,
    *,
    order: Literal[1, 3] = 1,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Move every pattern so that its middle is at the origin, to parts of a pixel.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory, on a uniform grid of any units.
    centres : Dataset, shape (y, x) or less, units of the coordinates
        Where the middles are: ``ky`` and ``kx`` of `find_centre` or of `fit_descan`, ``origin_ky``
        and ``origin_kx`` of `fit_lattice`, or ``com_y`` and ``com_x`` of `measure_com`.
    order : {1, 3}
        Of the polynomials between pixels: 1 keeps sums and makes no negative values, 3 blurs
        less.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray, shape (..., ky, kx), units of `data`
        With coordinates that are 0 at the pixel n // 2. NaN beside what was measured, and in
        patterns whose middle is not known.

    Raises
    ------
    DataError
        There are no middles, they are in other units or have dimensions that the scan has not,
        or the coordinates are not uniform.

    Notes
    -----
    :math:`I'(k) = I(k + k_0)`. Detectors, centres of mass and profiles follow moving patterns by
    ``centres=`` without this, and without its blur.

    Examples
    --------
    >>> import omniscopy as om
    >>> scan = om.samples.nanobeam_4d()
    >>> still = om.diffraction.centre_patterns(scan, om.samples.nanobeam_lattice())
    >>> bool(abs(om.diffraction.find_centre(still)["ky"]).max() < 0.05)
    True
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=2)
    require_real(data)
    require_choice("order", order, (1, 3))
    steps = [require_uniform(data, dim) for dim in plane]
    found = middles_of(centres)
    strange = {*found[0].dims, *found[1].dims} - ({*data.dims} - {*plane})
    if strange:
        message = f"centres have dimensions {sorted(map(str, strange))}, the scan has not"
        raise DataError(message)
    for dim in {*found[0].dims, *found[1].dims}:
        if centres.sizes[dim] != data.sizes[dim]:
            message = (
                f"there are {centres.sizes[dim]} centres along {dim!r} for {data.sizes[dim]} "
                "patterns: select the same part of both"
            )
            raise DataError(message)
    for each, dim in zip(found, plane, strict=True):
        units = units_of(data, dim)
        if each.attrs.get("units") != units:
            message = f"centres are in {each.attrs.get('units')!r}, {dim!r} is in {units!r}"
            raise DataError(message)
        require_same_direction(each, data, what="centres")
    sizes = {dim: data.sizes[dim] for dim in plane}
    starts = [float(data[dim].values[0]) for dim in plane]
    places = [
        ((each - start) / step - sizes[dim] // 2).reset_coords(drop=True)
        for each, start, step, dim in zip(found, starts, steps, plane, strict=True)
    ]
    (made,) = map_signal(
        _move, data, dim=plane, also=[each.drop_vars(list(each.coords)) for each in places],
        output_dims=[sizes], parameters={"order": order},
    )  # fmt: skip
    new = {
        dim: (dim, step * (np.arange(sizes[dim]) - sizes[dim] // 2), dict(data[dim].attrs))
        for dim, step in zip(plane, steps, strict=True)
    }
    kept = {key: data.attrs[key] for key in ("quantity", "long_name") if key in data.attrs}
    return labelled(made.assign_coords(new), units=data.attrs.get("units"), **kept)


def _move(patterns: np.ndarray, down: np.ndarray, right: np.ndarray, *, order: int) -> np.ndarray:
    """Return patterns whose middle, so many pixels from pixel n // 2, is there."""
    from scipy.ndimage import shift

    outer = patterns.shape[:-2]
    moves = [np.broadcast_to(each, outer).ravel() for each in (down, right)]
    flat = patterns.reshape(-1, *patterns.shape[-2:])
    made = np.full(flat.shape, np.nan)

    def work(n: int) -> None:
        move = np.array([each[n] for each in moves], np.float64)
        if np.isfinite(move).all():
            shift(
                flat[n].astype(np.float64), -move, output=made[n], order=order, mode="constant",
                cval=np.nan,
            )  # fmt: skip

    share_work(work, range(len(flat)), title="Centring")
    return made.reshape(patterns.shape)
