"""Telling a folder of fast free transients from others."""

import re
from itertools import islice
from pathlib import Path

_MOST_FILES = 2000
_MOST_BYTES = 1 << 16
_HEADING = re.compile(r"\A\s*\[parameters\].*^\s*trigger\s*=", re.I | re.S | re.M)


def matches(path: Path) -> bool:
    """Return whether a folder holds settings of transients, and waves."""
    return path.is_dir() and find_settings(path) is not None and bool(find_lines(path))


def find_settings(folder: Path) -> Path | None:
    """Return the settings in a folder, `None` where there are none."""
    for found in _files(folder, ".cfg"):
        with found.open("rb") as file:
            if _HEADING.search(file.read(_MOST_BYTES).decode("utf-8", "replace")):
                return found
    return None


def find_lines(folder: Path) -> list[Path]:
    """Return the waves of a folder in the order of their numbers: one for each line."""
    found = _files(folder, ".ibw")
    return sorted(found, key=lambda path: ([int(n) for n in re.findall(r"\d+", path.stem)][-1:],
                                           path.name))  # fmt: skip


def _files(folder: Path, suffix: str) -> list[Path]:
    listed = islice(folder.iterdir(), _MOST_FILES)
    return sorted(each for each in listed if each.suffix.lower() == suffix and each.is_file())
