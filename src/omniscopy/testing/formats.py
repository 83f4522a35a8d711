"""What every reader must do, whatever its format: for our tests and for those of plug-ins."""

import functools
import gc
import gzip
import io
import itertools
import json
import pickle
import re
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.inflating import DAMAGED
from omniscopy.io.manifests import all_formats
from omniscopy.io.reading import read_measurement
from omniscopy.io.records import LazyArray, Measurement
from omniscopy.io.summary import info

# A damaged file must be refused, or read, within these bounds.
SECONDS = 5.0
BYTES_PER_BYTE, BYTES_AT_LEAST = 4, 64 * 2**20
# What a sound one takes to be opened, beside a few bytes for each of its own.
OPENED_AT_MOST = 3 * 2**20
# What headers would say of very much, of less than nothing, of nothing.
_ABSURD = (
    b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", bytes(4),
    b"\x00\x00\x00\x01", b"\x01\x00\x00\x00",
)  # fmt: skip


def check_reader(name: str, path: Path) -> None:
    """Check that a sound file is read as the contract of readers asks.

    Parameters
    ----------
    name : str
        The format's name.
    path : Path
        A sound file of this format.

    Raises
    ------
    AssertionError
        Something is not as `omniscopy.io.records` demands; the message says what.
    """
    before = _content(path)
    form, measurement = read_measurement(path)  # imports what it needs
    tracemalloc.start()
    try:
        read_measurement(path)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    there = sum(len(content) for _, content in before) if path.is_dir() else len(before)
    assert taken < OPENED_AT_MOST + BYTES_PER_BYTE * there, f"opening it takes {taken} bytes"
    assert form.name == name, f"{path.name} is taken for {form.name}"
    assert measurement.channels, "a measurement has at least one channel"
    for channel in measurement.channels:
        shape = tuple(axis.size for axis in channel.axes)
        for axis in channel.axes:
            assert len(axis.coordinate()) == axis.size, f"axis {axis.name!r}"
        if channel.data is None:
            continue
        assert tuple(channel.data.shape) == shape, f"{channel.title!r}: axes are not of its shape"
        if isinstance(channel.data, np.ndarray):
            assert not form.lazy, f"{channel.title!r} is loaded though the format says it is lazy"
        else:
            check_handle(channel.data)
    json.dumps(info(path), allow_nan=True)
    check_closed(path.absolute())
    assert _content(path) == before, "the file was changed by reading it"


def check_handle(handle: LazyArray) -> None:
    """Check that a handle can be pickled and that its parts are parts of its whole."""
    whole = handle[tuple(slice(None) for _ in handle.shape)]
    assert whole.shape == tuple(handle.shape)
    assert whole.dtype == handle.dtype
    assert whole.dtype.isnative
    copy = pickle.loads(pickle.dumps(handle))  # made by ourselves a line ago
    parts = [full_key(key, handle.shape) for key in _parts(handle.shape)]

    def check(read: Callable[[Any], np.ndarray], key: Any) -> None:
        part, expected = read(key), whole[key]
        assert np.shape(part) == np.shape(expected), f"part {key} has the shape {np.shape(part)}"
        np.testing.assert_array_equal(part, expected, err_msg=f"part {key}")

    for key in parts:
        check(copy.__getitem__, key)
        # Memory that is mapped, where a handle has it, holds the same.
        check(getattr(copy, "view", copy.__getitem__), key)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(check, itertools.repeat(copy.__getitem__), 4 * parts))


def check_closed(path: Path) -> None:
    """Check, where the system tells, that a file is neither open nor mapped."""
    told = Path("/proc/self")
    if not (told / "fd").is_dir():
        return
    gc.collect()
    opened = []
    for each in (told / "fd").iterdir():
        with suppress(OSError):
            opened.append(str(each.readlink()))
    assert not any(name.startswith(str(path)) for name in opened), "the file is left open"
    assert str(path) not in (told / "maps").read_text("utf-8", "surrogateescape"), (
        "the file is left mapped"
    )


def check_damage(
    path: Path,
    damaged: bytes,
    *,
    folder: Path,
    damaged_file: Path | None = None,
    reader: str | None = None,
) -> str:
    """Check that damaged bytes are read or refused by name, in bounded time and memory.

    Parameters
    ----------
    path : Path
        The sound file; its suffix is kept.
    damaged : bytes
        What is written in its place.
    folder : Path
        Where to write it.
    damaged_file : Path, optional
        The file that they are written to, where another one, `path`, is opened that needs it.
    reader : str, optional
        The format to open it as, whatever it looks like.

    Returns
    -------
    str
        `"read"` or `"refused"`.

    Raises
    ------
    AssertionError
        Another exception than `FormatError`, or a bound was passed.
    """
    target = folder / f"damaged{path.suffix}"
    if damaged_file is not None:
        target = path
    (damaged_file or target).write_bytes(damaged)
    bound = BYTES_PER_BYTE * len(damaged) + BYTES_AT_LEAST
    refusal = None
    tracemalloc.start()
    start = time.process_time()  # not of others on this machine
    try:
        _, measurement = read_measurement(target, reader=reader)
        for channel in measurement.channels:
            for axis in channel.axes:  # of which a tree makes the places of all pixels
                assert 8 * axis.size <= 2 * bound, f"{axis.name!r} has {axis.size} pixels"
        read_all(measurement, limit=bound)
    except FormatError as error:
        refusal = error
    finally:
        took = time.process_time() - start
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if refusal is not None:
        names = {target.name, *(each.name for each in folder.iterdir())}
        assert any(name in str(refusal) for name in names), f"the file is not named: {refusal}"
        causes = [refusal.__cause__, getattr(refusal.__cause__, "__cause__", None)]
        assert not any(isinstance(cause, MemoryError) for cause in causes), f"{causes}"
    assert took < SECONDS, f"took {took:.1f} s"
    assert peak < 2 * bound, f"took {peak} bytes for a file of {len(damaged)}"
    return "read" if refusal is None else "refused"


def truncations(content: bytes, step: int = 1024) -> Iterator[bytes]:
    """Yield the beginnings of a file, cut at every `step` bytes and within its first bytes."""
    yield from (content[:end] for end in (1, 3, 8, 17, 64, 200))
    yield from (content[:end] for end in range(step, len(content), step))
    yield content[:-1]


def bit_flips(content: bytes, number: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Yield copies of a file with one to eight bits flipped, half of them in its first 2 kB."""
    for index in range(number):
        damaged = bytearray(content)
        reach = min(len(content), 2048) if index % 2 else len(content)
        for place in rng.integers(0, reach, rng.integers(1, 9)):
            damaged[place] ^= 1 << int(rng.integers(8))
        yield bytes(damaged)


def absurd_sizes(content: bytes, number: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Yield copies of a file with huge integers written over places of its first 4 kB."""
    for _ in range(number):
        damaged = bytearray(content)
        place = int(rng.integers(0, max(min(len(content), 4096) - 8, 1)))
        value = int(rng.choice([0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0x01000000]))
        size = 8 if value > 0xFFFFFFFF else 4
        order = "little" if rng.integers(2) else "big"
        damaged[place : place + size] = value.to_bytes(size, order)  # type: ignore[arg-type]
        yield bytes(damaged[: len(content)])


def absurd_numbers(
    content: bytes, number: int | None, rng: np.random.Generator, reach: int = 4096
) -> Iterator[bytes]:
    """Yield copies of a file, each with another number of its beginning made absurd.

    Of every aligned integer of 32 bits in either byte order, every integer written in digits, and
    those of each member of an archive, which is packed again: all, or so many, in random order.
    """
    parts = [(content, bytes), *_members(content)]
    places = [
        (which, start, stop, value)
        for which, (part, _) in enumerate(parts)
        for start, stop, value in _absurdities(part, reach)
    ]
    for at in rng.permutation(len(places))[:number]:
        which, start, stop, value = places[at]
        part, packed = parts[which]
        yield packed(part[:start] + value + part[stop:])


def _absurdities(content: bytes, reach: int) -> Iterator[tuple[int, int, bytes]]:
    for place in range(0, min(len(content), reach) - 3, 4):
        yield from ((place, place + 4, value) for value in _ABSURD)
    for found in re.finditer(rb"(?<![\w.])[0-9]+(?![\w.])", content[: 4 * reach]):
        yield from ((*found.span(), text) for text in (b"999999999", b"-1"))


def bombs(
    content: bytes, number: int | None, rng: np.random.Generator, grown: int = 160 * 2**20
) -> Iterator[bytes]:
    """Yield copies of an archive, each with another member grown by so many packed zeros."""
    parts = list(_members(content))
    for at in rng.permutation(len(parts))[:number]:
        part, packed = parts[at]
        yield packed(part + bytes(grown))


def _members(content: bytes) -> Iterator[tuple[bytes, Callable[[bytes], bytes]]]:
    """Yield what each member of an archive holds, and what packs the archive with another."""
    if content.startswith(b"\x1f\x8b"):
        with suppress(*DAMAGED, EOFError, OSError):
            yield gzip.decompress(content), functools.partial(gzip.compress, compresslevel=1)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {entry: archive.read(entry) for entry in archive.infolist()}

    def packed(chosen: zipfile.ZipInfo, changed: bytes) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as target:
            for entry, part in parts.items():
                kind = zipfile.ZIP_DEFLATED if entry is chosen else entry.compress_type
                data = changed if entry is chosen else part
                target.writestr(entry.filename, data, kind, compresslevel=1)
        return made.getvalue()

    for entry, part in parts.items():
        if not entry.is_dir():
            yield part, functools.partial(packed, entry)


def damages(content: bytes, rng: np.random.Generator) -> Iterator[bytes]:
    """Yield copies of a file without end: flipped bits, huge integers, cut anywhere."""
    while True:
        yield from bit_flips(content, 2, rng)
        yield from absurd_sizes(content, 2, rng)
        yield content[: int(rng.integers(len(content)))] if content else content


def readable_formats() -> list[str]:
    """Return the names of all formats that are read by a reader of ours."""
    forms = all_formats().values()
    return sorted(form.name for form in forms if form.reads and not form.bridge)


def read_all(measurement: Measurement, *, limit: int) -> None:
    """Read every array of at most `limit` bytes, and one pixel of larger ones."""
    for channel in measurement.channels:
        arrays: list[Any] = [channel.data, *(v.data for v in channel.variables.values())]
        for array in arrays:
            if array is None or isinstance(array, np.ndarray):
                continue
            # What claims to be larger than the file could hold is read by one pixel only.
            size = int(np.prod([int(n) for n in array.shape], dtype=object)) * array.dtype.itemsize
            whole = size <= limit
            key = tuple(slice(None) if whole else 0 for _ in array.shape)
            if 0 not in array.shape:
                array[key]


def _parts(shape: tuple[int, ...]) -> Iterator[tuple[int | slice, ...]]:
    if 0 in shape:
        return
    yield tuple(0 for _ in shape)
    yield tuple(n - 1 for n in shape)
    yield tuple(slice(n // 3, n // 3 + max(n // 2, 1)) for n in shape)
    for axis, n in enumerate(shape):
        part: list[int | slice] = [slice(None, None, 2)] * len(shape)
        part[axis] = n // 2
        yield tuple(part)


def _content(path: Path) -> Any:
    if path.is_dir():
        return sorted((str(p), p.read_bytes()) for p in path.rglob("*") if p.is_file())
    return path.read_bytes()
