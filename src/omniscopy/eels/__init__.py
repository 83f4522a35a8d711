"""Electron energy-loss spectroscopy: zero loss, thickness, dielectric function, edges.

Every spectrum lies along `energy_loss` in eV, the zero loss at 0; beam energy and angles are
options, or in ``attrs["metadata"]["instrument"]``.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
