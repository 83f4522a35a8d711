"""Crystal structures beside an NSID dataset."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from omniscopy.io.records import Channel, Variable

_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm "
    "Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
)
NUMBER = {symbol: number for number, symbol in enumerate(_SYMBOLS.split(), start=1)}

MANY_ATOMS = 100_000
UNCERTAIN = (
    "the file names the elements only as the sum formula {!r}, in the order of the formula and "
    "not of the positions; which element sits on which position may be wrong"
)


def read_structure(title: str, content: Mapping[str, Any], belongs_to: str) -> Channel | None:
    """Return a structure as its cell, positions and atomic numbers; `None` without positions."""
    positions = _table(content.get("base"))
    if positions is None:
        return None
    variables = {
        "scaled_positions": Variable(
            dims=("atom", "vector"),
            data=positions,
            attrs={"long_name": "positions in the cell", "quantity": "fraction", "units": "1"},
        )
    }
    cell = _table(content.get("unit_cell"))
    if cell is not None and cell.shape == (3, 3):
        attrs = {"long_name": "cell vectors", "quantity": "length", "units": "Å"}
        variables["cell"] = Variable(dims=("vector", "axis"), data=cell, attrs=attrs)
    numbers, certain = _numbers(content.get("elements"), len(positions))
    if numbers is not None:
        attrs = {"long_name": "atomic numbers", "quantity": "atomic number", "units": "1"}
        if not certain:
            attrs["comment"] = UNCERTAIN.format(content["elements"])
        variables["numbers"] = Variable(dims=("atom",), data=numbers, attrs=attrs)
    stated = {
        "elements": content.get("elements"),
        "order_is_certain": certain,
        "belongs_to": belongs_to,
        "info": content.get("info") or {},
    }
    return Channel(
        title=title,
        data=None,
        axes=[],
        variables=variables,
        coordinates=_coordinates(len(positions)),
        group="structures",
        attrs={key: value for key, value in stated.items() if value is not None},
    )


def _coordinates(atoms: int) -> dict[str, Variable]:
    along = {
        "atom": (np.arange(atoms, dtype=np.float64), "point"),
        "vector": (np.array(["a", "b", "c"]), "parameter"),
        "axis": (np.array(["x", "y", "z"]), "parameter"),
    }
    return {
        name: Variable(dims=(name,), data=values, attrs={"quantity": name, "kind": kind})
        for name, (values, kind) in along.items()
    }


def expand_formula(formula: str) -> list[int] | None:
    """Return the atomic numbers of a sum formula in its order, `None` where it is none."""
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    counts = [(NUMBER.get(symbol, 0), int(count[:6] or 1)) for symbol, count in parts]
    whole = "".join(symbol + count for symbol, count in parts) == formula
    if not whole or any(not number for number, _ in counts):
        return None
    if sum(count for _, count in counts) > MANY_ATOMS:
        return None
    return [number for number, count in counts for _ in range(count)]


def _numbers(elements: Any, atoms: int) -> tuple[np.ndarray | None, bool]:
    """Return the atomic numbers and whether each is sure to be that of its position."""
    if isinstance(elements, list):
        numbers = [NUMBER.get(str(symbol).strip(), 0) for symbol in elements]
        fits = len(numbers) == atoms
        return (np.array(numbers, np.int64), True) if fits else (None, False)
    expanded = expand_formula(elements) if isinstance(elements, str) else None
    if expanded is None or len(expanded) != atoms:
        return None, False
    return np.array(expanded, np.int64), len(set(expanded)) == 1


def _table(value: Any) -> np.ndarray | None:
    """Return rows of three numbers, `None` where the file has something else."""
    try:
        table = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return table if table.ndim == 2 and table.shape[1] == 3 else None
