"""Doing it for every pixel: how arrays are cut into chunks and worked through."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
