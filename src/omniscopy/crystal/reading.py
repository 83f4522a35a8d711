"""Structures from files."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from omniscopy.crystal.contacts import require_apart
from omniscopy.crystal.displacements import keep_displacements
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

# What runs as a program, asks a server, or is a picture of a structure.
REFUSED = {"py", "mysql", "postgresql", "eps", "gif", "html", "mp4", "png", "pov", "x3d"}


def read_structure(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    index: int = -1,
    closest: float = 0.5,
    **options: Any,
) -> "Atoms":
    """Read a structure from a CIF, POSCAR or xyz file, or any other that ASE reads.

    Parameters
    ----------
    path : str or path
        The file.
    format : str, optional
        ASE's name of the format, such as ``"cif"`` or ``"vasp"``, where the name and the content
        of the file do not tell.
    index : int
        Which structure of several; by default the last one.
    closest : float, Å
        Atoms closer than that are refused, as they are the same atom twice or a wrong cell.
    **options
        Handed to ASE's reader.

    Returns
    -------
    ase.Atoms
        Sites shared by several elements keep their occupancies in ``info["occupancy"]``. Where a
        CIF file tells how far every atom moves (U or B), ``arrays["debye_waller"]`` holds B in
        Å², which `scattering.structure_factors` uses unless it is given others: numbers, or
        tensors (atoms, 3, 3) along the axes of the positions where some are anisotropic.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    DataError
        The file is of no known format, is damaged, or its atoms overlap; the text names it.
    """
    from ase.io import formats, read

    path = Path(path)
    if not path.is_file():
        message = f"there is no file {path}"
        raise FileNotFoundError(message)
    try:
        kind = format or formats.filetype(str(path), read=True)
    except formats.UnknownFileTypeError:
        kind = None
    if kind not in formats.ioformats:
        message = f"{path} is of no format of structures that is known" + (
            f" ({format!r} is none of ASE's names)" if format else "; name it with `format=`"
        )
        raise DataError(message)
    if kind in REFUSED:
        message = f"{path} is of the format {kind!r}, from which structures are not read"
        raise DataError(message)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind == "cif":
                options["store_tags"] = True
            atoms: Any = read(str(path), index=index, format=kind, **options)
    except Exception as error:
        # The readers of a hundred formats raise whatever a damaged file makes them.
        message = f"{path} cannot be read as {kind!r}: {error or type(error).__name__}"
        raise DataError(message) from error
    if not len(atoms) or not np.isfinite(atoms.positions).all():
        message = f"{path} holds no atoms, or atoms without positions"
        raise DataError(message)
    require_apart(atoms, closest=closest, what=str(path))
    if kind == "cif":
        keep_displacements(atoms)
    made: Atoms = atoms
    return made
