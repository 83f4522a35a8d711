"""The door to the explorer."""

from pathlib import Path
from typing import Any, NoReturn


class ExplorerMissingError(NotImplementedError):
    """The explorer is not part of this version."""


def view(obj_or_path: Any, **options: Any) -> NoReturn:  # noqa: ARG001
    """Explore data in a page or a widget; not part of this version.

    Parameters
    ----------
    obj_or_path : DataArray, Dataset, DataTree, str or Path
        What would be shown.
    **options
        Not used.

    Raises
    ------
    ExplorerMissingError
        Always; the message says what to use instead.
    """
    is_path = isinstance(obj_or_path, str | Path)
    instead = (
        f"`omniscopy.report({str(obj_or_path)!r})` writes a page with all of its figures"
        if is_path
        else "`omniscopy.plot.signal(data)` draws a figure of it"
    )
    message = f"the explorer is not part of this version; {instead}"
    raise ExplorerMissingError(message)
