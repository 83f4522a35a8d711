__all__ = [
    "align_images",
    "align_rows",
    "autocorrelation",
    "bearing_curve",
    "calibrate",
    "change_mask",
    "clean_svd",
    "combine_masks",
    "correct_detector_response",
    "correct_pair_drift",
    "correct_row_drift",
    "correct_row_jitter",
    "correct_scale",
    "correct_scan_drift",
    "correlate_grains",
    "correlate_template",
    "deconvolve",
    "denoise",
    "dilate",
    "erode",
    "estimate_background",
    "estimate_tip",
    "estimate_window_size",
    "filter_bands",
    "filter_fourier_spots",
    "find_blobs",
    "find_circles",
    "find_fourier_spots",
    "find_grains",
    "find_lines",
    "find_scars",
    "fit_calibration",
    "fit_correlation_length",
    "fit_gpa",
    "fit_terraces",
    "grain_distribution",
    "height_distribution",
    "inpaint",
    "join_windows",
    "level",
    "map_certainty",
    "mask_by_threshold",
    "mask_outliers",
    "match_features",
    "measure_curvature",
    "measure_distortion",
    "measure_focus",
    "measure_fractal_dimension",
    "measure_grains",
    "measure_hills",
    "measure_minkowski",
    "measure_profile_roughness",
    "measure_resolution",
    "measure_roughness",
    "measure_slopes",
    "measure_statistics",
    "measure_symmetry",
    "model_tip",
    "polar",
    "power_spectral_density",
    "power_spectrum",
    "profile",
    "radial_average",
    "register",
    "remove_scars",
    "rotate",
    "select_grains",
    "separate_waviness",
    "sliding_windows",
    "slope_distribution",
    "stitch",
    "structure_function",
    "subtract_background",
    "template_match",
    "transform",
    "undistort",
    "window_fft_decompose",
]

from .cleaning.deconvolution import deconvolve
from .cleaning.denoising import denoise
from .cleaning.inpainting import inpaint
from .cleaning.scars import find_scars, remove_scars
from .features.blobs import find_blobs
from .features.hough import find_circles, find_lines
from .features.templates import correlate_template, template_match
from .fourier.bands import filter_bands
from .fourier.spectra import power_spectrum
from .fourier.spot_filter import filter_fourier_spots
from .fourier.spots import find_fourier_spots
from .fourier.symmetry import measure_symmetry
from .geometry.calibration import correct_scale, fit_calibration
from .geometry.distortion import measure_distortion, undistort
from .geometry.mosaics import stitch
from .geometry.polar import polar
from .geometry.row_drift import correct_pair_drift, correct_row_drift
from .geometry.scales import calibrate
from .geometry.transforms import rotate, transform
from .grains.grain_measures import measure_grains
from .grains.grain_statistics import correlate_grains, grain_distribution
from .grains.grains import find_grains, select_grains
from .grains.masks import change_mask, combine_masks, mask_by_threshold, mask_outliers
from .levelling.backgrounds import estimate_background, subtract_background
from .levelling.levelling import level
from .levelling.row_alignment import align_rows
from .levelling.terraces import fit_terraces
from .profiles import profile, radial_average
from .quality.detector_response import correct_detector_response
from .quality.focus import measure_focus
from .quality.image_statistics import measure_statistics
from .quality.resolution import measure_resolution
from .registration.alignment import align_images
from .registration.feature_matching import match_features
from .registration.registration import register
from .registration.row_jitter import correct_row_jitter
from .registration.scan_drift import correct_scan_drift
from .roughness.bearing import bearing_curve
from .roughness.correlation import autocorrelation, structure_function
from .roughness.correlation_lengths import fit_correlation_length
from .roughness.distributions import height_distribution, slope_distribution
from .roughness.fractals import measure_fractal_dimension
from .roughness.hills import measure_hills
from .roughness.minkowski import measure_minkowski
from .roughness.profile_roughness import measure_profile_roughness
from .roughness.roughness import measure_roughness
from .roughness.slopes import measure_curvature, measure_slopes
from .roughness.spectral_density import power_spectral_density
from .roughness.waviness import separate_waviness
from .strain.gpa import fit_gpa
from .tips.tip_estimation import estimate_tip
from .tips.tip_imaging import dilate, erode, map_certainty
from .tips.tips import model_tip
from .windows.sliding import join_windows, sliding_windows
from .windows.svd_cleaning import clean_svd
from .windows.window_size import estimate_window_size
from .windows.window_spectra import window_fft_decompose
