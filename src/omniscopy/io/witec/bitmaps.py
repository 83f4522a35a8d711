"""Video images of older projects: bitmaps of Windows within a tag."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.records import Key
from omniscopy.io.witec.tags import Tag

_HEAD = struct.Struct("<2s8xI I ii HH I")
_MOST_PIXELS = 1 << 24


@dataclass(frozen=True)
class Bitmap:
    """Red, green and blue (y, x, channel) of a bitmap whose colours are not packed.

    Its rows are `stride` bytes long and lie from the bottom up, if they are not `downwards`.
    """

    path: str
    offset: int
    shape: tuple[int, int, int]
    stride: int
    bits: int
    downwards: bool

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return np.dtype("u1")

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray:
        rows, columns, _ = self.shape
        raw = np.fromfile(self.path, "u1", rows * self.stride, offset=self.offset)
        pixels = raw.reshape(rows, self.stride)[:, : columns * self.bits // 8]
        colours = pixels.reshape(rows, columns, self.bits // 8)[..., 2::-1]
        return np.array((colours if self.downwards else colours[::-1])[key])


def find_bitmap(tag: Tag) -> Bitmap | None:
    """Return the bitmap that a tag holds whole, `None` where it is of another kind."""
    with tag.path.open("rb") as file:
        file.seek(tag.start)
        raw = file.read(min(_HEAD.size, tag.stop - tag.start))
    if len(raw) < _HEAD.size:
        return None
    magic, start, _, columns, rows, _, bits, packed = _HEAD.unpack(raw)
    stride = (columns * bits + 31) // 32 * 4
    is_known = magic == b"BM" and bits in (24, 32) and not packed and columns > 0 and rows
    end = tag.start + start + abs(rows) * stride
    if not is_known or columns * abs(rows) > _MOST_PIXELS or end > tag.stop:
        return None
    shape = (abs(rows), columns, 3)
    return Bitmap(str(tag.path), tag.start + start, shape, stride, bits, rows < 0)
