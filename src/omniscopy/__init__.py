"""Omniscopy: one package for every microscope and spectrometer.

`open` a file of any instrument, analyse it with the functions of `signal`, `image`,
`diffraction` and the other techniques, `save` the result, and `replay` it from the raw file.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
