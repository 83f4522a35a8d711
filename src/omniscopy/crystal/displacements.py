"""How far atoms move, as CIF files tell."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_PAIRS = {"11": (0, 0), "22": (1, 1), "33": (2, 2), "23": (1, 2), "13": (0, 2), "12": (0, 1)}
_PER_U = 8.0 * np.pi**2
_CLOSE = 2e-3  # of the cell; files round thirds to four digits


def keep_displacements(atoms: Any) -> None:
    """Keep B of each atom (Å²), and of all tags of a CIF file only what ASE keeps by default."""
    tags = {name: atoms.info.pop(name) for name in list(atoms.info) if name.startswith("_")}
    kinds = atoms.arrays.get("spacegroup_kinds")
    if kinds is None:
        return
    labels = list(tags.get("_atom_site_label", range(int(max(kinds)) + 1)))
    if max(kinds) >= len(labels):
        return
    isotropic = _isotropic(tags, len(labels))
    tensors = _tensors(tags)
    told = [label in tensors or np.isfinite(b) for label, b in zip(labels, isotropic, strict=True)]
    if not all(told[kind] for kind in kinds):
        return
    if not tensors:
        atoms.set_array("debye_waller", isotropic[kinds])
        return
    cell = np.asarray(atoms.cell, np.float64)
    lengths = [tags.get(f"_cell_length_{axis}") for axis in "abc"]
    if not np.allclose(np.linalg.norm(cell, axis=1), np.array(lengths, np.float64), rtol=1e-4):
        return  # a cell that was chosen on reading is not the one that tensors are told in
    made = np.array([
        _turned(atoms, place, cell, tensors[labels[kind]]) if labels[kind] in tensors
        else isotropic[kind] * np.eye(3)
        for place, kind in enumerate(kinds)
    ])  # fmt: skip
    atoms.set_array("debye_waller", made)


def _isotropic(tags: Mapping[str, Any], count: int) -> Floats:
    """Return B of each row of the list of atoms in Å², NaN where there is none."""
    found = np.full(count, np.nan)
    for tag, scale in (("u_iso_or_equiv", _PER_U), ("b_iso_or_equiv", 1.0)):
        for row, value in enumerate(tags.get(f"_atom_site_{tag}", [])[:count]):
            if isinstance(value, int | float) and np.isnan(found[row]):
                found[row] = scale * value
    return found


def _tensors(tags: Mapping[str, Any]) -> dict[Any, Floats]:
    """Return B along the reciprocal vectors of the cell (Å²) of each label that has all of it."""
    labels = list(tags.get("_atom_site_aniso_label", []))
    made: dict[Any, Floats] = {}
    for letter, scale in (("u", _PER_U), ("b", 1.0)):
        columns = {
            pair: tags.get(f"_atom_site_aniso_{letter}_{name}", []) for name, pair in _PAIRS.items()
        }
        for row, label in enumerate(labels):
            values = [column[row] if row < len(column) else None for column in columns.values()]
            if label in made or not all(isinstance(value, int | float) for value in values):
                continue
            tensor = np.zeros((3, 3))
            for (i, j), value in zip(columns, values, strict=True):
                tensor[i, j] = tensor[j, i] = scale * value  # type: ignore[operator]
            made[label] = tensor
    return made


def _turned(atoms: Any, place: int, cell: Floats, tensor: Floats) -> Floats:
    """Return B of an atom along the axes of the positions, from that of the one it is a copy of.

    In fractions of the cell movements are N B N, with the lengths of the reciprocal vectors on
    the diagonal of N; a rotation W of the space group takes them along.
    """
    lengths = np.linalg.norm(np.linalg.inv(cell).T, axis=1)
    fractions = tensor * np.outer(lengths, lengths)
    turn = _rotation_to(atoms, place)
    return np.asarray(cell.T @ (turn @ fractions @ turn.T) @ cell)


def _rotation_to(atoms: Any, place: int) -> Floats:
    """Return the rotation of the space group that makes an atom of the first one of its kind."""
    kinds = atoms.arrays["spacegroup_kinds"]
    places = atoms.get_scaled_positions()
    first = places[int(np.argmax(kinds == kinds[place]))]
    for rotation, shift in atoms.info["spacegroup"].get_symop():
        away = rotation @ first + shift - places[place]
        if np.abs(away - np.round(away)).max() < _CLOSE:
            return np.asarray(rotation, np.float64)
    return np.eye(3)
