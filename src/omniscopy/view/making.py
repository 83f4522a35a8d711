"""What makes the bench of a new page."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omniscopy.view.bench import Bench
from omniscopy.view.blocks import BlockCache


def bench_maker(
    obj_or_path: Any, *, root: str | Path | None = None, allow_write: bool = True
) -> Callable[[], Bench]:
    """Return what makes the bench of a new page: each has its own data, all share blocks.

    `root` is the folder that may be looked into; that of the files otherwise.
    """
    from omniscopy.io.errors import FormatError
    from omniscopy.io.roots import Root

    things = list(obj_or_path) if isinstance(obj_or_path, list | tuple) else [obj_or_path]
    paths = [Path(each).resolve() for each in things if isinstance(each, str | Path)]
    data = [each for each in things if not isinstance(each, str | Path)]
    for path in paths:
        if not path.exists():
            message = "there is no such file"
            raise FormatError(message, path=path)
    folder = None if root is None else Path(root)
    if folder is None and paths:
        folder = paths[0] if _is_plain_folder(paths[0]) else paths[0].parent
    place = None if folder is None else Root.at(folder)
    start = [
        place.shown(place.existing(str(path)))
        for path in paths
        if place is not None and path != place.folder
    ]
    cache = BlockCache()
    if place is not None:
        # What reads these files is imported while the page opens.
        files = [place.folder / each for each in start]
        threading.Thread(target=_look_at, args=(files,), daemon=True).start()

    def make() -> Bench:
        bench = Bench(place, cache, start, allow_write)
        for each in data:
            bench.add(each)
        return bench

    return make


def _look_at(paths: list[Path]) -> None:
    """Open files once, so that they open at once later; what is wrong with them is said then."""
    from omniscopy.io.errors import FormatError

    for path in paths:
        bench = Bench()
        try:
            for item in bench.open(path)[:1]:
                item.blocks.part(tuple(slice(0, 1) for _ in item.blocks.shape), keep=False)
        except (FormatError, ImportError, OSError):
            continue


def _is_plain_folder(path: Path) -> bool:
    from omniscopy.io.errors import FormatError
    from omniscopy.io.identification import identify

    if not path.is_dir():
        return False
    try:
        identify(path)
    except (FormatError, OSError):
        return True
    return False
