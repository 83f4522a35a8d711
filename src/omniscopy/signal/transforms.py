"""Fourier transforms with the units, the origin and the scale of their axis."""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    kind_of_dim,
    labelled,
    operation,
    require_choice,
    require_numbers,
    signal_type_of,
    units_of,
)
from omniscopy.model.units import product
from omniscopy.signal.frequencies import (
    TRANSFORM,
    Axis,
    Back,
    Scaling,
    complex_type,
    transformed_dims,
    turns,
    workers_for,
)


@operation(example={"data": "spectrum_image", "dim": "energy_loss"})
def fourier(
    data: xr.DataArray,
    dim: str | Sequence[str] | None = None,
    *,
    one_sided: bool = False,
    scaling: Scaling = "integral",
) -> xr.DataArray:
    r"""Transform to frequencies along one or several dimensions.

    Parameters
    ----------
    data : DataArray, shape (..., dim), real or complex
        Lazy or in memory, on a uniform coordinate of either direction.
    dim : str or sequence of str
        What is transformed; the only dimension of the signal otherwise.
    one_sided : bool
        Leave out the negative frequencies of real data, along the last of the dimensions.
    scaling : {"integral", "mean"}
        "integral" approximates the continuous transform; "mean" keeps the units of `data`: a
        cosine of amplitude A has the height A/2 at its positive and its negative frequency.

    Returns
    -------
    DataArray, shape (..., frequency), complex
        Over frequencies in periods per unit (Hz for seconds), ascending, zero in the middle
        (number ``n // 2``), or first where one-sided. `time` becomes `frequency`, `x` becomes
        `kx`, `energy` becomes `energy_frequency`. In units of `data` times those of the
        coordinates ("integral") or of `data` ("mean"). Single precision stays single.
        NaN where one of the transformed values is missing.

    Raises
    ------
    DataError
        A coordinate is missing or not uniform, or complex data are to be one-sided.

    Notes
    -----
    .. math::
        F(f) = \Delta t \sum_n x(t_n)\, e^{-2 \pi i f t_n}

    with the labels :math:`t_n` of the coordinate, so that the phase is that at label zero,
    wherever the data begin; "mean" has :math:`1/n` in place of :math:`\Delta t`. Then
    :math:`\sum |x|^2 \Delta t = \sum |F|^2 \Delta f` over all frequencies (Parseval).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.signal.fourier(om.samples.surface(), ["y", "x"])
    >>> found.dims, found["kx"].attrs["units"], found.attrs["units"]
    (('ky', 'kx'), '1/nm', 'nm^3')
    """
    require_numbers(data)
    dims = transformed_dims(data, dim)
    require_choice("scaling", scaling, get_args(Scaling))
    if one_sided and data.dtype.kind == "c":
        message = "complex data have no one-sided spectrum; leave out `one_sided=True`"
        raise DataError(message)
    axes = [Axis.of(data, each) for each in dims]
    across = {
        axis.across: axis.frequencies(one_sided=one_sided and axis is axes[-1], scaling=scaling)
        for axis in axes
    }
    _require_free(data, dims, across)
    forward = data.isel({axis.dim: slice(None, None, -1) for axis in axes if axis.step < 0})
    dtype = complex_type(data.dtype)
    (made,) = map_signal(
        _transformed, forward, dim=dims, dtypes=[dtype],
        output_dims=[{name: values.size for name, values in across.items()}],
        parameters={
            "axes": axes, "one_sided": one_sided, "scaling": scaling, "dtype": dtype,
            "workers": workers_for(data),
        },
    )  # fmt: skip
    made = made.assign_coords(across).transpose(
        *(axes[dims.index(str(d))].across if d in dims else d for d in data.dims)
    )
    units = data.attrs.get("units")
    if scaling == "integral":
        units = product((units, 1), *((units_of(data, each), 1) for each in dims))
    return _named(made, units, "Fourier transform")


@operation(example={"spectra": "band_excitation", "dim": "frequency"})
def inverse_fourier(
    spectra: xr.DataArray, dim: str | Sequence[str] | None = None, *, start: float | None = None
) -> xr.DataArray:
    r"""Transform back from frequencies along one or several dimensions.

    Parameters
    ----------
    spectra : DataArray, shape (..., frequency), real or complex
        What `fourier` made, or the response in a band of frequencies; zero outside of it.
        Lazy or in memory, on a uniform coordinate.
    dim : str or sequence of str
        What is transformed; all that `fourier` made otherwise.
    start : float, units of the result's coordinate
        First label of the result; that of the transformed data, or zero, otherwise.

    Returns
    -------
    DataArray, shape (..., dim), units of the data
        On the coordinate of the data that were transformed, if no frequency was left out; real
        if the spectra are one-sided. Of a band of width B the steps are 1/B.

    Raises
    ------
    DataError
        A coordinate is missing or not uniform, or a part of one-sided spectra is gone.

    Notes
    -----
    :math:`x(t) = \Delta f \sum_k F(f_k)\, e^{2 \pi i f_k t}`, with the frequencies
    :math:`f_k` of the coordinate; without :math:`\Delta f` for the scaling "mean".

    Examples
    --------
    >>> import omniscopy as om
    >>> response = om.signal.inverse_fourier(om.samples.band_excitation(), "frequency")
    >>> response.dims, response["time"].attrs["units"]
    (('y', 'x', 'time'), 's')
    """
    require_numbers(spectra)
    if dim is None:
        dim = [str(each) for each in spectra.dims if TRANSFORM in spectra[each].attrs] or None
    dims = transformed_dims(spectra, dim)
    backs = [Back.of(spectra, each, start) for each in dims]
    halves = [back for back in backs if back.one_sided]
    # The real transform has to be the last one.
    backs = [back for back in backs if not back.one_sided] + halves
    if len(halves) > 1:
        message = f"dimensions {[back.dim for back in halves]} are both one-sided; only one can be"
        raise DataError(message)
    along = {back.name: back.coordinate() for back in backs}
    _require_free(spectra, dims, along)
    forward = spectra.isel({back.dim: slice(None, None, -1) for back in backs if back.descends})
    dtype = complex_type(spectra.dtype)
    if halves:
        dtype = np.dtype(np.float32 if dtype == np.complex64 else np.float64)
    (made,) = map_signal(
        _restored, forward, dim=[back.dim for back in backs], dtypes=[dtype],
        output_dims=[{name: values.size for name, values in along.items()}],
        parameters={"backs": backs, "dtype": dtype, "workers": workers_for(spectra)},
    )  # fmt: skip
    names = {back.dim: back.name for back in backs}
    made = made.assign_coords(along).transpose(*(names.get(str(d), d) for d in spectra.dims))
    made = made.isel({back.name: slice(None, None, -1) for back in backs if back.turned})
    units = product(
        (spectra.attrs.get("units"), 1),
        *((back.units, -1) for back in backs if back.scaling == "integral"),
    )
    return _named(made, units, "Inverse Fourier transform")


def _transformed(
    block: np.ndarray,
    *,
    axes: Sequence[Axis],
    one_sided: bool,
    scaling: Scaling,
    dtype: np.dtype,
    workers: int,
) -> np.ndarray:
    """Return the transforms of a block whose last axes are `axes`, ascending."""
    import scipy.fft

    real = block.dtype.kind != "c"
    values = np.asarray(block, dtype=np.empty(0, dtype).real.dtype if real else dtype)
    places = list(range(-len(axes), 0))
    if one_sided:
        spectra = scipy.fft.rfftn(values, axes=places, workers=workers)
    else:
        spectra = scipy.fft.fftn(values, axes=places, workers=workers)
    whole = places[:-1] if one_sided else places
    spectra = np.fft.fftshift(spectra, axes=whole)
    scale = np.prod([abs(axis.step) if scaling == "integral" else 1 / axis.size for axis in axes])
    for place, axis in zip(places, axes, strict=True):
        turn = axis.turn(one_sided=place not in whole)
        spectra *= _along(turn * scale if place == -1 else turn, place, spectra)
    return spectra


def _restored(
    block: np.ndarray, *, backs: Sequence[Back], dtype: np.dtype, workers: int
) -> np.ndarray:
    """Return the inverse transforms of a block whose last axes are those of `backs`."""
    import scipy.fft

    values = np.array(block, dtype=complex_type(block.dtype))
    for place, back in zip(range(-len(backs), 0), backs, strict=True):
        size = values.shape[place]
        scale = back.size * (back.step if back.scaling == "integral" else 1.0)
        turn = scale * turns(back.start * back.step, np.arange(size))
        values *= _along(turn, place, values)
        if back.one_sided:
            return np.asarray(scipy.fft.irfft(values, back.size, workers=workers), dtype=dtype)
        values = scipy.fft.ifft(values, axis=place, workers=workers, overwrite_x=True)
        turn = turns(back.first / back.step / size, np.arange(size))
        values *= _along(turn * turns(back.first * back.start, np.ones(1)), place, values)
    return values


def _along(factors: np.ndarray, place: int, values: np.ndarray) -> np.ndarray:
    """Return factors as they multiply `values` along an axis that is counted from the end."""
    return factors.astype(values.dtype).reshape(-1, *[1] * (-place - 1))


def _require_free(data: xr.DataArray, dims: Sequence[str], names: Any) -> None:
    """Raise if a new dimension is there already."""
    taken = [name for name in names if name in data.dims and name not in dims]
    if taken:
        message = (
            f"the result has a dimension {taken[0]!r}, which the data have already; rename it "
            f"with `data.rename({taken[0]}=...)`"
        )
        raise DataError(message)


def _named(made: xr.DataArray, units: str | None, title: str) -> xr.DataArray:
    kinds = [kind_of_dim(made, each) for each in made.dims]
    return labelled(
        made, units=units, long_name=title, quantity=title.lower(),
        signal_type=signal_type_of(kinds),
    )  # fmt: skip
