"""Who may come in, and what the server survives."""

import http.client
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from omniscopy.view.explorer import open_page
from omniscopy.view.making import bench_maker
from omniscopy.view.protocol import MOST_FRAME, pack, unpack
from omniscopy.view.server import MOST_TABS


def get(address, path=None, **headers):
    split = urlsplit(address)
    connection = http.client.HTTPConnection(split.hostname, split.port, timeout=120)
    connection.putrequest("GET", path or f"/?{split.query}", skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return found


def dial(address, *, origin=True, token=None, **more):
    split = urlsplit(address)
    token = parse_qs(split.query)["token"][0] if token is None else token
    if origin is True:
        origin = f"http://{split.netloc}"
    return connect(f"ws://{split.netloc}/socket?token={token}", origin=origin or None,
                   max_size=None, open_timeout=120, **more)  # fmt: skip


def send_too_much(served):
    with dial(served.address) as socket:
        socket.send(bytes(MOST_FRAME + 1))
        socket.recv(timeout=120)


def ask(socket, **said):
    socket.send(pack({"seq": 1, **said}))
    return unpack(socket.recv(timeout=120), most=2**30)


def test_the_page_comes_with_a_strict_policy(served):
    status, headers, text = get(served.address)
    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.parametrize(
    ("path", "headers", "match"),
    [
        ("/", {}, "the token is missing or wrong"),
        ("/?token=abc", {}, "the token is missing or wrong"),
        (None, {"Host": "evil.example"}, "the Host is another"),
        (None, {"Origin": "http://evil.example"}, "the Origin is another"),
        (None, {"Origin": "null"}, "the Origin is another"),
        ("/static/viewer.js", {"Host": "evil.example:80"}, "the Host is another"),
    ],
)
def test_strangers_are_refused(served, path, headers, match):
    status, _, text = get(served.address, path, **headers)
    assert status == 403
    assert match in text


@pytest.mark.parametrize("name", ["../server.py", "..%2fserver.py", "%2e%2e/x", "nothing.js", ""])
def test_only_the_files_of_the_page_are_served(served, name):
    assert get(served.address, f"/static/{name}")[0] in (400, 404)


@pytest.mark.parametrize(
    "how",
    [{"origin": "http://evil.example"}, {"origin": None}, {"token": ""}, {"token": "wrong"},
     {"additional_headers": {"Host": "evil.example"}}],
)  # fmt: skip
def test_strange_sockets_are_refused(served, how):
    with pytest.raises((InvalidStatus, ConnectionClosed)) as refused:
        dial(served.address, **how).recv(timeout=120)
    assert any(code in str(refused.value) for code in ("400", "403", "1008"))


def test_a_socket_answers(served):
    with dial(served.address) as socket:
        header, _ = ask(socket, kind="hello")
    assert header["kind"] == "welcome"


@pytest.mark.parametrize("frame", [b"", b"\1", b"\xff\xff\xff\xff", b"\4\0\0\0nope", bytes(64)])
def test_malformed_frames_close_the_socket_and_nothing_else(served, frame):
    with dial(served.address) as socket:
        socket.send(frame)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=120)
    assert closed.value.rcvd.code in (1008, 1009)
    with dial(served.address) as socket:
        assert ask(socket, kind="hello")[0]["kind"] == "welcome"


def test_text_and_large_messages_close_the_socket(served):
    with dial(served.address) as socket:
        socket.send("text")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=120)
    with pytest.raises((ConnectionClosed, ConnectionResetError)):
        send_too_much(served)


def test_errors_say_no_places_of_the_machine(served, folder):
    with dial(served.address) as socket:
        header, _ = ask(socket, kind="open", path="broken.gsf")
    assert header["kind"] == "error"
    assert header["name"] == "FormatError"
    assert "broken.gsf at byte 48" in header["message"]
    assert str(folder) not in header["message"]


def test_twenty_tabs_are_served(served):
    with ExitStack() as tabs:
        sockets = [tabs.enter_context(dial(served.address)) for _ in range(20)]
        for socket in sockets:
            socket.send(pack({"kind": "open", "seq": 1, "path": "core_loss.zarr"}))
        kinds = [unpack(socket.recv(timeout=120))[0]["kind"] for socket in sockets]
    assert kinds == ["opened"] * 20


def test_more_tabs_than_may_be_are_told_so(folder):
    # A server of its own: those that close are not gone at once.
    with ExitStack() as tabs:
        page = open_page(bench_maker(folder), browser=False)
        tabs.callback(page.close)
        sockets = [tabs.enter_context(dial(page.address)) for _ in range(MOST_TABS + 1)]
        with pytest.raises(ConnectionClosed) as closed:
            sockets[-1].recv(timeout=120)
    assert "pages are open" in str(closed.value)


def test_a_socket_that_closes_while_something_is_computed(served):
    for _ in range(3):
        with dial(served.address) as socket:
            (item,) = ask(socket, kind="open", path="core_loss.zarr")[0]["items"]
            asked = {"kind": "reduce", "data": item["id"], "target": "navigation"}
            for seq in range(30):
                socket.send(pack({**asked, "seq": seq}))
    with dial(served.address) as socket:
        assert ask(socket, kind="hello")[0]["kind"] == "welcome"
    end = time.monotonic() + 120
    while sum(each.name.startswith("explorer_") for each in threading.enumerate()) > 8:
        assert time.monotonic() < end, "threads of pages that have gone are left"
        time.sleep(0.1)


def test_the_command_prints_one_line_and_serves(folder):
    command = [sys.executable, "-m", "omniscopy", "view", str(folder / "surface.gsf"),
               "--no-browser", "--port", "0"]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            address = run.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            assert get(address)[0] == 200
            with dial(address) as socket:
                assert ask(socket, kind="hello")[0]["start"] == ["surface.gsf"]
        finally:
            run.terminate()
        rest, errors = run.communicate(timeout=120)
    assert rest == ""
    assert errors == ""


def test_the_server_starts_without_drawing_and_without_dask():
    code = (
        "import sys, omniscopy.view.server, omniscopy.view.explorer\n"
        "print([n for n in ('matplotlib', 'dask', 'xarray', 'sklearn') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_file_that_is_not_there_is_said(tmp_path):
    command = [sys.executable, "-m", "omniscopy", "view", str(tmp_path / "no.gsf"), "--no-browser"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "there is no such file" in found.stderr
