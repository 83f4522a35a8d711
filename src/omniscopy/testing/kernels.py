"""A kernel, and a page that hosts one of its widgets, joined as a notebook joins them.

The page gets the widget's module and a model of anywidget's contract over a WebSocket; what it
sends becomes messages to the kernel, as a server of notebooks would pass them on.
"""

import json
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omniscopy.io.libraries import import_library
from omniscopy.view.bundling import STATIC
from omniscopy.view.protocol import pack, unpack

_PURPOSE = "testing widgets"
_PAGE = """<!doctype html><meta charset="utf-8"><body><div id="widget"></div><script type="module">
import {{ socketModel }} from "./socket.js";
import widget from "./widget.js";
const model = socketModel("ws://127.0.0.1:{port}");
for (const [key, value] of Object.entries({state})) model.set(key, value);
const listening = model.on.bind(model), sending = model.send.bind(model);
window.timings = [];
const sent = new Map();
model.send = (message, callbacks, buffers) => {{
  sent.set(message.seq, {{ view: message.view, region: message.region, at: performance.now() }});
  sending(message, callbacks, buffers);
}};
model.save_changes = () => sending({{ kind: "state", state: {{ choice: model.get("choice") }} }}, undefined, []);
model.on = (name, f) => listening(name, name !== "msg:custom" ? f : (header, buffers) => {{
  f(header, buffers);
  const asked = sent.get(header.seq);
  if (asked) window.timings.push({{ view: asked.view, region: asked.region, ms: performance.now() - asked.at }});
  sent.delete(header.seq);
}});
widget.render({{ model, el: document.getElementById("widget") }});
</script>"""  # noqa: E501


_KINDS = {".js": "text/javascript", ".css": "text/css"}


class Kernel:
    """A kernel of this environment; use it in a `with` statement."""

    def __init__(self) -> None:
        client = import_library("jupyter_client", purpose=_PURPOSE, extra="notebook")
        self._manager, self._client = client.manager.start_new_kernel()
        self._outputs: queue.Queue[dict[str, Any]] = queue.Queue()
        self.heard: list[Callable[[dict[str, Any], list[Any]], None]] = []
        self.opened: dict[str, dict[str, Any]] = {}
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

    def run(self, source: str, *, timeout: float = 120) -> list[dict[str, Any]]:
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

    def send(self, comm: str, data: dict[str, Any], buffers: list[Any]) -> None:
        """Send a message to a widget of the kernel."""
        session, channel = self._client.session, self._client.shell_channel
        message = session.msg("comm_msg", {"comm_id": comm, "data": data})
        session.send(channel.socket, message, buffers=[bytes(each) for each in buffers])

    def _listen(self) -> None:
        core = import_library("jupyter_core.utils", purpose=_PURPOSE, extra="notebook")
        try:
            while not self._over.is_set():
                try:
                    self._sort(self._client.get_iopub_msg(timeout=0.2))
                except queue.Empty:
                    continue
        finally:
            # The client made a loop for this thread, and leaves it.
            core.ensure_event_loop().close()

    def _sort(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open":
            self.opened[content["comm_id"]] = content["data"].get("state", {})
        elif kind == "comm_msg":
            data = content["data"]
            if data.get("method") == "custom":
                for hear in list(self.heard):
                    hear(data["content"], message.get("buffers") or [])
        else:
            self._outputs.put(message)


class HostPage:
    """Serves one widget to a browser; `files` are what the page asks for, by name."""

    def __init__(self, kernel: Kernel, comm: str) -> None:
        from websockets.sync.server import serve

        self._kernel, self._comm = kernel, comm
        self._server = serve(
            self._converse, "127.0.0.1", 0, max_size=None, compression=None,
            process_request=self._respond,
        )  # fmt: skip
        port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._address = f"http://127.0.0.1:{port}/"
        state = kernel.opened[comm]
        plain = {key: state[key] for key in ("choice",) if key in state}
        self.files = {
            "favicon.ico": "",
            "": _PAGE.format(port=port, state=json.dumps(plain)),
            "widget.js": state["_esm"],
            "style.css": state.get("_css", ""),
            "socket.js": (STATIC / "socket.js").read_text(encoding="utf-8"),
        }

    def show(self, page: Any) -> None:
        """Open it in a page of a browser driven by Playwright."""
        page.goto(self._address)
        page.add_style_tag(content=self.files["style.css"])

    def _respond(self, connection: Any, request: Any) -> Any:
        """Send a file; what asks for the socket goes on."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        name = request.path.lstrip("/")
        response = connection.respond(200 if name in self.files else 404, self.files.get(name, ""))
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = _KINDS.get(Path(name).suffix, "text/html")
        return response

    def close(self) -> None:
        """Stop to serve."""
        self._server.shutdown()
        self._thread.join(10)

    def _converse(self, socket: Any) -> None:
        def hear(header: dict[str, Any], buffers: list[Any]) -> None:
            socket.send(pack(header, buffers))

        self._kernel.heard.append(hear)
        try:
            for frame in socket:
                header, buffers = unpack(frame)
                if header["kind"] == "state":
                    data = {"method": "update", "state": header["state"], "buffer_paths": []}
                else:
                    data = {"method": "custom", "content": header}
                self._kernel.send(self._comm, data, buffers)
        finally:
            self._kernel.heard.remove(hear)
