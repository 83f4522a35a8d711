__all__ = [
    "Detector",
    "absorption_correction",
    "calibrate",
    "detector_efficiency",
    "fit_lines",
    "lines",
    "mass_absorption",
    "quantify",
]

from .calibrations import calibrate
from .detector_models import Detector, detector_efficiency
from .fits import fit_lines
from .line_tables import lines, mass_absorption
from .quantification import absorption_correction, quantify
