"""Images: TIFF files whose tags hold the grid and a chain of calibrations for each channel."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Scaled
from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.grids import Grid
from omniscopy.io.jpk.metadata import quantity_of_channel, started
from omniscopy.io.quantities import known_units, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.tiff.arrays import Pages
from omniscopy.io.tiff.container import open_tiff, require_segments

_VERSION, _START, _USER, _COMMENT, _SAMPLE = 0x8000, 0x8003, 0x8009, 0x8004, 0x8005
_MODE, _RATE = 0x8030, 0x8049
_GRID = range(0x8040, 0x8048)  # x, y, width, height, angle, reflected, columns, rows
_REFLECTED = _GRID[5]
_NAME, _RETRACE, _TITLE = 0x8050, 0x8051, 0x8052
_SLOTS, _DEFAULT = 0x8080, 0x8081
_FIRST_SLOT, _SLOT_STEP = 0x8090, 0x30
_SLOT_UNIT, _SLOT_STYLE, _SLOT_FACTOR, _SLOT_ZERO = 0x12, 0x13, 0x14, 0x15
_MOST_SLOTS = 64
_OWN_TAGS = range(0x8000, 0x8FFF)
_EMPTY = "<empty>"


def read_images(path: Path) -> Measurement:
    """Return the channels of a JPK image, (y, x) with row 0 on top."""
    with open_tiff(path) as file:
        pages = list(file.pages)
        first = _tags(pages[0])
        grid = _read_grid(path, first)
        is_reflected = bool(first.get(_REFLECTED))
        channels = [
            _channel(path, page, grid, reflected=is_reflected)
            for page in pages[1:]
            if _NAME in _tags(page)
        ]
    if not channels:
        message = "the file has no page with a channel"
        raise FormatError(message, path=path, offset=0)
    angle, mode = first.get(_GRID[4]), first.get(_MODE)
    return Measurement(
        channels=channels,
        metadata=stated(
            {
                "technique": "AFM",
                "started": started(_text(first, _START)),
                "operator": _text(first, _USER),
                "comment": _text(first, _COMMENT),
                "sample": {"name": _text(first, _SAMPLE)},
                "instrument": {"vendor": "JPK", "software": _text(first, _VERSION)},
                "scan": {
                    "rotation": float(np.rad2deg(angle)) + 0.0
                    if isinstance(angle, float) and np.isfinite(angle)
                    else None,
                    "line_rate": _positive(first.get(_RATE)),
                },
                "probe": _probe(pages[1:]),
                "feedback": {"mode": mode if isinstance(mode, str) else _text(first, _TITLE)},
            }
        ),
        original_metadata=_plain(first),
    )


def _probe(pages: Iterable[Any]) -> dict[str, float]:
    """Return sensitivity and stiffness, by the calibrations of the first deflection that has both.

    Volts, distance and force are the stored numbers times a factor each.
    """
    for page in pages:
        tags = _tags(page)
        count = tags.get(_SLOTS)
        factors = {}
        for number in range(min(count, _MOST_SLOTS) if isinstance(count, int) else 0):
            base = _FIRST_SLOT + number * _SLOT_STEP
            factors[tags.get(base)] = _positive(tags.get(base + _SLOT_FACTOR))
        volts, distance, force = (factors.get(name) for name in ("volts", "distance", "force"))
        if volts and distance:
            found = {"sensitivity": distance / volts}
            return found | ({"spring_constant": force / distance} if force else {})
    return {}


def _positive(value: Any) -> float | None:
    return value if isinstance(value, float) and 0 < value < np.inf else None


def _channel(path: Path, page: Any, grid: Grid | None, *, reflected: bool) -> Channel:
    tags = _tags(page)
    reflected = bool(tags.get(_REFLECTED, reflected))
    if page.ndim != 2:
        message = f"a channel is an image, a page of shape {page.shape} was found"
        raise FormatError(message, path=path, offset=page.offset)
    missing = require_segments(page, path)
    if missing is not None:
        raise FormatError(missing, path=path, offset=page.offset)
    counts = Pages(
        path=str(path),
        places=(page.offset,),
        lead=(),
        axes="YX",
        page_shape=tuple(page.shape),
        dtype=np.dtype(page.dtype).newbyteorder("="),
    )
    scale, offset, units = _scaling(tags)
    # Rows are stored from the bottom up, but not where the grid is reflected.
    rows: LazyArray = counts if reflected else Flipped(counts, (0,))
    data: LazyArray = Scaled(rows, scale, offset)
    direction = "retrace" if tags.get(_RETRACE) else "trace"
    title = _text(tags, _TITLE) or _text(tags, _NAME)
    axes = [Axis(name=name, size=size) for name, size in zip("yx", page.shape, strict=True)]
    if grid is not None and (grid.rows, grid.columns) == tuple(page.shape):
        axes = grid.axes()
    return Channel(
        title=f"{title} {direction}",
        data=data,
        axes=axes,
        quantity=quantity_of_channel(_text(tags, _NAME), units),
        units=units,
        modality="AFM",
        source="JPK",
        metadata={"scan": {"direction": direction}},
        original_metadata=_plain(tags),
    )


def _scaling(tags: dict[int, Any]) -> tuple[float, float, str | None]:
    """Return factor, zero and units of the calibration that is shown by default."""
    wanted, count = tags.get(_DEFAULT), tags.get(_SLOTS)
    count = min(count, _MOST_SLOTS) if isinstance(count, int) else 0
    for number in range(count):
        base = _FIRST_SLOT + number * _SLOT_STEP
        if tags.get(base) != wanted or tags.get(base + _SLOT_STYLE) != "LinearScaling":
            continue
        factor, zero = tags.get(base + _SLOT_FACTOR), tags.get(base + _SLOT_ZERO)
        if (
            isinstance(factor, float)
            and isinstance(zero, float)
            and np.isfinite([factor, zero]).all()
        ):
            return factor, zero, known_units(_text(tags, base + _SLOT_UNIT))
    return 1.0, 0.0, None


def _read_grid(path: Path, tags: dict[int, Any]) -> Grid | None:
    x, y, width, height, _, _, columns, rows = (tags.get(code) for code in _GRID)
    numbers = (x, y, width, height)
    if not all(isinstance(value, float) and np.isfinite(value) for value in numbers):
        return None
    if not all(isinstance(value, int) and value > 0 for value in (columns, rows)):
        message = f"a grid of {columns} by {rows} pixels cannot be"
        raise FormatError(message, path=path, offset=0)
    return Grid(columns, rows, (x, y), (width, height))  # type: ignore[arg-type]


def _tags(page: Any) -> dict[int, Any]:
    """Return the tags of JPK, text as text."""
    found = {}
    for tag in page.tags.values():
        if tag.code in _OWN_TAGS and isinstance(tag.value, str | int | float):
            found[tag.code] = tag.value
    return found


def _text(tags: dict[int, Any], code: int) -> str:
    value = tags.get(code)
    return value if isinstance(value, str) and value != _EMPTY else ""


def _plain(tags: dict[int, Any]) -> dict[str, Any]:
    return {f"{code:#06x}": value for code, value in tags.items() if value != _EMPTY}
