"""A list on disk of what is done, that is whole after any crash."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_ENCODING = {"encoding": "omniscopy-run", "version": 1}
_LOCKED_BYTE = 1 << 30


class RunningError(RuntimeError):
    """Another process is at work in the same place."""


class Journal:
    """A file of lines: what the run is, then the name of each thing that was done.

    It is locked while it is open; the system takes the lock away from a process that is killed.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("a+b")
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            message = f"another process is at work in {path.parent}; wait for it, or end it"
            raise RunningError(message) from error
        self.about, self.done = self._read()

    def _read(self) -> tuple[dict[str, Any] | None, set[str]]:
        """Return what the run is, `None` for a new one, and what is done."""
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        torn = lines.pop()
        if torn:  # a crash or a full disk: that line never was
            self._file.truncate(sum(len(line) + 1 for line in lines))
        found: list[Any] = []
        with suppress(ValueError):
            found = [json.loads(line) for line in lines]
        head = found[0] if found and isinstance(found[0], dict) else {}
        if any(head.get(key) != value for key, value in _ENCODING.items()):
            return None, set()
        return head["about"], {str(each) for each in found[1:]}

    def begin(self, about: dict[str, Any]) -> None:
        """Forget all that was done, and say what the run is."""
        self._file.truncate(0)
        self.about, self.done = about, set()
        self._append({**_ENCODING, "about": about})

    def clear(self) -> None:
        """Say that there is no run, until one begins."""
        self._file.truncate(0)
        self.about, self.done = None, set()

    def mark(self, name: str) -> None:
        """Add a thing that was done."""
        self._append(name)
        self.done.add(name)

    def close(self) -> None:
        """Let others at it."""
        _unlock(self._file)
        self._file.close()

    def _append(self, said: Any) -> None:
        self._file.write(json.dumps(said).encode() + b"\n")
        self._file.flush()


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        # Far behind the end: nobody can read the bytes that are locked.
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(file: IO[bytes]) -> None:
    # Unix ends the lock of a file that is closed, Windows does so some time later.
    if sys.platform == "win32":
        import msvcrt

        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
