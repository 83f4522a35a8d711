"""How DigitalMicrograph stores pixels: its data types, colours and half-plane transforms."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.records import Key

# `DataType` of an image: the type of one stored pixel, without byte order.
NUMBERS = {
    1: "i2", 2: "f4", 3: "c8", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8",
    13: "c16", 14: "?", 39: "i8", 40: "u8",
}  # fmt: skip
COLOUR = (8, 23)
SQUARE_TRANSFORM = 5
HALF_TRANSFORM = {27: "c8", 28: "c16"}


@dataclass(frozen=True)
class Binary(Derived):
    """Bytes of 0 and 1 as truth values; any other byte counts as true."""

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(bool)

    def __getitem__(self, key: Key) -> np.ndarray:
        return np.asarray(self.inner[key] != 0)


@dataclass(frozen=True)
class Colours(Derived):
    """Red, green and blue of pixels stored as four bytes; `order` says where each is.

    The fourth byte is not transparency: DigitalMicrograph leaves it 0 and shows the pixel.
    """

    order: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.inner.shape[:-1], 3)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *pixels, colour = full_key(key, self.shape)
        stored = self.inner[(*pixels, slice(None))]
        return np.asarray(stored[..., list(self.order)][..., colour], order="C")


@dataclass(frozen=True)
class HalfTransform(Derived):
    """The Fourier transform of a real image, of which `inner` holds the columns of k >= 0.

    Column j of the half belongs to the column j left of the centre, rows are in place; what
    is right of the centre is the complex conjugate of the point mirrored at the centre. So
    the whole is ``fftshift(fft2(image))``, with k = 0 at ``(rows // 2, columns // 2)``.
    """

    columns: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.inner.shape[0], self.columns)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray:
        half = self.inner[(slice(None), slice(None))]
        rows, columns = self.shape
        centre = columns // 2
        whole = np.empty(self.shape, self.dtype)
        whole[:, centre::-1] = half[:, : centre + 1]
        mirrored = (2 * (rows // 2) - np.arange(rows)) % rows
        right = columns - centre - 1
        whole[:, centre + 1 :] = half[mirrored, 1 : right + 1].conj()
        return np.asarray(whole[key], order="C")


@dataclass(frozen=True)
class SquareTransform(Derived):
    """The Fourier transform of a real square image of 2n by 2n, packed into 2n by 2n floats.

    Row by row, `inner` holds the right half (column 0 to n - 1 from the centre) as pairs of
    real and imaginary part. Values at column 0 above the centre follow from those below, so
    their place is taken by the column left out, that of k = -n; and the four values that are
    real by symmetry share two places: k = (0, 0) with (-n, 0), and (0, -n) with (-n, -n).
    Rows and columns are those that DigitalMicrograph shows, k = 0 at (n, n).
    """

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.complex64)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray:
        pairs = np.ascontiguousarray(self.inner[(slice(None), slice(None))], np.float32)
        half = pairs.view(np.complex64)
        n = half.shape[1]
        whole = np.empty(self.shape, self.dtype)
        whole[:, n:] = half
        whole[n, 0], whole[0, 0] = half[0, 0].real, half[0, 0].imag
        whole[n, n], whole[0, n] = half[n, 0].real, half[n, 0].imag
        whole[n + 1 :, 0] = half[1:n, 0]
        # The rest mirrors at the centre; row 0 (k = -n) is its own mirror image.
        below = np.arange(2 * n - 1, n, -1)
        whole[1:n, n] = whole[below, n].conj()
        whole[1:n, 0] = whole[below, 0].conj()
        mirrored = (2 * n - np.arange(2 * n)) % (2 * n)
        whole[:, n - 1 : 0 : -1] = whole[mirrored, n + 1 :].conj()
        return np.asarray(whole[key], order="C")
