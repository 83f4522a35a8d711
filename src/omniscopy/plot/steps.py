"""Spectra at every step of every point: where and at which steps they are strong."""

import xarray as xr
from matplotlib.figure import Figure

from omniscopy.model.dimensions import kind_of_dim
from omniscopy.plot.axes import grid_of
from omniscopy.plot.images import picture_size
from omniscopy.plot.pairs import draw_panel
from omniscopy.plot.sampling import sample_means, sample_plane
from omniscopy.plot.style import Look, new_page, panel_title

# Kinds of dimensions that steps are along, the most telling first.
_STEPS = ("spectral", "temporal", "parameter")
_CURVE = 2.3
# Pages less wide than this have no room for long titles.
_NARROW = 6.0


def steps_of(data: xr.DataArray, picture: list[str], curve: str) -> str | None:
    """Return the dimension of the steps at each of which there is a spectrum, if there is one."""
    others = [
        str(dim) for dim in data.dims if dim not in picture and dim != curve and data.sizes[dim] > 1
    ]
    for kind in _STEPS:
        found = [dim for dim in others if kind_of_dim(data, dim) == kind]
        if found:
            return max(found, key=lambda dim: data.sizes[dim])
    return None


def steps_figure(
    data: xr.DataArray, picture: list[str], along: tuple[str, str], look: Look, title: str
) -> Figure:
    """Return the map, the spectra of all steps, and the curves along steps and along spectra.

    `along` are the dimensions of the steps and of the spectra. All are means over what they do
    not show, of the magnitude where data are complex.
    """
    steps, curve = along
    shown = picture, [steps, curve], [steps], [curve]
    means = sample_means(data, *([str(d) for d in data.dims if d not in kept] for kept in shown))
    views = [
        sample_plane(mean.values.transpose(*kept)).values
        for mean, kept in zip(means, shown, strict=True)
    ]
    room = (look.width + 2.0) / 2
    height = max(2.2, picture_size(grid_of(views[0]).aspect, room - 1.75)[1])
    page = new_page(2 * room, height + _CURVE + 1.5)
    axes = page.figure.subplots(2, 2, height_ratios=[height, _CURVE]).ravel()
    names = ", ".join(picture), f"{steps}, {curve}", steps, curve
    for ax, view, mean, name in zip(axes, views, means, names, strict=True):
        draw_panel(ax, view, look, title=title)
        words = name if look.width < _NARROW else f"mean at each {name}"
        panel_title(ax, words.replace("_", " "))
        page.note(mean.note)
    page.note("means over all else" if look.width < _NARROW else "")
    return page.finish(title)
