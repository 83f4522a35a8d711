"""The methods of decomposition: each makes loadings and components of prepared samples."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from omniscopy.model import DataError
from omniscopy.signal.decomposition.endmembers import find_corners, fractions_of
from omniscopy.signal.decomposition.independent import turn_loadings
from omniscopy.signal.decomposition.kernels import kernel_components
from omniscopy.signal.decomposition.lazily import Array, Form, once
from omniscopy.signal.decomposition.matrices import Matrix, Preparation
from omniscopy.signal.decomposition.nonnegative import factorise_nonnegative
from omniscopy.signal.decomposition.signs import signs_of
from omniscopy.signal.decomposition.singular import HELD, truncate
from omniscopy.signal.decomposition.tensors import (
    compress,
    expand,
    factorise_cp,
    factorise_tucker,
    outer_products,
)

# Samples of which a kernel is made: 0.5 GB in double precision.
_LARGEST_KERNEL = 8192


@dataclass(frozen=True)
class Task:
    """What is to be decomposed, and how. `ranks` has more than one number for "tucker" only."""

    matrix: Matrix
    ranks: tuple[int, ...]
    preparation: Preparation
    kernel_width: float | None
    seed: int

    @property
    def wanted(self) -> int:
        """Return how many components are wanted."""
        return self.ranks[0]

    @property
    def held(self) -> int:
        """Return how many singular vectors hold what a search needs to find its components."""
        return min(*self.matrix.shape, 2 * max(self.ranks) + 16)

    @property
    def channels(self) -> tuple[int, ...]:
        """Return the sizes of the dimensions of channels."""
        return self.matrix.sizes(self.matrix.channels)


class Extra(NamedTuple):
    """An array that only some methods make."""

    form: Form
    dims: tuple[str, ...]
    units: str | None = "1"


@dataclass(frozen=True)
class Found:
    """Components of prepared samples, by flat channels; what a method does not make is None.

    `weight` is what each sample was divided by, NaN where it is left out; `mean` is that of the
    samples before. `further` are arrays that only some methods make.
    """

    loadings: Array
    components: Array
    weight: Array
    parts: Array | None
    error: Array
    mean: Array
    squares: Array | None = None
    steps: Array | None = None
    done: Array | None = None
    further: Mapping[str, tuple[Array, Extra]] = field(default_factory=dict)


class Held(NamedTuple):
    """Samples that are in memory, without those that are left out, as loadings of a basis.

    `places` are their numbers among all samples.
    """

    rows: np.ndarray
    basis: np.ndarray
    total: float
    mean: np.ndarray
    places: np.ndarray


class Solution(NamedTuple):
    """What a search in memory finds; `error` is the sum of squares that is left."""

    loadings: np.ndarray
    components: np.ndarray
    parts: np.ndarray
    error: float
    steps: int
    done: bool
    further: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class _Search:
    """A search among the samples of an array of loadings, those that are left out set aside."""

    function: Callable[[Held], Solution]
    wanted: int
    columns: int
    further: tuple[Form, ...]

    def __call__(
        self, loadings: np.ndarray, weight: np.ndarray, basis: np.ndarray, total: np.ndarray,
        mean: np.ndarray,
    ) -> tuple[Any, ...]:  # fmt: skip
        rows = loadings.reshape(-1, loadings.shape[-1])
        places = np.flatnonzero(np.isfinite(weight))
        full = np.full((len(rows), self.wanted), np.nan)
        if len(places) < self.wanted:
            found = self._nothing()
        else:
            found = self.function(Held(rows[places], basis, float(total), mean, places))
            full[places] = found.loadings
        error = math.sqrt(max(found.error, 0.0) / total) if total > 0 else 0.0
        return (
            full.reshape(*weight.shape, -1), found.components, found.parts, np.asarray(error),
            np.asarray(found.steps), np.asarray(found.done), *found.further,
        )  # fmt: skip

    def _nothing(self) -> Solution:
        return Solution(
            np.empty(0), np.full((self.wanted, self.columns), np.nan),
            np.full(self.wanted, np.nan), np.nan, steps=0, done=True,
            further=tuple(np.zeros(shape, dtype) for shape, dtype in self.further),
        )  # fmt: skip


def _searched(
    task: Task,
    kept: int,
    function: Callable[[Held], Solution],
    further: Mapping[str, Extra] | None = None,
) -> Found:
    """Return what a search finds that has `kept` singular vectors to work with."""
    further = further or {}
    held = truncate(task.matrix, kept, task.preparation, task.seed)
    columns, outer = task.matrix.shape[1], task.matrix.sizes(task.matrix.samples)
    extra = [each.form for each in further.values()]
    search = _Search(function, task.wanted, columns, (*extra,))
    forms: list[Form] = [
        ((*outer, task.wanted), float), ((task.wanted, columns), float), ((task.wanted,), float),
        ((), float), ((), int), ((), bool), *extra,
    ]  # fmt: skip
    arrays = (held.loadings, held.weight, held.components, held.total, held.mean)
    loadings, components, parts, error, steps, done, *others = once(search, *arrays, forms=forms)
    return Found(
        loadings, components, held.weight, parts, error, held.mean, None, steps, done,
        {name: (each, further[name]) for name, each in zip(further, others, strict=True)},
    )  # fmt: skip


def _singular(task: Task) -> Found:
    found = truncate(task.matrix, task.wanted, task.preparation, task.seed)
    forms = [((task.wanted,), float), ((), float)]
    parts, error = once(_explained, found.squares, found.total, forms=forms)
    return Found(
        found.loadings, found.components, found.weight, parts, error, found.mean, found.squares
    )  # fmt: skip


def _explained(squares: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    parts = squares / (total if total > 0 else 1.0)
    left = max(1.0 - float(parts.sum()), 0.0) if total > 0 else 0.0
    return parts, np.asarray(math.sqrt(left))


def _nonnegative(task: Task) -> Found:
    return _searched(task, task.held, functools.partial(_search_factors, wanted=task.wanted))


def _search_factors(held: Held, wanted: int) -> Solution:
    found = factorise_nonnegative(held.rows, held.basis, held.total, wanted)
    return _in_order(
        found.left, found.right.T, held.total,
        error=found.error, steps=found.steps, done=found.done,
    )  # fmt: skip


def _independent(task: Task) -> Found:
    return _searched(task, task.wanted, functools.partial(_search_sources, seed=task.seed))


def _search_sources(held: Held, seed: int) -> Solution:
    # The sign of singular vectors is a matter of rounding, where the search starts must not be.
    signs = signs_of(held.basis)
    rows, basis = held.rows * signs, held.basis * signs[:, None]
    turned = turn_loadings(rows, basis, rows, "ica", seed)
    error = held.total - float(np.vdot(rows, rows))
    return _in_order(
        turned.loadings, turned.components, held.total,
        error=error, steps=turned.steps, done=turned.done,
    )  # fmt: skip


def _in_order(left: np.ndarray, right: np.ndarray, total: float, **ended: Any) -> Solution:
    """Return components, rows of `right`, in the order of what they explain."""
    parts = np.sum(left**2, axis=0) * np.sum(right**2, axis=1) / (total if total > 0 else 1.0)
    order = np.argsort(-parts, kind="stable")
    return Solution(left[:, order], right[order], parts[order], **ended)


def _endmembers(task: Task) -> Found:
    if task.wanted < 2:
        message = f"method 'nfindr' finds at least 2 end members, got n_components={task.wanted}"
        raise DataError(message)
    data = task.matrix.data
    axes = [
        data.coords.get(dim, xr.DataArray(np.arange(data.sizes[dim]), attrs={"units": "1"}))
        for dim in task.matrix.samples
    ]
    function = functools.partial(
        _search_corners, wanted=task.wanted, axes=tuple(axis.values for axis in axes)
    )
    further = {
        f"position_{dim}": Extra(
            ((task.wanted,), axis.dtype), ("component",), axis.attrs.get("units")
        )
        for dim, axis in zip(task.matrix.samples, axes, strict=True)
    }
    # Of one dimension less than there are corners.
    return replace(_searched(task, task.wanted - 1, function, further), parts=None)


def _search_corners(held: Held, wanted: int, axes: tuple[np.ndarray, ...]) -> Solution:
    corners, steps, done = find_corners(held.rows, wanted)
    spanned = held.rows[corners]
    fractions = fractions_of(held.rows, spanned)
    order = np.argsort(-fractions.values.sum(axis=0), kind="stable")
    left = held.total - float(np.vdot(held.rows, held.rows)) + float(fractions.squares.sum())
    places = np.unravel_index(held.places[corners[order]], [len(axis) for axis in axes])
    return Solution(
        fractions.values[:, order], (held.mean + spanned @ held.basis)[order], np.zeros(wanted),
        left, steps, done, tuple(axis[place] for axis, place in zip(axes, places, strict=True)),
    )  # fmt: skip


def _products(task: Task, *, nonnegative: bool) -> Found:
    if len(task.channels) < 2:
        message = (
            f"CP needs components of 2 dimensions or more, got {task.matrix.channels}; name them "
            "with `dim=`, or use method='nmf' or 'svd'"
        )
        raise DataError(message)
    function = functools.partial(
        _search_products, wanted=task.wanted, shape=task.channels, seed=task.seed,
        nonnegative=nonnegative,
    )  # fmt: skip
    further = {
        f"factor_{dim}": Extra(((size, task.wanted), float), (dim, "component"))
        for dim, size in zip(task.matrix.channels, task.channels, strict=True)
    }
    return _searched(task, task.held, function, further)


def _search_products(
    held: Held, wanted: int, shape: tuple[int, ...], seed: int, *, nonnegative: bool
) -> Solution:
    tensor = compress(held.rows, held.basis, shape, 2 * wanted + 16)
    found = factorise_cp(tensor, held.total, wanted, nonnegative=nonnegative, seed=seed)
    loadings, *factors = found.factors
    lengths = np.sum(loadings**2, axis=0)
    order = np.argsort(-lengths, kind="stable")
    signs = [signs_of(factor.T) for factor in factors]
    factors = [(factor * sign)[:, order] for factor, sign in zip(factors, signs, strict=True)]
    loadings = (loadings * math.prod(signs))[:, order]
    parts = lengths[order] / (held.total if held.total > 0 else 1.0)
    return Solution(
        loadings, outer_products(factors), parts, found.error, found.steps, found.done, (*factors,)
    )


def _core(task: Task) -> Found:
    if task.ranks[0] > math.prod(task.ranks[1:]):
        message = (
            f"the core {task.ranks} has more components of the samples than all others together "
            f"allow, {math.prod(task.ranks[1:])}; take fewer of the first or more of the others"
        )
        raise DataError(message)
    function = functools.partial(_search_core, ranks=task.ranks, shape=task.channels)
    further = {
        f"factor_{dim}": Extra(((size, rank), float), (dim, f"component_{dim}"))
        for dim, size, rank in zip(task.matrix.channels, task.channels, task.ranks[1:], strict=True)
    }
    dims = ("component", *(f"component_{dim}" for dim in task.matrix.channels))
    further["core"] = Extra((task.ranks, float), dims)
    return _searched(task, task.held, function, further)


def _search_core(held: Held, ranks: tuple[int, ...], shape: tuple[int, ...]) -> Solution:
    tensor = compress(held.rows, held.basis, shape, 2 * max(ranks) + 16)
    found = factorise_tucker(tensor, ranks)
    components = expand(found.core, found.factors)
    squares = np.sum(found.loadings**2, axis=0)
    signs = signs_of(components)
    core = found.core * signs.reshape(-1, *[1] * (found.core.ndim - 1))
    parts = squares / (held.total if held.total > 0 else 1.0)
    return Solution(
        found.loadings, components, parts, held.total - float(squares.sum()), found.steps,
        found.done, (*found.factors, core),
    )  # fmt: skip


def _of_kernel(task: Task) -> Found:
    rows, columns = task.matrix.shape
    if rows > _LARGEST_KERNEL or rows * columns > HELD:
        message = (
            f"method 'kernel_pca' takes up to {_LARGEST_KERNEL} samples and {HELD} values, got "
            f"{rows} samples of {columns} channels; rebin them, take a part, or decompose the "
            "loadings of another method with `dim='component'` renamed"
        )
        raise DataError(message)
    if task.kernel_width is not None and not task.kernel_width > 0:
        message = f"kernel_width must be above 0, got {task.kernel_width}"
        raise DataError(message)
    outer = task.matrix.sizes(task.matrix.samples)
    search = functools.partial(
        _search_kernel, wanted=task.wanted, width=task.kernel_width, outer=outer,
        preparation=task.preparation,
    )  # fmt: skip
    forms: list[Form] = [
        ((*outer, task.wanted), float), (outer, float), ((task.wanted, columns), float),
        ((task.wanted,), float), ((), float), ((columns,), float),
    ]  # fmt: skip
    loadings, weight, *others = once(search, task.matrix.values, forms=forms)
    components, parts, error, mean = others
    return Found(loadings, components, weight, parts, error, mean)


def _search_kernel(
    block: np.ndarray, wanted: int, width: float | None, outer: tuple[int, ...],
    preparation: Preparation,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    matrix = block.reshape(math.prod(outer), -1)
    rows = preparation.prepare(matrix, np.zeros(matrix.shape[1]))
    usable = np.isfinite(rows.weight)
    loadings = np.full((len(matrix), wanted), np.nan)
    components, parts = np.full((wanted, matrix.shape[1]), np.nan), np.full(wanted, np.nan)
    mean, error = np.full(matrix.shape[1], np.nan), np.nan
    if usable.sum() >= wanted:
        values = rows.values[usable]
        loadings[usable], components, parts, mean = kernel_components(values, wanted, width)
        left = values - mean - loadings[usable] @ components
        total = float(np.sum((values - mean) ** 2))
        error = math.sqrt(float(np.sum(left**2)) / total) if total > 0 else 0.0
    shaped = loadings.reshape(*outer, -1), rows.weight.reshape(outer)
    return *shaped, components, parts, np.asarray(error), mean


METHODS: dict[str, Callable[[Task], Found]] = {
    "svd": _singular,
    "pca": _singular,
    "nmf": _nonnegative,
    "ica": _independent,
    "nfindr": _endmembers,
    "kernel_pca": _of_kernel,
    "cp": functools.partial(_products, nonnegative=False),
    "nonnegative_cp": functools.partial(_products, nonnegative=True),
    "tucker": _core,
}
