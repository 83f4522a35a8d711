"""X-rays of atoms: their lines, how electrons excite them, and how matter and detectors take them.

Energies are in keV, as in spectra; voltages in V.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
