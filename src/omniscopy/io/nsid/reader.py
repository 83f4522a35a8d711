"""Reading NSID files: every main dataset with its dimension scales is a channel."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Hdf5Array
from omniscopy.io.errors import FormatError
from omniscopy.io.nsid.axes import STRUCTURAL, read_axes
from omniscopy.io.nsid.probe import is_main
from omniscopy.io.nsid.structures import read_structure
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.io.storage.hdf5 import address, linked, open_hdf5, walk
from omniscopy.io.storage.hdf5_fields import field_variable, fields_of
from omniscopy.io.storage.hdf5_groups import (
    BOOK_KEEPING,
    DESCRIPTIONS,
    groups_above,
    read_ancestors,
    read_group,
)
from omniscopy.io.storage.hdf5_nodes import has_nodes, read_nodes
from omniscopy.io.storage.hdf5_plain import read_attributes, spelled, text_of
from omniscopy.io.storage.hdf5_values import load, require_values
from omniscopy.model.vocabulary import SIGNAL_TYPES

DESCRIBED = frozenset({
    "title", "main_data_name", "quantity", "units", "data_type", "modality", "source", "signal",
    "axes", "default", "NX_class",
})  # fmt: skip
COMMON = {
    "acceleration_voltage": "beam.voltage",
    "convergence_angle": "beam.convergence_angle",
    "collection_angle": "detector.collection_angle",
    "exposure_time": "detector.exposure_time",
    "detector": "detector.name",
    "microscope": "instrument.model",
}
THUMBNAIL_BYTES = 2**20


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 opens whole files only
    """Read an NSID file, of the original packages or of `omniscopy.save`.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Has no effect: the HDF5 library does not open a file that is cut short.

    Returns
    -------
    Measurement
        A channel for each main dataset, with native dtype and lazy; those of results groups
        (`Log_…`) under `results/<name>`, crystal structures under `structures`.

    Raises
    ------
    FormatError
        The file is damaged or holds no main dataset.
    """
    with open_hdf5(path) as file:
        found = list(walk(file, without=DESCRIPTIONS))
        mains = [each for each in found if is_main(each)]
        if has_nodes(file):
            nodes = read_nodes(found)
            others = [main for main in mains if main.name not in nodes.used]
            return nodes.measurement(_channels(others))
        if not mains:
            message = "the file holds no NSID dataset (none has the attribute main_data_name)"
            raise FormatError(message, path=path)
        thumbnail = _thumbnail(file)
        return Measurement(
            channels=_channels(mains),
            original_metadata=read_ancestors([main.parent for main in mains]),
            attrs={} if thumbnail is None else {"thumbnail": thumbnail},
        )


def _channels(mains: list[Any]) -> list[Channel]:
    places = _result_groups(mains)
    holding = {address(main.file[path]) for main in mains for path in groups_above(main.name)}
    channels = [_channel(main, places.get(main.name), holding) for main in mains]
    return channels + _structures(mains)


@dataclass(frozen=True)
class _Result:
    """The results group that a dataset is in, and the node that it is given."""

    group: Any
    node: str


def _channel(main: Any, result: _Result | None, holding: set[int]) -> Channel:
    require_values(main)
    said = read_attributes(main, without=STRUCTURAL)
    beside = _groups_beside(main, holding)
    cloud = beside.pop("point_cloud", {})
    axes, coordinates = _with_points(read_axes(main), cloud)
    dims = [axis.name for axis in axes]
    metadata = beside.pop("metadata", {})
    original = beside.pop("original_metadata", {})
    own = {key: value for key, value in said.items() if key not in DESCRIBED | BOOK_KEEPING}
    compound = main.dtype.names is not None
    fields = [field_variable(name, dims, data) for name, data in fields_of(main).items()]
    attrs: dict[str, Any] = {"path": main.name, **_process(result)}
    if "provenance" in beside:
        attrs["file_provenance"] = beside.pop("provenance")
    written = {key: value for key, value in said.items() if key in BOOK_KEEPING}
    return Channel(
        title=text_of(said, "title", "main_data_name") or main.name.rpartition("/")[2],
        data=None if compound else Hdf5Array.of(main),
        axes=axes,
        quantity=text_of(said, "quantity"),
        units=spelled(text_of(said, "units")),
        signal_type=_signal_type(said.get("data_type")),
        modality=text_of(said, "modality"),
        source=text_of(said, "source"),
        metadata=_with_common(metadata),
        original_metadata={**own, **original},
        variables=dict(fields) if compound else {},
        coordinates=coordinates,
        attrs={**attrs, **beside, "written_by": written},
        group="" if result is None else result.node,
    )


def _groups_beside(main: Any, holding: set[int]) -> dict[str, Any]:
    """Return the groups of attributes beside a dataset: metadata, provenance and any others."""
    import h5py

    found = {}
    for name in main.parent:
        if name.startswith(("_", "Structure_", "Log_")):
            continue
        child = linked(main.parent, name)
        if not isinstance(child, h5py.Group) or address(child) in holding:
            continue
        content = read_group(child)
        found[name] = content if isinstance(content, dict) else {"list": content}
    return found


def _with_points(
    axes: list[Axis], cloud: Mapping[str, Any]
) -> tuple[list[Axis], dict[str, Variable]]:
    """Return axes whose points have flat coordinates, where the file lists them."""
    try:
        places = np.array(cloud.get("coordinates", []), dtype=np.float64)
    except (TypeError, ValueError):
        return axes, {}
    which = next((axis for axis in axes if axis.kind == "point"), None)
    if which is None or places.ndim != 2 or len(places) != which.size or places.shape[1] > 3:
        return axes, {}
    attrs = {
        "units": spelled(text_of(cloud, "spacial_units", "spatial_units")),
        "kind": "spatial",
    }
    attrs = {**{key: value for key, value in attrs.items() if value}, "quantity": "length"}
    coordinates = {
        name: Variable(dims=("point",), data=places[:, column], attrs=attrs)
        for column, name in enumerate("xyz"[: places.shape[1]])
    }
    point = replace(which, name="point", attrs={"long_name": which.name})
    return [point if axis is which else axis for axis in axes], coordinates


def _with_common(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file's metadata, and what of it is common to all formats in its usual place."""
    found = dict(metadata)
    experiment = metadata.get("experiment")
    for key, place in COMMON.items():
        value = experiment.get(key) if isinstance(experiment, Mapping) else None
        wanted = str if place in ("detector.name", "instrument.model") else int | float
        if isinstance(value, wanted) and not isinstance(value, bool):
            group, _, name = place.partition(".")
            inner = found.get(group)
            found[group] = {name: value, **(inner if isinstance(inner, Mapping) else {})}
    return found


def _signal_type(data_type: Any) -> str | None:
    word = str(data_type).lower()
    return word if word in SIGNAL_TYPES and word != "unknown" else None


def _result_groups(mains: list[Any]) -> dict[str, _Result]:
    """Return the results group of every dataset in one; equal names are told apart."""
    nodes: dict[str, str] = {}
    found = {}
    for main in mains:
        parts = main.parent.name.strip("/").split("/")
        logs = [number for number, part in enumerate(parts) if part.startswith("Log_")]
        if not logs:
            continue
        path = "/" + "/".join(parts[: logs[-1] + 1])
        if path not in nodes:
            name = parts[logs[-1]]
            taken = f"results/{name}" in nodes.values()
            nodes[path] = f"results/{parts[logs[-1] - 1]}-{name}" if taken else f"results/{name}"
        found[main.name] = _Result(main.file[path], nodes[path])
    return found


def _process(result: _Result | None) -> dict[str, Any]:
    """Return what a results group says of how its results were made."""
    if result is None:
        return {}
    name = result.group.name.rpartition("/")[2]
    match = re.fullmatch(r"Log_(.*?)_?\d*", name)
    process = {"name": name, "tool": match[1] if match else name}
    return {
        "process": {**process, "parameters": read_attributes(result.group, without=BOOK_KEEPING)}
    }


def _structures(mains: list[Any]) -> list[Channel]:
    found = []
    groups = {main.parent.name: main for main in mains}
    for main in groups.values():
        for name in main.parent:
            if not name.startswith("Structure_"):
                continue
            content = read_group(main.parent[name], without=BOOK_KEEPING)
            for title, structure in content.items() if isinstance(content, dict) else ():
                if isinstance(structure, dict):
                    found.append(read_structure(title, structure, main.name))
    return [structure for structure in found if structure is not None]


def _thumbnail(file: Any) -> np.ndarray | None:
    """Return the small colour image of the file's content, where there is one."""
    import h5py

    found = file.get("Thumbnail/Thumbnail")
    image = isinstance(found, h5py.Dataset) and found.dtype == np.uint8 and found.ndim == 3
    if not image or found.nbytes > THUMBNAIL_BYTES:
        return None
    return load(found)
