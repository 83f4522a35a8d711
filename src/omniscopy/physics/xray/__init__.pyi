__all__ = [
    "Composition",
    "Detector",
    "Family",
    "Line",
    "absorption_factor",
    "bremsstrahlung",
    "continuum",
    "coster_kronig",
    "depth_distribution",
    "edge_energy",
    "efficiency",
    "emission_cross_section",
    "escape_fraction",
    "families",
    "family_shape",
    "find_family",
    "fluorescence_yield",
    "ionisation_cross_section",
    "lines",
    "mass_absorption",
    "peak_width",
    "peaks",
]

from .absorption import Composition, absorption_factor, mass_absorption
from .bremsstrahlung import bremsstrahlung
from .depths import depth_distribution
from .detectors import Detector, efficiency, escape_fraction, peak_width, peaks
from .emission import Family, Line, families, find_family, lines
from .ionisation import emission_cross_section, ionisation_cross_section
from .shells import coster_kronig, edge_energy, fluorescence_yield
from .spectra import continuum, family_shape
