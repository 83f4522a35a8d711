"""The results of `reduce` while frames are still coming in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import xarray as xr

from omniscopy.diffraction.reductions.engine import Read
from omniscopy.diffraction.reductions.places import Places
from omniscopy.diffraction.reductions.reading import (
    answered,
    centres_of_positions,
    places_of,
    plan_read,
    scan_of,
)
from omniscopy.diffraction.reductions.reduce import AnyWanted, dataset, require_scan
from omniscopy.diffraction.reductions.wanted import Question, named, question
from omniscopy.model import DataError, require_plane, require_real


def stream(
    frames: Iterable[np.ndarray],
    operations: Sequence[AnyWanted] | Mapping[str, AnyWanted],
    like: xr.DataArray,
    *,
    every: int | None = None,
    centres: xr.Dataset | None = None,
    dead: xr.DataArray | None = None,
) -> Iterator[xr.Dataset]:
    """Evaluate what `reduce` does on frames that arrive one by one, with running results.

    Parameters
    ----------
    frames : iterable of array, shape (ky, kx) or (n, ky, kx)
        Frames in the order of the scan: an iterator, or `file_frames`, or `socket_frames`.
    operations : sequence or mapping of name to what is wanted
        As in `reduce`. Detectors and profiles have a centre, or `centres` are given: the disc
        in the mean of all patterns is not known before they are there.
    like : DataArray, shape (y, x, ky, kx)
        The labels of what will come, and its type: values are not looked at. Such as
        ``xarray.DataArray(dask.array.zeros(...), coords, dims=("y", "x", "ky", "kx"))``.
    every : int
        Frames between two results; one row of the scan otherwise.
    centres : Dataset
        Where detectors with the centre "auto" are, as in `reduce`.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out.

    Yields
    ------
    Dataset
        What is known so far, as of `reduce`: images are NaN (status 4) where no frame has come,
        patterns are those of the frames that have. Its attribute ``frames`` says how many. The
        last one, when all frames are there, is what `reduce` gives. Frames after the last
        position are not taken.

    Raises
    ------
    DataError
        A frame does not fit to `like`, or a centre is not known.

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.samples.diffraction_4d()
    >>> frames = iter(data.values.reshape(-1, 48, 52))
    >>> [found.attrs["frames"] for found in om.diffraction.stream(frames, ["sum", "mean"], data)]
    [7, 14, 21, 28, 35, 42]
    """
    plane = require_plane(like, None, kind="reciprocal", at_least=1)
    require_real(like)
    asked = named(operations)
    require_scan(like, plane, asked)
    scan = [str(dim) for dim in like.dims if dim not in plane]
    over = scan_of(like, plane)
    if not scan or scan != over or tuple(like.dims) != (*scan, *plane):
        message = (
            f"frames come in the order of a scan, (y, x, ky, kx) or (point, ky, kx); got the "
            f"dimensions {tuple(like.dims)}"
        )
        raise DataError(message)
    row = like.sizes[scan[-1]] if every is None else every
    if row < 1:
        message = f"every must be at least 1 frame, got {every!r}"
        raise DataError(message)
    places = places_of(like, plane, over=over, centres=centres, dead=dead)
    needs_centre = [
        name for name, wanted in asked.items() if _centre(wanted) == "auto" and centres is None
    ]
    if needs_centre:
        message = (
            f"{needs_centre[0]!r} has the centre 'auto', which is not known before all frames "
            "are there: give its centre as (ky, kx), or pass centres="
        )
        raise DataError(message)
    questions = [question(name, wanted, places) for name, wanted in asked.items()]
    return _results(frames, _Running(plan_read(questions, places), questions, places), row)


def _centre(wanted: object) -> object:
    if wanted == "radial_profile":
        return "auto"
    mask = getattr(wanted, "mask", None)
    return getattr(mask if mask is not None else wanted, "centre", None)


def _results(frames: Iterable[np.ndarray], running: "_Running", every: int) -> Iterator[xr.Dataset]:
    waiting: list[np.ndarray] = []
    held = 0
    for given in frames:
        block = running.block_of(given)
        while len(block):
            part, block = block[: every - held], block[every - held :]
            waiting.append(part)
            held += len(part)
            if held == every:
                running.add(np.concatenate(waiting))
                waiting, held = [], 0
                yield running.result()
        if running.done + held >= running.positions:
            break
    if held:
        running.add(np.concatenate(waiting))
        yield running.result()


class _Running:
    """Outputs of a read that grow."""

    def __init__(self, read: Read, questions: Sequence[Question], places: Places) -> None:
        self.read, self.questions, self.places = read, questions, places
        data = places.data
        self.shape = tuple(data.sizes[dim] for dim in places.dims)
        self.positions = int(np.prod([data.sizes[dim] for dim in places.over]))
        self.done = 0
        self.planes = [
            each.plane.transpose(*places.dims).values
            for each in questions
            if each.item is not None and each.plane is not None
        ]
        self.centres: np.ndarray | None = None
        if read.centred:
            labelled = centres_of_positions(places, places.over)
            self.centres = np.ascontiguousarray(labelled.values, np.float64).reshape(-1, 2)
        empty = np.zeros((0, *self.shape), data.dtype)
        none = None if self.centres is None else self.centres[:0]
        self.found = dict(read.run(empty, self.planes, none))
        for output in read.outputs(data.dtype):
            if not output.pattern:
                self.found[output.name] = np.full((self.positions, *output.shape), np.nan)

    def block_of(self, given: np.ndarray) -> np.ndarray:
        """Return frames as a block; raise where they do not fit."""
        block = np.asarray(given)
        block = block[None] if block.ndim == 2 else block
        if block.ndim != 3 or block.shape[1:] != self.shape:
            message = f"frame {self.done} has the shape {block.shape[-2:]}, expected {self.shape}"
            raise DataError(message)
        dtype = self.places.data.dtype.newbyteorder("=")
        if block.dtype.newbyteorder("=") != dtype:
            message = f"frame {self.done} is of type {block.dtype}, expected {dtype}"
            raise DataError(message)
        return block

    def add(self, block: np.ndarray) -> None:
        """Add frames to what is known."""
        block = block[: self.positions - self.done]
        where = slice(self.done, self.done + len(block))
        own = None if self.centres is None else self.centres[where]
        made = self.read.run(block, self.planes, own)
        for output in self.read.outputs(self.places.data.dtype):
            if not output.pattern:
                self.found[output.name][where] = made[output.name]
            elif output.largest:
                np.maximum(self.found[output.name], made[output.name], out=self.found[output.name])
            else:
                self.found[output.name] += made[output.name]
        self.done += len(block)

    def result(self) -> xr.Dataset:
        """Return what is known so far."""
        found = {name: values.copy() for name, values in self.found.items()}
        made = answered(found, self.questions, self.places)
        return dataset(made, self.places).assign_attrs(frames=self.done)
