"""Trajectories: which atom of a frame is which of the next."""

import numpy as np
import xarray as xr

from omniscopy.atoms.neighbourhoods.distances import usual_distance
from omniscopy.atoms.tables import (
    ATOM,
    require_count,
    require_length,
    require_positions,
    with_coordinates,
)
from omniscopy.compute import map_signal
from omniscopy.model import DataError, operation, result

_FRAME = "frame"
# Atoms are linked up to this part of the usual distance between them.
_HALF = 0.5


@operation(example={"positions": "moving_atoms"})
def link_trajectories(
    positions: xr.Dataset,
    *,
    max_distance: float | None = None,
    max_gap: int = 1,
    min_length: int = 2,
    max_tracks: int | None = None,
    dim: str = _FRAME,
) -> xr.Dataset:
    """Link the atoms of successive frames to trajectories.

    Parameters
    ----------
    positions : Dataset, shape (..., frame, atom)
        ``y`` and ``x`` in the same units, NaN after the last atom of a frame; lazy or in memory.
        All other numbers along the atoms are carried along. Correct drift before.
    max_distance : float, units of the positions
        How far an atom goes from one frame to the next at most; otherwise half the usual distance
        between atoms (the median over atoms of the mean distance to their three nearest).
    max_gap : int
        For how many frames an atom may be missing.
    min_length : int
        In how many frames a trajectory has an atom, at least.
    max_tracks : int, optional
        Only the longest are returned; otherwise as many as atoms in all frames in memory, and
        twice as many as in one frame of lazy data.
    dim : str
        Of the frames.

    Returns
    -------
    Dataset, shape (..., track, frame)
        The longest first: ``y``, ``x`` and the other variables, ``index`` of the atom in its frame,
        all NaN where it is missing; along ``track``, ``length`` (how many frames have it), the
        first frame ``start``, and ``mean_square_displacement`` from one frame to the next, in
        units of the positions squared. ``count`` of trajectories; NaN after the last.

    Raises
    ------
    DataError
        There are no frames or positions, or a number is out of its range.

    Notes
    -----
    The assignment of the least sum of squared distances between successive frames, an atom without
    a partner costing the square of `max_distance` [1]_. Then ends of trajectories are assigned
    to the starts of others after a gap in the same way, up to `max_distance` times the root of
    the number of frames, as a random walk goes.

    References
    ----------
    .. [1] K. Jaqaman et al., *Nat. Methods* 5, 695 (2008).

    Examples
    --------
    >>> import omniscopy as om
    >>> tracks = om.atoms.link_trajectories(om.samples.moving_atoms())
    >>> int(tracks["count"])
    12
    """
    units = require_positions(positions)
    for name in ("y", "x"):
        if dim not in positions[name].dims:
            message = (
                f"positions must lie along {dim!r} and 'atom', {name!r} is along "
                f"{positions[name].dims}; name the dimension of the frames with `dim=`"
            )
            raise DataError(message)
    require_count(f"frames along {dim!r}", positions.sizes[dim])
    require_length("max_distance", max_distance)
    require_count("max_gap", max_gap, 0)
    require_count("min_length", min_length)
    carried = [
        str(name)
        for name, values in positions.data_vars.items()
        if name not in ("y", "x") and {dim, ATOM} <= {*values.dims} and values.dtype.kind in "biuf"
    ]
    names = ["y", "x", *carried]
    arrays = [positions[name] for name in names]
    lazy = any(each.chunks is not None for each in arrays)
    frames, atoms = positions.sizes[dim], positions.sizes[ATOM]
    most = max_tracks or (2 * atoms if lazy else frames * atoms)
    wide, along = {"track": most, _FRAME: frames}, {"track": most}
    made = map_signal(
        _linked, arrays[0], dim=[dim, ATOM], also=arrays[1:],
        output_dims=[wide] * (len(names) + 1) + [along] * 3 + [{}],
        dtypes=[np.float64] * (len(names) + 4) + [np.int64],
        parameters={
            "most": most, "limit": max_distance, "max_gap": max_gap, "min_length": min_length,
        },
    )  # fmt: skip
    stated = {
        **{name: positions[name].attrs.get("units") for name in names}, "index": "1",
        "length": "1", "start": "1", "mean_square_displacement": _squared(units), "count": "1",
    }  # fmt: skip
    found = result(
        None, **{name: (v, of) for (name, of), v in zip(stated.items(), made, strict=True)}
    )
    if not lazy and max_tracks is None:
        found = found.isel(track=slice(int(found["count"].max())))
    if dim in positions.coords:
        found = found.rename({_FRAME: dim}).assign_coords({dim: positions.coords[dim].variable})
    return with_coordinates(found, positions)


def _squared(units: str | None) -> str | None:
    from omniscopy.model.units import product

    return product((units, 2))


def _linked(
    y: np.ndarray, x: np.ndarray, *others: np.ndarray, most: int, limit: float | None, max_gap: int,
    min_length: int,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    arrays = np.broadcast_arrays(y, x, *others)
    outer, frames = arrays[0].shape[:-2], arrays[0].shape[-2]
    wide = [np.full((*outer, most, frames), np.nan) for _ in range(len(arrays) + 1)]
    along = [np.full((*outer, most), np.nan) for _ in range(3)]
    count = np.zeros(outer, dtype=np.int64)
    for place in np.ndindex(*outer):
        points = np.stack([arrays[0][place], arrays[1][place]], axis=-1).astype(np.float64)
        tracks = tracks_of(points, limit, max_gap)
        lengths = (tracks >= 0).sum(axis=1)
        kept = np.flatnonzero(lengths >= min_length)
        starts = (tracks >= 0).argmax(axis=1)
        kept = kept[np.lexsort((starts[kept], -lengths[kept]))]
        count[place] = len(kept)
        kept = kept[:most]
        tracks, there = tracks[kept], tracks[kept] >= 0
        frame = np.arange(frames)
        for column, values in zip(wide, arrays, strict=False):
            chosen = values[place][frame, np.maximum(tracks, 0)]
            column[place][: len(kept)] = np.where(there, chosen, np.nan)
        wide[-1][place][: len(kept)] = np.where(there, tracks, np.nan)
        along[0][place][: len(kept)] = lengths[kept]
        along[1][place][: len(kept)] = starts[kept]
        along[2][place][: len(kept)] = _moved(wide[0][place], wide[1][place])[: len(kept)]
    return (*wide, *along, count)


def _moved(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the mean squared distance between places in successive frames, NaN for none."""
    squares = np.diff(y, axis=1) ** 2 + np.diff(x, axis=1) ** 2
    steps = np.isfinite(squares).sum(axis=1)
    total = np.where(np.isfinite(squares), squares, 0.0).sum(axis=1)
    return np.where(steps > 0, total / np.maximum(steps, 1), np.nan)


def tracks_of(points: np.ndarray, limit: float | None, max_gap: int) -> np.ndarray:
    """Return the atom of each track in each frame, -1 for none: (tracks, frames).

    `points` has the shape (frames, atoms, 2), NaN for no atom.
    """
    there = np.isfinite(points).all(axis=-1)
    if limit is None:
        # Atoms that are all at one place have no usual distance.
        usual = [usual_distance(frame[own]) for frame, own in zip(points, there, strict=True)]
        known = [each for each in usual if np.isfinite(each) and each > 0]
        limit = _HALF * float(np.median(known)) if known else np.inf
    frames = len(points)
    open_tracks: dict[int, int] = {}
    tracks: list[dict[int, int]] = []
    for frame in range(frames):
        atoms = np.flatnonzero(there[frame])
        before = np.array(list(open_tracks), dtype=np.int64)
        one, other = assign(points[frame - 1, before], points[frame, atoms], limit)
        carried = dict(zip(atoms[other].tolist(), before[one].tolist(), strict=True))
        now: dict[int, int] = {}
        for atom in atoms.tolist():
            if atom in carried:
                now[atom] = open_tracks[carried[atom]]
            else:
                now[atom] = len(tracks)
                tracks.append({})
            tracks[now[atom]][frame] = atom
        open_tracks = now
    if max_gap:
        tracks = _closed(tracks, points, limit, max_gap)
    found = np.full((len(tracks), frames), -1)
    for number, track in enumerate(tracks):
        found[number, list(track)] = list(track.values())
    return found


def assign(start: np.ndarray, end: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of the assignment of least cost: squared distances, none over `limit`.

    Points without a partner cost the square of `limit`. The candidates are few: what is not
    connected by them is assigned on its own.
    """
    from scipy.spatial import KDTree

    if not len(start) or not len(end):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if not np.isfinite(limit):
        limit = 2 * float(np.ptp(np.concatenate([start, end]), axis=0).sum()) + 1.0
    near = KDTree(start).sparse_distance_matrix(KDTree(end), limit, output_type="coo_matrix")
    cost = near.data**2 / limit**2
    return _least(near.row, near.col, cost, (len(start), len(end)))


def _least(
    rows: np.ndarray, columns: np.ndarray, cost: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the assignment of least cost among candidates of cost up to 1, which none costs."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = sum(shape)
    graph = coo_array((np.ones(len(rows)), (rows, columns + shape[0])), (size, size))
    _, group = connected_components(graph, directed=False)
    own = group[rows]
    order = np.argsort(own, kind="stable")
    one, other = [], []
    for part in np.split(order, np.flatnonzero(np.diff(own[order])) + 1):
        if len(part) == 1:
            one.append(rows[part])
            other.append(columns[part])
            continue
        if not len(part):
            continue
        r, row = np.unique(rows[part], return_inverse=True)
        c, column = np.unique(columns[part], return_inverse=True)
        # Each may stay alone: beside its candidates, every row has a partner of its own.
        # and leaves one of the other side alone too.
        table = np.full((len(r), len(c) + len(r)), 2.0)
        table[:, : len(c)] = 5.0
        table[row, column] = cost[part]
        chosen_row, chosen = linear_sum_assignment(table)
        linked = chosen < len(c)
        linked[linked] = table[chosen_row[linked], chosen[linked]] <= 1.0
        one.append(r[chosen_row[linked]])
        other.append(c[chosen[linked]])
    if not one:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate(one), np.concatenate(other)


def _closed(
    tracks: list[dict[int, int]], points: np.ndarray, limit: float, max_gap: int
) -> list[dict[int, int]]:
    """Return the tracks, those put together between which an atom was missing."""
    first = np.array([min(track) for track in tracks], dtype=np.int64)
    last = np.array([max(track) for track in tracks], dtype=np.int64)
    begin = np.array([points[f, t[f]] for f, t in zip(first, tracks, strict=True)]).reshape(-1, 2)
    end = np.array([points[f, t[f]] for f, t in zip(last, tracks, strict=True)]).reshape(-1, 2)
    rows, columns, costs = [], [], []
    for gap in range(1, max_gap + 1):
        for frame in range(len(points) - gap - 1):
            before, after = np.flatnonzero(last == frame), np.flatnonzero(first == frame + gap + 1)
            square = ((end[before][:, None] - begin[after][None]) ** 2).sum(axis=-1)
            cost = square / (limit**2 * (gap + 1))
            one, other = np.nonzero(cost <= 1.0)
            rows.append(before[one])
            columns.append(after[other])
            costs.append(cost[one, other])
    if not rows:
        return tracks
    earlier, later, cost = (np.concatenate(each) for each in (rows, columns, costs))
    joined = dict(zip(*_least(earlier, later, cost, (len(tracks),) * 2), strict=True))
    followers = set(joined.values())
    made = []
    for number in range(len(tracks)):
        if number in followers:
            continue
        track, current = dict(tracks[number]), number
        while current in joined:
            current = int(joined[current])
            track |= tracks[current]
        made.append(track)
    return made
