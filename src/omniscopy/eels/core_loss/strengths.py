"""Generalised oscillator strengths from a file of tables."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError
from omniscopy.physics.energy_loss.cross_sections import StrengthTable
from omniscopy.physics.energy_loss.geometry import BOHR_RADIUS
from omniscopy.physics.energy_loss.shells import Shell, shells_of

# Kept in memory: the last files, and tables of some hundred kB each.
_FILES, _TABLES = 2, 128


def table_of(path: str, shell: Shell) -> StrengthTable:
    """Return the table of one shell, for its own electrons; raise where the file has none."""
    found = _table(path, _stamp(path), shell)
    if found is None:
        known = ", ".join(sorted(_group(path, _stamp(path), shell.element))) or "nothing"
        message = (
            f"{path} has no oscillator strengths of {shell.element} {shell.name}; of this element "
            f"it has {known}; use another file, or the method 'photoabsorption'"
        )
        raise DataError(message)
    return found


def has_table(path: str, shell: Shell) -> bool:
    """Return whether a file has the table of a shell."""
    return _table(path, _stamp(path), shell) is not None


def _stamp(path: str) -> tuple[int, int]:
    """Return what changes with a file."""
    if not Path(path).is_file():
        message = f"there is no file {path} of oscillator strengths"
        raise DataError(message)
    about = Path(path).stat()
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=_FILES)
def _opened(path: str, stamp: tuple[int, int]) -> xr.DataTree:  # noqa: ARG001 - of this file alone
    # By the engine, because techniques import no reader.
    return xr.open_datatree(path, engine="omniscopy", reader="gosh")


def _group(path: str, stamp: tuple[int, int], element: str) -> dict[str, xr.DataTree]:
    tree = _opened(path, stamp)
    return dict(tree[element].children) if element in tree.children else {}


@lru_cache(maxsize=_TABLES)
def _table(path: str, stamp: tuple[int, int], shell: Shell) -> StrengthTable | None:
    tables = _group(path, stamp, shell.element)
    name, part = _place(_opened(path, stamp), tables, shell)
    if name is None:
        return None
    found = tables[name].to_dataset()["signal"].astype(np.float64)
    if "variant" in found.dims:
        found = found.isel(variant=0)
    wave = found["q"].values
    first = int(wave[0] == 0.0)  # 0 has no logarithm
    order = (wave[first:] * BOHR_RADIUS * 1e-9) ** 2
    return StrengthTable(order, found["energy"].values, part * found.values[first:])


def _place(tree: xr.DataTree, tables: Any, shell: Shell) -> tuple[str | None, float]:
    """Return the table that holds a shell, and the part of its electrons that are the shell's."""
    said: Any = tree.attrs.get("original_metadata", {})
    for key in ("metadata", "edges_info", shell.name):
        said = said.get(key, {}) if isinstance(said, dict) else {}
    # Files say "table"; the description of the format calls it "ref_edge".
    place = said.get("table", said.get("ref_edge")) if isinstance(said, dict) else None
    if place in tables:
        return str(place), float(said.get("occupancy_ratio", 1.0))
    # Otherwise as tables are called: "L23" holds L2 and L3, "K1" is K.
    own = {each.name: each.electrons for each in shells_of(shell.element)}
    for name in tables:
        held = [name[0] + digit for digit in name[1:] if digit.isdigit()]
        if shell.name == name or (shell.name == "K" and name == "K1"):
            return name, 1.0
        if shell.name in held:
            return name, shell.electrons / sum(own.get(each, 0.0) for each in held)
    return None, 0.0
