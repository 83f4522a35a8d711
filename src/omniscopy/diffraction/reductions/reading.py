"""Labelled patterns read once for everything that is asked of them, in memory or lazily."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import read_again
from omniscopy.compute.progress import showing_progress
from omniscopy.diffraction.reductions.chunks import answer_lazily
from omniscopy.diffraction.reductions.engine import Read
from omniscopy.diffraction.reductions.places import Places, unchecked
from omniscopy.diffraction.reductions.wanted import Made, Question, Wanted, own_dims, question
from omniscopy.model import dims_of_kind

Labelled = tuple[xr.DataArray, str | None, str]

# Below this no bar of progress is thought of.
_LONG = 2**30


def scan_of(data: xr.DataArray, plane: tuple[str, str]) -> list[str]:
    """Return the dimensions of the scan: space and points, or all others where there are none."""
    others = [str(dim) for dim in data.dims if dim not in plane]
    return [dim for dim in dims_of_kind(data, "spatial", "point") if dim in others] or others


def displayed(scan: Iterable[str]) -> list[str]:
    """Return the dimensions of a scan in the order in which it is displayed; others come first."""
    order = ("z", "y", "x")
    return sorted(scan, key=lambda dim: order.index(dim) if dim in order else -1)


def places_of(
    data: xr.DataArray, dims: tuple[str, str], *, over: Sequence[str] | None = None,
    centres: xr.Dataset | None = None, dead: xr.DataArray | None = None,
) -> Places:  # fmt: skip
    """Return the pixels of patterns, and where detectors are; `over` is the scan otherwise."""
    scan = scan_of(data, dims) if over is None else list(over)
    return Places(data, dims, scan, _averaged, centres, dead)


def _averaged(data: xr.DataArray, dims: tuple[str, str], over: list[str]) -> xr.DataArray:
    return answers(data, {"pattern": "mean"}, dims, over=over)["pattern"][0]


def answers(
    data: xr.DataArray, asked: Mapping[str, Wanted], dims: tuple[str, str], *,
    over: Sequence[str] | None = None, centres: xr.Dataset | None = None,
    dead: xr.DataArray | None = None,
) -> dict[str, Labelled]:  # fmt: skip
    """Return all that is asked as ``{name: (values, units, title)}``, from one read of the data."""
    places = places_of(data, dims, over=over, centres=centres, dead=dead)
    return with_coordinates(read_for(asked, places), places)


def read_for(asked: Mapping[str, Wanted], places: Places) -> Made:
    """Return all that is asked of one read, without coordinates."""
    return _read(places.data, [question(*each, places) for each in asked.items()], places)


def answered(found: Mapping[str, Any], questions: Sequence[Question], places: Places) -> Made:
    """Return what outputs of a read say to all questions, without coordinates."""
    outputs = label_outputs(found, questions, places)
    made: Made = {}
    for each in questions:
        made |= each.answer(outputs, places.labels)
    return made


def with_coordinates(made: Made, places: Places) -> dict[str, Labelled]:
    """Return what was made with the coordinates of the data, in the order of its dimensions."""
    found = {}
    for name, (values, units, title) in made.items():
        own = coordinates_of(places, values.dims)
        own = {**own, **values.coords} if isinstance(values, xr.DataArray) else own
        ordered = in_order(values, places)
        # A lazy array would give its own name.
        labelled = xr.DataArray(ordered.data, own, ordered.dims).rename(None)
        found[name] = (labelled, units, title)
    return found


def in_order(values: xr.Variable | xr.DataArray, places: Places) -> xr.Variable:
    """Return values with their dimensions in the order that the data have them in."""
    bare = values.variable if isinstance(values, xr.DataArray) else values
    known = tuple(dim for dim in places.data.dims if dim in bare.dims)
    if bare.dims[: len(known)] == known:
        return bare
    return bare.transpose(*known, ...)


def coordinates_of(places: Places, dims: Iterable[Any]) -> dict[Any, xr.Variable]:
    """Return the coordinates of the data that belong to the scan, or to patterns."""
    plane, there = set(places.dims), set(dims)
    return {
        name: each
        for name, each in places.data._coords.items()
        if there.issuperset(each.dims) and (plane.isdisjoint(each.dims) or plane >= set(each.dims))
    }


def shared_coordinates(places: Places, dims: Iterable[Any]) -> xr.Coordinates:
    """Return the same with the indexes that the data have."""
    kept = coordinates_of(places, dims)
    indexes = {name: each for name, each in places.data._indexes.items() if name in kept}
    return xr.Coordinates._construct_direct(kept, indexes)


def plan_read(questions: Sequence[Question], places: Places) -> Read:
    """Return the read that answers all questions, with axes around their middles."""
    wanted = {each.wanted for each in questions if isinstance(each.wanted, str)}
    ky, kx = (axis.data - (float(axis.data.mean()) if axis.size else 0.0) for axis in places.axes)
    return Read(
        np.ascontiguousarray(ky), np.ascontiguousarray(kx),
        tuple(each.item for each in questions if each.item is not None),
        total="mean" in wanted, squares="variance" in wanted, largest="max" in wanted,
    )  # fmt: skip


def _read(data: xr.DataArray, questions: Sequence[Question], places: Places) -> Made:
    """Return the answers that one read gives."""
    over, dims = places.over, places.dims
    kept = [str(dim) for dim in data.dims if dim not in (*over, *dims)]
    read = plan_read(questions, places)
    planes = [
        _in_place(each.plane, {**{d: data.sizes[d] for d in kept}, **each.plane.sizes}, dims)
        for each in questions
        if each.item is not None and each.plane is not None
    ]
    centres = centres_of_positions(places, [*kept, *over]) if read.centred else None
    after: list[Any] = [
        each
        for each in (*planes, centres, *(each.known for each in questions))
        if each is not None and not isinstance(each.data, np.ndarray)
    ]
    ordered = read_again(data, *after)
    if ordered.dims != (*kept, *over, *dims):
        ordered = ordered.transpose(*kept, *over, *dims)
    if ordered.chunks or after:
        return answer_lazily(
            read, questions, places.labels, ordered, planes, centres, kept=len(kept)
        )  # fmt: skip
    return answered(_eagerly(read, ordered, planes, centres, len(kept)), questions, places)


def _in_place(
    plane: xr.Variable, sizes: Mapping[Any, int], dims: tuple[str, str]
) -> xr.Variable:  # fmt: skip
    """Return a plane with all dimensions of these sizes, those of the pixels last."""
    wanted = (*(dim for dim in sizes if dim not in dims), *dims)
    if plane.dims == wanted:
        return plane
    whole: xr.Variable = plane.set_dims(dict(sizes))  # type: ignore[no-untyped-call]
    return whole.transpose(*wanted)


def label_outputs(
    found: Mapping[str, Any], questions: Sequence[Question], places: Places
) -> dict[str, xr.Variable]:
    """Return outputs of a read with the dimensions that they have, without coordinates.

    Those of positions are in the order (*kept, *over), or have these dimensions as one.
    """
    data, dims = places.data, places.dims
    kept = [str(dim) for dim in data.dims if dim not in (*places.over, *dims)]
    nav = [*kept, *places.over]
    known: Any = dict(zip(data.dims, data.shape, strict=True))
    positions = tuple(known[dim] for dim in nav)
    made = {}
    for name, values in found.items():
        if name.startswith("scan/"):
            names = (*kept, *dims)
        else:
            names = (*nav, *own_dims(name, questions))
            shape = (*positions, *values.shape[-1:]) if len(names) > len(nav) else positions
            values = values.reshape(shape) if values.shape != shape else values  # noqa: PLW2901
        made[name] = unchecked(names, values)
    return made


def centres_of_positions(places: Places, nav: Sequence[str]) -> xr.DataArray:
    """Return where the patterns are centred, from the middles of the axes, for all positions."""
    middle = [float(places.data.coords[dim].mean()) for dim in places.dims]
    sizes = {dim: places.data.sizes[dim] for dim in nav}
    bare = [
        each.drop_vars(list(each.coords)) - m for each, m in zip(places.auto, middle, strict=True)
    ]
    whole = xr.concat(xr.broadcast(*bare), "centre")
    missing = {dim: size for dim, size in sizes.items() if dim not in whole.dims}
    return whole.expand_dims(missing).transpose(*nav, "centre")


def _eagerly(
    read: Read, data: xr.DataArray, planes: Sequence[xr.Variable], centres: xr.DataArray | None,
    kept: int,
) -> dict[str, Any]:  # fmt: skip
    arrays = [np.asarray(each.data) for each in planes]
    where = None if centres is None else np.ascontiguousarray(centres.values, np.float64)
    if data.nbytes < _LONG:
        return dict(read.run(data.values, arrays, where, kept=kept))
    with showing_progress("reading patterns", watch_dask=False) as tell:
        return dict(read.run(data.values, arrays, where, kept=kept, tell=tell))
