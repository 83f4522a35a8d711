"""Fingerprints of files and arrays: cheap on any size, exact on small ones."""

import functools
import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

# Up to `_WHOLE` bytes every byte counts; above, `_BLOCKS` blocks spread over the whole.
_BLOCKS = 64
_FILE_WHOLE, _FILE_BLOCK = 1 << 22, 1 << 14
_ARRAY_WHOLE, _ARRAY_BLOCK = 1 << 20, 1 << 12
# Bytes of an array above which a sum stands for them.
_FEW = 1 << 12


def digest_bytes(*parts: bytes | memoryview) -> str:
    """Return a short hexadecimal digest (BLAKE2b, 128 bits) of `parts`."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(part)
    return state.hexdigest()


def digest_json(value: Any) -> str:
    """Return the digest of a tree of plain values, whatever the order of its keys."""
    return digest_bytes(json.dumps(value, sort_keys=True, ensure_ascii=False).encode())


def digest_file(path: Path) -> dict[str, Any]:
    """Return size and digest of a file, or of all files of a folder (a Zarr store).

    Up to 4 MiB the digest is of every byte (`blake2b:`); above, of the size and 64 blocks
    spread over the file (`blake2b-sampled:`), so that its cost does not grow with the file.
    """
    if path.is_dir():
        return digest_listing(
            {
                entry.relative_to(path).as_posix(): entry.stat().st_size
                for entry in path.rglob("*")
                if entry.is_file()
            }
        )
    size = path.stat().st_size
    sampled = size > _FILE_WHOLE
    with path.open("rb") as file:
        state = hashlib.blake2b(str(size).encode() if sampled else b"", digest_size=16)
        for start in _starts(size, _FILE_BLOCK, whole=not sampled):
            file.seek(start)
            state.update(file.read(_FILE_BLOCK))
    kind = "blake2b-sampled" if sampled else "blake2b"
    return {"size": size, "digest": f"{kind}:{state.hexdigest()}"}


def digest_listing(sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return size and digest of a folder from the sizes of its files, by their names in it."""
    digest = digest_json(sorted(sizes.items()))
    return {"size": sum(sizes.values()), "digest": f"blake2b-listing:{digest}"}


def digest_array(values: np.ndarray) -> str:
    """Return the digest of an array: all of it up to 1 MiB, else 64 blocks spread over it.

    Of more than 4 KiB a sum is digested, several times as quickly: different values have the same
    one by a chance of less than :math:`2^{-32}`.
    """
    form = f"{values.dtype.str}{values.shape}".encode()
    if values.dtype.hasobject or values.dtype.kind in "TU":
        return digest_bytes(form, json.dumps(values.tolist(), default=repr).encode())
    if values.nbytes <= _ARRAY_WHOLE:
        taken = np.ascontiguousarray(values).reshape(-1)
    else:
        # `flat` walks in C order whatever the layout in memory, and copies only what is taken.
        flat = values.reshape(-1) if values.flags.c_contiguous else values.flat
        length = max(_ARRAY_BLOCK // values.dtype.itemsize, 1)
        starts = _starts(values.size, length, whole=False)
        taken = np.concatenate([flat[start : start + length] for start in starts])
    taken = taken.view(np.uint8)
    if taken.size <= _FEW:
        return digest_bytes(form, taken.data)
    whole = taken.size // 8 * 8
    return digest_bytes(form, _sum(taken[:whole].view("<u8")), taken[whole:].data)


def _sum(words: np.ndarray) -> bytes:
    """Return the sum of words times a random odd number for each place, modulo 2^64."""
    # Upper bits come down first: changes of them alone, as of signs, could cancel each other.
    mixed = words >> 32
    mixed ^= words
    mixed *= _factors()[: words.size]
    return int(mixed.sum()).to_bytes(8, "little")


@functools.cache
def _factors() -> np.ndarray:
    """Return the factor of every word of the largest array that counts as a whole."""
    factors: np.ndarray = np.random.PCG64(0).random_raw(_ARRAY_WHOLE // 8) | 1
    return factors


def _starts(size: int, block: int, *, whole: bool) -> Iterator[int]:
    if whole or size <= _BLOCKS * block:
        yield from range(0, size, block)
        return
    last = size - block
    yield from (last * index // (_BLOCKS - 1) for index in range(_BLOCKS))


def digest_sources(*modules: Any) -> int:
    """Return a number above 0 that changes with the source of the modules, or with texts.

    Compiled code that is kept on disk under it is made anew when one of them is edited.
    """
    texts = [each if isinstance(each, str) else inspect.getsource(each) for each in modules]
    return int.from_bytes(hashlib.sha256("\0".join(texts).encode()).digest()[:7]) + 1
