"""Other packages that read files for us: imported, and asked, only where one of them is opened."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any, TypeVar

import numpy as np

from omniscopy.io.errors import FormatError, MissingDependencyError
from omniscopy.io.records import Key

_MOST_VALUES, _DEEPEST = 4096, 40
_T = TypeVar("_T")


def import_library(name: str, *, purpose: str, extra: str = "vendor") -> Any:
    """Return a module of another package.

    Raises
    ------
    MissingDependencyError
        The package is not installed; the message names the extra that brings it.
    """
    package = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingDependencyError(package, extra=extra, purpose=purpose) from error


def ask(library: str, path: object, function: Callable[..., _T], *args: Any, **options: Any) -> _T:
    """Return what a function of a library makes of a file.

    Raises
    ------
    FormatError
        It cannot read the file, whatever it raised to say so.
    """
    try:
        return function(*args, **options)
    except (MissingDependencyError, FormatError):
        raise
    # Another package may raise anything.
    except Exception as error:
        message = f"{library} cannot read this file ({type(error).__name__}: {error})"
        raise FormatError(message, path=path) from error


@dataclass(frozen=True)
class LibraryArray:
    """Values that a library reads: it is asked for them at each read, and nothing is held open.

    `load` is called with the path; it is a function that can be pickled, and returns an array
    or a lazy one.
    """

    library: str
    path: str
    load: Callable[[str], Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None = None

    def __getitem__(self, key: Key) -> np.ndarray:
        return ask(self.library, self.path, self._read, key)

    def _read(self, key: Key) -> np.ndarray:
        part = self.load(self.path)[key]
        # A task of dask that waited for the threads it runs in would wait for itself.
        values = part.compute(scheduler="synchronous") if hasattr(part, "compute") else part
        return np.array(values, dtype=self.dtype)


def plain_tree(value: Any, *, depth: int = 0) -> Any:
    """Return metadata of a library as nested dictionaries, lists, numbers and text."""
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {str(key): plain_tree(each, depth=depth + 1) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.size <= _MOST_VALUES else f"array {value.shape}"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple | set) and depth < _DEEPEST:
        return [plain_tree(each, depth=depth + 1) for each in value]
    if isinstance(value, bytes):
        return value[:_MOST_VALUES].decode("latin-1")
    if isinstance(value, date | time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
