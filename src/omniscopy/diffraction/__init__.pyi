__all__ = [
    "Annulus",
    "CentreOfMass",
    "Disk",
    "Mask",
    "Polygon",
    "RadialProfile",
    "Segment",
    "bragg_vector_map",
    "bright_field_image",
    "calibrate",
    "centre_patterns",
    "correct_detector",
    "correct_ellipse",
    "count_electrons",
    "dark_field_image",
    "file_frames",
    "fill_patterns",
    "find_centre",
    "find_dead_pixels",
    "find_discs",
    "find_events",
    "find_grains",
    "fit_cepstrum",
    "fit_descan",
    "fit_dpc",
    "fit_lattice",
    "fit_patterns",
    "from_disc_list",
    "index_rings",
    "index_spots",
    "make_events",
    "make_template",
    "match_orientation",
    "match_phases",
    "max_pattern",
    "mean_pattern",
    "measure_angular_correlation",
    "measure_com",
    "measure_fluctuations",
    "measure_strain",
    "measure_time_correlation",
    "mend_pixels",
    "pair_distribution",
    "profile_strain",
    "radial_profile",
    "rebin",
    "reconstruct_dpc",
    "reconstruct_idpc",
    "reconstruct_parallax",
    "reconstruct_ptychography",
    "reduce",
    "reduce_events",
    "socket_frames",
    "stream",
    "to_disc_list",
    "transform_polar",
    "virtual_image",
]

from .angles import bright_field_image, dark_field_image
from .calibration.calibrating import calibrate, correct_ellipse
from .calibration.centring import centre_patterns
from .calibration.descan import fit_descan
from .cameras.corrections import correct_detector, find_dead_pixels, mend_pixels
from .cameras.counting import count_electrons
from .cameras.event_lists import fill_patterns, make_events
from .cameras.events import find_events, reduce_events
from .centre import find_centre
from .com import measure_com
from .deflections.reconstruct import fit_dpc, reconstruct_dpc, reconstruct_idpc
from .detectors import Annulus, Disk, Mask, Polygon, Segment
from .discs.finding import find_discs
from .discs.lists import from_disc_list, to_disc_list
from .discs.templates import make_template
from .indexing.rings import index_rings
from .indexing.spots import index_spots
from .lattices.cepstra import fit_cepstrum
from .lattices.edges import profile_strain
from .lattices.fitting import fit_lattice
from .lattices.maps import bragg_vector_map
from .lattices.strain import measure_strain
from .lattices.whole_patterns import fit_patterns
from .orientation.grains import find_grains
from .orientation.matching import match_orientation
from .orientation.phases import match_phases
from .parallax.reconstruct import reconstruct_parallax
from .patterns import max_pattern, mean_pattern
from .polar.correlations import measure_angular_correlation
from .polar.fluctuations import measure_fluctuations
from .polar.pair_distributions import pair_distribution
from .polar.time_correlations import measure_time_correlation
from .polar.transform import transform_polar
from .profiles import radial_profile, rebin
from .ptychography.reconstruct import reconstruct_ptychography
from .reductions.reduce import reduce
from .reductions.wanted import CentreOfMass, RadialProfile
from .streams.frames import file_frames, socket_frames
from .streams.stream import stream
from .virtual_images import virtual_image
