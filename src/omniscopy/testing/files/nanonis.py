"""Write Nanonis scans byte by byte: text header, then big-endian images as they were measured.

Written from the layout that such files have, independently of the reader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

_CONTROLLER = (
    "\tName\ton\tSetpoint\tP-gain\tI-gain\tT-const\n"
    "\tlog Current\t1\t1.000E-10 A\t1.000E-11 m\t4.000E-8 m/s\t2.500E-4 s"
)


@dataclass(frozen=True, kw_only=True)
class SxmChannel:
    """A quantity of a scan, in displayed order, as the sample lies.

    Parameters
    ----------
    name, unit : str
        As the table of channels has them: `Z` and `m`, `LI_Demod_1_X` and `A`.
    forward, backward : ndarray, shape (y, x), or None
        The images of both directions; one may be missing.
    """

    name: str = "Z"
    unit: str = "m"
    forward: np.ndarray | None = None
    backward: np.ndarray | None = None

    @property
    def direction(self) -> str:
        """Return which directions were kept."""
        if self.forward is not None and self.backward is not None:
            return "both"
        return "backward" if self.forward is None else "forward"


def write_sxm(
    path: str | Path,
    channels: Sequence[SxmChannel],
    *,
    scan_range: tuple[float, float] = (1e-8, 1e-8),
    offset: tuple[float, float] = (0.0, 0.0),
    angle: float = 0.0,
    scan_dir: Literal["up", "down"] = "down",
    entries: Mapping[str, Any] | None = None,
) -> Path:
    """Write a Nanonis scan and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    channels : sequence of SxmChannel
        All of one shape.
    scan_range, offset : (x, y), m
        Size of the scan, and where its centre is.
    angle : float, degrees
    scan_dir : "up" or "down"
        Where the slow scan went: lines are stored as they were measured.
    entries : mapping of key to value
        Entries of the header beside or instead of plausible ones; `None` takes one out.
    """
    some = next(image for c in channels for image in (c.forward, c.backward) if image is not None)
    rows, columns = some.shape
    table = ["\tChannel\tName\tUnit\tDirection\tCalibration\tOffset"]
    table += [
        f"\t{number}\t{channel.name}\t{channel.unit}\t{channel.direction}\t1.000E+0\t0.000E+0"
        for number, channel in enumerate(channels)
    ]
    known = {
        "NANONIS_VERSION": "2",
        "SCANIT_TYPE": "              FLOAT            MSBFIRST",
        "REC_DATE": " 10.03.2015",
        "REC_TIME": "15:11:10",
        "REC_TEMP": "      290.0000000000",
        "ACQ_TIME": "       130.6",
        "SCAN_PIXELS": f"       {columns}       {rows}",
        "SCAN_FILE": "C:\\Data\\scan001.sxm",
        "SCAN_TIME": "             2.000E-1             3.000E-1",
        "SCAN_RANGE": f"           {scan_range[0]:.6E}           {scan_range[1]:.6E}",
        "SCAN_OFFSET": f"             {offset[0]:.6E}         {offset[1]:.6E}",
        "SCAN_ANGLE": f"            {angle:.3E}",
        "SCAN_DIR": scan_dir,
        "BIAS": "            -1.500E+0",
        "Z-CONTROLLER": _CONTROLLER,
        "COMMENT": "Au(111), 4 K",
        "Scan>lines": str(rows),
        "DATA_INFO": "\n".join(table) + "\n",
        **(entries or {}),
    }
    text = "".join(f":{key}:\n{value}\n" for key, value in known.items() if value is not None)
    header = (text + ":SCANIT_END:\n\n\n").encode() + b"\x1a\x04"
    order = "<" if "LSBFIRST" in str(known["SCANIT_TYPE"]) else ">"
    path = Path(path)
    images = [_stored(channel, scan_dir, order) for channel in channels]
    path.write_bytes(header + b"".join(images))
    return path


def _stored(channel: SxmChannel, scan_dir: str, order: str) -> bytes:
    """Return the images of a channel as they were measured, forward first."""
    parts = []
    for image, step in ((channel.forward, 1), (channel.backward, -1)):
        if image is not None:
            lines = image[::-1] if scan_dir == "up" else image
            parts.append(np.ascontiguousarray(lines[:, ::step]).astype(f"{order}f4").tobytes())
    return b"".join(parts)
