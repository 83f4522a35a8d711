"""Clusters: which sample is in which, and what the samples of each are like."""

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from omniscopy.plot.axes import grid_of
from omniscopy.plot.contrast import Contrast
from omniscopy.plot.curves import FAMILY, curve_dim, draw_curves
from omniscopy.plot.decompositions import draw_component, height_of, missing_words
from omniscopy.plot.images import draw_image
from omniscopy.plot.sampling import sample_curves, thin
from omniscopy.plot.style import COLOURS, TICK, Look, Page, new_page, panel_title, style_axes

_NOWHERE = "#d0d4d9"
_SHOWN, _PIXELS = 6, 512


def is_clustering(results: xr.Dataset) -> bool:
    """Return whether results are labels of samples and centres of clusters."""
    return {"label", "centre", "size"} <= {*results.data_vars} and results["label"].ndim > 0


def clusters_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the labels beside the centres of the clusters, in the same colours."""
    results = results.isel(cluster=np.flatnonzero(results["size"].values > 0))
    label = results["label"].squeeze()
    centres = results["centre"].rename(cluster="component")
    count, width = results.sizes["cluster"], look.width + 1.5
    shown = min(count, _SHOWN)
    pictures = shown > 0 and centres.isel(component=0).squeeze().ndim >= 2
    room = width - 2.2 if pictures else 0.4 * width
    height = np.clip(room * grid_of(label).aspect, 1.6, 3.6) if label.ndim == 2 else 2.4
    below = height_of(centres, width / shown) + 0.4 if pictures else 0.0
    page = new_page(width, float(height) + below + 0.9)
    if pictures:
        layout = page.figure.add_gridspec(2, shown, height_ratios=[float(height), below])
        _draw_labels(page.figure.add_subplot(layout[0, :]), label, results, look, page)
        for number in range(shown):
            ax = page.figure.add_subplot(layout[1, number])
            page.note(draw_component(ax, centres, number, look))
            panel_title(ax, f"centre of {int(results['cluster'][number])}", size=TICK)
    else:
        left, right = page.figure.subplots(1, 2, width_ratios=[0.45, 0.55])
        _draw_labels(left, label, results, look, page)
        _draw_centres(right, results["centre"].squeeze(), page)
    if "silhouette" in results and np.isfinite(results["silhouette"].values).all():
        page.note(f"silhouette {float(results['silhouette']):.2f}")
    page.note(missing_words(results))
    return page.finish(title)


def _colours(count: int) -> list[str]:
    """Return a colour for each cluster; the first ones are those of curves."""
    return [*COLOURS, *(to_hex(colormaps["tab20"](number % 20)) for number in range(count))][:count]


def _draw_labels(
    ax: Axes, label: xr.DataArray, results: xr.Dataset, look: Look, page: Page
) -> None:
    """Draw which samples are in which cluster, and say how many they are."""
    numbers, colours = results["cluster"].values, _colours(results.sizes["cluster"])
    steps = {str(dim): -(-size // _PIXELS) for dim, size in label.sizes.items()}
    sample = thin(label, steps)
    page.note(sample.note if max(steps.values(), default=1) > 1 else "")
    places = sample.values.where(sample.values >= 0).drop_attrs(deep=False)
    if label.ndim == 2:
        found = ListedColormap(colours or [_NOWHERE]).with_extremes(bad=_NOWHERE)
        edges = np.append(numbers, numbers[-1:] + 1.0) - 0.5 if len(numbers) else [-0.5, 0.5]
        contrast = Contrast(found, BoundaryNorm(edges, found.N))
        draw_image(ax, places, look, contrast=contrast, framed=False, colour_bar=False)
    elif label.ndim == 1:
        for number, colour in zip(numbers, colours, strict=True):
            chosen = np.flatnonzero(places.values == number)
            ax.plot(chosen, places.values[chosen], "o", color=colour, markersize=3)
        style_axes(ax, grid=True)
        ax.set_xlabel(str(label.dims[0]), fontsize=TICK)
        ax.set_yticks(numbers)
    panel_title(ax, "label", size=TICK)
    patches = [
        Patch(facecolor=colour, label=f"{number} ({size})")
        for number, colour, size in zip(numbers, colours, results["size"].values, strict=True)
    ]
    if patches and label.ndim == 2:
        ax.legend(
            handles=patches, title="cluster (samples)", loc="upper left",
            bbox_to_anchor=(1.01, 1.0), fontsize=TICK - 1, title_fontsize=TICK - 1, frameon=False,
            handlelength=1.0, handleheight=0.9, borderaxespad=0.0,
        )  # fmt: skip


def _draw_centres(ax: Axes, centre: xr.DataArray, page: Page) -> None:
    """Draw the centres as curves, or as points where they are single values."""
    dims = [str(dim) for dim in centre.dims]
    if centre.size == 0 or not dims:
        ax.set_axis_off()
        return
    if "cluster" in dims and len(dims) == 2:
        page.note(f"{FAMILY} of {len(centre)} centres" if len(centre) > FAMILY else "")
        centre = centre.isel(cluster=slice(FAMILY))
    dim = curve_dim(centre.isel(cluster=0)) if len(dims) == 2 else dims[0]
    sample = sample_curves(centre, dim)
    page.note(sample.note)
    draw_curves(ax, sample.values, dim, title="centre")
    panel_title(ax, "centres", size=TICK)
