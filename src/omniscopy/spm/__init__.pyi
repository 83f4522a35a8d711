__all__ = [
    "condense",
    "estimate_oscillator",
    "expand",
    "filter_general_mode",
    "fit_oscillator",
    "lines_to_pixels",
    "noise_floor",
]

from .band_excitation.resonances import estimate_oscillator, fit_oscillator
from .general_mode.condensing import condense, expand
from .general_mode.filtering import filter_general_mode, noise_floor
from .general_mode.pixels import lines_to_pixels
