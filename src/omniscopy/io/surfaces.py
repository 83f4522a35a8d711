"""Maps of heights: stored numbers in physical units, NaN where nothing was measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import map_rows
from omniscopy.io.records import Axis, Key, LazyArray


@dataclass(frozen=True)
class Heights(Derived):
    """``offset + scale * inner``, NaN where a number stands for no height.

    That is the number `missing`, and every number from `beyond` on.
    """

    scale: float = 1.0
    offset: float = 0.0
    missing: float | None = None
    beyond: float | None = None

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return np.dtype(np.float64)

    def __getitem__(self, key: Key) -> np.ndarray:
        stored = self.inner[key]
        with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file
            values = stored * np.float64(self.scale) + self.offset
            if self.missing is not None:
                values = np.where(stored == stored.dtype.type(self.missing), np.nan, values)
            if self.beyond is not None:
                values = np.where(stored >= self.beyond, np.nan, values)
        return np.asarray(values, dtype=np.float64)


def map_grid(
    path: Path, offset: int, shape: Sequence[int], dtype: Any, *, partial: bool
) -> tuple[LazyArray, dict[str, Any] | None]:
    """Return the numbers of a map, row after row, and what is missing of them.

    Raises
    ------
    FormatError
        The map has no points, or the file ends before it does; with `partial`, what is missing
        is NaN instead.
    """
    if min(shape) < 1:
        message = f"a map of {' by '.join(map(str, shape))} points cannot be"
        raise FormatError(message, path=path, offset=offset)
    return map_rows(path, offset, tuple(shape), np.dtype(dtype), partial=partial)


def map_axes(
    shape: Sequence[int], steps: Sequence[float | None], units: Sequence[str | None] | str | None
) -> list[Axis]:
    """Return the axes `y` and `x` of a map, in pixels where their steps are not known."""
    both = [units] * 2 if units is None or isinstance(units, str) else units
    axes = []
    for name, size, step, unit in zip("yx", shape, steps, both, strict=True):
        if step is None or not math.isfinite(step) or not step:
            axes.append(Axis(name=name, size=size))
        else:
            axes.append(Axis(name=name, size=size, scale=abs(step), units=unit))
    return axes
