"""Problems and blocks of spectra as the compiled engine takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from omniscopy.compute.fitting import kernel
from omniscopy.compute.fitting.normal import Space
from omniscopy.compute.fitting.problem import Problem, Settings


def compiled_model(problem: Problem, addresses: Sequence[int | None]) -> tuple[Any, int]:
    """Return the table of terms, and how many rows of points the formulas need to work in."""
    constants: list[float] = []
    terms = []
    for term, address in zip(problem.terms, addresses, strict=True):
        terms.append(
            (address, term.columns[0], term.columns[-1], term.formula.parameters, len(constants))
        )
        constants += term.constants
    model = kernel.Model(
        terms=np.array(terms, dtype=np.int64),
        constants=np.array([*constants, 0.0], dtype=np.float64),
        lower=np.array(problem.lower, dtype=np.float64),
        upper=np.array(problem.upper, dtype=np.float64),
        positive=np.array(problem.positive, dtype=np.bool_),
        linear=np.array(problem.linear, dtype=np.bool_),
        source=np.array(problem.source, dtype=np.int64),
        factor=np.array(problem.factor, dtype=np.float64),
        offset=np.array(problem.offset, dtype=np.float64),
        free=np.array(problem.free, dtype=np.int64),
    )
    return model, max((term.scratch for term in problem.terms), default=0)


def fit_block(  # noqa: PLR0917 - both engines take the same
    given: tuple[Any, int],
    columns: np.ndarray,
    data: np.ndarray,
    weights: np.ndarray,
    settings: Settings,
    found: Mapping[str, np.ndarray],
) -> None:
    """Fit a block, and write what is found into slices of the results."""
    model, rows = given
    block = kernel.Found(
        parameters=np.array(found["parameters"]),
        std=np.empty(found["std"].shape),
        codes=np.empty((data.shape[0], 3), dtype=np.int64),
        figures=np.empty((data.shape[0], 3)),
    )
    room = make_room(data.shape[1], model, rows * columns.shape[2])
    kernel.fit_block(
        model, writable(columns), writable(data), writable(weights), settings, block, room
    )
    found["parameters"][:] = block.parameters
    found["std"][:] = block.std
    for n, name in enumerate(("status", "steps", "points")):
        found[name][:] = block.codes[:, n]
    for n, name in enumerate(("cost", "chi_square", "total")):
        found[name][:] = block.figures[:, n]


def make_room(points: int, model: kernel.Model, scratch: int) -> kernel.Room:
    """Return room for a thread to work in."""
    n, m, free = model.source.size, model.free.size, model.free
    here = kernel.Spectrum(
        data=np.empty(points),
        weight=np.empty(points),
        model=np.empty(points),
        jacobian=np.empty((n, points)),
        pull=np.empty(points),
        hold=np.empty(points),
        row=np.empty(points),
        scratch=np.empty(max(scratch, 1)),
    )
    there = here._replace(
        model=np.empty(points),
        jacobian=np.empty((n, points)),
        pull=np.empty(points),
        hold=np.empty(points),
    )
    space = Space(
        matrix=np.empty((m, m)),
        scale=np.empty(m),
        right=np.empty(m),
        solution=np.empty(m),
        stopped=np.empty(m, np.bool_),
        kept=np.empty(n),
    )
    descent = kernel.Descent(
        normal=np.empty((m, m)),
        direction=np.empty(m),
        damping=np.empty(m),
        largest=np.empty(m),
        step=np.empty(m),
        current=np.empty(m),
        lower=model.lower[free],
        upper=model.upper[free],
        positive=model.positive[free],
        trial=np.empty(n),
    )
    return kernel.Room(here, there, space, descent)


def writable(values: np.ndarray) -> np.ndarray:
    """Return an array of the one kind that the engine is compiled for."""
    return np.require(values, np.float64, ["C", "W"])
