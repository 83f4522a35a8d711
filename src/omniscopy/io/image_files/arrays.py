"""Handles of pictures: they are decoded when they are read."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.image_files.pictures import open_picture
from omniscopy.io.records import Key


@dataclass(frozen=True)
class Picture:
    """The pixels of a picture in a mode of Pillow; the first dimension is `frame` if it moves."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    mode: str
    moves: bool

    @property
    def chunks(self) -> tuple[int, ...]:
        return (1, *self.shape[1:]) if self.moves else self.shape

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = full_key(key, self.shape)
        with open_picture(self.path) as picture:
            if not self.moves:
                return self._pixels(picture)[parts].copy()
            first, inner = parts[0], parts[1:]
            if isinstance(first, int):
                picture.seek(first)
                return self._pixels(picture)[inner].copy()
            frames = []
            for number in range(self.shape[0])[first]:
                picture.seek(number)
                frames.append(self._pixels(picture)[inner].copy())
        empty = np.empty((0, *np.empty(self.shape[1:], self.dtype)[inner].shape), self.dtype)
        return np.stack(frames) if frames else empty

    def _pixels(self, picture: Any) -> np.ndarray:
        turned = picture if picture.mode == self.mode else picture.convert(self.mode)
        pixels = np.asarray(turned).astype(self.dtype, copy=False)
        if pixels.shape != (self.shape[1:] if self.moves else self.shape):
            message = f"a picture of {pixels.shape} was found where {self.shape} were declared"
            raise FormatError(message, path=self.path)
        return pixels
