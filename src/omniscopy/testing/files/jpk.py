"""JPK archives and images made byte by byte, for tests and demonstrations."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["JpkChannel", "JpkPage", "JpkSegment", "write_jpk_force", "write_jpk_image",
           "write_jpk_map"]  # fmt: skip

_ENCODERS = {
    ">i2": ("short-data", "signedshort"),
    ">u2": ("short-data", "unsignedshort"),
    ">i4": ("integer-data", "signedinteger"),
    ">u4": ("integer-data", "unsignedinteger"),
    ">f4": ("float-data", None),
    ">f8": ("double-data", None),
}


@dataclass(frozen=True)
class JpkChannel:
    """Numbers of a channel with its encoder's line and a chain of calibrations.

    `conversions` are (name, multiplier, offset, unit), each of the one before.
    """

    numbers: np.ndarray
    encoder: tuple[float, float] = (1e-4, 0.0)
    units: str = "V"
    conversions: Sequence[tuple[str, float, float, str]] = ()
    default: str | None = None


@dataclass(frozen=True)
class JpkSegment:
    """One part of a curve: its channels by name, and how long it took."""

    channels: Mapping[str, JpkChannel]
    style: str = "extend"
    duration: float = 1.0


@dataclass(frozen=True)
class JpkPage:
    """A channel of an image (y, x), row 0 on top."""

    counts: np.ndarray
    name: str = "measuredHeight"
    title: str = "Height (measured)"
    factor: float = 1e-12
    zero: float = 1e-6
    units: str = "m"
    retrace: bool = False
    slots: Sequence[str] = field(default_factory=lambda: ("raw", "nominal"))
    factors: Mapping[str, float] = field(default_factory=dict)


def write_jpk_force(
    path: str | Path,
    segments: Sequence[JpkSegment],
    *,
    inline: bool = False,
    packed: bool = True,
    entries: Mapping[str, Any] | None = None,
) -> Path:
    """Write a force curve and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    segments : sequence of JpkSegment
        Parts of the curve.
    inline : bool
        Say in each segment what its channels mean, as older versions do.
    packed : bool
        Pack the members.
    entries : mapping
        Settings beside or instead of plausible ones; `None` takes one out.
    """
    shared: dict[str, Any] = {}
    header = {
        "jpk-data-file": "spm-forcefile",
        "type": "force-scan-series",
        "force-scan-series.header.position.x": 1e-6,
        "force-scan-series.header.position.y": -2e-6,
        **_description("force-scan-series"),
        **(entries or {}),
    }
    members = {"header.properties": _properties(header)}
    members |= _curve("", segments, shared, inline=inline)
    return _write(Path(path), members, shared, packed=packed)


def write_jpk_map(
    path: str | Path,
    curves: Mapping[int, Sequence[JpkSegment]],
    shape: tuple[int, int],
    *,
    back_and_forth: bool = True,
    grid: bool = True,
    entries: Mapping[str, Any] | None = None,
) -> Path:
    """Write a map of force curves and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    curves : mapping of index to segments
        Indexes count from the lower left along the path of the tip.
    shape : (rows, columns)
        Of the grid, 1 µm apart about (10 µm, 20 µm).
    back_and_forth : bool
        Every second row was taken from right to left.
    grid : bool
        Describe the grid; else each curve only says where it was.
    entries : mapping
        Settings beside or instead of plausible ones; `None` takes one out.
    """
    rows, columns = shape
    pattern = "force-scan-map.position-pattern"
    described = {
        f"{pattern}.type": "grid-position-pattern",
        f"{pattern}.back-and-forth": str(back_and_forth).lower(),
        f"{pattern}.grid.xcenter": 10e-6,
        f"{pattern}.grid.ycenter": 20e-6,
        f"{pattern}.grid.ulength": columns * 1e-6,
        f"{pattern}.grid.vlength": rows * 1e-6,
        f"{pattern}.grid.theta": 0.5235987755982988,
        f"{pattern}.grid.unit.unit": "m",
        f"{pattern}.grid.ilength": columns,
        f"{pattern}.grid.jlength": rows,
    }
    header = {
        "jpk-data-file": "spm-force-scan-map-file",
        "type": "force-scan-map",
        "force-scan-map.start-time": "2015-05-21 18:16:49.170 +0200",
        **_description("force-scan-map"),
        **(described if grid else {}),
        **(entries or {}),
    }
    shared: dict[str, Any] = {}
    members = {}
    for index, segments in curves.items():
        own = {
            "force-scan-series.header.position.x": index * 1e-6,
            "force-scan-series.header.position.y": -index * 1e-6,
        }
        members[f"index/{index}/header.properties"] = _properties(own)
        members |= _curve(f"index/{index}/", segments, shared, inline=False)
    members["header.properties"] = _properties(header)
    return _write(Path(path), members, shared, packed=True)


def write_jpk_image(
    path: str | Path,
    pages: Sequence[JpkPage],
    *,
    corner: tuple[float, float] = (10e-6, 20e-6),
    size: tuple[float, float] = (6e-6, 4e-6),
    tags: Mapping[int, tuple[int, Any]] | None = None,
) -> Path:
    """Write an image and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    pages : sequence of JpkPage
        Its channels.
    corner, size : (x, y)
        Of the grid.
    tags : mapping of code to (type, value)
        Tags of the first page instead of plausible ones.
    """
    rows, columns = pages[0].counts.shape
    own: dict[int, tuple[int, Any]] = {
        0x8000: (2, "8.0.194"),
        0x8003: (2, "2025-05-20 17:48:42.479 CEST"),
        0x8004: (2, "<empty>"),
        0x8009: (2, "jpkuser"),
        0x8040: (12, corner[0]),
        0x8041: (12, corner[1]),
        0x8042: (12, size[0]),
        0x8043: (12, size[1]),
        0x8044: (12, 0.5235987755982988),
        0x8045: (8, 0),
        0x8046: (9, columns),
        0x8047: (9, rows),
        **(tags or {}),
    }
    thumbnail = np.zeros((8, 8, 3), np.uint8)
    content = [(thumbnail, own)]
    for page in pages:
        described: dict[int, tuple[int, Any]] = {
            0x8050: (2, page.name),
            0x8051: (8, int(page.retrace)),
            0x8052: (2, page.title),
            0x8080: (9, len(page.slots)),
            0x8081: (2, page.slots[-1]),
        }
        for number, slot in enumerate(page.slots):
            base = 0x8090 + 0x30 * number
            is_last = number == len(page.slots) - 1
            described |= {base: (2, slot), base + 1: (2, "RelativeCalibration")}
            described[base + 0x13] = (2, "LinearScaling" if is_last else "NullScaling")
            if is_last:
                described[base + 0x12] = (2, page.units)
                described |= {base + 0x14: (12, page.factor), base + 0x15: (12, page.zero)}
            elif slot in page.factors:
                described[base + 0x14] = (12, page.factors[slot])
        # Rows of a grid that is reflected are stored from the top.
        counts = page.counts if (tags or {}).get(0x8045, (8, 0))[1] else page.counts[::-1]
        content.append((np.ascontiguousarray(counts), described))
    path = Path(path)
    path.write_bytes(_tiff(content))
    return path


def _description(prefix: str) -> dict[str, Any]:
    return {
        f"{prefix}.description.comment": "on glass",
        f"{prefix}.description.name": "no name entry",
        f"{prefix}.description.user-name": "jane",
        f"{prefix}.description.instrument": "JPK00758-CellHesion-200",
        f"{prefix}.description.source-software": "5.0.50",
    }


def _curve(
    folder: str, segments: Sequence[JpkSegment], shared: dict[str, Any], *, inline: bool
) -> dict[str, bytes]:
    members = {}
    for number, segment in enumerate(segments):
        at = f"{folder}segments/{number}/"
        points = max(len(channel.numbers) for channel in segment.channels.values())
        own: dict[str, Any] = {
            "force-segment-header.num-points": points,
            "force-segment-header.duration": segment.duration,
            "force-segment-header.time-stamp": "2021-06-30 13:48:08.425 +0100",
            "force-segment-header.settings.segment-settings.style": segment.style,
            "force-segment-header.settings.feedback-mode.name": "contact",
            "channels.list": " ".join(segment.channels),
        }
        for name, channel in segment.channels.items():
            own[f"channel.{name}.data.file.name"] = f"channels/{name}.dat"
            own[f"channel.{name}.data.num-points"] = len(channel.numbers)
            if inline:
                own |= _meaning(f"channel.{name}", name, channel)
            else:
                own[f"channel.{name}.lcd-info.*"] = _reference(shared, name, channel)
            raw = channel.numbers.astype(channel.numbers.dtype.newbyteorder(">")).tobytes()
            members[f"{at}channels/{name}.dat"] = raw
        members[f"{at}segment-header.properties"] = _properties(own)
    return members


def _reference(shared: dict[str, Any], name: str, channel: JpkChannel) -> int:
    """Return the number under which the meaning of a channel is shared, new where it differs."""
    for number in range(len(shared) + 1):
        meaning = _meaning(f"lcd-info.{number}", name, channel)
        if all(shared.get(key, value) == value for key, value in meaning.items()):
            shared |= meaning
            return number
    raise AssertionError


def _meaning(prefix: str, name: str, channel: JpkChannel) -> dict[str, Any]:
    kind, encoder = _ENCODERS[channel.numbers.dtype.newbyteorder(">").str]
    names = [each[0] for each in channel.conversions]
    at = f"{prefix}.conversion-set"
    found: dict[str, Any] = {
        f"{prefix}.type": kind,
        f"{prefix}.channel.name": name,
        f"{prefix}.unit.unit": channel.units,
        f"{at}.conversions.list": " ".join(names),
        f"{at}.conversions.default": channel.default or (names[-1] if names else "volts"),
        f"{at}.conversions.base": "volts",
        f"{at}.conversion.volts.defined": "false",
    }
    if encoder is not None:
        found |= {
            f"{prefix}.encoder.type": encoder,
            f"{prefix}.encoder.scaling.multiplier": channel.encoder[0],
            f"{prefix}.encoder.scaling.offset": channel.encoder[1],
            f"{prefix}.encoder.scaling.unit.unit": channel.units,
        }
    before = "volts"
    for slot, factor, zero, units in channel.conversions:
        own = f"{at}.conversion.{slot}"
        found |= {
            f"{own}.defined": "true",
            f"{own}.base-calibration-slot": before,
            f"{own}.scaling.multiplier": factor,
            f"{own}.scaling.offset": zero,
            f"{own}.scaling.unit.unit": units,
        }
        before = slot
    return found


def _properties(entries: Mapping[str, Any]) -> bytes:
    lines = ["#Thu May 21 19:53:44 CEST 2015"]
    for key, value in entries.items():
        if value is not None:
            text = str(value).replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")
            lines.append(f"{key}={text}")
    return ("\n".join(lines) + "\n").encode("ascii", "backslashreplace")


def _write(path: Path, members: dict[str, bytes], shared: dict[str, Any], *, packed: bool) -> Path:
    if shared:
        members["shared-data/header.properties"] = _properties(shared)
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, raw in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2021, 6, 30, 13, 48, 8)), raw, method)
    path.write_bytes(buffer.getvalue())
    return path


def _tiff(pages: Sequence[tuple[np.ndarray, Mapping[int, tuple[int, Any]]]]) -> bytes:
    """Return a big-endian TIFF file; each directory is followed by what it points to."""
    content = b"MM\x00*" + struct.pack(">I", 8)
    for number, (pixels, own) in enumerate(pages):
        samples = 3 if pixels.ndim == 3 else 1
        raw = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
        entries: dict[int, tuple[int, Any]] = {
            256: (4, pixels.shape[1]),
            257: (4, pixels.shape[0]),
            258: (3, 8 * pixels.dtype.itemsize),
            259: (3, 1),
            262: (3, 2 if samples == 3 else 1),
            273: (4, 0),
            277: (3, samples),
            278: (4, pixels.shape[0]),
            279: (4, len(raw)),
            339: (3, {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]),
            **own,
        }
        place = len(content)
        heap_at = place + 2 + 12 * len(entries) + 4
        values = {code: _tag_bytes(*entry) for code, entry in entries.items()}
        heap_size = sum(len(v) + len(v) % 2 for v in values.values() if len(v) > 4)
        values[273] = struct.pack(">I", heap_at + heap_size)
        directory, heap = struct.pack(">H", len(entries)), b""
        for code in sorted(entries):
            kind, value = entries[code]
            count = len(value) + 1 if isinstance(value, str) else 1
            found = values[code]
            if len(found) > 4:
                pointer = struct.pack(">I", heap_at + len(heap))
                heap += found + b"\0" * (len(found) % 2)
            else:
                pointer = found.ljust(4, b"\0")
            directory += struct.pack(">HHI", code, kind, count) + pointer
        end = heap_at + heap_size + len(raw)
        following = end + end % 2 if number < len(pages) - 1 else 0
        content += directory + struct.pack(">I", following) + heap + raw + b"\0" * (end % 2)
    return content


def _tag_bytes(kind: int, value: Any) -> bytes:
    if kind == 2:
        return str(value).encode() + b"\0"
    return struct.pack({3: ">H", 4: ">I", 8: ">h", 9: ">i", 12: ">d"}[kind], value)
