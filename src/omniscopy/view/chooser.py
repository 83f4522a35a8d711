"""A widget to choose a channel of a file, or of any file of a folder."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.roots import Root
from omniscopy.model.errors import DataError
from omniscopy.view.bundling import STATIC
from omniscopy.view.dispatch import Turn
from omniscopy.view.hosting import NO_FRONT_END, Conversation, Still, base_widget, with_still
from omniscopy.view.protocol import Buffer, Header, Reply

MOST_ENTRIES = 500


def choose(place: Any = ".") -> Any:
    """Show a widget to choose data with: the channels of a file, or files of a folder.

    Parameters
    ----------
    place : str, Path or DataTree
        A file, a folder that is looked into with those below it, or what `open` returned.

    Returns
    -------
    anywidget.AnyWidget
        Its `selected` is the DataArray that is chosen, lazy, None so far as nothing is; `path`
        and `channel` say which it is.

    Raises
    ------
    FormatError
        There is no such file.
    MissingDependencyError
        The extra ``notebook`` is not installed.
    """
    shelf = Shelf.at(place)
    return _widget_class()(shelf)


class Shelf:
    """What may be chosen: the channels of one tree, or those of the files below a folder."""

    def __init__(self, root: Root | None, tree: Any = None, path: str = "") -> None:
        self.root, self.path = root, path
        self._trees = {} if tree is None else {path: tree}

    @classmethod
    def at(cls, place: Any) -> "Shelf":
        """Return what can be chosen at a place; raise `FormatError` where there is none."""
        if not isinstance(place, str | Path):
            return cls(None, place)
        where = Path(place).resolve()
        if not where.exists():
            message = "there is no such file"
            raise FormatError(message, path=where)
        if where.is_dir() and _format_of(where) is None:
            return cls(Root.at(where))
        root = Root.at(where.parent)
        from omniscopy.io import open as open_tree

        return cls(root, open_tree(where), root.shown(where))

    def channels(self, path: str) -> dict[str, Any]:
        """Return the channels of a file by name."""
        from omniscopy.io import open as open_tree
        from omniscopy.io import signals

        if path not in self._trees:
            if self.root is None:
                message = "there are no files to open: only a tree was given"
                raise DataError(message)
            self._trees[path] = open_tree(self.root.existing(path))
        return signals(self._trees[path])

    def channel(self, path: str, name: str) -> Any:
        """Return one channel; raise `DataError` where there is none of this name."""
        found = self.channels(path)
        if name not in found:
            message = f"there is no channel {name!r}; there are {', '.join(found)}"
            raise DataError(message)
        return found[name]

    def folder(self, path: str) -> list[dict[str, Any]]:
        """Return folders and files of a folder, those that can be read with their format."""
        if self.root is None:
            message = "there are no files to list: only a tree was given"
            raise DataError(message)
        found = []
        place = self.root.subfolder(path)
        for entry in sorted(place.iterdir(), key=lambda each: (each.is_file(), each.name.lower())):
            if entry.name.startswith(".") or self.root.leads_out(entry) or not entry.exists():
                continue
            form = _format_of(entry)
            found.append({
                "name": entry.name, "path": self.root.shown(entry), "format": form,
                "folder": entry.is_dir() and form is None,
                "bytes": entry.stat().st_size if entry.is_file() else None,
            })  # fmt: skip
        return found[:MOST_ENTRIES]


class ChooserSession:
    """Answers the messages of a chooser."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def answer(
        self, header: Mapping[str, Any], buffers: Sequence[Buffer], turn: Turn
    ) -> Iterator[Reply]:
        """Yield the reply to a message; raise `DataError` for what is not there."""
        del buffers, turn
        path, name = str(header.get("path", "")), str(header.get("channel", ""))
        kind = header["kind"]
        if kind == "hello":
            yield self._hello(), []
        elif kind == "list":
            yield {"kind": "folder", "entries": self._shelf.folder(path)}, []
        elif kind == "open":
            yield {"kind": "opened", "channels": self._described(path)}, []
        elif kind == "choose":
            self._shelf.channel(path, name)
            yield {"kind": "chosen"}, []
        elif kind == "thumbnail":
            from omniscopy.plot import thumbnail

            yield {"kind": "thumbnail"}, [thumbnail(self._shelf.channel(path, name))]
        else:
            message = f"there is no request {kind!r}"
            raise DataError(message)

    def shown(self, message: str) -> str:
        """Return a message without where on the machine the folder is."""
        return message if self._shelf.root is None else self._shelf.root.hide(message)

    def close(self) -> None:
        """Let go of nothing: files are not held open."""

    def _hello(self) -> Header:
        shelf = self._shelf
        if shelf.root is not None and not shelf.path:
            return {"kind": "folder", "entries": shelf.folder(".")}
        return {"kind": "opened", "path": shelf.path, "channels": self._described(shelf.path)}

    def _described(self, path: str) -> list[dict[str, Any]]:
        return [
            {"name": name, "title": str(data.attrs.get("long_name") or name),
             "words": describe_in_words(data)}
            for name, data in self._shelf.channels(path).items()
        ]  # fmt: skip


def describe_in_words(data: Any) -> str:
    """Return the dimensions and units of data on one line: `32 y × 40 x, counts`."""
    sizes = " × ".join(f"{size} {str(dim).replace('_', ' ')}" for dim, size in data.sizes.items())
    units = data.attrs.get("units")
    return ", ".join(filter(None, [sizes or "one value", units if units != "1" else ""]))


def _format_of(entry: Path) -> str | None:
    from omniscopy.io.identification import identify

    try:
        return identify(entry)
    except (FormatError, OSError):
        return None


@functools.cache
def _widget_class() -> Any:
    base = base_widget()
    import traitlets  # of anywidget

    class ChannelChooser(base):  # type: ignore[misc, valid-type]
        """The channels of a file, or the files of a folder, to choose from."""

        _esm = (STATIC / "chooser.js").read_text(encoding="utf-8")
        _css = (STATIC / "chooser.css").read_text(encoding="utf-8")
        choice = traitlets.Dict().tag(sync=True)

        def __init__(self, shelf: Shelf) -> None:
            super().__init__()
            self._shelf = shelf
            self._conversation = Conversation(lambda: ChooserSession(shelf), self.send)
            self.on_msg(self._hear)

        @property
        def path(self) -> str | None:
            """The file of what is chosen."""
            root, path = self._shelf.root, self.choice.get("path")
            return str(root.existing(path)) if root is not None and path else None

        @property
        def channel(self) -> str | None:
            """The name of the channel that is chosen."""
            return self.choice.get("channel")

        @property
        def selected(self) -> Any:
            """The DataArray that is chosen; None so far as nothing is."""
            if not self.choice:
                return None
            path, channel = self.choice.get("path") or "", str(self.channel)
            if self.path is None:
                return self._shelf.channel(path, channel)
            from omniscopy.io import open_signal

            return open_signal(self.path, channel)

        def _hear(self, _widget: Any, content: Any, buffers: Any) -> None:
            self._conversation.hear(content, buffers or [])

        def close(self) -> None:
            """End it."""
            self._conversation.close()
            super().close()

        def _repr_mimebundle_(self, **options: Any) -> Any:
            return with_still(super()._repr_mimebundle_(**options), Still(None, NO_FRONT_END))

    return ChannelChooser
