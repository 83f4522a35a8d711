"""Bars that say how long a piece of an image is."""

import math

from matplotlib.axes import Axes
from matplotlib.offsetbox import AnchoredOffsetbox, AuxTransformBox, TextArea, VPacker
from matplotlib.patches import Rectangle

from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor
from omniscopy.plot.labels import PLAIN, pretty_units, readable_units


def nice_length(
    extent: float, units: str | None = None, *, fraction: float = 0.25
) -> tuple[float, str]:
    """Return the longest 1-2-5 length that is no more than a part of `extent`.

    Parameters
    ----------
    extent : float
        Width of the image, in `units`.
    units : str, optional
        Units of the width, such as `"m"` or `"1/nm"`.
    fraction : float
        Part of the width that the length may take.

    Returns
    -------
    (float, str)
        The length in `units`, and its label in a readable prefix, such as `"500 nm"`.

    Raises
    ------
    DataError
        `extent` is not a positive number.
    """
    longest = abs(extent) * fraction
    if not (math.isfinite(longest) and longest > 0):
        message = f"the extent must be a positive number, got {extent!r}"
        raise DataError(message)
    if units is None:
        length = _one_two_five(longest)
        return length, f"{length:g}"
    target = readable_units(longest, units)
    factor = conversion_factor(units, target) if target != units else 1.0
    shown = _one_two_five(longest * factor)
    return shown / factor, f"{shown:g} {pretty_units(target)}".strip()


def scale_bar(
    ax: Axes,
    units: str | None = None,
    *,
    fraction: float = 0.25,
    colour: str = "white",
    size: float = 8.0,
) -> str:
    """Draw a scale bar of a 1-2-5 length into the lower left corner of an image.

    Parameters
    ----------
    ax : matplotlib Axes
        Its x axis shows a length in `units`.
    units : str, optional
        Units of the x axis.
    fraction : float
        Largest part of the width that the bar takes.
    colour : str
        Colour of bar and label; they lie on a half-transparent box of the opposite lightness.
    size : float
        Size of the label in points.

    Returns
    -------
    str
        The label, such as `"500 nm"`.
    """
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    length, label = nice_length(right - left, units, fraction=fraction)
    bar = AuxTransformBox(ax.transData)
    thickness = 0.012 * abs(top - bottom)
    bar.add_artist(Rectangle((0, 0), length, thickness, facecolor=colour, linewidth=0))
    words = TextArea(label, textprops={"color": colour, "fontsize": size, **PLAIN})
    box = AnchoredOffsetbox(
        "lower left",
        child=VPacker(children=[words, bar], align="center", pad=0, sep=2),
        pad=0.35,
        borderpad=0.0,
        frameon=True,
    )
    dark = "black" if colour == "white" else "white"
    box.patch.set(facecolor=dark, alpha=0.5, linewidth=0, boxstyle="square,pad=0")
    ax.add_artist(box)
    return label


def _one_two_five(longest: float) -> float:
    decade = 10.0 ** math.floor(math.log10(longest) + 1e-12)
    step = max(step for step in (1, 2, 5) if step * decade <= longest * (1 + 1e-9))
    return float(f"{step}e{round(math.log10(decade))}")
