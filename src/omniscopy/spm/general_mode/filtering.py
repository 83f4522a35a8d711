"""Filters of general-mode records, which may join the records of several points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    coordinate,
    labelled,
    operation,
    require_dim,
    require_real,
    require_uniform,
    units_of,
)
from omniscopy.signal import NoiseFloor, filter_fourier
from omniscopy.signal.filters import bridged
from omniscopy.signal.pass_bands import Counted, Filter

_EXAMPLE = {"data": "current_voltage", "filters": [NoiseFloor(1e-3)], "rows": 2}


@operation(example=_EXAMPLE)
def filter_general_mode(
    data: xr.DataArray,
    filters: Filter | Sequence[Filter],
    *,
    dim: str = "time",
    units: str | None = None,
    rows: int = 1,
    along: str | None = None,
) -> xr.DataArray:
    """Filter the record of every point, or those of several points together.

    Parameters
    ----------
    data : DataArray, shape (..., time), real
        Lazy or in memory, on a uniform coordinate.
    filters : filter or sequence of filters
        Of `omniscopy.signal`: `LowPass`, `HighPass`, `BandPass`, `Notch`, `Harmonics` and
        `NoiseFloor`.
    dim : str
        Dimension of the records.
    units : str
        Units of the frequencies in `filters`; Hz for a coordinate in s otherwise.
    rows : int
        Records that are joined to a longer one and filtered together: what repeats in them
        stands out from the noise by the root of their number.
    along : str
        Dimension of the records that are joined; x, point or y otherwise, in this order.

    Returns
    -------
    DataArray, shape and units of `data`
        As `signal.filter_fourier` gives it.

    Raises
    ------
    DataError
        The coordinate is missing or not uniform, a band holds no frequency of the data, or the
        points along `along` cannot be shared out in groups of `rows`.

    Notes
    -----
    The records that are joined should have been taken without a gap, and hold whole periods of
    the drive.

    :math:`y = F^{-1}[H(|f|) F(x)]` of each record, or of the joined ones, as in full-information
    acquisition [1]_.

    References
    ----------
    .. [1] S. Somnath, A. Belianinov, S. V. Kalinin, S. Jesse, *Appl. Phys. Lett.* 107, 263102
       (2015).

    Examples
    --------
    >>> import omniscopy as om
    >>> current = om.samples.current_voltage()
    >>> om.spm.filter_general_mode(current, om.signal.LowPass(5e3)).dims
    ('y', 'x', 'time')
    """
    require_real(data)
    require_uniform(data, dim)
    if rows == 1:
        return filter_fourier(data, filters, dim, units=units)
    along = _along(data, dim, along, rows)
    joined = _joined(data, dim, along, rows)
    filtered = filter_fourier(joined, filters, dim, units=units)
    return _parted(filtered, data, dim, along, rows)


@operation(example={"data": "current_voltage"})
def noise_floor(
    data: xr.DataArray,
    tolerance: float = 1e-6,
    *,
    dim: str = "time",
    counted: Counted = "all",
    rows: int = 1,
    along: str | None = None,
) -> xr.DataArray:
    r"""Find the amplitude that noise seldom has in the spectrum of each record.

    Parameters
    ----------
    data : DataArray, shape (..., time), real
        Lazy or in memory, on a uniform coordinate.
    tolerance : float
        Part of the frequencies of noise that lie above; the smaller, the higher the floor.
    dim : str
        Dimension of the records.
    counted : {"all", "below"}
        What the power of the noise is the mean over; see `signal.NoiseFloor`. "below" is right
        where the signal takes many frequencies.
    rows : int
        Records that are joined to a longer one.
    along : str
        Dimension of the records that are joined; x, point or y otherwise, in this order.

    Returns
    -------
    DataArray, shape (...), units of `data`
        Of the plain discrete transform :math:`|\sum_n x_n e^{-2 \pi i k n / N}|`; the same for
        all records that are joined. NaN where a record has no finite value.

    Raises
    ------
    DataError
        As for `filter_general_mode`, or `tolerance` is not between 0 and 0.5.

    Notes
    -----
    Amplitudes of noise have a Rayleigh distribution with a scale s: a part `tolerance` of them
    is above :math:`s \sqrt{-2 \ln \mathrm{tolerance}}`. :math:`2 s^2` is the mean power of what
    lies below, found in steps until it changes by less than a thousandth, whatever its size.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.spm.noise_floor(om.samples.current_voltage()).attrs["units"]
    'nA'
    """
    require_real(data)
    require_uniform(data, dim)
    floor = NoiseFloor(tolerance, counted)
    require_dim(data, dim, ascending=False, at_least=3)
    joined = data
    if rows != 1:
        along = _along(data, dim, along, rows)
        joined = _joined(data, dim, along, rows)
    (found,) = map_signal(_threshold, joined, dim=dim, parameters={"floor": floor})
    if rows != 1:
        assert along is not None
        group = np.arange(data.sizes[along]) // rows
        found = found.isel({along: group}).assign_coords({along: data.coords[along]})
        lost = {name: each for name, each in data.coords.items() if dim not in each.dims}
        found = found.assign_coords(lost).transpose(*(d for d in data.dims if d != dim))
    return labelled(found, units=data.attrs.get("units"), long_name="Noise floor",
                    quantity="amplitude")  # fmt: skip


def _threshold(block: np.ndarray, *, floor: NoiseFloor) -> np.ndarray:
    """Return the floor of each line of a block."""
    import scipy.fft

    lines, missing = bridged(np.asarray(block, np.float64))
    amplitudes = np.abs(scipy.fft.rfft(lines))[..., 1 : (lines.shape[-1] - 1) // 2 + 1]
    found = floor.threshold(amplitudes)
    return found if missing is None else np.where(missing.all(-1), np.nan, found)


def _along(data: xr.DataArray, dim: str, along: str | None, rows: int) -> str:
    """Return the dimension of the records that are joined; raise where they cannot be."""
    others = [str(each) for each in data.dims if each != dim]
    if rows < 1 or int(rows) != rows:
        message = f"rows must be a positive number of records, got {rows!r}"
        raise DataError(message)
    if along is None and others:
        along = next((each for each in ("x", "point", "y") if each in others), others[-1])
    if along not in others:
        message = f"there is no dimension {along!r} whose records could be joined; got {others}"
        raise DataError(message)
    if data.sizes[along] % rows:
        message = (
            f"{data.sizes[along]} records along {along!r} cannot be joined {rows} at a time; "
            "take a divisor, or leave some out"
        )
        raise DataError(message)
    return along


def _joined(data: xr.DataArray, dim: str, along: str, rows: int) -> xr.DataArray:
    """Return records that are `rows` times as long."""
    step = require_uniform(data, dim)
    kept = [str(each) for each in data.dims if each not in (dim, along)]
    ordered = data.transpose(*kept, along, dim)
    size, groups = data.sizes[dim], data.sizes[along] // rows
    others = tuple(data.sizes[each] for each in kept)
    # In two steps: lazy arrays split or merge dimensions, but not both at once.
    values = ordered.data.reshape(*others, groups, rows, size)
    values = values.reshape(*others, groups, rows * size)
    coords = {each: data.coords[each] for each in kept if each in data.coords}
    labels = float(data.coords[dim][0]) + step * np.arange(rows * size)
    coords[dim] = coordinate(dim, labels, units_of(data, dim))
    return _named(values, coords, (*kept, along, dim), data)


def _parted(
    filtered: xr.DataArray, data: xr.DataArray, dim: str, along: str, rows: int
) -> xr.DataArray:
    """Return joined records as those that they were made of."""
    kept = [str(each) for each in data.dims if each not in (dim, along)]
    filtered = filtered.transpose(*kept, along, dim)
    others = tuple(data.sizes[each] for each in kept)
    values = filtered.data.reshape(*others, data.sizes[along] // rows, rows, data.sizes[dim])
    values = values.reshape(*others, data.sizes[along], data.sizes[dim])
    made = _named(values, data.coords, (*kept, along, dim), filtered)
    return made.transpose(*data.dims)


def _named(values: Any, coords: Any, dims: Sequence[str], like: xr.DataArray) -> xr.DataArray:
    """Return values with the name and attributes of others; a lazy array has a name of its own."""
    return xr.DataArray(xr.Variable(dims, values, like.attrs), coords, name=like.name)
