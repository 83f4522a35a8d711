"""First pictures that cost little, whatever the size of the data."""

import math
from typing import Any

import numpy as np

from omniscopy.view.dispatch import Turn
from omniscopy.view.items import Item

THUMBNAIL = 96
_FEW_BLOCKS = 6
_MANY_BYTES, _FEW_POINTS = 2**26, 24


def thumbnail_of(item: Item, turn: Turn) -> tuple[str, np.ndarray]:
    """Return a small picture: ("image", values of shape (y, x)) or ("curve", values)."""
    plan = item.plan()
    shown = plan["navigation"] if len(plan["navigation"]) == 2 else plan["signal"]
    if len(shown) != 2:
        shown = (plan["signal"] or plan["navigation"])[-1:]
    turn.check()
    values = np.abs(coarse(item, shown, most=THUMBNAIL)) if item.blocks.nbytes else np.zeros(2)
    values = np.asarray(values, np.float32)
    return ("image" if values.ndim == 2 else "curve"), values


def coarse(item: Item, shown: list[str], *, most: int) -> Any:
    """Return values over some dimensions at the middle of the others, every so many points.

    Files of chunks are only read where a few chunks hold the picture; else a part is.
    """
    blocks, key, order = item.blocks, [], []
    if blocks.native is None and blocks.nbytes > _MANY_BYTES:
        # Each point that is touched brings a stretch of the file into memory.
        most = min(most, _FEW_POINTS)
    for axis, size, block in zip(item.axes, blocks.shape, blocks.block, strict=True):
        if axis.name in shown:
            few = blocks.native and -(-size // block) > _FEW_BLOCKS and not blocks.in_memory
            stop = block * _FEW_BLOCKS if few else size
            key.append(slice(0, stop, max(1, math.ceil(stop / most))))
            order.append(axis.name)
        else:
            key.append(slice(size // 2, size // 2 + 1, 1))
    values = blocks.strided(tuple(key))
    values = values.reshape([n for n, axis in zip(values.shape, item.axes, strict=True)
                             if axis.name in shown])  # fmt: skip
    return values.transpose([order.index(name) for name in shown])
