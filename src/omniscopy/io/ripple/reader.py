"""Read Ripple files: the table (.rpl) says how the values beside it (.raw) are laid out."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.array_notes import restore_array
from omniscopy.io.arrays import Transposed, read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import map_rows
from omniscopy.io.quantities import dimension_of, finite_number, known_units, stated, text_of
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.ripple.keys import DETAILS, EXTENTS, NOTE, NUMBERS, SIGNALS
from omniscopy.model.vocabulary import DIMENSIONS, kind_of

_MOST_BYTES = 1 << 22
_KINDS = {"signed": "i", "unsigned": "u", "float": "f"}
_LENGTHS = {"i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8)}
_ORDERS = {"little-endian": "<", "big-endian": ">", "dont-care": "<"}
_ARRANGEMENTS = ("vector", "image", "dont-care")


@dataclass(frozen=True)
class _Table:
    path: Path
    entries: dict[str, str]

    def size(self, key: str, *, least: int = 1, default: str = "") -> int:
        """Return a whole number."""
        text = self.entries.get(key, default)
        if not re.fullmatch(r"\d{1,15}", text) or int(text) < least:
            message = f"a whole number of at least {least} was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=key)
        return int(text)

    def word(self, key: str, known: tuple[str, ...], default: str = "") -> str:
        """Return one of the words that a key can have."""
        text = self.entries.get(key, default).lower().replace("'", "")
        if text not in known:
            message = f"one of {', '.join(known)} was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=key)
        return text

    def number(self, key: str) -> float | None:
        """Return an entry as a finite number, `None` where it is none."""
        return finite_number(self.entries.get(key, ""))

    def is_described(self, extent: str) -> bool:
        """Return whether more than its size is said of a dimension."""
        return any(self.entries.get(f"{extent}-{detail}") for detail in DETAILS)


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a Ripple table and the values beside it.

    Parameters
    ----------
    path : Path
        The table (.rpl); the values are in the file of the same name with the suffix .raw.
    partial : bool
        Read values that are cut short, of which the missing ones are NaN, or that are followed by
        other bytes.

    Returns
    -------
    Measurement
        One channel: (y, x, energy) and the like where values are recorded by vector, (z, y, x)
        where by image. Dimensions of one pixel of which nothing is said are left out.

    Raises
    ------
    FormatError
        The values are missing or not as many as the table says, or the table is damaged.
    """
    path = Path(path)
    table = _read_table(path)
    dtype = _dtype(table)
    arrangement = table.word("record-by", _ARRANGEMENTS, "dont-care")
    order = ("depth", "height", "width") if arrangement == "image" else EXTENTS
    sizes = {extent: table.size(extent, default="1") for extent in order}
    kept = [name for name in order if sizes[name] > 1 or table.is_described(name)] or ["depth"]
    data, attrs = _values(table, tuple(sizes[name] for name in kept), dtype, partial=partial)
    axes = _axes(table, {name: sizes[name] for name in kept}, arrangement)
    channel = Channel(
        title=table.entries.get("title") or path.stem,
        data=data,
        axes=axes,
        quantity="intensity",
        modality=_signal(table)[1],
        metadata=_metadata(table),
        original_metadata={key: text for key, text in table.entries.items() if key != NOTE},
        attrs=attrs,
    )
    if NOTE in table.entries:
        restored, root = restore_array(channel, table.entries[NOTE])
        if restored is not channel:
            return Measurement(channels=[restored], attrs=root)
    return Measurement(channels=[_displayed(channel)])


def _read_table(path: Path) -> _Table:
    text = text_of(read_start(path, _MOST_BYTES))
    entries: dict[str, str] = {}
    for line in re.split(r"\r\n|\n|\r", text):
        # Tabs divide as they should, blanks where there are none.
        key, _, value = line.strip().partition("\t" if "\t" in line.strip() else " ")
        if value and not key.startswith(";") and key.lower() != "key":
            entries[key.strip().lower()] = value.strip()
    return _Table(path, entries)


def _dtype(table: _Table) -> np.dtype[Any]:
    kind = _KINDS[table.word("data-type", tuple(_KINDS))]
    length = table.size("data-length")
    if length not in _LENGTHS[kind]:
        message = f"{table.entries['data-type']} numbers of {length} bytes are not known"
        raise FormatError(message, path=table.path, key="data-length")
    order = _ORDERS[table.word("byte-order", tuple(_ORDERS), "dont-care")]
    return np.dtype(f"{order}{kind}{length}")


def _values(
    table: _Table, shape: tuple[int, ...], dtype: np.dtype[Any], *, partial: bool
) -> tuple[LazyArray, dict[str, Any]]:
    path = _values_beside(table.path)
    offset = table.size("offset", least=0, default="0")
    there, wanted = path.stat().st_size - offset, math.prod(shape) * dtype.itemsize
    if there != wanted and not (partial and there > 0):
        message = (
            f"{' x '.join(map(str, shape))} values of {dtype.itemsize} bytes take {wanted} bytes, "
            f"but {path.name} has {there} after {offset}; one of the two files is cut short or "
            "damaged; partial=True reads what there is"
        )
        raise FormatError(message, path=table.path, key="offset" if there < 0 else None)
    if there > wanted:
        data, _ = map_rows(path, offset, shape, dtype, partial=False)
        return data, {"bytes_left_out": there - wanted}
    data, missing = map_rows(path, offset, shape, dtype, partial=partial)
    return data, {} if missing is None else {"incomplete": missing}


def _values_beside(path: Path) -> Path:
    for suffix in (".raw", ".RAW", ".Raw"):
        beside = path.with_suffix(suffix)
        if beside.is_file() and not beside.samefile(path):
            return beside
    message = (
        f"the values are in {path.with_suffix('.raw').name!r}, which is not beside the table; "
        "keep both files together"
    )
    raise FormatError(message, path=path)


def _axes(table: _Table, sizes: dict[str, int], arrangement: str) -> list[Axis]:
    """Return dimensions, called as the table does or else by what they measure."""
    said = [table.entries.get(f"{extent}-name", "").lower().replace(" ", "_") for extent in sizes]
    if any(name not in DIMENSIONS for name in said) or len(set(said)) != len(said):
        said = [""] * len(said)
    return [
        _axis(table, extent, size, arrangement, name)
        for (extent, size), name in zip(sizes.items(), said, strict=True)
    ]


def _axis(table: _Table, extent: str, size: int, arrangement: str, name: str) -> Axis:
    units = known_units(table.entries.get(f"{extent}-units"))
    scale = table.number(f"{extent}-scale")
    per_channel = table.number("ev-per-chan")
    if extent == "depth" and scale is None and per_channel and arrangement != "image":
        scale, units = per_channel, "eV"
    by_place = {"height": "y", "width": "x"}.get(extent) or _depth(table, units, arrangement)
    return Axis(
        name=name or by_place,
        size=size,
        scale=scale or 1.0,
        offset=table.number(f"{extent}-origin") or 0.0,
        units=units,
    )


def _depth(table: _Table, units: str | None, arrangement: str) -> str:
    by_units = dimension_of(units, "")
    if arrangement == "image":
        return by_units or ("z" if units is not None else "frame")
    return _signal(table)[0] or by_units or "energy"


def _signal(table: _Table) -> tuple[str | None, str | None]:
    """Return the dimension and the modality of the type of the signal."""
    said = table.entries.get("signal", "").upper()
    return next((found for key, found in SIGNALS.items() if said.startswith(key)), (None, None))


def _displayed(channel: Channel) -> Channel:
    """Put the one spectral dimension of a series of images behind y and x."""
    kinds = [kind_of(axis.name) for axis in channel.axes]
    if len(kinds) != 3 or kinds[0] != "spectral" or channel.data is None:
        return channel
    first, *others = channel.axes
    data = Transposed(channel.data, (1, 2, 0))  # type: ignore[arg-type]
    return replace(channel, axes=[*others, first], data=data)


def _metadata(table: _Table) -> dict[str, Any]:
    found: dict[str, Any] = {"title": table.entries.get("title"), "started": _started(table)}
    for key, (path, factor) in NUMBERS.items():
        value = table.number(key)
        group, _, last = path.partition(".")
        if value is not None:
            found.setdefault(group, {})[last] = value * factor
    return stated(found)


def _started(table: _Table) -> str | None:
    date, time = table.entries.get("date", ""), table.entries.get("time", "")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        return None
    return f"{date}T{time}" if re.fullmatch(r"\d\d:\d\d:\d\d", time) else date
