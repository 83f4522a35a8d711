"""Where fits start when a spectrum alone does not say it: neighbours, alike spectra, coarser maps.

Each search fits all pixels from the usual starts first, then again from what others have found,
and keeps the better solution of each pixel. Maps of parameters are in memory as a whole between
the passes, spectra never are.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.passes import read_again
from omniscopy.model import DataError, kind_of_dim
from omniscopy.signal.block_fits import BlockFit, Found, is_better
from omniscopy.signal.pixel_fits import PARAMETER, PixelFit

Search = Literal["neighbours", "clusters", "pyramid"]
# How far away neighbours are in one sweep after the other, in pixels: near ones have the better
# starts, far ones fill large areas.
_DISTANCES, _MOST_CYCLES = (1, 2, 4, 8, 4, 2, 1), 4
# How many pixels along each dimension are averaged, from the coarsest map on.
_BINNING = (16, 4)
# Spectra, and bytes of them, that clusters are looked for among; spectra for a cluster; clusters.
_SAMPLED, _SAMPLED_BYTES, _PER_CLUSTER, _CLUSTERS = 4096, 2**26, 30, 32
_CLUSTER = "cluster"
# What starts are tried for the mean of all spectra, besides the estimated one.
_ROOT_RESTARTS = 8


def fit_from_neighbours(pixels: PixelFit) -> Found:
    """Return fits of which each starts, in several sweeps, from its best neighbour too.

    A neighbour that has found nothing new since it was last asked is not asked again.
    """
    found = pixels.first()
    dims = _ordered_dims(pixels, "neighbours")
    longest = max((pixels.data.sizes[dim] for dim in dims), default=1)
    cycles = min(_MOST_CYCLES, -(-longest // sum(_DISTANCES)))
    asked: dict[int, xr.DataArray] = {}
    for distance in _DISTANCES * cycles if dims else ():
        news = found.cost < asked.get(distance, np.inf)
        asked[distance] = found.cost
        found = pixels.again(_best_neighbours(found, news, dims, distance), found)
    return found


def _ordered_dims(pixels: PixelFit, search: Search) -> list[str]:
    """Return the dimensions along which pixels have neighbours."""
    dims = [
        dim for dim in pixels.pixel_dims
        if kind_of_dim(pixels.data, dim) not in ("channel", "point") and pixels.data.sizes[dim] > 1
    ]  # fmt: skip
    if not dims and any(pixels.data.sizes[dim] > 1 for dim in pixels.pixel_dims):
        message = (
            f"start={search!r} needs pixels in rows; {tuple(pixels.pixel_dims)} have no order: "
            "try start='clusters'"
        )
        raise DataError(message)
    return dims


def _best_neighbours(
    found: Found, news: xr.DataArray, dims: Sequence[str], distance: int
) -> xr.DataArray:
    """Return the parameters of the best neighbour with news, NaN where none is better."""
    # What is not explained does not depend on how bright a pixel is; counts are in units of
    # their noise.
    explained = found.r_squared
    misfit = (1.0 - explained).where(np.isfinite(explained), found.reduced_chi_square)
    sizes = {dim: found.parameters.sizes[dim] for dim in (*dims, PARAMETER)}
    (starts,) = map_signal(
        _choose_neighbours, misfit, dim=dims, also=[news, found.parameters], whole=[PARAMETER],
        output_dims=[sizes], parameters={"distance": distance, "count": len(dims)},
    )  # fmt: skip
    return starts.assign_coords(
        {dim: found.cost.coords[dim] for dim in dims if dim in found.cost.coords}
    )


def _choose_neighbours(
    misfit: np.ndarray, news: np.ndarray, parameters: np.ndarray, *, distance: int, count: int
) -> np.ndarray:
    """Return the same for arrays with the dimensions of pixels, and then parameters, last."""
    best = np.where(np.isfinite(misfit), misfit, np.inf)
    offered, starts = np.where(news, best, np.inf), np.full(parameters.shape, np.nan)
    for axis in range(misfit.ndim - count, misfit.ndim):
        for place in (slice(distance, None), slice(None, -distance)):
            other_place = slice(None, -distance) if place.stop is None else slice(distance, None)
            here, there = [slice(None)] * misfit.ndim, [slice(None)] * misfit.ndim
            here[axis], there[axis] = place, other_place
            one, other = tuple(here), tuple(there)
            closer = offered[other] < best[one]
            best[one] = np.where(closer, offered[other], best[one])
            starts[one] = np.where(closer[..., None], parameters[other], starts[one])
    return starts


def fit_from_coarse(pixels: PixelFit) -> Found:
    """Return fits that start from those of averages over 4 x 4 pixels too, and these from 16."""
    dims = _ordered_dims(pixels, "pyramid")
    starts: xr.DataArray | None = None
    for factor in _BINNING:
        factors = {dim: factor for dim in dims if pixels.data.sizes[dim] >= 2 * factor}
        if factors:
            starts = _refine(_binned(pixels, factors), starts).parameters
    return _refine(pixels, starts)


def _refine(pixels: PixelFit, coarse: xr.DataArray | None) -> Found:
    """Return fits that start from a coarser map too."""
    if coarse is None:
        return pixels.first()
    starts = pixels.cut(_repeated(coarse, pixels.data))
    pixels = replace(pixels, data=read_again(pixels.data, starts))
    return pixels.again(starts, pixels.first(), pixels.data)


def _binned(pixels: PixelFit, factors: dict[str, int]) -> PixelFit:
    """Return the fit of averages over neighbouring pixels."""
    weights = None if pixels.weights is None else _averaged(pixels.weights, factors)
    return replace(pixels, data=_averaged(pixels.data, factors), weights=weights)


def _averaged(values: xr.DataArray, factors: dict[str, int]) -> xr.DataArray:
    own = {dim: factor for dim, factor in factors.items() if dim in values.dims}
    if values.chunks is not None:
        # Chunks of whole groups of pixels are averaged each by itself.
        values = values.chunk(
            {d: -(-max(values.chunksizes[d]) // factor) * factor for d, factor in own.items()}
        )
    values = values.drop_vars(
        [name for name, each in values.coords.items() if {*own} & {*each.dims}]
    )
    return values.coarsen(own, boundary="pad").mean()


def _repeated(coarse: xr.DataArray, data: xr.DataArray) -> xr.DataArray:
    """Return a coarse map with its pixels repeated, as large as that of the data."""
    shared = [str(dim) for dim in coarse.dims if dim in data.dims]
    places = {}
    for dim in shared:
        factor = -(-data.sizes[dim] // coarse.sizes[dim])
        places[dim] = np.minimum(np.arange(data.sizes[dim]) // factor, coarse.sizes[dim] - 1)
    whole = coarse if coarse.chunks is None else coarse.chunk(-1)
    made = whole.drop_vars([dim for dim in shared if dim in whole.coords]).isel(places)
    return made.assign_coords({dim: data.coords[dim] for dim in shared if dim in data.coords})


def fit_from_clusters(pixels: PixelFit) -> Found:
    """Return fits that start from those of the mean of alike spectra too.

    Some spectra are read in advance, evenly spread over the pixels: k-means divides them, and the
    means of a tree of clusters are fitted from its root down, each from what its parent found.
    """
    found = pixels.first()
    if not pixels.pixel_dims:
        return found
    points, count = len(pixels.fit.mesh[0]), len(pixels.fit.layout.names)
    most = max(2, min(_SAMPLED, _SAMPLED_BYTES // (max(pixels.data.dtype.itemsize, 8) * points)))
    sample = sampled(pixels.data, pixels.pixel_dims, most)
    taken = math.prod(sample.sizes[dim] for dim in pixels.pixel_dims)
    clusters = max(1, min(_CLUSTERS, taken // _PER_CLUSTER))
    shape = {dim: pixels.data.sizes[dim] for dim in pixels.dims}
    alone = replace(pixels.fit, threads=1, started=True, weighted=pixels.weights_are_shared)
    centres, table = map_signal(
        _fit_tree, sample, dim=[*pixels.pixel_dims, *pixels.dims],
        also=[pixels.weights] if pixels.weights is not None and alone.weighted else [],
        output_dims=[{_CLUSTER: clusters, **shape}, {_CLUSTER: clusters, PARAMETER: count}],
        dtypes=[pixels.fit.dtype, np.float64],
        parameters={"fit": alone, "clusters": clusters},
    )  # fmt: skip
    centres = centres.assign_coords({dim: pixels.data.coords[dim] for dim in pixels.dims})
    data = read_again(pixels.data, found.parameters, table, centres)
    (starts,) = map_signal(
        _nearest, data, dim=pixels.dims, also=[centres, table], whole=[_CLUSTER, PARAMETER],
        output_dims=[{PARAMETER: count}], parameters={"points": points},
    )  # fmt: skip
    return pixels.again(starts, found, data)


def sampled(data: xr.DataArray, dims: Sequence[str], most: int) -> xr.DataArray:
    """Return every so many pixels along each dimension, not many more than `most` of them."""
    many = [dim for dim in dims if data.sizes[dim] > 1]
    total = math.prod(data.sizes[dim] for dim in many)
    step = math.ceil((total / most) ** (1.0 / max(len(many), 1)))
    return data.isel({dim: slice(None, None, step) for dim in many})


def _fit_tree(
    sample: np.ndarray, *weights: np.ndarray, fit: BlockFit, clusters: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shapes of clusters of spectra, and the parameters of their means."""
    from scipy.cluster.hierarchy import linkage

    points = len(fit.mesh[0])
    spectra = fit.as_numbers(sample.reshape(-1, points))
    spectra = spectra[np.isfinite(spectra).any(axis=1)]
    centres = np.full((clusters, points), np.nan, dtype=fit.dtype)
    table = np.full((clusters, len(fit.starts)), np.nan)
    if len(spectra):
        shapes = _shape_of(spectra)
        labels = _divide(_as_real(shapes), clusters)
        count = int(labels.max()) + 1
        centres[:count] = [shapes[labels == n].mean(axis=0) for n in range(count)]
        joined = linkage(_as_real(centres[:count]), "ward") if count > 1 else np.empty((0, 4))
        table[:count] = _descend(fit, weights, spectra, labels, joined[:, :2].astype(int))
    return centres.reshape(clusters, *fit.shape), table


def _divide(shapes: np.ndarray, clusters: int) -> np.ndarray:
    """Return the number of the cluster of each spectrum, from 0 on without gaps."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    clusters = min(clusters, len(np.unique(shapes, axis=0)))
    if clusters == 1:
        return np.zeros(len(shapes), int)
    with threadpool_limits(1):
        made = KMeans(clusters, n_init=2, random_state=0).fit(shapes).labels_
    return np.asarray(np.unique(made, return_inverse=True)[1])


def _descend(
    fit: BlockFit, weights: Sequence[np.ndarray], spectra: np.ndarray, labels: np.ndarray,
    joined: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the parameters of the mean of each cluster, fitted from the root of the tree down.

    `joined` are the two nodes that each further node is made of; the last one is the root.
    """
    leaves = len(joined) + 1
    inside = [labels == n for n in range(leaves)]
    parent: dict[int, int] = {}
    for number, pair in enumerate(joined):
        parent |= dict.fromkeys(map(int, pair), leaves + number)
        inside.append(inside[pair[0]] | inside[pair[1]])
    found: dict[int, np.ndarray] = {}
    nothing = np.full((1, len(fit.starts)), np.nan)
    for node in range(2 * leaves - 2, -1, -1):
        mean = _mean(spectra[inside[node]]).reshape(1, *fit.shape)
        restarts = fit.restarts if node in parent else max(fit.restarts, _ROOT_RESTARTS)
        made = replace(fit, restarts=restarts).run(mean, *weights, nothing)
        if node in parent:
            other = fit.run(mean, *weights, found[parent[node]], only_started=True)
            made = other if is_better(made.cost, other.cost)[0] else made
        found[node] = made.parameters
    return np.concatenate([found[n] for n in range(leaves)])


def _nearest(
    block: np.ndarray, centres: np.ndarray, table: np.ndarray, *, points: int
) -> np.ndarray:
    """Return for each spectrum the parameters of the cluster whose shape is most like its own."""
    outer = block.shape[: block.ndim - (centres.ndim - 1)]
    # The dimension of clusters comes after those of the model.
    shapes = np.moveaxis(centres, -1, 0).reshape(-1, points)
    shapes = np.where(np.isfinite(shapes), shapes, 0.0)
    alike = np.real(_shape_of(block.reshape(-1, points)) @ np.conj(shapes).T)
    distance = np.sum(np.abs(shapes) ** 2, axis=1) - 2.0 * alike
    distance = np.where(np.isfinite(table).all(axis=1), distance, np.inf)
    made = table[np.argmin(distance, axis=1)]
    return np.asarray(made.reshape(*outer, table.shape[1]))


def _mean(spectra: np.ndarray) -> np.ndarray:
    """Return the mean of what is finite at each point, NaN where nothing is."""
    finite = np.isfinite(spectra)
    count = finite.sum(axis=0)
    total = np.where(finite, spectra, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _as_real(values: np.ndarray) -> np.ndarray:
    return (
        np.concatenate([values.real, values.imag], axis=1) if values.dtype.kind == "c" else values
    )


def _shape_of(spectra: np.ndarray) -> np.ndarray:
    """Return spectra less their mean, of unit length; what is not finite is at the mean."""
    finite = np.isfinite(spectra)
    count = np.maximum(finite.sum(axis=1, keepdims=True), 1)
    values = np.where(finite, spectra, 0.0)
    scale = np.max(np.abs(values), axis=1, keepdims=True)
    values = values / np.where(scale > 0, scale, 1.0)
    values = np.where(finite, values - values.sum(axis=1, keepdims=True) / count, 0.0)
    size = np.sqrt(np.sum(np.abs(values) ** 2, axis=1, keepdims=True))
    return np.asarray(values / np.where(size > 0, size, 1.0))


SEARCHES: dict[Any, Callable[[PixelFit], Found]] = {
    "neighbours": fit_from_neighbours,
    "clusters": fit_from_clusters,
    "pyramid": fit_from_coarse,
}
