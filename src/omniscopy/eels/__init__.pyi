__all__ = [
    "align_zero_loss",
    "cross_section",
    "edges",
    "fit_background",
    "fit_power_law",
    "fit_zero_loss",
    "mean_free_path",
    "measure_thickness",
    "simulate_spectrum",
    "subtract_background",
    "subtract_zero_loss",
]

from .background.backgrounds import fit_background, subtract_background
from .background.power_laws import fit_power_law
from .core_loss.cross_sections import cross_section
from .core_loss.edges import edges
from .simulation import simulate_spectrum
from .thickness.log_ratio import measure_thickness
from .thickness.mean_free_paths import mean_free_path
from .zero_loss.alignment import align_zero_loss
from .zero_loss.fits import fit_zero_loss
from .zero_loss.subtraction import subtract_zero_loss
