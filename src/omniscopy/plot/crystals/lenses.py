"""What a lens does: its phase over the aperture, the Ronchigram, and the probe."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from omniscopy.model import DataError
from omniscopy.plot.labels import with_units
from omniscopy.plot.style import COLOURS, TICK, label_axes, new_page, style_axes

_RINGS = 0.2  # of the largest magnification but for 1 in 1000: rings without bound are drawn here


def ronchigram(
    pattern: xr.Dataset,
    *,
    probe: xr.DataArray | None = None,
    title: str | None = None,
    width: float = 8.0,
) -> Figure:
    """Draw the phase plate of a lens, its Ronchigram with rings of infinite magnification, a probe.

    Parameters
    ----------
    pattern : Dataset, shape (ky, kx), mrad
        As of `simulate.ronchigram`; make it anew for each place of a slider.
    probe : DataArray, shape (y, x), optional
        The intensity of a probe of the same lens, such as that of `simulate.probe`.
    title : str, optional
        What to write above it; by default the voltage.
    width : float
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        The pattern is not of such a simulation, or the probe no image.
    """
    needed = ("chi", "intensity", "magnification", "aperture")
    missing = [name for name in needed if name not in getattr(pattern, "data_vars", {})]
    if missing or not {"ky", "kx"} <= set(pattern.dims):
        message = (
            f"expected a Ronchigram of `simulate.ronchigram` along ky and kx; {missing} are missing"
        )
        raise DataError(message)
    if probe is not None and set(probe.dims) != {"y", "x"}:
        message = f"a probe is an image along y and x, got {probe.dims}"
        raise DataError(message)
    page = new_page(width, 0.92 * width)
    (plate, shadow), (enlarged, spot) = page.figure.subplots(2, 2)
    inside = pattern["aperture"].transpose("ky", "kx").values > 0
    cosine = np.where(inside, np.cos(pattern["chi"].transpose("ky", "kx").values), np.nan)
    _picture(plate, pattern, cosine, "phase plate: cos χ", cmap="gray", vmin=-1.0, vmax=1.0)
    seen = pattern["intensity"].transpose("ky", "kx").values
    bright = float(np.quantile(seen[inside], 0.99)) if inside.any() else None
    _picture(shadow, pattern, seen, "Ronchigram", cmap="gray", vmin=0.0, vmax=bright)
    power = pattern["magnification"].transpose("ky", "kx").values
    top = float(np.quantile(power[np.isfinite(power)], 0.999))
    within = np.where(inside, np.minimum(power, top), np.nan)
    shadow.contour(
        pattern["kx"], pattern["ky"], within, levels=[_RINGS * top], colors=COLOURS[1],
        linewidths=0.9,
    )  # fmt: skip
    norm = LogNorm(float(np.nanmin(power)), top)
    _picture(enlarged, pattern, power, "magnification", cmap="viridis", norm=norm)
    if probe is None:
        spot.set_axis_off()
    else:
        _probe(spot, probe.transpose("y", "x"))
    voltage = pattern.attrs.get("metadata", {}).get("beam", {}).get("voltage")
    told = "" if voltage is None else f"{voltage / 1e3:g} kV"
    return page.finish(told if title is None else title)


def _picture(ax: Axes, pattern: xr.Dataset, values: Any, name: str, **options: Any) -> None:
    """Draw one plane of the pattern over the angles."""
    ax.pcolormesh(pattern["kx"], pattern["ky"], values, rasterized=True, **options)
    ax.set_aspect("equal")
    ax.invert_yaxis()
    ax.set_title(name, fontsize=TICK)
    style_axes(ax)
    label_axes(ax, with_units("kx", "mrad"), with_units("ky", "mrad"))


def _probe(ax: Axes, probe: xr.DataArray) -> None:
    ax.pcolormesh(probe["x"], probe["y"], probe.values, cmap="magma", rasterized=True)
    ax.set_aspect("equal")
    ax.invert_yaxis()
    ax.set_title("probe", fontsize=TICK)
    style_axes(ax)
    units = str(probe["x"].attrs.get("units", ""))
    label_axes(ax, with_units("x", units), with_units("y", units))
