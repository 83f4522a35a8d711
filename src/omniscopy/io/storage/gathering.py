"""Results of a cluster into files that only this process may write."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import dask.array as da
from dask.array.core import slices_from_chunks
from dask.base import get_scheduler
from dask.core import flatten

from omniscopy.compute.chunks import CHUNK_BYTES


def current_cluster() -> Any:
    """Return the client of the cluster that computes, `None` where this process does."""
    client = getattr(get_scheduler(), "__self__", None)  # type: ignore[no-untyped-call]
    return client if hasattr(client, "persist") else None


def gather(lazy: Sequence[tuple[da.Array, Any]], client: Any) -> None:
    """Write blocks to their targets as a cluster finishes them, a few at a time."""
    from distributed import as_completed, futures_of

    made = client.persist([values for values, _ in lazy])
    places = defaultdict(list)
    largest = 1
    for values, (_, target) in zip(made, lazy, strict=True):
        keys = flatten(values.__dask_keys__())  # type: ignore[no-untyped-call]
        regions = slices_from_chunks(values.chunks)  # type: ignore[no-untyped-call]
        for key, region in zip(keys, regions, strict=True):
            places[key].append((target, region))
        largest = max(largest, math.prod(values.chunksize) * values.dtype.itemsize)
    count = max(CHUNK_BYTES // largest, 1)
    waiting: Any = as_completed(futures_of(made))  # type: ignore[no-untyped-call]
    del made, values  # which would keep every block on the cluster
    for batch in waiting.batches():
        for start in range(0, len(batch), count):
            few = batch[start : start + count]
            for future, block in zip(few, client.gather(few), strict=True):
                for target, region in places[future.key]:
                    target[region] = block
                future.release()
