"""Cells of columns that repeat in a plane."""

from typing import NamedTuple

import numpy as np

from omniscopy.crystal.projections import project
from omniscopy.crystal.structures import structure as crystal_structure
from omniscopy.crystal.structures import structures
from omniscopy.model import DataError

_ROOT = float(np.sqrt(3.0))
_HALF = float(np.sqrt(0.5))
# Vectors a and b (y, x), and sites (fractions along a and b, brightness).
_PROTOTYPES: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[tuple[float, ...], ...]]]
_PROTOTYPES = {
    "square": ((0.0, 1.0), (1.0, 0.0), ((0.0, 0.0, 1.0),)),
    "hexagonal": ((0.0, 1.0), (_ROOT / 2, 0.5), ((0.0, 0.0, 1.0),)),
    "rectangular": ((0.0, 1.0), (1.35, 0.0), ((0.0, 0.0, 1.0),)),
    "rhombic": ((0.0, 1.0), (float(np.sin(1.25)), float(np.cos(1.25))), ((0.0, 0.0, 1.0),)),
    "centred_rectangular": ((0.0, 1.2), (1.9, 0.0), ((0.0, 0.0, 1.0), (0.5, 0.5, 1.0))),
    "honeycomb": ((0.0, _ROOT), (1.5, _ROOT / 2), ((0.0, 0.0, 1.0), (1 / 3, 1 / 3, 1.0))),
    "binary_honeycomb": ((0.0, _ROOT), (1.5, _ROOT / 2), ((0.0, 0.0, 1.0), (1 / 3, 1 / 3, 0.55))),
    "perovskite": ((0.0, 1.0), (1.0, 0.0), ((0.0, 0.0, 1.0), (0.5, 0.5, 0.45))),
    "dumbbell": (
        (0.0, _HALF), (1.0, 0.0),
        ((0.0, 0.0, 1.0), (0.0, 0.25, 0.85), (0.5, 0.5, 1.0), (0.5, 0.75, 0.85)),
    ),
}  # fmt: skip
PROTOTYPES = tuple(_PROTOTYPES)
RANDOM = "random"
# Brightness goes with the atomic number to this power, between Rutherford's 2 and the 1.6 of
# detectors that begin at small angles.
_POWER = 1.7


class Cell(NamedTuple):
    """A cell whose nearest sites are 1 apart.

    Attributes
    ----------
    vectors : array, shape (2, 2)
        Rows are the repeats, as (y, x).
    sites : array, shape (sites, 2)
        Fractions of the vectors.
    brightness : array, shape (sites,)
        That of the brightest is 1.
    kinds : array of int, shape (sites,)
        Sites of the same brightness are of one kind; the brightest are 0.
    length : float
        Distance of nearest sites in nm; NaN of prototypes, which have none.
    """

    vectors: np.ndarray
    sites: np.ndarray
    brightness: np.ndarray
    kinds: np.ndarray
    length: float


def cell_of(structure: str, zone: tuple[int, int, int] = (0, 0, 1)) -> Cell:
    """Return the cell of a prototype or of a crystal of `crystal.structures` along a zone axis."""
    if structure in _PROTOTYPES:
        a, b, sites = _PROTOTYPES[structure]
        table = np.array(sites)
        return _scaled(np.array([a, b]), table[:, :2], table[:, 2], known=False)
    if structure not in structures():
        message = (
            f"structure must be one of {(*PROTOTYPES, RANDOM)} or of crystal.structures(), got "
            f"{structure!r}"
        )
        raise DataError(message)
    seen = project(crystal_structure(structure), zone)
    repeats = 0.1 * np.asarray(seen["cell"].values)
    places = 0.1 * np.stack([seen["y"].values, seen["x"].values], axis=1)
    fractions = (places @ np.linalg.inv(repeats)) % 1.0
    mean = seen["atomic_number"].values / seen["atoms"].values
    brightness = seen["atoms"].values * mean**_POWER
    return _scaled(repeats, fractions, brightness / brightness.max(), known=True)


def _scaled(vectors: np.ndarray, sites: np.ndarray, brightness: np.ndarray, *, known: bool) -> Cell:
    """Return a cell brought to a shortest distance of 1."""
    steps = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, indexing="ij"), -1).reshape(-1, 2)
    every = (sites[:, None, None] - sites[None, :, None] + steps) @ vectors
    distance = np.hypot(every[..., 0], every[..., 1])
    nearest = float(distance[distance > 1e-6].min())
    levels = np.unique(np.round(brightness, 6))[::-1]
    kinds = np.searchsorted(-levels, -np.round(brightness, 6))
    return Cell(vectors / nearest, sites, brightness, kinds, nearest if known else np.nan)
