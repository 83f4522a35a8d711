"""Where detectors are on patterns: around a given point, the disc, or a point for each position."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.diffraction.centre import find_centre
from omniscopy.diffraction.detectors import Centre, Detector
from omniscopy.model import DataError, require_plane, require_same_direction, units_of

_NAMES = (("ky", "kx"), ("com_y", "com_x"))


@dataclass(frozen=True)
class Labels:
    """What answers to questions about patterns need to know of the data.

    Parameters
    ----------
    dims : (str, str)
        The dimensions of the patterns.
    of_dims : (str, str)
        Units of their coordinates.
    middles : (float, float)
        The middles of both axes.
    units : str
        Units of the values.
    missing : bool
        Whether values may be NaN.
    used : Variable of bool, shape (ky, kx)
        The pixels that count, where some do not.
    """

    dims: tuple[str, str]
    of_dims: tuple[str | None, str | None]
    middles: tuple[float, float]
    units: str | None
    missing: bool
    used: xr.Variable | None = None


@dataclass
class Places:
    """The pixels of patterns, and where detectors whose centre is "auto" are.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        The patterns.
    dims : (str, str)
        Their dimensions.
    over : list of str
        Dimensions of the scan.
    average : callable
        Averages patterns, of these dimensions, over others: a read of its own.
    centres : Dataset
        Centres of the user.
    dead : DataArray, shape (ky, kx)
        Pixels that never count.
    """

    data: xr.DataArray
    dims: tuple[str, str]
    over: list[str]
    average: Callable[[xr.DataArray, tuple[str, str], list[str]], xr.DataArray]
    centres: xr.Dataset | None = None
    dead: xr.DataArray | None = None
    _auto: tuple[xr.DataArray, xr.DataArray] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.dead is not None:
            require_plane(self.dead, self.dims, kind="reciprocal", at_least=1)
            if dict(self.dead.sizes) != {dim: self.data.sizes[dim] for dim in self.dims}:
                message = (
                    f"dead pixels of shape {dict(self.dead.sizes)} do not fit to patterns of "
                    f"{ {dim: self.data.sizes[dim] for dim in self.dims} }"
                )
                raise DataError(message)
            require_same_direction(self.dead, self.data, what="dead pixels")
        if self.centres is not None:
            self._auto = self._given(self.centres)

    def _given(self, centres: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
        for pair in _NAMES:
            if all(name in centres for name in pair):
                found = [centres[name] for name in pair]
                break
        else:
            message = (
                "centres must have the variables ky and kx, as of `find_centre`, or com_y and "
                f"com_x, as of `measure_com`; got {sorted(map(str, centres))}"
            )
            raise DataError(message)
        strange = set(found[0].dims) - (set(self.data.dims) - set(self.dims))
        if strange:
            message = f"centres have dimensions {sorted(map(str, strange))}, the scan has not"
            raise DataError(message)
        for each, dim in zip(found, self.dims, strict=True):
            units = units_of(self.data, dim)
            if each.attrs.get("units") != units:
                message = f"centres are in {each.attrs.get('units')!r}, {dim!r} is in {units!r}"
                raise DataError(message)
            require_same_direction(each, self.data, what="centres")
        return found[0].drop_attrs(deep=False), found[1].drop_attrs(deep=False)

    @property
    def auto(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Return the centres that were given, or that of the disc in the mean pattern."""
        if self._auto is None:
            pattern = self.data
            if self.over:
                pattern = self.average(self.data, self.dims, self.over)
            if self.dead is not None:
                pattern = pattern.where(~self.dead.astype(bool).drop_attrs())
            found = find_centre(pattern, dims=self.dims)
            self._auto = (found["ky"].drop_attrs(deep=False), found["kx"].drop_attrs(deep=False))
        return self._auto

    def moving(self, centre: Centre) -> bool:
        """Return whether the centre is another one for positions of the scan."""
        return centre == "auto" and bool(set(self.auto[0].dims) & set(self.over))

    def known(self, centre: Centre) -> xr.Variable | None:
        """Return where a centre was found, unless it was given."""
        if centre != "auto":
            return None
        there: xr.Variable = (self.auto[0].notnull() & self.auto[1].notnull()).variable
        return there

    # What follows are variables: arrays with coordinates would be compared label by label,
    # which takes longer than the sums of a small block.
    @cached_property
    def used(self) -> xr.Variable:
        """Return the pixels that count."""
        used = unchecked(self.dims, np.ones([self.data.sizes[dim] for dim in self.dims], bool))
        return used if self.dead is None else used & ~self.dead.variable.astype(bool)

    @cached_property
    def axes(self) -> tuple[xr.Variable, xr.Variable]:
        """Return the coordinates of pixels along ky and along kx."""
        ky, kx = (
            unchecked((dim,), self.data._coords[dim].values.astype(np.float64)) for dim in self.dims
        )
        return ky, kx

    @cached_property
    def labels(self) -> Labels:
        """Return what answers to questions need to know."""
        ky, kx = self.dims
        middles = (float(self.axes[0].data.mean()), float(self.axes[1].data.mean()))
        return Labels(
            self.dims, (units_of(self.data, ky), units_of(self.data, kx)), middles,
            self.data.attrs.get("units"), self.data.dtype.kind == "f",
            None if self.dead is None else self.used,
        )  # fmt: skip

    def distances(self, centre: Centre) -> tuple[xr.Variable, xr.Variable]:
        """Return how far pixels are from a centre along ky and along kx."""
        middle = [each.variable for each in self.auto] if centre == "auto" else centre
        return self.axes[0] - middle[0], self.axes[1] - middle[1]

    def require_reach(self, detector: Detector) -> None:
        """Raise where a detector begins farther out than patterns reach, wherever its centre is."""
        inner = getattr(detector, "inner", 0.0)
        if detector.centre != "auto" or inner <= 0:
            return
        high, wide = (float(np.ptp(axis.data)) if axis.size else 0.0 for axis in self.axes)
        across = float(np.hypot(high, wide))
        if inner > across:
            units = units_of(self.data, self.dims[0]) or "pixels"
            message = f"no pixel is on {detector!r}: patterns are {across:g} {units} across"
            raise DataError(message)

    def pixels(self, detector: Detector) -> xr.Variable:
        """Return the pixels on a detector that does not move, or their weights."""
        centre = detector.centre
        if centre != "auto" and np.shape(centre) != (2,):
            message = f"the centre of a detector must be 'auto' or (ky, kx), got {centre!r}"
            raise DataError(message)
        inside = self._inside(detector)
        if self.dead is not None:
            inside = (inside & self.used) if inside.dtype == bool else inside * self.used
        if centre != "auto" and not inside.values.any():
            spans = ", ".join(
                f"{dim!r} spans {float(self.data[dim].min()):g} to {float(self.data[dim].max()):g}"
                for dim in self.dims
            )
            message = f"no pixel is on {detector!r}: {spans}"
            raise DataError(message)
        return inside

    def _inside(self, detector: Detector) -> xr.Variable:
        if detector.centre == "auto":
            found: xr.Variable = detector.contains(*self.distances(detector.centre))
            return found
        # As plain arrays: to name dimensions at each step takes longer than the steps.
        dy, dx = (
            axis.data - float(middle)
            for axis, middle in zip(self.axes, detector.centre, strict=True)
        )
        inside = np.asarray(detector.contains(dy[:, None], dx[None, :]))
        return unchecked(self.dims, np.broadcast_to(inside, (dy.size, dx.size)))


def unchecked(dims: tuple[Any, ...], values: Any) -> xr.Variable:
    """Return a variable of an array of NumPy or dask that has these dimensions."""
    return xr.Variable(dims, values, fastpath=True)
