"""Whether an HDF5 file is of TofDAQ."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.storage.hdf5_numbers import member
from omniscopy.io.storage.hdf5_plain import has_attribute

VERSION, SPECTRA = "TofDAQ Version", "FullSpectra"


def matches(path: Path) -> bool:
    """Return whether the file says the version of TofDAQ and holds spectra."""
    return looks_inside(path, _is_tofdaq)


def _is_tofdaq(file: Any) -> bool:
    return has_attribute(file, VERSION) and hasattr(member(file, SPECTRA), "keys")
