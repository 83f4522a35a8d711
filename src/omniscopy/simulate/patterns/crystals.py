"""Crystals that patterns are simulated of, and how they lie in the microscope."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.crystal import orientation_matrix, require_apart, stage_rotation, structure
from omniscopy.crystal.lattice import reciprocal, require_cell
from omniscopy.crystal.reflections import indices_within
from omniscopy.model import DataError
from omniscopy.physics import electron, scattering
from omniscopy.physics.scattering.crystals import Crystal

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Structure = Crystal | str
Direction = Sequence[float]
Motion = float | dict[str, float] | None

_LARGEST_TILT = 45.0  # degrees; a stage goes no farther, and radians taken for degrees are small


class View(NamedTuple):
    """A crystal as the beam meets it."""

    atoms: Any
    turn: Floats
    """Rotation from the frame of the structure to that of the microscope."""
    zone: Floats
    wave_number: float
    """In the crystal, in 1/Å."""
    voltage: float

    def g_vectors(self, hkl: npt.ArrayLike) -> Floats:
        """Return reciprocal lattice vectors in the frame of the microscope, in 1/Å."""
        cell = np.asarray(self.atoms.cell, np.float64)
        turned: Floats = np.asarray(hkl) @ reciprocal(cell) @ self.turn.T
        return turned

    def laue_circle(self) -> tuple[float, float]:
        """Return the middle (ky, kx) of the circle in which the zone meets the Ewald sphere."""
        axis = self.turn @ (self.zone @ np.asarray(self.atoms.cell, np.float64))
        x, y, z = axis / np.linalg.norm(axis)
        return float(self.wave_number * z * y), float(-self.wave_number * z * x)


def crystal_of(atoms: Structure) -> Any:
    """Return a crystal given as such or by its name, or raise where it is none."""
    if isinstance(atoms, str):
        return structure(atoms)
    if not (hasattr(atoms, "cell") and hasattr(atoms, "get_scaled_positions")):
        message = (
            f"a crystal is given by its name or as ase.Atoms, got {type(atoms).__name__}; "
            "`crystal.read_structure` reads one from a file"
        )
        raise DataError(message)
    require_cell(atoms)  # type: ignore[arg-type]
    if not len(atoms.arrays["numbers"]):
        message = "the structure holds no atoms"
        raise DataError(message)
    require_apart(atoms)  # type: ignore[arg-type]
    return atoms


def view_of(
    atoms: Structure,
    zone: Direction,
    voltage: float,
    *,
    up: Direction | None = None,
    tilt: Sequence[float] = (0.0, 0.0),
) -> View:
    """Return a crystal with a zone axis along the beam, tilted by α and β (degrees) from there."""
    crystal = crystal_of(atoms)
    electron.require_voltage(voltage)
    angles = np.asarray(tilt, np.float64)
    if angles.shape != (2,) or not (np.abs(angles) <= _LARGEST_TILT).all():
        message = (
            f"a tilt is (alpha, beta), each of {_LARGEST_TILT:g} degrees at most, got {tilt!r}; "
            "name a nearer zone axis"
        )
        raise DataError(message)
    turn = stage_rotation(*angles) @ orientation_matrix(crystal, zone, up=up)
    return View(
        crystal, turn, np.asarray(zone, np.float64), inner_wave_number(crystal, voltage), voltage
    )


def inner_wave_number(atoms: Any, voltage: float) -> float:
    """Return the wave number in a crystal in 1/Å."""
    inner = scattering.mean_inner_potential(atoms)
    return float(electron.inner_wave_number(voltage, inner))


def indices_of(atoms: Any, limit: float, largest_index: int | None = None) -> Integers:
    """Return the indices of all reflections to a length in 1/Å, without 000."""
    cell = require_cell(atoms)
    hkl = indices_within(cell, limit, largest_index)
    length = np.linalg.norm(hkl @ reciprocal(cell), axis=1)
    return hkl[length <= limit * (1.0 + 1e-9)]


def laue_zones(hkl: Integers, zone: Floats) -> Integers:
    """Return the order of the Laue zone of each reflection: hu + kv + lw, in its smallest steps."""
    whole = np.round(zone).astype(np.int64)
    if np.abs(zone - whole).max() > 1e-6:
        return np.zeros(len(hkl), np.int64)
    return np.asarray(hkl @ (whole // np.gcd.reduce(whole)), np.int64)


def names_of(hkl: Integers) -> npt.NDArray[np.str_]:
    """Return what reflections are called: 1-10, or with spaces where an index has two digits."""
    return np.array([_name(row) for row in hkl.tolist()], dtype=np.str_).reshape(len(hkl))


def _name(row: list[int]) -> str:
    return (" " if max(map(abs, row)) > 9 else "").join(map(str, row))


def require_limits(**values: float | None) -> None:
    """Raise unless all of these are positive, finite numbers, where they are given."""
    for name, value in values.items():
        if value is not None and not 0.0 < value < np.inf:
            message = f"{name} must be a positive number, got {value!r}"
            raise DataError(message)
