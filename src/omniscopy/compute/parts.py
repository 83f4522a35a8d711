"""A graph of dask as parts: each is work that one thread does from beginning to end.

A unit (see `units`) that needs few others is one part: it is read, computed and written without
anything in between being held for others. What several units need, such as the result of a first
pass over all data, is computed by parts of its own, once.
"""

import errno
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dask.array.optimization import optimize
from dask.core import flatten
from dask.highlevelgraph import HighLevelGraph
from dask.utils import key_split

from omniscopy.compute.errors import ChunkError, StorageFullError, is_full
from omniscopy.compute.ordering import depth_first
from omniscopy.compute.reads import bytes_read
from omniscopy.compute.units import (
    WHOLE,
    Block,
    Key,
    Region,
    Target,
    block_bytes,
    cut_units,
)
from omniscopy.model.digests import digest_json

# Of more results of others at a time a unit does not wait as one part.
_INPUTS = 32

_SHARED = object()


@dataclass(frozen=True)
class Part:
    """Tasks that are done one after the other, in this order, and what is written of them.

    Called with the values of `inputs`, it returns that of `result`, `None` for a unit.
    `outputs` are (key, sink, region). `reads`, `writes` and `holds` are bytes: from files, to
    files, and in memory while it works.
    """

    place: str
    kind: Hashable
    tasks: tuple[tuple[Key, Any], ...]
    inputs: tuple[Key, ...]
    result: Key | None = None
    outputs: tuple[tuple[Key, Any, Region], ...] = ()
    reads: int = 0
    writes: int = 0

    @property
    def work(self) -> int:
        """Return what progress is measured by: bytes read and written."""
        return max(self.reads + self.writes, 1)

    @property
    def holds(self) -> int:
        """Return bytes in memory while it works: what is read, a copy to work on, what it makes."""
        return 2 * self.reads + self.writes

    def __call__(self, *values: Any) -> Any:
        """Do the work; raise a `ChunkError` or `StorageFullError` that says where it failed."""
        try:
            return self._done(dict(zip(self.inputs, values, strict=True)))
        except ChunkError:
            raise
        except OSError as error:
            if is_full(error):
                raise StorageFullError(errno.ENOSPC, str(error)) from error
            raise self._failed(error) from error
        except Exception as error:
            raise self._failed(error) from error

    def _done(self, known: dict[Key, Any]) -> Any:
        left = Counter(key for _, task in self.tasks for key in task.dependencies)
        left.update(key for key, _, _ in self.outputs)
        waiting: dict[Key, list[tuple[Any, Region]]] = {}
        for key, sink, region in self.outputs:
            waiting.setdefault(key, []).append((sink, region))
        for key in self.inputs:
            self._write(known, key, waiting, left)
        for key, task in self.tasks:
            known[key] = task(known)
            self._write(known, key, waiting, left)
            for used in task.dependencies:
                left[used] -= 1
                if not left[used] and used != self.result:
                    known.pop(used, None)
        return None if self.result is None else known[self.result]

    def _write(
        self,
        known: dict[Key, Any],
        key: Key,
        waiting: dict[Key, list[tuple[Any, Region]]],
        left: Counter[Key],
    ) -> None:
        for sink, region in waiting.pop(key, ()):
            if sink is not None:
                sink[region] = known[key]
            left[key] -= 1
        if not left[key] and key != self.result:
            known.pop(key, None)

    def _failed(self, error: Exception) -> ChunkError:
        return ChunkError(f"{self.place}: {type(error).__name__}: {error}")


@dataclass(frozen=True)
class Kept:
    """A value that was computed before, in place of the part that makes it."""

    value: Any

    def __call__(self) -> Any:
        """Return the value."""
        return self.value


@dataclass(frozen=True)
class Parts:
    """All that is to be done: parts and plain values by key, and the key of every unit.

    `common` are the keys of values that are worth to be kept for a later run, and names of them
    that are the same in every process.
    """

    nodes: Mapping[Key, Any]
    units: Mapping[str, Key]
    common: Mapping[Key, str] = field(default_factory=dict)

    def needed(
        self, places: Iterable[str], kept: Callable[[str], tuple[Any] | None] | None = None
    ) -> "Parts":
        """Return what these units need; `kept` gives common values that are there already."""
        units = {place: self.units[place] for place in places}
        return replace(self.leading_to(units.values(), kept), units=units)

    def leading_to(
        self, keys: Iterable[Key], kept: Callable[[str], tuple[Any] | None] | None = None
    ) -> "Parts":
        """Return the parts that these need, and themselves."""
        nodes: dict[Key, Any] = {}
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            if key in nodes:
                continue
            there = kept(self.common[key]) if kept and key in self.common else None
            nodes[key] = self.nodes[key] if there is None else Kept(there[0])
            waiting += getattr(nodes[key], "inputs", ())
        common = {key: name for key, name in self.common.items() if key in nodes}
        return replace(self, nodes=nodes, common=common)

    def of_kind(self) -> dict[Hashable, list[Key]]:
        """Return the keys of all parts by kind: parts of one kind do about the same."""
        found: dict[Hashable, list[Key]] = {}
        for key, node in self.nodes.items():
            if isinstance(node, Part):
                found.setdefault(node.kind, []).append(key)
        return found


def make_parts(targets: Sequence[Target], *, name: str, workers: int) -> Parts:
    """Return the parts that make all of `targets`.

    Parameters
    ----------
    targets : sequence of Target
        What is made.
    name : str
        What the keys of units begin with; a cluster takes the same key for the same result.
    workers : int
        How many parts will be worked on at a time.
    """
    units = cut_units(targets)
    tasks = _optimized([target.values for target in targets])
    wanted = (block.key for blocks in units.values() for block in blocks)
    ordered = [*depth_first(wanted, lambda key: tasks[key].dependencies)]
    owner = _owners(tasks, ordered, units)
    data = {key: task.value for key, task in tasks.items() if _is_data(task)}
    private: dict[str, list[Key]] = {place: [] for place in units}
    shared: list[Key] = []
    for key in ordered:
        (shared if owner[key] is _SHARED else private[owner[key]]).append(key)
    leaves = {
        place: sum(not tasks[key].dependencies and key not in data for key in keys)
        for place, keys in private.items()
    }
    few = max(1, sum(leaves.values()) // (2 * workers))
    nodes: dict[Key, Any] = {}
    # Of tasks that need nothing dask begins with the last name: places are done in their order.
    keys = {place: f"{name}-{len(units) - n:09d}" for n, place in enumerate(units)}
    for place, blocks in units.items():
        own = private[place]
        part = _unit(place, own, blocks, tasks=tasks, targets=targets, data=data)
        if leaves[place] > few or len(part.inputs) > _INPUTS:
            shared += own
            part = _unit(place, [], blocks, tasks=tasks, targets=targets, data=data)
        nodes[keys[place]] = part
    for key in shared:
        nodes[key] = tasks[key] if key in data else _single(key, tasks[key], data)
    return Parts(nodes, keys, _common(nodes, keys, tasks, ordered))


def _optimized(arrays: Sequence[Any]) -> dict[Key, Any]:
    if not arrays:
        return {}
    # `dask.optimize` would make a graph for each array, that reads everything again.
    graph = HighLevelGraph.merge(*(array.__dask_graph__() for array in arrays))
    keys = list(flatten([array.__dask_keys__() for array in arrays]))  # type: ignore[no-untyped-call]
    return dict(optimize(graph, keys))  # type: ignore[no-untyped-call]


def _owners(
    tasks: Mapping[Key, Any], ordered: Sequence[Key], units: Mapping[str, Sequence[Block]]
) -> dict[Key, Any]:
    """Return for each task the one unit that needs it, or that several do."""
    owner: dict[Key, Any] = {}

    def claim(key: Key, who: Any) -> None:
        owner[key] = who if owner.get(key, who) == who else _SHARED

    for place, blocks in units.items():
        for block in blocks:
            claim(block.key, place)
    for key in reversed(ordered):
        for needed in tasks[key].dependencies:
            claim(needed, owner[key])
    return owner


def _unit(
    place: str,
    own: Sequence[Key],
    blocks: Sequence[Block],
    *,
    tasks: Mapping[Key, Any],
    targets: Sequence[Target],
    data: Mapping[Key, Any],
) -> Part:
    needed = {key for each in own for key in tasks[each].dependencies}
    needed |= {block.key for block in blocks}
    return Part(
        place=place,
        kind=tuple(sorted({block.target for block in blocks})),
        tasks=tuple((key, tasks[key]) for key in own),
        inputs=tuple(sorted(needed.difference(own), key=str)),
        outputs=tuple((each.key, targets[each.target].sink, each.region) for each in blocks),
        reads=sum(bytes_read(tasks[key], data) for key in own),
        writes=sum(block_bytes(targets[each.target], each) for each in blocks),
    )


def _single(key: Key, task: Any, data: Mapping[Key, Any]) -> Part:
    kind = _layer(key)
    return Part(
        place=f"in {kind!r}, which several chunks need",
        kind=kind,
        tasks=((key, task),),
        inputs=tuple(task.dependencies),
        result=key,
        reads=bytes_read(task, data),
    )


def _is_data(task: Any) -> bool:
    return not hasattr(task, "func") and hasattr(task, "value")


def _layer(key: Key) -> str:
    """Return the name of the layer of a graph that a task is of, without what varies in it."""
    return str(key_split(key[0] if isinstance(key, tuple) else key))


def _common(
    nodes: Mapping[Key, Any],
    units: Mapping[str, Key],
    tasks: Mapping[Key, Any],
    ordered: Sequence[Key],
) -> dict[Key, str]:
    """Return the keys that are worth to be kept, with names made of what they are.

    Those are needed by half of the units, by the one that is not cut, or by an eighth of all
    parts: results of a pass over all data.

    The keys themselves may be others in another process; tasks are told apart by the names of
    their layers, where they are in them, and what they depend on.
    """
    users = Counter(key for unit in units.values() for key in nodes[unit].inputs)
    many = {key for key, count in users.items() if count >= max(2, len(units) // 2)}
    # What several passes read again has as many users as there are passes: few.
    users = Counter(key for node in nodes.values() for key in getattr(node, "inputs", ()))
    many |= {key for key, count in users.items() if count >= max(4, len(nodes) // 8)}
    whole = nodes[units[WHOLE]].inputs if WHOLE in units and len(units) > 1 else ()
    wanted = {key for key in many.union(whole) if isinstance(nodes[key], Part)}
    if not wanted:
        return {}
    names: dict[Key, str] = {}
    for key in ordered:
        index = [str(each) for each in key[1:]] if isinstance(key, tuple) else []
        names[key] = digest_json(
            [_layer(key), index, sorted(names[d] for d in tasks[key].dependencies)]
        )
    seen = Counter(names.values())
    return {key: names[key] for key in wanted if seen[names[key]] == 1}
