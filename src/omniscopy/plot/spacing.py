"""Ticks of compressed scales: as many as there is room for their numbers."""

from typing import Any

import numpy as np
from matplotlib.colorbar import Colorbar
from matplotlib.colors import AsinhNorm
from matplotlib.ticker import Locator

_ROOM = 1.4  # heights of the type for a power of ten and its exponent
_NOTHING = 1e-6  # of the width that is linear


def space_ticks(bar: Colorbar, size: float) -> None:
    """Leave ticks of a bar's compressed scale out where their numbers, in points, would overlap."""
    if isinstance(bar.norm, AsinhNorm):
        bar.locator = _Spaced(bar.locator, size, bar.norm.linear_width)


class _Spaced(Locator):
    """Ticks of another locator that are far enough apart; 0 and large ones come first."""

    def __init__(self, ticks: Any, size: float, width: float) -> None:
        self._ticks, self._size, self._width = ticks, size, width

    def __call__(self) -> list[float]:
        axis: Any = self.axis
        return self.tick_values(*axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        ticks = np.asarray(self._ticks.tick_values(vmin, vmax), np.float64)
        ticks = np.unique(np.where(np.abs(ticks) < _NOTHING * self._width, 0.0, ticks))
        low, high = sorted((vmin, vmax))
        slack = _NOTHING * self._width
        ticks = ticks[(ticks >= low - slack) & (ticks <= high + slack)]
        axis: Any = self.axis
        ax = axis.axes
        places = ax.transData.transform(np.column_stack([np.zeros_like(ticks), ticks]))[:, 1]
        room = _ROOM * self._size * ax.figure.dpi / 72
        kept: list[int] = []
        for at in sorted(range(len(ticks)), key=lambda i: (ticks[i] != 0, -abs(ticks[i]))):
            if all(abs(places[at] - places[other]) >= room for other in kept):
                kept.append(at)
        return [float(tick) for tick in ticks[sorted(kept)]]
