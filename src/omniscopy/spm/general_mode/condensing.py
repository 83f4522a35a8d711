"""Records kept as the few frequencies that a filter lets through."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    conversion_factor,
    coordinate,
    operation,
    require_dim,
    require_real,
    require_uniform,
    units_of,
)
from omniscopy.model.vocabulary import kind_of
from omniscopy.signal import LowPass
from omniscopy.signal.filters import Chain, bridged
from omniscopy.signal.frequencies import complex_type, frequency_name, frequency_units
from omniscopy.signal.pass_bands import Filter
from omniscopy.signal.sums import described

# Where a coordinate of kept frequencies says what it is to become again.
CONDENSED = "condensed"


@operation(example={"data": "current_voltage", "filters": LowPass(5.0), "units": "kHz"})
def condense(
    data: xr.DataArray,
    filters: Filter | Sequence[Filter],
    *,
    dim: str = "time",
    units: str | None = None,
) -> xr.DataArray:
    r"""Filter the record of every point, and keep only the frequencies that are let through.

    Parameters
    ----------
    data : DataArray, shape (..., time), real
        Lazy or in memory, on a uniform coordinate.
    filters : filter or sequence of filters
        As for `filter_general_mode`. What noise floors remove is zero, and kept as such.
    dim : str
        Dimension of the records.
    units : str
        Units of the frequencies in `filters`; Hz for a coordinate in s otherwise.

    Returns
    -------
    DataArray, shape (..., frequency), complex, units of `data`
        The positive frequencies with a response above zero, zero itself included. A cosine of
        amplitude A has the height A/2. Single precision stays single. Missing values are
        bridged as in `signal.filter_fourier`; NaN where a record has no finite value.
        `expand` makes of it what the filter makes of `data`, to rounding.

    Raises
    ------
    DataError
        The coordinate is missing or not uniform, or a band holds no frequency of the data.

    Notes
    -----
    :math:`c_k = \frac{1}{N} H(f_k) \sum_n x_n e^{-2 \pi i k n / N}`.

    Examples
    --------
    >>> import omniscopy as om
    >>> current = om.samples.current_voltage()
    >>> kept = om.spm.condense(current, om.signal.LowPass(5e3))
    >>> current.nbytes > 4 * kept.nbytes
    True
    """
    require_real(data)
    step = require_uniform(data, dim)
    chain = Chain.of(data, filters, dim, units=units, ends="periodic")
    own = frequency_units(units_of(data, dim))
    frequency = np.fft.rfftfreq(data.sizes[dim], abs(step))
    kept = np.flatnonzero(chain.gain > 0)
    name = frequency_name(dim)
    dtype = complex_type(data.dtype)
    (made,) = map_signal(
        _condensed, data, dim=dim, output_dims=[{name: len(kept)}], dtypes=[dtype],
        parameters={"chain": chain, "kept": kept, "dtype": dtype},
    )  # fmt: skip
    attrs = {str(key): value for key, value in data.coords[dim].attrs.items()}
    before = {
        "dim": dim, "size": data.sizes[dim], "start": float(data.coords[dim][0]), "step": step,
        "attrs": attrs,
    }  # fmt: skip
    unknown = {} if kind_of(name) else {"kind": "spectral", "quantity": "frequency"}
    across = coordinate(name, frequency[kept], own, **unknown, **{CONDENSED: before})
    made = made.assign_coords({name: across}).transpose(
        *(name if each == dim else each for each in data.dims)
    )
    return described(made, data, units=data.attrs.get("units"))


@operation(example={"data": "condensed"})
def expand(data: xr.DataArray, *, dim: str | None = None) -> xr.DataArray:
    r"""Make records again of the frequencies that `condense` kept.

    Parameters
    ----------
    data : DataArray, shape (..., frequency), complex
        What `condense` made, all of its frequencies or some of them. Lazy or in memory.
    dim : str
        Dimension of the frequencies; the only one that `condense` made otherwise.

    Returns
    -------
    DataArray, shape (..., time), real, units of `data`
        On the coordinate of the records; other coordinates along it are not kept.

    Raises
    ------
    DataError
        There is no dimension that `condense` made, or its frequencies are not those any more.

    Notes
    -----
    :math:`x_n = c_0 + 2\, \mathrm{Re} \sum_{k > 0} c_k e^{2 \pi i k n / N}`; of an even N the
    highest frequency counts once.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.spm.expand(om.samples.condensed()).dims
    ('y', 'x', 'time')
    """
    dim = _condensed_dim(data, dim)
    before = data.coords[dim].attrs[CONDENSED]
    size, step, name = int(before["size"]), float(before["step"]), str(before["dim"])
    own = frequency_units(before["attrs"].get("units"))
    found = units_of(data, dim)
    factor = 1.0 if own is None or found in (None, own) else conversion_factor(str(found), own)
    places = np.asarray(data.coords[dim].values, np.float64) * factor * size * abs(step)
    numbers = np.round(places).astype(np.int64)
    valid = np.abs(places - numbers) < 1e-3
    if not valid.all() or len({*numbers}) < len(numbers) or not _within(numbers, size // 2 + 1):
        message = (
            f"coordinate {dim!r} does not hold frequencies of a record of {size} samples any "
            "more; keep those that `condense` gave"
        )
        raise DataError(message)
    if name in data.dims or name in data.coords:
        message = f"there is a dimension or coordinate {name!r} already; rename it first"
        raise DataError(message)
    dtype = np.empty(0, complex_type(data.dtype)).real.dtype
    (made,) = map_signal(
        _expanded, data, dim=dim, output_dims=[{name: size}], dtypes=[dtype],
        parameters={"numbers": numbers, "size": size, "dtype": dtype},
    )  # fmt: skip
    stated = dict(before["attrs"])
    labels = float(before["start"]) + step * np.arange(size)
    along = coordinate(name, labels, stated.pop("units", None), **stated)
    made = made.assign_coords({name: along}).transpose(
        *(name if each == dim else each for each in data.dims)
    )
    return described(made, data, units=data.attrs.get("units"))


def _condensed(block: np.ndarray, *, chain: Chain, kept: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the kept frequencies of the lines of a block."""
    lines, missing = bridged(block.astype(chain.dtype, copy=False))
    spectra = chain.transformed(lines)
    gain = chain.gain_of(spectra) if chain.floors else chain.gain
    found = (spectra * gain)[..., kept].astype(dtype) / dtype.type(chain.size)
    return found if missing is None else np.where(missing.all(-1, keepdims=True), np.nan, found)


def _expanded(block: np.ndarray, *, numbers: np.ndarray, size: int, dtype: np.dtype) -> np.ndarray:
    """Return the records of some frequencies, zero at all others."""
    import scipy.fft

    spectra = np.zeros((*block.shape[:-1], size // 2 + 1), complex_type(block.dtype))
    spectra[..., numbers] = block * size
    return np.asarray(scipy.fft.irfft(spectra, size), dtype)


def _condensed_dim(data: xr.DataArray, dim: str | None) -> str:
    found = [str(d) for d in data.dims if d in data.coords and CONDENSED in data.coords[d].attrs]
    if dim is not None:
        require_dim(data, dim, ascending=False)
        found = [each for each in found if each == dim]
    if len(found) != 1:
        message = (
            f"dimensions {tuple(map(str, data.dims))} hold {len(found)} that `condense` made; "
            "give what it returned"
        )
        raise DataError(message)
    return found[0]


def _within(numbers: np.ndarray, count: int) -> bool:
    return not numbers.size or bool(0 <= numbers.min() <= numbers.max() < count)
