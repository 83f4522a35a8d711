"""Read Dektak files: profiles and maps of a stylus, as named items within others."""

import mmap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.dektak.items import Block, Quantity, read_items
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import known_units, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.surfaces import Heights

# The first bytes of an array of doubles are not numbers of it.
_BEFORE_ARRAY = 5


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - see below
    """Return the profiles and maps of the Dektak file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .opdx.
    partial : bool
        Makes no difference: what the numbers mean is written behind them.

    Returns
    -------
    Measurement
        Profiles along `x`, maps (y, x) with row 0 on top; heights in the file's unit. Filtered
        profiles lie beside the raw ones.

    Raises
    ------
    FormatError
        The file is cut short or damaged.
    UnsupportedFormatError
        It holds neither a profile nor a map.
    """
    path = Path(path)
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            message = "the file is empty"
            raise FormatError(message, path=path)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            items = read_items(path, content)
    channels = [
        make(path, items, name)
        for kind, make in (("1D_Data", _profile), ("2D_Data", _map))
        for name in _names(items, kind)
    ]
    if not channels:
        message = "the file holds neither a profile nor a map"
        raise UnsupportedFormatError(message, path=path)
    return Measurement(channels=channels, metadata=_metadata(items), original_metadata=_tree(items))


def _names(items: Mapping[str, Any], kind: str) -> list[str]:
    """Return the channels of a kind that have numbers, in the order of the file."""
    ending = {"1D_Data": "Array", "2D_Data": "Matrix"}[kind]
    parts = [name.split("/") for name in items]
    return [part[2] for part in parts if len(part) == 4 and part[1] == kind and part[3] == ending]


def _scaled(path: Path, items: Mapping[str, Any], at: str, numbers: LazyArray) -> dict[str, Any]:
    scale = items.get(f"{at}/DataScale", Quantity(1.0, ""))
    if not isinstance(scale, Quantity):
        message = "the scale of the values is no number with a unit; the file is damaged"
        raise FormatError(message, path=path, key=f"{at}/DataScale")
    kind = items.get(f"{at}/DataKind", "Height")
    return {
        "data": Heights(numbers, scale.value),
        "units": known_units(scale.symbol),
        "quantity": "height" if kind == "Height" else None,
        "source": "Bruker Dektak",
    }


def _profile(path: Path, items: Mapping[str, Any], name: str) -> Channel:
    at = f"/1D_Data/{name}"
    block = items[f"{at}/Array"]
    size = (block.size - _BEFORE_ARRAY) // 8 if isinstance(block, Block) else 0
    if size < 1:
        message = "the profile has no points; the file is damaged"
        raise FormatError(message, path=path, key=f"{at}/Array")
    numbers = Mapped(str(path), block.offset + _BEFORE_ARRAY, (size,), np.dtype("<f8"))
    return Channel(
        title=name,
        axes=[_axis("x", size, items.get(f"{at}/Extent"))],
        **_scaled(path, items, at, numbers),
    )


def _map(path: Path, items: Mapping[str, Any], name: str) -> Channel:
    at = f"/2D_Data/{name}"
    block = items[f"{at}/Matrix"]
    if not isinstance(block, Block) or min(block.shape, default=0) < 1:
        message = "the map has no points; the file is damaged"
        raise FormatError(message, path=path, key=f"{at}/Matrix")
    rows, columns = block.shape
    if 4 * rows * columns != block.size:
        message = f"a map of {rows} by {columns} points does not fill its {block.size} bytes"
        raise FormatError(message, path=path, offset=block.offset)
    numbers = Mapped(str(path), block.offset, (rows, columns), np.dtype("<f4"))
    axes = [
        _axis("y", rows, items.get(f"{at}/Dimension1Extent")),
        _axis("x", columns, items.get(f"{at}/Dimension2Extent")),
    ]
    return Channel(title=name, axes=axes, **_scaled(path, items, at, numbers))


def _axis(name: str, size: int, extent: Any) -> Axis:
    """Return an axis that reaches from its first to its last point."""
    if not isinstance(extent, Quantity) or not np.isfinite(extent.value) or extent.value <= 0:
        return Axis(name=name, size=size)
    step = extent.value / max(size - 1, 1)
    return Axis(name=name, size=size, scale=step, units=known_units(extent.symbol))


def _metadata(items: Mapping[str, Any]) -> dict[str, Any]:
    said = {name.rpartition("/")[2]: value for name, value in items.items()}
    return stated(
        {
            "started": _started(items.get("/MetaData/TimeStamp")),
            "sample": {"name": _text(said.get("SampleID"))},
            "operator": _text(said.get("Operator")),
            "instrument": {
                "vendor": "Bruker",
                "model": _text(said.get("InstrumentName")),
                "software": _text(said.get("SoftwareVersion")),
            },
        }
    )


def _started(stamp: Any) -> str | None:
    """Return the time of a stamp, in steps of 100 ns since 1601: a date as text may be any."""
    if not isinstance(stamp, bytes):
        return None
    ticks = int.from_bytes(stamp[1:9], "little")
    try:
        return (datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)).isoformat()
    except OverflowError:
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _tree(items: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is no array, as nested dictionaries."""
    tree: dict[str, Any] = {}
    for name, value in items.items():
        *groups, last = name.strip("/").split("/")
        node = tree
        for group in groups:
            found = node.setdefault(group, {})
            node = found if isinstance(found, dict) else {}
        if isinstance(value, Quantity):
            node[last] = {"value": value.value, "unit": value.symbol}
        elif isinstance(value, str | bool | int | float | list):
            node[last] = value
    return tree
