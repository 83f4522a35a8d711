"""Which figure a result about atoms has."""

from collections.abc import Callable

import xarray as xr
from matplotlib.figure import Figure

from omniscopy.plot.atoms.bonds import bonds_figure, is_bonds
from omniscopy.plot.atoms.polygons import is_polygons, polygons_figure
from omniscopy.plot.atoms.scatters import (
    defects_figure,
    groups_figure,
    is_defects,
    is_grouped,
    measures_figure,
    measures_of,
)
from omniscopy.plot.atoms.statistics import (
    counted_figure,
    is_counted,
    is_neighbours,
    neighbours_figure,
)
from omniscopy.plot.atoms.surroundings import is_surroundings, surroundings_figure
from omniscopy.plot.atoms.trajectories import is_trajectories, trajectories_figure
from omniscopy.plot.atoms.vectors import is_vectors, vectors_figure

ATOM_FIGURES: tuple[tuple[Callable[[xr.Dataset], object], Callable[..., Figure]], ...] = (
    (is_polygons, polygons_figure),
    (is_vectors, vectors_figure),
    (is_bonds, bonds_figure),
    (is_trajectories, trajectories_figure),
    (is_surroundings, surroundings_figure),
    (is_defects, defects_figure),
    (is_grouped, groups_figure),
    (measures_of, measures_figure),
    (is_neighbours, neighbours_figure),
    (is_counted, counted_figure),
)
