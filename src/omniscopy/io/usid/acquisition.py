"""Files as the acquisition program wrote them, before its tables were put right."""

from typing import Any

import numpy as np

from omniscopy.io.storage.hdf5 import read_attribute

# What the program says of itself, and what the program that mends its files says.
_PROGRAM, _MENDED = "DAQ_software_version_name", "V3patcher"


def is_unmended(file: Any) -> bool:
    """Return whether a file is of the acquisition program, and no other one mended it."""
    said = read_attribute(file, _PROGRAM)
    return isinstance(said, str) and read_attribute(file, "translator") != _MENDED


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
