"""Reading netCDF files: our own as they were saved, those of others by the CF conventions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.netcdf.classic import read_classic
from omniscopy.io.records import Measurement
from omniscopy.io.storage.foreign import Group, GroupVariable, plain_value, to_channels
from omniscopy.io.storage.hdf5 import open_hdf5, walk
from omniscopy.io.storage.hdf5_access import handle_of
from omniscopy.io.storage.hdf5_heaps import require_sound
from omniscopy.io.storage.hdf5_tree import read_stored


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Return the records of a netCDF file.

    Parameters
    ----------
    path : Path
        A file of version 4 (HDF5) or of the classic versions.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        A file that Omniscopy wrote comes back as it was; in others each variable that is no
        coordinate is a channel.

    Raises
    ------
    FormatError
        The file is damaged or has no variables.
    """
    with path.open("rb") as file:
        is_classic = file.read(3) == b"CDF"
    if is_classic:
        groups = [read_classic(path)]
    else:
        stored = read_stored(path)
        if stored is not None:
            return stored
        groups = list(_groups(path))
    channels = [channel for group in groups for channel in to_channels(group, path)]
    if not channels:
        raise FormatError("the file has no variables", path=path)  # noqa: EM101
    root = {key: plain_value(value) for key, value in groups[0].attrs.items()}
    return Measurement(channels=channels, original_metadata=root)


def _groups(path: Path) -> Iterator[Group]:
    import h5netcdf  # type: ignore[import-untyped]
    import h5py

    with open_hdf5(path) as file:
        for found in walk(file):
            require_sound(found)
    with h5netcdf.File(path, "r") as named, h5py.File(path, "r") as file:
        waiting = [named]
        while waiting:
            group = waiting.pop(0)
            yield Group(
                path=group.name,
                attrs=_attrs(group),
                variables={
                    name: GroupVariable(
                        dims=tuple(variable.dimensions),
                        data=handle_of(_dataset(file, group.name, name)),
                        attrs=_attrs(variable),
                    )
                    for name, variable in group.variables.items()
                },
            )
            waiting += list(group.groups.values())


def _dataset(file: Any, group: str, name: str) -> Any:
    found = file[group].get(name)
    # A variable that is called like a dimension of another meaning has a longer name inside.
    return file[group][f"_nc4_non_coord_{name}"] if found is None else found


def _attrs(thing: Any) -> dict[str, Any]:
    return {key: thing.attrs[key] for key in thing.attrs}
