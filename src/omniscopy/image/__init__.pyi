__all__ = [
    "autocorrelation",
    "bearing_curve",
    "denoise",
    "dilate",
    "erode",
    "estimate_tip",
    "filter_bands",
    "find_fourier_spots",
    "fit_correlation_length",
    "height_distribution",
    "map_certainty",
    "measure_curvature",
    "measure_fractal_dimension",
    "measure_minkowski",
    "measure_profile_roughness",
    "measure_roughness",
    "measure_slopes",
    "model_tip",
    "power_spectral_density",
    "power_spectrum",
    "separate_waviness",
    "slope_distribution",
    "structure_function",
]

from .bands import filter_bands
from .bearing import bearing_curve
from .correlation import autocorrelation, structure_function
from .correlation_lengths import fit_correlation_length
from .denoising import denoise
from .distributions import height_distribution, slope_distribution
from .fourier_spots import find_fourier_spots
from .fractals import measure_fractal_dimension
from .minkowski import measure_minkowski
from .profile_roughness import measure_profile_roughness
from .roughness import measure_roughness
from .slopes import measure_curvature, measure_slopes
from .spectra import power_spectrum
from .spectral_density import power_spectral_density
from .tip_estimation import estimate_tip
from .tip_imaging import dilate, erode, map_certainty
from .tips import model_tip
from .waviness import separate_waviness
