r"""How atoms and crystals scatter electrons and X-rays.

Scattering vectors are :math:`q = 1 / d = 2 \sin\theta / \lambda` in 1/Å; form and structure
factors of electrons are those of the first Born approximation for the rest mass, in Å.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
