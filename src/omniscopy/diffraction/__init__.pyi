__all__ = [
    "Annulus",
    "Disk",
    "find_centre",
    "max_pattern",
    "mean_pattern",
    "measure_com",
    "virtual_image",
]

from .centre import find_centre
from .com import measure_com
from .detectors import Annulus, Disk
from .patterns import max_pattern, mean_pattern
from .virtual_images import virtual_image
