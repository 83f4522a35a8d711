__all__ = ["decompose", "estimate_rank", "reconstruct", "rotate_components"]

from .decomposing import decompose
from .rank import estimate_rank
from .reconstruction import reconstruct
from .rotation import rotate_components
