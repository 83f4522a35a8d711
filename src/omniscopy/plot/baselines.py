"""Baselines: drawn under the spectrum that they were found in, above what is left of it."""

import xarray as xr
from matplotlib.figure import Figure

from omniscopy.plot.curves import curve_dim, draw_curves
from omniscopy.plot.sampling import sample_curves, sample_means
from omniscopy.plot.style import FAINT, TICK, Look, new_page, panel_title

_HEIGHT = 4.6


def is_baseline(data: xr.DataArray, over: xr.DataArray | None) -> bool:
    """Return whether `data` are baselines of the spectra `over`."""
    return (
        data.attrs.get("quantity") == "baseline"
        and over is not None
        and over.dtype.kind in "iuf"
        and dict(over.sizes) == dict(data.sizes)
    )


def baseline_figure(
    baseline: xr.DataArray, spectrum: xr.DataArray, look: Look, title: str
) -> Figure:
    """Return the spectrum with its baseline, and the difference of both; means of many."""
    dim = curve_dim(spectrum)
    others = [str(other) for other in spectrum.dims if other != dim]
    page = new_page(look.width, _HEIGHT)
    if others:
        spectra, below = (sample_means(each, others)[0] for each in (spectrum, baseline))
        page.note(f"mean over {', '.join(others)}", spectra.note)
        spectrum, baseline = spectra.values, below.values
    both = xr.concat(
        [spectrum, baseline.astype(float)], "curve", coords="minimal", compat="override",
        combine_attrs="override",
    )  # fmt: skip
    sample = sample_curves(both, dim)
    page.note(sample.note)
    curves = sample.values.assign_attrs(spectrum.attrs)
    above, under = page.figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 1])
    draw_curves(above, curves, dim, names=["spectrum", "baseline"])
    above.lines[0].set(color="0.45", linewidth=1.0)
    above.lines[1].set(linewidth=1.6)
    above.legend(fontsize=TICK, frameon=False, loc="best", handlelength=1.4)
    above.set_xlabel("")
    difference = curves.isel(curve=0) - curves.isel(curve=1)
    draw_curves(under, difference.assign_attrs(spectrum.attrs), dim)
    under.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0.5)
    panel_title(under, "difference", size=TICK)
    return page.finish(title)
