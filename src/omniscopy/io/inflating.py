"""Unpack what was deflated, by the quickest library that is there."""

import zlib
from typing import Any

_quickest: Any
try:
    from isal import isal_zlib as _quickest  # of the extra `codecs`: takes half the time
except ImportError:
    _quickest = zlib

# What is raised where a stream is damaged.
DAMAGED: tuple[type[Exception], ...] = (zlib.error, _quickest.error)


def inflater(wbits: int) -> Any:
    """Return what unpacks a stream piece by piece, as `zlib.decompressobj` does."""
    return _quickest.decompressobj(wbits=wbits)
