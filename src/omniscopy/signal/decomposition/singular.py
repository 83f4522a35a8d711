"""The leading singular vectors of a matrix, by the route that its shape makes the cheapest.

Small matrices go to LAPACK. Where one side is short, the Gram matrix of that side is decomposed.
Other matrices that fit in memory are multiplied with a few random vectors again and again
(block Krylov), in single precision; what is found is refined in double precision. Those that do
not are multiplied twice, in two passes over the blocks.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from omniscopy.signal.decomposition.lazily import Array, Form, map_blocks, once, sum_over_blocks
from omniscopy.signal.decomposition.matrices import Matrix, Preparation

# Values, and multiplications, up to which LAPACK is given the matrix itself.
_SMALL, _CHEAP = 2**18, 2e8
# Values of a matrix that is gathered in memory: 0.5 GB in double precision.
HELD = 2**26
# Channels whose Gram matrix is made: always, and where the matrix is too large to be gathered.
_SHORT, _LONGEST = 512, 4096
# Values that are multiplied at a time, so that they stay in the cache; multiplications up to
# which BLAS takes the values as they are.
_CACHED, _UNCOPIED = 2**18, 2**19
# Random vectors of two passes beyond those that are wanted.
_BEYOND = 16
# Vectors that are multiplied at a time beyond those that are wanted, at least; so many more that
# they fill registers; and products of each with the matrix.
_MARGIN, _REGISTER, _PRODUCTS = 8, 16, 5
# Channels whose Gram matrix costs what the products with one vector do.
_PER_VECTOR = 16


@dataclass(frozen=True)
class Truncated:
    """Prepared samples as loadings times components, and what was done to prepare them.

    `loadings` have the axes of the samples and one of components; `components` are orthonormal
    rows of channels. `squares` are the squared singular values, `total` the sum of all of them.
    """

    loadings: Array
    weight: Array
    components: Array
    squares: Array
    total: Array
    mean: Array

    @property
    def count(self) -> int:
        """Return how many components there are."""
        return int(self.components.shape[0])


def truncate(matrix: Matrix, wanted: int, preparation: Preparation, seed: int) -> Truncated:
    """Return the leading `wanted` components of a matrix."""
    rows, columns = matrix.shape
    steps = _Steps(
        preparation, preparation.number(matrix.data.dtype), columns, len(matrix.samples),
        wanted, seed,
    )  # fmt: skip
    small, short = rows * columns <= _SMALL, columns <= min(rows, _short_side(wanted))
    if small or (not short and rows * columns <= HELD):
        return _gathered(matrix, steps)
    if short or columns <= _LONGEST:
        return _by_gram_matrix(matrix, steps)
    return _by_sketches(matrix, steps)


def _gathered(matrix: Matrix, steps: "_Steps") -> Truncated:
    """Decompose the whole matrix in one task."""
    outer = matrix.sizes(matrix.samples)
    loadings = ((*outer, steps.wanted), steps.number)
    components = ((steps.wanted, steps.columns), steps.number)
    forms = [
        loadings, (outer, steps.real), components, ((steps.wanted,), steps.real),
        ((), steps.real), steps.mean_form,
    ]  # fmt: skip
    return Truncated(*once(steps.decompose, matrix.values, forms=forms))


def _by_gram_matrix(matrix: Matrix, steps: "_Steps") -> Truncated:
    """Decompose the Gram matrix of the channels, which one pass over the blocks makes."""
    mean = np.zeros(*steps.mean_form)
    if steps.preparation.needs_mean:
        form = ((steps.columns, 2), steps.number)
        moments = sum_over_blocks(steps.moments, matrix.values, form=form)
        (mean,) = once(_mean_from, moments, forms=[steps.mean_form])
    form = ((steps.columns, steps.columns), steps.number)
    gram = sum_over_blocks(steps.gram, matrix.values, mean, form=form)
    forms = [((steps.columns, steps.wanted), steps.number), ((steps.wanted,), steps.real)]
    basis, squares, total = once(steps.leading, gram, forms=[*forms, ((), steps.real)])
    loadings, weight = _project(matrix, steps, mean, basis)
    return Truncated(loadings, weight, basis.conj().T, squares, total, mean)


def _by_sketches(matrix: Matrix, steps: "_Steps") -> Truncated:
    """Multiply with random vectors twice, and decompose what the samples have of the result.

    The first product is with the samples as they are, so that their mean is found with it.
    """
    width = steps.wanted + _BEYOND
    vectors = ((steps.columns, width), steps.number)
    form = ((steps.columns, width + 2), steps.number)
    sums = sum_over_blocks(steps.first_sketch, matrix.values, form=form)
    mean, basis = once(steps.first_basis, sums, forms=[steps.mean_form, vectors])
    form = ((steps.columns, width + 1), steps.number)
    sums = sum_over_blocks(steps.second_sketch, matrix.values, mean, basis, form=form)
    basis, total = once(_basis_and_total, sums, forms=[vectors, ((), steps.real)])
    sketches, weight = _project(matrix, steps, mean, basis)
    gram = sum_over_blocks(_gram_of_sketches, sketches, form=((width, width), steps.number))
    forms = [((width, steps.wanted), steps.number), ((steps.wanted,), steps.real)]
    turn, squares, _ = once(steps.leading, gram, forms=[*forms, ((), steps.real)])
    return Truncated(sketches @ turn, weight, (basis @ turn).conj().T, squares, total, mean)


def _project(matrix: Matrix, steps: "_Steps", mean: Array, basis: Array) -> tuple[Array, ...]:
    """Return what the samples have of each vector of a basis, and their weights."""
    return map_blocks(
        steps.project, matrix.values, mean, basis, channels=len(matrix.channels),
        forms=[((basis.shape[1],), steps.number), ((), steps.real)],
    )  # fmt: skip


@dataclass(frozen=True)
class _Steps:
    """What is done with a block, or with sums over all; it knows nothing of the data."""

    preparation: Preparation
    number: np.dtype
    columns: int
    outer: int
    wanted: int
    seed: int

    @property
    def real(self) -> np.dtype:
        return np.empty(0, self.number).real.dtype

    @property
    def mean_form(self) -> Form:
        return (self.columns,), self.number

    @property
    def start(self) -> np.ndarray:
        rng = np.random.default_rng(self.seed)
        return rng.standard_normal((self.columns, self.wanted + _BEYOND))

    @property
    def raw(self) -> Preparation:
        return Preparation(single=self.preparation.single)

    def decompose(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return all that there is of a decomposition."""
        outer = block.shape[: self.outer]
        mean = _mean_from(self.moments(block))[0]
        rows = self.preparation.prepare(block.reshape(-1, self.columns), mean)
        loadings, *others = _of_matrix(rows.values, self.wanted, self.seed)
        return loadings.reshape(*outer, -1), rows.weight.reshape(outer), *others, mean

    def moments(self, block: np.ndarray) -> np.ndarray:
        """Return the sum over the samples that are finite, and their number, for each channel."""
        found = np.zeros((self.columns, 2), self.number)
        if self.preparation.needs_mean:
            for _, rows in self.raw.slabs(block, found[:, 0]):
                found[:, 0] += rows.values.sum(axis=0)
                found[:, 1] += np.isfinite(rows.weight).sum()
        return found

    def gram(self, block: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Return the Gram matrix of the channels."""
        total = np.zeros((self.columns, self.columns), self.number)
        for _, rows in self.preparation.slabs(block, mean):
            total += _square(rows.values)
        return total

    def leading(self, gram: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the leading eigenvectors, their eigenvalues and the sum of all of those."""
        basis, squares = _leading_of(gram, self.wanted)
        return basis, squares, np.asarray(max(np.trace(gram).real, 0.0))

    def first_sketch(self, block: np.ndarray) -> np.ndarray:
        """Return the product with random vectors, and the moments."""
        nothing = np.zeros(*self.mean_form)
        product, _ = _multiplied(block, nothing, self.start, self.raw)
        return np.column_stack([product, self.moments(block)])

    def first_basis(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean, and vectors that span most of what was sketched without it."""
        sketch, mean = sums[:, :-2], _mean_from(sums[:, -2:])[0]
        if self.preparation.centre:
            sketch = sketch - np.outer(mean.conj(), sums[:, -2] @ self.start)
        return mean, np.linalg.qr(sketch)[0]

    def second_sketch(self, block: np.ndarray, mean: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Return the product with these vectors, and the squares of each channel."""
        return np.column_stack(_multiplied(block, mean, basis, self.preparation))

    def project(
        self, block: np.ndarray, mean: np.ndarray, basis: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what each sample has of each vector of a basis, and its weight."""
        outer = block.shape[: self.outer]
        size = math.prod(outer)
        loadings, weight = np.empty((size, basis.shape[1]), self.number), np.empty(size, self.real)
        for part, rows in self.preparation.slabs(block, mean):
            loadings[part], weight[part] = _along(rows.values, basis), rows.weight
        return loadings.reshape(*outer, -1), weight.reshape(outer)


def _mean_from(moments: np.ndarray) -> tuple[np.ndarray]:
    return (moments[:, 0] / np.maximum(moments[:, 1].real, 1.0),)


def _short_side(wanted: int) -> int:
    """Return up to which length of the shorter side its Gram matrix costs less than sketches."""
    return max(_SHORT, _PER_VECTOR * _width(wanted))


def _width(wanted: int) -> int:
    """Return how many vectors the matrix is multiplied with at a time."""
    return _REGISTER * -(-(wanted + _MARGIN) // _REGISTER)


def _of_matrix(
    values: np.ndarray, wanted: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return loadings, components, their squared singular values and the sum of all of these."""
    rows, columns = values.shape
    short = min(rows, columns)
    total = np.asarray(np.vdot(values, values).real)
    if rows * columns * short <= _CHEAP:
        found = np.linalg.svd(values, full_matrices=False)
        left, singular, right = found[0][:, :wanted], found[1][:wanted], found[2][:wanted]
        return left * singular, right, singular**2, total
    if short > _short_side(wanted):
        basis = _krylov_basis(values, wanted, seed, math.sqrt(total / values.size))
    elif columns <= rows:
        basis, _ = _leading_of(_square(values), wanted)
    else:
        basis = values.conj().T @ _leading_of(_square(values.conj().T), wanted)[0]
    basis = np.linalg.qr(basis.astype(values.dtype, copy=False))[0]
    left, singular, turn = np.linalg.svd(_along(values, basis), full_matrices=False)
    return left * singular, turn @ basis.conj().T, singular**2, total


def _krylov_basis(values: np.ndarray, wanted: int, seed: int, scale: float) -> np.ndarray:
    """Return vectors that span the leading components, to single precision.

    The Rayleigh-Ritz values are of all products that were made, so that few are enough.
    """
    single = np.complex64 if values.dtype.kind == "c" else np.float32
    # Squares of values, and their sums, must not be too large or small for single precision.
    small = (values if 1e-9 < scale < 1e9 or scale == 0 else values / scale).astype(single)
    width = _width(wanted)
    start = np.random.default_rng(seed).standard_normal((len(values), width), dtype=np.float32)
    # Random sums of samples: half a product closer to what is wanted than random vectors.
    basis = np.linalg.qr(small.conj().T @ start)[0]
    products = _power(small, basis)
    for _ in range(_PRODUCTS - 1):
        # All at once: what is new is orthogonal to what was there, however little it is.
        following = np.linalg.qr(np.hstack([basis, products[:, -width:]]))[0]
        new = following[:, basis.shape[1] :]
        basis, products = np.hstack([basis, new]), np.hstack([products, _power(small, new)])
    ritz = basis.conj().T @ products
    # With the products in place of the basis, one more of these has cost nothing.
    return products @ _leading_of((ritz + ritz.conj().T) / 2, wanted)[0]


def _power(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return the product of a basis with the Gram matrix, which is never made."""
    step = max(1, _CACHED // values.shape[1])
    total = np.zeros_like(basis)
    for begin in range(0, len(values), step):
        part = values[begin : begin + step]
        total += part.conj().T @ (part @ basis)
    return total


def _along(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return the product with few vectors, in parts for which BLAS needs no copies."""
    product = np.empty((len(values), basis.shape[1]), np.result_type(values, basis))
    step = max(1, _UNCOPIED // basis.size)
    for begin in range(0, len(values), step):
        part = slice(begin, begin + step)
        np.matmul(values[part], basis, out=product[part])
    return product


def _multiplied(
    block: np.ndarray, mean: np.ndarray, basis: np.ndarray, preparation: Preparation
) -> tuple[np.ndarray, np.ndarray]:
    """Return the same product for the samples of a block, and the squares of each channel."""
    product = np.zeros(basis.shape, mean.dtype)
    squares = np.zeros(mean.size)
    for _, rows in preparation.slabs(block, mean):
        product += _power(rows.values, basis.astype(mean.dtype, copy=False))
        squares += np.sum(np.abs(rows.values) ** 2, axis=0)
    return product, squares


def _basis_and_total(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.linalg.qr(sums[:, :-1])[0], np.asarray(sums[:, -1].real.sum())


def _gram_of_sketches(block: np.ndarray) -> np.ndarray:
    return _square(block.reshape(-1, block.shape[-1]))


def _square(values: np.ndarray) -> np.ndarray:
    """Return the Gram matrix of the columns."""
    # Of one and the same array, NumPy multiplies only one half.
    return values.T @ values if values.dtype.kind == "f" else values.conj().T @ values


def _leading_of(square: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading eigenvectors, and their eigenvalues, of a Hermitian matrix."""
    side = len(square)
    values, vectors = scipy.linalg.eigh(square, subset_by_index=(side - wanted, side - 1))
    return vectors[:, ::-1], np.maximum(values[::-1], 0.0)
