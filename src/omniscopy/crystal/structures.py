"""Structures that are known by name."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms


@cache
def _known() -> Mapping[str, dict[str, Any]]:
    text = (resources.files("omniscopy.crystal.tables") / "structures.toml").read_text("utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def _names() -> Mapping[str, str]:
    """Return the name of an entry for each of its names."""
    names = {name: name for name in _known()}
    return names | {alias: name for name, entry in _known().items() for alias in entry["aliases"]}


def structures() -> dict[str, str]:
    """Return the names of all known structures, with what each is.

    Returns
    -------
    dict of str to str
        Names, as `structure` takes them, and titles.
    """
    return {name: entry["title"] for name, entry in _known().items()}


def structure(name: str) -> "Atoms":
    """Return a crystal by its name, in its conventional cell.

    Parameters
    ----------
    name : str
        Such as ``"Si"``, ``"silicon"``, ``"SrTiO3"`` or ``"alpha iron"``, in letters of any
        case; `structures` lists them.

    Returns
    -------
    ase.Atoms
        Cell and positions in Å; ``info`` holds the title, the number of the space group, and
        reference and link of the constants.

    Raises
    ------
    DataError
        No structure has this name.
    """
    found = _names().get(str(name).strip().lower())
    if found is None:
        message = (
            f"no structure is called {name!r}; there are {', '.join(structures())}; "
            "others are read from a file with `crystal.read_structure`"
        )
        raise DataError(message)
    entry = _known()[found]
    from ase.spacegroup import crystal

    symbols = [site[0] for site in entry["sites"]]
    made = crystal(
        symbols,
        basis=[site[1:] for site in entry["sites"]],
        spacegroup=entry["space_group"],
        cellpar=entry["cell"],
    )
    del made.arrays["spacegroup_kinds"]
    told = {key: entry[key] for key in ("reference", "link", "note") if entry.get(key)}
    made.info = {
        "title": entry["title"],
        "space_group": entry["space_group"],
        "structure": told,
    }
    return made
