"""Fits as they are judged: data, model, components and residual of one pixel."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.model.checks import require_array
from omniscopy.model.errors import DataError
from omniscopy.model.status import Status
from omniscopy.plot.axes import ruler_of
from omniscopy.plot.curves import write_legend
from omniscopy.plot.images import magnitude_and_phase
from omniscopy.plot.labels import in_words, number, prefix, title_of, value_words, with_units
from omniscopy.plot.sampling import sample_curves
from omniscopy.plot.stacks import place_label
from omniscopy.plot.style import (
    COLOURS,
    FAINT,
    Page,
    label_axes,
    new_page,
    page_width,
    panel_title,
    style_axes,
)
from omniscopy.signal.components import Component, Sum, components_of
from omniscopy.signal.evaluation import subtract_model
from omniscopy.signal.fitting import MODEL_AXES

_HEIGHT = 4.4


def fit_overlay(
    data: xr.DataArray,
    results: xr.Dataset,
    model: Component | Sum,
    *,
    at: Mapping[str, float] | None = None,
    components: bool = True,
    title: str | None = None,
    width: float = 7.0,
) -> Figure:
    """Draw a spectrum with the model that was fitted to it, above what the model leaves.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        The spectra that were fitted; only the one that is drawn is read.
    results : Dataset, shape (...)
        What `omniscopy.signal.fit_model` returned.
    model : component or sum of components
        The one that was fitted.
    at : mapping of dimension to coordinate, optional
        Which spectrum, in the units of the coordinates: the nearest one is taken. The middle one
        along dimensions that are not named.
    components : bool
        Draw each component of a sum too.
    title : str, optional
        What to write above it; by default the title of the data.
    width : float
        Width in inches, about; inside `publication` that of the column.

    Returns
    -------
    matplotlib.figure.Figure
        Complex spectra are magnitude and phase, their residual a magnitude. Below the figure are
        the outcome of the fit, where it did not converge, and the reduced chi square.

    Raises
    ------
    DataError
        The model is not of spectra, `results` not of these data or model, or `at` names
        dimensions that there are not, or coordinates outside them.

    Examples
    --------
    >>> import omniscopy as om
    >>> from omniscopy.signal import Exponential, Gaussian
    >>> spectra, found = om.samples.spectrum_image(), om.samples.line_fit()
    >>> model = Gaussian() + Exponential()
    >>> figure = om.plot.fit_overlay(spectra, found, model, at={"y": 3.0, "x": 8.0})
    """
    require_array(data)
    dims = [str(dim) for dim in results.attrs.get(MODEL_AXES, {}).get("dims", {})]
    if len(dims) != 1 or dims[0] not in data.dims:
        message = (
            f"results must be fits of spectra along a dimension of data {tuple(data.dims)}, got "
            f"fits along {tuple(dims)}"
        )
        raise DataError(message)
    (dim,) = dims
    pixels = [str(each) for each in data.dims if each != dim]
    if any(results.sizes.get(each) != data.sizes[each] for each in pixels):
        message = f"results {dict(results.sizes)} are not of the pixels of data {dict(data.sizes)}"
        raise DataError(message)
    place = _place(data, pixels, at or {})
    one, found = sample_curves(data.isel(place), dim), results.isel(place).compute()
    spectrum = one.values
    left = subtract_model(spectrum, model, found).compute()
    fitted = (spectrum - left).assign_attrs(spectrum.attrs)
    names = Sum(components_of(model)).names
    parts = [
        (name, spectrum - subtract_model(spectrum, model, found, components=name).compute())
        for name in (names if components and len(names) > 1 else ())
    ]
    page = new_page(page_width(width), _HEIGHT)
    page.note(one.note, *_judgement(found))
    if spectrum.dtype.kind == "c" or fitted.dtype.kind == "c":
        top, middle, below = page.figure.subplots(3, 1, sharex=True)
        pairs = zip(magnitude_and_phase(spectrum), magnitude_and_phase(fitted), strict=True)
        for ax, (measured, drawn) in zip((top, middle), pairs, strict=True):
            _draw(ax, measured, drawn, [], dim)
            ax.set_xlabel("")
        left = abs(left)
    else:
        top, below = page.figure.subplots(2, 1, sharex=True, height_ratios=[2.6, 1])
        _draw(top, spectrum, fitted, parts, dim)
        top.set_xlabel("")
    _draw_residual(below, left.assign_attrs(spectrum.attrs), dim)
    write_legend(top)
    panel_title(top, ", ".join(place_label(data, each, index) for each, index in place.items()))
    return _aligned(page, title_of(data) if title is None else title)


def _draw(
    ax: Axes, measured: xr.DataArray, fitted: xr.DataArray,
    parts: list[tuple[str, xr.DataArray]], dim: str,
) -> None:  # fmt: skip
    """Draw data as dots, the model as a line, its components as thinner ones."""
    values = np.asarray(measured.values, np.float64)
    factor, units = prefix(values, measured.attrs.get("units"))
    ruler = ruler_of(measured, dim)
    ax.plot(
        ruler.positions, values * factor, "o", color="0.55", markersize=2.6, label="data",
        markeredgewidth=0,
    )  # fmt: skip
    for (name, part), colour in zip(parts, COLOURS[2:] * len(parts), strict=False):
        ax.plot(
            ruler.positions, np.asarray(part.values) * factor, "--", color=colour, linewidth=1.0,
            label=in_words(name),
        )  # fmt: skip
    ax.plot(
        ruler.positions, np.asarray(fitted.values) * factor, color=COLOURS[1], linewidth=1.4,
        label="model",
    )  # fmt: skip
    style_axes(ax, grid=True)
    ax.margins(x=0.01)
    label_axes(ax, ruler.label, with_units(value_words(measured), units))


def _draw_residual(ax: Axes, left: xr.DataArray, dim: str) -> None:
    values = np.asarray(left.values, np.float64)
    factor, units = prefix(values, left.attrs.get("units"))
    ruler = ruler_of(left, dim)
    ax.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0.5)
    ax.plot(ruler.positions, values * factor, color=COLOURS[0], linewidth=0.9)
    style_axes(ax, grid=True)
    label_axes(ax, ruler.label, with_units("residual", units))


def _place(data: xr.DataArray, pixels: list[str], at: Mapping[str, float]) -> dict[str, int]:
    """Return the index of the spectrum that is nearest to `at`."""
    unknown = sorted(set(at) - set(pixels))
    if unknown:
        message = f"at must name some of {tuple(pixels)}, got {unknown}"
        raise DataError(message)
    place = {}
    for dim in pixels:
        if dim not in at:
            place[dim] = data.sizes[dim] // 2
            continue
        there = data.coords[dim].values if dim in data.coords else np.arange(data.sizes[dim])
        distance = np.abs(np.asarray(there, np.float64) - at[dim])
        step = float(np.median(np.abs(np.diff(there)))) if len(there) > 1 else np.inf
        place[dim] = int(np.argmin(distance))
        if not distance[place[dim]] <= step:
            message = f"at {dim!r} must lie between {there[0]:g} and {there[-1]:g}, got {at[dim]!r}"
            raise DataError(message)
    return place


def _judgement(found: xr.Dataset) -> list[str]:
    """Return in words how the fit ended, where it is not as it should be, and how good it is."""
    words = []
    if "status" in found and int(found["status"]) != 0:
        code = int(found["status"])
        known = code in [int(each) for each in Status]
        words.append(Status(code).name.lower().replace("_", " ") if known else f"status {code}")
    if "reduced_chi_square" in found:
        units = found["reduced_chi_square"].attrs.get("units")
        value = number(float(found["reduced_chi_square"]))
        words.append(with_units(f"reduced chi square {value}", units).lower())
    return words


def _aligned(page: Page, title: str) -> Figure:
    page.figure.align_ylabels()
    return page.finish(title)
