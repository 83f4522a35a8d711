__all__ = ["nice_length", "scale_bar", "signal"]

from .scale_bars import nice_length, scale_bar
from .signals import signal
