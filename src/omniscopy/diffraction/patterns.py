"""Patterns of a whole scan."""

from collections.abc import Sequence

import xarray as xr

from omniscopy.diffraction.reductions.reading import answers, scan_of
from omniscopy.diffraction.reductions.wanted import Simple
from omniscopy.model import (
    DataError,
    kind_of_dim,
    labelled,
    operation,
    require_dims,
    require_plane,
    require_real,
    signal_type_of,
)

_KEPT = ("quantity", "modality", "source", "metadata")


@operation(example={"data": "diffraction_4d"})
def mean_pattern(data: xr.DataArray, dims: str | Sequence[str] | None = None) -> xr.DataArray:
    r"""Average the patterns of a scan.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory.
    dims : str or sequence of str
        Dimensions that are averaged: those of the scan (space and points) otherwise, or all
        others where there is no scan.

    Returns
    -------
    DataArray, shape (..., ky, kx), units of `data`
        In float64. Values that are NaN are left out; NaN where there is no other.

    Raises
    ------
    DataError
        There are no two reciprocal dimensions, or nothing to average over.

    Notes
    -----
    :math:`\bar I(k) = \frac1N \sum I(r, k)` over the N positions with a value.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.mean_pattern(om.samples.diffraction_4d()).dims
    ('ky', 'kx')
    """
    over = _scan_of(data, dims)
    if any(data.sizes[dim] == 0 for dim in over):
        message = f"dimensions {over} hold no pattern to average"
        raise DataError(message)
    return _pattern(data, "mean", over)


@operation(example={"data": "diffraction_4d"})
def max_pattern(data: xr.DataArray, dims: str | Sequence[str] | None = None) -> xr.DataArray:
    r"""Take the largest value that each pixel of the patterns has in a scan.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory.
    dims : str or sequence of str
        Dimensions that are searched: those of the scan (space and points) otherwise, or all
        others where there is no scan.

    Returns
    -------
    DataArray, shape (..., ky, kx), units and type of `data`
        Discs that are weak or seen at few points stand out. Values that are NaN are left out;
        NaN where there is no other.

    Raises
    ------
    DataError
        There are no two reciprocal dimensions, or nothing to search.

    Notes
    -----
    :math:`\max_r I(r, k)`.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.max_pattern(om.samples.diffraction_4d()).dims
    ('ky', 'kx')
    """
    over = _scan_of(data, dims)
    if any(data.sizes[dim] == 0 for dim in over):
        message = f"dimensions {over} hold no pattern to take the largest of"
        raise DataError(message)
    return _pattern(data, "max", over)


def _scan_of(data: xr.DataArray, dims: str | Sequence[str] | None) -> list[str]:
    """Return the dimensions that a pattern is made of, after all checks."""
    plane = require_plane(data, None, kind="reciprocal", at_least=1)
    require_real(data)
    if dims is not None:
        over = [dims] if isinstance(dims, str) else list(dims)
        require_dims(data, over)
        return over
    over = scan_of(data, plane)
    if not over:
        message = f"dimensions {tuple(data.dims)} are those of one pattern; there is no scan"
        raise DataError(message)
    return over


def _pattern(data: xr.DataArray, wanted: Simple, over: Sequence[str]) -> xr.DataArray:
    plane = require_plane(data, None, kind="reciprocal", at_least=1)
    values, units, title = answers(data, {"pattern": wanted}, plane, over=over)["pattern"]
    kept = {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    kinds = [kind_of_dim(values, dim) for dim in values.dims]
    return labelled(
        values, units=units, long_name=title, **{**kept, "signal_type": signal_type_of(kinds)}
    )
