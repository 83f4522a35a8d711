"""What is computed and written together: the blocks of all arrays at one place."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model.errors import DataError

WHOLE = "the whole"

Key = Any
Region = tuple[slice, ...]


@dataclass(frozen=True)
class Target:
    """A lazy array and where it is written to.

    `sink` takes ``sink[region] = block``, from several threads or processes for different
    blocks; `None` where nothing is written. `group` tells arrays apart that have dimensions of
    the same names but nothing else in common.
    """

    name: str
    dims: tuple[str, ...]
    values: Any
    sink: Any = None
    group: str = ""


@dataclass(frozen=True)
class Block:
    """One block of the array number `target`: its task, and the region that it fills."""

    target: int
    key: Key
    region: Region


def require_labelled(obj: object) -> None:
    """Raise unless `obj` is something that xarray labels."""
    if not isinstance(obj, xr.DataArray | xr.Dataset | xr.DataTree):
        message = (
            f"expected a DataArray, Dataset or DataTree, got {type(obj).__name__}; label it with "
            "`xarray.DataArray(values, dims=..., coords=...)`"
        )
        raise DataError(message)


def targets_of(obj: xr.DataArray | xr.Dataset | xr.DataTree) -> list[Target]:
    """Return the lazy arrays of `obj`, with nowhere to write them to."""
    return [
        Target(str(name), tuple(str(dim) for dim in variable.dims), variable.data, group=group)
        for group, dataset in _datasets(obj)
        for name, variable in dataset.variables.items()
        if variable.chunks is not None
    ]


def cut_units(targets: Sequence[Target]) -> dict[str, list[Block]]:
    """Return the blocks that are computed together, by their place in words.

    The place of a block is its range along those dimensions that its array is cut along.
    """
    units: dict[str, list[Block]] = {}
    for number, target in enumerate(targets):
        for block in _blocks(number, target.values):
            place = _place(target, block.region)
            units.setdefault(place, []).append(block)
    return units


def block_bytes(target: Target, block: Block) -> int:
    """Return the bytes of a block of an array."""
    shape = [part.stop - part.start for part in block.region]
    return int(np.prod(shape, dtype=np.int64)) * target.values.dtype.itemsize


def _datasets(obj: Any) -> Iterator[tuple[str, xr.Dataset]]:
    if isinstance(obj, xr.DataTree):
        for node in obj.subtree:
            yield node.path.strip("/"), node.to_dataset(inherit=False)
    elif isinstance(obj, xr.DataArray):
        yield "", obj.to_dataset(name="" if obj.name in (None, *obj.coords) else obj.name)
    else:
        yield "", obj


def _blocks(number: int, values: Any) -> Iterator[Block]:
    cuts = [np.concatenate([[0], np.cumsum(lengths)]).tolist() for lengths in values.chunks]
    for place in itertools.product(*(range(len(lengths)) for lengths in values.chunks)):
        region = tuple(slice(cut[n], cut[n + 1]) for cut, n in zip(cuts, place, strict=True))
        yield Block(number, (values.name, *place), region)


def _place(target: Target, region: Region) -> str:
    ranges = [
        f"{dim} {part.start}:{part.stop}"
        for dim, part, lengths in zip(target.dims, region, target.values.chunks, strict=True)
        if len(lengths) > 1
    ]
    words = ", ".join(ranges) or WHOLE
    return f"{target.group}: {words}" if target.group else words
