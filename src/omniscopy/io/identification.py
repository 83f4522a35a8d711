"""Which format a file is of: by its content first, by its extension only to break a tie."""

import logging
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.manifests import HDF5_SIGNATURE, HEAD_BYTES, Format, all_formats
from omniscopy.io.packed_files import is_packed, unpacked_file, unpacked_head
from omniscopy.io.remote import Place, RemotePath, absent, locate

_log = logging.getLogger(__name__)

# An HDF5 file may begin after a user block of 512 bytes or a power of two above.
_HDF5_STARTS = (0, 512, 1024, 2048)


def identify(path: str | Path) -> str:
    """Return the name of the format of a file.

    Parameters
    ----------
    path : str or Path
        A file, or a folder that is a data set (Zarr); or the URL of one.

    Returns
    -------
    str
        A name of `omniscopy.io.formats()`.

    Raises
    ------
    UnsupportedFormatError
        No format fits; the message says what was looked at.
    FormatError
        The file is empty, is not there, or may not be read.
    """
    return find_reader(locate(path)).name


def find_reader(path: Place) -> Format:
    """Return the readable format that fits best; see `identify`."""
    if isinstance(path, RemotePath):
        return _find_remote(path)
    with content_of(path) as content:
        return _find(content)


def _find(path: Path) -> Format:
    head = read_head(path)
    readable = [form for form in all_formats().values() if form.reads and not form.bridge]
    by_extension = [form for form in readable if _extension_fits(form, path)]
    # The first that fits is the best, so that the others need not look inside.
    ranked = sorted(readable, key=lambda form: _rank(form, by_extension), reverse=True)
    with opened_once(path, head):
        found = next((form for form in ranked if _fits(form, path, head)), None)
    if found is not None:
        return found
    # Only formats without any signature may be told by their extension alone.
    fitting = [form for form in by_extension if not (form.magic or form.probe)]
    if not fitting and not path.is_dir():
        members = [form for form in readable if path.suffix.lower() in form.members]
        fitting = [form for form in members if _probe(form, path)]
    if not fitting:
        fitting = _bridges(path, head, is_ours=bool(by_extension))
    if fitting:
        return max(fitting, key=lambda form: _rank(form, by_extension))
    raise UnsupportedFormatError(_unknown(head, by_extension), path=path)


def _rank(form: Format, by_extension: list[Format]) -> tuple[int, bool]:
    return form.priority, form in by_extension


@contextmanager
def content_of(path: Path, *, partial: bool = False) -> Iterator[Path]:
    """Give where the content of a file lies, which may have been packed after it was written.

    Errors name the file itself: what is unpacked lies where no user has put it.
    """
    head = read_head(path)
    if not is_packed(head) or _is_packed_by_its_program(path, head):
        yield path
        return
    content = unpacked_file(path, partial=partial)
    try:
        yield content
    except FormatError as error:
        if error.path != str(content):
            raise
        where: dict[str, Any] = {"path": path, "offset": error.offset, "key": error.key}
        raise type(error)(error.message, **where) from error.__cause__


def _is_packed_by_its_program(path: Path, head: bytes) -> bool:
    own = [form for form in all_formats().values() if form.packed and _fits(form, path, head)]
    if any(_extension_fits(form, path) for form in own):
        return True
    inside = unpacked_head(path, HEAD_BYTES) if own else b""
    return bool(inside) and any(magic.matches(inside) for form in own for magic in form.magic)


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file, none for a folder; raise in words where it cannot."""
    if path.is_dir():
        return b""
    try:
        # To open a pipe is to wait for who writes into it.
        is_file = stat.S_ISREG(path.stat().st_mode)
        if is_file:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise FormatError("there is no such file", path=path) from error  # noqa: EM101
    except PermissionError as error:
        raise FormatError("the file may not be read: no permission", path=path) from error  # noqa: EM101
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        raise FormatError(message, path=path) from error
    if not is_file:
        message = "this is no file but a pipe, a socket or a device"
        raise FormatError(message, path=path)
    if not head:
        raise FormatError("the file is empty (0 bytes)", path=path)  # noqa: EM101
    return head


def is_hdf5(head: bytes) -> bool:
    """Return whether a file is an HDF5 container."""
    return any(head[start : start + 8] == HDF5_SIGNATURE for start in _HDF5_STARTS)


def _find_remote(place: RemotePath) -> Format:
    for form in all_formats().values():
        matches = form.prober() if form.remote else None
        if matches is not None and matches(place):
            return form
    raise absent(place)


def _fits(form: Format, path: Path, head: bytes) -> bool:
    if path.is_dir():
        return form.folder and _probe(form, path)
    if any(magic.matches(head) for magic in form.magic):
        return True
    return not form.folder and bool(form.probe) and is_hdf5(head) and _probe(form, path)


@contextmanager
def opened_once(path: Path, head: bytes) -> Iterator[None]:
    """Keep an HDF5 file open while formats and a reader look into it; what is damaged fits none."""
    if not is_hdf5(head):
        yield
        return
    from omniscopy.io.storage.hdf5 import held_open

    with ExitStack() as stack:
        with suppress(FormatError):
            stack.enter_context(held_open(path))
        yield


def _bridges(path: Path, head: bytes, *, is_ours: bool) -> list[Format]:
    """Return the bridges that may read a file; an extension of ours tells of none."""
    bridges = [form for form in all_formats().values() if form.bridge]
    fitting = [form for form in bridges if _fits(form, path, head)]
    if fitting or is_ours or path.is_dir():
        return fitting
    return [form for form in bridges if _extension_fits(form, path)]


def _probe(form: Format, path: Path) -> bool:
    """Return whether a container is of this format; one format that fails fails alone."""
    try:
        prober = form.prober()
        return prober is not None and prober(path)
    except (ImportError, OSError, KeyError, ValueError, RuntimeError) as error:
        _log.debug("the probe of %s failed on %s: %r", form.name, path, error)
        return False


def _extension_fits(form: Format, path: Path) -> bool:
    name = path.name.lower()
    return any(name.endswith(extension) for extension in form.extensions)


def _unknown(head: bytes, by_extension: list[Format]) -> str:
    if not head:
        return "the folder is not a data set that Omniscopy knows (a Zarr store has a zarr.json)"
    start = head[:16].hex(" ")
    if by_extension:
        titles = " or ".join(form.title for form in by_extension)
        return (
            f"the extension is that of {titles}, but the content is not: it starts with {start}. "
            "The file may be damaged or renamed"
        )
    return (
        f"no known format starts with {start}; `omniscopy formats` lists the known ones, and "
        "`omniscopy.io.open_raw` reads plain binary data"
    )
