"""The door to the explorer: a widget in a notebook, a page everywhere else."""

import threading
from collections.abc import Callable
from typing import Any

from omniscopy.compute.notebook_bars import running_shell
from omniscopy.view.bench import Bench
from omniscopy.view.making import bench_maker
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
