__all__ = [
    "align_rows",
    "autocorrelation",
    "bearing_curve",
    "change_mask",
    "combine_masks",
    "denoise",
    "dilate",
    "erode",
    "estimate_background",
    "estimate_tip",
    "filter_bands",
    "find_fourier_spots",
    "find_grains",
    "find_scars",
    "fit_correlation_length",
    "height_distribution",
    "inpaint",
    "level",
    "map_certainty",
    "mask_by_threshold",
    "mask_outliers",
    "measure_curvature",
    "measure_distance",
    "measure_fractal_dimension",
    "measure_grains",
    "measure_minkowski",
    "measure_profile_roughness",
    "measure_roughness",
    "measure_slopes",
    "model_tip",
    "power_spectral_density",
    "power_spectrum",
    "profile",
    "radial_average",
    "remove_scars",
    "select_grains",
    "separate_waviness",
    "slope_distribution",
    "structure_function",
    "subtract_background",
]

from .backgrounds import estimate_background, subtract_background
from .bands import filter_bands
from .bearing import bearing_curve
from .correlation import autocorrelation, structure_function
from .correlation_lengths import fit_correlation_length
from .denoising import denoise
from .distributions import height_distribution, slope_distribution
from .fourier_spots import find_fourier_spots
from .fractals import measure_fractal_dimension
from .grain_measures import measure_grains
from .grains import find_grains, select_grains
from .inpainting import inpaint
from .levelling import level
from .masks import change_mask, combine_masks, mask_by_threshold, mask_outliers, measure_distance
from .minkowski import measure_minkowski
from .profile_roughness import measure_profile_roughness
from .profiles import profile, radial_average
from .roughness import measure_roughness
from .row_alignment import align_rows
from .scars import find_scars, remove_scars
from .slopes import measure_curvature, measure_slopes
from .spectra import power_spectrum
from .spectral_density import power_spectral_density
from .tip_estimation import estimate_tip
from .tip_imaging import dilate, erode, map_certainty
from .tips import model_tip
from .waviness import separate_waviness
