__all__ = [
    "ClusterError",
    "ClusterWarning",
    "connect",
    "least_squares",
    "map_signal",
    "plan_chunks",
    "read_again",
]

from .chunks import plan_chunks
from .clusters import ClusterError, ClusterWarning, connect
from .fitting.solving import least_squares
from .mapping import map_signal
from .passes import read_again
