"""Blocks packed by LZ4, of numbers whose bits were shuffled first (bslz4) or not (lz4).

The filters of HDF5 that unpack them are no part of its library, and trust what they unpack.
"""

from typing import Any

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled

_HEADER = 12


def unpack(packed: bytes, dtype: np.dtype[Any], size: int, *, shuffled: bool) -> np.ndarray:
    """Return `size` numbers from the bytes of a chunk.

    Raises
    ------
    ValueError
        The bytes are damaged.
    """
    wanted = size * dtype.itemsize
    total = int.from_bytes(packed[:8], "big")
    block = int.from_bytes(packed[8:_HEADER], "big")
    if len(packed) < _HEADER or total != wanted or not 0 < block <= 2**30:
        message = f"{total} bytes in blocks of {block} are claimed, {wanted} were expected"
        raise ValueError(message)
    # Bits are shuffled among eight numbers at least; what is left over is stored as it is.
    left = wanted % (8 * dtype.itemsize) if shuffled else 0
    content = np.frombuffer(_unpack_blocks(packed, block, wanted - left, left), np.uint8)
    if not shuffled:
        return content.view(dtype)
    if block % (8 * dtype.itemsize):
        message = f"bits cannot be shuffled in blocks of {block} bytes"
        raise ValueError(message)
    restored = np.empty(wanted, np.uint8)
    unshuffle(content[: wanted - left], restored, block, dtype.itemsize)
    restored[wanted - left :] = content[wanted - left :]
    return restored.view(dtype)


def _unpack_blocks(packed: bytes, block: int, wanted: int, left: int) -> bytes:
    from numcodecs.lz4 import decompress  # type: ignore[import-untyped]

    parts, place, done = [], _HEADER, 0
    while done < wanted:
        length = int.from_bytes(packed[place : place + 4], "big")
        size = min(block, wanted - done)
        part = packed[place + 4 : place + 4 + length]
        if not 0 < length == len(part):
            message = f"a block of {length} bytes at {place} is not there"
            raise ValueError(message)
        if length != size:  # what does not become shorter is stored as it is
            part = decompress(size.to_bytes(4, "little") + part)
        if len(part) != size:
            message = f"a block has {len(part)} bytes, {size} were expected"
            raise ValueError(message)
        parts.append(part)
        done, place = done + size, place + 4 + length
    rest = packed[place : place + left]
    if len(rest) != left:
        message = f"the last {left} bytes are not there"
        raise ValueError(message)
    return b"".join([*parts, rest])


def _unshuffle(planes: np.ndarray, restored: np.ndarray, block: int, width: int) -> None:
    """Put the bits of `planes`, the same bit of all numbers of a block after each other, back."""
    for start in range(0, len(planes), block):
        size = min(block, len(planes) - start)
        row = size // (8 * width)  # bytes of one bit of all numbers
        for place in range(row):
            for byte in range(width):
                bits = numba.uint64(0)
                for bit in range(8):
                    plane = planes[start + (8 * byte + bit) * row + place]
                    bits |= numba.uint64(plane) << numba.uint64(8 * bit)
                # A square of 8 x 8 bits is turned over in three steps (Hacker's Delight, 7-3).
                swap = (bits ^ (bits >> numba.uint64(7))) & numba.uint64(0x00AA00AA00AA00AA)
                bits = bits ^ swap ^ (swap << numba.uint64(7))
                swap = (bits ^ (bits >> numba.uint64(14))) & numba.uint64(0x0000CCCC0000CCCC)
                bits = bits ^ swap ^ (swap << numba.uint64(14))
                swap = (bits ^ (bits >> numba.uint64(28))) & numba.uint64(0x00000000F0F0F0F0)
                bits = bits ^ swap ^ (swap << numba.uint64(28))
                for number in range(8):
                    value = (bits >> numba.uint64(8 * number)) & numba.uint64(0xFF)
                    restored[start + (8 * place + number) * width + byte] = value


unshuffle = keep_compiled(numba.njit, _unshuffle, nogil=True)
