__all__ = [
    "decompose",
    "estimate_noise",
    "find_peaks",
    "mean_over",
    "reconstruct",
    "sum_over",
]

from .decomposition import decompose, reconstruct
from .noise import estimate_noise
from .peaks import find_peaks
from .sums import mean_over, sum_over
