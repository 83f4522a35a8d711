"""Energy losses of fast electrons: angles, mean free paths, plasmons, dielectric function, edges.

Energies are in eV, voltages in V, angles in radians, lengths in nm; NumPy in, NumPy out.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
