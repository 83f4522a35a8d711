"""Read Nanonis curves: a text of settings, then columns of numbers."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.nanonis_dat.settings import (
    drive_frequency,
    feedback,
    number,
    started,
    technique_of,
)
from omniscopy.io.quantities import (
    dimension_of,
    quantity_of,
    split_heading,
    stated,
)
from omniscopy.io.records import Axis, Channel, Measurement, Variable

_MARK = re.compile(rb"^\[DATA\][^\n]*\n", re.MULTILINE)
_MOST_BYTES = 1 << 28
_LONGEST_NUMBER = 40


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the columns of the Nanonis curves at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .dat.
    partial : bool
        Leave out a last row that is cut short.

    Returns
    -------
    Measurement
        A channel for each column but the first, which is the abscissa, and the place of the
        spectrum as coordinates. Of a record that only states its period all columns are channels,
        along `time`. A measurement that was stopped at once has no points.

    Raises
    ------
    FormatError
        The last row is cut short, or rows hold other things than numbers.
    """
    path = Path(path)
    settings, offset, raw = _read_header(path)
    headings, table, missing = _read_table(path, offset, raw, partial=partial)
    technique = technique_of(headings)
    axis = _sampled(settings, headings[0], table[:, 0])
    first, coordinates = 0, dict[str, Variable]()
    if axis is None:
        first, (axis, coordinates) = 1, _abscissa(headings[0], table[:, 0])
    coordinates |= _place(settings)
    channels = [
        _channel(heading, table[:, i], axis, coordinates, technique)
        for i, heading in enumerate(headings)
        if i >= first
    ]
    if missing is not None:
        channels = [_marked(channel, missing) for channel in channels]
    return Measurement(
        channels=channels,
        metadata=_common_metadata(settings, technique),
        original_metadata=settings,
    )


def _read_header(path: Path) -> tuple[dict[str, str], int, bytes]:
    if path.stat().st_size > _MOST_BYTES:
        message = "the text is longer than 256 MB"
        raise FormatError(message, path=path)
    raw = path.read_bytes()
    mark = _MARK.search(raw)
    if mark is None or b"\t" not in raw[: mark.start()]:
        message = (
            "there is no '[DATA]' after lines of settings; the file is cut short or no Nanonis"
        )
        raise FormatError(message, path=path, offset=len(raw))
    settings: dict[str, str] = {}
    for line in _decoded(raw[: mark.start()]).splitlines():
        key, tab, value = line.partition("\t")
        if tab and key.strip():
            settings.setdefault(key.strip(), value.strip())
    return settings, mark.end(), raw[mark.end() :]


def _read_table(
    path: Path, offset: int, raw: bytes, *, partial: bool
) -> tuple[list[str], np.ndarray, dict[str, Any] | None]:
    """Return the headings and the numbers below them."""
    heading, _, body = raw.partition(b"\n")
    headings = [word.strip() for word in _decoded(heading).rstrip("\r\t").split("\t")]
    if b"." not in body:  # decimal commas, as the language of the computer has them
        body = body.replace(b",", b".")
    rows = [line.split() for line in body.splitlines()]
    rows = [row for row in rows if row]
    missing = None
    # Every row ends with a break: without, its last number may have lost digits.
    if not raw.endswith(b"\n") or (rows and len(rows[-1]) < len(headings)):
        if not partial:
            message = "the last row does not end; the file is cut short"
            raise FormatError(message, path=path, offset=offset + len(raw))
        rows = rows[:-1]
        missing = {"missing_from": len(rows), "reason": "the last row does not end"}
    if not all(headings) or any(len(row) != len(headings) for row in rows):
        message = f"rows of {len(headings)} numbers were expected, others were found"
        raise FormatError(message, path=path, offset=offset)
    words = [word for row in rows for word in row]
    try:
        if max(map(len, words), default=0) > _LONGEST_NUMBER:
            raise ValueError
        numbers = np.array(words, dtype="S").astype(np.float64) if words else np.empty(0)
    except ValueError:
        message = "the rows hold other things than numbers"
        raise FormatError(message, path=path, offset=offset) from None
    return headings, numbers.reshape(len(rows), len(headings)), missing


def _channel(
    heading: str,
    values: np.ndarray,
    axis: Axis,
    coordinates: dict[str, Variable],
    technique: str,
) -> Channel:  # fmt: skip
    title, units = split_heading(heading)
    direction = "backward" if "[bwd]" in title else "forward"
    return Channel(
        title=title,
        data=values,
        axes=[axis],
        coordinates=coordinates,
        quantity=quantity_of(title, units),
        units=units,
        modality=technique,
        source="Nanonis",
        metadata={"scan": {"direction": direction}},
        original_metadata={"heading": heading},
    )


def _marked(channel: Channel, missing: dict[str, Any]) -> Channel:
    return Channel(**{**vars(channel), "attrs": {"incomplete": missing}})


def _sampled(settings: dict[str, str], heading: str, first: np.ndarray) -> Axis | None:
    """Return the times of a record whose columns are all quantities, `None` where one is swept."""
    period, steps = number(settings, "Sample Period (ms)"), np.diff(first)
    swept = bool(np.all(steps > 0) or np.all(steps < 0))
    if "history" in settings.get("Experiment", "").lower():
        swept = dimension_of(split_heading(heading)[1], "z") == "time"
    if not period or period <= 0 or swept:
        return None
    return Axis(name="time", size=len(first), scale=period / 1e3, units="s", role="signal")


def _abscissa(heading: str, values: np.ndarray) -> tuple[Axis, dict[str, Variable]]:
    """Return the first column as an axis where it ascends or descends, else as a coordinate."""
    title, units = split_heading(heading)
    name = dimension_of(units, "z")
    steps = np.diff(values)
    if np.isfinite(values).all() and (np.all(steps > 0) or np.all(steps < 0)):
        attrs = {"long_name": title}
        axis = Axis(
            name=name, size=len(values), units=units, values=values, role="signal", attrs=attrs
        )  # fmt: skip
        return axis, {}
    attrs = {"long_name": title} | ({"units": units} if units else {})
    place = Variable(dims=("sample",), data=values, attrs=attrs)
    return Axis(name="sample", size=len(values)), {name: place}


def _place(settings: dict[str, str]) -> dict[str, Variable]:
    """Return where the spectrum was taken."""
    found = {}
    for name in ("x", "y"):
        value = number(settings, f"{name.upper()} (m)")
        if value is not None:
            attrs = {"units": "m", "quantity": "length"}
            found[name] = Variable(dims=(), data=np.asarray(value), attrs=attrs)
    return found


def _common_metadata(settings: dict[str, str], technique: str) -> dict[str, Any]:
    return stated(
        {
            "technique": technique,
            "started": started(settings),
            "operator": settings.get("User"),
            "title": settings.get("Experiment"),
            "instrument": {"vendor": "SPECS", "software": "Nanonis"},
            "probe": {
                "bias": number(settings, "Bias>Bias (V)"),
                "drive_frequency": drive_frequency(settings),
            },
            "feedback": feedback(settings),
        }
    )


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
