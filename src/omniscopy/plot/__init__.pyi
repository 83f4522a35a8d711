__all__ = [
    "animate",
    "course",
    "curve_grid",
    "export_numbers",
    "fit_overlay",
    "holz_geometry",
    "kikuchi_geometry",
    "line_family",
    "line_pattern",
    "nice_length",
    "orientation_map",
    "parameter_map",
    "projection",
    "publication",
    "ray_diagram",
    "ring_pattern",
    "ronchigram",
    "scale_bar",
    "signal",
    "spot_pattern",
    "structure",
    "surface",
    "thumbnail",
    "vector_map",
]

from .courses import course
from .crystals.lenses import ronchigram
from .crystals.orientation_maps import orientation_map
from .crystals.patterns import line_pattern, ring_pattern, spot_pattern
from .crystals.rays import holz_geometry, kikuchi_geometry, ray_diagram
from .crystals.structures import projection, structure
from .families import line_family
from .fits import fit_overlay
from .grids import curve_grid
from .movies import animate
from .numbers import export_numbers
from .parameters import parameter_map
from .publications import publication
from .scale_bars import nice_length, scale_bar
from .signals import signal
from .surfaces import surface
from .thumbnails import thumbnail
from .vector_maps import vector_map
