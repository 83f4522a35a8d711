"""Writing so that a crash leaves the old file or none, never half of one."""

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.remote import ROOTS, UNFINISHED, RemotePath


@contextmanager
def atomic_target(path: Path, *, overwrite: bool, companions: Sequence[str] = ()) -> Iterator[Path]:
    """Give a temporary place beside `path` to write to, and put it in place when all is done.

    Files of the suffixes `companions` that were written beside it are put in place before it.

    Raises
    ------
    FileExistsError
        `path`, or a companion, is there already and `overwrite` is false.
    """
    for each in (path, *(path.with_suffix(suffix) for suffix in companions)):
        if each.exists() and not overwrite:
            message = f"{each} is there already; give `overwrite=True` to replace it"
            raise FileExistsError(message)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last, since writers may look at it.
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        for suffix in companions:
            put_in_place(temporary.with_suffix(suffix), path.with_suffix(suffix))
        put_in_place(temporary, path)
    finally:
        for suffix in companions:
            _remove(temporary.with_suffix(suffix))
        _remove(temporary)


@contextmanager
def remote_target(place: RemotePath, *, overwrite: bool) -> Iterator[RemotePath]:
    """Make room for a store whose root is written last, and clear away one that fails.

    Object stores rename nothing: what is replaced is gone before the new store is written.

    Raises
    ------
    UnsupportedFormatError
        It is on a web server.
    FileExistsError
        There are objects already and `overwrite` is false, or they are no Zarr store.
    """
    if place.scheme in ("http", "https"):
        message = "web servers are only read; save to an object store, or to a file"
        raise UnsupportedFormatError(message, path=place)
    there = place.listing()
    if there and not overwrite:
        message = f"{place} is there already; give `overwrite=True` to replace it"
        raise FileExistsError(message)
    if there and not there.keys() & {*ROOTS, UNFINISHED}:
        message = f"{place} holds objects that are no Zarr store; they are not deleted"
        raise FileExistsError(message)
    if there:
        place.remove()
    sign = place / UNFINISHED
    sign.write_bytes(b"Omniscopy is writing a store here, or was stopped while it did.\n")
    try:
        yield place
    except BaseException:
        with suppress(FormatError):
            place.remove()
        raise
    sign.delete()


def put_in_place(source: Path, target: Path) -> None:
    """Give what is written in full the name `target`, in place of what has it now."""
    _sync(source)
    if not target.is_dir():
        source.replace(target)
        return
    old = target.with_name(f".{target.stem}-{uuid.uuid4().hex[:8]}-old")
    target.replace(old)
    source.replace(target)
    _remove(old)


def _sync(path: Path) -> None:
    if not path.is_file():
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
