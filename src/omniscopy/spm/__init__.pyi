__all__ = [
    "align_phases",
    "analyse_contact_kpfm",
    "band_excitation_waveform",
    "calibrate_lateral",
    "calibrate_spring",
    "calibrate_tau",
    "compare_loop_line",
    "condense",
    "correct_excitation",
    "decompose_modes",
    "estimate_oscillator",
    "expand",
    "filter_general_mode",
    "find_contact",
    "fit_baseline",
    "fit_first_peak",
    "fit_force_creep",
    "fit_force_kpfm",
    "fit_force_relaxation",
    "fit_indentation",
    "fit_loops",
    "fit_oscillator",
    "fit_relaxation",
    "fit_sensitivity",
    "forc_waveform",
    "instantaneous_frequency",
    "invert_current_voltage",
    "lines_to_pixels",
    "measure_adhesion",
    "measure_dissipation",
    "measure_hysteresis",
    "measure_loops",
    "measure_ringdown",
    "noise_floor",
    "project_loops",
    "rate_curves",
    "split_curve",
    "switching_parameters",
    "thermal_transfer_function",
    "to_separation",
    "transfer_function",
    "triangle_waveform",
]

from .band_excitation.contact_potentials import analyse_contact_kpfm
from .band_excitation.excitations import band_excitation_waveform, forc_waveform, triangle_waveform
from .band_excitation.loop_fits import fit_loops
from .band_excitation.loops import measure_loops, project_loops
from .band_excitation.normalization import correct_excitation
from .band_excitation.relaxations import fit_relaxation
from .band_excitation.resonances import estimate_oscillator, fit_oscillator
from .band_excitation.switching import compare_loop_line, switching_parameters
from .force.adhesions import measure_adhesion, measure_hysteresis, rate_curves
from .force.baselines import fit_baseline, split_curve
from .force.calibrations import calibrate_lateral, calibrate_spring
from .force.contacts import find_contact, fit_sensitivity, to_separation
from .force.creeps import fit_force_creep
from .force.indentations import fit_indentation
from .force.relaxations import fit_force_relaxation
from .general_mode.condensing import condense, expand
from .general_mode.current_voltage import invert_current_voltage
from .general_mode.filtering import filter_general_mode, noise_floor
from .general_mode.pixels import lines_to_pixels
from .transients.calibration import calibrate_tau
from .transients.damping import measure_dissipation, measure_ringdown
from .transients.first_peaks import fit_first_peak
from .transients.forces import fit_force_kpfm, transfer_function
from .transients.frequencies import instantaneous_frequency
from .transients.modes import decompose_modes
from .transients.phases import align_phases
from .transients.thermal_tunes import thermal_transfer_function
