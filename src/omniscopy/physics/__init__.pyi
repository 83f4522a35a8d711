__all__ = ["electron", "hysteresis", "line_shapes", "resonance", "scattering"]

from . import electron, hysteresis, line_shapes, resonance, scattering
