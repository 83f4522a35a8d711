__all__ = [
    "ChirpDrive",
    "ElectricDrive",
    "MechanicalDrive",
    "atom_image",
    "band_excitation",
    "cantilever",
    "current_voltage",
    "diffraction_4d",
    "drifting_spectra",
    "image_stack",
    "lattice_points",
    "oscillator_maps",
    "phase_map",
    "phase_spectra",
    "point_cloud",
    "spectrum",
    "spectrum_image",
    "surface",
]

from .cantilevers import ChirpDrive, ElectricDrive, MechanicalDrive, cantilever
from .diffraction_4d import diffraction_4d
from .drifts import drifting_spectra
from .general_mode import current_voltage
from .images import atom_image, image_stack, lattice_points
from .points import point_cloud
from .resonance import band_excitation, oscillator_maps
from .spectra import phase_map, phase_spectra, spectrum, spectrum_image
from .surfaces import surface
