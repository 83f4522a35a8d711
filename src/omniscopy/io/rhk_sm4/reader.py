"""Read RHK files: images forward and backward, and spectra where they were taken."""

import datetime as dt
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Mapped, Scaled, Transposed, read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import Column, Window
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import dimension_of, known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.io.rhk_sm4.pages import SM4, Content, Page, read_pages
from omniscopy.io.rhk_sm4.sequences import read_sequence

_IMAGE, _LINE = 0, 1
# Types of lines whose numbers are floats.
_FLOATS = frozenset({1, 6, 9, 10, 11, 13, 18, 19, 21, 22})
_DISCRETE = 22
_DIRECTIONS = {0: "forward", 1: "backward", 2: "up", 3: "down"}
_ABSCISSAS = {7: "bias", 8: "z", 24: "time"}
_MOST_TEXT = 1 << 22
_FIRST_YEAR = 80  # of which two digits are of the last century


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the RHK file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .sm4, or of the older ones, .sm3 and .sm2.
    partial : bool
        Leave out pages whose numbers the file ends before.

    Returns
    -------
    Measurement
        An image (y, x) for each quantity and direction, row 0 on top, in the frame of the scanner
        before it is turned about the middle of the scan: `x` ascends, `y` descends. Spectra are
        (point, sweep), with the places of the tip as coordinates where the file has them. Pages
        that are neither are listed under ``not_read``.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged or contradicts its size.
    """
    path = Path(path)
    is_old = not read_start(path, 64)[2:].startswith(SM4)
    content = read_sequence(path, partial=partial) if is_old else read_pages(path)
    channels, skipped = [], list(content.skipped)
    for page in content.pages:
        try:
            channels.append(_channel(path, page))
        except FormatError:
            if not partial:
                raise
            skipped.append(f"page {page.number}, which is not whole")
    if not channels or not content.pages:
        message = "no page of the file can be read"
        raise FormatError(message, path=path)
    return Measurement(
        channels=channels,
        metadata=_common(content.pages[0]),
        original_metadata=stated({"notes": _notes(content)}),
        attrs={"not_read": ", ".join(skipped)} if skipped else {},
    )


def _channel(path: Path, page: Page) -> Channel:
    header = page.header
    rows, columns = int(header["rows"]), int(header["columns"])
    if rows < 1 or columns < 1:
        message = f"page {page.number} has {rows} rows of {columns} numbers"
        raise FormatError(message, path=path, offset=page.data.offset)
    units = known_units(page.texts.get("z_units", "").replace("N/sec", "1/s"))
    label = page.texts.get("label", "").strip() or f"Page {page.number}"
    parts: dict[str, Any] = {"title": label}
    if page.kind == _IMAGE:
        parts = _image(path, page, (rows, columns), label)
    else:
        parts = _lines(path, page, (rows, columns), label)
    scale = header["z_scale"] if np.isfinite(header["z_scale"]) else 1.0
    zero = header["z_offset"] if np.isfinite(header["z_offset"]) else 0.0
    return Channel(
        **{**parts, "data": Scaled(parts["data"], scale, zero)},
        quantity=quantity_of(label, units),
        units=units,
        modality="STM",
        source="RHK Technology",
        original_metadata={
            "page": page.number,
            "kind": page.kind,
            "header": {k: v for k, v in header.items() if np.isfinite(v)},
            "texts": page.texts,
        },
    )


def _image(path: Path, page: Page, shape: tuple[int, int], label: str) -> dict[str, Any]:
    header = page.header
    data: LazyArray = _numbers(path, page, shape, np.dtype(page.dtype or "<i4"))
    # The signs of the steps say in which order rows and columns were kept.
    turned = tuple(
        axis
        for axis, is_turned in ((0, header["y_scale"] > 0), (1, header["x_scale"] < 0))
        if is_turned
    )
    axes = [
        _plane_axis(name, size, header[f"{name}_scale"], header[f"{name}_offset"], page)
        for name, size in zip("yx", shape, strict=True)
    ]
    direction = _DIRECTIONS.get(int(header["scan_direction"]), "")
    return {
        "title": f"{label} {direction}".strip(),
        "data": Flipped(data, turned) if turned else data,
        "axes": axes,
        "metadata": {"scan": {"direction": direction}} if direction else {},
    }


def _plane_axis(name: str, size: int, step: float, middle: float, page: Page) -> Axis:
    step = abs(float(step))
    units = known_units(page.texts.get(f"{name}_units")) or "m"
    return plane_axis(name, size, float(middle) - size * step / 2, step, units, placed=True)


def _lines(path: Path, page: Page, shape: tuple[int, int], label: str) -> dict[str, Any]:
    """Return curves, one after the other, with their abscissa and places."""
    header, (rows, columns) = page.header, shape
    kind = int(header["line_type"])
    dtype = np.dtype(page.dtype or ("<f4" if kind in _FLOATS else "<i4"))
    units = known_units(page.texts.get("x_units"))
    name = dimension_of(units, _ABSCISSAS.get(kind, "sample" if units is None else "z"))
    attrs = {"long_name": page.texts["x_label"]} if page.texts.get("x_label") else {}
    coordinates = _places(page, rows)
    scale, offset = float(header["x_scale"]), float(header["x_offset"])
    if kind == _DISCRETE and not page.dtype:
        # Curve by curve in columns, after one of abscissas.
        table = _numbers(path, page, (columns, rows + 1), dtype)
        data: LazyArray = Transposed(Window(table, 1, rows + 1), (1, 0))
        values = Column(table, 0)
        place = Variable(
            dims=("sample",), data=values, attrs=attrs | ({"units": units} if units else {})
        )
        coordinates[name if name != "sample" else "abscissa"] = place
        along = Axis(name="sample", size=columns)
    else:
        data = _numbers(path, page, shape, dtype)
        known = scale != 0 and np.isfinite([scale, offset]).all()
        along = (
            Axis(name=name, size=columns, scale=scale, offset=offset, units=units, role="signal",
                 attrs=attrs)
            if known else Axis(name=name, size=columns, role="signal")
        )  # fmt: skip
    return {
        "title": label,
        "data": data,
        "axes": [Axis(name="point", size=rows), along],
        "coordinates": coordinates,
    }


def _places(page: Page, rows: int) -> dict[str, Variable]:
    if len(page.places) != rows or not rows:
        return {}
    attrs = {"units": "m", "quantity": "length"}
    return {
        name: Variable(dims=("point",), data=page.places[name].astype(np.float64), attrs=attrs)
        for name in ("x", "y")
    }


def _numbers(path: Path, page: Page, shape: tuple[int, int], dtype: np.dtype[Any]) -> Mapped:
    wanted = shape[0] * shape[1] * dtype.itemsize
    if page.data.size < wanted:
        message = f"page {page.number} of {shape} numbers has {page.data.size} bytes"
        raise FormatError(message, path=path, offset=page.data.offset)
    return Mapped(str(path), page.data.offset, shape, dtype)


def _notes(content: Content) -> str:
    raw = content.notes
    if content.is_packed:
        try:
            raw = zlib.decompressobj().decompress(raw, _MOST_TEXT)
        except zlib.error:
            return ""
    return raw.decode("cp437").strip("\0")


def _common(page: Page) -> dict[str, Any]:
    header, texts = page.header, page.texts
    current = float(header["current"])
    unit = texts.get("setpoint_unit") or "A"

    def finite(key: str) -> float | None:
        return float(header[key]) if np.isfinite(header[key]) else None

    return stated(
        {
            "technique": "STM",
            "started": _started(texts.get("date", ""), texts.get("time", "")),
            "comment": texts.get("user_text", "").strip(),
            "instrument": {"vendor": "RHK Technology", "software": texts.get("system_text", "")},
            "scan": {
                "rotation": finite("angle"),
                "dwell_time": finite("period") or None,
            },
            "probe": {"bias": finite("bias")},
            "feedback": {"setpoint": f"{current:g} {unit}" if np.isfinite(current) else None},
        }
    )


def _started(day: str, clock: str) -> str | None:
    """Return a moment, of which the month comes first; a year may have two digits."""
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})", day.strip())
    times = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})", clock.strip())
    if match is None or times is None:
        return None
    month, date, year = (int(part) for part in match.groups())
    hour, minute, second = (int(part) for part in times.groups())
    century = 0 if year > 99 else 1900 if year >= _FIRST_YEAR else 2000
    try:
        moment = dt.datetime(century + year, month, date, hour, minute, second)
    except ValueError:
        return None
    return moment.isoformat()
