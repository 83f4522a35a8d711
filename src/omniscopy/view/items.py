"""What is looked at: one labelled array, from a file, from memory, or made by an operation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.records import Axis, Channel, Node
from omniscopy.model.errors import DataError
from omniscopy.model.vocabulary import DEFAULT_ROLE, DIMENSIONS, kind_of, signal_type_of
from omniscopy.view.blocks import BlockCache, Blocks


@dataclass(frozen=True)
class AxisView:
    """One dimension as it is shown: its coordinate and what that says."""

    name: str
    values: np.ndarray
    units: str | None
    quantity: str
    kind: str | None
    role: str

    @property
    def step(self) -> float | None:
        """Return the distance of points, or None where they are not even, or are names."""
        if self.values.dtype.kind not in "iuf" or not self.values.size:
            return None
        if self.values.size == 1:
            return 1.0
        first, last = float(self.values[0]), float(self.values[-1])
        step = (last - first) / (self.values.size - 1)
        even = first + step * np.arange(self.values.size)
        close = np.allclose(self.values, even, rtol=0, atol=abs(step) * 1e-3)
        return step if step and close else None

    def describe(self) -> dict[str, Any]:
        """Return what the page needs to know."""
        said: dict[str, Any] = {
            "name": self.name, "size": int(self.values.size), "units": self.units,
            "quantity": self.quantity, "kind": self.kind, "role": self.role,
        }  # fmt: skip
        step = self.step
        if step is not None:
            return {**said, "first": float(self.values[0]), "step": step}
        if self.values.dtype.kind in "iuf":
            numbers = [float(each) if np.isfinite(each) else None for each in self.values]
            return {**said, "values": numbers}
        return {**said, "labels": [str(each) for each in self.values]}


@dataclass(eq=False)
class Item:
    """One array that is open, and where it comes from.

    `labelled` gives it as a DataArray, with its history; `group` holds items of the same results.
    """

    id: str
    title: str
    axes: tuple[AxisView, ...]
    blocks: Blocks
    units: str | None
    signal_type: str
    metadata: Mapping[str, Any]
    original_metadata: Mapping[str, Any]
    labelled: Callable[[], Any] = field(repr=False)
    path: Path | None = None
    channel: str | None = None
    group: str | None = None
    name: str = ""
    # Positions of values that are on no grid, by name.
    positions: Mapping[str, np.ndarray] = field(default_factory=dict)
    position_units: Mapping[str, str | None] = field(default_factory=dict)
    parent: str | None = None
    step: str = ""
    previews: dict[Any, Any] = field(default_factory=dict)
    # Panes that were chosen in place of those that the axes suggest.
    panes: dict[str, list[str]] | None = None
    # What was drawn on an image where it was measured.
    annotations: Sequence[Mapping[str, Any]] = ()

    @property
    def dims(self) -> tuple[str, ...]:
        """Return the names of the dimensions."""
        return tuple(axis.name for axis in self.axes)

    def axis(self, dim: str) -> AxisView:
        """Return a dimension by name."""
        return self.axes[self.dims.index(dim)]

    def plan(self) -> dict[str, list[str]]:
        """Return which dimensions the navigator and the signal are drawn over, and the others."""
        return self.panes or plan_panes(self.axes)

    def arrange(self, navigation: list[str], signal: list[str]) -> None:
        """Choose the dimensions of the panes; raise `DataError` where that cannot be."""
        named = [*navigation, *signal]
        known = len({*named}) == len(named) and {*named} <= {*self.dims}
        if not known or not named or len(navigation) > 2 or len(signal) > 2:
            message = (
                f"the panes have up to two of the dimensions {self.dims} each, got "
                f"{navigation} and {signal}"
            )
            raise DataError(message)
        extra = [dim for dim in self.dims if dim not in named]
        self.panes = {"navigation": navigation, "signal": signal, "extra": extra}
        self.previews.clear()


def plan_panes(axes: tuple[AxisView, ...]) -> dict[str, list[str]]:
    """Return the dimensions of the navigator (at most 2), the signal (at most 2), and sliders."""
    if len(axes) > 1 and all(axis.kind is None for axis in axes):
        return _guessed(axes)
    reciprocal = [axis.name for axis in axes if axis.kind == "reciprocal"][-2:]
    named = {"point", "channel", "parameter"}
    signal = [axis.name for axis in axes if axis.role == "signal" and axis.kind != "reciprocal"]
    spatial = [axis.name for axis in axes if axis.kind == "spatial"][-2:]
    shown = reciprocal if len(reciprocal) == 2 else signal[-1:] or reciprocal
    navigation = [each for each in spatial if each not in shown]
    if not navigation:
        points = [axis.name for axis in axes if axis.kind == "point" and axis.name not in shown]
        navigation = points[-1:]
    left = [axis.name for axis in axes if axis.name not in (*shown, *navigation)]
    if not shown and not navigation:
        # A series, such as of components or times: a curve over its last dimension.
        numbers = [name for name in left if _kind(axes, name) not in named] or left
        shown = numbers[-1:]
    elif not navigation and len(shown) == 1 and left:
        navigation = left[-1:]
    elif not shown and len(navigation) == 1 and left:
        shown = left[-1:]
    extra = [axis.name for axis in axes if axis.name not in (*shown, *navigation)]
    return {"navigation": navigation, "signal": shown, "extra": extra}


def _guessed(axes: tuple[AxisView, ...]) -> dict[str, list[str]]:
    """Return panes of numbers whose dimensions say nothing: as their shape looks."""
    names, sizes = [axis.name for axis in axes], [axis.values.size for axis in axes]
    if len(axes) == 2:
        return {"navigation": names, "signal": [], "extra": []}
    if len(axes) == 3 and (sizes[-1] == sizes[-2] or sizes[0] != sizes[1]):
        return {"navigation": names[1:], "signal": [], "extra": names[:1]}
    first = len(axes) - (3 if len(axes) == 3 else 4)
    return {"navigation": names[first : first + 2], "signal": names[first + 2 :],
            "extra": names[:first]}  # fmt: skip


def _kind(axes: tuple[AxisView, ...], name: str) -> str | None:
    return next(axis.kind for axis in axes if axis.name == name)


def axis_of_record(axis: Axis) -> AxisView:
    """Return a dimension as a reader tells it."""
    known = DIMENSIONS.get(axis.name)
    kind = axis.kind or kind_of(axis.name)
    units = axis.units or (known.units if known else None)
    quantity = axis.quantity or (known.quantity if known else axis.name)
    role = axis.role or DEFAULT_ROLE.get(kind or "", "navigation")
    return AxisView(axis.name, axis.coordinate(), units, str(quantity), kind, role)


def item_of_channel(  # noqa: PLR0917 - as a file tells it
    key: str, channel: Channel, name: str, path: Path, cache: BlockCache, shared: Mapping[str, Any]
) -> Item:  # fmt: skip
    """Return an item of a channel of a file, whose data stay there."""
    axes = tuple(map(axis_of_record, channel.axes))
    kind = channel.signal_type or signal_type_of([axis.kind for axis in axes])

    def labelled() -> Any:
        from omniscopy.io import open_signal

        return open_signal(path, name)

    return Item(
        key, channel.title or name, axes, _blocks(channel.data, axes, cache), channel.units, kind,
        {**shared, **channel.metadata}, channel.original_metadata, labelled, path, name, name=name,
        positions=_positions(channel.coordinates, axes),
        position_units={key: each.attrs.get("units") for key, each in channel.coordinates.items()},
        annotations=channel.attrs.get("annotations", ()),
    )  # fmt: skip


def with_node(channel: Channel, node: Node) -> Channel:
    """Return the channel of a stored tree with what the tree says of it."""
    signal = node.variables.get("signal")
    attrs: Mapping[str, Any] = {} if signal is None else signal.attrs
    return replace(
        channel, coordinates={**node.coordinates, **channel.coordinates},
        metadata={**attrs.get("metadata", {}), **channel.metadata},
        original_metadata={**attrs.get("original_metadata", {}), **channel.original_metadata},
    )  # fmt: skip


def item_of_array(key: str, data: Any, cache: BlockCache, **more: Any) -> Item:
    """Return an item of a DataArray in memory or lazy."""
    from omniscopy.model.dimensions import kind_of_dim, role_of_dim

    axes = []
    for dim in map(str, data.dims):
        known = data.coords.get(dim)
        values = np.arange(data.sizes[dim]) if known is None else np.asarray(known.values)
        attrs = {} if known is None else known.attrs
        kind = kind_of_dim(data, dim)
        axes.append(AxisView(dim, values, attrs.get("units"), str(attrs.get("quantity", dim)),
                             kind, role_of_dim(data, dim)))  # fmt: skip
    array = data.data if data.chunks is None else DaskBlocks(data.data)
    title = str(data.attrs.get("long_name") or data.name or "data")
    kind = data.attrs.get("signal_type") or signal_type_of([axis.kind for axis in axes])
    positions = {
        str(name): np.asarray(each.values, np.float64)
        for name, each in data.coords.items()
        if each.dims and name not in data.dims and len(each.dims) == 1 and each.dtype.kind in "iuf"
    }
    units = {name: data.coords[name].attrs.get("units") for name in positions}
    said = {"name": str(data.name or ""), "annotations": data.attrs.get("annotations", ()), **more}
    return Item(
        key, title, tuple(axes), _blocks(array, axes, cache), data.attrs.get("units"), str(kind),
        data.attrs.get("metadata", {}), data.attrs.get("original_metadata", {}),
        lambda: data, positions=positions, position_units=units, **said,
    )  # fmt: skip


@dataclass(frozen=True)
class DaskBlocks:
    """A lazy array of dask that is computed where it is looked at."""

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype:
        """Return the type of the values."""
        return np.dtype(self.array.dtype)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Return the largest chunk."""
        return tuple(self.array.chunksize)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return values, computed."""
        return np.asarray(self.array[key].compute(scheduler="synchronous"))


def _blocks(array: Any, axes: Any, cache: BlockCache) -> Blocks:
    if array.dtype.kind not in "biufcmM":
        array = np.zeros([axis.values.size for axis in axes], np.uint8)
    whole = [number for number, axis in enumerate(axes) if axis.role == "signal"]
    return Blocks(array, cache, whole)


def _positions(coordinates: Mapping[str, Any], axes: Any) -> dict[str, np.ndarray]:
    dims = [axis.name for axis in axes]
    return {
        name: np.asarray(each.data[:], np.float64)
        for name, each in coordinates.items()
        if len(each.dims) == 1 and each.dims[0] in dims and each.data.dtype.kind in "iuf"
    }
