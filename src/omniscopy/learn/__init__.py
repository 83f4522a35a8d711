"""Networks: finding, naming, cleaning and encoding what is in measurements; needs torch."""

import lazy_loader as _lazy

from omniscopy.learn.missing import naming_the_extra as _naming_the_extra

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
__getattr__ = _naming_the_extra(__getattr__)
