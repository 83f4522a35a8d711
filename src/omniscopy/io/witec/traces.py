"""What a WITec project says about how it was measured: its traces, and its texts."""

import datetime as dt
import math
import re
from typing import Any

from omniscopy.io.quantities import stated
from omniscopy.io.temperatures import kelvins
from omniscopy.io.witec.tags import Tag

_PARAMETERS = {
    # identifier of a parameter: where it belongs, and what its number is worth
    "{C59F0865-BCA6-42CC-970B-E78863813092}": ("laser", "wavelength", 1.0),
    "{DE90D5DF-6355-4003-8C30-69F4ECA394D6}": ("laser", "power", 1e-3),
    "{C7BF2E9E-4588-4FE7-A661-8BC5F9ABBEA9}": ("detector", "exposure_time", 1.0),
    "{09449FFD-F53F-48FE-A687-D17A866CDB64}": ("detector", "accumulations", 1),
    "{75B3D31D-985E-4622-84E7-D07229299AA3}": ("detector", "name", 1),
    "{16EDE678-FAF2-4B8D-B8E4-D7F8805438A0}": ("optics", "objective", 1),
    "{70C15292-3849-485A-A19C-1C63BA2E737A}": ("spectrometer", "grating", 1),
    "{8DF0A965-92FB-478B-BA56-9F4BCFAB9EFE}": ("spectrometer", "name", 1),
    "{0894921D-94F8-4B6A-92E0-B1F8F9C875E7}": ("stage", "x", 1e-6),
    "{459B4B02-6301-4309-AB36-122A31ACF47B}": ("stage", "y", 1e-6),
    "{FD47BC57-3E4E-48B3-BF05-CD87CA53540E}": ("stage", "z", 1e-6),
}
_CELSIUS = "{499DAAD1-793E-45DC-AE0E-5010C2839F66}"
_VALUES = ("StringValue", "DoubleValue", "IntValue")
_GROUPS = re.compile(r"\{\\(?:fonttbl|colortbl|stylesheet|info|\*)[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_WORDS = re.compile(r"\\'([0-9a-fA-F]{2})|\\([a-z]+)(-?[0-9]*) ?|\\([^a-z])|[{}\r\n]")


def find_traces(root: Tag) -> dict[str, dict[str, Any]]:
    """Return common metadata of what was measured, by the identifier of the data."""
    found: dict[str, dict[str, Any]] = {}
    for trace in _listed(root.at("Trace")):
        metadata: dict[str, Any] = {
            "operator": trace.text("UserName"),
            "started": _moment(trace.text("CreationUTCTime")),
        }
        for group in _listed(trace.at("ParamSets")):
            for parameter in _listed(group.at("Params")):
                _note(metadata, parameter)
        for output in _listed(trace.at("Outputs")):
            found[output.text("DataGuid").strip().upper()] = stated(metadata)
    return found


def _listed(tag: Tag | None) -> list[Tag]:
    if tag is None:
        return []
    return [child for name, child in tag.children.items() if name.startswith("Element")]


def _note(metadata: dict[str, Any], parameter: Tag) -> None:
    """Take a parameter into metadata where it is known."""
    guid = parameter.text("ParamGuid").strip().upper()
    number = parameter.number("DoubleValue")
    if guid == _CELSIUS and number is not None and math.isfinite(number):
        metadata.setdefault("detector", {})["temperature"] = kelvins(number)
    if guid not in _PARAMETERS:
        return
    group, name, scale = _PARAMETERS[guid]
    value: Any = parameter.text("StringValue") or number
    value = parameter.number("IntValue") if value is None else value
    if isinstance(value, int | float):
        value = value * scale if math.isfinite(value) else None
    metadata.setdefault(group, {})[name] = value


def _moment(text: str) -> str | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.isoformat(timespec="seconds") if moment.tzinfo else None


def plain_text(raw: bytes) -> str:
    """Return the words of a rich text, or a text as it is."""
    text = raw.decode("cp1252", "replace").strip("\0")
    if not text.startswith("{\\rtf"):
        return text
    return _WORDS.sub(_plain, _GROUPS.sub("", text)).strip()


def _plain(match: re.Match[str]) -> str:
    code, word, _, sign = match.groups()
    if code:
        return bytes([int(code, 16)]).decode("cp1252", "replace")
    if sign:
        return {"~": " ", "_": "-", "-": "", "*": ""}.get(sign, sign)
    return {"par": "\n", "line": "\n", "tab": "\t"}.get(word or "", "")
