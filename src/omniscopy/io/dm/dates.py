"""When an image was recorded: Gatan writes the date as text in the manner of the computer."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from omniscopy.io.dm.tags import find_tag

_TEXTS = (
    ("EELS:Acquisition:Date", "EELS:Acquisition:Start time"),
    ("EDS:Acquisition:Date", "EDS:Acquisition:Start time"),
    ("CL:Acquisition:Date", "CL:Acquisition:Start time"),
    ("SI:Acquisition:Date", "SI:Acquisition:Start time"),
    ("DataBar:Acquisition Date", "DataBar:Acquisition Time"),
    ("CL:Acquisition:Acquisition begin", "CL:Acquisition:Acquisition begin"),
)
# 100 ns since 1601 in UTC, whatever the computer's manner.
_CLOCKS = ("DataBar:Acquisition Time (OS)", "DataBar:System Info")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_YEARS = (1980, 2100)
_FARTHEST_ZONE = timedelta(hours=14)

_DATE = re.compile(r"(\d{1,4})\s?([/.-])\s?(\d{1,2})\s?[/.-]\s?(\d{1,4})")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(?:([AaPp])\.?\s?[Mm]\b)?")
_STAMP = "%a %b %d %H:%M:%S %Y"


def find_start(tags: Any) -> str | None:
    """Return when the image was recorded, in ISO 8601, as exactly as it can be understood.

    Text such as 04/11/2020 may mean April or November. It is used only where its form, the
    computer's clock or DigiScan's own stamp decides; nothing is guessed.
    """
    clock = _clock(tags)
    stamp = _stamp(tags)
    for date_path, time_path in _TEXTS:
        text = find_tag(tags, date_path)
        days = read_dates(text) if isinstance(text, str) else set()
        moment = read_time(find_tag(tags, time_path))
        if clock is not None and moment is not None:
            days = {day for day in days if _zone(datetime.combine(day, moment), clock)}
        elif stamp is not None:
            days &= {stamp.date()}
        if len(days) != 1:
            continue
        day = days.pop()
        if moment is None:
            return day.isoformat() if clock is None else clock.isoformat()
        local = datetime.combine(day, moment)
        zone = None if clock is None else _zone(local, clock)
        return local.replace(tzinfo=zone).isoformat()
    found = clock or stamp
    return None if found is None else found.isoformat()


def read_dates(text: str) -> set[date]:
    """Return the days that the text may mean: one, two where day and month are open, or none."""
    match = _DATE.search(text)
    if match is None:
        return set()
    first, separator, second, third = match[1], match[2], int(match[3]), match[4]
    if len(first) == 4:
        candidates = [(int(first), second, int(third))]
    elif separator == ".":
        candidates = [(_year(third), second, int(first))]
    else:
        candidates = [(_year(third), second, int(first)), (_year(third), int(first), second)]
    return set(_days(candidates))


def read_time(text: Any) -> time | None:
    """Return the time of day; text in neither the 12 nor the 24 hour manner is not understood."""
    match = _TIME.search(text) if isinstance(text, str) else None
    if match is None:
        return None
    hour, half = int(match[1]), (match[4] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if not half and re.search(r"[^\W\d_]", text):  # a.m. or p.m. in another language
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return time(hour, int(match[2]), int(match[3] or 0))
    except ValueError:
        return None


def _year(text: str) -> int:
    return int(text) + 2000 if len(text) <= 2 else int(text)


def _days(candidates: list[tuple[int, int, int]]) -> Iterator[date]:
    for year, month, day in candidates:
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if _YEARS[0] <= found.year < _YEARS[1]:
            yield found


def _clock(tags: Any) -> datetime | None:
    for path in _CLOCKS:
        ticks = find_tag(tags, path)
        if isinstance(ticks, (int, float)) and 1.1e17 < ticks < 1.6e17:
            return (_EPOCH + timedelta(seconds=ticks / 1e7)).replace(microsecond=0)
    return None


def _stamp(tags: Any) -> datetime | None:
    text = find_tag(tags, "DigiScan:TimeStamp")
    try:
        return datetime.strptime(str(text).strip(), _STAMP)
    except ValueError:
        return None


def _zone(local: datetime, clock: datetime) -> timezone | None:
    """Return the time zone in which the clock shows `local`, within 5 minutes; or `None`."""
    ahead = local.replace(tzinfo=UTC) - clock
    quarters = round(ahead / timedelta(minutes=15)) * timedelta(minutes=15)
    if abs(quarters) > _FARTHEST_ZONE or abs(ahead - quarters) > timedelta(minutes=5):
        return None
    return timezone(quarters)
