"""Force curves of AFMWorkshop made as text, for tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["write_afm_workshop"]


def write_afm_workshop(
    path: str | Path,
    columns: Mapping[str, Sequence[float]],
    *,
    entries: Mapping[str, Any] | None = None,
) -> Path:
    """Write columns by heading, such as ``Extend T-B(V)``; shorter ones end in empty cells."""
    said = {
        "File Format": 3,
        "Date": "Wednesday, August 1, 2018",
        "Time": "1:06:09 PM",
        "Mode": "Single",
        "X, um": "25.000000",
        "Y, um": "40.000000",
        **(entries or {}),
    }
    lines = ["Force-Distance Curve", *(f"{key}:\t{value}" for key, value in said.items()), ""]
    lines.append(",".join(columns))
    longest = max(map(len, columns.values()))
    lines += [
        ",".join(f"{column[i]:.4f}" if i < len(column) else "" for column in columns.values())
        for i in range(longest)
    ]
    path = Path(path)
    path.write_bytes("\r\n".join(lines).encode() + b"\r\n")
    return path
