"""Discs as a flat list: as long as there are discs, whatever the pattern with the most has.

A list is a Dataset with the dimension ``disc``, pattern after pattern. Those of pattern n are
the discs from ``offset[n]`` to ``offset[n + 1]``; patterns are numbered along the last dimension
of the scan first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.diffraction.lattices.fitting import PEAK, require_discs
from omniscopy.diffraction.reductions.reading import displayed
from omniscopy.model import DataError, coordinate, operation, result

DISC, BOUND = "disc", "bound"


@operation(example={"discs": "nanobeam_discs"}, lazy=False)
def to_disc_list(discs: xr.Dataset) -> xr.Dataset:
    """List the discs of all patterns one after the other, without room for those that are not.

    Parameters
    ----------
    discs : Dataset, shape (..., peak)
        As of `find_discs`. Lazy ones are computed, and only the list is kept of each chunk.

    Returns
    -------
    Dataset, shape (disc)
        All variables along ``peak`` in their units, without discs that have no position;
        ``offset``, shape (bound): where the discs of each pattern begin, and the end of the last
        ones. What else there is of each pattern is kept, and the dimensions of the scan are in
        ``scan`` of the attributes.

    Raises
    ------
    DataError
        `discs` are no table of positions.

    Examples
    --------
    >>> import omniscopy as om
    >>> flat = om.diffraction.to_disc_list(om.samples.nanobeam_discs())
    >>> int(flat["offset"][-1]) == flat.sizes["disc"]
    True
    """
    require_discs(discs)
    scan = displayed(str(dim) for dim in discs["ky"].dims if dim != PEAK)
    others = [str(name) for name, each in discs.data_vars.items() if PEAK in each.dims]
    columns = ["ky", *(name for name in others if name != "ky")]
    table = discs[columns].drop_vars(list(discs.coords)).transpose(*scan, PEAK)
    patterns = int(np.prod([discs.sizes[dim] for dim in scan]))
    position, *values = _listed(table, scan, columns)
    order = np.argsort(position, kind="stable")
    label = coordinate(DISC, np.arange(len(order)), "1", kind="point")
    counts = np.bincount(position, minlength=patterns)
    offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    made = result(
        {"scan": scan},
        **{
            name: (xr.Variable((DISC,), column[order]), discs[name].attrs.get("units"))
            for name, column in zip(columns, values, strict=True)
        },
        offset=(xr.Variable((BOUND,), offset), "1"),
        **{
            str(name): (each.variable, each.attrs.get("units"))
            for name, each in discs.data_vars.items()
            if PEAK not in each.dims
        },
    )
    coords = {dim: discs.coords[dim] for dim in scan if dim in discs.coords}
    bound = coordinate(BOUND, np.arange(len(offset)), "1", kind="point")
    made = made.assign_coords({DISC: label, BOUND: bound, **coords})
    made.attrs["metadata"] = discs.attrs.get("metadata", {})
    return made


@operation(example={"flat": "nanobeam_disc_list"}, lazy=False)
def from_disc_list(flat: xr.Dataset, *, most: int | None = None) -> xr.Dataset:
    """Return a list of discs as a table of patterns and peaks.

    Parameters
    ----------
    flat : Dataset, shape (disc)
        As of `to_disc_list`.
    most : int
        Only so many of the discs of a pattern, the first ones; all of them otherwise.

    Returns
    -------
    Dataset, shape (..., peak)
        As of `find_discs`: NaN after the last disc of a pattern.

    Raises
    ------
    DataError
        This is no list of discs, or its offsets do not fit to it.

    Examples
    --------
    >>> import omniscopy as om
    >>> discs = om.samples.nanobeam_discs()
    >>> table = om.diffraction.from_disc_list(om.diffraction.to_disc_list(discs))
    >>> table["ky"].dims
    ('y', 'x', 'peak')
    """
    scan, offset = _require_list(flat)
    if most is not None and most < 1:
        message = f"most must be at least 1, got {most!r}"
        raise DataError(message)
    counts = np.diff(offset)
    peaks = int(counts.max(initial=0)) if most is None else int(most)
    position = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(position)) - offset[position]
    kept = number < peaks
    shape = tuple(flat.sizes[dim] for dim in scan)
    variables: dict[str, Any] = {}
    for name, each in flat.data_vars.items():
        if name == "offset":
            continue
        if DISC not in each.dims:
            variables[str(name)] = (each.variable, each.attrs.get("units"))
            continue
        table = np.full((len(counts), peaks), np.nan)
        table[position[kept], number[kept]] = each.values[kept]
        column = xr.Variable((*scan, PEAK), table.reshape(*shape, peaks))
        variables[str(name)] = (column, each.attrs.get("units"))
    if "count" in variables:
        few = np.minimum(counts, peaks).reshape(shape)
        variables["count"] = (xr.Variable(tuple(scan), few), "1")
    made = result({"metadata": flat.attrs.get("metadata", {})}, **variables)
    coords = {dim: flat.coords[dim] for dim in scan if dim in flat.coords}
    return made.assign_coords({**coords, PEAK: coordinate(PEAK, np.arange(peaks), "1")})


def _listed(table: xr.Dataset, scan: Sequence[str], columns: Sequence[str]) -> list[np.ndarray]:
    """Return the number of the pattern of each disc, and the columns."""
    shape = tuple(table.sizes[dim] for dim in scan)
    position = np.arange(int(np.prod(shape))).reshape(shape)
    if not table.chunks:
        return _flat(position, *(table[name].values for name in columns))
    import dask
    import dask.array

    whole = table.chunk(table.unify_chunks().chunksizes).chunk({PEAK: -1})
    arrays = [whole[name].data for name in columns]
    chunks = arrays[0].chunks[:-1]
    lazily: Any = dask
    numbers = lazily.array.from_array(position, chunks=chunks)
    blocks = [numbers.to_delayed().ravel(), *(each.to_delayed().ravel() for each in arrays)]
    parts = lazily.compute(
        *(lazily.delayed(_flat)(*block) for block in zip(*blocks, strict=True))
    )  # fmt: skip
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def _flat(position: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    there = np.isfinite(columns[0])
    whose = np.broadcast_to(position[..., None], there.shape)[there]
    return [whose, *(column[there] for column in columns)]


def _require_list(flat: xr.Dataset) -> tuple[list[str], np.ndarray]:
    if not isinstance(flat, xr.Dataset) or "offset" not in flat or DISC not in flat.dims:
        message = f"expected a list of discs as of `to_disc_list`, got {type(flat).__name__}"
        raise DataError(message)
    scan = [str(dim) for dim in flat.attrs.get("scan", [])]
    if any(dim not in flat.sizes for dim in scan):
        message = f"the list of discs does not say what scan {tuple(scan)} it is of"
        raise DataError(message)
    offset = flat["offset"].values.astype(np.int64)
    patterns = int(np.prod([flat.sizes[dim] for dim in scan]))
    fits = offset.size == patterns + 1 and offset[0] == 0 and offset[-1] == flat.sizes[DISC]
    if not fits or (np.diff(offset) < 0).any():
        message = (
            f"the offsets of a list of {flat.sizes[DISC]} discs of {patterns} patterns must ascend "
            f"from 0 to {flat.sizes[DISC]}, one more than there are patterns"
        )
        raise DataError(message)
    return scan, offset
