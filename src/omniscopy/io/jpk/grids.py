"""Where the curves of a map lie, and the pixels of an image: a grid about a centre."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from omniscopy.io.jpk.properties import Properties, ending, number_ending
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import known_units
from omniscopy.io.records import Axis


@dataclass(frozen=True)
class Grid:
    """Columns and rows, counted from the lower left, and the lower-left corner of all.

    Rows of a grid that is reflected are counted from the top.
    """

    columns: int
    rows: int
    corner: tuple[float, float]
    size: tuple[float, float]
    units: str | None = "m"
    back_and_forth: bool = False
    reflected: bool = False

    def axes(self) -> list[Axis]:
        """Return the axes y and x; labels are the middles of pixels, where curves were taken."""
        (x, y), (width, height) = self.corner, self.size
        steps = width / self.columns, height / self.rows
        return [
            plane_axis("y", self.rows, y + steps[1] / 2, steps[1], self.units, placed=True),
            plane_axis("x", self.columns, x + steps[0] / 2, steps[0], self.units, placed=True),
        ]

    def place(self, index: int) -> int | None:
        """Return the number of the pixel, counted from the top left, at which a curve lies."""
        row, column = divmod(index, self.columns)
        if row >= self.rows:
            return None
        if self.back_and_forth and row % 2:
            column = self.columns - 1 - column
        return (row if self.reflected else self.rows - 1 - row) * self.columns + column


def find_grid(properties: Properties) -> Grid | None:
    """Return the grid that the settings of a map describe, `None` where they describe none."""
    prefix = ".position-pattern.grid."
    counts = [ending(properties, f"{prefix}{letter}length") for letter in "ij"]
    if not all(re.fullmatch(r"[1-9]\d{0,4}", count) for count in counts):
        return None
    columns, rows = (int(count) for count in counts)
    size = [number_ending(properties, f"{prefix}{letter}length") or 0.0 for letter in "uv"]
    centre = [number_ending(properties, f"{prefix}{letter}center") or 0.0 for letter in "xy"]
    return Grid(
        columns=columns,
        rows=rows,
        corner=(centre[0] - size[0] / 2, centre[1] - size[1] / 2),
        size=(size[0], size[1]),
        units=known_units(ending(properties, f"{prefix}unit.unit")) or "m",
        back_and_forth=ending(properties, ".position-pattern.back-and-forth") == "true",
        reflected=ending(properties, f"{prefix}reflect").lower() in ("true", "1"),
    )


def rotation(properties: Properties) -> float | None:
    """Return the angle of the grid in degrees."""
    angle = number_ending(properties, ".position-pattern.grid.theta")
    return None if angle is None else round(math.degrees(angle), 9)


def curve_indexes(names: Iterable[str]) -> list[int]:
    """Return the numbers of the curves whose members are listed."""
    found = set()
    for name in names:
        match = re.match(r"index/(\d{1,9})/", name)
        if match is not None:
            found.add(int(match[1]))
    return sorted(found)
