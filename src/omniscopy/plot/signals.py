"""One call that draws anything: the figure is picked from what the data are."""

from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.model.checks import require_array, require_choice
from omniscopy.model.dimensions import dims_of_kind, kind_of_dim
from omniscopy.model.errors import DataError
from omniscopy.plot.atoms.figures import ATOM_FIGURES
from omniscopy.plot.baselines import baseline_figure, is_baseline
from omniscopy.plot.clusters import clusters_figure, is_clustering
from omniscopy.plot.contrast import PERCENTILES
from omniscopy.plot.crystals.figures import CRYSTAL_FIGURES
from omniscopy.plot.curves import FAMILY, curve_figure, family_figure
from omniscopy.plot.decompositions import decomposition_figure, is_decomposition
from omniscopy.plot.distributions import (
    correlation_figure,
    distribution_figure,
    is_correlation,
    is_distribution,
)
from omniscopy.plot.hues import hue_figure
from omniscopy.plot.images import colour_figure, image_figure
from omniscopy.plot.labels import number_with_units, title_of, value_words
from omniscopy.plot.marks import background_for, marked_image_figure
from omniscopy.plot.mixtures import is_mixture, mixture_figure
from omniscopy.plot.named_lines import named_lines_figure, place_of_names
from omniscopy.plot.pairs import pattern_figure, spectral_image_figure
from omniscopy.plot.panels import draw_panel, figure_of
from omniscopy.plot.parameters import is_map, parameter_figure
from omniscopy.plot.peaks import peaks_figure, position_of
from omniscopy.plot.points import places_of, point_dim, points_figure, without_blanks
from omniscopy.plot.results import (
    annotated,
    panels_figure,
    points_result_figure,
    scalars_figure,
    strength_of,
    variables_of,
)  # fmt: skip
from omniscopy.plot.sampling import sample_plane
from omniscopy.plot.stacks import stack_figure
from omniscopy.plot.steps import steps_figure, steps_of
from omniscopy.plot.style import Look, new_page, page_width
from omniscopy.plot.tables import draw_table

_COLOURS = ("red", "green", "blue")
# Results that have a figure of their own, and how they are known.
_FIGURES = (
    *ATOM_FIGURES,
    *CRYSTAL_FIGURES,
    (is_decomposition, decomposition_figure),
    (is_clustering, clusters_figure),
    (is_mixture, mixture_figure),
    (is_distribution, distribution_figure),
    (is_correlation, correlation_figure),
)


def signal(  # noqa: PLR0913 - options of the field
    data: xr.DataArray | xr.Dataset,
    *,
    std: xr.DataArray | None = None,
    title: str | None = None,
    width: float = 7.0,
    colours: str | None = None,
    percentiles: tuple[float, float] = PERCENTILES,
    frames: int = 12,
    over: xr.DataArray | None = None,
    complex_as: Literal["panels", "hue"] = "panels",
    ax: Axes | None = None,
) -> Figure:
    """Draw any labelled data or result, calibrated and with its units.

    Parameters
    ----------
    data : DataArray or Dataset
        A spectrum, image, stack, spectral image, 4D scan, pattern or set of points; or the
        results of an operation, of which every variable is drawn.
    std : DataArray, optional
        Standard deviation of a curve, or of a few, drawn as a band around it.
    title : str, optional
        What to write above it; by default the title of the data.
    width : float
        Width in inches, about; inside `publication` that of the column.
    colours : str, optional
        Name of a matplotlib colour map; by default one that suits the quantity: grey for
        intensities, diverging about zero for strains and shifts, cyclic for phases.
    percentiles : (low, high)
        The contrast spans these percentiles; what lies outside is marked on the colour bar.
    frames : int
        Most images of a stack that are shown.
    over : DataArray, optional
        The curve that peaks, lines or edges, or the image that spots, were found in: they are
        marked on it. The spectra that baselines were estimated of: drawn with these, and with
        what is left.
    complex_as : {"panels", "hue"}
        Complex images and pictures of many curves: magnitude and phase beside each other, or both
        in one, the phase as hue and the magnitude as brightness, with a wheel of colours.
    ax : matplotlib.axes.Axes, optional
        Axes of a figure of your own to draw into, for one real image or a few curves; `title` is
        that of the panel, and none by default.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown and not bound to any window: save it with `figure.savefig`. With `ax`, its
        figure.

    Raises
    ------
    DataError
        There is nothing that can be drawn: no values, or values that are not numbers;
        `complex_as` is unknown; or what is more than an image or a few curves has no place in
        `ax`.

    Notes
    -----
    Lazy data of any size can be drawn. Planes larger than 1024 pixels are averaged in blocks;
    means over many spectra or patterns are made chunk by chunk and, above 512 MiB, of evenly
    taken ones. A line below the figure says what was left out.
    """
    require_choice("complex_as", complex_as, ("panels", "hue"))
    look = Look(title, page_width(width), colours, percentiles, frames, over, complex_as)
    if isinstance(data, xr.Dataset):
        if ax is not None:
            message = f"only one variable is drawn into ax=, select one of {[*data.data_vars]}"
            raise DataError(message)
        return _draw_results(data, look, title_of(data) if title is None else title)
    require_array(data)
    _require_numbers(data)
    if ax is not None:
        draw_panel(ax, _with_coordinates(data), look, title or "", std=std)
        return figure_of(ax)
    title = title_of(data) if title is None else title
    return _draw_array(_with_coordinates(data), look, title, std)


def _draw_array(data: xr.DataArray, look: Look, title: str, std: xr.DataArray | None) -> Figure:
    if _is_colour(data):
        planes = [str(dim) for dim in data.dims if dim != "channel"]
        return colour_figure(data.transpose(*planes, "channel"), look, title)
    dim = point_dim(data)
    if dim is not None and places_of(data, dim) and data.sizes[dim] > 1:
        single = [other for other in data.dims if data.sizes[other] == 1]
        return points_figure(data.squeeze(single), look, title)
    data = data.squeeze()
    std = None if std is None else std.squeeze()
    if data.ndim == 0:
        return _number_figure(data, look, title)
    over = None if look.over is None else look.over.squeeze()
    if over is not None and is_baseline(data, over):
        return baseline_figure(data, over, look, title)
    if data.ndim == 1:
        return curve_figure(data, look, title, std=std)
    spatial, reciprocal = dims_of_kind(data, "spatial"), dims_of_kind(data, "reciprocal")
    spectral = dims_of_kind(data, "spectral")
    if len(reciprocal) == 2 and spatial:
        return pattern_figure(data, spatial[-2:], reciprocal, look, title)
    if spectral and (len(spatial) >= 2 or data.ndim > 2):
        picture = (spatial or [str(d) for d in data.dims if d not in spectral] or spectral)[-2:]
        curve = max(
            (dim for dim in spectral if dim not in picture), key=lambda dim: data.sizes[dim]
        )
        steps = steps_of(data, picture, curve) if len(spatial) >= 2 else None
        if steps is not None:
            return steps_figure(data, picture, (steps, curve), look, title)
        return spectral_image_figure(data, picture, curve, look, title)
    if data.ndim == 2:
        return _draw_plane(data, look, title, std, pictures=spatial + reciprocal)
    plane = next((pair[-2:] for pair in (spatial, reciprocal) if len(pair) >= 2), None)
    rows, columns = plane or [str(dim) for dim in data.dims[-2:]]
    return stack_figure(data, (rows, columns), look, title)


def _draw_plane(
    data: xr.DataArray, look: Look, title: str, std: xr.DataArray | None, *, pictures: list[str]
) -> Figure:
    few = min(data.sizes.values()) <= FAMILY
    if data.dtype.kind == "c" and look.complex_as == "hue" and (len(pictures) == 2 or not few):
        sample = sample_plane(data)
        return hue_figure(sample.values, look, title, sample.note)
    if len(pictures) == 2:
        return image_figure(data, look, title)
    if few:
        return curve_figure(data, look, title, std=std)
    return family_figure(data, look, title)


def _draw_results(results: xr.Dataset, look: Look, title: str) -> Figure:
    names = variables_of(results)
    filled = [name for name in names if results[name].size]
    if not filled:
        return _nothing_figure(results, look, title)
    own = _own_figure(results, look, title)
    if own is not None:
        return own
    dim = point_dim(results)
    if dim is not None and set(results.dims) == {dim}:
        results = without_blanks(results, dim)
        if not results.sizes[dim]:
            return _nothing_figure(results, look, title)
        places = places_of(results, dim)
        if places is not None:
            over = background_for(look, places)
            if over is not None:
                return marked_image_figure(results, over, places, look, title)
            return points_result_figure(results, dim, places, look, title)
        if position_of(results, dim) or strength_of(results, dim):
            return peaks_figure(results, dim, look, title)
    if all(results[name].size == 1 for name in filled):
        return scalars_figure(results, look, title)
    if len(filled) == 1:
        (name,) = filled
        only = results[name]
        words = annotated(title or title_of(only), results, name)
        if is_map(results, name):
            return parameter_figure(results, name, look, words)
        return _draw_array(_with_coordinates(only), look, words, results.get(f"{name}_std"))
    return panels_figure(results[[*_kept(results, filled)]], look, title)


def _own_figure(results: xr.Dataset, look: Look, title: str) -> Figure | None:
    """Return the figure of results that have one of their own."""
    for applies, figure in _FIGURES:
        if applies(results):
            return figure(results, look, title)
    over = None if look.over is None else look.over.squeeze()
    place = place_of_names(results, over)
    if over is None or place is None:
        return None
    return named_lines_figure(results, over, place, look, title)


def _kept(results: xr.Dataset, filled: list[str]) -> list[Any]:
    """Return the variables of a figure: those with values, and what belongs to them."""
    empty = [name for name in variables_of(results) if name not in filled]
    return [name for name in results.data_vars if name not in empty]


def _number_figure(data: xr.DataArray, look: Look, title: str) -> Figure:
    value = np.asarray(data.values).item()
    units = data.attrs.get("units")
    text = f"{value:.6g}" if isinstance(value, complex) else number_with_units(float(value), units)
    words = value_words(data) or "value"
    page = new_page(look.width - 2.5, 1.1)
    draw_table(page.figure.subplots(), ["quantity", "value"], [[words, text]])
    return page.finish(title)


def _nothing_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    if not results.data_vars:
        message = "there is nothing to draw: the Dataset has no variables"
        raise DataError(message)
    empty = ", ".join(f"{dim}: {size}" for dim, size in results.sizes.items() if size == 0)
    page = new_page(look.width - 2.5, 0.9)
    ax = page.figure.subplots()
    draw_table(ax, [f"nothing was found ({empty})" if empty else "no numbers to draw"], [])
    return page.finish(title)


def _is_colour(data: xr.DataArray) -> bool:
    if data.ndim != 3 or "channel" not in data.dims or "channel" not in data.coords:
        return False
    names = tuple(str(name).lower() for name in data.coords["channel"].values)
    return names[:3] == _COLOURS and len(names) <= 4 and data.dtype.kind in "uif"


def _with_coordinates(data: xr.DataArray) -> xr.DataArray:
    """Return `data` without coordinates that have no finite extent to be drawn along."""
    bad = [
        str(dim)
        for dim in data.dims
        if dim in data.coords
        and kind_of_dim(data, dim) in ("spatial", "reciprocal")
        and data.coords[dim].dtype.kind not in "iuf"
    ]
    return data.drop_vars(bad)


def _require_numbers(data: xr.DataArray) -> None:
    if data.dtype.kind not in "biufc":
        message = f"expected numbers to draw, got values of type {data.dtype}"
        raise DataError(message)
    if data.size == 0:
        message = f"there is nothing to draw: the data are empty {dict(data.sizes)}"
        raise DataError(message)
