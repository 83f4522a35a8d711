__all__ = ["find_fourier_spots", "power_spectrum"]

from .fourier_spots import find_fourier_spots
from .spectra import power_spectrum
