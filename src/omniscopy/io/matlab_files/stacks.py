# ruff: noqa: D102 - the properties are those of `LazyArray`
"""Scans of which every line or every point is a MATLAB file of its own."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import positions_of
from omniscopy.io.records import Axis, Channel, Key

# `line_7.mat` of current-voltage scans; `fSweep_r2_c3.mat`, `result_r2_c3.mat` of points.
_LINE = re.compile(r"line_(\d{1,6})\.mat", re.IGNORECASE)
_POINT = re.compile(r"(fSweep|result)_r(\d{1,6})_c(\d{1,6})\.mat", re.IGNORECASE)
_MOST_FILES, _MOST_EMPTY = 1 << 20, 4096

Channels = Callable[[Path], list[Channel]]


@dataclass(frozen=True)
class Stack:
    """The files of a scan by their row, or their row and column, both from 0."""

    files: dict[tuple[int, ...], Path]
    shape: tuple[int, ...]

    @property
    def first(self) -> Path:
        """Return the file that tells what the others hold."""
        return self.files[min(self.files)]


def matches(path: Path) -> bool:
    """Return whether a folder is a scan of MATLAB files."""
    return path.is_dir() and find_stack(path) is not None


def find_stack(folder: Path) -> Stack | None:
    """Return the scan in a folder, `None` where there is none."""
    lines: dict[tuple[int, ...], Path] = {}
    points: dict[tuple[int, ...], Path] = {}
    for each in islice(folder.iterdir(), _MOST_FILES):
        line, point = _LINE.fullmatch(each.name), _POINT.fullmatch(each.name)
        if line:
            lines[int(line[1]),] = each
        elif point:
            points[int(point[2]), int(point[3])] = each
    found = lines or points
    if not found:
        return None
    numbers = np.array(sorted(found))
    # Numbers count from 1 unless there is a 0.
    base = np.where((numbers == 0).any(axis=0), 0, 1)
    shape = tuple(int(size) for size in numbers.max(axis=0) - base + 1)
    if np.prod(shape, dtype=float) > 64 * len(found) + _MOST_EMPTY:
        message = f"files of {len(found)} places are there, of a scan of {shape}"
        raise FormatError(message, path=folder)
    placed = {tuple(int(n) for n in np.array(key) - base): each for key, each in found.items()}
    return Stack(placed, shape)


def stacked_channels(folder: Path, read: Channels) -> list[Channel]:
    """Return each channel that the files have, as one of the whole scan."""
    stack = find_stack(folder)
    if stack is None:
        message = "the folder holds no lines (`line_1.mat`) or points (`result_r1_c1.mat`)"
        raise FormatError(message, path=folder)
    made = []
    names = ("y", "x")
    missing = int(np.prod(stack.shape)) - len(stack.files)
    for number, channel in enumerate(read(stack.first)):
        data = channel.data
        if data is None:
            continue
        axes = [Axis(name=name, size=size)
                for name, size in zip(names, stack.shape, strict=False)]  # fmt: skip
        paths = tuple(
            str(stack.files[place]) if place in stack.files else None
            for place in np.ndindex(stack.shape)
        )
        handle = StackedFiles(paths, number, stack.shape, tuple(data.shape), data.dtype, read)
        attrs = {}
        if missing:
            reason = f"{missing} of {len(paths)} files are not there"
            attrs = {"incomplete": {"missing_from": paths.index(None), "reason": reason}}
        made.append(replace(channel, data=handle, axes=[*axes, *channel.axes], attrs=attrs))
    return made


@dataclass(frozen=True)
class StackedFiles:
    """One channel of many files, along the dimensions of a scan; NaN (0 in integers) for none."""

    paths: tuple[str | None, ...]
    number: int
    scan: tuple[int, ...]
    inner: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Channels

    @property
    def shape(self) -> tuple[int, ...]:
        return self.scan + self.inner

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return (1,) * len(self.scan) + self.inner

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = full_key(key, self.shape)
        among = len(self.scan)
        within = parts[among:]
        blank = np.full(self.inner, np.nan if self.dtype.kind in "fc" else 0, self.dtype)
        found = [
            blank[within] if path is None else self._values(path)[within]
            for path in (self.paths[place] for place in positions_of(parts[:among], self.scan))
        ]
        kept = [
            len(range(size)[part])
            for part, size in zip(parts, self.scan, strict=False)
            if isinstance(part, slice)
        ]
        rest = blank[within].shape
        return np.array(found, self.dtype).reshape((*kept, *rest))

    def _values(self, path: str) -> np.ndarray:
        channels = _read_once(self.read, path, Path(path).stat().st_mtime_ns)
        data = channels[self.number].data if self.number < len(channels) else None
        if data is None or tuple(data.shape) != self.inner:
            message = f"an array of shape {self.inner} was expected, as in the first file"
            raise FormatError(message, path=path)
        return np.asarray(data)


# Each input of a line is read by itself.
@functools.lru_cache(maxsize=4)
def _read_once(read: Channels, path: str, _age: int) -> list[Channel]:
    return read(Path(path))
