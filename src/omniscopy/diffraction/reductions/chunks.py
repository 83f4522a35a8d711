"""All that is asked of lazy patterns, with one task for each chunk of the scan.

A task takes longer to be handed out than a line of NumPy: each one answers all questions about
the positions of its chunk, and sums over the scan are added many at a time.
"""

import itertools
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.diffraction.reductions.engine import Output, Read
from omniscopy.diffraction.reductions.places import Labels, unchecked
from omniscopy.diffraction.reductions.wanted import Made, Question, own_dims

# Patterns of chunks that are added at a time.
_ADDED = 2**25
# What is longer is sent once to where many tasks need it.
_LONG = 2**20


@dataclass(frozen=True)
class _Work:
    """What is done with every chunk: questions about positions, of which some are `known`."""

    read: Read
    questions: tuple[Question, ...]
    labels: Labels
    nav: tuple[str, ...]
    kept: int
    planes: int
    centred: bool
    known: tuple[tuple[str, ...] | None, ...]

    def __call__(self, values: np.ndarray, *given: np.ndarray) -> dict[str, np.ndarray]:
        """Return the answers for one chunk and sums over it, by a single thread."""
        arrays = iter(given)
        planes = [next(arrays) for _ in range(self.planes)]
        centres = np.ascontiguousarray(next(arrays), np.float64) if self.centred else None
        found = self.read.run(values, planes, centres, kept=self.kept, threads=1)
        known = [None if dims is None else unchecked(dims, next(arrays)) for dims in self.known]
        made = {name: values for name, values in found.items() if name.startswith("scan/")}
        for answers in self.answers(found, known):
            made |= _bare(answers)
        return made

    def answers(
        self, found: Mapping[str, np.ndarray], known: Sequence[xr.Variable | None]
    ) -> Iterator[Made]:
        """Give what outputs for positions say to each question."""
        outputs = {}
        for name, values in found.items():
            if not name.startswith("scan/"):
                dims = (*self.nav, *own_dims(name, self.questions))
                # A detector that follows the beam is one ring.
                outputs[name] = unchecked(dims, values.reshape(values.shape[: len(dims)]))
        for each, there in zip(self.questions, known, strict=True):
            yield replace(each, known=there).answer(outputs, self.labels)

    def example(self, dtype: np.dtype[Any]) -> Iterator[Made]:
        """Give what is answered where there are no positions: names, dimensions and types."""
        none = (0,) * len(self.nav)
        outputs = [each for each in self.read.outputs(dtype) if not each.pattern]
        known = [
            None if dims is None else unchecked(dims, np.empty((0,) * len(dims), bool))
            for dims in self.known
        ]
        return self.answers({each.name: np.empty(none + each.shape) for each in outputs}, known)


@dataclass(frozen=True)
class _Sums:
    """What is done with sums over chunks of the scan: added, and asked for patterns at last."""

    outputs: tuple[Output, ...]
    questions: tuple[Question, ...]
    labels: Labels
    dims: tuple[str, ...]

    def add(self, parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return the sums of sums."""
        made = {}
        for each in self.outputs:
            whole = made[each.name] = parts[0][each.name].copy()
            join = np.maximum if each.largest else np.add
            for part in parts[1:]:
                join(whole, part[each.name], out=whole)
        return made

    def finish(self, parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return the patterns that the last sums give."""
        made: dict[str, np.ndarray] = {}
        for answers in self.answers(self.add(parts)):
            made |= _bare(answers)
        return made

    def answers(self, sums: Mapping[str, np.ndarray]) -> Iterator[Made]:
        """Give what sums over the scan say to each question."""
        outputs = {name: unchecked(self.dims, values) for name, values in sums.items()}
        for each in self.questions:
            yield each.answer(outputs, self.labels)

    def example(self) -> Iterator[Made]:
        """Give what is answered where patterns have no pixels."""
        used = self.labels.used
        if used is not None:
            used = unchecked(used.dims, np.empty((0,) * used.ndim, bool))
        alike = replace(self, labels=replace(self.labels, used=used))
        none = (0,) * len(self.dims)
        return alike.answers({each.name: np.empty(none, each.dtype) for each in self.outputs})


def _bare(made: Made) -> dict[str, np.ndarray]:
    return {name: np.asarray(values.data) for name, (values, _, _) in made.items()}


def answer_lazily(  # noqa: PLR0917 - what is known of one read
    read: Read, questions: Sequence[Question], labels: Labels, data: xr.DataArray,
    planes: Sequence[xr.Variable], centres: xr.DataArray | None, *, kept: int,
) -> Made:  # fmt: skip
    """Return lazy answers to all questions, without coordinates.

    Parameters
    ----------
    read, questions, labels
        What is asked.
    data : DataArray, shape (*kept, *over, H, W)
        The patterns, lazy or not.
    planes : sequence of Variable, shape (*kept, H, W)
        One for each item of the read.
    centres : DataArray, shape (*kept, *over, 2)
        Where items are centred that move with the position.
    kept : int
        How many dimensions have patterns of their own.
    """
    nav, plane = tuple(map(str, data.dims[:-2])), tuple(map(str, data.dims[-2:]))
    # Chunks of the scan alone: a pattern is worked on as a whole.
    lazy = (data if data.chunks is not None else data.chunk()).data
    lazy = lazy.rechunk({len(nav): -1, len(nav) + 1: -1})
    asked = [each for each in questions if each.item is not None]
    work = _Work(
        read, tuple(replace(each, plane=None, known=None) for each in asked),
        replace(labels, used=None), nav, kept, len(planes), centres is not None,
        tuple(None if each.known is None else tuple(map(str, each.known.dims)) for each in asked),
    )  # fmt: skip
    sums = _Sums(
        tuple(each for each in read.outputs(data.dtype) if each.pattern),
        tuple(each for each in questions if each.item is None), labels, (*nav[:kept], *plane),
    )  # fmt: skip
    given = [*planes, None if centres is None else centres.variable, *(e.known for e in asked)]
    arrays = [_Given(each, nav, lazy.chunks) for each in given if each is not None]
    graph = _Graph(lazy, work, sums, arrays)
    positions, patterns = work.example(data.dtype), sums.example()
    made: Made = {}
    for each in questions:
        if each.item is not None:
            made |= graph.of_positions(next(positions))
        else:
            made |= graph.of_patterns(next(patterns))
    return made


class _Graph:
    """Tasks for every chunk, one for all answers, and a name for each of them."""

    def __init__(self, lazy: Any, work: _Work, sums: _Sums, arrays: Sequence["_Given"]) -> None:
        from dask._task_spec import List, Task, TaskRef
        from dask.base import tokenize
        from dask.highlevelgraph import HighLevelGraph

        count, kept = len(work.nav), work.kept
        self.chunks, self.plane = lazy.chunks[:count], lazy.chunks[count:]
        self.kept = kept
        self.token = tokenize(lazy.name, work, sums, *(each.data for each in arrays))
        self.whole = f"patterns-{self.token}"
        self.places = list(itertools.product(*(range(len(cuts)) for cuts in self.chunks)))
        tasks: dict[Any, Any] = {
            key: Task(
                key,
                work,
                _reader(lazy, (*place, 0, 0)),
                *(each.part(place) for each in arrays),
            )
            for place in self.places
            for key in [(self.whole, *place)]
        }
        needed = [lazy, *(each.data for each in arrays if not isinstance(each.data, np.ndarray))]
        self.graph = HighLevelGraph.from_collections(self.whole, tasks, dependencies=needed)
        self.sums = f"sums-of-patterns-{self.token}"
        if not sums.questions:
            return
        # Small patterns many at a time: a task takes longer than to add them.
        size = max(sum(math.prod(e.shape) * e.dtype.itemsize for e in sums.outputs), 1)
        several = max(2, min(16, _ADDED // size))
        added: dict[Any, Any] = {}
        for place, group in itertools.groupby(self.places, lambda place: place[:kept]):
            parts: list[Any] = [(self.whole, *each) for each in group]
            level = 0
            while len(parts) > several:
                level += 1
                more = [parts[n : n + several] for n in range(0, len(parts), several)]
                parts = [(self.sums, *place, level, n) for n in range(len(more))]
                for key, few in zip(parts, more, strict=True):
                    added[key] = Task(key, sums.add, List(*(TaskRef(one) for one in few)))
            key = (self.sums, *place)
            added[key] = Task(key, sums.finish, List(*(TaskRef(one) for one in parts)))
        layers: Any = {**self.graph.layers, self.sums: added}
        dependencies = {**self.graph.dependencies, self.sums: {self.whole}}
        self.summed = HighLevelGraph(layers, dependencies)

    def of_positions(self, example: Made) -> Made:
        """Return the answers of one question about positions as lazy arrays."""
        return {
            name: self._answer(name, each, self.graph, self.whole, self.chunks)
            for name, each in example.items()
        }

    def of_patterns(self, example: Made) -> Made:
        """Return the answers of one question about patterns of the scan."""
        cuts = (*self.chunks[: self.kept], *self.plane)
        return {
            name: self._answer(name, each, self.summed, self.sums, cuts)
            for name, each in example.items()
        }

    def _answer(
        self, name: str, example: tuple[Any, str | None, str], graph: Any, layer: str, chunks: Any
    ) -> tuple[xr.Variable | xr.DataArray, str | None, str]:
        """Return an answer that the tasks of `layer` give, cut like `chunks`, or like its own."""
        import dask.array
        from dask._task_spec import Task, TaskRef
        from dask.highlevelgraph import HighLevelGraph

        da: Any = dask.array
        empty, units, title = example
        own = f"{name}-{self.token}"
        count = self.kept if layer == self.sums else len(self.chunks)
        whole = (*chunks, *((size,) for size in empty.shape[len(chunks) :]))
        rest = (0,) * (len(whole) - count)
        tasks: Any = {
            (own, *place, *rest): Task(
                (own, *place, *rest), operator.getitem, TaskRef((layer, *place)), name
            )
            for place in itertools.product(*(range(len(cuts)) for cuts in chunks[:count]))
        }
        made = HighLevelGraph({**graph.layers, own: tasks}, {**graph.dependencies, own: {layer}})
        meta = np.empty((0,) * len(whole), empty.dtype)
        values = unchecked(empty.dims, da.Array(made, own, whole, meta=meta))
        if isinstance(empty, xr.DataArray):
            return xr.DataArray(values, empty.coords), units, title
        return values, units, title


def _reader(lazy: Any, place: tuple[int, ...]) -> Any:
    """Return what stands for a chunk; for one of a mapped file, the task that maps it.

    It is unmapped by the thread that worked on it then, beside the others. What takes work to
    read is left a task of its own, which others may need too.
    """
    from dask._task_spec import DataNode, Task, TaskRef

    key = (lazy.name, *place)
    task = lazy.dask[key]
    given = task.args if isinstance(task, Task) and not task.dependencies else ()
    handles = (each.value if isinstance(each, DataNode) else each for each in given)
    return task if any(getattr(each, "is_mapped", False) for each in handles) else TaskRef(key)


class _Given:
    """An array of which each chunk of the scan needs the part of its positions."""

    def __init__(self, values: xr.Variable, nav: Sequence[str], chunks: Any) -> None:
        import dask.array

        da: Any = dask.array
        self.axes = [nav.index(dim) if dim in nav else None for dim in map(str, values.dims)]
        cut = {n: chunks[axis] for n, axis in enumerate(self.axes) if axis is not None}
        self.data: Any = values.data
        if not isinstance(self.data, np.ndarray) or (self.data.nbytes > _LONG and not cut):
            whole = dict.fromkeys(range(self.data.ndim), -1)
            self.data = da.asarray(self.data).rechunk({**whole, **cut})
        self.starts = {n: np.cumsum([0, *lengths]).tolist() for n, lengths in cut.items()}

    def part(self, index: tuple[int, ...]) -> Any:
        """Return the part of one chunk, or what stands for it in a graph."""
        from dask._task_spec import TaskRef

        places = [0 if axis is None else index[axis] for axis in self.axes]
        if not isinstance(self.data, np.ndarray):
            return TaskRef((self.data.name, *places))
        if not self.starts:
            return self.data
        where = tuple(
            slice(*self.starts[n][place : place + 2]) if n in self.starts else slice(None)
            for n, place in enumerate(places)
        )
        return self.data[where]
