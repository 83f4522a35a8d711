__all__ = [
    "aberrations",
    "bragg",
    "electron",
    "hysteresis",
    "line_shapes",
    "microscopes",
    "resonance",
    "scattering",
    "xray",
]

from . import (
    aberrations,
    bragg,
    electron,
    hysteresis,
    line_shapes,
    microscopes,
    resonance,
    scattering,
    xray,
)
