"""The files beside a master file: those of the frames, and that of the microscope."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arina.arrays import Part, part_of
from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import DAMAGE, open_hdf5
from omniscopy.io.storage.hdf5_numbers import is_array, member, numbers_of
from omniscopy.io.storage.hdf5_plain import read_attributes

_NUMBERED = re.compile(r"data_\d+")
_DATA = "entry/data"
_MICROSCOPE = "STEM Metadata"


def frame_parts(path: Path, file: Any) -> tuple[list[Part], tuple[int, int], np.dtype[Any]]:
    """Return where all frames are, and the shape and type of one.

    Raises
    ------
    FormatError
        A file is not beside the master file, or holds other frames than the first.
    """
    group = member(file, _DATA)
    names = sorted(name for name in (group or ()) if _NUMBERED.fullmatch(name))
    if not names:
        message = "there are no frames, and no links to files of frames"
        raise FormatError(message, path=path, key=_DATA)
    parts, forms = [], set()
    for name in names:
        part, shape, dtype = _linked_part(path, group, name)
        parts.append(part)
        forms.add((shape, dtype))
    if len(forms) > 1:
        message = f"the frames differ from file to file: {sorted(map(str, forms))}"
        raise FormatError(message, path=path, key=_DATA)
    ((shape, dtype),) = forms
    return parts, shape, dtype.newbyteorder("=")


def _linked_part(path: Path, group: Any, name: str) -> tuple[Part, Any, np.dtype[Any]]:
    import h5py

    link = group.get(name, getlink=True)
    if isinstance(link, h5py.HardLink):
        return _part(group.file, f"{_DATA}/{name}", path)
    if not isinstance(link, h5py.ExternalLink):
        message = "the link leads nowhere"
        raise FormatError(message, path=path, key=f"{_DATA}/{name}")
    # Only the name counts: nothing outside the folder is opened.
    beside = path.parent / re.split(r"[/\\]", link.filename)[-1]
    if not beside.is_file():
        message = f"the frames are in {beside.name!r}, which is not beside the master file"
        raise FormatError(message, path=path, key=f"{_DATA}/{name}")
    with open_hdf5(beside) as file:
        return _part(file, link.path.strip("/"), beside)


def _part(file: Any, key: str, path: Path) -> tuple[Part, Any, np.dtype[Any]]:
    dataset = member(file, key)
    if not is_array(dataset) or dataset.ndim != 3 or dataset.dtype.kind not in "iuf":
        message = "a series of frames was expected here"
        raise FormatError(message, path=path, key=key)
    numbers_of(dataset)
    return part_of(dataset, str(path)), dataset.shape[1:], dataset.dtype


def microscope_beside(path: Path) -> dict[str, Any]:
    """Return what the microscope noted in the file of its images, {} where there is none."""
    beside = path.with_name(path.name.removesuffix("_master.h5") + ".h5")
    if beside == path or not beside.is_file():
        return {}
    try:
        with open_hdf5(beside) as file:
            group = member(file, _MICROSCOPE)
            found = {} if group is None else read_attributes(group)
    except (FormatError, *DAMAGE):
        return {}
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in found.items()
    }
