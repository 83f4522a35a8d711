"""Spectrum images that are counted from a stream of events when a part of them is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Key, LazyArray


@dataclass(frozen=True)
class Window:
    """The part of an array that a key takes; a single place is a dimension of one in it."""

    ranges: tuple[range, ...]
    kept: tuple[int | slice, ...]

    @classmethod
    def of(cls, key: Key, shape: tuple[int, ...]) -> "Window":
        """Return the part that `key` takes of an array of this shape."""
        parts = full_key(key, shape)
        ranges = [
            range(size)[part] if isinstance(part, slice) else range(part, part + 1)
            for part, size in zip(parts, shape, strict=True)
        ]
        kept = [slice(None) if isinstance(part, slice) else 0 for part in parts]
        return cls(tuple(ranges), tuple(kept))

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the part."""
        return tuple(len(each) for each in self.ranges)

    def places(self, axis: int, size: int, *, rebin: int = 1) -> np.ndarray:
        """Return where in the part each of `size` positions of an axis falls, -1 outside.

        `rebin` positions that follow each other are one of the array.
        """
        found = np.full(size, -1, np.int64)
        for step in range(rebin):
            taken = np.array(self.ranges[axis], np.int64) * rebin + step
            found[taken] = np.arange(len(taken))
        return found


def energy_axis(channels: int, line: tuple[float, float] | None, rebin: int = 1) -> Axis:
    """Return an axis in keV; channels that are taken together are at their middle.

    Parameters
    ----------
    channels : int
        Of the detector.
    line : (width, start), keV, or None
        Of a channel, and of the first one, where they are known.
    rebin : int
        Channels that are taken together.
    """
    size = channels // rebin
    if line is None:
        return Axis(name="energy", size=size)
    width, start = line
    offset = start + 0.5 * (rebin - 1) * width
    return Axis(name="energy", size=size, scale=width * rebin, offset=offset, units="keV")


def require_rebin(path: Path, rebin: int) -> None:
    """Refuse a number of channels to take together that makes no sense."""
    if not (isinstance(rebin, int) and 1 <= rebin <= 1024):
        message = f"rebin_energy must be a whole number from 1 to 1024, got {rebin!r}"
        raise FormatError(message, path=path)


def require_frames(path: Path, frames: tuple[int, int] | None) -> None:
    """Refuse a choice of frames that makes no sense."""
    if frames is not None and not (len(frames) == 2 and 0 <= frames[0] < frames[1]):
        message = f"frames must be (first, stop) with 0 <= first < stop, got {frames!r}"
        raise FormatError(message, path=path)


@dataclass(frozen=True)
class Rebinned:
    """`inner` with `rebin` numbers of its last dimension taken together, as uint32."""

    inner: LazyArray
    rebin: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the dimensions."""
        return (*self.inner.shape[:-1], self.inner.shape[-1] // self.rebin)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the sums."""
        return np.dtype(np.uint32)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return the blocks of `inner`, with their last dimension whole."""
        inner = self.inner.chunks
        return None if inner is None else (*inner[:-1], self.shape[-1])

    def __getitem__(self, key: Key) -> np.ndarray:
        *others, last = full_key(key, self.shape)
        wanted = range(self.shape[-1])[last if isinstance(last, slice) else slice(last, last + 1)]
        if not wanted:
            return self.inner[(*others, slice(0, 0))].astype(self.dtype)
        start, stop = wanted[0] * self.rebin, (wanted[-1] + 1) * self.rebin
        values = self.inner[(*others, slice(start, stop))]
        sums = values.reshape(*values.shape[:-1], (stop - start) // self.rebin, self.rebin).sum(
            axis=-1, dtype=self.dtype
        )
        chosen = sums[..., :: wanted.step]
        return np.array(chosen if isinstance(last, slice) else chosen[..., 0])
