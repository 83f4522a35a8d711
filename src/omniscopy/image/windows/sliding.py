"""Images cut into windows, and windows put together to images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.tapers import Window, require_choice, window_of
from omniscopy.image.topography import Dims, like, require_image, require_positive_length
from omniscopy.model import (
    DataError,
    coordinate,
    operation,
    require_array,
    require_plane,
    require_real,
    require_uniform,
    units_of,
)
from omniscopy.signal.precision import single_or_double

Size = float | tuple[float, float]
# Coordinates of windows are rounded: to this part of a pixel they are on the grid of the image.
_OFF_GRID = 0.02


@operation(example={"image": "atom_image", "size": 0.8, "step": 0.4})
def sliding_windows(
    image: xr.DataArray,
    size: Size,
    *,
    step: Size | None = None,
    cover: bool = False,
    window: Window = "none",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    """Cut every image into windows that overlap.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    size : float or (float, float), units of the coordinates
        Of the windows along y and x, rounded to pixels.
    step : float or (float, float), units of the coordinates
        From one window to the next, rounded to pixels; one pixel otherwise.
    cover : bool
        Where the steps do not end at the edge of the image, add windows that do.
    window : {"none", "hann", "hamming", "blackman"}
        What each window is multiplied with.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x, window_y, window_x), units of `image`
        ``y`` and ``x`` are those of the middle of each window, ``window_y`` and ``window_x``
        begin at its first pixel and are 0 in its middle. In memory and without a taper it is a
        view: nothing is copied.

    Raises
    ------
    DataError
        A window has fewer than 2 pixels, is larger than the image, or a step is not above 0.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.sliding_windows(om.samples.atom_image(), 0.8, step=0.4).sizes["window_y"]
    20
    """
    require_choice(window=window)
    dims = require_image(image, dims)
    inner = window_dims(image, dims)
    steps = [require_uniform(image, dim) for dim in dims]
    shape = window_shape(image, size, dims)
    strides = (1, 1) if step is None else _pixels("step", step, steps, at_least=1)
    begins = [
        _begins(image.sizes[dim], width, stride, cover=cover)
        for dim, width, stride in zip(dims, shape, strides, strict=True)
    ]
    places = dict(zip(dims, map(len, begins), strict=True))
    widths = dict(zip(inner, shape, strict=True))
    taper = None if window == "none" else window_of(window, shape)
    kind = np.dtype(single_or_double(image.dtype) if taper is not None else image.dtype)
    (made,) = map_signal(
        _cut, image, dim=dims, output_dims=[{**places, **widths}], dtypes=[kind],
        parameters={"shape": shape, "begins": begins, "taper": taper, "kind": kind},
    )  # fmt: skip
    coords: dict[str, Any] = {}
    for dim, name, begin, width, pixel in zip(dims, inner, begins, shape, steps, strict=True):
        first = float(image[dim][0])
        half = (width - 1) / 2
        coords[dim] = (dim, first + pixel * (begin + half), image[dim].attrs)
        coords[name] = coordinate(
            name, pixel * (np.arange(width) - half), units_of(image, dim),
            kind="spatial", role="signal", quantity="length",
        )  # fmt: skip
    made = like(made.assign_coords(coords), image)
    return made.assign_attrs(signal_type="image_map")


@operation(example={"windows": "atom_windows"})
def join_windows(
    windows: xr.DataArray,
    *,
    window: Window = "none",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Put windows together to an image, with the mean of all where they overlap.

    Parameters
    ----------
    windows : DataArray, shape (..., y, x, window_y, window_x), any units
        As `sliding_windows` makes them, whatever was done to their values since.
    window : {"none", "hann", "hamming", "blackman"}
        Weight of the pixels of a window; with all but "none" the middle counts more.
    dims : (str, str)
        The dimensions of the places of windows; the last two spatial ones that windows have
        others for otherwise (``y`` where there is ``window_y``).

    Returns
    -------
    DataArray, shape (..., y, x), units of `windows`
        Over the pixels of all windows. NaN where no finite value of a window lies.

    Raises
    ------
    DataError
        There is no dimension ``window_...`` for one of `dims`, the values are not real, or
        places of windows are not on the grid of their pixels.

    Notes
    -----
    :math:`z = \sum w z_w / \sum w` over the windows that hold a pixel, with the weights w.

    Examples
    --------
    >>> import omniscopy as om
    >>> cut = om.image.sliding_windows(om.samples.atom_image(), 0.8)
    >>> bool((om.image.join_windows(cut) - om.samples.atom_image() < 1e-9).all())
    True
    """
    require_choice(window=window)
    dims, inner = _dims_of_windows(windows, dims)
    require_real(windows)
    rows, columns = (_grid(windows, *pair) for pair in zip(dims, inner, strict=True))
    shape = (len(rows[1]), len(columns[1]))
    widths = tuple(windows.sizes[name] for name in inner)
    kind = np.dtype(single_or_double(windows.dtype))
    (made,) = map_signal(
        _joined, windows, dim=(*dims, *inner), output_dims=[dict(zip(dims, shape, strict=True))],
        dtypes=[kind],
        parameters={
            "begins": (rows[0], columns[0]), "shape": shape, "kind": kind,
            "weight": window_of(window, (widths[0] + 1, widths[1] + 1))[1:, 1:],
        },
    )  # fmt: skip
    coords: dict[str, Any] = {
        dim: (dim, values, windows[dim].attrs)
        for dim, (_, values) in zip(dims, (rows, columns), strict=True)
    }
    made = like(made.assign_coords(coords), windows)
    made.attrs.pop("signal_type", None)
    return made


def window_dims(image: xr.DataArray, dims: Dims) -> Dims:
    """Return the names of the dimensions within windows; raise where there are such already."""
    names = (f"window_{dims[0]}", f"window_{dims[1]}")
    taken = [name for name in names if name in image.dims]
    if taken:
        message = f"the image has dimensions {taken} already; rename them with `data.rename`"
        raise DataError(message)
    return names


def window_shape(image: xr.DataArray, size: Size, dims: Dims) -> tuple[int, int]:
    """Return the pixels of a window of this size; raise where it does not fit to the image."""
    steps = [require_uniform(image, dim) for dim in dims]
    shape = _pixels("size", size, steps, at_least=2)
    for dim, width in zip(dims, shape, strict=True):
        if width > image.sizes[dim]:
            field = abs(require_uniform(image, dim)) * image.sizes[dim]
            message = f"windows of size {size!r} are larger than the image ({field:.4g} in {dim!r})"
            raise DataError(message)
    return shape


def _pixels(name: str, size: Size, steps: Sequence[float], *, at_least: int) -> tuple[int, int]:
    both = list(size) if isinstance(size, Sequence) else [size, size]
    if len(both) != 2:
        message = f"{name} must be one length, or one along y and one along x, got {size!r}"
        raise DataError(message)
    lengths = [require_positive_length(name, each) for each in both]
    counts = [round(length / abs(step)) for length, step in zip(lengths, steps, strict=True)]
    if min(counts) < at_least:
        message = (
            f"{name} {size!r} is {tuple(counts)} pixels; at least {at_least} are needed, "
            f"a pixel is {tuple(abs(step) for step in steps)}"
        )
        raise DataError(message)
    return counts[0], counts[1]


def _begins(size: int, width: int, stride: int, *, cover: bool) -> np.ndarray:
    """Return the first pixels of windows along one dimension."""
    begins = np.arange(0, size - width + 1, stride)
    return np.append(begins, size - width) if cover and begins[-1] < size - width else begins


def _cut(
    block: np.ndarray, *, shape: tuple[int, int], begins: list[np.ndarray],
    taper: np.ndarray | None, kind: np.dtype,
) -> np.ndarray:  # fmt: skip
    views: np.ndarray = np.lib.stride_tricks.sliding_window_view(block, shape, axis=(-2, -1))
    for axis, begin in enumerate(begins, start=views.ndim - 4):
        steps = np.diff(begin)
        if (steps == steps[:1]).all():
            place = slice(0, begin[-1] + 1, int(steps[0]) if len(steps) else 1)
            views = views[(slice(None),) * axis + (place,)]
        else:
            views = np.take(views, begin, axis=axis)
    return views if taper is None else (views * taper).astype(kind, copy=False)


def _dims_of_windows(windows: xr.DataArray, dims: Dims | None) -> tuple[Dims, Dims]:
    """Return the dimensions of the places of windows, and those within them."""
    if dims is None:
        require_array(windows)
        found = [dim for dim in map(str, windows.dims) if f"window_{dim}" in windows.dims]
        dims = (found[0], found[1]) if len(found) == 2 else ("y", "x")
        dims = ("y", "x") if set(dims) == {"y", "x"} else dims
    inner = (f"window_{dims[0]}", f"window_{dims[1]}")
    require_plane(windows, dims, kind="spatial", at_least=1)
    require_plane(windows, inner, kind="spatial", at_least=2)
    return dims, inner


def _grid(windows: xr.DataArray, dim: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the first pixels of windows along a dimension, and the coordinate of all pixels."""
    step = require_uniform(windows, name)
    start = float(windows[name][0])
    corners = np.asarray(windows[dim].values, dtype=np.float64) + start
    origin = corners.min() if step > 0 else corners.max()
    begins = (corners - origin) / step
    whole = np.rint(begins).astype(np.int64)
    if np.abs(begins - whole).max(initial=0.0) > _OFF_GRID:
        message = f"windows in {dim!r} do not begin at pixels of {name!r}; resample them"
        raise DataError(message)
    count = int(whole.max()) + windows.sizes[name]
    return whole, origin + step * np.arange(count)


def _joined(
    block: np.ndarray, *, begins: tuple[np.ndarray, np.ndarray], shape: tuple[int, int],
    weight: np.ndarray, kind: np.dtype,
) -> np.ndarray:  # fmt: skip
    total = np.zeros((*block.shape[:-4], *shape))
    share = np.zeros_like(total)
    for i, j in np.ndindex(*block.shape[-2:]):
        values = block[..., i, j].astype(np.float64)
        there = np.isfinite(values)
        place = (..., begins[0][:, None] + i, begins[1] + j)
        total[place] += weight[i, j] * np.where(there, values, 0.0)
        share[place] += weight[i, j] * there
    some = share > 0
    return np.where(some, total / np.where(some, share, 1.0), np.nan).astype(kind)
