"""Samples that are alike: clusters of spectra, of patterns, of parameters."""

import copy
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import xarray as xr

from omniscopy.model import DataError, Status, coordinate, operation, require_real, result
from omniscopy.signal.decomposition.decomposing import seed_of
from omniscopy.signal.decomposition.lazily import Form, is_lazy, once
from omniscopy.signal.decomposition.matrices import (
    Matrix,
    Preparation,
    finite_rows,
    matrix_of,
    require_finite,
)
from omniscopy.signal.decomposition.singular import HELD, truncate

Method = Literal["kmeans", "gmm", "agglomerative", "hdbscan"]

# Most clusters where their number is not said, and samples that say which number is best.
_MOST, _JUDGED = 12, 2000
# Samples of which all distances are needed: 1.6 GB.
_PAIRED = 20_000


@operation(example={"data": "spectrum_image", "n_clusters": 2})
def cluster(
    data: xr.DataArray,
    n_clusters: int | None = None,
    *,
    method: Method | Any = "kmeans",
    dim: str | Sequence[str] | None = None,
    n_components: int | None = None,
    rng: int | np.random.Generator | None = None,
) -> xr.Dataset:
    r"""Sort samples into clusters of alike ones.

    Parameters
    ----------
    data : DataArray, any dimensions and units
        Real values, such as spectra, patterns, or the loadings of a decomposition (with
        ``dim="component"``). Lazy data stay lazy.
    n_clusters : int, optional
        Number of clusters; otherwise the one from 2 to 12 with the best silhouette (for "gmm",
        the lowest Bayesian information criterion), or what the method finds by itself.
    method : {"kmeans", "gmm", "agglomerative", "hdbscan"} or estimator
        k-means; a mixture of Gaussians with a variance for each channel; Ward's tree; clusters of
        any form above a background, whose number is found. Or any estimator of scikit-learn with
        `fit_predict`: it is used as it is, and cannot be replayed from a file.
    dim : str or sequence of str
        Dimensions of a sample; those of the signal otherwise, a sample is a single value where
        there are none. All others are pooled.
    n_components : int, optional
        Cluster that many principal components instead of the values: less noise, and data of any
        size.
    rng : int or Generator
        Seed of random starts; 0 otherwise.

    Returns
    -------
    Dataset
        ``label`` of each sample, -1 where it belongs to no cluster; ``centre`` (cluster, `dim`),
        the mean of the samples of each, and ``spread`` (cluster), their root mean square distance
        from it, in units of the data; ``size`` (cluster). For "gmm", ``probability`` of each
        sample (..., cluster). ``silhouette`` of up to 2000 samples: 1 where clusters are far
        apart, 0 where they touch. ``status`` is 4 (no data) where a value of a sample is not
        finite.

        Clusters are in the order of a tree of their centres, so that neighbours are alike, from
        its larger end. Lazy data with a number that is not known beforehand have 12 clusters, of
        which the last are empty, with NaN.

    Raises
    ------
    DataError
        There are fewer finite or different samples than clusters, more values than can be held,
        or `method` is not known.

    Notes
    -----
    Distances are Euclidean, of values as they are: divide channels by their scatter, or samples
    by their sum, where that matters more.

    Starts of k-means are those of [1]_, Ward's tree [2]_, clusters by density [3]_, silhouettes
    [4]_, and the criterion :math:`-2 \ln L + k \ln n` [5]_.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, *Proc. 18th ACM-SIAM Symp. Discrete Algorithms*, 1027
       (2007).
    .. [2] J. H. Ward, *J. Am. Stat. Assoc.* 58, 236 (1963).
    .. [3] R. J. G. B. Campello, D. Moulavi, J. Sander, *Advances in Knowledge Discovery and Data
       Mining*, Springer (2013), p. 160.
    .. [4] P. J. Rousseeuw, *J. Comput. Appl. Math.* 20, 53 (1987).
    .. [5] G. Schwarz, *Ann. Stat.* 6, 461 (1978).

    Examples
    --------
    >>> import omniscopy as om
    >>> phases = om.signal.cluster(om.samples.spectrum_image(), 2)
    >>> phases["centre"].dims
    ('cluster', 'energy_loss')
    """
    require_real(data)
    matrix = matrix_of(data, dim, reserved="cluster", single=True)
    room = _require_room(matrix, method, n_clusters, n_components)
    require_finite(matrix, n_clusters or 1)
    search = _Search(method, n_clusters, room, seed_of(rng), len(matrix.samples))
    found = _of_values(matrix, search) if n_components is None else _of_components(
        matrix, search, n_components
    )  # fmt: skip
    units = data.attrs.get("units")
    stated = {
        "label": (matrix.of_samples(found.label), "1"),
        "centre": (matrix.of_channels(found.centre, "cluster"), units),
        "spread": (xr.DataArray(found.spread, dims="cluster"), units),
        "size": (xr.DataArray(found.size, dims="cluster"), "1"),
        "silhouette": (xr.DataArray(found.silhouette), "1"),
        "status": (matrix.of_samples(found.status), "1"),
    }
    if method == "gmm":
        stated["probability"] = (matrix.of_samples(found.probability, "cluster"), "1")
    name = method if isinstance(method, str) else type(method).__name__
    made = result({"method": name}, **stated)
    made = made.assign_coords(cluster=coordinate("cluster", np.arange(room), "1", kind="parameter"))
    if n_clusters is None and not is_lazy(matrix.values):
        made = made.isel(cluster=slice(int((made["size"] > 0).sum())))
    return made


def _require_room(
    matrix: Matrix, method: Any, n_clusters: int | None, n_components: int | None
) -> int:
    """Raise unless there is memory for the samples; return how many clusters the result has."""
    if not (
        method in get_args(Method) if isinstance(method, str) else hasattr(method, "fit_predict")
    ):
        message = (
            f"method must be one of {', '.join(map(repr, get_args(Method)))} or an estimator with "
            f"`fit_predict`, got {method!r}"
        )
        raise DataError(message)
    rows, columns = matrix.shape
    if not rows * columns:
        message = f"there is nothing to cluster: {rows} samples of {columns} channels"
        raise DataError(message)
    if n_clusters is not None and not 1 <= n_clusters <= rows:
        message = f"n_clusters must be from 1 to {rows}, the number of samples; got {n_clusters}"
        raise DataError(message)
    if n_components is not None and not 1 <= n_components <= min(rows, columns):
        message = (
            f"n_components must be from 1 to {min(rows, columns)} ({rows} samples of {columns} "
            f"channels), got {n_components}"
        )
        raise DataError(message)
    if n_components is None and rows * columns > HELD:
        message = (
            f"{rows} samples of {columns} channels are too many to be held; cluster some of their "
            "principal components, as with `n_components=16`"
        )
        raise DataError(message)
    if method in ("agglomerative", "hdbscan") and rows > _PAIRED:
        message = (
            f"method {method!r} takes up to {_PAIRED} samples, got {rows}; use 'kmeans' or 'gmm', "
            "or rebin the data"
        )
        raise DataError(message)
    return min(rows, _MOST) if n_clusters is None else int(n_clusters)


class _Clusters(NamedTuple):
    """Labels of all samples, and what the clusters are like."""

    label: Any
    centre: Any
    spread: Any
    size: Any
    silhouette: Any
    status: Any
    probability: Any


def _of_values(matrix: Matrix, search: "_Search") -> _Clusters:
    """Cluster the values themselves, in one task."""
    outer, columns = matrix.sizes(matrix.samples), matrix.shape[1]
    return _Clusters(*once(search.of_values, matrix.values, forms=search.forms(outer, columns)))


def _of_components(matrix: Matrix, search: "_Search", n_components: int) -> _Clusters:
    """Cluster loadings of principal components, in one task."""
    held = truncate(matrix, n_components, Preparation(centre=True), search.seed)
    outer = matrix.sizes(matrix.samples)
    forms = search.forms(outer, n_components)
    found = _Clusters(*once(search.of_loadings, held.loadings, held.weight, forms=forms))
    form = ((search.room, matrix.shape[1]), float)
    (centre,) = once(_wide, found.centre, held.components, held.mean, forms=[form])
    return found._replace(centre=centre)


def _wide(centre: np.ndarray, components: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray]:
    return (centre @ components + mean,)


@dataclass(frozen=True)
class _Search:
    """How samples are clustered; `room` is the number of clusters that the result has."""

    method: Any
    wanted: int | None
    room: int
    seed: int
    outer: int

    def forms(self, outer: tuple[int, ...], columns: int) -> list[Form]:
        """Return shapes and types of what is found."""
        return [
            (outer, int), ((self.room, columns), float), ((self.room,), float),
            ((self.room,), int), ((), float), (outer, np.uint8), ((*outer, self.room), float),
        ]  # fmt: skip

    def of_values(self, block: np.ndarray) -> _Clusters:
        """Cluster the samples of an array whose last axes are channels."""
        rows = block.reshape(math.prod(block.shape[: self.outer]), -1).astype(np.float64)
        return self._among(rows, finite_rows(rows), block.shape[: self.outer])

    def of_loadings(self, loadings: np.ndarray, weight: np.ndarray) -> _Clusters:
        """Cluster loadings, without those of samples that are left out."""
        rows = loadings.reshape(weight.size, -1)
        return self._among(rows, np.isfinite(weight).ravel(), weight.shape)

    def _among(self, rows: np.ndarray, usable: np.ndarray, outer: tuple[int, ...]) -> _Clusters:
        label, probability = np.full(len(rows), -1), np.full((len(rows), self.room), np.nan)
        centre, spread = np.full((self.room, rows.shape[1]), np.nan), np.full(self.room, np.nan)
        size, silhouette = np.zeros(self.room, int), np.nan
        known = rows[usable]
        if len(known) >= (self.wanted or 1):
            found, chances = self._labels(known)
            order = _order(known, found)
            place = np.full(found.max() + 2, -1)
            place[order] = np.arange(len(order))
            label[usable] = found = place[found]
            for number in range(len(order)):
                members = known[found == number]
                centre[number], size[number] = members.mean(axis=0), len(members)
                squares = np.sum((members - centre[number]) ** 2, axis=1)
                spread[number] = math.sqrt(squares.mean())
            if chances is not None:
                probability[usable] = 0.0
                probability[np.ix_(usable, np.arange(len(order)))] = chances[:, order]
            silhouette = _silhouette(known, found, self.seed)
        status = np.where(usable, int(Status.CONVERGED), int(Status.NO_DATA))
        return _Clusters(
            label.reshape(outer), centre, spread, size, np.asarray(silhouette),
            status.reshape(outer).astype(np.uint8), probability.reshape(*outer, self.room),
        )  # fmt: skip

    def _labels(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the label of each row, and for mixtures the chances of each cluster."""
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            # Too few different samples are said below; the labels of others are good enough.
            warnings.simplefilter("ignore", ConvergenceWarning)
            if not isinstance(self.method, str):
                return self._checked(copy.deepcopy(self.method).fit_predict(rows)), None
            # Thresholds of the estimators are absolute: the values are not.
            scale = rows.std()
            scaled = (rows - rows.mean(axis=0)) / (scale if scale > 0 else 1.0)
            if self.wanted is None and self.method != "hdbscan":
                estimator = self._best(scaled)
            else:
                estimator = _estimator(self.method, self.wanted or 0, self.seed)
            labels = estimator.fit_predict(scaled)
            chances = estimator.predict_proba(scaled) if self.method == "gmm" else None
        return self._checked(labels), chances

    def _best(self, rows: np.ndarray) -> Any:
        """Return the estimator with the number of clusters that suits the samples best."""
        tried = []
        for number in range(2, min(self.room, len(rows) - 1) + 1):
            estimator = _estimator(self.method, number, self.seed)
            labels = estimator.fit_predict(rows)
            score = (
                -estimator.bic(rows) if self.method == "gmm"
                else _silhouette(rows, labels, self.seed)
            )  # fmt: skip
            tried.append((score, -number))
        best = max(tried, default=(0.0, -1))
        return _estimator(self.method, -best[1], self.seed)

    def _checked(self, labels: np.ndarray) -> np.ndarray:
        """Return labels as integers, where there are as many clusters as there must be."""
        labels = np.maximum(np.asarray(labels).astype(int), -1)
        found = len(np.unique(labels[labels >= 0]))
        if found > self.room:
            message = f"{found} clusters were found; give n_clusters={found} or more to keep all"
            raise DataError(message)
        if isinstance(self.method, str) and self.method != "hdbscan" and found < (self.wanted or 1):
            message = f"{self.wanted} clusters cannot be made of {found} different samples"
            raise DataError(message)
        return labels


def _estimator(method: str, number: int, seed: int) -> Any:
    from sklearn import cluster as clusters
    from sklearn.mixture import GaussianMixture

    if method == "kmeans":
        return clusters.KMeans(number, n_init=4, random_state=seed)
    if method == "gmm":
        return GaussianMixture(number, covariance_type="diag", n_init=2, random_state=seed)
    if method == "agglomerative":
        return clusters.AgglomerativeClustering(number)
    return clusters.HDBSCAN(copy=True)


def _order(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the labels in the order of the leaves of the tree of their centres."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    present = np.unique(labels[labels >= 0])
    if len(present) < 2:
        return present
    centres = np.stack([rows[labels == label].mean(axis=0) for label in present])
    order = present[leaves_list(linkage(centres, "average", optimal_ordering=True))]
    first, last = (np.sum(labels == order[end]) for end in (0, -1))
    return order[::-1] if last > first else order


def _silhouette(rows: np.ndarray, labels: np.ndarray, seed: int) -> float:
    """Return the mean silhouette of some of the samples, NaN where it has no meaning."""
    from sklearn.metrics import silhouette_score

    places = np.flatnonzero(labels >= 0)
    if len(places) > _JUDGED:
        places = np.sort(np.random.default_rng(seed).choice(places, _JUDGED, replace=False))
    if not 2 <= len(np.unique(labels[places])) < len(places):
        return np.nan
    return float(silhouette_score(rows[places], labels[places]))
