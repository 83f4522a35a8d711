"""What the settings in JPK files say in the words of the common metadata."""

import datetime as dt
import re
from typing import Any

from omniscopy.io.jpk.grids import rotation
from omniscopy.io.jpk.properties import Properties, ending
from omniscopy.io.jpk.scaling import Scaling
from omniscopy.io.quantities import measures, quantity_of, stated

_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)?(?: ([-+]\d{4}|[A-Z]{1,5}))?")
_EMPTY = ("no comment entry", "no name entry", "no probe entry")


def common_metadata(
    header: Properties, segment: Properties, shared: Properties, deflection: Scaling | None
) -> dict[str, Any]:
    """Return the settings that the common schema knows."""
    mode = ending(segment, ".feedback-mode.name") or ending(shared, ".feedback-mode.name")
    starts = (value for key, value in header.items() if re.fullmatch(r"[^.]+\.start-time", key))
    moment = next(starts, "") or segment.get("force-segment-header.time-stamp", "")
    return stated(
        {
            "technique": "AFM",
            "started": started(moment),
            "operator": ending(header, ".description.user-name"),
            "comment": _said(ending(header, ".description.comment")),
            "sample": {"name": _said(ending(header, ".description.name"))},
            "instrument": {
                "vendor": "JPK",
                "model": ending(header, ".description.instrument"),
                "software": ending(header, ".description.source-software"),
            },
            "scan": {"rotation": rotation(header)},
            "probe": _probe(deflection),
            "feedback": {"mode": mode},
        }
    )


def started(text: str) -> str | None:
    """Return a time such as `2015-05-21 18:16:49.170 +0200` in ISO 8601.

    With its zone where that is a number: letters such as CEST stand for several.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    zone = match[2] if match[2] and match[2][0] in "+-" else ""
    try:
        moment = dt.datetime.fromisoformat(f"{match[1]}{zone}")
    except ValueError:
        return None
    return moment.isoformat(timespec="seconds")


def quantity_of_channel(name: str, units: str | None) -> str | None:
    """Return the quantity of a channel: a deflection that is calibrated is a force."""
    word = name.lower().replace("-", " ")
    if "deflection" in word or word == "error":
        if units is not None and measures(units, "N"):
            return "force"
        return "lateral deflection" if word.startswith("hdef") else "deflection"
    if "height" in word:
        return "height" if units is None or measures(units, "m") else "voltage"
    return quantity_of(name, units)


def _probe(deflection: Scaling | None) -> dict[str, float]:
    """Return stiffness and sensitivity, by which a deflection in volts became a force."""
    found: dict[str, float] = {}
    before = "V"
    for _, factor, units in () if deflection is None else deflection.steps:
        if units == "m" and before == "V":
            found["sensitivity"] = factor
        elif units == "N" and before == "m":
            found["spring_constant"] = factor
        before = units or ""
    return found


def _said(text: str) -> str:
    return "" if text in _EMPTY else text
