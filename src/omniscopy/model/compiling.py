"""Compiled functions, kept on disk where there is a place for them."""

from collections.abc import Callable
from typing import Any


def keep_compiled(
    decorate: Callable[..., Any], function: Callable[..., Any], **options: Any
) -> Any:
    """Return what a decorator of numba makes of a function, kept for later processes.

    That is beside its source, or in the home of the user; where neither can be written, each
    process compiles anew.
    """
    try:
        return decorate(cache=True, **options)(function)
    except RuntimeError as error:
        if "locator" not in str(error):
            raise
        return decorate(**options)(function)
