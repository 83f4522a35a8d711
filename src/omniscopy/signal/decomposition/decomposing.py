"""Data as sums of few components, by one of several methods."""

import functools
from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.model import DataError, Status, coordinate, operation, require_real, result
from omniscopy.signal.decomposition.lazily import Array, once
from omniscopy.signal.decomposition.matrices import (
    Matrix,
    Preparation,
    matrix_of,
    require_finite,
    require_substance,
    roots_of,
)
from omniscopy.signal.decomposition.methods import METHODS, Found, Task
from omniscopy.signal.decomposition.reconstruction import KEPT
from omniscopy.signal.decomposition.signs import signs_of

Method = Literal[
    "svd", "pca", "nmf", "ica", "nfindr", "kernel_pca", "cp", "nonnegative_cp", "tucker"
]


_WEIGHABLE = ("svd", "pca", "nmf", "ica")
# Methods whose components are in units of the data, and their loadings pure numbers.
_MIXTURES = ("nfindr", "kernel_pca")
# What is made 1 of a component, where that is not its length.
_SCALES = {"nmf": "sum", "nfindr": None, "kernel_pca": "sign"}


@operation(example={"data": "spectrum_image", "n_components": 3})
def decompose(
    data: xr.DataArray,
    n_components: int | Sequence[int],
    *,
    method: Method = "svd",
    dim: str | Sequence[str] | None = None,
    noise: Literal["poisson"] | None = None,
    kernel_width: float | None = None,
    precision: Literal["double", "single"] = "double",
    rng: int | np.random.Generator | None = None,
) -> xr.Dataset:
    r"""Decompose spectra (or patterns, or images) into sums of components.

    Parameters
    ----------
    data : DataArray, any dimensions and units
        Lazy data stay lazy, and are read at most three times.
    n_components : int
        Number of components. For "tucker" also a sequence: one for the samples, and one for each
        of `dim`.
    method : str
        "svd", of the data as they are; "pca", about their mean; "nmf", factors that are nowhere
        negative; "ica", loadings that are independent; "nfindr", the samples that all others are
        mixtures of, and their fractions; "kernel_pca", for samples on a curved surface; "cp",
        components that are products of one factor for each of `dim`, "nonnegative_cp", and
        "tucker", products of factors with a core.
    dim : str or sequence of str
        Dimensions of a component; those of the signal otherwise. All others are pooled: their
        points are the samples.
    noise : "poisson", optional
        Weigh samples and channels by the root of their mean, so that noise of counts is white
        [1]_. For "svd", "pca", "nmf" and "ica".
    kernel_width : float, units of `data`
        Distance of samples at which the kernel of "kernel_pca" has fallen to 0.61; their root
        mean square distance otherwise.
    precision : {"double", "single"}
        Of all numbers. "single" takes half of the time and of the memory, and loses singular
        values below 0.0003 of the largest.
    rng : int or Generator
        Seed of random starts; 0 otherwise.

    Returns
    -------
    Dataset
        ``components`` (component, `dim`) and ``loadings`` (other dimensions, component), whose
        product is closest to the data, or to what is left without the ``mean`` (`dim`) that
        comes with "pca", "ica" and "kernel_pca". Components are pure numbers of unit
        length, for "nmf" with sum 1, and loadings have the units of the data; those of "nfindr"
        (fractions, with sum 1) and "kernel_pca" are pure numbers, and the components are not.

        ``explained_variance_ratio`` (component), the part of the sum of squares of each; parts of
        components that are not orthogonal need not add up. ``relative_error``, the root of the
        part that all together leave. ``status`` of each sample: 4 (no data) where one of its
        values is not finite, 1 (stopped) where a search did not end. Samples without data are
        left out and have NaN loadings.

        ``singular_values`` of "svd" and "pca", in units of the noise where it is weighed.
        ``steps`` of what is found in steps. ``position_<dimension>`` of the samples of "nfindr".
        ``factor_<dimension>`` and, for "tucker", ``core``.

    Raises
    ------
    DataError
        There are fewer samples or channels than components; fewer samples are finite throughout;
        data in memory are constant, or 0, or negative where they must not be; data or options
        do not suit the method.

    Notes
    -----
    :math:`D \approx L C`, or :math:`D \approx 1 m^T + L C`. Each component has the sign (the
    phase) that makes its largest value positive. Components are in the order of what they
    explain.

    Singular vectors come from LAPACK for small matrices; from the Gram matrix of the channels, up
    to 4096 of them; from random sketches [2]_ for others, and for those up to :math:`2^{26}`
    values with more than about 512 channels: singular values that noise makes are then one or
    two percent low. Which, depends on the shape alone. Values below :math:`10^{-8}` of the largest
    are rounding.

    All methods but "kernel_pca" work on the leading singular vectors: `n_components` of them, for
    "nmf", "cp" and "tucker" twice as many and 16 more.

    References
    ----------
    .. [1] M. R. Keenan, P. G. Kotula, *Surf. Interface Anal.* 36, 203 (2004).
    .. [2] C. Musco, C. Musco, *Adv. Neural Inf. Process. Syst.* 28, 1396 (2015).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.signal.decompose(om.samples.spectrum_image(), 4, noise="poisson")
    >>> found["loadings"].dims
    ('y', 'x', 'component')
    """
    matrix = matrix_of(data, dim)
    _require_suitable(data, method, noise, precision)
    centred = method in ("pca", "ica", "nfindr", "kernel_pca")
    task = Task(
        matrix=matrix,
        ranks=_ranks(matrix, n_components, method),
        preparation=Preparation(
            centre=centred and method != "kernel_pca", weigh=noise == "poisson",
            nonnegative=method in ("nmf", "nonnegative_cp"), single=precision == "single",
        ),
        kernel_width=kernel_width,
        seed=seed_of(rng),
    )  # fmt: skip
    require_finite(matrix, task.wanted)
    require_substance(matrix, centred=centred, nonnegative=task.preparation.nonnegative)
    return _labelled(data, task, METHODS[method](task), method, noise)


def seed_of(rng: int | np.random.Generator | None) -> int:
    """Return the seed of a random start: 0 where nothing was said."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**32))
    return 0 if rng is None else int(rng)


def _require_suitable(data: xr.DataArray, method: str, noise: str | None, precision: str) -> None:
    """Raise unless the method is known, and data and noise suit it."""
    if method not in METHODS:
        message = f"method must be one of {', '.join(map(repr, METHODS))}; got {method!r}"
        raise DataError(message)
    if noise not in (None, "poisson"):
        message = f"noise must be 'poisson' or None, got {noise!r}"
        raise DataError(message)
    if precision not in ("double", "single"):
        message = f"precision must be 'double' or 'single', got {precision!r}"
        raise DataError(message)
    if noise == "poisson" and method not in _WEIGHABLE:
        message = f"noise='poisson' is for {_WEIGHABLE}; {method!r} would be another model with it"
        raise DataError(message)
    if method not in ("svd", "pca"):
        require_real(data)


def _ranks(matrix: Matrix, n_components: int | Sequence[int], method: str) -> tuple[int, ...]:
    """Return how many components are wanted, of every side for "tucker"."""
    rows, columns = matrix.shape
    if not rows * columns:
        message = f"there is nothing to decompose: {rows} samples of {columns} channels"
        raise DataError(message)
    if method == "tucker":
        sides = [dim for dim in matrix.order if dim in matrix.channels]
        sizes = [rows, *matrix.sizes(sides)]
        given = [n_components] * len(sizes) if isinstance(n_components, int) else [*n_components]
        if isinstance(n_components, int):
            given = [min(rank, size) for rank, size in zip(given, sizes, strict=True)]
        if len(given) != len(sizes) or not all(
            1 <= rank <= size for rank, size in zip(given, sizes, strict=True)
        ):
            message = (
                f"n_components must be one number, or {len(sizes)}: for the {rows} samples and for "
                f"{sides} of sizes {sizes[1:]}; got {n_components}"
            )
            raise DataError(message)
        of_dim = dict(zip(sides, given[1:], strict=True))
        return (given[0], *(of_dim[dim] for dim in matrix.channels))
    if not isinstance(n_components, int | np.integer):
        message = f"n_components of method {method!r} must be one number, got {n_components!r}"
        raise DataError(message)
    if not 1 <= n_components <= min(rows, columns):
        message = (
            f"n_components must be from 1 to {min(rows, columns)} ({rows} samples of {columns} "
            f"channels), got {n_components}"
        )
        raise DataError(message)
    return (int(n_components),)


def _labelled(
    data: xr.DataArray, task: Task, found: Found, method: str, noise: str | None
) -> xr.Dataset:
    """Return what was found with its labels and units, for the data as they were given."""
    matrix, units = task.matrix, data.attrs.get("units")
    forms = [(found.components.shape, found.components.dtype)]
    forms.append(((found.components.shape[0],), found.components.dtype))
    finish = functools.partial(
        _finished, scale=_SCALES.get(method, "length"), weigh=task.preparation.weigh
    )
    components, factor = once(finish, found.components, found.mean, forms=forms)
    loadings = found.loadings * found.weight[..., None] * factor
    if task.preparation.single:
        loadings, components = (
            each.astype(task.preparation.number(each.dtype)) for each in (loadings, components)
        )
    mixture = method in _MIXTURES
    stated = {
        "components": (matrix.of_channels(components, "component"), units if mixture else "1"),
        "loadings": (matrix.of_samples(loadings, "component"), "1" if mixture else units),
        "relative_error": (xr.DataArray(found.error), "1"),
        "status": (matrix.of_samples(_status(found)), "1"),
    }
    if found.parts is not None:
        stated["explained_variance_ratio"] = (_by_component(found.parts), "1")
    if found.squares is not None:
        # Divided by the root of the mean, counts are in units of their noise.
        stated["singular_values"] = (_by_component(found.squares**0.5), "1" if noise else units)
    if method in ("pca", "ica", "kernel_pca"):
        stated["mean"] = (matrix.of_channels(found.mean), units)
    if found.steps is not None:
        stated["steps"] = (xr.DataArray(found.steps), "1")
    for name, (values, extra) in found.further.items():
        axes = {dim: data.coords[dim] for dim in extra.dims if dim in data.coords}
        stated[name] = (xr.DataArray(values, axes, dims=extra.dims), extra.units)
    made = result({"method": method, **({"noise": noise} if noise else {})}, **stated)
    described = {key: data.attrs[key] for key in KEPT if key in data.attrs}
    made["components" if mixture else "loadings"].attrs |= described
    numbers = {
        dim: coordinate(str(dim), np.arange(size), "1")
        for dim, size in made.sizes.items()
        if str(dim).partition("_")[0] == "component"
    }
    return made.assign_coords(numbers)


def _finished(
    components: np.ndarray, mean: np.ndarray, scale: str | None, *, weigh: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return components as they are stated, and what their loadings are multiplied with."""
    values = components * roots_of(mean) if weigh else components
    if scale is None:
        return values, np.ones(len(values))
    sizes = {
        "length": np.linalg.norm(values, axis=1), "sum": values.sum(axis=1),
        "sign": np.ones(len(values)),
    }[scale]  # fmt: skip
    sizes = np.where(sizes > 0, sizes, 1.0)
    signs = signs_of(values)
    return values * (signs.conj() / sizes)[:, None], sizes * signs


def _status(found: Found) -> Array:
    """Return 4 where a sample is left out, 1 where a search did not end."""
    usable = np.isfinite(found.weight)
    ended = 0 if found.done is None else (1 - found.done) * int(Status.MAX_STEPS)
    return usable * ended + (1 - usable) * int(Status.NO_DATA)


def _by_component(values: Array) -> xr.DataArray:
    return xr.DataArray(values, dims="component")
