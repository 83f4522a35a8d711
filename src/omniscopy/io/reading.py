"""Calling a reader, with every way in which a file can be wrong turned into one error."""

import math
import struct
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.identification import content_of, find_reader, opened_once, read_head
from omniscopy.io.manifests import Format, find_format
from omniscopy.io.records import Measurement
from omniscopy.io.remote import Place, RemotePath, absent

# Pixels of an axis whose places take no memory to speak of.
_LONGEST_AXIS = 2**23
# What a parser may meet in damaged bytes before it has said so itself.
_DAMAGE = (
    struct.error, KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError,
    EOFError, RecursionError, MemoryError, ArithmeticError, AssertionError, RuntimeError,
)  # fmt: skip


def read_measurement(
    path: Place, *, reader: str | None = None, partial: bool = False, **options: Any
) -> tuple[Format, Measurement]:
    """Return the format of a file and the records that its reader makes of it.

    Raises
    ------
    FormatError
        The file is damaged; the message says where.
    UnsupportedFormatError
        No reader knows the file.
    """
    if isinstance(path, RemotePath):
        return _read(path, reader, partial=partial, **options)
    with content_of(path, partial=partial) as content, opened_once(content, read_head(content)):
        return _read(content, reader, partial=partial, **options)


def _read(path: Place, reader: str | None, **options: Any) -> tuple[Format, Measurement]:
    form = find_format(reader) if reader else find_reader(path)
    if isinstance(path, RemotePath) and not form.remote:
        raise absent(path)
    read = form.reader()
    try:
        measurement = read(path, **options)
    except FormatError as error:
        raise error.in_file(path) from error.__cause__
    except TypeError as error:
        if len(options) > 1 and "unexpected keyword" in str(error):
            message = f"the reader of {form.title} files does not take these options: {error}"
            raise FormatError(message, path=path) from error
        raise _damaged(path, form, error) from error
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, ImportError):
            raise
        raise _damaged(path, form, error) from error
    if not measurement.channels and measurement.nodes is None:
        raise _nothing_read(path, form, measurement)
    made = [axis for each in measurement.channels for axis in each.axes if axis.values is None]
    for axis in made:
        if not math.isfinite(axis.offset + axis.scale * axis.size):
            message = f"the axis {axis.name!r} goes on to infinity, in steps of {axis.scale!r}"
            raise FormatError(message, path=path)
    if not isinstance(path, RemotePath):
        _require_length(path, max((axis.size for axis in made), default=0))
    return form, measurement


def _require_length(path: Path, longest: int) -> None:
    """Raise where an axis has more pixels than the files have bytes: its places would be made."""
    if longest <= _LONGEST_AXIS:
        return
    # What belongs to a file lies beside it.
    beside = path.rglob("*") if path.is_dir() else path.parent.iterdir()
    there = sum(each.stat().st_size for each in beside if each.is_file())
    if longest > there:
        message = f"an axis of {longest} pixels is claimed, which {there} bytes cannot hold"
        raise FormatError(message, path=path)


def _nothing_read(path: Place, form: Format, measurement: Measurement) -> UnsupportedFormatError:
    skipped = measurement.attrs.get("not_read") or "nothing"
    message = f"this {form.title} file holds no data of a kind that is read; it holds {skipped}"
    return UnsupportedFormatError(message, path=path)


def _damaged(path: Place, form: Format, error: BaseException) -> FormatError:
    message = (
        f"this {form.title} file is damaged, or of a kind not met before "
        f"({type(error).__name__}: {error})"
    )
    return FormatError(message, path=path)
