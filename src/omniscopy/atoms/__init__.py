"""Positions of atoms: found, refined, and what their arrangement says.

Every table of positions is a Dataset along `atom` with the variables `y` and `x` in the units
of the image's coordinates.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
