__all__ = [
    "Detector",
    "absorption_correction",
    "calibrate",
    "detector_efficiency",
    "find_elements",
    "find_phases",
    "fit_lines",
    "lines",
    "mass_absorption",
    "quantify",
    "read_factors",
]

from .calibrations import calibrate
from .detector_models import Detector, detector_efficiency
from .factor_files import read_factors
from .fits import fit_lines
from .identification import find_elements
from .line_tables import lines, mass_absorption
from .phase_maps import find_phases
from .quantification import absorption_correction, quantify
