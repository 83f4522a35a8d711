__all__ = [
    "Annulus",
    "CentreOfMass",
    "Disk",
    "Mask",
    "Polygon",
    "RadialProfile",
    "Segment",
    "find_centre",
    "fit_dpc",
    "max_pattern",
    "mean_pattern",
    "measure_com",
    "reconstruct_dpc",
    "reconstruct_idpc",
    "reduce",
    "virtual_image",
]

from .centre import find_centre
from .com import measure_com
from .deflections.reconstruct import fit_dpc, reconstruct_dpc, reconstruct_idpc
from .detectors import Annulus, Disk, Mask, Polygon, Segment
from .patterns import max_pattern, mean_pattern
from .reductions.reduce import reduce
from .reductions.wanted import CentreOfMass, RadialProfile
from .virtual_images import virtual_image
