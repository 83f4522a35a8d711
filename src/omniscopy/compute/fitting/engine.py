"""Spectra are cut into blocks, and worked through by the compiled engine or its twin."""

from typing import Any, NamedTuple

import numpy as np

from omniscopy.compute.fitting.problem import Given, Problem, Settings
from omniscopy.compute.threads import blocks_of, share_work

Found = dict[str, np.ndarray]
NUMBERS = ("cost", "chi_square", "total", "spread")
CODES = ("status", "steps", "points")


class Engine(NamedTuple):
    """How spectra are fitted."""

    settings: Settings
    threads: int | None
    compiled: bool

    def run(self, problem: Problem, given: Given, *, equations: bool = False) -> Found:
        """Return what is found for each spectrum; its normal equations if they are wanted."""
        found = _empty(problem, len(given.data), len(problem.free) if equations else 0)
        np.copyto(found["parameters"], given.start)
        addresses = [term.formula.address() for term in problem.terms if self.compiled]
        known = [address for address in addresses if address is not None]
        fit_block: Any
        if len(known) < len(problem.terms):
            from omniscopy.compute.fitting.twin import fit_block

            model: Any = problem
        else:
            from omniscopy.compute.fitting.blocks import compiled_model, fit_block

            model = compiled_model(problem, known)
        blocks = blocks_of(*given.data.shape)

        def work(begin: int) -> None:
            part = slice(begin, begin + blocks.step)
            data, columns, weights, _ = given.take(part)
            into = {name: values[part] for name, values in found.items()}
            fit_block(model, columns, _as_real(data), weights, self.settings, into)

        share_work(work, blocks, self.threads)
        return found


def _as_real(spectra: np.ndarray) -> np.ndarray:
    """Return doubles in a row; real parts are followed by imaginary parts."""
    if spectra.dtype.kind == "c":
        spectra = np.concatenate([spectra.real, spectra.imag], axis=-1)
    return np.ascontiguousarray(spectra, dtype=np.float64)


def _empty(problem: Problem, count: int, equations: int) -> Found:
    shapes = {
        "parameters": (problem.parameters,), "std": (problem.parameters,),
        "normal": (equations, equations), "direction": (equations,), "figures": (len(NUMBERS),),
    }  # fmt: skip
    found = {name: np.full((count, *shape), np.nan) for name, shape in shapes.items()}
    found |= {"codes": np.zeros((count, len(CODES)), np.int64)}
    # The same by their names: the compiled engine takes tables, all others columns.
    for table, names in (("figures", NUMBERS), ("codes", CODES)):
        found |= {name: found[table][:, n] for n, name in enumerate(names)}
    return found
