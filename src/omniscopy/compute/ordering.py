"""The order in which tasks are done: one result after the other, each with all that it needs."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from omniscopy.compute.units import Key


def depth_first(wanted: Iterable[Key], needs: Callable[[Key], Iterable[Key]]) -> dict[Key, int]:
    """Return when each task is done that `wanted` need, and they themselves.

    What a task needs comes before it, from low indices to high ones. So what is made is soon used,
    and a pass over all data ends before the next one that waits for it. Other than dask's own
    order it takes memory in proportion to the tasks, also where every result needs every chunk.
    """
    ranks: dict[Key, int] = {}
    for target in wanted:
        if target in ranks:
            continue
        path: list[tuple[Key, Iterator[Key]]] = [(target, _sorted(needs(target)))]
        while path:
            key, left = path[-1]
            following = next((each for each in left if each not in ranks), None)
            if following is None:
                ranks[key] = len(ranks)
                path.pop()
            else:
                path.append((following, _sorted(needs(following))))
    return ranks


def _sorted(keys: Iterable[Key]) -> Iterator[Key]:
    return iter(sorted(keys, key=_index))


def _index(key: Key) -> tuple[tuple[int, ...], str]:
    """Return the indices of a task, and its name."""
    name, *indices = key if isinstance(key, tuple) else (key,)
    found: list[Any] = [each for each in indices if isinstance(each, int)]
    return tuple(found), str(name)
