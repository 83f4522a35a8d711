"""Whether a file without any mark is an MRC file of before 2000, by its header and its size."""

from pathlib import Path

from omniscopy.io.mrc.header import HEADER_BYTES, is_unmarked_header


def matches(path: Path) -> bool:
    """Return whether the header describes just as many bytes as the file has."""
    with path.open("rb") as file:
        raw = file.read(HEADER_BYTES)
    return len(raw) == HEADER_BYTES and is_unmarked_header(raw, path.stat().st_size)
