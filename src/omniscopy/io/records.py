"""What a reader returns: plain records, free of xarray, that `omniscopy.io` turns into a tree.

A reader is a function ``read(path, *, partial=False, **options) -> Measurement``. It opens
the file read-only, checks every size in the header against the bytes that are there, and
returns handles (`omniscopy.io.arrays`) instead of loaded arrays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

Key = tuple[int | slice, ...]


class LazyArray(Protocol):
    """An array on disk: its form is known, its values are read by indexing.

    A handle can be pickled and holds no open file. Indexing takes one integer or slice of
    positive step for each dimension and returns a new array of native byte order.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of the blocks that are cheapest to read, or `None` where any will do."""

    def __getitem__(self, key: Key) -> np.ndarray: ...


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One dimension: coordinate `i` is ``offset + i * scale``, or `values[i]` where given.

    It has `size` of them, in `units` (`None` where unknown). `kind`, `quantity` and `role`
    (navigation or signal) may be left to the vocabulary where `name` is in it. `values` may be
    numbers or text (names of channels or of parameters); `attrs` are further attributes.
    """

    name: str
    size: int
    scale: float = 1.0
    offset: float = 0.0
    units: str | None = None
    quantity: str | None = None
    kind: str | None = None
    role: str | None = None
    values: np.ndarray | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def coordinate(self) -> np.ndarray:
        """Return the coordinate of every pixel, float64 unless `values` are given."""
        if self.values is not None:
            return np.asarray(self.values)
        return self.offset + self.scale * np.arange(self.size, dtype=np.float64)


def line_of(values: np.ndarray) -> tuple[float, float] | None:
    """Return offset and scale that `values` follow to the last bit, `None` where they do not."""
    if len(values) < 2 or values.dtype != np.float64:
        return None
    offset, scale = float(values[0]), float(values[1]) - float(values[0])
    exact = np.array_equal(offset + scale * np.arange(len(values)), values)
    return (offset, scale) if exact else None


@dataclass(frozen=True, kw_only=True)
class Variable:
    """Further values that share dimensions of a channel: mask, variance, a 2-D coordinate.

    `data` are over the dimensions `dims`; `attrs` are their attributes, such as units.
    """

    dims: tuple[str, ...]
    data: LazyArray | np.ndarray
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One measured quantity with its axes, in displayed order: ``(..., y, x)``, row 0 on top.

    `data` is `None` only for a set of results, whose values are all in `variables`. `title`,
    `quantity`, `units`, `signal_type`, `modality` and `source` become attributes of the values, as
    `attrs` do; `metadata` are in common words and units, `original_metadata` the vendor's.
    `variables` stand beside the values, `coordinates` along them. `name` is that in the tree, by
    default a slug of the title, and `group` the path of the node above, "" at the top.
    """

    title: str
    data: LazyArray | np.ndarray | None
    axes: Sequence[Axis]
    quantity: str | None = None
    units: str | None = None
    signal_type: str | None = None
    modality: str | None = None
    source: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    original_metadata: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    coordinates: Mapping[str, Variable] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of a tree that was stored: it comes back as it was, and nothing is added."""

    variables: Mapping[str, Variable] = field(default_factory=dict)
    coordinates: Mapping[str, Variable] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """All that one file holds; what is in `metadata` here is true of every channel.

    So are `original_metadata` and the attributes `attrs`, which are those of the root.
    Where a file keeps a tree that was saved before, `nodes` are that tree by path ("/" is its
    root), and `channels` only describe it.
    """

    channels: Sequence[Channel]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    original_metadata: Mapping[str, Any] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    nodes: Mapping[str, Node] | None = None
