"""Spectra as sums of few components."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

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
        Lazy data stay lazy: they are read once for the components and once for the loadings.
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
    values = data.astype(np.complex128 if data.dtype.kind == "c" else np.float64)
    values = values.drop_attrs(deep=False)
    usable = (abs(values) < np.inf).all(sides.channels)
    values = values.where(usable, 0.0)
    mean = values.sum(sides.samples) / usable.sum(sides.samples)
    weights = _poisson_weights(values, mean, usable, sides) if noise == "poisson" else None
    centred = (values - mean).where(usable, 0.0) if method == "pca" else values
    weighted = centred if weights is None else centred / (weights[0] * weights[1])

    factors = _factorise(weighted, sides)
    components, loadings = factors.components, factors.loadings
    if weights is not None:
        loadings, components = loadings * weights[0], components * weights[1]
    numbers = coordinate("component", np.arange(n_components), "1")
    stated = {
        "components": (components.transpose("component", *sides.channels), "1"),
        "loadings": (
            loadings.where(usable).transpose(*sides.samples, "component"),
            data.attrs.get("units"),
        ),
        "singular_values": (factors.singular_values, data.attrs.get("units")),
        "explained_variance_ratio": (factors.explained, "1"),
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


@dataclass(frozen=True)
class _Factors:
    components: xr.DataArray
    loadings: xr.DataArray
    singular_values: xr.DataArray
    explained: xr.DataArray


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


def _poisson_weights(
    values: xr.DataArray, mean: xr.DataArray, usable: xr.DataArray, sides: _Sides
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the roots of the mean counts of samples and of channels; 1 where there are none."""
    overall = abs(mean).mean(sides.channels)
    of_samples = (abs(values.mean(sides.channels).where(usable, 0.0)) / overall) ** 0.5
    of_channels = abs(mean) ** 0.5
    return of_samples.where(of_samples > 0, 1.0), of_channels.where(of_channels > 0, 1.0)


def _factorise(values: xr.DataArray, sides: _Sides) -> _Factors:
    """Return components, loadings, singular values, and the part that each explains."""
    direct = values.chunks is None and math.prod(sides.sizes.values()) <= _DIRECT
    components, squares, total = (_from_matrix if direct else _from_gram)(values, sides)
    components = _with_sign(components, sides.channels)
    return _Factors(
        components,
        xr.dot(values, components.conj(), dim=sides.channels),
        squares**0.5,
        squares / total.where(total > 0, np.inf),
    )


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
