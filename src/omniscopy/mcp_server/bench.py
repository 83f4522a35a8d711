"""What a machine works at: a folder, data by handle, and what it may do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniscopy.io.roots import Root
from omniscopy.mcp_server.shelf import Shelf
from omniscopy.mcp_server.watching import Watch


@dataclass
class Bench:
    """What is served: the folder `root`, where `allow_write` lets results be saved.

    `shelf` has the data that were opened or made. `groups` are the packages of operations, such as
    ``"image"``, that have tools of their own; `watch` is that of the call which is worked on.
    """

    root: Root
    allow_write: bool = False
    groups: tuple[str, ...] = ()
    shelf: Shelf = field(default_factory=Shelf)
    watch: Watch = field(default_factory=Watch)

    @classmethod
    def at(
        cls, folder: str | Path, *, allow_write: bool = False, groups: tuple[str, ...] = ()
    ) -> "Bench":
        """Return an empty bench in a folder."""
        return cls(Root.at(folder), allow_write, groups)


@dataclass(frozen=True)
class Answer:
    """What a tool returns: facts as plain values of JSON, and perhaps a picture (PNG)."""

    facts: dict[str, Any]
    picture: bytes | None = None
