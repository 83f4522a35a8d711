"""Files as the acquisition program wrote them, before its tables were put right."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from omniscopy.io.storage.hdf5 import looked_up
from omniscopy.io.storage.hdf5_plain import (
    checked_attribute,
    has_attribute,
    read_attribute,
    text_of,
)

# What the program says of itself, and what the program that mends its files says.
_PROGRAM, _MENDED = "DAQ_software_version_name", "V3patcher"
# Datasets that the program leaves without references to their tables.
_UNLINKED = ("Raw_Data", "Guess")
# Units that the program does not always say.
_UNITS = {"frequency": "Hz", "dc_offset": "V", "ac_amplitude": "V", "write_bias": "V",
          "read_bias": "V"}  # fmt: skip
_WRITING, _READING = "write_bias", "read_bias"


def is_unmended(file: Any) -> bool:
    """Return whether a file is of the acquisition program, and no other one mended it."""
    said = read_attribute(file, _PROGRAM)
    return isinstance(said, str) and read_attribute(file, "translator") != _MENDED


def is_unlinked(found: Any) -> bool:
    """Return whether a dataset is one that the program left without references to its tables."""
    import h5py

    if found.name.rpartition("/")[2] not in _UNLINKED or not is_unmended(found.file):
        return False
    tables = [table_of(found, f"{side}_Values") for side in ("Position", "Spectroscopic")]
    known = [isinstance(table, h5py.Dataset) and table.ndim == 2 for table in tables]
    return all(known) and tables[0].shape[0] == found.shape[0]


def table_of(main: Any, name: str) -> Any:
    """Return a table of a dataset: what it refers to, or else the nearest one above; or `None`."""
    return looked_up(main, f"/table/{name}", lambda: _table_of(main, name))


def _table_of(main: Any, name: str) -> Any:
    if has_attribute(main, name):
        return main.file[checked_attribute(main, name)]
    group = main.parent
    while name not in group and group.name != "/":
        group = group.parent
    return group.get(name)


def units_as_acquired(label: str) -> str:
    """Return the units of a dimension that the program did not say, "" where they are unknown."""
    return _UNITS.get(label.strip().lower(), "")


def metadata_as_acquired(file: Any, above: Mapping[str, Any]) -> dict[str, Any]:
    """Return when a file was made: the program says it in a form of its own."""
    if not is_unmended(file):
        return {}
    said = f"{text_of(above, 'date_string') or ''} {text_of(above, 'time_string') or ''}"
    try:
        made = datetime.strptime(said.strip(), "%Y-%m-%d %I:%M:%S %p")
    except ValueError:
        return {}
    return {"started": made.isoformat()}


def written_steps(indices: np.ndarray, labels: list[str]) -> np.ndarray:
    """Return indices, shape (lines, columns), of which those of a bias of writing begin anew.

    Where several biases are read after each that is written, the program numbers those of
    writing through all of reading.
    """
    names = [label.strip().lower() for label in labels]
    if _WRITING not in names or _READING not in names:
        return indices
    writing, reading = names.index(_WRITING), names.index(_READING)
    found = indices.copy()
    for number in np.unique(indices[:, reading]):
        block = indices[:, reading] == number
        found[block, writing] -= indices[block, writing].min()
    return found


def indices_of(values: np.ndarray) -> np.ndarray:
    """Return indices for a table of values, shape (lines, columns).

    The index of a column counts how often its value changes, from zero again where a slower
    column changes. Values may come back within a cycle, as those of a triangle do.
    """
    lines, columns = values.shape
    changes = np.zeros((lines, columns), bool)
    changes[1:] = values[1:] != values[:-1]
    found = np.zeros((lines, columns), np.int64)
    restart = np.zeros(lines, bool)
    restart[:1] = True
    for column in np.argsort(changes.sum(0), kind="stable"):
        counted = np.cumsum(changes[:, column] | restart)
        begins = np.maximum.accumulate(np.where(restart, np.arange(lines), 0))
        found[:, column] = counted - counted[begins]
        restart = restart | changes[:, column]
    return found
