__all__ = ["least_squares", "map_signal", "plan_chunks", "read_again"]

from .chunks import plan_chunks
from .fitting.solving import least_squares
from .mapping import map_signal
from .passes import read_again
