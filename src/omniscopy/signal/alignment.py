"""Spectra that are shifted along their axis: how far, and what they are without it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal, read_again
from omniscopy.compute.threads import share_spectra
from omniscopy.model import (
    DataError,
    operation,
    require_array,
    require_real,
    require_window,
    result,
    units_of,
)
from omniscopy.signal.axes import require_length, require_step
from omniscopy.signal.noise import spectral_dim
from omniscopy.signal.precision import single_or_double
from omniscopy.signal.shifts import SPECIMENS, Search, common_reference
from omniscopy.signal.splines import shift_back

_REACH = 0.125
_KEPT = ("long_name", "quantity", "signal_type")


@operation(example={"data": "drifting_spectra", "reference": "spectrum"})
def align_signals(
    data: xr.DataArray,
    dim: str | None = None,
    *,
    reference: xr.DataArray | Mapping[str, Any] | None = None,
    window: tuple[float, float] | None = None,
    max_shift: float | None = None,
) -> xr.Dataset:
    r"""Align spectra by the shift that makes each most like a reference.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory. The coordinate is uniform and may descend.
    dim : str
        Dimension of the spectra; the only one of the signal otherwise.
    reference : DataArray, or mapping of dimension to label or slice
        A spectrum on the same axis, or one for each point; or the part of `data` of which the
        mean is taken. Otherwise the mean of up to 64 spectra from all over the data, aligned to
        the one that is most like the others.
    window : (low, high), units of the coordinate
        The part of the spectra that is compared; all otherwise.
    max_shift : float, units of the coordinate
        Shifts are looked for up to here, in both directions. An eighth of the axis otherwise.

    Returns
    -------
    Dataset, shape (...) and (..., dim)
        ``shift`` and ``shift_std``, in units of the coordinate: positive where a spectrum lies at
        larger coordinates than the reference. ``correlation`` with the reference, from -1 to 1.
        ``aligned``, in units of `data`: the spectra shifted back, by cubic splines, NaN where
        they do not reach. ``status``: 3 (at bound) where the shift is `max_shift` or more; 4 (no
        data) where fewer than 4 channels are finite; 5 (invalid) where nothing is alike, as in
        constant spectra; the last two have no shift, and are NaN.

    Raises
    ------
    DataError
        The dimension is missing or not uniform; the window lies outside or holds fewer than 4
        channels; `max_shift` is less than a channel or more than half of the axis; the
        reference is on another axis; there is nothing that a single spectrum is aligned to.

    Notes
    -----
    The shift :math:`s` with the largest Pearson coefficient of :math:`y(x)` and
    :math:`r(x - s)`, over the channels that both have: least squares of
    :math:`a\,r(x - s) + b` with any strength and offset. Between channels it is the maximum of
    the polynomial through 9 lags. ``shift_std`` is what white noise of the spectrum, as large as
    the residuals, does to it; noise of the reference is not part of it.

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.samples.drifting_spectra()
    >>> found = om.signal.align_signals(data, reference={"frame": 0})
    >>> found["shift"].values[[6, 18]].round(2)
    array([ 0.04, -0.04])
    """
    require_real(data)
    dim = spectral_dim(data, dim, at_least=4)
    step = require_step(data, dim, what="the shift")
    size = data.sizes[dim]
    search = Search(*_window(data, dim, window), _reach(data, dim, max_shift))
    spectrum = _reference(data, dim, reference, search)
    again = read_again(data, spectrum) if not isinstance(reference, xr.DataArray) else data
    kind = single_or_double(data.dtype)
    shift, std, correlation, status, aligned = map_signal(
        _align, again, dim=dim, also=[spectrum], parameters={"search": search, "kind": kind},
        output_dims=[{}] * 4 + [{dim: size}],
        dtypes=[np.float64] * 3 + [np.uint8, kind],
    )  # fmt: skip
    along = units_of(data, dim)
    aligned = aligned.assign_coords({dim: data.coords[dim]})
    found = result(
        None, shift=(shift * step, along), shift_std=(std * abs(step), along),
        correlation=(correlation, "1"), status=(status, "1"),
        aligned=(aligned, data.attrs.get("units")),
    )  # fmt: skip
    kept = {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    return found.assign(aligned=found["aligned"].assign_attrs(kept))


def _align(
    block: np.ndarray, reference: np.ndarray, *, search: Search, kind: np.dtype
) -> tuple[np.ndarray, ...]:
    """Return shifts, their spread, correlations, outcomes, and the spectra shifted back."""
    shape = np.broadcast_shapes(block.shape, reference.shape)
    spectra = np.broadcast_to(block, shape).reshape(-1, shape[-1])
    single = reference.size == shape[-1]
    rows = reference if single else np.broadcast_to(reference, shape)
    found = search.find(spectra, rows.reshape(-1, shape[-1]))
    aligned = share_spectra(
        shift_back, spectra, found.shift[:, None], size=shape[-1], dtype=kind
    ).reshape(shape)
    return (*(column.reshape(shape[:-1]) for column in found), aligned)


def _reference(
    data: xr.DataArray,
    dim: str,
    given: xr.DataArray | Mapping[str, Any] | None,
    search: Search,
) -> xr.DataArray:
    """Return the spectrum, or spectra, that others are aligned to."""
    others = [str(each) for each in data.dims if each != dim]
    if given is None:
        if math.prod(data.sizes[each] for each in others) < 2:
            message = "one spectrum, or none, has nothing to be aligned to; give `reference`"
            raise DataError(message)
        specimens = _evenly(data, others)
        (made,) = map_signal(
            lambda block: common_reference(block.reshape(-1, block.shape[-1]), search),
            specimens, dim=[*others, dim], output_dims=[{dim: data.sizes[dim]}],
        )  # fmt: skip
        return made
    if isinstance(given, Mapping):
        return _mean_of_part(data, others, given)
    require_array(given)
    require_real(given)
    same = dim in given.dims and given.sizes[dim] == data.sizes[dim]
    if same and dim in given.coords:
        theirs, ours = (np.asarray(each.coords[dim].values, np.float64) for each in (given, data))
        same = bool(np.allclose(theirs, ours, rtol=0, atol=1e-3 * abs(ours[1] - ours[0])))
    if not same:
        message = (
            f"the reference must have the {data.sizes[dim]} channels of {dim!r} that the data "
            f"have, got {dict(given.sizes)} on another axis; resample it with `reference.interp`"
        )
        raise DataError(message)
    return given


def _mean_of_part(data: xr.DataArray, others: list[str], labels: Mapping[str, Any]) -> xr.DataArray:
    wrong = [name for name in labels if name not in others]
    if wrong:
        message = f"reference {dict(labels)!r}: {wrong} are not among the dimensions {others}"
        raise DataError(message)
    try:
        part = data.sel(dict(labels))
    except KeyError as error:
        message = f"reference {dict(labels)!r}: there is no such label ({error})"
        raise DataError(message) from None
    over = [each for each in others if each in part.dims]
    if any(part.sizes[each] == 0 for each in over):
        message = f"reference {dict(labels)!r} holds no spectrum"
        raise DataError(message)
    part = part.astype(np.float64)
    count = part.notnull().sum(over)
    return part.sum(over).where(count > 0) / count.where(count > 0, 1)


def _evenly(data: xr.DataArray, others: list[str]) -> xr.DataArray:
    """Return a few spectra from all over the data."""
    room = SPECIMENS
    strides = {}
    for number, each in enumerate(sorted(others, key=lambda name: data.sizes[name])):
        wanted = max(1, round(room ** (1 / (len(others) - number))))
        stride = -(-data.sizes[each] // wanted)
        strides[each] = slice((data.sizes[each] - 1) % stride // 2, None, stride)
        room //= max(1, -(-data.sizes[each] // stride))
    return data.isel(strides)


def _window(data: xr.DataArray, dim: str, window: tuple[float, float] | None) -> tuple[int, int]:
    """Return the first channel of the window, and the one after the last."""
    if window is None:
        return 0, data.sizes[dim]
    axis = data.coords[dim].drop_attrs()
    ascends = data.indexes[dim].is_monotonic_increasing
    require_window(axis if ascends else axis[::-1], dim, window, at_least=4)
    inside = np.flatnonzero((axis.values >= window[0]) & (axis.values <= window[1]))
    return int(inside[0]), int(inside[-1]) + 1


def _reach(data: xr.DataArray, dim: str, max_shift: float | None) -> int:
    """Return how many channels a spectrum may be shifted."""
    size = data.sizes[dim]
    if max_shift is None:
        return max(1, int(_REACH * size))
    channels = require_length(data, dim, max_shift, name="max_shift", at_least=1)
    if channels > size / 2:
        message = (
            f"max_shift {max_shift:g} is more than half of {dim!r}, where too little of a "
            "spectrum is left to compare"
        )
        raise DataError(message)
    return int(channels + 1e-9)
