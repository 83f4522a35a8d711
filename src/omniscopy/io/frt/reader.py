"""Read FRT maps: numbered blocks, of which a few say what the numbers of others are."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omniscopy.io.arrays import Flipped, require_bytes
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Channel, LazyArray, Measurement
from omniscopy.io.surfaces import Heights, map_axes, map_grid

_MAGIC = b"FRTM_GLIDERV"
_LENGTHS = {b"1.00": "<HI", b"1.01": "<HQ"}
_SIZE, _AREA, _SCALE, _TIME = 0x66, 0x67, 0x6C, 0x72
_HEIGHTS, _INTENSITIES = 0x0B, 0x0C
_DTYPES = {16: "<u2", 32: "<i4"}
_NO_VALUE = 1


@dataclass(frozen=True)
class _Blocks:
    """Where each block lies, and how long it is."""

    path: Path
    places: dict[int, tuple[int, int]]

    def unpack(self, number: int, form: str) -> tuple[Any, ...] | None:
        """Return the fields of a block, `None` where it is not there or too short."""
        place, size = self.places.get(number, (0, 0))
        if size < struct.calcsize(form):
            return None
        with self.path.open("rb") as file:
            file.seek(place)
            return struct.unpack(form, file.read(struct.calcsize(form)))


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - see below
    """Return the maps of heights and of intensities of the FRT file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .frt.
    partial : bool
        Makes no difference: the blocks that follow a map are needed to read it.

    Returns
    -------
    Measurement
        `Height` (y, x) in metres and, where the file has it, `Intensity`, NaN where nothing was
        measured. Row 0 is on top.

    Raises
    ------
    FormatError
        The file is cut short, or a block is damaged or missing.
    UnsupportedFormatError
        The version, or the length of a number, is not known.
    """
    blocks = _list_blocks(Path(path))
    size = blocks.unpack(_SIZE, "<3I")
    if size is None:
        message = "the block 0x66, which says how many points there are, is missing"
        raise FormatError(message, path=path, key="0x66")
    columns, rows, bits = size
    if bits not in _DTYPES:
        message = f"numbers of {bits} bits are not read, only of 16 and 32"
        raise UnsupportedFormatError(message, path=path, key="0x66")
    width, height = blocks.unpack(_AREA, "<2d") or (0.0, 0.0)
    _, scale = blocks.unpack(_SCALE, "<Id") or (0, 0.0)
    axes = map_axes((rows, columns), [height / max(rows, 1), width / max(columns, 1)], "m")
    channels = []
    for number, title in ((_HEIGHTS, "Height"), (_INTENSITIES, "Intensity")):
        if number not in blocks.places:
            continue
        numbers = _numbers(blocks, number, (rows, columns), bits)
        is_height = number == _HEIGHTS and scale != 0.0
        channels.append(
            Channel(
                title=title,
                data=Heights(numbers, scale if is_height else 1.0, missing=_NO_VALUE),
                axes=axes,
                quantity=title.lower(),
                units="m" if is_height else None,
                source="FRT MicroProf",
            )
        )
    if not channels:
        message = "the file has no block of heights (0x0b)"
        raise FormatError(message, path=path, key="0x0b")
    return Measurement(
        channels=channels,
        metadata=stated({"started": _started(blocks), "instrument": {"vendor": "FRT"}}),
        original_metadata={f"{number:#06x}": size for number, (_, size) in blocks.places.items()},
    )


def _list_blocks(path: Path) -> _Blocks:
    with path.open("rb") as file:
        start = file.read(18)
        form = _LENGTHS.get(start[12:16])
        if not start.startswith(_MAGIC) or len(start) < 18:
            message = f"an FRT file starts with {_MAGIC!r}, this one with {start[:12]!r}"
            raise FormatError(message, path=path, offset=0)
        if form is None:
            message = f"the version {start[12:16]!r} is not known, only 1.00 and 1.01"
            raise UnsupportedFormatError(message, path=path, offset=12)
        places: dict[int, tuple[int, int]] = {}
        at = 18
        for _ in range(int.from_bytes(start[16:18], "little")):
            file.seek(at)
            head = file.read(struct.calcsize(form))
            if len(head) < struct.calcsize(form):
                message = "the file ends before all of its blocks"
                raise FormatError(message, path=path, offset=at)
            number, size = struct.unpack(form, head)
            require_bytes(path, at + len(head), size, what=f"the block {number:#04x}")
            places.setdefault(number, (at + len(head), size))
            at += len(head) + size
    return _Blocks(path, places)


def _numbers(blocks: _Blocks, number: int, shape: tuple[int, int], bits: int) -> LazyArray:
    """Return a map, which is stored from the bottom row up."""
    place, size = blocks.places[number]
    if shape[0] * shape[1] * bits // 8 > size:
        message = f"{shape[0]} by {shape[1]} points do not fit into a block of {size} bytes"
        raise FormatError(message, path=blocks.path, offset=place)
    numbers, _ = map_grid(blocks.path, place, shape, _DTYPES[bits], partial=False)
    return Flipped(numbers, (0,))


def _started(blocks: _Blocks) -> str | None:
    seconds = (blocks.unpack(_TIME, "<i") or (0,))[0]
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds > 0 else None
