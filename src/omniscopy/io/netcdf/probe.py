"""Whether an HDF5 file is of netCDF 4."""

import itertools
from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside


def matches(path: Path) -> bool:
    """Return whether the file says that a netCDF library wrote it."""
    return looks_inside(path, _is_netcdf)


def _is_netcdf(file: Any) -> bool:
    if "_NCProperties" in file.attrs:
        return True
    # Libraries before 4.4.1 left only the number of each dimension.
    firsts = itertools.islice(file.values(), 64)
    return any("_Netcdf4Dimid" in member.attrs for member in firsts)
