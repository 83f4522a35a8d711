"""Who answers when: a few threads, and of several requests for one view only the newest."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from omniscopy.model.errors import describe_error
from omniscopy.view.protocol import Buffer, FrameError, Header, Reply, require_message

THREADS = 3
MOST_WAITING = 256
_log = logging.getLogger(__name__)


class SupersededError(Exception):
    """Nobody waits for the answer any more."""


@dataclass
class Turn:
    """One request that is being answered; work asks it, between its steps, whether to go on."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    # Whether a newer request for the same view waits: what is only finer may be left.
    newer: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise `SupersededError` where the answer is not wanted any more."""
        if self.cancelled.is_set():
            raise SupersededError


class Answers(Protocol):
    """What answers messages: a `Session`."""

    def answer(self, header: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
        """Yield the replies to a message."""

    def shown(self, text: str) -> str:
        """Return a message without where on the machine the files are."""

    def close(self) -> None:
        """Let go of all that is open."""


@dataclass
class _Job:
    header: Header
    buffers: Sequence[Buffer]
    turn: Turn = field(default_factory=Turn)

    @property
    def view(self) -> str:
        return str(self.header.get("view", ""))


class Dispatcher:
    """Takes messages from any thread, has them answered in threads of its own, sends replies.

    `send(header, buffers)` is called from those threads. Of the requests for one view one is
    answered at a time, and only the newest of those that wait. ``{"kind": "cancel", "of": seq}``
    ends the request of that number.
    """

    def __init__(self, session: Answers, send: Callable[[Header, list[Buffer]], None]) -> None:
        self._session, self._send = session, send
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="explorer")
        self._lock = threading.Lock()
        self._waiting: deque[_Job] = deque()
        self._running: list[_Job] = []
        self._closed = False

    def submit(self, header: Any, buffers: Sequence[Buffer] = ()) -> None:
        """Take a message; what is wrong with it is a reply of kind "error"."""
        try:
            job = _Job(require_message(header), buffers)
        except FrameError as error:
            self._try_send(_error({}, error), [])
            return
        if job.header["kind"] == "cancel":
            self._cancel(job.header.get("of"))
            return
        with self._lock:
            if self._closed:
                return
            self._enqueue(job)
        self._pool.submit(self._work)

    def close(self) -> None:
        """Cancel all that runs or waits, and close the session when it has ended."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            for job in self._running:
                job.turn.cancelled.set()
        self._pool.submit(self._session.close)
        self._pool.shutdown(wait=False)

    def _enqueue(self, job: _Job) -> None:
        if job.view:
            for old in [each for each in self._waiting if each.view == job.view]:
                self._waiting.remove(old)
            for old in self._running:
                if old.view == job.view:
                    old.turn.newer.set()
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
        self._waiting.append(job)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._answer(job)
            finally:
                with self._lock:
                    self._running.remove(job)

    def _next(self) -> _Job | None:
        with self._lock:
            busy = {job.view for job in self._running if job.view}
            for job in self._waiting:
                if job.view not in busy:
                    self._waiting.remove(job)
                    self._running.append(job)
                    return job
        return None

    def _answer(self, job: _Job) -> None:
        last: Header = {"kind": "progress"}
        try:
            for last, buffers in self._session.answer(job.header, job.buffers, job.turn):
                if job.turn.cancelled.is_set():
                    raise SupersededError
                if not self._try_send({**_address(job.header), **last}, buffers):
                    return
            if last["kind"] == "progress" or last.get("exact") is False:
                # Left for a newer request: nothing more comes.
                raise SupersededError
        except SupersededError:
            self._try_send({**_address(job.header), "kind": "cancelled"}, [])
        except Exception as error:  # noqa: BLE001 - whatever happens, the page is told and lives on
            _log.debug("a request failed", exc_info=True)
            told = _error(job.header, error)
            self._try_send({**told, "message": self._session.shown(told["message"])}, [])

    def _cancel(self, number: Any) -> None:
        with self._lock:
            for job in [each for each in self._waiting if each.header.get("seq") == number]:
                self._waiting.remove(job)
            for job in self._running:
                if job.header.get("seq") == number:
                    job.turn.cancelled.set()

    def _try_send(self, header: Header, buffers: list[Buffer]) -> bool:
        try:
            self._send(header, buffers)
        except (OSError, RuntimeError):  # the page has gone
            return False
        return True


def _address(header: Header) -> Header:
    return {key: header[key] for key in ("seq", "view") if key in header}


def _error(header: Header, error: BaseException) -> Header:
    name = type(error).__name__
    return {**_address(header), "kind": "error", "name": name, "message": describe_error(error)}
