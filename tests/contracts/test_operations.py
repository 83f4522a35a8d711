"""What every registered operation must do."""

import numpy as np
import pytest

from omniscopy import simulate
from omniscopy.model import DataError, all_operations
from omniscopy.testing import contracts

# Where a promise has no meaning for an operation, and why.
EXCEPTIONS = {
    ("signal.cluster", "check_further_dimension"): "all samples are sorted together",
    ("signal.decompose", "check_further_dimension"): "all samples make one decomposition",
    ("signal.rotate_components", "check_further_dimension"): "all samples make one rotation",
    ("signal.crop", "check_units_of_coordinates"): "the window is in nm",
    ("signal.label_regions", "check_units_of_coordinates"): "the regions are in nm",
    ("signal.label_regions", "check_further_dimension"): "the map is that of all further points",
    ("signal.measure_regions", "check_units_of_values"): "numbers of regions have no other units",
    ("signal.joint_histogram", "check_units_of_values"): "the ranges are in nA",
    ("signal.interpolate", "check_units_of_coordinates"): "the labels are in nm and eV",
    ("eds.detector_efficiency", "check_further_dimension"): "energies are the same everywhere",
    ("eds.calibrate", "check_further_dimension"): "all spectra make one calibration",
    ("eds.calibrate", "check_units_of_values"): "spectra are in counts",
    ("eds.find_elements", "check_further_dimension"): "all spectra are added up",
    ("eds.find_elements", "check_units_of_values"): "spectra are in counts",
    ("eds.find_phases", "check_further_dimension"): "all spectra are sorted together",
    ("eds.find_phases", "check_units_of_values"): "spectra are in counts",
    ("eds.fit_lines", "check_further_dimension"): "all spectra share their weights",
    ("eds.fit_lines", "check_units_of_values"): "spectra are in counts",
    ("atoms.decompose_neighbourhoods", "check_further_dimension"): "all atoms are taken together",
    ("signal.separate_outliers", "check_further_dimension"): "all samples are taken together",
    ("atoms.transition_matrix", "check_units_of_values"): "states are whole numbers",
    ("spm.invert_current_voltage", "check_units_of_values"): "a voltage is no current",
    ("image.estimate_background", "check_units_of_coordinates"): "the radius is in nm",
    ("image.subtract_background", "check_units_of_coordinates"): "the radius is in nm",
    ("image.find_circles", "check_units_of_coordinates"): "the radii are in nm",
    ("atoms.patches", "check_units_of_coordinates"): "the size is in nm",
    ("image.change_mask", "check_units_of_coordinates"): "the length is in nm",
    ("image.clean_svd", "check_units_of_coordinates"): "the size is in nm",
    ("image.correct_scale", "check_further_dimension"): "coordinates have one scale",
    ("image.measure_distortion", "check_units_of_coordinates"): "the range is in 1/nm",
    ("image.deconvolve", "check_units_of_coordinates"): "the resolution is in nm",
    ("image.sliding_windows", "check_units_of_coordinates"): "the size is in nm",
    ("image.window_fft_decompose", "check_units_of_coordinates"): "the size is in nm",
    ("image.window_fft_decompose", "check_further_dimension"): "all images make one decomposition",
    ("image.profile", "check_units_of_coordinates"): "the ends are in nm",
    ("image.measure_grains", "check_units_of_values"): "numbers of grains have no other units",
    ("image.separate_waviness", "check_units_of_coordinates"): "the cut-off is in nm",
    ("spm.calibrate_spring", "check_units_of_values"): "spectra are in m^2/Hz",
    ("spm.thermal_transfer_function", "check_units_of_values"): "spectra are in m^2/Hz",
    ("spm.fit_force_creep", "check_units_of_values"): "forces are in nN",
    ("spm.fit_force_relaxation", "check_units_of_values"): "forces are in nN",
    ("spm.fit_indentation", "check_units_of_values"): "forces are in nN",
    ("diffraction.virtual_image", "check_units_of_coordinates"): "the detector is in 1/nm",
    ("diffraction.reduce", "check_units_of_coordinates"): "the detector is in 1/nm",
    ("diffraction.match_orientation", "check_further_dimension"): "a library is one for all",
    ("diffraction.fit_patterns", "check_units_of_coordinates"): "the radius is in 1/nm",
    ("diffraction.match_phases", "check_further_dimension"): "a library is one for all",
    ("diffraction.find_events", "check_further_dimension"): "all events make one list",
    ("simulate.electron_counts", "check_further_dimension"): "each position has its own noise",
    ("simulate.electron_counts", "check_units_of_values"): "more electrons have another noise",
    ("simulate.electron_counts", "check_falling_coordinates"): "noise is drawn by number",
    ("diffraction.calibrate", "check_units_of_coordinates"): "the centre is in 1/nm",
    ("diffraction.centre_patterns", "check_units_of_coordinates"): "the centres are in 1/nm",
    ("diffraction.measure_fluctuations", "check_units_of_coordinates"): "the step is in 1/nm",
    ("diffraction.measure_time_correlation", "check_units_of_coordinates"): "the step is in 1/nm",
    ("diffraction.profile_strain", "check_further_dimension"): "one region",
    ("diffraction.measure_angular_correlation", "check_units_of_coordinates"): (
        "the centre is in 1/nm"
    ),
    ("diffraction.transform_polar", "check_units_of_coordinates"): "the centre is in 1/nm",
    ("diffraction.make_template", "check_further_dimension"): "all patterns make one template",
    ("diffraction.make_template", "check_units_of_coordinates"): "the radius is in 1/nm",
    ("diffraction.find_events", "check_units_of_values"): "events are whole numbers",
    ("diffraction.reduce_events", "check_further_dimension"): "all events make one list",
    ("diffraction.fill_patterns", "check_further_dimension"): "all events make one list",
    ("diffraction.to_disc_list", "check_further_dimension"): "all discs make one list",
    ("diffraction.from_disc_list", "check_further_dimension"): "a list is of one scan",
    ("diffraction.find_events", "check_falling_coordinates"): "pixels are numbered as they lie",
    ("diffraction.fill_patterns", "check_falling_coordinates"): "pixels are numbered as they lie",
    ("diffraction.reduce_events", "check_falling_coordinates"): "pixels are numbered as they lie",
    ("diffraction.from_disc_list", "check_falling_coordinates"): "patterns are numbered",
    ("diffraction.count_electrons", "check_falling_coordinates"): "of equals the first counts",
    ("diffraction.rebin", "check_falling_coordinates"): "bins begin where the data begin",
    ("signal.rebin", "check_falling_coordinates"): "bins begin where the data begin",
    ("signal.interpolate", "check_falling_coordinates"): "a new axis begins where the data begin",
    ("signal.fold", "check_falling_coordinates"): "points are listed as pixels lie",
    ("signal.to_points", "check_falling_coordinates"): "points are listed as pixels lie",
    ("image.sliding_windows", "check_falling_coordinates"): "windows begin at the first pixel",
    ("image.window_fft_decompose", "check_falling_coordinates"): "windows begin at the first pixel",
    ("image.find_grains", "check_falling_coordinates"): "grains are numbered as they lie",
    ("image.select_grains", "check_falling_coordinates"): "grains are numbered as they lie",
    ("image.measure_grains", "check_falling_coordinates"): "of equal diameters the first counts",
    ("image.measure_symmetry", "check_falling_coordinates"): "of equal mirrors the first counts",
    ("image.calibrate", "check_falling_coordinates"): "the first row keeps its place",
    ("image.correct_row_drift", "check_falling_coordinates"): "the first row keeps its place",
    ("image.correct_scan_drift", "check_falling_coordinates"): "the first row is scanned first",
    ("image.correlate_template", "check_falling_coordinates"): "of two the first counts",
    ("image.measure_profile_roughness", "check_falling_coordinates"): "counted from the start",
    ("spm.analyse_contact_kpfm", "check_falling_coordinates"): "the bias is swept in time",
    ("spm.compare_loop_line", "check_falling_coordinates"): "the bias is swept in time",
    ("spm.fit_loops", "check_falling_coordinates"): "the bias is swept in time",
    ("spm.measure_loops", "check_falling_coordinates"): "the bias is swept in time",
    ("spm.project_loops", "check_falling_coordinates"): "the bias is swept in time",
    ("image.find_fourier_spots", "check_falling_coordinates"): "faint spots are found or not",
    ("image.measure_minkowski", "check_falling_coordinates"): "triangles lie along one diagonal",
    ("diffraction.reconstruct_parallax", "check_falling_coordinates"): "it has no astigmatism",
    ("simulate.multislice", "check_units_of_values"): "potentials are in V Å",
    ("simulate.prism", "check_units_of_values"): "potentials are in V Å",
    ("simulate.stem", "check_units_of_values"): "potentials are in V Å",
    ("simulate.stem_4d", "check_units_of_values"): "potentials are in V Å",
}
# How much results, or variables of them, may differ for data that are listed backwards, and why.
PERIODIC = "the window is that of a period, which begins at its first pixel"
SOME = "noise, or a mean, is estimated from some of the pixels, counted from the first"
PARTS = "a deviation is estimated from other parts"
BACKWARDS = {
    "atoms.find_atoms": (0.01, SOME),
    "atoms.refine_atoms": (0.02, "where the iteration ends"),
    "diffraction.fit_dpc": ({"rotation_std": 0.3}, PARTS),
    "diffraction.reconstruct_dpc": ({"rotation_std": 0.3}, PARTS),
    "diffraction.reconstruct_idpc": ({"rotation_std": 0.3}, PARTS),
    "image.estimate_window_size": ({"spacing_std": 0.05}, PERIODIC),
    "image.filter_fourier_spots": (0.05, PERIODIC),
    "image.fit_correlation_length": (0.02, PERIODIC),
    "image.fit_gpa": (0.02, SOME),
    "image.match_features": ({"registered": 0.02}, "of equal features the first counts"),
    "image.measure_resolution": (0.05, PERIODIC),
    "image.measure_roughness": ({"std": 0.01}, PERIODIC),
    "image.power_spectral_density": (0.05, PERIODIC),
    "image.power_spectrum": (0.05, PERIODIC),
    "signal.rotate_components": ({"steps": 0.3}, "the iteration"),
    "signal.window": (0.05, PERIODIC),
    "simulate.fit_thon_rings": (0.05, PERIODIC),
}
OPERATIONS = {
    operation.name: operation
    for operation in all_operations()
    if operation.function.__module__.startswith("omniscopy.")
}
CHECKS = {check.__name__: check for check in contracts.CHECKS}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, check):
    reason = EXCEPTIONS.get((name, check))
    if reason is not None:
        pytest.skip(reason)
    if check == "check_falling_coordinates" and name in BACKWARDS:
        tolerance, _ = BACKWARDS[name]
        contracts.check_falling_coordinates(OPERATIONS[name], tolerance=tolerance)
        return
    CHECKS[check](OPERATIONS[name])


def test_exceptions_are_of_operations_and_promises_that_there_are():
    for name, check in EXCEPTIONS:
        assert name in OPERATIONS
        assert check in CHECKS
    assert set(OPERATIONS) >= set(BACKWARDS)


def test_the_first_operations_are_registered():
    assert {
        "signal.decompose", "signal.find_peaks", "image.power_spectrum", "diffraction.find_centre",
        "simulate.spectrum_image",
    } <= set(OPERATIONS)  # fmt: skip


@pytest.mark.parametrize("rng", [-1, 1.5, True, "seed"])
def test_random_numbers_start_from_whole_numbers(rng):
    with pytest.raises(DataError, match="rng must be a whole number from 0, or a generator"):
        simulate.surface(rng=rng)
    assert simulate.surface(rng=np.int64(3)).equals(simulate.surface(rng=3))
