"""What all kinds of data in a Gwyddion file share: values on disk, units, axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped, Padded
from omniscopy.io.errors import FormatError
from omniscopy.io.gwyddion.objects import Block, Object
from omniscopy.io.quantities import known_units
from omniscopy.io.records import Axis, LazyArray
from omniscopy.model.units import without_prefixes


@dataclass(frozen=True)
class Values:
    """Values on disk and what is missing of them."""

    data: LazyArray
    attrs: dict[str, Any] = field(default_factory=dict)


def map_values(owner: Object, name: str, shape: Sequence[int]) -> Values:
    """Return the numbers of a component as an array of `shape`, rows that are cut off as NaN."""
    block = owner.get(name, Block)
    if block is None or min(shape) < 1 or math.prod(shape) != block.count:
        found = "none" if block is None else f"{block.count} numbers"
        message = f"a {owner.kind} of shape {tuple(shape)} was expected, {found} were found"
        path = None if block is None else block.path
        raise FormatError(message, path=path, offset=owner.offset, key=name)
    rows = block.there // math.prod(shape[1:])
    data: LazyArray = Mapped(str(block.path), block.offset, (rows, *shape[1:]), block.dtype)
    if rows == shape[0]:
        return Values(data)
    end = block.offset + block.there * block.dtype.itemsize
    missing = {"missing_from": rows, "reason": f"the file ends at byte {end}"}
    return Values(Padded(data, shape[0], np.nan), {"incomplete": missing})


def units_of(owner: Object, name: str, *, is_old: bool) -> str | None:
    """Return the units of an object's component; old files hold prefixes that do not apply."""
    unit = owner.get(name, Object)
    units = known_units(unit.text("unitstr")) if unit is not None else None
    return without_prefixes(units)[1] if units is not None and is_old else units


def size_of(owner: Object, name: str) -> int:
    """Return a number of pixels."""
    size = owner.items.get(name)
    if not isinstance(size, int) or size < 1:
        message = f"a number of pixels was expected, {size!r} was found"
        raise FormatError(message, offset=owner.offset, key=name)
    return size


def axis_of(
    owner: Object, letter: str, *, name: str | None = None, units: str | None = None
) -> Axis:
    """Return an axis of a field or brick (`letter` is x, y, z) or of a line (`letter` is empty)."""
    size = size_of(owner, f"{letter}res")
    length = owner.number(f"{letter}real")
    return Axis(
        name=name or letter,
        size=size,
        scale=length / size if length > 0 else 1.0,
        offset=owner.number(f"{letter}off"),
        units=units if length > 0 else None,
        role="signal" if name is not None and name in "xyz" and name != letter else None,
    )
