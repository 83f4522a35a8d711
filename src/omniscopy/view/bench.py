"""What an explorer works at: the folder it may look into, and the data that are open."""

import itertools
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniscopy.io.roots import Root
from omniscopy.model.errors import DataError
from omniscopy.view.blocks import BlockCache
from omniscopy.view.items import Item, item_of_array, item_of_channel, with_node

MOST_ITEMS = 500


@dataclass(eq=False)
class Bench:
    """All state of one open explorer.

    Parameters
    ----------
    root : Root, optional
        The folder whose files may be opened; none where only data in memory are looked at.
    cache : BlockCache
        Blocks that were read, shared by the pages of a server.
    start : list of str
        Paths below the root that are opened at once.
    allow_write : bool
        Whether results may be saved below the root.
    """

    root: Root | None = None
    cache: BlockCache = field(default_factory=BlockCache)
    start: list[str] = field(default_factory=list)
    allow_write: bool = True
    items: dict[str, Item] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    # The requests that opened or made data, and the names of these: what a session file holds.
    requests: list[tuple[dict[str, Any], list[str]]] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1), repr=False)
    _lock: Any = field(default_factory=threading.RLock, repr=False)
    _dropped: Path | None = None

    def new_id(self) -> str:
        """Return a name for new data that none had."""
        with self._lock:
            if len(self.items) >= MOST_ITEMS:
                message = f"{MOST_ITEMS} data are open already; reload the page"
                raise DataError(message)
            return f"d{next(self._numbers)}"

    def item(self, key: Any) -> Item:
        """Return open data; raise `DataError` where there are none of this name."""
        with self._lock:
            found = self.items.get(key) if isinstance(key, str) else None
        if found is None:
            message = f"there are no data {key!r} open"
            raise DataError(message)
        return found

    def keep(self, item: Item) -> Item:
        """Add data to those that are open."""
        with self._lock:
            self.items[item.id] = item
        return item

    def remember(self, said: Mapping[str, Any], names: list[str]) -> None:
        """Keep the request that opened or made data."""
        asked = {key: value for key, value in said.items() if key not in ("seq", "view")}
        with self._lock:
            self.requests.append((asked, names))

    def hidden(self, text: str) -> str:
        """Return a message without where on the machine the folder is."""
        return text if self.root is None else self.root.hide(text)

    def add(self, data: Any, **more: Any) -> list[Item]:
        """Add a DataArray, the variables of a Dataset, or the channels of a DataTree."""
        kind = type(data).__name__
        if kind == "DataTree":
            from omniscopy.io import signals

            return [item for each in signals(data).values() for item in self.add(each, **more)]
        if kind == "Dataset":
            return self._add_results(data, **more)
        return [self.keep(item_of_array(self.new_id(), data, self.cache, **more))]

    def _add_results(self, results: Any, **more: Any) -> list[Item]:
        group = self.new_id()
        self.results[group] = results
        found = []
        for name, values in results.data_vars.items():
            if values.dtype.kind in "biufc":
                made = item_of_array(self.new_id(), values, self.cache, **{**more, "group": group})
                made.title = str(values.attrs.get("long_name") or name)
                found.append(self.keep(made))
        if not found:
            message = "these results hold no numbers to look at"
            raise DataError(message)
        return found

    def open(self, path: Path) -> list[Item]:
        """Open a file; its channels are read where they are looked at."""
        from omniscopy.io.names import channel_names
        from omniscopy.io.reading import read_measurement

        _, measurement = read_measurement(path)
        names = channel_names(measurement.channels)
        if any(channel.data is None for channel in measurement.channels):
            return self._open_results(path)
        shared, found = measurement.metadata, []
        for name, channel in zip(names, measurement.channels, strict=True):
            node = (measurement.nodes or {}).get(f"{channel.group}/{channel.name or name}")
            whole = channel if node is None else with_node(channel, node)
            item = item_of_channel(self.new_id(), whole, name, path, self.cache, shared)
            found.append(self.keep(item))
        return found

    def _open_results(self, path: Path) -> list[Item]:
        from omniscopy.io import open as open_tree

        found = []
        for node in open_tree(path).subtree:
            if node.data_vars:
                data = node.to_dataset()
                array = data["signal"].rename(node.name) if "signal" in data else data
                found += self.add(array, path=path)
        return found

    def existing(self, path: str) -> Path:
        """Return a file that may be opened; raise where it may not, or is not there."""
        if self._dropped is not None and path.startswith("dropped/"):
            return Root.at(self._dropped).existing(path.removeprefix("dropped/"))
        return self.folder().existing(path)

    def folder(self) -> Root:
        """Return the folder that is looked into; raise `DataError` where there is none."""
        if self.root is None:
            message = "no folder was given to look into: only the data that were handed over"
            raise DataError(message)
        return self.root

    def folder_to_write(self) -> Root:
        """Return that folder; raise `DataError` where nothing may be written there, too."""
        if not self.allow_write:
            message = "this explorer may not write files"
            raise DataError(message)
        return self.folder()

    def shown(self, path: Path) -> str:
        """Return a path as the page names it."""
        if self._dropped is not None and path.is_relative_to(self._dropped):
            return f"dropped/{path.relative_to(self._dropped).as_posix()}"
        if self.root is not None and path.is_relative_to(self.root.folder):
            return self.root.shown(path)
        return path.name

    def dropped(self) -> Path:
        """Return the folder of files that were dropped on the page; it goes with the explorer."""
        with self._lock:
            if self._dropped is None:
                self._dropped = Path(tempfile.mkdtemp(prefix="omniscopy-dropped-")).resolve()
            return self._dropped

    def close(self) -> None:
        """Let go of all data, and of dropped files."""
        with self._lock:
            for item in self.items.values():
                item.blocks.forget()
            self.items.clear()
            if self._dropped is not None:
                shutil.rmtree(self._dropped, ignore_errors=True)
