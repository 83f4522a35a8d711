"""Spectra as sums of few components."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.compute import read_again
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    dims_of_role,
    kind_of_dim,
    operation,
    require_array,
    require_dims,
    result,
    signal_type_of,
)

# Pixels up to which an array in memory is decomposed itself, not its Gram matrix.
_DIRECT = 4_000_000
# Side up to which a Gram matrix is made: 0.5 GB.
_LARGEST = 8192
_KEPT = ("long_name", "quantity", "modality", "source")


@operation(example={"data": "spectrum_image", "n_components": 3})
def decompose(
    data: xr.DataArray,
    n_components: int,
    *,
    method: Literal["svd", "pca"] = "svd",
    dim: str | Sequence[str] | None = None,
    noise: Literal["poisson"] | None = None,
) -> xr.Dataset:
    r"""Decompose spectra (or patterns, or images) into sums of components.

    Parameters
    ----------
    data : DataArray, any dimensions and units, real or complex
        Lazy data stay lazy: they are read once for the components and once for the loadings,
        and before that once for the mean where it is needed.
    n_components : int
        Number of components.
    method : {"svd", "pca"}
        Singular value decomposition of the data as they are, or after their mean is subtracted.
    dim : str or sequence of str
        Dimensions of a component; those of the signal otherwise. All others are pooled: their
        points are the samples.
    noise : "poisson", optional
        Weigh samples and channels by the root of their mean, so that noise of counts is white
        [1]_. Components are then not orthogonal.

    Returns
    -------
    Dataset
        ``components`` (component, `dim`), dimensionless, of unit length where noise is not
        weighed; ``loadings`` (other dimensions, component), in units of `data`;
        ``singular_values`` and ``explained_variance_ratio`` (component), the part of the sum of
        squares (of the variance for "pca") that each explains; ``mean`` (`dim`) for "pca";
        ``status`` of each sample: 4 (no data) where one of its values is not finite. Such a
        sample is left out and has NaN loadings. All in double precision.

    Raises
    ------
    DataError
        There are fewer samples or channels than components, or more than 8192 of both.

    Notes
    -----
    :math:`D \approx L C`, or :math:`D \approx 1 m^T + L C`. Each component has the sign (the
    phase) that makes its largest value positive. Of arrays that are lazy or large, the Gram
    matrix of the shorter side is decomposed: singular values below :math:`10^{-8}` of the
    largest are then rounding.

    References
    ----------
    .. [1] M. R. Keenan, P. G. Kotula, *Surf. Interface Anal.* 36, 203 (2004).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.signal.decompose(om.samples.spectrum_image(), 4, noise="poisson")
    >>> found["loadings"].dims
    ('y', 'x', 'component')
    """
    sides = _sides(data, dim, n_components, method)
    values = data.drop_attrs(deep=False)
    if values.chunks is not None:
        values = values.chunk(dict.fromkeys(sides.channels, -1))
    scaling = _Scaling(sides, centre=method == "pca", weigh=noise == "poisson")
    mean = scaling.mean_of(values)
    components, squares, total = _components(scaling.scaled(read_again(values, mean), mean), sides)
    # The loadings need all components: every chunk would wait for the last one.
    loadings = scaling.projected(read_again(values, components), mean, components)
    usable = loadings.notnull().all("component")
    components = components * scaling.of_channels(mean)
    numbers = coordinate("component", np.arange(n_components), "1")
    stated = {
        "components": (components.transpose("component", *sides.channels), "1"),
        "loadings": (
            loadings.transpose(*sides.samples, "component"),
            data.attrs.get("units"),
        ),
        "singular_values": (squares**0.5, data.attrs.get("units")),
        "explained_variance_ratio": (squares / total.where(total > 0, np.inf), "1"),
        "status": ((~usable) * int(Status.NO_DATA), "1"),
    }
    if method == "pca":
        stated["mean"] = (mean, data.attrs.get("units"))
    made = result({"method": method}, **stated).assign_coords(component=numbers)
    made["loadings"].attrs |= {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    return made


@operation(example={"ds": "decomposition"})
def reconstruct(ds: xr.Dataset, components: int | Sequence[int] | None = None) -> xr.DataArray:
    """Reconstruct data from components and loadings, with less noise than they had.

    Parameters
    ----------
    ds : Dataset
        What `decompose` returned.
    components : int or sequence of int
        How many of the components, from the first, or which; all otherwise.

    Returns
    -------
    DataArray, units of the loadings
        Samples first, then the dimensions of a component. NaN where the loadings are.

    Raises
    ------
    DataError
        `ds` holds no components and loadings, or one of `components` is not there.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.signal.reconstruct(om.samples.decomposition(), 2).dims
    ('y', 'x', 'energy_loss')
    """
    if not isinstance(ds, xr.Dataset) or not {"components", "loadings"} <= set(ds.data_vars):
        found = sorted(map(str, ds.data_vars)) if isinstance(ds, xr.Dataset) else type(ds).__name__
        message = f"expected a Dataset of components and loadings, got {found}"
        raise DataError(message)
    present = ds.sizes["component"]
    wanted = _wanted(components, present)
    parts, loadings = (
        ds[name].isel(component=wanted).drop_attrs(deep=False)
        for name in ("components", "loadings")
    )
    samples = [dim for dim in loadings.dims if dim != "component"]
    channels = [dim for dim in parts.dims if dim not in ("component", *samples)]
    if parts.chunks is not None:
        # One chunk, or every chunk of loadings would meet every one of components.
        parts = parts.chunk(dict.fromkeys(parts.dims, -1))
        loadings = loadings.chunk(component=-1)
    values = xr.dot(loadings, parts, dim="component")
    if "mean" in ds:
        values = values + ds["mean"].drop_attrs(deep=False)
    kinds = [kind_of_dim(values, dim) for dim in (*samples, *channels)]
    attrs = {key: value for key, value in ds["loadings"].attrs.items() if key in (*_KEPT, "units")}
    return values.transpose(*samples, *channels).assign_attrs(
        attrs, signal_type=signal_type_of(kinds)
    )


@dataclass(frozen=True)
class _Sides:
    """The dimensions of the two sides of a matrix, and how many components are wanted."""

    samples: list[str]
    channels: list[str]
    sizes: dict[str, int]
    wanted: int

    def size(self, dims: Sequence[str]) -> int:
        return math.prod(self.sizes[dim] for dim in dims)


def _sides(
    data: xr.DataArray, dim: str | Sequence[str] | None, n_components: int, method: str
) -> _Sides:
    require_array(data)
    if method not in ("svd", "pca"):
        message = f"method must be 'svd' or 'pca', got {method!r}"
        raise DataError(message)
    channels = [dim] if isinstance(dim, str) else list(dim or dims_of_role(data, "signal"))
    require_dims(data, channels)
    samples = [str(each) for each in data.dims if each not in channels]
    if not channels or not samples:
        message = (
            f"dimensions {tuple(data.dims)} leave no {'samples' if channels else 'channels'}; "
            "name the dimensions of a component with `dim=`"
        )
        raise DataError(message)
    sides = _Sides(samples, channels, {str(d): n for d, n in data.sizes.items()}, n_components)
    rows, columns = sides.size(samples), sides.size(channels)
    if not 1 <= n_components <= min(rows, columns):
        message = (
            f"n_components must be from 1 to {min(rows, columns)} ({rows} samples of {columns} "
            f"channels), got {n_components}"
        )
        raise DataError(message)
    if min(rows, columns) > _LARGEST:
        message = (
            f"{rows} samples of {columns} channels; one of both must be at most {_LARGEST}: "
            "rebin the data or take a part of them"
        )
        raise DataError(message)
    return sides


def _wanted(components: int | Sequence[int] | None, present: int) -> list[int]:
    numbers = range(present) if components is None else components
    wanted = list(range(numbers)) if isinstance(numbers, int) else [int(n) for n in numbers]
    if not wanted or not all(0 <= number < present for number in wanted):
        message = f"components {components!r} are not among the {present} that there are"
        raise DataError(message)
    return wanted


@dataclass(frozen=True)
class _Scaling:
    """What is done to samples before they are decomposed, block by block of whole samples.

    Each pass is one function of a block, so that a chunk is read, used and forgotten.
    """

    sides: _Sides
    centre: bool
    weigh: bool

    def mean_of(self, data: xr.DataArray) -> xr.DataArray:
        """Return the mean of the samples that are finite, or zeros where it is not needed."""
        if not (self.centre or self.weigh):
            shape = [self.sides.sizes[dim] for dim in self.sides.channels]
            return xr.DataArray(np.zeros(shape), dims=self.sides.channels)
        values = data.astype(_double(data.dtype))
        usable = (abs(values) < np.inf).all(self.sides.channels)
        return values.where(usable, 0.0).sum(self.sides.samples) / usable.sum(self.sides.samples)

    def scaled(self, data: xr.DataArray, mean: xr.DataArray) -> xr.DataArray:
        """Return the samples that are decomposed, zero where they are not finite."""
        return self._mapped(lambda block, mean: self._of_block(block, mean)[0], data, mean)

    def projected(
        self, data: xr.DataArray, mean: xr.DataArray, components: xr.DataArray
    ) -> xr.DataArray:
        """Return the loadings of the components, NaN where samples are not finite."""

        def project(block: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
            values, of_samples = self._of_block(block, mean)
            axes = range(-len(self.sides.channels), 0)
            return np.tensordot(values, components.conj(), (axes, axes)) * of_samples[..., None]

        return self._mapped(project, data, mean, components)

    def of_channels(self, mean: xr.DataArray) -> xr.DataArray | float:
        """Return the roots of the mean counts of the channels, 1 where there are none."""
        return (abs(mean) ** 0.5).where(abs(mean) > 0, 1.0) if self.weigh else 1.0

    def _of_block(self, block: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scaled samples, and the weight of each: NaN where it is not finite."""
        axes = tuple(range(-len(self.sides.channels), 0))
        values = block.astype(_double(block.dtype))
        usable = np.isfinite(values).all(axis=axes, keepdims=True)
        values = np.where(usable, values, 0.0)
        weight = np.ones(usable.shape)
        if self.weigh:
            level = np.abs(mean)
            weight = np.abs(values.mean(axis=axes, keepdims=True))
            overall = level.mean()
            weight = np.sqrt(weight / overall if overall > 0 else weight)
            weight = np.where(weight > 0, weight, 1.0)
            values = values / np.where(level > 0, np.sqrt(level), 1.0)
            mean = np.sqrt(level) * np.sign(mean)
        if self.centre:
            values = np.where(usable, values - mean, 0.0)
        return values / weight, np.squeeze(np.where(usable, weight, np.nan), axis=axes)

    def _mapped(
        self, function: Callable[..., np.ndarray], data: xr.DataArray, *others: xr.DataArray
    ) -> xr.DataArray:
        channels = self.sides.channels
        projects = len(others) == 2
        return xr.apply_ufunc(
            function,
            data,
            *others,
            input_core_dims=[channels, channels, ["component", *channels]][: 1 + len(others)],
            output_core_dims=[["component"] if projects else channels],
            dask="parallelized",
            dask_gufunc_kwargs={"meta": (np.empty(0, _double(data.dtype)),)},
        )


def _double(dtype: np.dtype) -> Any:
    return np.complex128 if dtype.kind == "c" else np.float64


def _components(
    values: xr.DataArray, sides: _Sides
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return components, their squared singular values and the sum of all of these."""
    direct = values.chunks is None and math.prod(sides.sizes.values()) <= _DIRECT
    components, squares, total = (_from_matrix if direct else _from_gram)(values, sides)
    return _with_sign(components, sides.channels), squares, total


def _from_matrix(
    values: xr.DataArray, sides: _Sides
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return components, their squared singular values and the sum of all, by a thin SVD."""
    matrix = values.transpose(*sides.samples, *sides.channels).values
    matrix = matrix.reshape(sides.size(sides.samples), -1)
    _, singular, vectors = np.linalg.svd(matrix, full_matrices=False)
    basis = vectors[: sides.wanted].reshape(-1, *(sides.sizes[dim] for dim in sides.channels))
    coords = {dim: values.coords[dim] for dim in sides.channels if dim in values.coords}
    return (
        xr.DataArray(basis, coords, dims=("component", *sides.channels)),
        xr.DataArray(singular[: sides.wanted] ** 2, dims="component"),
        xr.DataArray(np.sum(singular**2)),
    )


def _from_gram(
    values: xr.DataArray, sides: _Sides
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return the same from the Gram matrix of the shorter side, in one pass over the data."""
    by_channels = sides.size(sides.channels) <= sides.size(sides.samples)
    short, long = (sides.channels, sides.samples)[:: 1 if by_channels else -1]
    other = {dim: f"{dim} conjugate" for dim in short}
    if values.chunks is not None:
        # One chunk along the short side, or every chunk would meet every other one.
        values = values.chunk(dict.fromkeys(short, -1))
    conjugate = values.conj().drop_vars(short, errors="ignore").rename(other)
    gram = xr.dot(values, conjugate, dim=long)
    basis, squares, total = _leading(gram, short, [*other.values()], sides, values.dtype)
    if by_channels:
        return basis.conj(), squares, total
    root = (squares**0.5).where(squares > 0, np.inf)
    return xr.dot(basis.conj(), values, dim=sides.samples) / root, squares, total


def _leading(
    gram: xr.DataArray, short: list[str], other: list[str], sides: _Sides, kind: np.dtype
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return the leading eigenvectors of a Gram matrix, their eigenvalues and the sum of all."""
    shape, wanted = [sides.sizes[dim] for dim in short], sides.wanted

    def solve(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        import scipy.linalg

        side = math.prod(shape)
        square = matrix.reshape(side, side)
        first = side - wanted
        found, vectors = scipy.linalg.eigh(square, subset_by_index=(first, side - 1))
        total = np.maximum(np.real(np.trace(square)), 0.0)
        basis = vectors[:, ::-1].T.reshape(wanted, *shape)
        return basis, np.maximum(found[::-1], 0.0), np.asarray(total)

    if gram.chunks is not None:
        gram = gram.chunk(dict.fromkeys(gram.dims, -1))
    basis, squares, total = xr.apply_ufunc(
        solve,
        gram,
        input_core_dims=[[*short, *other]],
        output_core_dims=[["component", *short], ["component"], []],
        dask="parallelized",
        dask_gufunc_kwargs={
            "output_sizes": {"component": wanted},
            # Given the types alone, dask casts an empty complex array and warns of it.
            "meta": (np.empty(0, kind), np.empty(0), np.empty(0)),
        },
    )
    return basis, squares, total


def _with_sign(components: xr.DataArray, channels: list[str]) -> xr.DataArray:
    """Turn every component so that its largest value is real and positive."""
    size = abs(components)
    largest = size == size.max(channels)
    leading = components.where(largest, 0.0).sum(channels) / largest.sum(channels)
    phase = leading / abs(leading).where(abs(leading) > 0, 1.0)
    return components * phase.conj().where(abs(leading) > 0, 1.0)
