__all__ = [
    "count_atoms",
    "decompose_neighbourhoods",
    "find_atoms",
    "find_bonds",
    "find_defects",
    "find_domains",
    "find_dopants",
    "find_dumbbells",
    "find_lattice",
    "find_planes",
    "find_rings",
    "find_structural_units",
    "find_sublattices",
    "fit_structure",
    "link_trajectories",
    "match_neighbours",
    "measure_bond_order",
    "measure_intensities",
    "measure_neighbours",
    "measure_pair_distribution",
    "measure_polarization",
    "measure_similarity",
    "measure_strain",
    "measure_volumes",
    "patches",
    "refine_atoms",
    "score_positions",
    "to_structure",
    "transition_matrix",
    "voronoi",
]

from .columns.counting import count_atoms
from .columns.intensities import measure_intensities, measure_volumes
from .defects.defects import find_defects
from .defects.dopants import find_dopants
from .finding.finding import find_atoms
from .graphs.bonds import find_bonds
from .graphs.rings import find_rings
from .graphs.similarity import measure_similarity
from .graphs.structural_units import find_structural_units
from .graphs.voronoi import voronoi
from .lattices.lattices import find_lattice
from .lattices.planes import find_planes
from .neighbourhoods.bond_order import find_domains, measure_bond_order
from .neighbourhoods.decomposition import decompose_neighbourhoods, match_neighbours
from .neighbourhoods.neighbours import measure_neighbours
from .neighbourhoods.pair_distribution import measure_pair_distribution
from .patches import patches
from .refinement.refinement import refine_atoms
from .scores import score_positions
from .strain.dumbbells import find_dumbbells
from .strain.polarization import measure_polarization
from .strain.references import fit_structure
from .strain.strain import measure_strain
from .strain.sublattices import find_sublattices
from .structures import to_structure
from .trajectories.linking import link_trajectories
from .trajectories.transitions import transition_matrix
