"""Values by rank, for compiled functions."""

import numpy as np

from omniscopy.compute.fitting.inner import inner


@inner
def pick(values: np.ndarray, low: int, count: int, rank: int) -> float:
    """Return the value of this rank among the first `count`, smaller ones before and larger after.

    Those before `low` are left alone: they are known to be smaller.
    """
    high = count - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, k = low, high
        while i <= k:
            while values[i] < pivot:
                i += 1
            while pivot < values[k]:
                k -= 1
            if i <= k:
                values[i], values[k] = values[k], values[i]
                i += 1
                k -= 1
        if rank <= k:
            high = k
        elif rank >= i:
            low = i
        else:
            break
    return values[rank]
