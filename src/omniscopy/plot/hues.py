"""Complex values as colours: the phase is the hue, the magnitude the brightness."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.plot.axes import grid_of
from omniscopy.plot.images import frame_picture, picture_size
from omniscopy.plot.labels import PLAIN, number_with_units, value_words
from omniscopy.plot.style import INK, TICK, Look, new_page

_BESIDE, _ABOVE, _LARGEST = 2.1, 0.95, 4.6
_MISSING = 0.79
# The brightest circle of hues of one lightness and chroma that screens show.
_LIGHTNESS, _CHROMA = 0.75, 0.125
_WHEEL = 161


def hues(values: np.ndarray, largest: float) -> np.ndarray:
    """Return the colours of complex values, black at 0 and brightest from `largest` on.

    Parameters
    ----------
    values : ndarray, shape (...), complex
        NaN is grey.
    largest : float
        Magnitude of full brightness.

    Returns
    -------
    ndarray, shape (..., 3)
        Red, green and blue between 0 and 1. All hues of one magnitude are equally light.

    Notes
    -----
    A circle of the colour space Oklab [1]_, of which lightness and chroma are proportional to the
    magnitude.

    References
    ----------
    .. [1] B. Ottosson, *A perceptual color space for image processing* (2020).
    """
    values = np.asarray(values, np.complex128)
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    bright = np.clip(np.abs(filled) / largest, 0.0, 1.0) if largest > 0 else np.zeros(filled.shape)
    phase = np.angle(filled)
    lightness = _LIGHTNESS * bright
    a, b = (_CHROMA * bright * part for part in (np.cos(phase), np.sin(phase)))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.stack(
        [
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        ],
        axis=-1,
    ).clip(0.0, 1.0)
    shown = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.asarray(np.where(known[..., None], shown, _MISSING))


def hue_figure(plane: xr.DataArray, look: Look, title: str, note: str = "") -> Figure:
    """Return the figure of one complex plane in memory, with its wheel of colours."""
    grid = grid_of(plane)
    width, height = picture_size(grid.aspect, min(look.width - _BESIDE, _LARGEST))
    page = new_page(width + _BESIDE, height + _ABOVE)
    page.note(note)
    ax = page.figure.subplots()
    magnitude = np.abs(plane.values)
    finite = magnitude[np.isfinite(magnitude)]
    largest = float(np.percentile(finite, look.percentiles[1])) if finite.size else 1.0
    colours = hues(plane.values, largest)
    if grid.uniform:
        aspect: Any = "equal" if grid.true_aspect else "auto"
        ax.imshow(colours, extent=grid.extent, aspect=aspect, interpolation="nearest")
    else:
        ax.pcolormesh(grid.columns.positions, grid.rows.positions, colours, shading="nearest")
        if grid.rows.positions[0] < grid.rows.positions[-1]:
            ax.invert_yaxis()
    frame_picture(ax, grid)
    most = number_with_units(largest, plane.attrs.get("units"))
    _draw_wheel(ax, f"|{value_words(plane)}|\n0 to {most}".replace("||\n", ""), height / width)
    return page.finish(title)


def _draw_wheel(ax: Axes, words: str, aspect: float) -> None:
    """Draw beside an image which colour is which phase, counted from the right to the top."""
    side = 0.26
    place = ax.inset_axes((1.12, 0.5 - side / aspect / 2, side, side / aspect))
    x, y = np.meshgrid(*[np.linspace(-1, 1, _WHEEL)] * 2)
    wheel = hues(x + 1j * y, 1.0)
    inside = (np.hypot(x, y) <= 1).astype(float)
    place.imshow(np.dstack([wheel, inside]), extent=(-1, 1, -1, 1), origin="lower", aspect="equal")
    place.set_axis_off()
    for angle, text in ((0, "0"), (90, "π/2"), (180, "π"), (270, "−π/2")):
        across, up = 1.12 * np.cos(np.radians(angle)), 1.12 * np.sin(np.radians(angle))
        horizontal = {0: "left", 180: "right"}.get(angle, "center")
        vertical = {90: "bottom", 270: "top"}.get(angle, "center")
        place.text(
            across, up, text, ha=horizontal, va=vertical, fontsize=TICK, color=INK, clip_on=False,
            **PLAIN,
        )  # fmt: skip
    place.text(
        0.0, -1.65, words, ha="center", va="top", fontsize=TICK, color=INK, clip_on=False, **PLAIN
    )
