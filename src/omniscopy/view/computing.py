"""Computing what a page waits for: how far it is, and its end where nobody wants it any more."""

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from omniscopy.view.dispatch import Turn
from omniscopy.view.protocol import Header, Reply

_EVERY = 0.25  # seconds between words about progress


@dataclass
class Count:
    """How many of the tasks of a computation are done."""

    done: int = 0
    total: int = 0


def computed(
    result: Any, turn: Turn, count: Count | None = None, *, yield_to_newer: bool = False
) -> Any:
    """Return a result in memory; given up between tasks where nobody wants it any more.

    With `yield_to_newer` also where a newer request for the same view waits.
    """
    if not hasattr(result, "chunks") or not result.chunks:
        return result
    from dask.callbacks import Callback

    def look(*_: Any) -> None:
        if yield_to_newer and turn.newer.is_set():
            turn.cancelled.set()
        turn.check()

    def number(_key: Any, _value: Any, _graph: Any, state: Any, _worker: Any) -> None:
        if count is not None:
            count.done = len(state["finished"])
            kinds = ("ready", "waiting", "running", "finished")
            count.total = sum(len(state[kind]) for kind in kinds)

    # Not for all computations of this process, as a `with` statement would have it.
    watching: Any = Callback
    return result.compute(
        scheduler="threads", callbacks=[watching(pretask=look, posttask=number)._callback]
    )


def computing(said: Header, name: str, result: Any, turn: Turn) -> Generator[Reply, None, Any]:
    """Yield how far a computation is, and return the result in memory."""
    if not hasattr(result, "chunks") or not result.chunks:
        return result
    turn.check()
    yield progress(said, 0.0, f"{name}: computing")
    count, begun = Count(), time.monotonic()
    with ThreadPoolExecutor(1, thread_name_prefix="explorer computing") as pool:
        waiting = pool.submit(computed, result, turn, count)
        while True:
            try:
                return waiting.result(timeout=_EVERY)
            except TimeoutError:
                if waiting.done():
                    raise
                yield progress(said, *_words(name, count, time.monotonic() - begun))


def progress(said: Header, done: float, words: str) -> Reply:
    """Return a reply that says how far the answer to a message is."""
    return {"kind": "progress", "of": said.get("seq"), "done": done, "words": words}, []


def _words(name: str, count: Count, seconds: float) -> tuple[float, str]:
    if not count.done or not count.total:
        return 0.0, f"{name}: computing, {seconds:.0f} s"
    share = count.done / count.total
    left = seconds * (1 - share) / share
    return share, f"{name}: {100 * share:.0f} %, about {left:.0f} s left"
