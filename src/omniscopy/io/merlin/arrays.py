"""Raw frames: pixels packed in words of 64 bits as the chips deliver them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.frames import FrameStream
from omniscopy.io.records import Key


@dataclass(frozen=True)
class RawFrames:
    """The pixels of raw frames, whose bytes are `inner` (scan, bytes).

    The least significant bits of each big-endian word are the first pixel. Counters of 24 bits
    are two frames of 12, the more significant first. Four chips follow each other within each
    row: lower right, lower left, upper right, upper left, of which the lower two are turned by
    180°. This is how frames of the same beam look like those that the camera put together
    (LiberTEM, issue 1135).
    """

    inner: FrameStream
    frame: tuple[int, int]
    depth: int
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return scan, rows, columns."""
        return self.inner.scan + self.frame

    @property
    def chunks(self) -> tuple[int, ...]:
        """Return one frame."""
        return (1,) * len(self.inner.scan) + self.frame

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = full_key(key, self.shape)
        packed = self.inner[(*parts[:-2], slice(None))]
        pixels = unpack(packed.reshape(-1, packed.shape[-1]), self.depth)
        frames = assemble(pixels, self.frame).astype(self.dtype, copy=False)
        return np.asarray(
            frames.reshape(*packed.shape[:-1], *self.frame)[(..., *parts[-2:])], order="C"
        )


def unpack(packed: np.ndarray, depth: int) -> np.ndarray:
    """Return the pixels (frames, pixels) of raw frames (frames, bytes)."""
    words = np.ascontiguousarray(packed).reshape(len(packed), -1, 8)[:, :, ::-1]
    if depth == 1:
        return np.unpackbits(words, axis=-1, bitorder="little").reshape(len(packed), -1)
    ordered = np.ascontiguousarray(words).reshape(len(packed), -1)
    if depth == 6:
        return ordered
    counts = ordered.view("<u2")
    if depth == 12:
        return counts
    high, low = np.split(counts.astype(np.uint32), 2, axis=1)
    return (high << 12) | low


def assemble(pixels: np.ndarray, frame: tuple[int, int]) -> np.ndarray:
    """Return frames (frames, rows, columns) of the pixels of one chip or of four."""
    rows, columns = frame
    if (rows, columns) != (512, 512):
        return pixels.reshape(-1, rows, columns)
    chips = pixels.reshape(-1, 256, 4, 256)
    upper = chips[:, :, :1:-1].reshape(-1, 256, 512)
    lower = chips[:, ::-1, 1::-1, ::-1].reshape(-1, 256, 512)
    return np.concatenate([upper, lower], axis=1)
