"""Measurements that are being taken: opened again whenever more of them is on disk."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xarray as xr

from omniscopy.io.errors import FormatError
from omniscopy.io.opening import open as open_measurement
from omniscopy.model.errors import DataError

_MOST_FILES = 1 << 20

# Sizes and times of change of all files, by their names.
_State = dict[str, tuple[int, int]]


def watch(
    path: str | Path, *, interval: float = 1.0, timeout: float = 60.0, **options: Any
) -> Iterator[xr.DataTree]:
    """Open a measurement again and again while it is being taken.

    Parameters
    ----------
    path : str or Path
        A file, or a folder to which lines or points are added. It need not be there yet.
    interval : float, s
        Between two looks at the files. Files count only when they are the same in both, so that
        none is read while it is written.
    timeout : float, s
        After which to stop when nothing changes any more.
    **options
        As of `open`, such as ``reader`` and ``partial``.

    Yields
    ------
    DataTree
        What is there, lazy: once at the beginning, and after each change. Lines that were not
        taken are NaN and marked in ``attrs["incomplete"]``; the first that is missing is its
        ``missing_from``. The last tree is the first in which nothing is missing.

    Raises
    ------
    DataError
        `interval` or `timeout` are not above 0.
    FormatError
        Nothing could be opened until the time was over.

    Examples
    --------
    >>> import omniscopy as om
    >>> for tree in om.io.watch("scan", timeout=600.0):  # doctest: +SKIP
    ...     data = om.signals(tree)["Transients"]
    """
    if not (interval > 0 and timeout > 0):
        message = f"interval and timeout must be above 0 s, got {interval!r} and {timeout!r}"
        raise DataError(message)
    return _watched(Path(path), interval, timeout, options)


def _watched(
    path: Path, interval: float, timeout: float, options: dict[str, Any]
) -> Iterator[xr.DataTree]:
    opened: _State | None = None
    failure: FormatError | None = None
    before, changed = _state(path), time.monotonic()
    while True:
        time.sleep(interval)
        now = _state(path)
        if now != before:
            before, changed = now, time.monotonic()
            continue
        if now and now != opened:
            opened = now
            try:
                tree = open_measurement(path, **options)
            except FormatError as error:  # such as settings without a line so far
                failure = error
            else:
                failure = None
                yield tree
                if not _is_incomplete(tree):
                    return
                changed = time.monotonic()
        if time.monotonic() - changed >= timeout:
            break
    if failure is not None:
        raise failure
    if opened is None:
        message = f"nothing was written in {timeout:g} s"
        raise FormatError(message, path=path)


def _state(path: Path) -> _State:
    """Return what is known of the files of a measurement without reading them."""
    if not path.is_dir():
        files = [path] if path.exists() else []
    else:
        files = [each for _, each in zip(range(_MOST_FILES), path.rglob("*"), strict=False)]
    found: _State = {}
    for each in files:
        try:
            said = each.stat()
        except FileNotFoundError:  # it was there a moment ago
            continue
        if each.is_file():
            found[str(each)] = said.st_size, said.st_mtime_ns
    return found


def _is_incomplete(tree: xr.DataTree) -> bool:
    """Return whether something is missing of any channel."""
    return any(
        "incomplete" in attrs
        for node in tree.subtree
        for attrs in (node.attrs, *(values.attrs for values in node.data_vars.values()))
    )
