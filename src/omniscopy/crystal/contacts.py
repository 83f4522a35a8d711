"""Atoms near each other: overlaps and bonds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.model.coordinates import coordinate
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms


def require_apart(atoms: "Atoms", *, closest: float = 0.5, what: str = "the structure") -> None:
    """Refuse structures in which two atoms overlap, across borders of the cell too.

    Parameters
    ----------
    atoms : ase.Atoms
        A structure. Atoms of one site that several elements share are no overlap where they are
        one atom with occupancies, as ASE reads them.
    closest : float, Å
        Distance below which two atoms overlap.
    what : str
        What the structure is called in the error.

    Raises
    ------
    DataError
        Two atoms are closer; the text names the closest pair and counts all.
    """
    first, second, distance, _ = neighbours(atoms, closest)
    if not first.size:
        return
    worst = int(distance.argmin())
    i, j = int(first[worst]), int(second[worst])
    symbols = atoms.get_chemical_symbols()
    other = f"{j} ({symbols[j]})" if i != j else "its own image in the next cell"
    count = len(set(zip(np.minimum(first, second), np.maximum(first, second), strict=True)))
    message = (
        f"atoms of {what} overlap: {i} ({symbols[i]}) and {other} are {distance[worst]:.3g} Å "
        f"apart ({count} pairs below {closest:g} Å); positions in fractions taken for Å, "
        "a wrong cell or doubled atoms are the usual cause"
    )
    raise DataError(message)


def neighbours(
    atoms: "Atoms", cutoff: Any
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64], Any]:
    """Return pairs of atoms within a cutoff: both, distance (Å), and the cell of the second."""
    from ase.neighborlist import neighbor_list

    first, second, distance, offset = neighbor_list("ijdS", atoms, cutoff)
    return first, second, distance, offset


def bonds(
    atoms: "Atoms",
    *,
    between: Sequence[tuple[str, str]] | None = None,
    stretch: float = 1.15,
    radii: Mapping[str, float] | None = None,
) -> xr.Dataset:
    """Return the bonds of a structure: pairs closer than their covalent radii allow.

    Parameters
    ----------
    atoms : ase.Atoms
        Bonds across borders of the cell are found along its periodic directions.
    between : sequence of pairs of symbols, optional
        Only bonds of these, such as ``[("Ti", "O")]``; radii of metals are so large that in an
        oxide two of them would else be bonded past the oxygen between them.
    stretch : float
        Longest bond, in sums of the two radii.
    radii : mapping of symbols to Å, optional
        In place of the covalent radii of Cordero et al. [1]_.

    Returns
    -------
    Dataset, dimension bond
        ``first`` and ``second`` (numbers of atoms; each bond once), ``offset`` (cell of the
        second atom, along `axis`), ``length`` (Å), ``start`` and ``stop`` (Å, along `axis`).

    Raises
    ------
    DataError
        `stretch` is not positive, or a symbol of `between` is not in the structure.

    References
    ----------
    .. [1] B. Cordero et al., Dalton Trans. 2832 (2008).
    """
    from ase.data import atomic_numbers, covalent_radii

    if not stretch > 0.0:
        message = f"a bond must be longer than nothing, got a stretch of {stretch}"
        raise DataError(message)
    symbols = np.array(atoms.get_chemical_symbols())
    own = {symbol: float(covalent_radii[atomic_numbers[symbol]]) for symbol in set(symbols)}
    own |= dict(radii or {})
    reach = np.array([stretch * own[symbol] for symbol in symbols])
    first, second, length, offset = neighbours(atoms, reach)
    once = (first < second) | ((first == second) & _ahead(offset))
    if between is not None:
        require_symbols([symbol for pair in between for symbol in pair], symbols)
        wanted = {frozenset(pair) for pair in between}
        pairs = zip(symbols[first], symbols[second], strict=True)
        once &= np.array([frozenset(map(str, pair)) in wanted for pair in pairs], bool)
    first, second, length, offset = first[once], second[once], length[once], offset[once]
    start = atoms.positions[first]
    stop = atoms.positions[second] + offset @ np.asarray(atoms.cell)
    number = coordinate("bond", np.arange(len(first)), "1", kind="point", quantity="bond")
    axis = coordinate("axis", np.array(["x", "y", "z"]), kind="parameter", quantity="axis")
    return xr.Dataset(
        {
            "first": ("bond", first, {"units": "1"}),
            "second": ("bond", second, {"units": "1"}),
            "length": ("bond", length, {"units": "Å", "quantity": "length"}),
            "offset": (("bond", "axis"), offset, {"units": "1"}),
            "start": (("bond", "axis"), start, {"units": "Å", "quantity": "length"}),
            "stop": (("bond", "axis"), stop, {"units": "Å", "quantity": "length"}),
        },
        coords={"bond": number, "axis": axis},
    )


def _ahead(offset: Any) -> Any:
    """Return which of a cell and its opposite counts, for bonds of an atom with its images."""
    x, y, z = offset.T
    return (x > 0) | ((x == 0) & (y > 0)) | ((x == 0) & (y == 0) & (z > 0))


def require_symbols(wanted: Sequence[str], symbols: Any) -> None:
    """Raise unless all wanted elements are among these symbols."""
    missing = sorted(set(wanted) - set(symbols.tolist()))
    if missing:
        present = ", ".join(sorted(set(symbols.tolist())))
        message = f"there is no {', '.join(missing)} in the structure, which has {present}"
        raise DataError(message)
