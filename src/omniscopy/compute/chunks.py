"""How an array is cut into chunks."""

import math
from collections.abc import Sequence

CHUNK_BYTES = 64 * 2**20


def plan_chunks(
    shape: Sequence[int],
    itemsize: int,
    *,
    whole: Sequence[int] = (),
    native: Sequence[int] | None = None,
    target: int = CHUNK_BYTES,
) -> tuple[int, ...]:
    """Return a chunk shape of about `target` bytes that is cheap to read.

    Parameters
    ----------
    shape, itemsize : sequence of int, int
        The array: pixels along each axis, bytes of one pixel.
    whole : sequence of int
        Axes that are kept whole where `target` allows it: those that operations work on.
    native : sequence of int, optional
        Chunks on disk; ours are multiples of them.
    target : int
        Bytes of a chunk.

    Returns
    -------
    tuple of int
        One length for each axis. The axes of `whole` are filled first, then the others from
        the last (fastest in the file) to the first.
    """
    unit = [max(1, min(n, size)) for n, size in zip(native or [1] * len(shape), shape, strict=True)]
    chunk = list(unit)
    order = [axis for axis in reversed(range(len(shape))) if axis in whole]
    order += [axis for axis in reversed(range(len(shape))) if axis not in whole]
    for axis in order:
        others = math.prod(chunk) // chunk[axis] * max(itemsize, 1)
        room = max(target // max(others, 1), 1)
        if room >= shape[axis]:
            chunk[axis] = max(shape[axis], 1)
        else:
            chunk[axis] = max(room // unit[axis], 1) * unit[axis]
    return tuple(min(n, max(size, 1)) for n, size in zip(chunk, shape, strict=True))
