"""Records of whole lines cut into those of their pixels."""

import math
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    conversion_factor,
    coordinate,
    operation,
    require_choice,
    require_numbers,
    require_uniform,
    units_of,
)
from omniscopy.model.vocabulary import kind_of
from omniscopy.signal.frequencies import frequency_units
from omniscopy.signal.sums import described

Rest = Literal["refuse", "keep"]


@operation(
    example={"data": "current_voltage", "frequency": 640.0, "pixel": "frame", "rest": "keep"}
)
def lines_to_pixels(
    data: xr.DataArray,
    frequency: float,
    *,
    cycles: int = 1,
    dim: str = "time",
    pixel: str = "x",
    length: float | None = None,
    rest: Rest = "refuse",
) -> xr.DataArray:
    """Cut the record of every line into pixels of whole periods of the drive.

    Parameters
    ----------
    data : DataArray, shape (..., time)
        The record of a line, or of each of several lines. Lazy or in memory, on a uniform
        coordinate in s or units that convert to it.
    frequency : float, Hz
        Of the drive.
    cycles : int
        Periods of the drive in a pixel.
    dim : str
        Dimension of the records.
    pixel : str
        What the new dimension is called.
    length : float, m
        Of a line, for the coordinate of the pixels; they are numbered otherwise.
    rest : {"refuse", "keep"}
        What becomes of samples after the last whole pixel: an error, or one more pixel that ends
        in NaN.

    Returns
    -------
    DataArray, shape (..., x, time), units of `data`
        With the time since the beginning of each pixel. Integers become floating point where
        there is a pixel that ends in NaN. What else lies along the records, such as the bias,
        is cut too, and kept once where it is the same for all pixels.

    Raises
    ------
    DataError
        The coordinate is missing, not uniform or not a time; a pixel is not a whole number of
        samples; `pixel` is there already; or there are samples after the last pixel.

    Notes
    -----
    A pixel has cycles / (frequency step) samples. Where that is not whole, the drive would
    drift through the pixels: no more than half a sample over a line is accepted.

    Examples
    --------
    >>> import omniscopy as om
    >>> lines = om.samples.current_voltage().isel(x=0, drop=True)
    >>> om.spm.lines_to_pixels(lines, 400.0).sizes["x"]
    2
    """
    require_numbers(data)
    require_choice("rest", rest, get_args(Rest))
    points = _points_of_pixel(data, frequency, cycles, dim)
    if pixel in data.dims or pixel in data.coords:
        message = f"there is a dimension or coordinate {pixel!r} already; give another `pixel`"
        raise DataError(message)
    count, left = divmod(data.sizes[dim], points)
    if (left and rest == "refuse") or not count:
        message = (
            f"lines of {data.sizes[dim]} samples hold {count} pixels of {points} and {left} "
            'samples more; cut them off, or keep them with `rest="keep"`'
        )
        raise DataError(message)
    pixels = count + bool(left)
    attrs: dict[str, str] = {} if kind_of(pixel) else {"kind": "parameter", "quantity": pixel}
    scale, units = (1.0, "1") if length is None else (length / (data.sizes[dim] / points), "m")
    coords = {pixel: coordinate(pixel, scale * np.arange(pixels), units, **attrs)}
    for name, each in data.coords.items():
        if dim not in each.dims:
            coords[str(name)] = each.variable
        elif name == dim:
            coords[dim] = each.variable[:points]
        else:
            cut = _cut(each.variable, dim, pixel, points, pixels)
            same = _is_same(cut, pixel, whole=count)
            coords[str(name)] = cut.isel({pixel: 0}) if same else cut
    cut = _cut(data.variable, dim, pixel, points, pixels)
    made = xr.DataArray(cut, coords, name=data.name)
    return described(made, data, units=data.attrs.get("units"))


def _points_of_pixel(data: xr.DataArray, frequency: float, cycles: int, dim: str) -> int:
    """Return the samples of a pixel; raise where they are not a whole number."""
    step = require_uniform(data, dim)
    if not 0 < frequency < math.inf or cycles < 1 or int(cycles) != cycles:
        message = (
            f"frequency must be positive and cycles a positive whole number, got {frequency!r} "
            f"and {cycles!r}"
        )
        raise DataError(message)
    own = frequency_units(units_of(data, dim))
    if own is None:
        message = f"coordinate {dim!r} has no units, so that {frequency:g} Hz has no meaning there"
        raise DataError(message)
    exact = cycles / (frequency * conversion_factor("Hz", own) * abs(step))
    points = round(exact)
    if points < 2:
        message = f"a pixel of {cycles} periods of {frequency:g} Hz has only {exact:.3g} samples"
        raise DataError(message)
    drift = abs(exact - points) * data.sizes[dim] / points
    if drift > 0.5:
        message = (
            f"a pixel of {cycles} periods of {frequency:g} Hz has {exact:.6g} samples, which is "
            f"not whole: over a line the drive would drift by {drift:.3g} samples. Give the "
            "frequency that was really applied, or a number of `cycles` that makes it whole"
        )
        raise DataError(message)
    return points


def _cut(variable: xr.Variable, dim: str, pixel: str, points: int, pixels: int) -> xr.Variable:
    """Return a variable with `dim` cut into `pixels` of `points`; what is not there is NaN."""
    at = variable.dims.index(dim)
    missing = points * pixels - variable.sizes[dim]
    if missing:
        kind = np.result_type(variable.dtype, np.float32)
        variable = variable.astype(kind).pad({dim: (0, missing)}, constant_values=np.nan)
    dims = (*variable.dims[:at], pixel, dim, *variable.dims[at + 1 :])
    shape = (*variable.shape[:at], pixels, points, *variable.shape[at + 1 :])
    return xr.Variable(dims, variable.data.reshape(shape), variable.attrs)


def _is_same(variable: xr.Variable, pixel: str, *, whole: int) -> bool:
    """Return whether a coordinate in memory is the same for all whole pixels, to rounding."""
    if variable.chunks is not None or variable.dtype.kind not in "iuf":
        return False
    values = np.moveaxis(np.asarray(variable.data), variable.dims.index(pixel), 0)[:whole]
    size = np.max(np.abs(values), where=np.isfinite(values), initial=0.0)
    return bool(np.all(np.abs(values - values[0]) <= 1e-6 * size))
