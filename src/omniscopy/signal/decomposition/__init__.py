"""Data as sums of few components: what they are, how many there are, and back again."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
