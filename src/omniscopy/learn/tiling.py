"""Networks applied to images of any size, a tile at a time."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

# Side of a tile, and how far tiles overlap, in pixels.
TILE, OVERLAP = 512, 64


def apply_tiled(
    net: Callable[[torch.Tensor], torch.Tensor],
    image: torch.Tensor,
    *,
    block: int,
    cell: int = 1,
    tile: int = TILE,
    overlap: int = OVERLAP,
    device: torch.device | None = None,
) -> torch.Tensor:
    """Return what a network says of an image, in memory that does not grow with its size.

    Parameters
    ----------
    net : callable
        Takes (1, channels, rows, columns) with sides that `block` divides; returns (1, outputs,
        rows / cell, columns / cell).
    image : Tensor, shape (channels, rows, columns)
    block, cell : int
        What the network needs, and how much smaller its answer is.
    tile, overlap : int
        Side of a tile, and of what is shared by neighbours: there the answers are blended.
    device : device, optional
        Where the network is.

    Returns
    -------
    Tensor, shape (outputs, rows / cell, columns / cell), both rounded up
        On the processor. Beyond the edges of the image is its mirror image, not darkness.
    """
    step = _up(tile, block)
    overlap = min(_up(overlap, block), step // 2)
    rows, columns = image.shape[-2:]
    if rows <= step and columns <= step:
        made = _said(net, image, block, device)
        return made[:, : -(-rows // cell), : -(-columns // cell)]
    out: Any = None
    weight = torch.zeros(-(-rows // cell), -(-columns // cell))
    for top in _begins(rows, step, overlap):
        for left in _begins(columns, step, overlap):
            part = image[:, top : top + step, left : left + step]
            said = _said(net, part, block, device)
            size = (-(-part.shape[1] // cell), -(-part.shape[2] // cell))
            said = said[:, : size[0], : size[1]]
            share = _ramp(size[0], overlap // cell)[:, None] * _ramp(size[1], overlap // cell)
            if out is None:
                out = torch.zeros(said.shape[0], *weight.shape)
            place = (
                slice(top // cell, top // cell + size[0]),
                slice(left // cell, left // cell + size[1]),
            )
            out[(slice(None), *place)] += said * share
            weight[place] += share
    out /= weight
    return out


def mirrored(image: torch.Tensor, below: int, right: int) -> torch.Tensor:
    """Return an image continued by its mirror image, however small it is."""
    while below > 0 or right > 0:
        down, along = min(below, image.shape[-2] - 1), min(right, image.shape[-1] - 1)
        if (below > 0 and not down) or (right > 0 and not along):
            # One row or column has no mirror image but itself.
            return functional.pad(image[None], (0, right, 0, below), mode="replicate")[0]
        image = functional.pad(image[None], (0, along, 0, down), mode="reflect")[0]
        below, right = below - down, right - along
    return image


def _said(
    net: Callable[[torch.Tensor], torch.Tensor], part: torch.Tensor, block: int,
    device: torch.device | None,
) -> torch.Tensor:  # fmt: skip
    rows, columns = part.shape[-2:]
    padded = mirrored(part, _up(rows, block) - rows, _up(columns, block) - columns)
    return net(padded[None].to(device))[0].float().cpu()


def _begins(size: int, tile: int, overlap: int) -> range:
    """Return where tiles begin, so that the last one ends at or beyond the edge."""
    return range(0, max(size - overlap, 1), tile - overlap)


def _ramp(size: int, overlap: int) -> torch.Tensor:
    """Return weights that rise at the begin and fall at the end of a tile."""
    place = torch.arange(size, dtype=torch.float32)
    rise = torch.minimum(place + 1, size - place) / (overlap + 1)
    return rise.clamp(max=1.0)


def _up(size: int, block: int) -> int:
    return -(-size // block) * block
