"""Small pictures of anything: what a list of data shows of each entry."""

import io

import numpy as np
import xarray as xr
from PIL import Image, ImageDraw

from omniscopy.model.dimensions import dims_of_kind
from omniscopy.model.errors import DataError
from omniscopy.plot.contrast import contrast_of
from omniscopy.plot.points import places_of, point_dim
from omniscopy.plot.sampling import evenly

# Read of data for a small picture: so many planes, and each of them thinned.
_PLANES = 4
_LARGE = 64 * 2**20
_LINE, _BACK, _FRAME = (0, 114, 178), (255, 255, 255), (223, 227, 232)
# Lines are drawn so many times larger, and made smaller again, to be smooth.
_FINER = 3


def thumbnail(data: xr.DataArray | xr.Dataset, *, size: int = 96) -> bytes:
    """Draw a small picture of data: an image as it is, a curve as a line, results by the first.

    Parameters
    ----------
    data : DataArray or Dataset
        Of any number of dimensions, lazy or in memory. Of large data only a few planes, spectra
        or patterns are read, thinned.
    size : int, pixels
        The longer side of the picture, 16 to 1024.

    Returns
    -------
    bytes
        A PNG.

    Raises
    ------
    DataError
        There is nothing to draw: no values, or values that are not numbers; or `size` is not in
        its range.
    """
    if not 16 <= size <= 1024:
        message = f"size must be from 16 to 1024 pixels, got {size}"
        raise DataError(message)
    picture = _picture(_array_of(data), size)
    content = io.BytesIO()
    picture.save(content, format="png", optimize=True)
    return content.getvalue()


def _array_of(data: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Return the array, or of results the first that can be drawn and is no uncertainty."""
    if isinstance(data, xr.DataArray):
        found = [data]
    else:
        dim = point_dim(data)
        places = (dim is not None and places_of(data, dim)) or ()
        data = data.set_coords([name for name in places if name in data.data_vars])
        found = [array for name, array in data.data_vars.items() if name != "status"]
    drawable = [array for array in found if array.dtype.kind in "biufc" and array.size]
    if not drawable:
        message = f"there is nothing to draw: {dict(data.sizes)} holds no numbers"
        raise DataError(message)
    return max(drawable, key=lambda array: min(array.ndim, 2))


def _picture(data: xr.DataArray, size: int) -> Image.Image:
    dim = point_dim(data)
    places = places_of(data, dim) if dim is not None else None
    if dim is not None and places:
        return _draw_points(data, dim, places, size)
    if data.dtype.kind in "ui" and data.ndim == 3 and data.dims[-1] == "channel":
        rows, columns = map(str, data.dims[:2])
        return _fitted(np.asarray(_thinned(data, [rows, columns], size)), size, data.shape[:2])
    data = data.squeeze()
    plane = _plane_of(data)
    if len(plane) < 2:
        return _draw_curve(_reduced(data, plane, 16 * size), size)
    values = _reduced(data, plane, 2 * size)
    contrast = contrast_of(values, data, compressed=plane == dims_of_kind(data, "reciprocal"))
    shades = contrast.colours(contrast.scale(np.ma.masked_invalid(values)), bytes=True)
    return _fitted(shades[..., :3], size, tuple(data.sizes[dim] for dim in plane))


def _plane_of(data: xr.DataArray) -> list[str]:
    """Return the dimensions of a picture of data; of a curve only one; none of a number."""
    for kind in ("spatial", "reciprocal"):
        dims = dims_of_kind(data, kind)
        if len(dims) >= 2:
            return dims[-2:]
    dims = [str(dim) for dim in data.dims]
    return dims[-1:] if data.ndim == 2 and min(data.shape) <= 8 else dims[-2:]


def _reduced(data: xr.DataArray, plane: list[str], points: int) -> np.ndarray:
    """Return the mean over everything but a plane, of a few parts of it where it is large."""
    others = [str(dim) for dim in data.dims if dim not in plane]
    if others and data.nbytes > _LARGE:
        longest = max(others, key=lambda dim: data.sizes[dim])
        taken = {dim: [data.sizes[dim] // 2] for dim in others}
        taken[longest] = evenly(data.sizes[longest], _PLANES)
        data = data.isel(taken)
    values = _thinned(data, plane, points)
    values = abs(values) if values.dtype.kind == "c" else values
    values = values.astype(np.float64).mean(others) if others else values.astype(np.float64)
    return np.atleast_1d(np.asarray(values.transpose(*plane)))


def _thinned(data: xr.DataArray, plane: list[str], points: int) -> xr.DataArray:
    steps = {dim: slice(None, None, -(-data.sizes[dim] // points)) for dim in plane}
    return data.isel(steps).compute()


def _fitted(values: np.ndarray, size: int, shape: tuple[int, ...]) -> Image.Image:
    """Return pixels so large that the longer side is `size`; small ones stay squares.

    `shape` is (rows, columns) before they were thinned, perhaps one side more than the other.
    """
    picture = Image.fromarray(np.ascontiguousarray(values, dtype=np.uint8))
    height, width = (max(8, round(side * size / max(shape))) for side in shape)
    kind = Image.Resampling.NEAREST if max(picture.size) < size else Image.Resampling.BOX
    return picture.resize((width, height), kind)


def _draw_curve(values: np.ndarray, size: int) -> Image.Image:
    width, height = _FINER * size, _FINER * round(size * 0.62)
    picture = Image.new("RGB", (width, height), _BACK)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, width - 1, height - 1), outline=_FRAME, width=_FINER)
    finite = np.isfinite(values)
    if finite.any():
        low, high = values[finite].min(), values[finite].max()
        edge = 0.08 * height
        x = np.linspace(edge, width - edge, len(values)) if len(values) > 1 else [width / 2]
        y = height - edge - (height - 2 * edge) * (values - low) / ((high - low) or 1.0)
        for piece in np.ma.clump_unmasked(np.ma.masked_invalid(values)):  # type: ignore[no-untyped-call]
            line = list(zip(x[piece], y[piece], strict=True))
            pen.line(line, fill=_LINE, width=round(1.4 * _FINER), joint="curve")
            if len(line) == 1:
                _draw_dot(pen, line[0], 2 * _FINER, _LINE)
    return picture.resize((width // _FINER, height // _FINER), Image.Resampling.BOX)


def _draw_points(
    data: xr.DataArray, dim: str, places: tuple[str, str], size: int
) -> Image.Image:  # fmt: skip
    others = {other: 0 for other in data.dims if other != dim}
    data = data.isel(others).isel({dim: evenly(data.sizes[dim], 2000)}).compute()
    values = np.asarray(abs(data) if data.dtype.kind == "c" else data, np.float64)
    rows, columns = (np.asarray(data[name].values, np.float64) for name in places)
    contrast = contrast_of(values, data)
    shades = contrast.colours(contrast.scale(np.ma.masked_invalid(values)), bytes=True)[:, :3]
    picture = Image.new("RGB", (_FINER * size,) * 2, _BACK)
    pen = ImageDraw.Draw(picture)
    good = np.isfinite(rows) & np.isfinite(columns)
    if not good.any():
        return picture.resize((size, size))
    extent = max(np.ptp(rows[good]), np.ptp(columns[good])) or 1.0
    room = 0.9 * _FINER * size
    for row, column, shade in zip(rows[good], columns[good], shades[good], strict=True):
        place = tuple(
            0.05 * _FINER * size + room * (value - least) / extent
            for value, least in ((column, columns[good].min()), (row, rows[good].min()))
        )
        _draw_dot(pen, place, 1.3 * _FINER, tuple(int(part) for part in shade))
    return picture.resize((size, size), Image.Resampling.BOX)


def _draw_dot(
    pen: ImageDraw.ImageDraw, place: tuple[float, ...], radius: float, colour: tuple[int, ...]
) -> None:
    x, y = place
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
