"""Local crystallography: what the surroundings of all atoms are made of."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.atoms.neighbourhoods.distances import BONDED, angles_of
from omniscopy.atoms.neighbourhoods.neighbours import nearest
from omniscopy.atoms.tables import (
    ATOM,
    STATUS,
    Arrays,
    Column,
    map_tables,
    require_count,
    require_positions,
)
from omniscopy.model import DataError, Status, coordinate, operation, require_choice
from omniscopy.signal import cluster, decompose

Method = Literal["pca", "nmf", "ica", "kmeans", "gmm"]
Feature = Literal["vectors", "distances"]
_ROUNDS = 4


@operation(example={"positions": "atom_positions", "n_neighbours": 4})
def match_neighbours(
    positions: xr.Dataset, n_neighbours: int = 6, *, template: xr.DataArray | None = None
) -> xr.Dataset:
    r"""Find the neighbours of each atom in an order that is the same for all atoms.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory. Of one sublattice or of all.
    n_neighbours : int
        How many: as many as the usual atom has at about one distance.
    template : DataArray, shape (neighbour, side), any units
        In whose order the neighbours are, such as the ``template`` found for another sample;
        its size does not matter, its direction does.

    Returns
    -------
    Dataset, shape (..., atom, neighbour, side)
        ``vector`` from each atom to its neighbours along ``side``, y and x, and ``distance``, in
        units of the positions;
        ``template`` (neighbour, side), the mean vectors; ``y`` and ``x`` as they are given.
        NaN with `status` 4 (no data) for atoms without a position, and for those at edges and
        beside vacancies, whose neighbours are not all around or too far.

    Raises
    ------
    DataError
        There are no positions, or not more than `n_neighbours`, or the template has others.

    Notes
    -----
    The nearest neighbours of each atom are assigned to the vectors of a template with the least sum
    of squares; the template is the mean of what is assigned, from the middle of the table on,
    as often as it changes. Sorted by angle alone, neighbours at the start of the circle would
    change places.

    The assignment is that of least :math:`\sum_k |v_{p(k)} - t_k|^2` [1]_.

    References
    ----------
    .. [1] H. W. Kuhn, *Naval Res. Logist. Q.* 2, 83 (1955).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.atoms.match_neighbours(om.samples.atom_positions(), 4)
    >>> found["vector"].sizes["neighbour"]
    4
    """
    units = require_positions(positions)
    require_count("n_neighbours", n_neighbours)
    if n_neighbours >= positions.sizes[ATOM]:
        message = f"n_neighbours is {n_neighbours}; there are {positions.sizes[ATOM]} atoms"
        raise DataError(message)
    start = None
    if template is not None:
        sizes = {"neighbour": n_neighbours, "side": 2}
        if not isinstance(template, xr.DataArray) or dict(template.sizes) != sizes:
            got = dict(getattr(template, "sizes", {}))
            message = f"template must have the dimensions {sizes}, got {got}"
            raise DataError(message)
        start = np.asarray(template.transpose(*sizes), dtype=np.float64)
        if not np.isfinite(start).all():
            message = "template has values that are not finite; give that of another sample"
            raise DataError(message)
    columns = {
        "y": Column(units), "x": Column(units), "distance": Column(units, (ATOM, "neighbour")),
        "vector": Column(units, (ATOM, "neighbour", "side")),
        "template": Column(units, ("neighbour", "side")), "status": STATUS,
    }  # fmt: skip
    return map_tables(
        _matched, positions, columns, sizes={"neighbour": n_neighbours, "side": 2},
        parameters={"count": n_neighbours, "start": start},
    )  # fmt: skip


@operation(example={"data": "atom_positions", "n_components": 2, "n_neighbours": 4})
def decompose_neighbourhoods(
    data: xr.Dataset | xr.DataArray | Sequence[xr.Dataset],
    n_components: int,
    *,
    method: Method = "pca",
    n_neighbours: int = 6,
    of: Feature = "vectors",
    rng: int | np.random.Generator | None = None,
) -> xr.Dataset:
    """Decompose the surroundings of atoms, or sort them into clusters.

    Parameters
    ----------
    data : Dataset or DataArray, shape (..., atom) or (..., atom, rows, columns), or list of Dataset
        Positions, whose neighbours are looked at; or images around each atom, such as `patches`
        gives. Lazy or in memory. A list holds the positions of several samples, such as a series
        of compositions, that share their components; the first one says in which order
        neighbours are.
    n_components : int
        How many components, or clusters.
    method : {"pca", "nmf", "ica", "kmeans", "gmm"}
        The first three are those of `signal.decompose`, the others of `signal.cluster`.
    n_neighbours : int
        Of positions: as many as the usual atom has at about one distance.
    of : {"vectors", "distances"}
        What of the neighbours is looked at.
    rng : int or Generator
        Seed of random starts.

    Returns
    -------
    Dataset
        What `signal.decompose` gives (``loadings`` along the atoms, ``components``, …), or
        `signal.cluster` (``label`` along the atoms, ``centre``, …); with positions, the ``y`` and
        ``x`` as they are given. All atoms of all tables make one decomposition; those of a list
        lie along ``sample``, with NaN after the last atom of each.

    Raises
    ------
    DataError
        There are no positions, or too few, or vectors are given to "nmf".

    Notes
    -----
    Distances that differ along one direction show strain, displacements show polarization [1]_.

    References
    ----------
    .. [1] A. Belianinov et al., *Nat. Commun.* 6, 7801 (2015).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.atoms.decompose_neighbourhoods(om.samples.atom_positions(), 2, n_neighbours=4)
    >>> found["loadings"].sizes["component"]
    2
    """
    require_choice("method", method, get_args(Method))
    require_choice("of", of, get_args(Feature))
    require_count("n_components", n_components)
    if not isinstance(data, xr.DataArray):
        if method == "nmf" and of == "vectors":
            message = 'vectors have negative parts; "nmf" needs of="distances"'
            raise DataError(message)
        matched = _of_samples(data, n_neighbours)
        features = matched["vector" if of == "vectors" else "distance"]
        dim = [str(name) for name in features.dims if name in ("neighbour", "side")]
        places = {name: (matched[name], matched[name].attrs.get("units")) for name in ("y", "x")}
    else:
        features, places = data, {}
        if ATOM not in features.dims or features.ndim < 2:
            message = f"expected images along 'atom', got dimensions {features.dims}"
            raise DataError(message)
        dim = [str(name) for name in features.dims[-2:] if name != ATOM]
    if method == "kmeans" or method == "gmm":  # noqa: PLR1714 - mypy narrows by this alone
        found = cluster(features, n_components, method=method, dim=dim, rng=rng)
    else:
        found = decompose(features, n_components, method=method, dim=dim, rng=rng)
    return found.assign({name: values for name, (values, _) in places.items()})


def _of_samples(data: xr.Dataset | Sequence[xr.Dataset], n_neighbours: int) -> xr.Dataset:
    """Return the neighbours of the atoms of one table, or of several in one order."""
    if isinstance(data, xr.Dataset):
        return match_neighbours(data, n_neighbours)
    if not data:
        message = "give the positions of at least one sample"
        raise DataError(message)
    found: list[xr.Dataset] = []
    for number, positions in enumerate(data):
        units = require_positions(positions, what=f"sample {number}")
        foreign = [str(dim) for dim in positions["y"].dims if dim != ATOM]
        if foreign or (found and units != found[0]["y"].attrs.get("units")):
            message = (
                f"samples are tables along 'atom' in the same units; number {number} has further "
                f"dimensions {foreign}, units {units!r}"
            )
            raise DataError(message)
        template = found[0]["template"] if found else None
        # Atoms of different samples have nothing to do with each other.
        places = positions[["y", "x"]].drop_vars(ATOM, errors="ignore")
        found.append(match_neighbours(places, n_neighbours, template=template))
    most = max(each.sizes[ATOM] for each in found)
    same = [
        each[["y", "x", "vector", "distance"]]
        .drop_vars(ATOM)
        .pad({ATOM: (0, most - each.sizes[ATOM])})
        for each in found
    ]
    made = xr.concat(same, "sample", combine_attrs="override", coords="minimal", compat="override")
    numbers = {dim: np.arange(made.sizes[dim]) for dim in ("sample", ATOM)}
    return made.assign_coords({
        dim: coordinate(dim, values, "1", kind="point") for dim, values in numbers.items()
    })  # fmt: skip


def _matched(
    points: np.ndarray, _rows: np.ndarray, *, count: int, start: np.ndarray | None
) -> Arrays:
    made: Arrays = {"y": points[:, 0], "x": points[:, 1]}
    if len(points) <= count:
        return made
    _, vectors = nearest(points, count)
    whole = _is_whole(vectors)
    if not whole.any():
        return made
    vectors = vectors[whole]
    if start is not None:
        lengths = np.hypot(start[:, 0], start[:, 1]).mean(), np.hypot(*vectors.T).mean()
        start = start * lengths[1] / lengths[0]
    middle = ((points[whole] - points.mean(axis=0)) ** 2).sum(axis=1).argmin()
    template = vectors[middle]
    template = template[np.argsort(np.arctan2(template[:, 0], template[:, 1]))]
    template = template if start is None else start
    for _ in range(_ROUNDS):
        ordered = assigned(vectors, template)
        mean = np.median(ordered, axis=0)
        if np.allclose(mean, template, rtol=0, atol=1e-12 * np.abs(mean).max()):
            break
        template = mean
    every = np.full((len(points), count, 2), np.nan)
    every[whole] = ordered
    return made | {
        "vector": every, "distance": np.hypot(every[..., 0], every[..., 1]),
        "template": ordered.mean(axis=0),
        "status": np.where(whole, Status.CONVERGED, Status.NO_DATA),
    }  # fmt: skip


def _is_whole(vectors: np.ndarray) -> np.ndarray:
    """Return which atoms have all of their neighbours: at the usual distance, and all around."""
    furthest = np.hypot(vectors[..., 0], vectors[..., 1]).max(axis=1)
    whole = furthest <= BONDED * np.median(furthest)
    if vectors.shape[1] < 3:
        return np.asarray(whole)
    angles = np.sort(angles_of(vectors), axis=1)
    gaps = np.diff(np.concatenate([angles, angles[:, :1] + 360.0], axis=1), axis=1)
    return np.asarray(whole & (gaps.max(axis=1) < 170.0))


def assigned(vectors: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Return the vectors of each atom in the order of those of a template that they are nearest to.

    Where each is nearest to one of its own, that is the assignment; others are solved.
    """
    from scipy.optimize import linear_sum_assignment

    cost = ((vectors[:, :, None] - template[None, None]) ** 2).sum(axis=-1)
    choice = cost.argmin(axis=1)  # for each vector of the template, the nearest one
    ordered = np.sort(choice, axis=1)
    clear = (np.diff(ordered, axis=1) > 0).all(axis=1)
    for atom in np.flatnonzero(~clear):
        choice[atom] = linear_sum_assignment(cost[atom].T)[1]
    return np.asarray(np.take_along_axis(vectors, choice[..., None], axis=1))
