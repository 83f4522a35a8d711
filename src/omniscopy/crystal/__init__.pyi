__all__ = [
    "Polyhedron",
    "Symmetry",
    "bonds",
    "d_spacings",
    "direction_angles",
    "direction_colours",
    "filled_cell",
    "find_zone_axes",
    "from_miller_bravais",
    "g_vectors",
    "interplanar_angles",
    "interstitials",
    "miller_bravais",
    "misorientations",
    "orientation_matrix",
    "orthogonal_cell",
    "polyhedra",
    "project",
    "proper_rotations",
    "read_structure",
    "reflections",
    "require_apart",
    "sample_directions",
    "stage_rotation",
    "stage_tilts",
    "structure",
    "structures",
    "supercell",
    "symmetry",
    "zone_axis",
]

from .cells import filled_cell, orthogonal_cell, supercell
from .contacts import bonds, require_apart
from .direction_colours import direction_colours
from .fundamental_zones import misorientations, proper_rotations, sample_directions
from .interstitials import interstitials
from .lattice import (
    d_spacings,
    direction_angles,
    from_miller_bravais,
    g_vectors,
    interplanar_angles,
    miller_bravais,
    zone_axis,
)
from .orientation import find_zone_axes, orientation_matrix, stage_rotation, stage_tilts
from .polyhedra import Polyhedron, polyhedra
from .projections import project
from .reading import read_structure
from .reflections import reflections
from .structures import structure, structures
from .symmetries import Symmetry, symmetry
