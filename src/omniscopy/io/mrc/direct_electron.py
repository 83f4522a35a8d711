"""The text file that a Direct Electron camera writes beside its movies and images."""

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_LARGEST_INFO, _LARGEST_LIST = 1 << 20, 1 << 26
# Positions of a scan for each that a list visits: scans may leave out most of theirs.
_SPARSEST = 1000
_NAME = re.compile(r"^(?P<stem>.+?)(?P<number>_\d+)?_(?:movie|final|virt.*|ext.*)$", re.IGNORECASE)


@dataclass(frozen=True)
class Visits:
    """Which frame is at each position of a scan that followed a list, -1 where none is."""

    shape: tuple[int, ...]
    frames: tuple[int, ...]

    @property
    def left_out(self) -> int:
        """Return how many positions have no frame."""
        return self.frames.count(-1)


def read_info(path: Path) -> dict[str, str]:
    """Return the "name = value" lines of the companion of `path`, {} where there is none."""
    companion = _companion(path, "info.txt", _LARGEST_INFO)
    if companion is None:
        return {}
    text = companion.read_bytes().decode("utf-8", errors="replace")
    lines = [line.partition("=") for line in text.splitlines() if "=" in line]
    return {name.strip(): value.strip() for name, _, value in lines}


def has_unsigned_bytes(info: Mapping[str, str]) -> bool:
    """Return whether bytes are unsigned, against the convention of the format."""
    return "Server Software Version" in info and any(
        value.lower() == "uint8" for name, value in info.items() if name.endswith("Pixel Format")
    )


def read_visits(path: Path, info: Mapping[str, str], frames: int) -> Visits | None:
    """Return where the frames of a movie are by the list of positions (x, y) beside it.

    A position that was visited again has a frame for each time. `None` where there is no list, or
    not one with as many positions as there are frames.
    """
    companion = _companion(path, "scan_coordinates.csv", _LARGEST_LIST)
    if companion is None:
        return None
    try:
        pairs = [line.split(",") for line in companion.read_text("utf-8-sig").split()]
        places = np.array([[int(y), int(x)] for x, y in pairs])
    except (ValueError, OverflowError):
        return None
    repeated = _count(info, "Scan - Camera Frames Per Point") or 1
    places = places if len(places) == frames else places.repeat(repeated, axis=0)
    if not frames or len(places) != frames or places.min() < 0:
        return None
    last = (places.max(0) + 1).tolist()
    rows, columns = (max(size, most) for size, most in zip(_area(info), last, strict=True))
    if rows * columns > _SPARSEST * frames:
        return None
    flat = places[:, 0] * columns + places[:, 1]
    order = np.argsort(flat, kind="stable")
    starts = np.r_[0, np.flatnonzero(np.diff(flat[order])) + 1]
    times = np.arange(frames) - starts.repeat(np.diff(np.r_[starts, frames]))
    most = int(times.max()) + 1
    found = np.full((rows * columns, most), -1)
    found[flat[order], times] = order
    shape = (rows, columns) if most == 1 else (rows, columns, most)
    return Visits(tuple(int(size) for size in shape), tuple(found.ravel().tolist()))


def _companion(path: Path, kind: str, largest: int) -> Path | None:
    match = _NAME.match(path.stem)
    if match is None:
        return None
    stems = [match["stem"] + (match["number"] or ""), match["stem"]]
    named = (path.with_name(f"{stem}_{kind}") for stem in dict.fromkeys(stems))
    return next((one for one in named if one.is_file() and one.stat().st_size <= largest), None)


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
    rows, columns = _area(info)
    repeated = _count(info, "Scan - Camera Frames Per Point") or 1
    if not rows or not columns:
        return None
    if rows * columns == frames:
        return rows, columns
    if rows * columns * repeated == frames:
        return rows, columns, repeated
    return None


def _area(info: Mapping[str, str]) -> tuple[int, int]:
    """Return rows and columns of the scan, 0 where they are not told."""
    area = "ROI Size" if info.get("Scan - ROI Enable", "").lower() == "enable" else "Size"
    return _count(info, f"Scan - {area} Y"), _count(info, f"Scan - {area} X")


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
