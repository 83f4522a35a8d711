__all__ = [
    "align_zero_loss",
    "cross_section",
    "deconvolve",
    "edges",
    "find_edges",
    "fit_background",
    "fit_fine_structure",
    "fit_plasmon",
    "fit_power_law",
    "fit_zero_loss",
    "kramers_kronig",
    "mean_free_path",
    "measure_thickness",
    "measure_white_lines",
    "measure_windows",
    "quantify",
    "simulate_permittivity",
    "simulate_slab",
    "simulate_spectrum",
    "subtract_background",
    "subtract_zero_loss",
]

from .background.backgrounds import fit_background, subtract_background
from .background.power_laws import fit_power_law
from .core_loss.cross_sections import cross_section
from .core_loss.edges import edges
from .core_loss.fine_structure import fit_fine_structure
from .core_loss.identification import find_edges
from .core_loss.quantification import quantify
from .core_loss.white_lines import measure_white_lines
from .core_loss.windows import measure_windows
from .low_loss.deconvolution import deconvolve
from .low_loss.dielectric import kramers_kronig
from .low_loss.oscillators import simulate_permittivity
from .low_loss.plasmons import fit_plasmon
from .low_loss.slabs import simulate_slab
from .simulation import simulate_spectrum
from .thickness.log_ratio import measure_thickness
from .thickness.mean_free_paths import mean_free_path
from .zero_loss.alignment import align_zero_loss
from .zero_loss.fits import fit_zero_loss
from .zero_loss.subtraction import subtract_zero_loss
