__all__ = ["line_shapes", "resonance"]

from . import line_shapes, resonance
