"""Read signals of HyperSpy: groups of an array, its axes, and nested metadata."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from omniscopy.io.arrays import Hdf5Array
from omniscopy.io.errors import FormatError
from omniscopy.io.hspy.arrays import COMPONENTS, Colours
from omniscopy.io.hspy.conventions import axis_names, axis_of, common_metadata, nested
from omniscopy.io.hspy.probe import EXPERIMENTS
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.single_arrays import restore_array
from omniscopy.io.storage.hdf5 import (
    linked,
    load,
    open_hdf5,
    read_attributes,
    require_values,
)
from omniscopy.model.units import spell

NOTE = "omniscopy"
_DEEPEST, _MOST_ENTRIES, _LONGEST_LIST = 20, 4096, 4096
# How the name of an entry says of what Python type it was.
_TYPED = re.compile(r"_(list|tuple)_(?:\d+_)?(.*)|_(?:sig|hspy_AxesManager|datetime)_(.*)")


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 opens whole files only
    """Read a file of HyperSpy.

    Parameters
    ----------
    path : Path
        The file, of any version.
    partial : bool
        Has no effect: the HDF5 library does not open a file that is cut short.

    Returns
    -------
    Measurement
        A channel for each experiment, navigation axes first, lazy. Colours are a dimension
        `channel`. What was pickled into metadata is left out.

    Raises
    ------
    FormatError
        The file is damaged or holds no signal.
    """
    with open_hdf5(path) as file:
        experiments: Any = linked(file, EXPERIMENTS) if EXPERIMENTS in file else None
        names = list(experiments)[:_MOST_ENTRIES] if hasattr(experiments, "keys") else []
        groups = [linked(experiments, name) for name in names]
        read_ones = [
            _channel(group) for group in groups if hasattr(group, "keys") and "data" in group
        ]
    if not read_ones:
        message = "there is no signal under '/Experiments'; the file is damaged"
        raise FormatError(message, path=path, key=f"/{EXPERIMENTS}")
    roots = [root for _, root in read_ones if root]
    return Measurement(
        channels=[channel for channel, _ in read_ones], attrs=roots[0] if len(roots) == 1 else {}
    )


def _channel(group: Any) -> tuple[Channel, dict[str, Any]]:
    """Return a signal, and the attributes of the root that were saved with it."""
    data = linked(group, "data")
    if data is None or not hasattr(data, "dtype") or data.dtype.kind not in "biufcV":
        message = "the signal holds no numbers"
        raise FormatError(message, path=group.file.filename, key=group.name)
    require_values(data)
    said = _tree(linked(group, "metadata")) or _first_version(group)
    original = _tree(linked(group, "original_metadata")) or _tree(
        linked(group, "original_parameters")
    )
    note = original.pop(NOTE, None)
    handle: LazyArray = Hdf5Array.of(data)
    colours: list[Axis] = []
    if data.dtype.names:
        if not set(data.dtype.names) <= set(COMPONENTS):
            message = f"records of {data.dtype.names} are not known; colours were expected"
            raise FormatError(message, path=group.file.filename, key=data.name)
        handle = Colours(handle)
        words = np.array([COMPONENTS[name] for name in data.dtype.names])
        colours = [Axis(name="channel", size=len(words), values=words)]
    stored = _axes(group, data.shape, said)
    signal_type = str(nested(said, "Signal.signal_type") or said.get("signal_type") or "")
    axes = [
        axis_of(axis, name)
        for axis, name in zip(stored, axis_names(stored, signal_type), strict=True)
    ]
    quantity, _, units = str(nested(said, "Signal.quantity") or "").partition("(")
    title = str(nested(said, "General.title") or said.get("title") or group.name.split("/")[-1])
    channel = Channel(
        title="signal" if title == "__unnamed__" else title.strip() or "signal",
        data=handle,
        axes=[*axes, *colours],
        quantity=quantity.strip().lower() or None,
        units=spell(units.rstrip(") ")) or None,
        modality=signal_type.partition("_")[0] or None,
        metadata=common_metadata(said),
        original_metadata={"metadata": said, "original_metadata": original},
    )
    return restore_array(channel, str(note)) if note is not None else (channel, {})


def _first_version(group: Any) -> dict[str, Any]:
    """Return the metadata of the first files, as later ones have them."""
    said = _tree(linked(group, "mapped_parameters"))
    if "TEM" in said:
        said["Acquisition_instrument"] = {"TEM": said.pop("TEM")}
        detectors = {"EELS": said["Acquisition_instrument"]["TEM"].pop("EELS", {})}
        said["Acquisition_instrument"]["TEM"]["Detector"] = detectors
    return said


def _axes(group: Any, shape: tuple[int, ...], said: Mapping[str, Any]) -> list[Any]:
    """Return the axes with the attributes that they have in HyperSpy."""
    record_by = nested(said, "Signal.record_by") or said.get("record_by")
    inner = {"spectrum": 1, "image": 2}.get(str(record_by), len(shape))
    made = []
    for number, size in enumerate(shape):
        name = f"axis-{number}"
        stored: Any = linked(group, name) if name in group else {}
        about = read_attributes(stored) if name in group else {}
        axis = SimpleNamespace(
            name=_text(about.get("name")),
            units=_text(about.get("units")),
            navigate=bool(about.get("navigate", number < len(shape) - inner)),
            size=size,
        )
        places = linked(stored, "axis") if "axis" in stored else None
        if places is not None and places.shape == (size,):
            axis.axis = load(places)
        else:
            axis.scale = _number(about.get("scale"), 1.0) or 1.0
            axis.offset = _number(about.get("offset"), 0.0)
        made.append(axis)
    return made


def _tree(group: Any, depth: int = 0) -> dict[str, Any]:
    """Return nested metadata; arrays of more than a few thousand values are left out."""
    if not hasattr(group, "keys") or depth > _DEEPEST:
        return {}
    tree = {
        key: None if value == "_None_" else value
        for key, value in read_attributes(group).items()
        if not key.startswith("_bs_")
    }
    for name in list(group)[:_MOST_ENTRIES]:
        child = linked(group, name)
        match = _TYPED.fullmatch(name)
        key = next((part for part in match.groups()[1:] if part), name) if match else name
        if hasattr(child, "keys"):
            inner = _tree(child, depth + 1)
            listed = match is not None and match[1] is not None
            tree[key] = [inner[each] for each in sorted(inner)] if listed else inner
        elif child is not None and child.shape is not None and child.size <= _LONGEST_LIST:
            tree[key] = _plain(child)
    return tree


def _plain(dataset: Any) -> Any:
    if dataset.dtype.kind not in "biufcOS":
        return None
    values = dataset.asstr()[()] if dataset.dtype.kind == "O" else load(dataset)
    if isinstance(values, str):
        return values
    values = np.asarray(values)
    return values.astype(str).tolist() if values.dtype.kind == "S" else values.tolist()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in ("", "_None_", "<undefined>") else None


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else default
