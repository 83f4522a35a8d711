__all__ = [
    "align_zero_loss",
    "cross_section",
    "edges",
    "fit_zero_loss",
    "mean_free_path",
    "simulate_spectrum",
]

from .core_loss.cross_sections import cross_section
from .core_loss.edges import edges
from .simulation import simulate_spectrum
from .thickness.mean_free_paths import mean_free_path
from .zero_loss.alignment import align_zero_loss
from .zero_loss.fits import fit_zero_loss
