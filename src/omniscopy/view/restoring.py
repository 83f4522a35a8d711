"""Sessions of the explorer as files: what was opened and made, to be opened and made again.

A file holds the requests that opened and made data, as the page sent them, and what the page
showed. To open it is to answer the requests again: nothing is read, run or written that a page
could not ask for.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omniscopy.io.atomic import atomic_target
from omniscopy.io.errors import FormatError
from omniscopy.model.errors import DataError, describe_error
from omniscopy.view import files, measuring, operating, steps
from omniscopy.view.bench import Bench
from omniscopy.view.computing import progress
from omniscopy.view.dispatch import SupersededError, Turn
from omniscopy.view.files import SESSION, describe
from omniscopy.view.protocol import MOST_FRAME, Buffer, Header, Reply, require_message

FORMAT, VERSION = "omniscopy session", 1
MOST_REQUESTS = 500
_SHORT = 60
# What makes data, and may stand in a file.
_MAKERS = {
    "open": files.open_file, "open_raw": files.open_raw_file,
    "sample": files.open_sample, "run": operating.run_operation,
    "keep": steps.keep_result, "fourier": measuring.open_spectrum,
    "set_scale": measuring.set_scale, "arrange": measuring.arrange_panes,
}  # fmt: skip


def send_session(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send what a file of this session holds, but for what the page shows."""
    del said, buffers, turn
    # Other panes make nothing new.
    made = {name for said, names in bench.requests if said["kind"] != "arrange" for name in names}
    given = [
        {"id": item.id, "title": item.title, "shape": list(item.blocks.shape)}
        for item in bench.items.values()
        if item.id not in made
    ]
    session = {
        "format": FORMAT, "version": VERSION, "given": given, "open": list(bench.items),
        "requests": [{"said": said, "items": names} for said, names in bench.requests],
    }  # fmt: skip
    yield {"kind": "session", "session": session}, []


def save_session(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Write a session that the page put together into a new file below the folder."""
    del turn
    root = bench.folder_to_write()
    content = b"".join(bytes(each) for each in buffers)
    _parsed(content)
    name = str(said.get("path", ""))
    place = root.new(name if name.endswith(SESSION) else f"{name}{SESSION}")
    with atomic_target(place, overwrite=False) as temporary:
        temporary.write_bytes(content)
    yield {"kind": "saved", "path": bench.shown(place)}, []


def open_session(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Open and make again what a session held; say what could not be."""
    del buffers
    path = bench.existing(str(said.get("path", "")))
    if path.stat().st_size > MOST_FRAME:
        message = f"a session has at most {MOST_FRAME // 2**20} MiB"
        raise FormatError(message, path=path)
    session = _parsed(path.read_bytes())
    renamed, missing = _given(bench, session), []
    requests = session["requests"]
    for number, request in enumerate(requests):
        turn.check()
        asked = _renamed(request["said"], renamed)
        yield progress(said, number / len(requests), _words(asked))
        try:
            asked = require_message({**asked, "seq": said.get("seq", 0)})
            for header, _ in _MAKERS[asked["kind"]](bench, asked, [], turn):
                turn.check()
                if "items" in header:
                    made = [each["id"] for each in header["items"]]
                    renamed |= dict(zip(request["items"], made, strict=False))
                    bench.remember(asked, made)
        except SupersededError:
            raise
        except Exception as error:  # noqa: BLE001 - what cannot be made again is said, and the rest is
            missing.append(f"{_words(asked)}: {bench.hidden(describe_error(error))}")
    gone = [name for name in renamed.values() if name not in _kept(session, renamed)]
    for name in gone:
        bench.items.pop(name, None)
    found = [item for name in renamed.values() if (item := bench.items.get(name)) is not None]
    yield {
        "kind": "restored", "items": [describe(bench, item) for item in found], "names": renamed,
        "missing": missing, "shown": session.get("shown"), "path": str(said.get("path")),
    }, []  # fmt: skip


def _parsed(content: bytes) -> dict[str, Any]:
    """Return what a file says; raise `DataError` where it is no session."""
    try:
        session = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"this is no session of the explorer: {error}"
        raise DataError(message) from error
    if not isinstance(session, dict) or session.get("format") != FORMAT:
        message = "this is no session of the explorer"
        raise DataError(message)
    if session.get("version") != VERSION:
        message = f"this session is of version {session.get('version')!r}, and {VERSION} is read"
        raise DataError(message)
    requests = session.get("requests")
    whole = isinstance(requests, list) and len(requests) <= MOST_REQUESTS
    if not whole or not all(map(_is_request, requests or [])):
        message = f"a session lists at most {MOST_REQUESTS} requests that open or make data"
        raise DataError(message)
    return session


def _is_request(request: Any) -> bool:
    return (
        isinstance(request, dict)
        and isinstance(request.get("said"), dict)
        and request["said"].get("kind") in _MAKERS
        and isinstance(request.get("items"), list)
        and all(isinstance(name, str) for name in request["items"])
    )


def _given(bench: Bench, session: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of data in memory that are open here as they were there."""
    found = {}
    for each in session.get("given") or []:
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            for item in bench.items.values():
                if [item.title, [*item.blocks.shape]] == [each.get("title"), each.get("shape")]:
                    found[each["id"]] = item.id
    return found


def _kept(session: Mapping[str, Any], renamed: Mapping[str, str]) -> set[str]:
    """Return the new names of what had not been let go."""
    left = session.get("open")
    names = left if isinstance(left, list) else list(renamed)
    return {renamed[name] for name in names if isinstance(name, str) and name in renamed}


def _renamed(said: Any, names: Mapping[str, str]) -> Any:
    """Return a request in which data have their new names."""
    if isinstance(said, list):
        return [_renamed(each, names) for each in said]
    if not isinstance(said, dict):
        return said
    made = {key: _renamed(value, names) for key, value in said.items()}
    if isinstance(made.get("data"), str):
        made["data"] = names.get(made["data"], made["data"])
    if isinstance(made.get("inputs"), dict):
        made["inputs"] = {
            key: names.get(value, value) if isinstance(value, str) else value
            for key, value in made["inputs"].items()
        }
    return made


def _words(said: Mapping[str, Any]) -> str:
    told = said.get("path") or said.get("name") or said.get("title") or said["kind"]
    return str(told)[:_SHORT]


HANDLERS: Mapping[str, Any] = {
    "session": send_session, "save_session": save_session, "open_session": open_session,
}  # fmt: skip
