"""What can go wrong while chunks are computed and written."""

import errno


class ChunkError(RuntimeError):
    """A chunk could not be computed; the message says which one, the cause says why."""


class StorageFullError(OSError):
    """There is no room left for what is written; what was written before is kept."""


def is_full(error: OSError) -> bool:
    """Return whether an error says that a disk or quota is full; HDF5 says so in words only."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
