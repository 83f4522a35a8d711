__all__ = [
    "condense",
    "decompose_modes",
    "estimate_oscillator",
    "expand",
    "filter_general_mode",
    "fit_oscillator",
    "instantaneous_frequency",
    "invert_current_voltage",
    "lines_to_pixels",
    "noise_floor",
]

from .band_excitation.resonances import estimate_oscillator, fit_oscillator
from .general_mode.condensing import condense, expand
from .general_mode.current_voltage import invert_current_voltage
from .general_mode.filtering import filter_general_mode, noise_floor
from .general_mode.pixels import lines_to_pixels
from .transients.frequencies import instantaneous_frequency
from .transients.modes import decompose_modes
