"""One read of patterns for all that is wanted of them: arrays in, arrays out."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from omniscopy.compute.threads import available_cores, share_work
from omniscopy.diffraction.reductions import few_counts, kernels
from omniscopy.diffraction.reductions.lanes import LANES

# Patterns that are looked at while they are in the cache of a core, and what a thread takes.
_PIECE, _TASK = 2**20, 2**24
# More values of 16 bits do not fit into a sum of 32.
_MOST = 65536

Kind = Literal["mask", "weights", "area", "rings", "around", "moved", "moved_area"]
Tell = Callable[[float, float, str], None]


class Output(NamedTuple):
    """An array that a read gives: for each position, or for each pixel (`pattern`)."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pattern: bool = False
    largest: bool = False


@dataclass(frozen=True)
class Item:
    """Something wanted of every pattern.

    Beside the item goes a plane for each kept index: what counts (`mask`, `area`, `moved`, and
    `around`, whose `edges` are radii around the centre of each position), weights, or numbers
    of rings, of which there are `size`. With `squares` those of the values are summed in rings.
    """

    name: str
    kind: Kind
    size: int = 0
    edges: tuple[float, ...] = ()
    contains: Callable[[Any, Any], Any] | None = None
    squares: bool = False


@dataclass(frozen=True)
class Read:
    """What is wanted of one read: `items` of every pattern, and patterns of the whole scan."""

    ky: np.ndarray
    kx: np.ndarray
    items: tuple[Item, ...] = ()
    total: bool = False
    squares: bool = False
    largest: bool = False

    @property
    def centred(self) -> bool:
        """Return whether centres of all positions are needed."""
        return any(item.kind in ("around", "moved", "moved_area") for item in self.items)

    def outputs(self, dtype: np.dtype[Any]) -> list[Output]:
        """Return what patterns of a type give, in order."""
        real, plane = np.dtype(np.float64), (self.ky.size, self.kx.size)
        made = []
        for item in self.items:
            size = {"area": (5,), "moved_area": (5,), "rings": (item.size,)}.get(item.kind, ())
            size = (len(item.edges) - 1,) if item.kind == "around" else size
            made.append(Output(item.name, size, real))
            count = () if item.kind in ("mask", "moved", "weights") else size
            if item.kind not in ("area", "moved_area"):
                made.append(Output(f"{item.name}/count", count, real))
        if self.total or self.squares:
            made.append(Output("scan/total", plane, real, pattern=True))
        if self.squares:
            made.append(Output("scan/squares", plane, real, pattern=True))
        if self.largest:
            native = dtype.newbyteorder("=")
            made.append(Output("scan/largest", plane, native, pattern=True, largest=True))
        if self.total or self.squares or self.largest:
            made.append(Output("scan/count", plane, real, pattern=True))
        return made

    def run(
        self, values: np.ndarray, planes: Sequence[np.ndarray], centres: np.ndarray | None, *,
        kept: int = 0, threads: int | None = None, tell: Tell | None = None,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Return the outputs by name.

        Parameters
        ----------
        values : array, shape (*kept, *over, H, W)
            Of any real type and byte order, in memory or mapped.
        planes : sequence of array, shape (*kept, H, W)
            One for each item.
        centres : array, shape (*kept, *over, 2)
            Where items are centred that move with the position.
        kept : int
            How many dimensions have patterns of their own.
        threads : int
            How many work at the same time; as many as there are cores otherwise.
        tell : callable
            Told how much is done.
        """
        outer, inner = values.shape[:kept], values.shape[kept:-2]
        outputs = self.outputs(values.dtype)
        made = {
            each.name: np.zeros((*outer, *(() if each.pattern else inner), *each.shape), each.dtype)
            for each in outputs
        }
        if self.largest:
            made["scan/largest"][...] = _lowest(made["scan/largest"].dtype)
        count = math.prod(inner)
        flat = {
            each.name: made[each.name].reshape(
                math.prod(outer), *(() if each.pattern else (count,)), *each.shape
            )
            for each in outputs
        }
        for number, index in enumerate(np.ndindex(*outer)):
            job = _Job(self, [plane[index] for plane in planes], values.dtype)
            where = None if centres is None else centres[index].reshape(-1, 2)
            found = {name: each[number] for name, each in flat.items()}
            job.run(values[index], where, found, threads, tell)
        return made


class _Part(NamedTuple):
    """Patterns that lie in a row, and the number of the first."""

    values: np.ndarray
    first: int


class _Job:
    """The arrays that kernels need for patterns of one kept index."""

    def __init__(self, read: Read, planes: Sequence[np.ndarray], dtype: np.dtype[Any]) -> None:
        self.read, self.planes = read, planes
        plane = (read.ky.size, read.kx.size)
        pixels = plane[0] * plane[1]
        self.dtype, self.wide = kernels.accumulator(dtype)
        self.floats = self.dtype.kind == "f"
        self.square = np.dtype(np.uint64 if self.wide == np.uint32 else np.float64)
        chosen = [n for n, item in enumerate(read.items) if item.kind == "mask"]
        self.mask_names = [read.items[n].name for n in chosen]
        self.flat = [np.ascontiguousarray(planes[n], dtype=bool).reshape(-1) for n in chosen]
        self.masks = self._bits(self.flat)
        self.counts = np.array([np.count_nonzero(mask) for mask in self.flat], dtype=np.float64)
        self.area_numbers = [n for n, item in enumerate(read.items) if item.kind == "area"]
        whole = all(np.all(planes[n]) for n in self.area_numbers)
        others = {item.kind for item in read.items} - {"mask", "area"}
        # Of more than sums of pixels, rows and columns the whole is read by pieces, and less
        # where only few pixels are wanted.
        self.few = (
            self.dtype.kind == "u" and self.dtype.itemsize <= 2 and not others and whole
            and (read.total or bool(self.area_numbers) or bool((2 * self.counts > pixels).any()))
            and not (read.squares or read.largest)
        )  # fmt: skip
        if not self.few:
            return
        self.in_lanes = (
            plane[0] % 2 == 0 and plane[1] % LANES == 0 and plane[1] > 0 and _is_line(read.ky)
        )
        # At least one mask, perhaps empty: the first costs nothing.
        bits = self.masks if chosen else np.zeros((1, pixels), self.dtype)
        self.planes_of_masks = bits.reshape(-1, *plane)
        inside = np.array(self.flat) if chosen else bits
        self.rows_of_masks = few_counts.spans_of_rows(inside.reshape(-1, *plane))

    # What patterns of few counts have no need of.
    @cached_property
    def spans(self) -> np.ndarray:
        """Return the pixels before and from which on each mask is empty."""
        return np.array([_span(mask) for mask in self.flat], dtype=np.int64).reshape(-1, 2)

    @cached_property
    def areas(self) -> dict[int, np.ndarray]:
        """Return the planes under which moments are summed."""
        return {
            n: self._bits([np.asarray(self.planes[n], bool).ravel()]).reshape(self.planes[n].shape)
            for n in self.area_numbers
        }

    @cached_property
    def byte_masks(self) -> np.ndarray:
        """Return the masks for bytes, to count what is missing."""
        bits = [mask * np.uint8(255) for mask in self.flat]
        return np.array(bits).reshape(self.masks.shape)

    def _bits(self, flat: Sequence[np.ndarray]) -> np.ndarray:
        made = np.empty((len(flat), self.read.ky.size * self.read.kx.size), self.dtype)
        for row, mask in zip(made, flat, strict=True):
            row[:] = mask
        return made if self.floats else np.negative(made, out=made)

    def run(
        self, values: np.ndarray, centres: np.ndarray | None, found: dict[str, np.ndarray],
        threads: int | None, tell: Tell | None,
    ) -> None:  # fmt: skip
        """Fill in what is found of all patterns."""
        tasks = list(_tasks(values))
        patterns = [output for output in self.read.outputs(values.dtype) if output.pattern]
        results: list[dict[str, Any]] = [{} for _ in tasks]
        done = itertools.count(1)

        def work(number: int) -> None:
            part = tasks[number]
            results[number] = self.part(part, centres, found)
            if tell is not None:
                tell(next(done), len(tasks), "patterns")

        share_work(work, range(len(tasks)), threads or available_cores())
        for output in patterns:
            target = found[output.name]
            for result in results:
                part = result[output.name]
                if output.largest:
                    np.maximum(target, part.astype(target.dtype), out=target)
                elif isinstance(part, np.ndarray):
                    kernels.add_to(target, part)
                else:
                    target += part

    def part(
        self, part: _Part, centres: np.ndarray | None, found: dict[str, np.ndarray]
    ) -> dict[str, Any]:
        """Fill in what is found of some patterns; return the sums over them."""
        plane = (self.read.ky.size, self.read.kx.size)
        sums: dict[str, Any] = {"scan/total": np.zeros(plane, self.wide), "scan/count": 0.0}
        if self.read.squares:
            sums["scan/squares"] = np.zeros(plane, self.square)
        if self.read.largest:
            sums["scan/largest"] = np.full(plane, _lowest(self.dtype), self.dtype)
        sums["scan/count"] += len(part.values)
        room = np.zeros((4, plane[1]), self.wide), np.zeros((4, plane[0]), self.wide)
        apart = {output.name for output in self.read.outputs(self.dtype) if output.pattern}
        step = max(4, _PIECE // max(self.dtype.itemsize * plane[0] * plane[1], 1) // 4 * 4)
        few, begin = self.few, 0
        ready = part.values.dtype == self.dtype and part.values.flags.c_contiguous
        copies = np.empty((0 if ready else min(step, len(part.values)), *plane), self.dtype)
        while begin < len(part.values):
            # Few counts are read as they lie, but for those in another order of bytes or of memory.
            some = part.values[begin : begin + (len(part.values) if few and ready else step)]
            if not ready:
                copies[: len(some)] = some
                some = copies[: len(some)]
            first = part.first + begin
            done = self._few(_Part(some, first), found, sums["scan/total"]) if few else 0
            few = few and len(some) - done < 4
            for n in range(done, len(some), step):
                piece = some[n : n + step]
                where = slice(first + n, first + n + len(piece))
                each = {name: values[where] for name, values in found.items() if name not in apart}
                own = None if centres is None else centres[where]
                self.piece(piece, own, each, sums, room)
            begin += len(some)
        return sums

    def _few(self, part: _Part, found: dict[str, np.ndarray], total: np.ndarray) -> int:
        """Do all with patterns up to the first one with many counts; return how many that are."""
        values = part.values
        (high, wide), number = total.shape, np.uint16
        largest, few = few_counts.largest_few(total.shape), np.zeros(high * wide, number)
        columns, moments = np.zeros((4, wide), number), np.empty((len(values), 5))
        sums = np.empty((len(values), len(self.planes_of_masks)))
        if self.in_lanes:
            done = few_counts.sum_few_in_lanes(
                values.reshape(-1), np.array(total.shape), largest, few, total,
                columns.reshape(-1), np.zeros((4, 4), np.int64), *_line(self.read.ky), self.read.kx,
                self.planes_of_masks.reshape(len(self.planes_of_masks), -1), *self.rows_of_masks,
                moments, sums,
            )  # fmt: skip
        else:
            done = few_counts.sum_few(
                values, largest, few.reshape(total.shape), columns, np.zeros((4, high), number),
                self.read.ky, self.read.kx, self.planes_of_masks, *self.rows_of_masks,
                total, moments, sums,
            )  # fmt: skip
        where = slice(part.first, part.first + done)
        for n in self.area_numbers:
            found[self.read.items[n].name][where] = moments[:done]
        for n, name in enumerate(self.mask_names):
            found[name][where] = sums[:done, n]
            found[f"{name}/count"][where] = self.counts[n]
        return done

    def piece(
        self, piece: np.ndarray, centres: np.ndarray | None, found: dict[str, np.ndarray],
        sums: dict[str, Any], room: tuple[np.ndarray, np.ndarray],
    ) -> None:  # fmt: skip
        """Do all with patterns that are in the cache."""
        missing = np.isnan(piece) if self.floats and np.isnan(np.min(piece)) else None
        around = piece
        if missing is not None:
            if self.read.largest:
                lowest = np.where(missing, _lowest(self.dtype), piece)
                kernels.keep_largest(lowest, sums["scan/largest"])
            piece = np.where(missing, self.dtype.type(0), piece)
            sums["scan/count"] = sums["scan/count"] - missing.sum(axis=0, dtype=np.uint32)
        elif self.read.largest:
            kernels.keep_largest(piece, sums["scan/largest"])
        self._moments(piece, found, sums["scan/total"], room)
        if self.read.squares:
            kernels.sum_squares(piece, sums["scan/squares"])
        self._masked(piece, missing, found, sums["scan/total"])
        for item, plane in zip(self.read.items, self.planes, strict=True):
            if item.kind == "weights":
                kernels.sum_weighted(piece, np.asarray(plane, np.float64), found[item.name])
                there = np.asarray(plane) != 0
                count = there.sum() if missing is None else (there & ~missing).sum(axis=(1, 2))
                found[f"{item.name}/count"][...] = count
            elif item.kind == "rings":
                self._rings(item, piece, missing, found)
            elif item.kind == "around" and centres is not None:
                kernels.sum_rings_around(
                    _squared(around) if item.squares else around, np.asarray(plane, bool),
                    self.read.ky, self.read.kx, centres, np.array(item.edges),
                    found[item.name], found[f"{item.name}/count"],
                )  # fmt: skip
            elif item.kind in ("moved", "moved_area") and centres is not None:
                self._moved(item, plane, around, centres, found)

    def _moments(
        self, piece: np.ndarray, found: dict[str, np.ndarray], total: np.ndarray,
        room: tuple[np.ndarray, np.ndarray],
    ) -> None:  # fmt: skip
        """Fill in the moments, with the sum over patterns in the same go."""
        wanted = self.read.total or self.read.squares
        none = total[:0]
        for part, count, where in _fours(piece):
            if wanted and not self.area_numbers:
                kernels.sum_patterns(part, total)
            for turn, n in enumerate(self.areas):
                moments = np.empty((len(part), 5))
                kernels.sum_columns(
                    part, self.areas[n],
                    total if wanted and turn == 0 else none, *room,
                    self.read.ky, self.read.kx, moments,
                )  # fmt: skip
                found[self.read.items[n].name][where] = moments[:count]

    def _masked(
        self, piece: np.ndarray, missing: np.ndarray | None, found: dict[str, np.ndarray],
        total: np.ndarray,
    ) -> None:  # fmt: skip
        if not self.mask_names:
            return
        flat = piece.reshape(len(piece), -1)
        sums = np.empty((len(piece), len(self.mask_names)))
        kernels.sum_masks(flat, self.masks, self.spans, total, sums)
        counts = np.broadcast_to(self.counts, sums.shape)
        if missing is not None:
            absent = np.empty_like(sums)
            bits = missing.reshape(flat.shape).view(np.uint8)
            kernels.sum_masks(
                bits, self.byte_masks, self.spans, np.zeros((0, 0), np.uint32), absent
            )
            counts = counts - absent
        for n, name in enumerate(self.mask_names):
            found[name][:] = sums[:, n]
            found[f"{name}/count"][:] = counts[:, n]

    @cached_property
    def rings(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the numbers of pixels ring by ring, and where in them each ring begins."""
        made = {}
        for item, plane in zip(self.read.items, self.planes, strict=True):
            if item.kind == "rings":
                # Of so few bits that NumPy sorts them by counting.
                flat = np.asarray(plane).ravel().astype(np.min_scalar_type(item.size))
                first = np.cumsum([0, *np.bincount(flat, minlength=item.size)[: item.size]])
                order = np.argsort(flat, kind="stable")[: first[-1]].astype(np.uint32)
                made[item.name] = order, first
        return made

    def _rings(
        self, item: Item, piece: np.ndarray, missing: np.ndarray | None,
        found: dict[str, np.ndarray],
    ) -> None:  # fmt: skip
        order, first = self.rings[item.name]
        _fill_rings(_squared(piece) if item.squares else piece, order, first, found[item.name])
        counts = np.diff(first).astype(np.float64)
        if missing is not None:
            absent = np.empty((len(piece), item.size))
            _fill_rings(missing.view(np.uint8), order, first, absent)
            counts = counts - absent
        found[f"{item.name}/count"][:] = counts

    def _moved(
        self, item: Item, plane: np.ndarray, piece: np.ndarray, centres: np.ndarray,
        found: dict[str, np.ndarray],
    ) -> None:  # fmt: skip
        """Fill in the sums, or moments, under a detector that follows the pattern."""
        if item.contains is None:
            return
        ky, kx = self.read.ky[:, None], self.read.kx[None, :]
        for n, (pattern, (y, x)) in enumerate(zip(piece, centres, strict=True)):
            inside = np.asarray(item.contains(ky - y, kx - x), dtype=bool)
            inside &= np.asarray(plane, dtype=bool) & (pattern == pattern)  # noqa: PLR0124 - NaN
            values = np.where(inside, pattern, 0).astype(np.float64)
            if item.kind == "moved":
                found[item.name][n] = values.sum()
                found[f"{item.name}/count"][n] = inside.sum()
                continue
            row, column = values.sum(axis=1), values.sum(axis=0)
            powers = (row @ self.read.ky, row @ self.read.ky**2)
            found[item.name][n] = (
                row.sum(), *powers, column @ self.read.kx, column @ self.read.kx**2
            )  # fmt: skip


def _line(ky: np.ndarray) -> tuple[float, float]:
    """Return where an axis begins and its step."""
    return float(ky[0]), float(ky[-1] - ky[0]) / max(ky.size - 1, 1)


def _is_line(ky: np.ndarray) -> bool:
    start, step = _line(ky)
    away = np.abs(ky - start - step * np.arange(ky.size))
    return bool(away.max(initial=0.0) <= 1e-12 * abs(step) * ky.size)


def _lowest(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def _squared(piece: np.ndarray) -> np.ndarray:
    wide = piece.astype(np.float64)
    return np.multiply(wide, wide, out=wide)


def _span(mask: np.ndarray) -> tuple[int, int]:
    there = np.flatnonzero(mask)
    return (int(there[0]), int(there[-1]) + 1) if there.size else (0, 0)


def _fill_rings(
    piece: np.ndarray, order: np.ndarray, first: np.ndarray, sums: np.ndarray
) -> None:  # fmt: skip
    total = np.empty(0, np.float64 if piece.dtype.kind == "f" else np.int64)
    for part, count, where in _fours(piece):
        four = np.empty((len(part), sums.shape[1]))
        kernels.sum_rings(part.reshape(len(part), -1), order, first, total, four)
        sums[where] = four[:count]


def _fours(piece: np.ndarray) -> Iterator[tuple[np.ndarray, int, slice]]:
    """Return patterns by fours, how many of them there are, and which; zeros fill the last."""
    whole = len(piece) // 4 * 4
    if whole:
        yield piece[:whole], whole, slice(0, whole)
    left = len(piece) - whole
    if left:
        filled = np.zeros((4, *piece.shape[1:]), piece.dtype)
        filled[:left] = piece[whole:]
        yield filled, left, slice(whole, len(piece))


def _tasks(values: np.ndarray) -> Iterator[_Part]:
    """Return the patterns in parts of about the same size, none of them copied."""
    size = max(values.dtype.itemsize * values.shape[-2] * values.shape[-1], 1)
    step = min(max(4, _TASK // size // 4 * 4), _MOST)
    for view, first in _views(values, 0):
        for begin in range(0, len(view), step):
            yield _Part(view[begin : begin + step], first + begin)


def _views(values: np.ndarray, first: int) -> Iterator[tuple[np.ndarray, int]]:
    """Return views of patterns along one dimension, and the number of the first of each."""
    if values.size == 0:
        return
    if values.ndim == 2:
        yield values[None], first
    elif values.ndim == 3:
        yield values, first
    else:
        flat = _flattened(values)
        if flat is not None:
            yield flat, first
            return
        count = int(np.prod(values.shape[1:-2]))
        for n, part in enumerate(values):
            yield from _views(part, first + n * count)


def _flattened(values: np.ndarray) -> np.ndarray | None:
    """Return all patterns along one dimension, `None` where that would be a copy."""
    try:
        return np.reshape(values, (-1, *values.shape[-2:]), copy=False)
    except ValueError:
        return None
