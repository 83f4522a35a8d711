"""Arrows of vectors on a grid: displacements, deflections, fields, shifts."""

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor, is_unit
from omniscopy.plot.axes import grid_of
from omniscopy.plot.contrast import PERCENTILES
from omniscopy.plot.images import draw_image, picture_size
from omniscopy.plot.labels import PLAIN, in_words, number_with_units, title_of
from omniscopy.plot.marks import background_for, positions_in
from omniscopy.plot.sampling import PIXELS, sample_plane
from omniscopy.plot.scale_bars import nice_length
from omniscopy.plot.style import INK, TICK, Look, new_page, page_width

_BESIDE, _ABOVE = 1.75, 1.1
# The longest arrow but some outliers is so many distances between arrows long.
_LONGEST, _OUTLIERS = 1.1, 98.0


def vector_map(
    results: xr.Dataset,
    components: tuple[str, str] | None = None,
    *,
    over: xr.DataArray | None = None,
    arrows: int = 24,
    title: str | None = None,
    width: float = 7.0,
    colours: str | None = None,
    percentiles: tuple[float, float] = PERCENTILES,
) -> Figure:
    """Draw vectors of an image as arrows over their lengths, or over an image.

    Parameters
    ----------
    results : Dataset, shape (y, x)
        Holds both components of the vectors, in the same units.
    components : (down, across), optional
        Names of the variables, positive towards larger y and x. By default the only pair of names
        that end in ``_y`` and ``_x``.
    over : DataArray, shape (y, x), optional
        Image that the arrows are drawn on; the map of their lengths otherwise.
    arrows : int
        Most arrows along the longer side; each is the mean of the vectors around it.
    title : str, optional
        What to write above it; by default the title of the results, or what the vectors are.
    width : float
        Width in inches, about; inside `publication` that of the column.
    colours : str, optional
        Name of a matplotlib colour map of the lengths, or of the image.
    percentiles : (low, high)
        The contrast spans these percentiles.

    Returns
    -------
    matplotlib.figure.Figure
        One arrow above the map says how long arrows are. They point where the vectors point on
        the image: an axis y that ascends downwards turns them with it.

    Raises
    ------
    DataError
        There is no such pair or more than one, they are no maps, or differ in units.

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.samples.diffraction_4d()
    >>> figure = om.plot.vector_map(om.diffraction.measure_com(data))
    """
    if arrows < 1:
        message = f"arrows must be at least 1, got {arrows!r}"
        raise DataError(message)
    names = _pair(results) if components is None else components
    down, across = _planes(results, names)
    words = _called(names)
    length = xr.DataArray(
        np.hypot(down.values, across.values), coords=down.coords, dims=down.dims,
        attrs={"quantity": words} | _units(down),
    )  # fmt: skip
    look = Look(title, page_width(width), colours, percentiles, over=over)
    behind = background_for(look, tuple(map(str, down.dims)))
    if over is not None and behind is None:
        message = f"over must be a real image along {tuple(down.dims)}, got {tuple(over.dims)}"
        raise DataError(message)
    sample = sample_plane(length if behind is None else behind)
    grid = grid_of(sample.values)
    wide, high = picture_size(grid.aspect, look.width - _BESIDE)
    page = new_page(wide + _BESIDE, high + _ABOVE)
    ax = page.figure.subplots()
    draw_image(ax, sample.values, look, title=title_of(sample.values) if over is not None else "")
    places = [
        positions_in(down[dim], ruler.units) if dim in down.coords else ruler.positions
        for dim, ruler in zip(map(str, down.dims), (grid.rows, grid.columns), strict=True)
    ]
    each = max(math.ceil(max(down.shape) / arrows), 1)
    _draw_arrows(ax, places, (down, across), each, words)
    if each > 1:
        page.note(f"arrows are means over {each} × {each} pixels")
    page.note(sample.note)
    return page.finish((title_of(results) or words) if title is None else title)


def _draw_arrows(
    ax: Axes, places: list[np.ndarray], planes: tuple[xr.DataArray, xr.DataArray], each: int,
    words: str,
) -> None:  # fmt: skip
    """Draw one arrow for every block of `each` pixels a side, and one that says its length."""
    down, across = (_block_means(np.asarray(plane.values, np.float64), each) for plane in planes)
    y, x = (_block_means(place[:, None], (each, 1))[:, 0] for place in places)
    length = np.hypot(down, across)
    finite = length[np.isfinite(length) & (length > 0)]
    if not finite.size:
        return
    top = float(np.percentile(finite, _OUTLIERS))
    spans = [
        abs(float(place[-1] - place[0])) / (len(place) - 1) for place in (y, x) if len(place) > 1
    ]
    scale = _LONGEST * min(spans, default=1.0) / top
    there = np.isfinite(length)
    columns, rows = np.meshgrid(x, y)
    drawn = ax.quiver(
        columns[there], rows[there], across[there] * scale, down[there] * scale, angles="xy",
        scale_units="xy", scale=1.0, pivot="mid", color="white", width=0.0045, headwidth=4.0,
        path_effects=[withStroke(linewidth=1.6, foreground="black")],
    )  # fmt: skip
    units = planes[0].attrs.get("units")
    told, _ = nice_length(top, None, fraction=1.0)
    key = ax.quiverkey(
        drawn, 0.98, 1.045, told * scale, f"{words} {number_with_units(told, units)}",
        labelpos="W", labelsep=0.15, coordinates="axes", color=INK, labelcolor=INK,
        fontproperties={"size": TICK},
    )  # fmt: skip
    key.text.set(**PLAIN)


def _block_means(values: np.ndarray, each: int | tuple[int, int]) -> np.ndarray:
    """Return means over blocks, those at the ends smaller; NaN counts nowhere."""
    down, across = (each, each) if isinstance(each, int) else each
    rows, columns = (
        -(-size // step) for size, step in zip(values.shape, (down, across), strict=True)
    )
    filled = np.full((rows * down, columns * across), np.nan)
    filled[: values.shape[0], : values.shape[1]] = values
    blocks = filled.reshape(rows, down, columns, across)
    known = np.isfinite(blocks)
    count = known.sum(axis=(1, 3))
    total = np.where(known, blocks, 0.0).sum(axis=(1, 3))
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def _pair(results: xr.Dataset) -> tuple[str, str]:
    """Return the names of the only vectors that results hold."""
    stems = [
        str(name).removesuffix("_y")
        for name in results.data_vars
        if str(name).endswith("_y") and f"{str(name).removesuffix('_y')}_x" in results
    ]
    if len(stems) != 1:
        message = (
            f"results must hold one pair of components such as shift_y and shift_x, found "
            f"{len(stems)} among {sorted(map(str, results))}; name components=(down, across)"
        )
        raise DataError(message)
    return f"{stems[0]}_y", f"{stems[0]}_x"


def _planes(results: xr.Dataset, names: tuple[str, str]) -> tuple[xr.DataArray, xr.DataArray]:
    """Return both components as planes in memory, in the same units."""
    missing = [name for name in names if name not in results]
    if missing:
        message = f"results do not hold {missing}; they hold {sorted(map(str, results))}"
        raise DataError(message)
    down, across = (results[name].squeeze() for name in names)
    if down.ndim != 2 or set(down.dims) != set(across.dims) or not down.size:
        message = f"{names} must be maps of two dimensions, got {dict(down.sizes)}; take a part"
        raise DataError(message)
    if max(down.shape) > 8 * PIXELS:
        message = f"{names} are maps of {dict(down.sizes)}; take means over blocks first"
        raise DataError(message)
    own, other = down.attrs.get("units"), across.attrs.get("units")
    if own != other:
        if not (is_unit(own) and is_unit(other)):
            message = f"{names} must have the same units, got {own!r} and {other!r}"
            raise DataError(message)
        across = (across * conversion_factor(str(other), str(own))).assign_attrs(units=own)
    return down.compute(), across.transpose(*down.dims).compute()


def _called(names: tuple[str, str]) -> str:
    """Return what vectors are called: `displacement_y` → `displacement`."""
    stem = names[0].removesuffix("_y")
    return in_words(stem) if stem != names[0] else f"{in_words(names[0])}, {in_words(names[1])}"


def _units(plane: xr.DataArray) -> dict[str, str]:
    units = plane.attrs.get("units")
    return {} if units is None else {"units": units}
