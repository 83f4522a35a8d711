"""Crystals: structures, symmetry, projections and orientations, on `ase.Atoms`.

Lengths are in Å, reciprocal lengths in 1/Å without the factor 2π, angles in degrees.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
