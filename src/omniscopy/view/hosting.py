"""What widgets share: messages of a notebook's cells, answered off the kernel's own thread."""

import base64
import html
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from omniscopy.io.libraries import import_library
from omniscopy.model.errors import MissingDependencyError
from omniscopy.view.dispatch import Answers, Dispatcher
from omniscopy.view.protocol import Buffer, Header

PURPOSE = "a widget"
MOST_TABS = 12
_LONGEST_TAB = 64


class Conversation:
    """Answers the cells that show a widget, each with a session of its own.

    `send(header, buffers)` is called from several threads, by one at a time.
    """

    def __init__(
        self,
        new_session: Callable[[], Answers],
        send: Callable[[Header, list[Buffer]], None],
    ) -> None:
        self._new, self._send = new_session, send
        self._tabs: dict[str, Dispatcher] = {}
        self._lock, self._sending = threading.Lock(), threading.Lock()

    def hear(self, content: Any, buffers: Sequence[Buffer]) -> None:
        """Take a message; what is no message of ours is left."""
        tab = content.get("tab", "") if isinstance(content, dict) else None
        if not isinstance(tab, str) or len(tab) > _LONGEST_TAB:
            return
        header = {key: value for key, value in content.items() if key != "tab"}
        if header.get("kind") == "bye":
            self._end(tab)
            return
        self._dispatcher(tab).submit(header, buffers)

    def close(self) -> None:
        """End the sessions of all cells."""
        for tab in list(self._tabs):
            self._end(tab)

    def _dispatcher(self, tab: str) -> Dispatcher:
        with self._lock:
            if tab not in self._tabs:
                while len(self._tabs) >= MOST_TABS:
                    self._tabs.pop(next(iter(self._tabs))).close()
                self._tabs[tab] = Dispatcher(self._new(), self._sender(tab))
            return self._tabs[tab]

    def _sender(self, tab: str) -> Callable[[Header, list[Buffer]], None]:
        def send(header: Header, buffers: list[Buffer]) -> None:
            with self._sending:
                self._send({**header, "tab": tab}, buffers)

        return send

    def _end(self, tab: str) -> None:
        with self._lock:
            dispatcher = self._tabs.pop(tab, None)
        if dispatcher is not None:
            dispatcher.close()


@dataclass(frozen=True)
class Still:
    """What is shown where there is no widget: a picture, and a sentence that says why."""

    picture: bytes | None
    words: str

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        words = f"<p>{html.escape(self.words)}</p>"
        if self.picture is None:
            return words
        coded = base64.b64encode(self.picture).decode("ascii")
        return f'<img src="data:image/png;base64,{coded}" alt="Picture of the data">{words}'


NO_FRONT_END = (
    "This is a picture of a widget: no front-end for widgets answers here. In JupyterLab install "
    "`jupyterlab_widgets`, and run the cell again to explore the data."
)


def missing_words(error: MissingDependencyError) -> str:
    """Return what is said below a picture where the widget's package is not installed."""
    return f"This is a picture only: {error}"


def base_widget() -> Any:
    """Return the class that widgets are made of; raise where its package is not installed.

    Raises
    ------
    MissingDependencyError
        The message names the extra.
    """
    return import_library("anywidget", purpose=PURPOSE, extra="notebook").AnyWidget


def with_still(bundle: Any, still: Still) -> Any:
    """Return what a notebook shows of a widget, with a picture for those that show none."""
    known, more = bundle if isinstance(bundle, tuple) else (bundle, {})
    shown = {**(known or {}), "text/html": still._repr_html_(), "text/plain": repr(still)}
    return (shown, more)
