"""Synthetic measurements to try things on."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import history

DIMS = {
    "atom_image": ("y", "x"),
    "band_excitation": ("y", "x", "frequency"),
    "cantilever": ("time",),
    "current_voltage": ("y", "x", "time"),
    "contact_kpfm": ("y", "x", "write_bias", "read_bias"),
    "detector_scan": ("y", "x"),
    "diffraction_4d": ("y", "x", "ky", "kx"),
    "drifting_spectra": ("frame", "energy"),
    "eds_map": ("y", "x", "energy"),
    "force_creep": ("time",),
    "force_curve": ("time",),
    "force_map": ("y", "x", "time"),
    "force_relaxation": ("time",),
    "grainy_surface": ("y", "x"),
    "image_stack": ("frame", "y", "x"),
    "phase_spectra": ("component", "energy_loss"),
    "nanobeam_4d": ("y", "x", "ky", "kx"),
    "point_cloud": ("point",),
    "spectrum": ("energy",),
    "spectrum_image": ("y", "x", "energy_loss"),
    "relaxation": ("y", "x", "time"),
    "ringdown": ("y", "x", "time"),
    "thermal_spectrum": ("frequency",),
    "surface": ("y", "x"),
    "transients": ("y", "x", "time"),
    "switching_spectroscopy": ("y", "x", "bias", "frequency"),
    "distorted_rings": ("ky", "kx"),
    "drifting_scans": ("frame", "y", "x"),
    "orientation_4d": ("y", "x", "ky", "kx"),
    "phase_grating_4d": ("y", "x", "ky", "kx"),
    "ptychography_4d": ("y", "x", "ky", "kx"),
}
RESULTS = {
    "condensed": "spm.condense",
    "decomposition": "signal.decompose",
    "eds_composition": "eds.quantify",
    "eds_lines": "eds.fit_lines",
    "first_peaks": "spm.fit_first_peak",
    "first_peaks_of_taus": "spm.fit_first_peak",
    "folded": "signal.fold",
    "grains": "image.find_grains",
    "loop_fit": "spm.fit_loops",
    "loop_oscillators": "simulate.switching_maps",
    "indentations": "spm.to_separation",
    "loops": "spm.project_loops",
    "nanobeam_disc_list": "diffraction.to_disc_list",
    "nanobeam_discs": "diffraction.find_discs",
    "nanobeam_lattice": "diffraction.fit_lattice",
    "nanobeam_region": "signal.label_regions",
    "nanobeam_strain": "diffraction.measure_strain",
    "nanobeam_template": "diffraction.make_template",
    "orientation_map": "diffraction.match_orientation",
    "peaks": "signal.find_peaks",
    "ring_peaks": "signal.find_peaks",
    "ring_profile": "diffraction.radial_profile",
    "regions": "signal.label_regions",
    "surface_mask": "image.mask_by_threshold",
    "turned_grains": "image.rotate",
    "transient_frequencies": "spm.instantaneous_frequency",
    "atom_cluster": "simulate.atom_positions",
    "atom_lattice": "simulate.crystal_lattice",
    "atom_positions": "simulate.atom_positions",
    "atom_rings": "atoms.find_rings",
    "atom_states": "atoms.link_trajectories",
    "atom_template": "simulate.atom_image",
    "atom_windows": "image.sliding_windows",
    "centre_positions": "simulate.atom_positions",
    "column_intensities": "atoms.measure_volumes",
    "column_positions": "simulate.lattice_points",
    "core_loss": "eels.simulate_spectrum",
    "core_low_loss": "eels.simulate_spectrum",
    "corner_positions": "simulate.atom_positions",
    "dark_pattern": "diffraction.mean_pattern",
    "dead_pixels": "diffraction.find_dead_pixels",
    "deflections": "diffraction.measure_com",
    "defocused_4d": "simulate.ptychography_4d",
    "domain_positions": "simulate.bicrystal",
    "dumbbell_positions": "simulate.atom_positions",
    "events": "diffraction.find_events",
    "exit_wave": "simulate.multislice",
    "faulty_lattice": "simulate.crystal_lattice",
    "faulty_positions": "simulate.atom_positions",
    "first_frame": "simulate.atom_image",
    "fitted_columns": "simulate.fitted_columns",
    "fourier_spots": "image.find_fourier_spots",
    "grain_table": "image.measure_grains",
    "low_loss": "eels.simulate_spectrum",
    "moving_atoms": "simulate.moving_atoms",
    "pattern_library": "simulate.pattern_library",
    "permittivity": "eels.simulate_permittivity",
    "perfect_cluster": "simulate.atom_positions",
    "projected_potential": "simulate.potential",
    "ring_distortion": "image.measure_distortion",
    "scale_calibration": "image.fit_calibration",
    "second_frame": "simulate.atom_image",
    "stack_shifts": "image.register",
    "thon_image": "simulate.tem_image",
}


@pytest.fixture(params=DIMS)
def name(request):
    return request.param


def test_there_is_a_test_of_every_sample():
    assert set(om.samples.__all__) == {*DIMS, *RESULTS, "line_fit"}


def test_a_sample_has_its_dimensions(name):
    assert getattr(om.samples, name)().dims == DIMS[name]


@pytest.mark.parametrize("result", RESULTS)
def test_the_sample_of_a_result_is_one(result):
    found = getattr(om.samples, result)()
    assert om.validate(found) == []
    assert history(found)[-1].operation == RESULTS[result]


def test_a_sample_keeps_the_data_contract(name):
    sample = getattr(om.samples, name)()
    assert om.validate(sample) == []
    for attribute in ("long_name", "quantity", "units", "signal_type", "modality", "source"):
        assert sample.attrs[attribute]
    assert sample.attrs["metadata"]["truth"]
    for dim in sample.dims:
        assert sample.coords[dim].attrs["units"]


def test_a_sample_is_the_same_every_time(name):
    first, second = (getattr(om.samples, name)() for _ in range(2))
    xr.testing.assert_equal(first, second)
    assert first is not second


def test_a_sample_knows_the_call_that_made_it(name):
    sample = getattr(om.samples, name)()
    assert [step.operation for step in history(sample)] == [f"simulate.{name}"]


def test_a_sample_is_small(name):
    assert getattr(om.samples, name)().nbytes < 4 * 2**20


def test_another_seed_gives_other_noise():
    one, two = (om.simulate.spectrum(rng=seed) for seed in (0, 1))
    assert not np.array_equal(one, two)
