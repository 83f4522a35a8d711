__all__ = [
    "ChunkError",
    "ClusterError",
    "ClusterWarning",
    "MemoryBoundWarning",
    "Plan",
    "Progress",
    "RunStore",
    "StorageFullError",
    "connect",
    "least_squares",
    "map_signal",
    "plan",
    "plan_chunks",
    "read_again",
    "run",
    "watched_by",
]

from .chunks import plan_chunks
from .clusters import ClusterError, ClusterWarning, connect
from .errors import ChunkError, StorageFullError
from .fitting.solving import least_squares
from .mapping import map_signal
from .memory import MemoryBoundWarning
from .pace import Progress
from .passes import read_again
from .plans import Plan, plan
from .progress import watched_by
from .runs import RunStore, run
