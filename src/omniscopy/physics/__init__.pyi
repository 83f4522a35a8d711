__all__ = [
    "aberrations",
    "electron",
    "hysteresis",
    "line_shapes",
    "microscopes",
    "resonance",
    "scattering",
]

from . import aberrations, electron, hysteresis, line_shapes, microscopes, resonance, scattering
