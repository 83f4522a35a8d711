"""Where frames come from: a file that grows, or a socket of this machine."""

import socket
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import numpy.typing as npt

from omniscopy.model import DataError

# Frames that are taken at a time, as bytes, and how often is looked for more, in seconds.
_BLOCK, _PAUSE = 2**22, 0.02


def file_frames(
    path: str | Path, shape: tuple[int, int], dtype: npt.DTypeLike, *, offset: int = 0,
    gap: int = 0, frames: int | None = None, timeout: float = 10.0,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Yield the frames of a raw file, as they are written to it.

    Parameters
    ----------
    path : path
        The file; it may not be there yet.
    shape : (int, int)
        Rows and columns of a frame.
    dtype : dtype
        Of the values, with their byte order.
    offset : int, bytes
        Where the first frame begins.
    gap : int, bytes
        What is between two frames, such as a header of each.
    frames : int
        How many there will be; until nothing has come for `timeout` otherwise.
    timeout : float, s
        How long is waited for a frame.

    Yields
    ------
    array, shape (n, rows, columns)
        One or more frames, each of them whole.

    Raises
    ------
    DataError
        Frames are no planes of real numbers, or `offset` or `gap` is negative.
    """
    kind, size = _frame(shape, dtype)
    if offset < 0 or gap < 0:
        message = f"offset and gap must not be negative, got {offset!r} and {gap!r}"
        raise DataError(message)
    path, begin, left, last = Path(path), offset, frames, time.monotonic()
    while left is None or left > 0:
        there = path.stat().st_size if path.exists() else 0
        count = (there - begin + gap) // (size + gap)
        count = min(count, max(1, _BLOCK // (size + gap)), count if left is None else left)
        if count < 1:
            if time.monotonic() - last > timeout:
                return
            time.sleep(_PAUSE)
            continue
        with path.open("rb") as file:
            file.seek(begin)
            taken = file.read(count * (size + gap) - gap)
        padded = np.frombuffer(taken + bytes(gap), np.uint8).reshape(count, size + gap)
        yield np.ascontiguousarray(padded[:, :size]).view(kind).reshape(count, *shape)
        begin, last = begin + count * (size + gap), time.monotonic()
        left = None if left is None else left - count


def socket_frames(
    address: tuple[str, int], shape: tuple[int, int], dtype: npt.DTypeLike, *,
    frames: int | None = None, timeout: float = 10.0,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Yield the frames that a program of this machine sends through a socket.

    Parameters
    ----------
    address : (host, port)
        Where is listened for the program, once: a loopback address, such as ``("127.0.0.1",
        5000)``. What it sends are the values of frames and nothing else.
    shape : (int, int)
        Rows and columns of a frame.
    dtype : dtype
        Of the values, with their byte order.
    frames : int
        How many there will be; until the program closes the socket otherwise.
    timeout : float, s
        How long is waited for the program, and for each frame.

    Yields
    ------
    array, shape (1, rows, columns)
        A frame.

    Raises
    ------
    DataError
        Frames are no planes of real numbers, or the address is not one of this machine.
    TimeoutError
        The program, or a frame of it, does not come in time.
    """
    kind, size = _frame(shape, dtype)
    host, port = address
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        message = (
            f"frames are taken from this machine only, at a loopback address such as "
            f"'127.0.0.1', got {host!r}"
        )
        raise DataError(message)
    count = 0
    with socket.create_server((host, port)) as server:
        server.settimeout(timeout)
        sender, _ = server.accept()
        with sender:
            sender.settimeout(timeout)
            while frames is None or count < frames:
                taken = _exactly(sender, size)
                if taken is None:
                    return
                yield np.frombuffer(taken, kind).reshape(1, *shape)
                count += 1


def _exactly(sender: socket.socket, size: int) -> bytearray | None:
    """Return so many bytes, or `None` where the sender has ended before."""
    taken = bytearray(size)
    view, have = memoryview(taken), 0
    while have < size:
        got = sender.recv_into(view[have:])
        if not got:
            return None
        have += got
    return taken


def _frame(shape: tuple[int, int], dtype: npt.DTypeLike) -> tuple[np.dtype, int]:
    kind = np.dtype(dtype)
    if kind.kind not in "biuf" or len(shape) != 2 or min(shape) < 1:
        message = f"frames must be planes of real numbers, got {kind} of shape {shape}"
        raise DataError(message)
    return kind, kind.itemsize * shape[0] * shape[1]
