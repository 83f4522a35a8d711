"""Read orientation maps: a header of lines `# key value`, and a line of numbers for each point.

The first ten numbers of a line are three Euler angles of Bunge (rad), x and y (µm), the quality of
the pattern, the confidence of its indexing, the number of the phase, the signal of the detector
and the fit (degrees); later programs name them in the header.
"""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable

_COLUMNS = ("phi1", "PHI", "phi2", "x", "y", "IQ", "CI", "Phase index", "SEM", "Fit")
# name in the file: title, quantity, units
_KNOWN = {
    "phi1": ("Euler angle phi1", "angle", "rad"),
    "phi": ("Euler angle Phi", "angle", "rad"),
    "phi2": ("Euler angle phi2", "angle", "rad"),
    "iq": ("Image quality", "image quality", None),
    "ci": ("Confidence index", "confidence index", "1"),
    "phaseindex": ("Phase", "phase index", "1"),
    "phase": ("Phase", "phase index", "1"),
    "sem": ("SEM", "intensity", None),
    "fit": ("Fit", "angle", "deg"),
}
_MICROMETRES = {"units": "µm", "quantity": "length", "kind": "spatial"}
_FEWEST, _MOST = 8, 64
_ENTRY = re.compile(r"#\s*([\w-]+)\s*:?(.*)")
_OF_PHASE = ("MaterialName", "Formula", "Info", "Symmetry", "PointGroupID", "LatticeConstants",
             "NumberFamilies")  # fmt: skip


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read an orientation map.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read what is before a line that is cut short.

    Returns
    -------
    Measurement
        A channel for each quantity: the Euler angles of Bunge in rad, and what else is told of
        a point. (y, x) on a square grid, row 0 on top, and NaN where there is no line; along
        `point`, with `x` and `y`, on a hexagonal one. Points that were not indexed are as the
        program wrote them, with a confidence of -1.

    Raises
    ------
    FormatError
        The file is cut short, holds no points, or lines of different lengths.
    """
    path = Path(path)
    header, body = _split(path)
    lines = [line for line in body.splitlines() if line.strip()]
    is_cut = bool(lines) and not body.endswith(("\n", "\r"))
    counts = [len(line.split()) for line in lines[:1] + lines[-1:]]
    if is_cut and counts[-1] == counts[0]:
        is_cut = bool(_sizes(header)) and len(lines) < _points(header)
    if is_cut and partial:
        lines.pop()
    elif is_cut:
        message = f"the last line, that of point {len(lines) - 1}, is cut short"
        raise FormatError(message, path=path, offset=path.stat().st_size)
    values = _numbers(path, lines)
    names = _names(header, values.shape[1])
    on_grid = str(header["entries"].get("GRID", "")).lower().startswith("sqr")
    sizes = _sizes(header) if on_grid else None
    place = _Grid(path, header, values, names, sizes) if sizes else _Points(values, names)
    channels = [
        place.channel(name, values[:, number])
        for number, name in enumerate(names)
        if name.lower() not in ("x", "y")
    ]
    return Measurement(
        channels=channels,
        metadata=_metadata(header["entries"]),
        original_metadata={**header["entries"], "phases": header["phases"]},
    )


class _Points:
    """Points anywhere, one after the other."""

    def __init__(self, values: np.ndarray, names: list[str]) -> None:
        self.axes = [Axis(name="point", size=len(values))]
        self.coordinates = {
            dim: Variable(dims=("point",), data=values[:, names.index(dim)], attrs=_MICROMETRES)
            for dim in ("y", "x")
        }
        self.attrs: dict[str, Any] = {}

    def channel(self, name: str, values: np.ndarray) -> Channel:
        """Return one quantity."""
        title, quantity, units = _KNOWN.get(_plain(name), (name, None, None))
        return Channel(
            title=title, data=self.placed(values), axes=self.axes, quantity=quantity, units=units,
            modality="EBSD", source="EDAX OIM", coordinates=self.coordinates, attrs=self.attrs,
        )  # fmt: skip

    def placed(self, values: np.ndarray) -> np.ndarray:
        """Return values in the order of the axes."""
        return np.ascontiguousarray(values)


class _Grid(_Points):
    """Points of a square grid, from left to right and from top to bottom."""

    def __init__(
        self, path: Path, header: dict[str, Any], values: np.ndarray, names: list[str],
        sizes: tuple[int, int],
    ) -> None:  # fmt: skip
        self.sizes = sizes
        wanted = math.prod(sizes)
        if len(values) > wanted or wanted > 64 * len(values) + 4096:
            message = f"{sizes[0]} x {sizes[1]} points are announced, {len(values)} are there"
            raise FormatError(message, path=path, key="NROWS")
        starts = values[0, [names.index("y"), names.index("x")]]
        steps = [_number(header["entries"].get(name)) for name in ("YSTEP", "XSTEP")]
        self.axes = [
            Axis(name=dim, size=size, scale=step, offset=float(start), units="µm")
            if step is not None and step > 0 and math.isfinite(start)
            else Axis(name=dim, size=size)
            for dim, size, step, start in zip("yx", sizes, steps, starts, strict=True)
        ]
        self.coordinates = {}
        self.attrs = {}
        if len(values) < wanted:
            reason = f"{len(values)} of {wanted} points are in the file"
            self.attrs = {"incomplete": {"missing_from": len(values), "reason": reason}}

    def placed(self, values: np.ndarray) -> np.ndarray:
        """Return the values of the grid, NaN where there are none."""
        made = np.full(math.prod(self.sizes), np.nan)
        made[: len(values)] = values
        return made.reshape(self.sizes)


def _split(path: Path) -> tuple[dict[str, Any], str]:
    """Return what the header says, the phases by themselves, and the text after it."""
    text = path.read_bytes().decode("latin-1")
    end = re.compile(r"^(?!#|\s*$)", re.MULTILINE).search(text)
    head, body = (text, "") if end is None else (text[: end.start()], text[end.start() :])
    entries: dict[str, Any] = {}
    phases: list[dict[str, str]] = []
    for line in head.splitlines():
        match = _ENTRY.match(line)
        if match is None:
            continue
        key, value = match[1], match[2].strip()
        if key == "Phase":
            phases.append({"Phase": value})
        elif phases and key in _OF_PHASE:
            phases[-1].setdefault(key, value)
        else:
            entries.setdefault(key, value)
    return {"entries": entries, "phases": phases}, body


def _numbers(path: Path, lines: list[str]) -> np.ndarray:
    if not lines:
        message = "the map holds no points"
        raise FormatError(message, path=path)
    try:
        values = np.loadtxt(lines, np.float64, comments=None, ndmin=2)
    except ValueError as error:
        message = f"the lines of the points are not all numbers of one count ({error})"
        raise FormatError(message, path=path) from error
    if not _FEWEST <= values.shape[1] <= _MOST:
        message = f"a line of a point has {_FEWEST} to {_MOST} numbers, this has {values.shape[1]}"
        raise FormatError(message, path=path)
    return values


def _names(header: dict[str, Any], count: int) -> list[str]:
    """Return what the columns are called; those that nobody names are numbered."""
    said = str(header["entries"].get("COLUMN_HEADERS", ""))
    names = [name.strip() for name in said.split(",") if name.strip()] or list(_COLUMNS)
    if len(set(names)) < len(names) or not {"x", "y"} <= set(names[:count]):
        names = list(_COLUMNS)
    return [names[n] if n < len(names) else f"column {n + 1}" for n in range(count)]


def _sizes(header: dict[str, Any]) -> tuple[int, int] | None:
    rows, columns = (_number(header["entries"].get(name)) for name in ("NROWS", "NCOLS_ODD"))
    for each in (rows, columns):
        if each is None or each != int(each) or not 1 <= each < 2**24:
            return None
    return int(rows or 0), int(columns or 0)


def _points(header: dict[str, Any]) -> int:
    sizes = _sizes(header)
    return 0 if sizes is None else math.prod(sizes)


def _metadata(entries: dict[str, Any]) -> dict[str, Any]:
    return stated(
        {
            "technique": "EBSD",
            "operator": entries.get("OPERATOR") or None,
            "sample": {"name": entries.get("SAMPLEID") or None},
        }
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
