"""The look that all figures share; set on each figure, never on the whole of matplotlib."""

import io
from dataclasses import dataclass, field
from typing import Literal

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.plot.contrast import PERCENTILES
from omniscopy.plot.labels import PLAIN, drawable, shortened
from omniscopy.plot.publications import current_preset, fit_to

# Okabe and Ito (2008): told apart with every kind of colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
INK, FAINT, GRID = "#1f2328", "#6b7280", "#e3e5e8"
TITLE, LABEL, TICK, NOTE = 10.0, 9.0, 8.0, 7.0
_NOTEBOOK = 110  # points per inch in a notebook


@dataclass(frozen=True)
class Look:
    """What the caller of a figure may choose."""

    title: str | None = None
    width: float = 7.0
    colours: str | None = None
    percentiles: tuple[float, float] = PERCENTILES
    frames: int = 12
    over: xr.DataArray | None = None
    complex_as: Literal["panels", "hue"] = "panels"


class DisplayedFigure(Figure):
    """A figure that a notebook shows, whichever of matplotlib's backends is chosen, or none."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=_NOTEBOOK)
        return content.getvalue()


@dataclass
class Page:
    """A figure that is being made, and the notes to be written below it."""

    figure: Figure
    notes: list[str] = field(default_factory=list)

    def note(self, *words: str) -> None:
        """Add what the reader must know of what is shown; each only once."""
        self.notes = list(dict.fromkeys([*self.notes, *filter(None, words)]))

    def finish(self, title: str) -> Figure:
        """Return the figure with its title and its notes."""
        if title:
            self.figure.suptitle(
                shortened(drawable(title), 90), fontsize=TITLE, color=INK, weight="bold",
                x=0.01, ha="left", **PLAIN,
            )  # fmt: skip
        if self.notes:
            self.figure.supxlabel(
                shortened(drawable("; ".join(self.notes)), 130),
                fontsize=NOTE, color=FAINT, x=0.99, ha="right", **PLAIN,
            )  # fmt: skip
        preset = current_preset()
        if preset is not None:
            fit_to(self.figure, preset, label=LABEL)
        # Pictures of true aspect with a bar beside them are in place only at the third pass;
        # two are made here, the last when the figure is drawn.
        engine = self.figure.get_layout_engine()
        if engine is not None:
            engine.execute(self.figure)
            engine.execute(self.figure)
        return self.figure


def new_page(width: float, height: float) -> Page:
    """Return an empty page of this size in inches; nothing on it is clipped."""
    figure = DisplayedFigure(figsize=(width, height), facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.06, wspace=0.03, hspace=0.03)
    return Page(figure)


def page_width(width: float) -> float:
    """Return the width in inches to lay a figure out for: that of a column in a publication."""
    preset = current_preset()
    return width if preset is None else preset.designed_width(LABEL)


def style_axes(ax: Axes, *, grid: bool = False) -> None:
    """Give axes the common look."""
    ax.tick_params(labelsize=TICK, colors=INK, width=0.7, length=3, color=FAINT)
    for spine in ax.spines.values():
        spine.set(color=FAINT, linewidth=0.7)
    ax.xaxis.get_offset_text().set_fontsize(TICK)
    ax.yaxis.get_offset_text().set_fontsize(TICK)
    if grid:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color=GRID, linewidth=0.6)
        ax.set_axisbelow(True)


def label_axes(ax: Axes, x: str = "", y: str = "") -> None:
    """Write what the axes show."""
    ax.set_xlabel(x, fontsize=LABEL, color=INK, **PLAIN)
    ax.set_ylabel(y, fontsize=LABEL, color=INK, **PLAIN)


def panel_title(ax: Axes, words: str, *, size: float = LABEL) -> None:
    """Write the title of one of several panels."""
    ax.set_title(shortened(drawable(words), 60), fontsize=size, color=INK, loc="left", **PLAIN)
