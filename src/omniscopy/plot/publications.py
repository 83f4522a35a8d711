"""Figures as journals want them: as wide as their columns, in the size of their letters."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.spines import Spine
from matplotlib.text import Text

from omniscopy.model.errors import DataError

_INCH = 25.4
# Widths in mm of so many columns, and the size of labels in points, from the guides for authors.
_JOURNALS: dict[str, tuple[dict[float, float], float]] = {
    "acs": ({1: 82.5, 2: 177.8}, 7.0),
    "aps": ({1: 86.0, 2: 178.0}, 8.0),
    "cell": ({1: 85.0, 1.5: 114.0, 2: 174.0}, 7.0),
    "elsevier": ({1: 90.0, 1.5: 140.0, 2: 190.0}, 7.0),
    "nature": ({1: 89.0, 1.5: 120.0, 2: 183.0}, 7.0),
    "pnas": ({1: 87.0, 1.5: 114.0, 2: 178.0}, 7.0),
    "science": ({1: 57.0, 2: 121.0, 3: 184.0}, 7.0),
    "slide": ({1: 300.0, 0.5: 150.0}, 16.0),
}
_FONTS = ("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans")


@dataclass(frozen=True)
class Preset:
    """Width of a figure in mm, and size of the labels of axes in points."""

    width: float
    font_size: float

    def designed_width(self, label: float) -> float:
        """Return the width in inches at which a figure with larger letters is laid out."""
        return self.width / _INCH * label / self.font_size


_CURRENT: ContextVar[Preset | None] = ContextVar("publication", default=None)


@contextmanager
def publication(
    journal: str | None = None,
    *,
    columns: float = 1,
    width: float | None = None,
    font_size: float | None = None,
) -> Iterator[None]:
    """Make the figures drawn inside as wide as columns of a journal, in its size of letters.

    Parameters
    ----------
    journal : {"acs", "aps", "cell", "elsevier", "nature", "pnas", "science", "slide"}, optional
        Whose widths of columns and size of letters are taken.
    columns : float
        How many columns a figure spans: 1, 1.5 or 2 for most, 1, 2 or 3 for "science"; parts of a
        "slide" (1 or 0.5).
    width : float, mm, optional
        Another width.
    font_size : float, points, optional
        Another size for labels of axes; numbers on axes and notes are a little smaller.

    Yields
    ------
    None
        The width is taken back at the end of the block.

    Raises
    ------
    DataError
        The journal or the number of its columns is unknown; neither journal nor width is given;
        a size is not above 0.

    Notes
    -----
    The width is exact, the height follows from what is shown. Lines and marks shrink with the
    letters. Save with `figure.savefig("figure.pdf")`; the size is then that on paper.

    Examples
    --------
    >>> import omniscopy as om
    >>> with om.plot.publication("nature", columns=1):
    ...     figure = om.plot.signal(om.samples.spectrum())
    >>> round(figure.get_figwidth() * 25.4)
    89
    """
    before = _CURRENT.set(_preset(journal, columns, width, font_size))
    try:
        yield
    finally:
        _CURRENT.reset(before)


def current_preset() -> Preset | None:
    """Return what figures are made for at present, `None` for the screen."""
    return _CURRENT.get()


def fit_to(figure: Figure, preset: Preset, *, label: float) -> None:
    """Give a figure the width of a preset, and all that is written on it the size.

    `label` is the size in points of the labels of its axes.
    """
    scale = preset.font_size / label
    height = figure.get_figheight() * preset.width / _INCH / figure.get_figwidth()
    figure.set_size_inches(preset.width / _INCH, height)
    families = _families()
    ticks = _scale_ticks(figure, scale, families)
    for each in figure.findobj(lambda artist: isinstance(artist, Text | Line2D | Spine)):
        if each in ticks:
            continue
        if isinstance(each, Text):
            size: Any = each.get_fontsize()
            each.set_fontsize(size * scale)
            each.set_fontfamily(families)
        else:
            drawn: Any = each
            drawn.set_linewidth(drawn.get_linewidth() * scale)
            if isinstance(each, Line2D):
                each.set_markersize(each.get_markersize() * scale)
    for scattered in figure.findobj(PathCollection):
        scattered.set_sizes(scattered.get_sizes() * scale**2)


def _scale_ticks(figure: Figure, scale: float, families: list[str]) -> set[Any]:
    """Scale ticks and their labels, those to come too; return what they are made of."""
    found: set[Any] = set()
    for ax in figure.findobj(Axes):
        axes: Any = ax
        for axis in axes._axis_map.values():
            said = axis.get_tick_params(which="major")
            changed = {
                name: float(said[name]) * scale
                for name in ("labelsize", "width", "length", "grid_linewidth", "pad")
                if isinstance(said.get(name), int | float)
            }
            axis.set_tick_params(which="major", labelfontfamily=families, **changed)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                found.update(tick.get_children())
    return found


def _families() -> list[str]:
    """Return the fonts without serifs that are there, best first; the last one has all signs."""
    known = set(font_manager.get_font_names())
    return [name for name in _FONTS if name in known]


def _preset(
    journal: str | None, columns: float, width: float | None, font_size: float | None
) -> Preset:
    if journal is not None and journal not in _JOURNALS:
        message = f"journal must be one of {sorted(_JOURNALS)}, got {journal!r}; or give width"
        raise DataError(message)
    if journal is None and width is None:
        message = f"give a journal, one of {sorted(_JOURNALS)}, or a width in mm"
        raise DataError(message)
    widths, letters = _JOURNALS[journal] if journal is not None else ({}, 7.0)
    if width is None:
        if columns not in widths:
            message = f"columns of {journal!r} must be one of {sorted(widths)}, got {columns!r}"
            raise DataError(message)
        width = widths[columns]
    size = letters if font_size is None else font_size
    for name, value in (("width", width), ("font_size", size)):
        if not (math.isfinite(value) and value > 0):
            message = f"{name} must be above 0, got {value!r}"
            raise DataError(message)
    return Preset(width, size)
