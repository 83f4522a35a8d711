"""Maps of fitted parameters, with how well each is known beside it."""

from dataclasses import replace

import xarray as xr
from matplotlib.figure import Figure

from omniscopy.model.dimensions import dims_of_kind
from omniscopy.model.errors import DataError
from omniscopy.plot.axes import grid_of
from omniscopy.plot.contrast import PERCENTILES
from omniscopy.plot.images import draw_image, picture_size
from omniscopy.plot.labels import in_words
from omniscopy.plot.results import outcome
from omniscopy.plot.sampling import sample_plane
from omniscopy.plot.style import Look, new_page, page_width, panel_title

_BESIDE, _ABOVE = 1.75, 0.95
# Pages less wide than this have one map above the other.
_NARROW = 6.0


def parameter_map(
    results: xr.Dataset,
    name: str,
    *,
    title: str | None = None,
    width: float = 7.0,
    colours: str | None = None,
    percentiles: tuple[float, float] = PERCENTILES,
) -> Figure:
    """Draw the map of a fitted parameter beside that of its standard deviation.

    Parameters
    ----------
    results : Dataset
        Results of a fit, with `name` and its ``_std`` along two dimensions.
    name : str
        Which parameter.
    title : str, optional
        What to write above it; by default the title of the parameter or its name.
    width : float
        Width in inches, about; inside `publication` that of the column.
    colours : str, optional
        Name of a matplotlib colour map of the parameter.
    percentiles : (low, high)
        The contrast of each map spans these percentiles.

    Returns
    -------
    matplotlib.figure.Figure
        Below it how many fits converged, where not all did.

    Raises
    ------
    DataError
        There is no such parameter, no standard deviation of it, or it is no map.

    Examples
    --------
    >>> import omniscopy as om
    >>> figure = om.plot.parameter_map(om.samples.line_fit(), "gaussian_centre")
    """
    known = sorted(str(each) for each in results if f"{each}_std" in results)
    if name not in known:
        message = (
            f"name must be one of the results with a standard deviation, {known}, got {name!r}"
        )
        raise DataError(message)
    if not is_map(results, name):
        message = f"{name!r} must be a map, got dimensions {dict(results[name].sizes)}; take a part"
        raise DataError(message)
    look = Look(title, page_width(width), colours, percentiles)
    words = in_words(str(results[name].attrs.get("long_name") or name))
    return parameter_figure(results, name, look, words if title is None else title)


def is_map(results: xr.Dataset, name: str) -> bool:
    """Return whether a real variable and its standard deviation are maps."""
    values, std = results[name].squeeze(), results.get(f"{name}_std")
    real = values.dtype.kind in "iuf" and std is not None and std.dtype.kind in "iuf"
    return real and values.ndim == 2 and std is not None and std.squeeze().dims == values.dims


def parameter_figure(results: xr.Dataset, name: str, look: Look, title: str) -> Figure:
    """Return the map of a parameter beside that of its standard deviation."""
    values = results[name].squeeze()
    spatial = dims_of_kind(values, "spatial")
    if len(spatial) == 2:
        values = values.transpose(*spatial)
    std = results[f"{name}_std"].squeeze().transpose(*values.dims)
    across = 1 if look.width < _NARROW else 2
    room = look.width if across == 1 else (look.width + 1.6) / 2
    width, height = picture_size(grid_of(values).aspect, room - _BESIDE)
    panels = (width + _BESIDE) * across, (height + _ABOVE) * (2 // across)
    page = new_page(*panels)
    axes = page.figure.subplots(2 // across, across).ravel()
    shown = (values, look, in_words(name)), (std, replace(look, colours="magma"), "± 1 σ")
    for ax, (plane, chosen, words) in zip(axes, shown, strict=True):
        sample = sample_plane(plane)
        draw_image(ax, sample.values, chosen, title=str(plane.name))
        panel_title(ax, words)
        page.note(sample.note)
    page.note(outcome(results))
    return page.finish(title)
