"""A saved tree inside a public HDF5 layout, so that it comes back as it was.

The datasets that every program of the layout reads hold the values. Beside them each node's
group has a group ``_omniscopy`` with the JSON text ``node`` (path in the tree, attributes, and
for each variable its dataset, dimensions and notes) and what the layout has no place for. Where
several nodes share a group, the further texts are ``node_1``, ``node_2`` ….
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from omniscopy.io.arrays import Hdf5Array
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Node, Variable
from omniscopy.io.storage.attributes import restore_attrs
from omniscopy.io.storage.hdf5_plain import UNREADABLE, read_attribute
from omniscopy.io.storage.hdf5_values import load, require_values
from omniscopy.io.storage.restored import restored, to_measurement
from omniscopy.model.vocabulary import DIMENSIONS, kind_of, signal_type_of

LAYOUT, VERSION = "omniscopy_layout", "omniscopy_layout_version"
CURRENT_VERSION = 1
PRIVATE, NODE = "_omniscopy", "node"
IS_NODE = re.compile(r"node(_\d+)?")
SIGNAL = "signal"

Handle = Callable[[Any, Mapping[str, Any]], LazyArray]


@dataclass(frozen=True)
class KeptNodes:
    """The nodes of a tree that was saved, by path, and the datasets that hold them."""

    nodes: Mapping[str, Node] = field(default_factory=dict)
    used: frozenset[str] = frozenset()

    def measurement(self, others: Iterable[Channel] = ()) -> Measurement:
        """Return the records of the tree, with the channels that others have added since."""
        nodes = dict(self.nodes)
        for channel in others:
            stem = path = f"/{channel.group}/{channel.title}".replace("//", "/")
            number = 1
            while path in nodes:
                path, number = f"{stem}_{number}", number + 1
            nodes[path] = _as_node(channel)
        return to_measurement(nodes)


def has_nodes(file: Any) -> bool:
    """Return whether a file keeps a tree; raise for one from a later version."""
    version = read_attribute(file, VERSION)
    if version is UNREADABLE:
        return False
    if int(version) > CURRENT_VERSION:
        message = (
            f"the file was written with version {version} of the layout, this program knows "
            f"{CURRENT_VERSION}; update omniscopy"
        )
        raise FormatError(message, path=file.filename)
    return True


def read_nodes(found: Iterable[Any], handle: Handle | None = None) -> KeptNodes:
    """Return the nodes that the groups among `found` keep.

    `handle` makes the array of a dataset and what is noted of it, where it is not the dataset
    as it stands.
    """
    import h5py

    nodes: dict[str, Node] = {}
    used: set[str] = set()
    for group in found:
        private = group.get(PRIVATE) if isinstance(group, h5py.Group) else None
        if not isinstance(private, h5py.Group):
            continue
        for name in private:
            if IS_NODE.fullmatch(name):
                described = _parse(private[name])
                nodes[described["path"]] = _node(group, described, handle or _dataset_handle, used)
    return KeptNodes(nodes, frozenset(used))


def _parse(text: Any) -> dict[str, Any]:
    try:
        described = json.loads(bytes(load(text).item()))
        if not all(isinstance(described[key], dict) for key in ("attrs", "variables")):
            raise TypeError
        if not isinstance(described["path"], str) or not described["path"].startswith("/"):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"the description of a node is damaged ({error})"
        raise FormatError(message, path=text.file.filename, key=text.name) from error
    return described


def _node(group: Any, described: Mapping[str, Any], handle: Handle, used: set[str]) -> Node:
    variables: dict[str, Variable] = {}
    coordinates: dict[str, Variable] = {}
    for name, said in described["variables"].items():
        dataset = group[said["at"]]
        used.add(dataset.name)
        require_values(dataset)
        data: Any = handle(dataset, said)
        dims = tuple(str(dim) for dim in said["dims"])
        if data.dtype.kind == "O" or (len(dims) <= 1 and isinstance(data, Hdf5Array)):
            data = load(dataset) if data.dtype.kind == "O" or dims in ((), (name,)) else data
        note = said.get("note", {})
        is_coordinate, variable = restored(name, dims, data, restore_attrs(said["attrs"]), note)
        (coordinates if is_coordinate else variables)[name] = variable
    _require_agreement(group, {**coordinates, **variables})
    return Node(
        variables=variables, coordinates=coordinates, attrs=restore_attrs(described["attrs"])
    )


def _require_agreement(group: Any, variables: Mapping[str, Variable]) -> None:
    """Raise unless all variables of a node have the same size along each dimension."""
    sizes: dict[str, int] = {}
    for name, variable in variables.items():
        for dim, size in zip(variable.dims, variable.data.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                message = f"{name!r} has {size} points along {dim!r}, others {sizes[dim]}"
                raise FormatError(message, path=group.file.filename, key=group.name)


def _dataset_handle(dataset: Any, said: Mapping[str, Any]) -> LazyArray:  # noqa: ARG001
    return Hdf5Array.of(dataset)


def _as_node(channel: Channel) -> Node:
    """Return a channel that another program added as a node of the tree."""
    kinds = [axis.kind or kind_of(axis.name) for axis in channel.axes]
    stated = {
        "long_name": channel.title,
        "quantity": channel.quantity,
        "units": channel.units,
        "signal_type": channel.signal_type or signal_type_of(kinds),
        "modality": channel.modality,
        "source": channel.source,
        "metadata": dict(channel.metadata) or None,
        "original_metadata": dict(channel.original_metadata) or None,
        **channel.attrs,
    }
    attrs = {key: value for key, value in stated.items() if value is not None}
    variables = dict(channel.variables)
    if channel.data is not None:
        dims = tuple(axis.name for axis in channel.axes)
        variables[SIGNAL] = Variable(dims=dims, data=channel.data, attrs=attrs)
    coordinates = {axis.name: _coordinate(axis) for axis in channel.axes}
    return Node(
        variables=variables,
        coordinates={**coordinates, **channel.coordinates},
        attrs=attrs if channel.data is None else {},
    )


def _coordinate(axis: Axis) -> Variable:
    known = DIMENSIONS.get(axis.name)
    stated = {
        "units": axis.units,
        "quantity": axis.quantity or (known.quantity if known else None),
        "kind": axis.kind or kind_of(axis.name),
        **axis.attrs,
    }
    attrs = {key: value for key, value in stated.items() if value is not None}
    return Variable(dims=(axis.name,), data=axis.coordinate(), attrs=attrs)
