"""Nanosurf files made byte by byte, for tests and demonstrations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["NidChannel", "write_nid"]


@dataclass(frozen=True)
class NidChannel:
    """One channel: its counts (lines, points), row 0 of an image on top, and its ranges.

    `x`, `y` and `z` are (least value, range, unit); `points` are the measured points of each
    curve where it was stopped early.
    """

    counts: np.ndarray
    frame: str = "Scan forward"
    name: str = "Z-Axis"
    x: tuple[float, float, str] = (0.0, 2e-5, "m")
    y: tuple[float, float, str] = (0.0, 1e-5, "m")
    z: tuple[float, float, str] = (-5e-6, 1e-5, "m")
    points: Sequence[int] | None = None
    entries: Mapping[str, Any] = field(default_factory=dict)


def write_nid(
    path: str | Path,
    channels: Sequence[NidChannel],
    *,
    info: Mapping[str, Any] | None = None,
    encoding: str = "utf-8",
) -> Path:
    """Write a Nanosurf file and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    channels : sequence of NidChannel
        Channels of one frame after the other.
    info : mapping
        Entries of the section `DataSet-Info` beside or instead of plausible ones.
    encoding : str
        Of the header: Latin-1 in older files.
    """
    frames = list(dict.fromkeys(channel.frame for channel in channels))
    main: dict[str, Any] = {"Version": 2, "GroupCount": len(frames)}
    sections: dict[str, Mapping[str, Any]] = {}
    data = []
    for group, frame in enumerate(frames):
        own = [channel for channel in channels if channel.frame == frame]
        # The numbers of channels have gaps where a channel was not kept.
        main |= {f"Gr{group}-Name": frame, f"Gr{group}-Count": 2 * len(own)}
        for number, channel in enumerate(own):
            name = f"DataSet-{group}:{2 * number}"
            main[f"Gr{group}-Ch{2 * number}"] = name
            sections[name] = _describe(channel)
            is_big = channel.entries.get("SaveOrder") == "Motorola"
            counts = channel.counts[::-1] if "can" in frame else channel.counts
            data.append(
                counts.astype(counts.dtype.newbyteorder("big" if is_big else "little")).tobytes()
            )
    known = {
        "-- Scan --": "--------",
        "Time/Line": "512ms",
        "Points": "256 ",
        "Rotation": "30 °",
        "Date": "03-11-2022",
        "Time": "11:46:25",
        "Setpoint": "10nN",
        "Tip voltage": "-1.5 V",
        "Op. mode": "Static Force",
        "Head type": "DriveAFM",
        "Software ver.": "3.10.2.19",
        **(info or {}),
    }
    lever = {"Version": 2, "Name": "Multi75Al-G", "Prop0": "D[2.5]*[N/m]"}
    written = {
        "DataSet": main,
        "DataSet-Info": known,
        "DataSet\\Calibration\\Cantilever": lever,
        **sections,
    }
    text = "".join(
        f"[{name}]\r\n" + "".join(f"{key}={value}\r\n" for key, value in values.items()) + "\r\n"
        for name, values in written.items()
    )
    path = Path(path)
    path.write_bytes(text.encode(encoding) + b"\r\n#!" + b"".join(data))
    return path


def _describe(channel: NidChannel) -> dict[str, Any]:
    lines, points = channel.counts.shape
    found: dict[str, Any] = {
        "Points": points,
        "Lines": lines,
        "Frame": channel.frame,
    }
    for dim, (name, extent) in enumerate(
        (("X*", channel.x), ("Y*", channel.y), (channel.name, channel.z))
    ):
        least, length, unit = extent
        found |= {
            f"Dim{dim}Name": name,
            f"Dim{dim}Unit": unit,
            f"Dim{dim}Range": length,
            f"Dim{dim}Min": least,
        }
    for line, measured in enumerate(channel.points or ()):
        found[f"LineDim{line}Points"] = measured
    saved = {
        "SaveMode": "Binary",
        "SaveBits": 8 * channel.counts.dtype.itemsize,
        "SaveSign": "Signed",
        "SaveOrder": "Intel",
    }
    return {**found, **saved, **channel.entries}
