"""Compiled functions, kept on disk where there is a place for them."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from omniscopy.model.digests import digest_array, digest_bytes


def keep_compiled(
    decorate: Callable[..., Any], function: Callable[..., Any], **options: Any
) -> Any:
    """Return what a decorator of numba makes of a function, kept for later processes.

    That is beside its source, or in the home of the user; where neither can be written, each
    process compiles anew. So it does after a change of anything that the function is made of.
    """
    try:
        made = decorate(cache=True, **options)(function)
    except RuntimeError as error:
        if "locator" not in str(error):
            raise
        return decorate(**options)(function)
    # numba knows of changes of the file of the function alone: of what is written into it from
    # other files an old version would be gone on with, after an upgrade too.
    kept: Any = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if hasattr(kept, "_source_stamp"):
        kept._source_stamp = (kept._source_stamp, digest_parts(function))
    return made


def digest_parts(function: Callable[..., Any]) -> str:
    """Return a digest of what a function is made of: other functions of its package, and numbers.

    Functions count with the whole of their files, so that what is registered there to take their
    places does too; numbers with their names.
    """
    found: set[str] = set()
    package = function.__module__.partition(".")[0]
    waiting: list[tuple[str, Any]] = [("", function)]
    seen = set()
    while waiting:
        name, value = waiting.pop()
        value = getattr(value, "py_func", value)
        if isinstance(value, FunctionType):
            if value in seen or value.__module__.partition(".")[0] != package:
                continue
            seen.add(value)
            found.add(_digest_of_source(value.__code__.co_filename))
            waiting += _used_by(value)
        elif isinstance(value, np.ndarray):
            found.add(f"{name} {digest_array(value)}")
        elif isinstance(value, int | float | complex | str | tuple | frozenset):
            found.add(f"{name} {value!r}")
    return digest_bytes(*(each.encode() for each in sorted(found)))


def _used_by(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Return the names in a function, and what they stand for."""
    names = [*_names_in(function.__code__)]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name, cell.cell_contents
    for name in names:
        value = function.__globals__.get(name)
        yield name, value
        if isinstance(value, ModuleType):
            yield from ((each, getattr(value, each, None)) for each in names)


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names_in(each)


@functools.cache
def _digest_of_source(path: str) -> str:
    source = Path(path)
    return digest_bytes(source.read_bytes()) if source.is_file() else path
