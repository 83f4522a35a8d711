__all__ = ["nice_length", "scale_bar", "signal", "surface"]

from .scale_bars import nice_length, scale_bar
from .signals import signal
from .surfaces import surface
