"""The door to the explorer: a widget in a notebook, a page everywhere else."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omniscopy.compute.notebook_bars import running_shell
from omniscopy.view.bench import Bench
from omniscopy.view.blocks import BlockCache
from omniscopy.view.session import Session


def view(obj_or_path: Any, *, browser: bool = True, port: int = 0) -> Any:
    """Explore data in a page of the browser, or in a notebook in a widget.

    Parameters
    ----------
    obj_or_path : DataArray, Dataset, DataTree, str or Path, or a list of these
        What is shown: data in memory, a file, or a folder of files.
    browser : bool
        Open the page in the browser; otherwise its address is only returned.
    port : int
        Port of the page on this machine; 0 for any that is free.

    Returns
    -------
    widget or Page
        In a notebook the widget; else the page, whose `address` opens it and whose `close` ends
        it. It ends with the process.

    Raises
    ------
    FormatError
        There is no such file.

    Examples
    --------
    >>> import omniscopy as om
    >>> page = om.view(om.samples.spectrum_image(), browser=False)
    >>> page.address.startswith("http://127.0.0.1:")
    True
    >>> page.close()
    """
    if running_shell() is not None:
        from omniscopy.view.widget import show

        return show(obj_or_path)
    return open_page(bench_maker(obj_or_path), browser=browser, port=port)


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


class Page:
    """An explorer that is served to the browser, until it is closed."""

    def __init__(self, address: str, server: Any, thread: threading.Thread) -> None:
        self.address, self._server, self._thread = address, server, thread

    def __repr__(self) -> str:
        return f"<explorer at {self.address}>"

    def close(self) -> None:
        """Stop to serve."""
        self._server.should_exit = True
        self._thread.join(10)


def open_page(make: Callable[[], Bench], *, browser: bool, port: int = 0) -> Page:
    """Serve an explorer in a thread, and open it in the browser."""
    from omniscopy.view.server import prepare

    server, bound, gate = prepare(lambda: Session(make()), port=port)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [bound]}, name="explorer page", daemon=True
    )
    thread.start()
    if browser:
        import webbrowser

        webbrowser.open(gate.address)
    return Page(gate.address, server, thread)


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
