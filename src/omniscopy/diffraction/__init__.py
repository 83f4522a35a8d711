"""Diffraction patterns, and patterns for every point of a scan (4D-STEM)."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
