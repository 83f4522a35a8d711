"""Writing NSID files that `pyNSID` accepts and that come back as the same tree."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from omniscopy.io.storage.hdf5_nodes import SIGNAL
from omniscopy.io.storage.hdf5_writing import (
    LIBRARY,
    Pair,
    create_values,
    keep_aside,
    keep_node,
    link_name,
    mark_layout,
    require_compression,
    thumbnail_of,
    write_descriptions,
    write_words,
)
from omniscopy.io.storage.stored import StoredNode, StoredVariable, stored_nodes, stream
from omniscopy.model.vocabulary import kind_of

# The version of the layout's first package whose files ours are like.
LAYOUT_OF = "0.0.7.2"
DIMENSION_TYPES = {
    "spatial": "SPATIAL", "reciprocal": "RECIPROCAL", "spectral": "SPECTRAL",
    "temporal": "TEMPORAL", "channel": "CHANNEL", "point": "POINT_CLOUD",
}  # fmt: skip
DATA_TYPES = frozenset({
    "spectrum", "line_plot", "image", "image_map", "image_stack", "spectral_image", "image_4d",
    "point_cloud",
})  # fmt: skip


def write(tree: xr.DataTree, path: Path, *, compression: str | None = None) -> None:
    """Write a tree as an NSID file, streaming lazy values block by block.

    Parameters
    ----------
    tree : DataTree
        Any nodes. Every variable of numbers becomes a main dataset, those of one node share a
        group; nodes below `results` become results groups (`Log_…`).
    path : Path
        The file to write.
    compression : {"gzip", "lzf"}, optional
        Of the values, which then also have checksums; without it they are contiguous and as
        quick to read as the disk.

    Raises
    ------
    DataError
        A variable holds what cannot be saved.
    """
    require_compression(compression)
    nodes = stored_nodes(tree)
    places = node_places([node.path for node in nodes if node.path != "/"])
    pairs: list[Pair] = []
    with h5py.File(path, "w", libver=LIBRARY) as file:
        mark_layout(file, "nsid")
        for node in nodes:
            # A variable of the root has to lie in some group; its description is at the top.
            place = places.get(node.path, "/Measurement_000" if node.variables else "/")
            scales = tree[node.path].to_dataset().coords
            _write_node(file.require_group(place), node, scales, compression, pairs)
            if node.path != "/" and node.data:
                write_descriptions(file[place], node, nodes[0].attrs)
        thumbnail = thumbnail_of(nodes[0].attrs)
        if thumbnail is not None:
            file.create_dataset("Thumbnail/Thumbnail", data=thumbnail)
        stream(pairs, lock=True)


def node_places(paths: list[str]) -> dict[str, str]:
    """Return the group for each node: a channel of its own, or a results group of the first."""
    places: dict[str, str] = {}
    channels: dict[str, int] = {}
    for path in paths:
        parts = path.strip("/").split("/")
        number = 0
        if parts[0] == "results" and len(parts) > 1:
            log = parts[1] if parts[1].startswith("Log_") else f"Log_{parts[1]}"
            parts = [log, *parts[2:]]
        elif parts[0] != "results":
            number = channels.setdefault(parts[0], len(channels))
        links = [link_name(part, ()) for part in parts]
        place = "/".join(["", "Measurement_000", f"Channel_{number:03d}", *links])
        places[path] = place if place not in places.values() else f"{place}_{len(places)}"
    return places


def _write_node(
    group: Any,
    node: StoredNode,
    coords: Mapping[Any, xr.DataArray],
    compression: str | None,
    pairs: list[Pair],
) -> None:
    scales = _write_scales(group, node, coords)
    found: dict[str, dict[str, Any]] = {}
    taken = {*group, *node.variables}
    for name, variable in node.variables.items():
        numeric = not variable.is_text
        if name in scales and variable.dims == (name,) and _is_scale(variable):
            found[name] = {"at": scales[name].name.rpartition("/")[2]}
        elif variable.coordinate or not numeric:
            found[name] = {"at": keep_aside(group, variable, pairs)}
        else:
            own = node.path.rpartition("/")[2] if name == SIGNAL else name
            link = link_name(own, taken - {own} if own == name else taken)
            taken.add(link)
            dataset, pair = create_values(group, link, variable.values, compression=compression)
            pairs.append(pair)
            _attach(dataset, variable, scales)
            _describe(dataset, variable, node)
            found[name] = {"at": link}
    _keep(group, node, found)


def _keep(group: Any, node: StoredNode, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the description of a node into its group; that of the root is at the top."""
    if node.path != "/" or group.name == "/":
        keep_node(group, node, found)
        return
    below = group.name.strip("/")
    keep_node(group.file, node, {k: {"at": f"{below}/{v['at']}"} for k, v in found.items()})


def _write_scales(
    group: Any, node: StoredNode, coords: Mapping[Any, xr.DataArray]
) -> dict[str, Any]:
    """Write a dimension scale for every dimension of a node; return them by dimension."""
    sizes = {
        dim: int(size)
        for variable in node.variables.values()
        for dim, size in zip(variable.dims, variable.values.shape, strict=True)
    }
    scales: dict[str, Any] = {}
    for dim, size in sizes.items():
        own = node.variables.get(dim)
        attrs: Mapping[str, Any] = dict(coords[dim].attrs) if dim in coords else {}
        if own is not None and own.dims == (dim,) and _is_scale(own):
            values = np.asarray(own.values)
            attrs = {**own.hints, **attrs}
        elif dim in coords and coords[dim].dims == (dim,) and coords[dim].dtype.kind in "iuf":
            values = coords[dim].values
        else:
            values = np.arange(size, dtype=np.float64)
        name = link_name(dim, group)
        scale = group.create_dataset(name, data=values)
        kind = attrs.get("kind") or kind_of(dim)
        write_words(
            scale,
            name=name,
            quantity=attrs.get("quantity"),
            units=attrs.get("units"),
            dimension_type=DIMENSION_TYPES.get(str(kind), "UNKNOWN"),
        )
        scale.make_scale(name)
        scales[dim] = scale
    return scales


def _is_scale(variable: StoredVariable) -> bool:
    return bool(variable.values.dtype.kind in "iuf")


def _attach(dataset: Any, variable: StoredVariable, scales: Mapping[str, Any]) -> None:
    for number, dim in enumerate(variable.dims):
        dataset.dims[number].label = scales[dim].name.rpartition("/")[2]
        dataset.dims[number].attach_scale(scales[dim])


def _describe(dataset: Any, variable: StoredVariable, node: StoredNode) -> None:
    """Write the attributes by which a dataset is known as a main one; unknown is "generic"."""
    said = variable.attrs
    kind = str(said.get("signal_type"))
    title = str(said.get("long_name") or dataset.name.rpartition("/")[2])
    write_words(
        dataset,
        title=title,
        main_data_name=title,
        quantity=said.get("quantity"),
        units=variable.hints.get("units") or said.get("units"),
        data_type=kind.upper() if kind in DATA_TYPES else "UNKNOWN",
        modality=said.get("modality") or node.attrs.get("modality"),
        source=said.get("source") or node.attrs.get("source"),
        pyNSID_version=LAYOUT_OF,
        timestamp=datetime.now(UTC).strftime("%Y_%m_%d-%H_%M_%S"),
    )
