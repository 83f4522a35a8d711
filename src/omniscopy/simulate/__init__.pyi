__all__ = [
    "AliasingWarning",
    "ChirpDrive",
    "ElectricDrive",
    "MechanicalDrive",
    "Rings",
    "amorphous_film",
    "atom_image",
    "atom_positions",
    "atom_scene",
    "band_excitation",
    "bicrystal",
    "bloch_convergence",
    "bloch_waves",
    "cantilever",
    "cbed",
    "cbed_discs",
    "contact_kpfm",
    "contrast_transfer",
    "crystal_lattice",
    "current_voltage",
    "detector_scan",
    "diffraction_4d",
    "distorted_rings",
    "drifting_scans",
    "drifting_spectra",
    "eds_map",
    "electron_counts",
    "fit_thon_rings",
    "fitted_columns",
    "force_creep",
    "force_curve",
    "force_map",
    "force_relaxation",
    "frozen_phonons",
    "grainy_surface",
    "haadf",
    "holz_lines",
    "image_stack",
    "kikuchi_lines",
    "lattice_points",
    "loop_maps",
    "moving_atoms",
    "multislice",
    "nanobeam_4d",
    "orientation_4d",
    "oscillator_maps",
    "pattern_library",
    "patterned_surface",
    "phase_grating_4d",
    "phase_map",
    "phase_spectra",
    "point_cloud",
    "potential",
    "prism",
    "probe",
    "ptychography_4d",
    "random_surface",
    "relaxation",
    "ring_pattern",
    "ringdown",
    "ronchigram",
    "spectrum",
    "spectrum_image",
    "spot_pattern",
    "stem",
    "stem_4d",
    "surface",
    "switching_maps",
    "switching_spectroscopy",
    "tapping",
    "tem_image",
    "thermal_spectrum",
    "transients",
    "true_atoms",
]

from .bloch.cbed import cbed, cbed_discs
from .bloch.waves import bloch_convergence, bloch_waves
from .cantilevers import ChirpDrive, ElectricDrive, MechanicalDrive, cantilever, transients
from .counting import electron_counts
from .detector_scans import detector_scan
from .diffraction_4d import diffraction_4d
from .distorted_rings import distorted_rings
from .drifts import drifting_spectra
from .force_curves import force_creep, force_curve, force_map, force_relaxation
from .general_mode import current_voltage
from .images import atom_image, image_stack, lattice_points
from .lattices import atom_positions, bicrystal, crystal_lattice, fitted_columns, moving_atoms
from .nanobeams import nanobeam_4d
from .patterns.library import orientation_4d, pattern_library
from .patterns.lines import holz_lines, kikuchi_lines
from .patterns.rings import ring_pattern
from .patterns.spots import spot_pattern
from .phase_gratings import phase_grating_4d
from .points import point_cloud
from .probes.films import amorphous_film
from .probes.probe import probe
from .probes.ronchigrams import ronchigram
from .probes.thon_rings import fit_thon_rings
from .probes.transfer import contrast_transfer
from .relaxation import contact_kpfm, relaxation
from .resonance import band_excitation, oscillator_maps
from .ringdowns import ringdown
from .scanned_objects import ptychography_4d
from .scans import drifting_scans
from .scenes.scenes import atom_scene, true_atoms
from .spectra import phase_map, phase_spectra, spectrum, spectrum_image
from .surfaces import surface
from .switching import loop_maps, switching_maps, switching_spectroscopy
from .tapping_mode import tapping
from .thermal import thermal_spectrum
from .topographies import grainy_surface, patterned_surface, random_surface
from .waves.detectors import Rings
from .waves.exit_waves import multislice
from .waves.grids import AliasingWarning
from .waves.incoherent import haadf
from .waves.patterns import stem_4d
from .waves.phonons import frozen_phonons
from .waves.potentials import potential
from .waves.prism import prism
from .waves.scanning import stem
from .waves.tem_images import tem_image
from .x_rays import eds_map
