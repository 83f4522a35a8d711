"""How the inner functions of the engine are compiled: only for each other, never for Python.

They stay plain functions of Python, and have no cache of their own: the function that calls them
all is kept as a whole. None of them makes an array, and references are not counted (`_nrt`):
threads would wait for each other's counters.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit
from numba.extending import register_jitable

from omniscopy.model.compiling import keep_compiled

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
_FOR_EACH_OTHER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
# Sums may be reordered so that they use vector registers; NaN and infinity stay what they are.
_REORDERED = {"reassoc", "contract", "nsz", "arcp"}


def inner(function: F) -> F:
    """Return a function that compiled functions can call."""
    made: F = register_jitable(**_OPTIONS, **_FOR_EACH_OTHER)(function)
    return made


def inner_once(function: F) -> F:
    """Return the same of a function that is called in one place, and is written into it.

    A call hands over each number that describes an array, and takes longer than a short loop.
    """
    made: F = register_jitable(**_OPTIONS, **_FOR_EACH_OTHER, forceinline=True)(function)
    return made


def inner_fast(function: F) -> F:
    """Return the same of a function whose sums may be reordered.

    It is written into those that call it: left as a function of its own, whoever compiles would
    call one that is ordered in another way than the one that is kept.
    """
    made: F = register_jitable(
        **_OPTIONS, **_FOR_EACH_OTHER, fastmath=_REORDERED, forceinline=True
    )(function)
    return made


def merged(function: F) -> F:
    """Return a function that is written into the one that calls it, which should be one place.

    Compiled alone, it would be made and optimised again on every level above it.
    """
    made: F = njit(**_OPTIONS, inline="always")(function)
    return made


def outer(function: F) -> F:
    """Return a function that Python can call; what it compiles to is kept on disk."""
    made: F = keep_compiled(njit, function, **_OPTIONS, nogil=True)
    return made
