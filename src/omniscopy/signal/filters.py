"""Filters in Fourier space, given in units of frequency."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import BLOCK_BYTES, share_work
from omniscopy.model import (
    DataError,
    conversion_factor,
    coordinate,
    labelled,
    operation,
    require_choice,
    require_numbers,
    require_uniform,
    units_of,
)
from omniscopy.model.vocabulary import kind_of
from omniscopy.signal.frequencies import (
    floating_type,
    frequency_name,
    frequency_units,
)
from omniscopy.signal.noise import spectral_dim
from omniscopy.signal.pass_bands import Filter, Linear, LowPass, NoiseFloor
from omniscopy.signal.sums import described

Ends = Literal["periodic", "mirrored"]

_EXAMPLE = {
    "data": "spectrum_image", "filters": [LowPass(0.2), NoiseFloor(1e-3)],
    "dim": "energy_loss", "units": "1/eV",
}  # fmt: skip


@operation(example=_EXAMPLE)
def filter_fourier(
    data: xr.DataArray,
    filters: Filter | Sequence[Filter],
    dim: str | None = None,
    *,
    units: str | None = None,
    ends: Ends = "periodic",
) -> xr.DataArray:
    r"""Filter the frequencies of every line, without moving phases.

    Parameters
    ----------
    data : DataArray, shape (..., dim), real or complex
        Lazy or in memory, on a uniform coordinate of either direction.
    filters : filter or sequence of filters
        Of `LowPass`, `HighPass`, `BandPass`, `Notch`, `Harmonics` and `NoiseFloor`; what all
        let through stays (their product).
    dim : str
        Dimension of the lines; the only one of the signal otherwise.
    units : str
        Units of the frequencies in `filters`; Hz for a coordinate in s, kHz for ms, 1/nm for
        nm otherwise.
    ends : {"periodic", "mirrored"}
        How a line goes on beyond its ends: from the beginning again, or backwards, for data
        that end elsewhere than they begin.

    Returns
    -------
    DataArray, shape and units of `data`
        Real for real data, in single precision for data of single precision.
        Missing values stay missing: between them and the others a line is drawn for the
        filter. NaN where a line has no finite value.

    Raises
    ------
    DataError
        The coordinate is missing or not uniform, or a band holds no frequency of the data.

    Notes
    -----
    :math:`y = F^{-1}[H(|f|)\, F(x)]` with the product H of the responses (`filter_response`),
    which are real. Noise floors are those of the data before any filter.

    Examples
    --------
    >>> import omniscopy as om
    >>> smooth = om.signal.filter_fourier(om.samples.spectrum(), om.signal.LowPass(10.0))
    >>> smooth.attrs["units"]
    'counts'
    """
    chain = Chain.of(data, filters, dim, units=units, ends=ends)
    dtype = floating_type(data.dtype)
    (made,) = map_signal(
        chain.run, data, dim=chain.dim, output_dims=[{chain.dim: chain.size}], dtypes=[dtype],
        parameters={"threads": None if data.chunks is None else 1},
    )  # fmt: skip
    lost = {name: each for name, each in data.coords.items() if name not in made.coords}
    made = made.assign_coords(lost).transpose(*data.dims)
    return described(made, data, units=data.attrs.get("units"))


@operation(example=_EXAMPLE)
def filter_response(
    data: xr.DataArray,
    filters: Filter | Sequence[Filter],
    dim: str | None = None,
    *,
    units: str | None = None,
    ends: Ends = "periodic",
) -> xr.DataArray:
    r"""Calculate what `filter_fourier` with the same arguments multiplies the frequencies by.

    Parameters
    ----------
    data : DataArray, shape (..., dim), real or complex
        What is to be filtered.
    filters : filter or sequence of filters
        As for `filter_fourier`.
    dim : str
        Dimension of the lines; the only one of the signal otherwise.
    units : str
        Units of the frequencies in `filters`, and of the result's.
    ends : {"periodic", "mirrored"}
        How a line goes on beyond its ends.

    Returns
    -------
    DataArray, shape (frequency) or (..., frequency), 1
        Between 0 and 1, over the frequencies from zero on (of complex data over all); with the
        other dimensions of `data` if a noise floor is among the filters.

    Raises
    ------
    DataError
        The coordinate is missing or not uniform, or a band holds no frequency of the data.

    Notes
    -----
    :math:`H(f) = \prod_i H_i(|f|)` over the filters.

    Examples
    --------
    >>> import omniscopy as om
    >>> band = om.signal.BandPass(5.0, 2.0)
    >>> om.signal.filter_response(om.samples.spectrum(), band).dims
    ('energy_frequency',)
    """
    chain = Chain.of(data, filters, dim, units=units, ends=ends)
    across = chain.coordinate()
    name = str(across.dims[0])
    response = xr.DataArray(chain.gain, dims=name)
    if chain.floors:
        (response,) = map_signal(
            chain.gains, data, dim=chain.dim, output_dims=[{name: across.size}],
            dtypes=[np.float64],
        )  # fmt: skip
    if not chain.is_real:
        response = response.isel({name: np.fft.fftshift(np.arange(across.size))})
    response = response.assign_coords({name: across})
    return labelled(response, units="1", long_name="Response of the filters", quantity="response")


@dataclass(frozen=True)
class Chain:
    """Filters as they act on lines of `size` values, which are lengthened to `length`."""

    dim: str
    size: int
    length: int
    dtype: np.dtype
    frequency: np.ndarray  # in the order of the transform
    units: str | None
    gain: np.ndarray
    floors: tuple[NoiseFloor, ...]

    @classmethod
    def of(
        cls, data: xr.DataArray, filters: Any, dim: str | None, *, units: str | None, ends: str
    ) -> "Chain":
        """Return the filters for the lines of `data`; raise where they do not fit."""
        require_numbers(data)
        require_choice("ends", ends, get_args(Ends))
        chosen = _checked(filters, ends)
        dim = spectral_dim(data, dim, at_least=2)
        step, size = abs(require_uniform(data, dim)), data.sizes[dim]
        length = 2 * size if ends == "mirrored" else size
        own = frequency_units(units_of(data, dim))
        frequency = np.fft.fftfreq if data.dtype.kind == "c" else np.fft.rfftfreq
        values = frequency(length, step) * _factor(own, units, dim)
        gain = np.ones(values.shape)
        for each in chosen:
            if not isinstance(each, NoiseFloor):
                gain *= _response(each, np.abs(values), dim, units or own)
        floors = tuple(each for each in chosen if isinstance(each, NoiseFloor))
        return cls(
            dim=dim, size=size, length=length, dtype=floating_type(data.dtype), frequency=values,
            units=units or own, gain=gain, floors=floors,
        )  # fmt: skip

    @property
    def is_real(self) -> bool:
        """Return whether the lines are, and their spectra one-sided."""
        return self.dtype.kind != "c"

    def coordinate(self) -> xr.Variable:
        """Return the frequencies in ascending order."""
        name = frequency_name(self.dim)
        unknown = {} if kind_of(name) else {"kind": "spectral", "quantity": "frequency"}
        return coordinate(name, np.sort(self.frequency), self.units, **unknown)

    def run(self, block: np.ndarray, *, threads: int | None) -> np.ndarray:
        """Return the filtered lines of a block."""
        import scipy.fft

        rows = block.reshape(-1, self.size)
        made = np.empty(rows.shape, dtype=self.dtype)
        gain = self.gain.astype(self.dtype.type(0).real.dtype)
        back = scipy.fft.irfft if self.is_real else scipy.fft.ifft

        def work(begin: int) -> None:
            part = slice(begin, begin + begins.step)
            lines, missing = bridged(rows[part].astype(self.dtype, copy=False))
            spectra = self.transformed(lines)
            spectra *= self.gain_of(spectra) if self.floors else gain
            made[part] = back(spectra, self.length, overwrite_x=True)[:, : self.size]
            if missing is not None:
                made[part][missing] = np.nan

        # Several lines are transformed at once by the instructions of the processor.
        count = max(16, BLOCK_BYTES // (self.length * self.dtype.itemsize))
        begins = range(0, len(rows), count)
        share_work(work, begins, threads)
        return made.reshape(block.shape)

    def gains(self, block: np.ndarray) -> np.ndarray:
        """Return the responses for the lines of a block, NaN where there is no value."""
        lines, missing = bridged(block.astype(self.dtype, copy=False))
        gains = self.gain_of(self.transformed(lines))
        return gains if missing is None else np.where(missing.all(-1, keepdims=True), np.nan, gains)

    def transformed(self, lines: np.ndarray) -> np.ndarray:
        """Return the spectra of lines without gaps."""
        import scipy.fft

        if self.length > self.size:
            lines = np.concatenate([lines, lines[..., ::-1]], axis=-1)
        return scipy.fft.rfft(lines) if self.is_real else scipy.fft.fft(lines)

    def gain_of(self, spectra: np.ndarray) -> np.ndarray:
        """Return the product of the linear filters and of what is above the floors."""
        gain = np.broadcast_to(self.gain, spectra.shape)
        amplitudes = np.abs(spectra)
        # Frequency zero is no noise, and that of Nyquist is real: it is distributed otherwise.
        inner = slice(1, (self.length - 1) // 2 + 1) if self.is_real else slice(1, None)
        for floor in self.floors:
            threshold = floor.threshold(amplitudes[..., inner])
            gain = gain * (amplitudes >= threshold[..., None])
        return gain


def _checked(filters: Any, ends: str) -> list[Filter]:
    chosen = list(filters) if isinstance(filters, Sequence) else [filters]
    for each in chosen:
        if not isinstance(each, Filter):
            names = ", ".join(kind.__name__ for kind in get_args(Filter))
            message = f"filters must be of {names}; got {each!r}"
            raise DataError(message)
        if isinstance(each, NoiseFloor) and ends == "mirrored":
            message = (
                "a noise floor is that of lines as they were measured; leave out "
                "`ends='mirrored'`, or filter twice"
            )
            raise DataError(message)
    if not chosen:
        message = "there is no filter; give one such as LowPass(100.0)"
        raise DataError(message)
    return chosen


def _factor(own: str | None, units: str | None, dim: str) -> float:
    """Return what brings frequencies from their own units to those of the filters."""
    if units is None:
        return 1.0
    if own is None:
        message = f"coordinate {dim!r} has no units, so that {units!r} has no meaning there"
        raise DataError(message)
    return conversion_factor(own, units)


def _response(each: Linear, frequency: np.ndarray, dim: str, units: str | None) -> np.ndarray:
    """Return the response of a filter; raise where it does nothing, or leaves nothing."""
    response = each.response(frequency)
    ordered = np.unique(frequency)
    step = ordered[1]
    lost = [band for band in each.bands if not np.any((band[0] <= ordered) & (ordered <= band[1]))]
    if lost or np.all(response == response.flat[0]):
        where = f" (from {lost[0][0]:g} to {lost[0][1]:g})" if lost else ""
        message = (
            f"{each} holds no frequency of the data{where}: those of {dim!r} are 0 to "
            f"{ordered[-1]:g} {units or 'periods per unit'} in steps of {step:g}"
        )
        raise DataError(message)
    return response


def bridged(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return lines without gaps, and what is missing in them: `None` where nothing is."""
    finite: np.ndarray = np.isfinite(lines)
    if finite.all():
        return lines, None
    lines, places = lines.copy(), np.arange(lines.shape[-1])
    for row in zip(*np.nonzero(~finite.all(-1)), strict=True):
        known = finite[row]
        values = lines[row][known]
        lines[row] = np.interp(places, places[known], values) if known.any() else 0.0
    return lines, ~finite
