"""The text file that a Direct Electron camera writes beside its movies and images."""

import datetime
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LARGEST_INFO = 1 << 20
_NAME = re.compile(r"^(?P<stem>.+?)(?P<number>_\d+)?_(?:movie|final|virt.*|ext.*)$", re.IGNORECASE)


def read_info(path: Path) -> dict[str, str]:
    """Return the "name = value" lines of the companion of `path`, {} where there is none."""
    match = _NAME.match(path.stem)
    if match is None:
        return {}
    stems = [match["stem"] + (match["number"] or ""), match["stem"]]
    for stem in dict.fromkeys(stems):
        companion = path.with_name(f"{stem}_info.txt")
        if companion.is_file() and companion.stat().st_size <= _LARGEST_INFO:
            text = companion.read_bytes().decode("utf-8", errors="replace")
            lines = [line.partition("=") for line in text.splitlines() if "=" in line]
            return {name.strip(): value.strip() for name, _, value in lines}
    return {}


def is_scan_movie(path: Path, info: Mapping[str, str]) -> bool:
    """Return whether the frames are what the camera saw at the positions of a scan."""
    named = path.stem.lower().endswith("_movie")
    return named and info.get("Scan - Enable", "").lower() == "enable"


def scan_shape(info: Mapping[str, str], frames: int) -> tuple[int, ...] | None:
    """Return (rows, columns) or (rows, columns, frames of a position) of a raster scan.

    `None` where the scan followed a list of positions, or the frames are not as many as it
    needs (an interrupted or repeated scan).
    """
    if info.get("Scan - Type", "").lower().startswith("xy"):
        return None
    area = "ROI Size" if info.get("Scan - ROI Enable", "").lower() == "enable" else "Size"
    rows, columns = (_count(info, f"Scan - {area} {letter}") for letter in "YX")
    repeated = _count(info, "Scan - Camera Frames Per Point") or 1
    if not rows or not columns:
        return None
    if rows * columns == frames:
        return rows, columns
    if rows * columns * repeated == frames:
        return rows, columns, repeated
    return None


def common_metadata(info: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of the common schema; the software writes -1 for "unknown"."""
    scanned = info.get("Scan - Enable", "").lower() == "enable"
    tree: dict[str, dict[str, Any]] = {
        "instrument": {
            "vendor": "Direct Electron",
            "model": info.get("Camera Model"),
            "software": _prefixed("DE Server", info.get("Server Software Version")),
        },
        "beam": {
            "voltage": _number(info, "Instrument Accelerating Voltage (V)"),
            "magnification": _number(info, "Instrument Project Magnification"),
        },
        "detector": {
            "name": info.get("Camera Name"),
            "camera_length": _number(info, "Instrument Project Camera Length (centimeters)", 1e2),
            "exposure_time": _number(info, "Frame Time (nanoseconds)", 1e9),
        },
        "scan": {
            "dwell_time": _number(info, "Scan - Dwell Time (microseconds)", 1e6),
            "rotation": _rotation(info),
        }
        if scanned
        else {},
    }
    metadata: dict[str, Any] = {}
    for group, values in tree.items():
        known = {name: value for name, value in values.items() if value not in (None, "")}
        if known:
            metadata[group] = known
    seconds = _number(info, "Timestamp (seconds since Epoch)")
    if seconds is not None and seconds < 1e11:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
        metadata["started"] = moment.isoformat()
    return metadata


def _number(info: Mapping[str, str], name: str, divisor: float = 1.0) -> float | None:
    try:
        value = float(info.get(name, ""))
    except ValueError:
        return None
    return value / divisor if math.isfinite(value) and value > 0 else None


def _rotation(info: Mapping[str, str]) -> float | None:
    try:
        return float(info["Scan - Rotation"])
    except (KeyError, ValueError):
        return None


def _count(info: Mapping[str, str], name: str) -> int:
    number = _number(info, name)
    return int(number) if number is not None and number < 1 << 31 else 0


def _prefixed(prefix: str, text: str | None) -> str | None:
    return f"{prefix} {text}" if text else None
