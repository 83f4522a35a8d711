__all__ = [
    "Axis",
    "Channel",
    "FormatError",
    "Measurement",
    "MissingDependencyError",
    "UnsupportedFormatError",
    "Variable",
    "apply_recipe",
    "convert",
    "find_previous",
    "formats",
    "from_ase",
    "from_hyperspy",
    "from_sidpy",
    "identify",
    "info",
    "load_recipe",
    "open",
    "open_raw",
    "open_signal",
    "recipe_of",
    "replay",
    "save",
    "signals",
    "to_ase",
    "to_hyperspy",
    "to_sidpy",
    "watch",
]

from .bridges import from_ase, from_hyperspy, from_sidpy, to_ase, to_hyperspy, to_sidpy
from .errors import FormatError, MissingDependencyError, UnsupportedFormatError
from .identification import identify
from .manifests import formats
from .opening import open, open_signal, signals
from .raw import open_raw
from .recipes.running import apply_recipe, load_recipe, recipe_of
from .records import Axis, Channel, Measurement, Variable
from .replay import find_previous, replay
from .saving import convert, save
from .summary import info
from .watching import watch
