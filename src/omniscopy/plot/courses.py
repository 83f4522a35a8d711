"""One curve in the colours of its course: which part of a loop came first."""

import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from omniscopy.model.checks import require_array
from omniscopy.model.errors import DataError
from omniscopy.plot.axes import Ruler, ruler_of
from omniscopy.plot.contrast import Contrast, colour_map
from omniscopy.plot.images import add_colour_bar, magnitude_and_phase
from omniscopy.plot.labels import prefix, title_of, value_words, with_units
from omniscopy.plot.sampling import in_reach
from omniscopy.plot.style import label_axes, new_page, page_width, style_axes

_HEIGHT = 3.6


def course(
    data: xr.DataArray,
    *,
    by: str | None = None,
    title: str | None = None,
    width: float = 7.0,
    colours: str = "viridis",
) -> Figure:
    """Draw a curve in the colours of its course: along a loop, which part came when.

    Parameters
    ----------
    data : DataArray, one dimension
        Such as a hysteresis loop along `bias`, which goes forth and back. Of a complex one the
        magnitude is drawn.
    by : str, optional
        A coordinate along the curve, such as `time`, that gives the colours; by default the
        number of the point.
    title : str, optional
        What to write above it; by default the title of the data.
    width : float
        Width in inches, about; inside `publication` that of the column.
    colours : str
        Name of a matplotlib colour map.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown and not bound to any window.

    Raises
    ------
    DataError
        There is not one dimension of at least two numbers, or no coordinate `by` along it.

    Examples
    --------
    >>> import omniscopy as om
    >>> figure = om.plot.course(om.samples.loops()["response"].isel(x=0, y=0))
    """
    require_array(data)
    data = data.squeeze()
    if data.ndim != 1 or data.dtype.kind not in "biufc" or data.size < 2:
        message = f"a course is numbers along one dimension, got {dict(data.sizes)}"
        raise DataError(message)
    dim = str(data.dims[0])
    if by is not None and (by not in data.coords or data.coords[by].dims != (dim,)):
        known = [str(name) for name, each in data.coords.items() if each.dims == (dim,)]
        message = f"by must be a coordinate along {dim!r} ({', '.join(known)}), got {by!r}"
        raise DataError(message)
    curve = in_reach(data).compute()
    curve = magnitude_and_phase(curve)[0] if curve.dtype.kind == "c" else curve
    words = title_of(data) if title is None else title
    page = new_page(page_width(width), _HEIGHT)
    ax = page.figure.subplots()
    along = ruler_of(curve, dim)
    colour = _ruler_of_colours(curve, by)
    factor, units = prefix(np.asarray(curve.values), curve.attrs.get("units"))
    points = np.column_stack([along.positions, factor * np.asarray(curve.values, np.float64)])
    middles = 0.5 * (colour.positions[:-1] + colour.positions[1:])
    scale = Normalize(float(np.nanmin(colour.positions)), float(np.nanmax(colour.positions)))
    contrast = Contrast(colour_map(colours), scale)
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    ax.add_collection(
        LineCollection(list(pieces), colors=contrast.colours(scale(middles)), linewidths=1.8,
                       capstyle="round")
    )  # fmt: skip
    ax.autoscale_view()
    style_axes(ax, grid=True)
    label_axes(ax, along.label, with_units(value_words(curve, title=words), units))
    add_colour_bar(ax, ScalarMappable(norm=scale, cmap=contrast.colours), colour.label, contrast)
    return page.finish(words)


def _ruler_of_colours(curve: xr.DataArray, by: str | None) -> Ruler:
    if by is None:
        return Ruler(np.arange(curve.size, dtype=np.float64), "Point number", None)
    own = curve.coords[by]
    factor, units = prefix(np.asarray(own.values), own.attrs.get("units"))
    words = str(own.attrs.get("long_name") or own.attrs.get("quantity") or by).replace("_", " ")
    return Ruler(factor * np.asarray(own.values, np.float64), with_units(words, units), units)
