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
    ("simulate.multislice", "check_units_of_values"): "potentials are in V Å",
    ("simulate.prism", "check_units_of_values"): "potentials are in V Å",
    ("simulate.stem", "check_units_of_values"): "potentials are in V Å",
    ("simulate.stem_4d", "check_units_of_values"): "potentials are in V Å",
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
    CHECKS[check](OPERATIONS[name])


def test_exceptions_are_of_operations_and_promises_that_there_are():
    for name, check in EXCEPTIONS:
        assert name in OPERATIONS
        assert check in CHECKS


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
