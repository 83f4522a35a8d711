"""The explorer in a notebook: the module of the page, with the kernel's messages between."""

import functools
from pathlib import Path
from typing import Any

from omniscopy.model.errors import DataError, MissingDependencyError
from omniscopy.view.bundling import STATIC, bundle_script, bundle_style
from omniscopy.view.hosting import (
    NO_FRONT_END,
    Conversation,
    Still,
    base_widget,
    missing_words,
    with_still,
)
from omniscopy.view.making import bench_maker
from omniscopy.view.session import Session

_DEFAULT = "export default { render };"
_PICTURE = 480  # pixels


def show(obj_or_path: Any) -> Any:
    """Return the explorer as a widget, or a picture of the data where there can be none.

    Parameters
    ----------
    obj_or_path : DataArray, Dataset, DataTree, str or Path, or a list of these
        As for `view`.

    Returns
    -------
    anywidget.AnyWidget or Still
        It needs no backend of matplotlib. Without the extra ``notebook`` it is a picture with a
        sentence; a notebook that shows no widgets shows the same.

    Raises
    ------
    FormatError
        There is no such file.
    """
    make = bench_maker(obj_or_path)
    picture = picture_of(obj_or_path)
    try:
        kind = _widget_class()
    except MissingDependencyError as error:
        return Still(picture, missing_words(error))
    return kind(lambda: Session(make()), Still(picture, NO_FRONT_END))


def notebook_script() -> str:
    """Return the module that anywidget takes: the explorer, hosted by a notebook's cell."""
    viewer = bundle_script()
    if viewer.count(_DEFAULT) != 1:
        message = f"the explorer's module must hold `{_DEFAULT}` once"
        raise RuntimeError(message)
    host = (
        (STATIC / "notebook.js").read_text(encoding="utf-8").replace("export function", "function")
    )
    return f"{viewer.replace(_DEFAULT, '')}\n{host}\nexport default notebookHost({{ render }});\n"


def picture_of(obj_or_path: Any) -> bytes | None:
    """Return a small picture of the first data that can be drawn."""
    from omniscopy.io import open as open_tree
    from omniscopy.io import signals
    from omniscopy.plot import thumbnail

    first = obj_or_path[0] if isinstance(obj_or_path, list | tuple) and obj_or_path else obj_or_path
    if isinstance(first, str | Path):
        if Path(first).is_dir():
            return None
        first = open_tree(first)
    if type(first).__name__ == "DataTree":
        first = next(iter(signals(first).values()), None)
    try:
        return None if first is None else thumbnail(first, size=_PICTURE)
    except DataError:
        return None


@functools.cache
def _widget_class() -> Any:
    base = base_widget()

    class ExplorerWidget(base):  # type: ignore[misc, valid-type]
        """The explorer in a cell of a notebook."""

        _esm = notebook_script()
        _css = bundle_style()

        def __init__(self, new_session: Any, still: Still) -> None:
            super().__init__()
            self._still = still
            self._conversation = Conversation(new_session, self.send)
            self.on_msg(self._hear)

        def _hear(self, _widget: Any, content: Any, buffers: Any) -> None:
            self._conversation.hear(content, buffers or [])

        def close(self) -> None:
            """Let go of the data."""
            self._conversation.close()
            super().close()

        def _repr_mimebundle_(self, **options: Any) -> Any:
            return with_still(super()._repr_mimebundle_(**options), self._still)

    return ExplorerWidget
