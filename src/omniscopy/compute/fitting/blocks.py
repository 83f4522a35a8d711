"""Problems and blocks of spectra as the compiled engine takes them."""

import math
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from omniscopy.compute.fitting import kernel
from omniscopy.compute.fitting.looking import Model, Spectrum
from omniscopy.compute.fitting.normal import Space
from omniscopy.compute.fitting.problem import Problem, Settings

# Rows that lie a multiple of 4096 bytes apart would drive each other out of the nearest memory.
_APART = 24


class Compiled(NamedTuple):
    """A model, which free parameters stay above 0, and the rows of points that formulas need.

    Each thread that fits it has its room to work in, for blocks of one number of points.
    """

    model: Model
    positive: np.ndarray
    scratch: int
    rooms: dict[int, kernel.Room]


def compiled_model(problem: Problem, addresses: Sequence[int]) -> Compiled:
    """Return a problem as the engine takes it."""
    constants: list[float] = []
    terms = []
    for term, address in zip(problem.terms, addresses, strict=True):
        terms.append(
            (address, term.columns[0], term.columns[-1], term.formula.parameters, len(constants))
        )
        constants += term.constants
    model = Model(
        terms=np.array(terms, dtype=np.int64),
        constants=np.array([*constants, 0.0], dtype=np.float64),
        lower=np.array(problem.lower, dtype=np.float64),
        upper=np.array(problem.upper, dtype=np.float64),
        source=np.array(problem.source, dtype=np.int64),
        factor=np.array(problem.factor, dtype=np.float64),
        offset=np.array(problem.offset, dtype=np.float64),
        free=np.array(problem.free, dtype=np.int64),
        free_linear=np.array(problem.free[problem.linear[problem.free]], dtype=np.int64),
        carried=np.searchsorted(problem.free, problem.carried).astype(np.int64),
    )
    scratch = max((term.scratch for term in problem.terms), default=0)
    return Compiled(model, np.array(problem.positive[problem.free], dtype=np.bool_), scratch, {})


def fit_block(  # noqa: PLR0917 - both engines take the same
    compiled: Compiled,
    columns: np.ndarray,
    data: np.ndarray,
    weights: np.ndarray,
    settings: Settings,
    found: Mapping[str, np.ndarray],
) -> None:
    """Fit a block, and write what is found into slices of the results."""
    rooms, thread = compiled.rooms, threading.get_ident()
    if thread not in rooms:
        parts = data.shape[1] // columns.shape[2]
        rooms[thread] = make_room(compiled, data.shape[1], parts=parts)
    kernel.fit_block(
        compiled.model, writable(columns), writable(data), writable(weights), settings,
        kernel.Found(*(found[name] for name in kernel.Found._fields)), rooms[thread],
    )  # fmt: skip


def make_room(compiled: Compiled, values: int, *, parts: int) -> kernel.Room:
    """Return room for a thread to work in, for spectra of so many values in 1 or 2 parts."""
    model = compiled.model
    n, m, free = model.source.size, model.free.size, model.free
    points = -(-values // parts // 8) * 8
    most = parts * min(points_at_a_time(n), points)
    spectrum = Spectrum(
        data=aligned(values),
        weight=aligned(values),
        model=aligned(most),
        jacobian=aligned(n, most + _APART),
        pull=aligned(most),
        hold=aligned(most),
        rows=aligned(2, most + _APART),
        scratch=aligned(max(compiled.scratch * most, 1)),
        tally=np.empty(2),
    )
    space = Space(
        matrix=np.empty((m, m)),
        right=np.empty(m),
        solution=np.empty(m),
        stopped=np.empty(m, np.bool_),
        kept=np.empty(n),
    )
    descent = kernel.Descent(
        normal=np.empty((m, m)),
        direction=np.empty(m),
        trial_normal=np.empty((m, m)),
        trial_direction=np.empty(m),
        trial=np.empty(n),
        damping=np.empty(m),
        largest=np.empty(m),
        step=np.empty(m),
        current=np.empty(m),
        lower=model.lower[free],
        upper=model.upper[free],
        positive=compiled.positive,
    )
    return kernel.Room(spectrum, space, descent)


def aligned(*shape: int) -> np.ndarray:
    """Return room whose registers do not lie across lines of the cache."""
    size = 8 * math.prod(shape)
    room = np.empty(size + 64, np.uint8)
    begin = -room.ctypes.data % 64
    return room[begin : begin + size].view(np.float64).reshape(shape)


def points_at_a_time(parameters: int) -> int:
    """Return how many points make a Jacobian that stays near the processor."""
    return min(512, max(64, 2560 // max(parameters, 1) // 8 * 8))


def writable(values: np.ndarray) -> np.ndarray:
    """Return an array of the one kind that the engine is compiled for."""
    return np.require(values, np.float64, ["C", "W"])
