"""Whether a file without the mark of WinView is an SPE file, by its header and its size."""

from pathlib import Path

from omniscopy.io.princeton.header import HEADER_SIZE, is_unmarked


def matches(path: Path) -> bool:
    """Return whether the header fits the file."""
    with path.open("rb") as file:
        raw = file.read(HEADER_SIZE)
    return is_unmarked(path, raw)
