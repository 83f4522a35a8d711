__all__ = [
    "Annulus",
    "CentreOfMass",
    "Disk",
    "Mask",
    "Polygon",
    "RadialProfile",
    "Segment",
    "bright_field_image",
    "correct_detector",
    "count_electrons",
    "dark_field_image",
    "file_frames",
    "find_centre",
    "find_dead_pixels",
    "find_discs",
    "find_events",
    "fit_dpc",
    "fit_lattice",
    "make_template",
    "match_orientation",
    "max_pattern",
    "mean_pattern",
    "measure_com",
    "measure_strain",
    "mend_pixels",
    "radial_profile",
    "rebin",
    "reconstruct_dpc",
    "reconstruct_idpc",
    "reconstruct_ptychography",
    "reduce",
    "reduce_events",
    "socket_frames",
    "stream",
    "virtual_image",
]

from .angles import bright_field_image, dark_field_image
from .cameras.corrections import correct_detector, find_dead_pixels, mend_pixels
from .cameras.counting import count_electrons
from .cameras.events import find_events, reduce_events
from .centre import find_centre
from .com import measure_com
from .deflections.reconstruct import fit_dpc, reconstruct_dpc, reconstruct_idpc
from .detectors import Annulus, Disk, Mask, Polygon, Segment
from .discs.finding import find_discs
from .discs.templates import make_template
from .lattices.fitting import fit_lattice
from .lattices.strain import measure_strain
from .orientation.matching import match_orientation
from .patterns import max_pattern, mean_pattern
from .profiles import radial_profile, rebin
from .ptychography.reconstruct import reconstruct_ptychography
from .reductions.reduce import reduce
from .reductions.wanted import CentreOfMass, RadialProfile
from .streams.frames import file_frames, socket_frames
from .streams.stream import stream
from .virtual_images import virtual_image
