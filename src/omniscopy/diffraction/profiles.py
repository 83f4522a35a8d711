"""Patterns averaged around their middle, and joined to fewer pixels or positions."""

from typing import Literal

import xarray as xr

from omniscopy.diffraction.detectors import Centre
from omniscopy.diffraction.reductions.reading import answers, scan_of
from omniscopy.diffraction.reductions.wanted import RadialProfile
from omniscopy.model import (
    DataError,
    kind_of_dim,
    labelled,
    operation,
    require_plane,
    require_real,
    signal_type_of,
)
from omniscopy.signal import rebin as rebin_dims

Factor = int | tuple[int, int]


@operation(example={"data": "diffraction_4d"})
def radial_profile(
    data: xr.DataArray,
    step: float | None = None,
    *,
    outer: float | None = None,
    centre: Centre = "auto",
    centres: xr.Dataset | None = None,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Average every pattern in rings around a centre.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory.
    step : float, units of the coordinates
        Width of a ring; that of a pixel otherwise.
    outer : float, units of the coordinates
        Where the last ring ends, at the latest; half the diagonal of the patterns otherwise.
    centre : (ky, kx) or "auto", units of the coordinates
        Where the rings are; "auto" for the middle of the disc in the mean pattern.
    centres : Dataset, shape (y, x) or less
        Where they are at each position, when the centre is "auto": ``ky`` and ``kx``, or
        ``com_y`` and ``com_x``.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray, shape (..., k), units of `data`
        At the middles of the rings; NaN where no pixel is in one.

    Raises
    ------
    DataError
        There are no two reciprocal dimensions in the same units, or no pixel is in a ring.

    Notes
    -----
    :math:`P_n = \frac1N \sum I(k)` over the N pixels with :math:`n s \le |k - k_0| < (n + 1) s`,
    at :math:`(n + \frac12) s` for the step s.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.radial_profile(om.samples.diffraction_4d(), 0.5).dims
    ('y', 'x', 'k')
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    wanted = RadialProfile(step, outer=outer, centre=centre)
    made = answers(data, {"profile": wanted}, plane, centres=centres, dead=dead)
    profile, units, title = made["profile"]
    return labelled(
        profile, units=units, quantity=data.attrs.get("quantity", "intensity"), long_name=title,
        signal_type=signal_type_of([kind_of_dim(profile, dim) for dim in profile.dims]),
    )  # fmt: skip


@operation(example={"data": "diffraction_4d", "scan": 2, "pattern": (3, 2)})
def rebin(
    data: xr.DataArray,
    *,
    scan: Factor = 1,
    pattern: Factor = 1,
    reduce: Literal["sum", "mean"] | None = None,
    remainder: Literal["drop", "keep"] = "drop",
) -> xr.DataArray:
    """Join neighbouring positions of a scan, or pixels of its patterns.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory.
    scan : int or (int, int)
        Positions that are joined along each dimension of the scan, or along y and x.
    pattern : int or (int, int)
        Pixels that are joined along ky and kx.
    reduce : {"sum", "mean"}
        What a bin holds; "sum" for counts and electrons, "mean" for anything else otherwise.
    remainder : {"drop", "keep"}
        What happens to what is left over at the end, as in `signal.rebin`.

    Returns
    -------
    DataArray, units of `data`
        As of `signal.rebin`.

    Raises
    ------
    DataError
        A factor is no whole number or larger than what there is, or it is one for each of two
        dimensions of a scan that has not two.

    Examples
    --------
    >>> import omniscopy as om
    >>> dict(om.diffraction.rebin(om.samples.diffraction_4d(), scan=2, pattern=4).sizes)
    {'y': 3, 'x': 3, 'ky': 12, 'kx': 13}
    """
    plane = require_plane(data, None, kind="reciprocal", at_least=1)
    over = scan_of(data, plane)
    factors = {**_factors(scan, over, "scan"), **_factors(pattern, plane, "pattern")}
    return rebin_dims(data, factors, reduce=reduce, remainder=remainder)


def _factors(factor: Factor, dims: "list[str] | tuple[str, str]", what: str) -> dict[str, int]:
    if not isinstance(factor, tuple | list):
        return {} if factor == 1 else dict.fromkeys(dims, factor)
    if len(factor) != len(dims):
        message = f"{what} has the dimensions {tuple(dims)}, got {len(factor)} factors"
        raise DataError(message)
    return dict(zip(dims, factor, strict=True))
