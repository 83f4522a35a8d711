"""Spikes: what cosmic rays and faulty channels leave in spectra."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import blocks_of, share_work
from omniscopy.model import (
    DataError,
    Status,
    dims_of_kind,
    operation,
    require_dims,
    require_real,
    result,
)
from omniscopy.signal.axes import require_length, require_sorted
from omniscopy.signal.noise import spectral_dim
from omniscopy.signal.precision import single_or_double

# Channels that the narrowest real peak has, and those of a spectrum, at least.
_NARROWEST, _AT_LEAST = 3.0, 5
_COUNTED = ("counts", "electrons")
_KEPT = ("long_name", "quantity", "signal_type")


@operation(example={"data": "spectrum_image"})
def remove_spikes(
    data: xr.DataArray,
    dim: str | None = None,
    *,
    threshold: float | None = None,
    min_width: float | None = None,
    noise: float | Literal["poisson"] | None = None,
    neighbours: str | Sequence[str] | None = None,
) -> xr.Dataset:
    r"""Remove spikes from spectra: single channels, or few, that no real peak explains.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory.
    dim : str
        Dimension of the spectra; the only one of the signal otherwise.
    threshold : float
        How far a spike stands out on both sides, in standard deviations of the noise.
        Otherwise :math:`2 \sqrt{\ln n} + 3/2` for `n` channels, which noise hardly reaches in
        ten thousand spectra.
    min_width : float, units of the coordinate
        Full width at half maximum of the narrowest real peak: only what is steeper than a
        Gaussian of this width is a spike. 3 channels otherwise.
    noise : float in units of `data`, or "poisson"
        Standard deviation of the noise. Otherwise found by second differences of each spectrum
        and, beside strong peaks, around the spike; and not less than the root of counts.
    neighbours : str or sequence of str
        Dimensions along which neighbouring spectra are compared: what they have too is no
        spike, however narrow. All that are spatial or temporal otherwise; none for ``()``.

    Returns
    -------
    Dataset, shape (..., dim) and (...)
        ``cleaned``, in units of `data`: spikes replaced by the line between the channels beside
        them, all else as it was. ``spike``: where. ``count``: how many of each spectrum.
        ``status``: 4 (no data) where fewer than 5 channels are finite.

    Raises
    ------
    DataError
        The dimension is missing, not sorted or has fewer than 5 points; a parameter is not above
        0; `neighbours` are not among the other dimensions.

    Notes
    -----
    The differences between neighbouring channels, over their robust standard deviation, are
    modified z-scores [1]_. A run of channels is a spike if the steps up and down at its ends are
    above `threshold`, and above what the steepest Gaussian of `min_width` has for its height plus
    half of `threshold`; its feet go with it. From each spectrum the median of its neighbours, as
    strong as it is there, is taken away before: 8 in two dimensions, 4 in one. The first and the
    last channel are never spikes.

    References
    ----------
    .. [1] D. A. Whitaker and K. Hayes, *Chemom. Intell. Lab. Syst.* 179, 82 (2018).

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.samples.spectrum_image()
    >>> data[3, 4, 100] += 5000.0
    >>> found = om.signal.remove_spikes(data)
    >>> int(found["count"].sum()), bool(found["spike"][3, 4, 100])
    (1, True)
    """
    require_real(data)
    dim = spectral_dim(data, dim, at_least=_AT_LEAST)
    require_sorted(data, dim)
    channels = _NARROWEST
    if min_width is not None:
        channels = require_length(data, dim, min_width, name="min_width", at_least=1)
    size = data.sizes[dim]
    if threshold is not None and not (math.isfinite(threshold) and threshold > 0):
        message = f"threshold must be above 0, got {threshold!r}"
        raise DataError(message)
    near = _neighbours(data, dim, neighbours)
    level = _level(noise)
    is_counted = data.attrs.get("units") in _COUNTED or data.dtype.kind in "iub"
    marking = _Marking(
        threshold=2.0 * math.sqrt(math.log(size)) + 1.5 if threshold is None else threshold,
        channels=channels, noise=level, counts=level == 0 or (noise is None and is_counted),
        near=len(near),
    )  # fmt: skip
    spike = marking.of(data, [*near, dim])
    kind = single_or_double(data.dtype)
    cleaned, count, status = map_signal(
        _clean, data, dim=dim, also=[spike], parameters={"kind": kind},
        output_dims=[{dim: size}, {}, {}], dtypes=[kind, np.int64, np.uint8],
    )  # fmt: skip
    cleaned = cleaned.assign_coords({dim: data.coords[dim]}).transpose(*data.dims)
    found = result(
        None, cleaned=(cleaned, data.attrs.get("units")),
        spike=(spike.transpose(*data.dims), "1"), count=(count, "1"), status=(status, "1"),
    )  # fmt: skip
    kept = {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    return found.assign(cleaned=found["cleaned"].assign_attrs(kept))


@dataclass(frozen=True)
class _Marking:
    """How spikes are marked; `near` dimensions before the last one have neighbours."""

    threshold: float
    channels: float
    noise: float
    counts: bool
    near: int

    @property
    def reach(self) -> int:
        """Return how far away neighbours are, in points."""
        return 2 if self.near == 1 else 1

    def of(self, data: xr.DataArray, last: list[str]) -> xr.DataArray:
        """Return where `data` have spikes; the dimensions in `last` are the last ones."""
        arranged = data.transpose(..., *last)
        if arranged.chunks is None:
            return arranged.copy(data=self.run(arranged.values))
        from dask.array import map_overlap

        values = arranged.chunk({last[-1]: -1}).data
        first = values.ndim - len(last)
        depth = {first + axis: self.reach for axis in range(self.near)}
        marked = map_overlap(  # type: ignore[no-untyped-call]
            self.run, values, depth=depth, boundary="none", dtype=bool,
            meta=np.empty((0,) * values.ndim, dtype=bool),
        )  # fmt: skip
        return arranged.copy(data=marked)

    def run(self, block: np.ndarray) -> np.ndarray:
        """Return where the spectra of a block have spikes."""
        from omniscopy.signal import spike_kernel

        size = block.shape[-1]
        spectra = np.ascontiguousarray(block, single_or_double(block.dtype)).reshape(-1, size)
        spikes = np.zeros(spectra.shape, dtype=bool)
        table = self.table(block.shape[:-1])
        steepness, longest = steepest_gaussian(self.channels)
        search = spike_kernel.Search(self.threshold, steepness, longest, self.noise, self.counts)
        blocks = blocks_of(*spectra.shape)

        def work(begin: int) -> None:
            end = min(begin + blocks.step, len(spectra))
            space = spike_kernel.new_space(size, table.shape[1])
            spike_kernel.run(spectra, table, begin, end, search, space, spikes)

        share_work(work, blocks)
        return spikes.reshape(block.shape)

    def table(self, shape: Sequence[int]) -> np.ndarray:
        """Return the numbers of the neighbours of each spectrum, -1 beyond the edges."""
        rows = np.arange(math.prod(shape)).reshape(shape)
        if not self.near:
            return np.empty((rows.size, 0), dtype=np.int64)
        margin = [(0, 0)] * (rows.ndim - self.near) + [(self.reach, self.reach)] * self.near
        wide = np.pad(rows, margin, constant_values=-1)
        columns = []
        for offsets in itertools.product(range(2 * self.reach + 1), repeat=self.near):
            if any(offset != self.reach for offset in offsets):
                parts: list[Any] = [
                    slice(offset, offset + length)
                    for offset, length in zip(offsets, shape[rows.ndim - self.near :], strict=True)
                ]
                columns.append(wide[(Ellipsis, *parts)].ravel())
        return np.stack(columns, axis=-1).astype(np.int64)


def steepest_gaussian(width: float) -> tuple[float, int]:
    """Return how steep a Gaussian of `width` channels is at most, and how long spikes may be.

    The smaller of the steps up and down at the ends of a run of channels, over the height; the
    largest for any run that is shorter than the width, and for any place between channels.
    """
    longest = max(1, math.ceil(width) - 1)
    reach = longest + 2
    channels = np.arange(-reach, reach + 1)
    places = np.linspace(0.0, 1.0, 101)[:, None]
    values = np.exp(-4.0 * math.log(2.0) * ((channels - places) / width) ** 2)
    steepest = 0.0
    for length in range(1, longest + 1):
        rise = np.diff(values, axis=1)
        up, down = rise[:, : rise.shape[1] - length], -rise[:, length:]
        windows = np.lib.stride_tricks.sliding_window_view(values[:, 1:-1], length, axis=1)
        steepest = max(steepest, float(np.max(np.minimum(up, down) / windows.max(axis=-1))))
    return steepest, longest


def _clean(
    values: np.ndarray, spike: np.ndarray, *, kind: np.dtype
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return spectra without spikes, how many spikes they had, and whether there were data."""
    from omniscopy.signal import spike_kernel

    outer, size = values.shape[:-1], values.shape[-1]
    spectra = np.ascontiguousarray(values, kind).reshape(-1, size)
    marks = np.ascontiguousarray(spike).reshape(-1, size)
    cleaned = np.empty_like(spectra)
    count, present = np.empty((2, len(spectra)), dtype=np.int64)
    blocks = blocks_of(*spectra.shape)

    def work(begin: int) -> None:
        end = min(begin + blocks.step, len(spectra))
        spike_kernel.clean(spectra, marks, begin, end, cleaned, count, present)

    share_work(work, blocks)
    status = np.where(present < _AT_LEAST, Status.NO_DATA, Status.CONVERGED).astype(np.uint8)
    return cleaned.reshape(values.shape), count.reshape(outer), status.reshape(outer)


def _neighbours(data: xr.DataArray, dim: str, given: str | Sequence[str] | None) -> list[str]:
    if given is None:
        return [each for each in dims_of_kind(data, "spatial", "temporal") if each != dim]
    names = [given] if isinstance(given, str) else list(given)
    require_dims(data, names)
    if dim in names or len(set(names)) < len(names):
        message = f"neighbours {names} must be other dimensions than {dim!r}, each named once"
        raise DataError(message)
    return names


def _level(noise: float | str | None) -> float:
    """Return the noise that is given, NaN where it is found in each spectrum, or 0 of counts."""
    if noise is None:
        return math.nan
    if noise == "poisson":
        return 0.0
    if isinstance(noise, str) or not (math.isfinite(noise) and noise > 0):
        message = f"noise must be a number above 0 or 'poisson', got {noise!r}"
        raise DataError(message)
    return float(noise)
