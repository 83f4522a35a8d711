__all__ = [
    "Axis",
    "Channel",
    "FormatError",
    "Measurement",
    "MissingDependencyError",
    "UnsupportedFormatError",
    "Variable",
    "convert",
    "find_previous",
    "formats",
    "from_ase",
    "from_hyperspy",
    "from_sidpy",
    "identify",
    "info",
    "open",
    "open_raw",
    "open_signal",
    "replay",
    "save",
    "signals",
    "to_ase",
    "to_hyperspy",
    "to_sidpy",
]

from .bridges import from_ase, from_hyperspy, from_sidpy, to_ase, to_hyperspy, to_sidpy
from .errors import FormatError, MissingDependencyError, UnsupportedFormatError
from .identification import identify
from .manifests import formats
from .opening import open, open_signal, signals
from .raw import open_raw
from .records import Axis, Channel, Measurement, Variable
from .replay import find_previous, replay
from .saving import convert, save
from .summary import info
