__all__ = ["aberrations", "electron", "hysteresis", "line_shapes", "resonance", "scattering"]

from . import aberrations, electron, hysteresis, line_shapes, resonance, scattering
