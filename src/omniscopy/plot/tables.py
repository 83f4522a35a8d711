"""Small tables inside figures."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from omniscopy.plot.labels import PLAIN, drawable, shortened
from omniscopy.plot.style import FAINT, GRID, INK, TICK


def draw_table(ax: Axes, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Draw a table with rules between its rows, the first column left, the others right."""
    ax.set_axis_off()
    total = len(rows) + 1
    ax.set_xlim(0, 1)
    ax.set_ylim(total, 0)
    first = {"#": 0.06}.get(head[0], 0.4) if len(head) > 1 else 1.0
    step = (1 - first) / max(len(head) - 1, 1)
    ends = [0.0, *(first + step * (number + 1) for number in range(len(head) - 1))]
    for number, cells in enumerate((head, *rows)):
        for cell, place in zip(cells, ends, strict=True):
            ax.text(
                place, number + 0.5, shortened(drawable(cell), 40), va="center",
                ha="left" if place == 0.0 else "right", fontsize=TICK,
                color=FAINT if number == 0 else INK, **PLAIN,
            )  # fmt: skip
        ax.axhline(number + 1, color=FAINT if number == 0 else GRID, linewidth=0.7)
