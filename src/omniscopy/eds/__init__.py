"""Energy-dispersive X-ray spectra: lines, fits of whole maps, and compositions."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
