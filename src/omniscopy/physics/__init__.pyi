__all__ = ["hysteresis", "line_shapes", "resonance"]

from . import hysteresis, line_shapes, resonance
