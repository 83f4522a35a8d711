"""Telling a folder of the band-excitation system from others, and the parameters in it."""

import re
from pathlib import Path

from omniscopy.io.band_excitation.matlab_parameters import find_matlab_parameters
from omniscopy.io.band_excitation.parameters import HEADING, head_of
from omniscopy.io.band_excitation.time_resolved import find_time_resolved

_PARAMETERS = re.compile(r"parm.*\.(txt|xlsx?)$", re.IGNORECASE)
_MOST_FILES = 2000
_HEAD = 4096


def matches(path: Path) -> bool:
    """Return whether a folder, or that of a file, holds parameters and data of this system."""
    folder = path if path.is_dir() else path.parent
    if find_parameters(folder) is not None:
        return True
    files = files_of(folder)
    return find_time_resolved(files) is not None or find_matlab_parameters(files) is not None


def find_parameters(folder: Path) -> Path | None:
    """Return the parameter file of a folder, or of the one above a new data format."""
    for place in (folder, folder / "newdataformat", folder.parent):
        if place == folder.parent and folder.name.lower() != "newdataformat":
            continue
        for found in files_of(place):
            if _PARAMETERS.search(found.name) and _is_heading(found):
                return found
    return None


def files_of(folder: Path) -> list[Path]:
    """Return the files of a folder in order; none where it is not there."""
    if not folder.is_dir():
        return []
    found = []
    for number, each in enumerate(folder.iterdir()):
        if number >= _MOST_FILES:
            break
        if each.is_file():
            found.append(each)
    return sorted(found)


def _is_heading(path: Path) -> bool:
    try:
        return HEADING.match(head_of(path, _HEAD)) is not None
    except OSError:
        return False
