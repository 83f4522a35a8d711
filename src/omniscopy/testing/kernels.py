"""A kernel that runs cells, as a notebook does."""

import queue
import threading
from typing import Any

from omniscopy.io.libraries import import_library

_PURPOSE = "testing widgets"


class Kernel:
    """A kernel of this environment; use it in a `with` statement."""

    def __init__(self) -> None:
        client = import_library("jupyter_client", purpose=_PURPOSE, extra="notebook")
        self._manager, self._client = client.manager.start_new_kernel()
        self._outputs: queue.Queue[dict[str, Any]] = queue.Queue()
        self._over = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> "Kernel":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.join(10)
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run(self, source: str, *, timeout: float = 300) -> list[dict[str, Any]]:
        """Run a cell; return its outputs. Raises `RuntimeError` where it fails."""
        asked = self._client.execute(source)
        found: list[dict[str, Any]] = []
        while True:
            message = self._outputs.get(timeout=timeout)
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return found
            if kind == "error":
                raise RuntimeError(f"{content['ename']}: {content['evalue']}")  # noqa: EM102
            if kind in ("execute_result", "display_data", "update_display_data", "stream"):
                found.append({"output_type": kind, **content})

    def _listen(self) -> None:
        core = import_library("jupyter_core.utils", purpose=_PURPOSE, extra="notebook")
        try:
            while not self._over.is_set():
                try:
                    self._outputs.put(self._client.get_iopub_msg(timeout=0.2))
                except queue.Empty:
                    continue
        finally:
            # The client made a loop for this thread, and leaves it.
            core.ensure_event_loop().close()
