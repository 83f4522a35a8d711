"""Omniscopy: one package for every microscope and spectrometer.

`open` a file of any instrument, analyse it with the functions of `signal`, `image`,
`diffraction` and the other techniques, `save` the result, and `replay` it from the raw file.
"""

import lazy_loader as _lazy

_load, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Return what is asked for the first time, the version among it."""
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    return _load(name)
