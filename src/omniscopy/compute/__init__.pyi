__all__ = ["map_signal", "plan_chunks"]

from .chunks import plan_chunks
from .mapping import map_signal
