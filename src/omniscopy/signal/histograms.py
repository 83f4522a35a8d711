"""Two-dimensional histograms: how often a response came with an excitation."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    coordinate,
    dims_of_role,
    labelled,
    operation,
    require_dims,
    require_real,
)

Range = tuple[float, float]


@operation(
    example={
        "data": "current_voltage", "excitation": "bias", "dims": ["time"], "bins": (8, 6),
        "ranges": ((-5.0, 5.0), (-6.0, 6.0)),
    }
)  # fmt: skip
def joint_histogram(
    data: xr.DataArray,
    excitation: npt.ArrayLike | str,
    *,
    dims: str | Sequence[str] | None = None,
    bins: tuple[int, int] = (64, 64),
    ranges: tuple[Range, Range] | None = None,
) -> xr.DataArray:
    """Count how often each response came with each excitation.

    Parameters
    ----------
    data : DataArray, any shape, real
        The responses, lazy or in memory.
    excitation : DataArray, array or str
        What they are responses to: over dimensions of `data`; a plain array along the last of
        `dims`; or the name of a coordinate of `data`.
    dims : str or sequence of str
        Dimensions whose values are counted together; those of the signal otherwise.
    bins : (int, int)
        Number of bins of the responses and of the excitations.
    ranges : ((low, high), (low, high))
        What the bins span, in units of the data and of the excitations; all values otherwise,
        which have to be in memory for it.

    Returns
    -------
    DataArray, shape (..., response, excitation), counts
        Over the middles of the bins, the upper end of a range belonging to its last bin. What is
        NaN or outside of the ranges is not counted.

    Raises
    ------
    DataError
        The excitation does not fit to the data, a range is empty, or no ranges were given for
        lazy data.

    Notes
    -----
    :math:`n_{ij}`, how many pairs have the response in bin i and the excitation in bin j.

    Examples
    --------
    >>> import omniscopy as om
    >>> current = om.samples.current_voltage()
    >>> om.signal.joint_histogram(current, "bias", dims=["y", "x", "time"]).dims
    ('response', 'excitation')
    """
    require_real(data)
    over = [dims] if isinstance(dims, str) else list(dims or dims_of_role(data, "signal"))
    require_dims(data, over)
    taken = {"response", "excitation"} & {*map(str, data.dims)}
    if not over or taken:
        message = (
            f"dimensions are {tuple(map(str, data.dims))}; name those that are counted with "
            "`dims=`, none of them called 'response' or 'excitation'"
        )
        raise DataError(message)
    applied = _excitation(data, excitation, over)
    if len(bins) != 2 or any(each < 1 or int(each) != each for each in bins):
        message = f"bins must be two positive numbers, got {bins!r}"
        raise DataError(message)
    spans = (_span(data), _span(applied)) if ranges is None else ranges
    for low, high in spans:
        if not low < high or not math.isfinite(high - low):
            message = f"a range must be (low, high) with low < high, got {(low, high)}"
            raise DataError(message)
    applied = applied.expand_dims(
        {each: data.sizes[each] for each in over if each not in applied.dims}
    )
    sizes = {"response": int(bins[0]), "excitation": int(bins[1])}
    (found,) = map_signal(
        _counted, data, dim=over, output_dims=[sizes], dtypes=[np.int64], also=[applied],
        parameters={"bins": tuple(sizes.values()), "spans": spans, "count": len(over)},
    )  # fmt: skip
    for name, (low, high), source in zip(sizes, spans, (data, applied), strict=True):
        middles = low + (high - low) * (np.arange(sizes[name]) + 0.5) / sizes[name]
        quantity = source.attrs.get("quantity") or name
        units = source.attrs.get("units")
        found = found.assign_coords(
            {name: coordinate(name, middles, units, kind="spectral", quantity=quantity)}
        )
    return labelled(found, units="counts", long_name="Joint histogram", quantity="intensity")


def _excitation(
    data: xr.DataArray, excitation: npt.ArrayLike | str, over: list[str]
) -> xr.DataArray:
    """Return the excitation with dimensions of the data."""
    if isinstance(excitation, str):
        if excitation not in data.coords:
            message = f"there is no coordinate {excitation!r}; got {list(map(str, data.coords))}"
            raise DataError(message)
        applied = data.coords[excitation].reset_coords(drop=True)
    elif isinstance(excitation, xr.DataArray):
        applied = excitation.reset_coords(drop=True)
    else:
        values = np.asarray(excitation)
        if values.shape != (data.sizes[over[-1]],):
            message = (
                f"the excitation has the shape {values.shape}; {data.sizes[over[-1]]} values "
                f"along {over[-1]!r} are needed, or a labelled array"
            )
            raise DataError(message)
        applied = xr.DataArray(values, dims=over[-1])
    require_real(applied)
    sizes = {dim: size for dim, size in applied.sizes.items() if data.sizes.get(dim) != size}
    if sizes:
        message = f"the excitation does not fit to the data: {sizes} of {dict(data.sizes)}"
        raise DataError(message)
    return applied.drop_vars(list(applied.coords))


def _span(values: xr.DataArray) -> Range:
    """Return the least and the largest of values in memory."""
    if values.chunks is not None:
        message = (
            "the range of lazy data is not known before they are read; give `ranges=((low, "
            "high), (low, high))` of the responses and of the excitations"
        )
        raise DataError(message)
    finite = values.values[np.isfinite(values.values)]
    if not finite.size:
        message = "no value is finite; there is nothing to count"
        raise DataError(message)
    return float(finite.min()), float(finite.max())


def _counted(
    block: np.ndarray,
    applied: np.ndarray,
    *,
    bins: tuple[int, int],
    spans: tuple[Range, Range],
    count: int,
) -> np.ndarray:
    """Return the histograms of a block over its last `count` axes."""
    outer = block.shape[: block.ndim - count]
    pixels = math.prod(outer)
    applied = np.broadcast_to(applied, block.shape)
    size = math.prod(block.shape[block.ndim - count :])
    responses, excitations = (each.reshape(pixels, size) for each in (block, applied))
    found = np.empty((pixels, math.prod(bins)), np.int64)
    for pixel in range(pixels):
        rows, good = _numbers(responses[pixel], spans[0], bins[0])
        columns, also = _numbers(excitations[pixel], spans[1], bins[1])
        places = (rows * bins[1] + columns)[good & also]
        found[pixel] = np.bincount(places, minlength=math.prod(bins))
    return found.reshape(*outer, *bins)


def _numbers(values: np.ndarray, span: Range, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the bin of each value, and which of them are in the range."""
    low, high = span
    good = (values >= low) & (values <= high)
    part = np.where(good, values, low).astype(np.float64) - low
    numbers = np.minimum((part * (bins / (high - low))).astype(np.int64), bins - 1)
    return numbers, good
