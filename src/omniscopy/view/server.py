"""The explorer as a page of this machine: served on 127.0.0.1 only, to who knows the token."""

import asyncio
import contextlib
import functools
import hmac
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from omniscopy.view.dispatch import Dispatcher
from omniscopy.view.protocol import MOST_FRAME, FrameError, FrameTooLargeError, pack, unpack
from omniscopy.view.session import Session

HOST = "127.0.0.1"
STATIC = Path(__file__).parent / "static"
_NAMES = (HOST, "localhost")
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
}
MOST_TABS = 32
# What waits to be sent to a page that does not read.
_MOST_UNSENT = 256
_POLICY_VIOLATION, _TOO_BIG, _TRY_LATER = 1008, 1009, 1013


@dataclass
class Gate:
    """Who may come in: pages of this server that know the token."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def address(self) -> str:
        """Return the address of the page, with the token."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def refuses(self, connection: HTTPConnection, *, token: bool = True) -> str | None:
        """Return why a request is refused, or None."""
        hosts = [f"{name}:{self.port}" for name in _NAMES]
        if connection.headers.get("host") not in hosts:
            return "this server is only for pages of this machine: the Host is another"
        origin = connection.headers.get("origin")
        if origin is not None and origin not in [f"http://{host}" for host in hosts]:
            return "this server is only for its own pages: the Origin is another"
        given = connection.query_params.get("token", "")
        if token and not hmac.compare_digest(given.encode(), self.token.encode()):
            return "the token is missing or wrong; open the address that `omniscopy view` printed"
        return None


def make_app(gate: Gate, new_session: Callable[[], Session]) -> Starlette:
    """Return the application; each page that opens gets a session of its own."""
    tabs: set[WebSocket] = set()

    async def page(request: Request) -> Response:
        if (why := gate.refuses(request)) is not None:
            return _said(why, 403)
        return _file("index.html", gate)

    async def asset(request: Request) -> Response:
        if (why := gate.refuses(request, token=False)) is not None:
            return _said(why, 403)
        name = request.path_params["name"]
        return _file(name, gate) if name in _assets() else _said("there is no such file", 404)

    async def connect(socket: WebSocket) -> None:
        # Pages of browsers always say where they are from.
        why = gate.refuses(socket)
        if why is not None or "origin" not in socket.headers:
            await socket.close(_POLICY_VIOLATION)
            return
        await socket.accept()
        if len(tabs) >= MOST_TABS:
            await socket.close(_TRY_LATER, f"{MOST_TABS} pages are open already; close one")
            return
        tabs.add(socket)
        try:
            await _converse(socket, new_session)
        finally:
            tabs.discard(socket)

    routes = [
        Route("/", page),
        Route("/static/{name}", asset),
        WebSocketRoute("/socket", connect),
    ]
    return Starlette(routes=routes)


async def _converse(websocket: WebSocket, new_session: Callable[[], Session]) -> None:
    """Answer one page until it goes."""
    loop = asyncio.get_running_loop()
    outgoing: asyncio.Queue[bytes] = asyncio.Queue(_MOST_UNSENT)
    gone = asyncio.Event()

    def send(header: dict[str, Any], buffers: Any) -> None:
        # In a thread of the dispatcher: it waits while the page does not read.
        if gone.is_set():
            message = "the page has gone"
            raise ConnectionResetError(message)
        asyncio.run_coroutine_threadsafe(outgoing.put(pack(header, buffers)), loop)

    session = await asyncio.to_thread(new_session)
    dispatcher = Dispatcher(session, send)
    sender = asyncio.create_task(_send_all(websocket, outgoing))
    try:
        await _receive_all(websocket, dispatcher)
    finally:
        gone.set()
        sender.cancel()
        dispatcher.close()


async def _receive_all(websocket: WebSocket, dispatcher: Dispatcher) -> None:
    while True:
        try:
            frame = await websocket.receive_bytes()
        except (WebSocketDisconnect, RuntimeError):
            return
        except KeyError:
            await _close(websocket, _POLICY_VIOLATION, "messages are frames of bytes")
            return
        try:
            header, buffers = unpack(frame)
        except FrameTooLargeError as error:
            await _close(websocket, _TOO_BIG, str(error))
            return
        except FrameError as error:
            await _close(websocket, _POLICY_VIOLATION, str(error))
            return
        dispatcher.submit(header, buffers)


async def _send_all(websocket: WebSocket, outgoing: "asyncio.Queue[bytes]") -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.send_bytes(await outgoing.get())


async def _close(websocket: WebSocket, code: int, why: str) -> None:
    with contextlib.suppress(RuntimeError):
        await websocket.close(code, why.encode()[:120].decode(errors="ignore"))


def serve(
    new_session: Callable[[], Session], *, port: int = 0, ready: Callable[[str], None] | None = None
) -> None:
    """Serve the explorer until the process is interrupted; `ready` is told the address."""
    server, bound, gate = prepare(new_session, port=port)
    if ready is not None:
        ready(gate.address)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[bound])


def prepare(
    new_session: Callable[[], Session], *, port: int = 0
) -> tuple[Any, socket.socket, Gate]:
    """Return a server that does not run yet, its bound socket, and its gate."""
    import uvicorn

    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    bound.listen(128)  # so that the address can be opened as soon as it is known
    gate = Gate(bound.getsockname()[1])
    config = uvicorn.Config(
        make_app(gate, new_session), log_level="error", ws="websockets-sansio",
        ws_max_size=MOST_FRAME, ws_per_message_deflate=False, lifespan="off", access_log=False,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    return uvicorn.Server(config), bound, gate


@functools.cache
def _assets() -> frozenset[str]:
    return frozenset(each.name for each in STATIC.iterdir() if each.suffix in _TYPES)


def _file(name: str, gate: Gate) -> Response:
    content = (STATIC / name).read_bytes()
    return Response(content, media_type=_TYPES[Path(name).suffix], headers=_headers(gate))


def _said(why: str, status: int) -> Response:
    return PlainTextResponse(why, status, headers={"X-Content-Type-Options": "nosniff"})


def _headers(gate: Gate) -> dict[str, str]:
    sockets = " ".join(f"ws://{name}:{gate.port}" for name in _NAMES)
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
