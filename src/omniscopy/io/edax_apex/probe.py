"""Whether an HDF5 file is a project of EDAX APEX."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside, members, walk_unless_nexus
from omniscopy.io.storage.hdf5_numbers import attribute
from omniscopy.io.storage.hdf5_plain import has_attribute

_LOOKED_AT = 512


def matches(path: Path) -> bool:
    """Return whether the project names EDAX, or holds spectra as APEX keeps them."""
    return looks_inside(path, _is_project)


def _is_project(file: Any) -> bool:
    for number, (_, group) in enumerate(members(file)):
        company = attribute(group, "Company") if hasattr(group, "keys") else None
        if "EDAX" in str(company):
            return True
        if number >= 8:
            break
    return any(_is_of_apex(found) for found in walk_unless_nexus(file, limit=_LOOKED_AT))


def _is_of_apex(found: Any) -> bool:
    from h5py import h5d, h5t

    # To ask for the name of an object takes longer than all else.
    if has_attribute(found, "NumberofChannels"):
        return found.name.rpartition("/")[2] in ("SPD", "LSD")
    if not isinstance(found.id, h5d.DatasetID) or found.id.get_type().get_class() != h5t.COMPOUND:
        return False
    has_counts = "SpectrumCounts" in (found.dtype.names or ())
    return has_counts and found.name.rpartition("/")[2] == "SPC"
