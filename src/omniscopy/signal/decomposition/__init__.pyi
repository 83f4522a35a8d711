__all__ = [
    "decompose",
    "estimate_rank",
    "reconstruct",
    "rotate_components",
    "separate_outliers",
]

from .decomposing import decompose
from .outliers import separate_outliers
from .rank import estimate_rank
from .reconstruction import reconstruct
from .rotation import rotate_components
