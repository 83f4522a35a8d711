"""Requests of the explorer: images, spectra, patterns and maps of what is shown."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.view.bench import Bench
from omniscopy.view.blocks import CACHE_BYTES, Slices, relative
from omniscopy.view.computing import computed
from omniscopy.view.cubes import Cube, polynomial_map, power_law_map
from omniscopy.view.dispatch import Turn
from omniscopy.view.items import Item
from omniscopy.view.previews import coarse
from omniscopy.view.protocol import Buffer, Header, Reply
from omniscopy.view.reductions import (
    Partial,
    Reduction,
    reduce_exactly,
    require_reduction,
    spread,
)
from omniscopy.view.regions import mask_of, places_of
from omniscopy.view.tiles import EVERY, LARGE, part_of, plain_image, steps_of, thinned

MOST_CURVE = 200_000


def reduce_item(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send values over the dimensions of one pane, reduced over a region of the other.

    A picture of large data comes in steps: `exact` is false until all of it was read.
    """
    del buffers
    item = bench.item(said.get("data"))
    wanted, target = reduction_of(item, said), str(said.get("target"))
    begun = time.perf_counter()
    part = part_of(item, wanted.kept, said.get("part"))
    if not wanted.over and len(wanted.kept) == 2:
        for values, progress in plain_image(item, wanted, part, turn):
            yield _values(item, wanted, values, target=target, progress=progress, begun=begun,
                          part=part, thin=True)  # fmt: skip
        return
    for values, progress in _answers(item, wanted, turn):
        yield _values(
            item, wanted, values, target=target, progress=progress, begun=begun, part=part
        )


def reduction_of(item: Item, said: Header) -> Reduction:
    """Return the reduction that a message asks for."""
    plan, target = item.plan(), said.get("target")
    if target not in ("navigation", "signal"):
        message = f"the target is 'navigation' or 'signal', got {target!r}"
        raise DataError(message)
    kept = tuple(plan[str(target)])
    over = tuple(plan["signal" if target == "navigation" else "navigation"])
    region = said.get("region")
    if region is not None and not isinstance(region, dict):
        message = "a region is an object with a 'kind'"
        raise DataError(message)
    at = said.get("at", {})
    known = isinstance(at, dict) and all(dim in item.dims for dim in at)
    if not known:
        message = f"'at' gives a number for some of {item.dims}, got {at!r}"
        raise DataError(message)
    averaged = averaged_dims(item, at)
    if averaged and over:
        message = "a mean over further dimensions is that of images or curves without regions"
        raise DataError(message)
    over = over or averaged
    fixed = {dim: at.get(dim, item.axis(dim).values.size // 2)
             for dim in plan["extra"] if dim not in averaged}  # fmt: skip
    mask = mask_of(item, over, region) if over and not averaged else None
    wanted = Reduction(kept, over, str(said.get("statistic", "mean")), mask, fixed)
    require_reduction(item, wanted)
    return wanted


def averaged_dims(item: Item, at: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the further dimensions over which the mean is wanted: those `at` nothing."""
    return tuple(dim for dim in item.plan()["extra"] if dim in at and at[dim] is None)


def map_window(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send the map of an energy window above a background that is fitted in another window."""
    del buffers
    item = bench.item(said.get("data"))
    wanted = reduction_of(item, {**said, "target": "navigation"})
    window, background = _ends(said.get("window")), said.get("background")
    if not isinstance(background, dict):
        message = "'background' says the window that is fitted and the model"
        raise DataError(message)
    fitted = _ends(background.get("window"))
    begun, part = time.perf_counter(), part_of(item, wanted.kept, said.get("part"))
    cube = _cube(item, wanted, turn) if part == part_of(item, wanted.kept, None) else None
    if cube is not None:
        if background.get("model") == "polynomial":
            degree = background.get("degree", 1)
            if type(degree) is not int or not 0 <= degree <= 6:
                message = f"the degree is a whole number from 0 to 6, got {degree!r}"
                raise DataError(message)
            values = polynomial_map(cube, window, fitted, degree)
        else:
            values = power_law_map(cube, window, fitted)
        yield _values(item, wanted, values, target="navigation", progress=0.99, begun=begun)
        if turn.newer.wait(0.15):
            return
    from omniscopy.view.scripting import window_map_of

    exactly = window_map_of(item, said).transpose(*wanted.kept)
    exactly = exactly.isel(dict(zip(wanted.kept, part, strict=True)))
    values = np.asarray(computed(exactly, turn, yield_to_newer=True).values)
    turn.check()
    yield _part_values(item, wanted, values, part, begun)


def map_centre(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send the centre of mass of every pattern, over the points of a detector or all."""
    del buffers
    item = bench.item(said.get("data"))
    wanted = reduction_of(item, {**said, "target": "navigation"})
    if len(wanted.over) != 2:
        message = "a centre of mass is that of patterns, which have two dimensions"
        raise DataError(message)
    begun, part = time.perf_counter(), part_of(item, wanted.kept, said.get("part"))
    cube = _cube(item, wanted, turn) if part == part_of(item, wanted.kept, None) else None
    mask = np.ones(1) if wanted.mask is None else wanted.mask
    ky, kx = places_of(item, wanted.over)
    if cube is not None and any(size > 1 for size in cube.bins):
        total, y, x = cube.weigh([mask * 1.0, mask * ky, mask * kx])
        yield _centre(item, wanted, total, y, x, part=part, progress=0.99, begun=begun)
    if turn.newer.is_set():
        return
    total, y, x = _moments(item, wanted, part, turn)
    yield _centre(item, wanted, total, y, x, part=part, progress=1.0, begun=begun)


def _answers(item: Item, wanted: Reduction, turn: Turn) -> Iterator[tuple[np.ndarray, float]]:
    """Yield values and how exact they are: 1 when all were read."""
    box = wanted.box(item)
    whole = wanted.mask is None and bool(wanted.over)
    if whole and (done := item.previews.get(_key(wanted))) is not None:
        yield done, 1.0
        return
    if not wanted.over:
        yield from _plain(item, wanted, box, turn)
        return
    if whole and wanted.kept and wanted.statistic != "max":
        yield from _passes(item, wanted, turn)
        return
    cost = item.blocks.count(box) * math.prod(item.blocks.block) * item.blocks.dtype.itemsize
    if cost > LARGE // 3 and wanted.kept == tuple(item.plan()["navigation"]):
        cube = _cube(item, wanted, turn, wait=False)
        if cube is not None and wanted.statistic != "max" and cube.done == 1.0:
            weights = np.ones(1) if wanted.mask is None else wanted.mask
            (values,) = cube.weigh([weights * 1.0])
            count = cube.sums.size if wanted.mask is None else wanted.mask.sum()
            exact = all(each == 1 for each in cube.bins)
            yield (values / count if wanted.statistic == "mean" else values), 1.0 if exact else 0.99
            if exact or turn.newer.wait(0.15):
                return
    if cost > LARGE:
        yield from _steps(item, wanted, turn)
    else:
        yield reduce_exactly(item, wanted, turn), 1.0


def _plain(
    item: Item, wanted: Reduction, box: Any, turn: Turn
) -> Iterator[tuple[np.ndarray, float]]:
    """Yield a curve, with no sum over anything."""
    turn.check()
    values = item.blocks.part(box)
    order = [item.dims.index(dim) for dim in (*wanted.at, *wanted.kept)]
    yield values.transpose(order)[(0,) * len(wanted.at)], 1.0


def _passes(item: Item, wanted: Reduction, turn: Turn) -> Iterator[tuple[np.ndarray, float]]:
    """Yield sums over all of the signal, or of the scan, while the data are read once."""
    navigator = wanted.kept == tuple(item.plan()["navigation"])
    large = item.blocks.nbytes > LARGE and not item.blocks.in_memory
    if large and navigator:
        yield from _guess(item, wanted)
    cube = _new_cube(item, wanted) if navigator else None
    part, shown = Partial.of(item, wanted), time.perf_counter()
    for progress in _with_cube(part, cube, turn):
        if time.perf_counter() - shown > EVERY and progress < 1:
            yield part.values(), progress
            shown = time.perf_counter()
    values = part.values()
    item.previews[_key(wanted)] = values
    yield values, 1.0


def _with_cube(part: Partial, cube: Cube | None, turn: Turn) -> Iterator[float]:
    blocks, wanted = part.item.blocks, part.wanted
    if cube is None:
        yield from part.steps(turn)
        return
    parts = list(blocks.inside(part.box))
    for number, index in enumerate(spread(len(parts))):
        turn.check()
        whole, met = parts[index]
        block = blocks.read(whole, keep=blocks.nbytes < CACHE_BYTES)[relative(met, whole)]
        cube.add(block, met)
        part.add(block, met)
        yield (number + 1) / len(parts)
    cube.done = 1.0
    part.item.previews["cube", _key(wanted)[1]] = cube


def _guess(item: Item, wanted: Reduction) -> Iterator[tuple[np.ndarray, float]]:
    """Yield a picture from few points of the signal, where the file takes steps cheaply."""
    if item.blocks.native is None:
        values = coarse(item, [*wanted.kept], most=64)
        sizes = [item.axis(dim).values.size for dim in wanted.kept]
        index = np.ix_(*(np.minimum(np.arange(n) * values.shape[k] // n, values.shape[k] - 1)
                         for k, n in enumerate(sizes)))  # fmt: skip
        scale = 1.0
        if wanted.statistic == "sum":
            scale = math.prod(item.axis(dim).values.size for dim in wanted.over)
        yield np.asarray(values, np.float64)[index] * scale, 0.01


def _steps(item: Item, wanted: Reduction, turn: Turn) -> Iterator[tuple[np.ndarray, float]]:
    """Yield values while a large part is read; the page gets the newest that it asked for."""
    part, shown = Partial.of(item, wanted), time.perf_counter()
    for progress in part.steps(turn, yield_to_newer=True):
        if time.perf_counter() - shown > EVERY and progress < 1:
            yield part.values(), progress
            shown = time.perf_counter()
    yield part.values(), 1.0


def _new_cube(item: Item, wanted: Reduction) -> Cube | None:
    if item.blocks.nbytes <= 2**16:
        return None
    return Cube.of(item, wanted.kept, wanted.over, wanted.at)


def _cube(item: Item, wanted: Reduction, turn: Turn, *, wait: bool = True) -> Cube | None:
    """Return the small copy of the data; with `wait`, made now where it is not there yet."""
    whole = Reduction(wanted.kept, wanted.over, "sum", None, wanted.at)
    found = item.previews.get(("cube", _key(whole)[1]))
    if found is None and wait:
        cube = Cube.of(item, whole.kept, whole.over, whole.at)
        if cube is None:
            return None
        for _ in _with_cube(Partial.of(item, whole), cube, turn):
            turn.check()
        found = cube
    return found


def _key(wanted: Reduction) -> Any:
    return ((wanted.kept, wanted.statistic), (wanted.kept, wanted.over, *sorted(wanted.at.items())))


def _moments(item: Item, wanted: Reduction, part: Slices, turn: Turn) -> list[np.ndarray]:
    """Return the sums of patterns of a part, and those weighted with its two coordinates."""
    dims, (ky, kx) = item.dims, places_of(item, wanted.over)
    order = [dims.index(dim) for dim in (*wanted.at, *wanted.kept, *wanted.over)]
    mask = np.ones((ky.size, kx.size)) if wanted.mask is None else wanted.mask * 1.0
    weights = np.stack([mask, mask * ky, mask * kx], axis=-1).reshape(-1, 3)
    made = np.zeros((*(each.stop - each.start for each in part), 3))
    by = dict(zip(wanted.kept, part, strict=True))
    all_of_it = Reduction(wanted.kept, wanted.over, at=wanted.at).box(item)
    box = tuple(by.get(dim, each) for dim, each in zip(dims, all_of_it, strict=True))
    for whole, met in item.blocks.inside(box):
        turn.check()
        if turn.newer.is_set():
            turn.cancelled.set()
            turn.check()
        block = item.blocks.read(whole, keep=False)[relative(met, whole)]
        block = block.transpose(order)[(0,) * len(wanted.at)]
        lies = dict(zip(dims, met, strict=True))
        points = np.ravel_multi_index(
            np.ix_(*(np.arange(lies[dim].start, lies[dim].stop) for dim in wanted.over)),
            (ky.size, kx.size),
        ).ravel()
        rows = np.nan_to_num(block.reshape(-1, points.size).astype(np.float64)) @ weights[points]
        starts = tuple(slice(each.start, each.start) for each in part)
        place = relative(tuple(lies[dim] for dim in wanted.kept), starts)
        made[place] += rows.reshape(*block.shape[: len(part)], 3)
    return [made[..., number] for number in range(3)]


def _centre(
    item: Item, wanted: Reduction, *moments: np.ndarray, part: Slices, progress: float, begun: float
) -> Reply:
    total, y, x = moments
    with np.errstate(all="ignore"):
        there = np.where(total > 0, total, np.nan)
        values = [y / there, x / there]
    replies = [_part_values(item, wanted, each, part, begun, progress=progress) for each in values]
    header = replies[0][0]
    header["units"] = item.axis(wanted.over[0]).units
    header["parts"] = 2
    header["names"] = ["com_y", "com_x"]
    return header, [buffer for _, buffers in replies for buffer in buffers]


def _part_values(
    item: Item, wanted: Reduction, values: np.ndarray, part: Slices, begun: float, *,
    progress: float = 1.0,
) -> Reply:  # fmt: skip
    """Return a reply with values of a part of a map."""
    thin = values.ndim == 2
    return _values(item, wanted, thinned(values, steps_of(part)) if thin else values,
                   target="navigation", progress=progress, begun=begun, part=part,
                   thin=thin)  # fmt: skip


def _values(
    item: Item, wanted: Reduction, values: np.ndarray, *,
    target: str, progress: float, begun: float, part: Slices | None = None, thin: bool = False,
) -> Reply:  # fmt: skip
    """Return a reply with values as 32-bit numbers, thinned where there are very many.

    `part` is what is wanted of the whole image; with `thin` values are that already.
    """
    more: Header = {}
    if values.ndim == 2:
        part = part_of(item, wanted.kept, None) if part is None else part
        steps = steps_of(part)
        values = values if thin else thinned(values[part], steps)
        more = {"part": [[each.start, each.stop] for each in part], "step": list(steps)}
    elif values.ndim == 1:
        values = values[:: max(1, math.ceil(values.size / MOST_CURVE))]
    parts = [values.real, values.imag] if np.iscomplexobj(values) else [values]
    header = {
        "kind": "values", "data": item.id, "target": target, "dims": list(wanted.kept),
        "shape": list(values.shape), "parts": len(parts), "units": item.units,
        "statistic": wanted.statistic, "progress": round(progress, 3), "exact": progress >= 1,
        "pixels": None if wanted.mask is None else int(wanted.mask.sum()),
        "ms": round((time.perf_counter() - begun) * 1000, 2), **more,
    }  # fmt: skip
    return header, [np.ascontiguousarray(each, "<f4").tobytes() for each in parts]


def _ends(value: Any) -> tuple[float, float]:
    plain = isinstance(value, list) and len(value) == 2
    if not plain or any(type(each) not in (int, float) for each in value):
        message = f"a window is [low, high], got {value!r}"
        raise DataError(message)
    return min(value), max(value)


HANDLERS: Mapping[str, Any] = {
    "reduce": reduce_item, "window_map": map_window, "centre": map_centre,
}  # fmt: skip
