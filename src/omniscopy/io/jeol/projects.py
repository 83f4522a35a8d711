"""Projects: a tree of tags that names the files of each view of a sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.jeol.tags import Tag, parse_tags

_LARGEST_PROJECT = 1 << 26


@dataclass(frozen=True)
class Companion:
    """A file of a project: the view that it is of, and where it is."""

    view: str
    name: str
    path: Path | None


def read_project(path: Path) -> tuple[Tag, list[Companion]]:
    """Return the tree of a project, and the files that it names."""
    raw = read_start(path, _LARGEST_PROJECT)
    tree = parse_tags(raw, 0, len(raw))
    found = list(_companions(path, tree))
    if not found:
        message = "the project names no file; it is damaged or empty"
        raise FormatError(message, path=path, key="SampleInfo")
    return tree, found


def _companions(path: Path, tree: Tag) -> Iterator[Companion]:
    samples = tree.find("SampleInfo") or Tag()
    for sample in samples.inner.values():
        views = sample.find("ViewInfo") or Tag()
        for view in views.inner.values():
            for each in (view.find("ViewData") or Tag()).inner.values():
                name = each.text("Filename")
                if name:
                    yield Companion(view.text("Memo"), name, _beside(path, name))


def _beside(path: Path, name: str) -> Path | None:
    """Return a file below the folder of the project, `None` where it is not there."""
    parts = [part for part in PureWindowsPath(name).parts if part != "."]
    anchored = PureWindowsPath(name).anchor or name.startswith("/")
    if anchored or ".." in parts or not parts:
        return None
    found = path.parent.joinpath(*parts)
    inside = found.resolve().is_relative_to(path.parent.resolve())
    return found if inside and found.is_file() else None
