"""Read signals of HyperSpy: groups of an array, its axes, and nested metadata."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Hdf5Array
from omniscopy.io.errors import FormatError
from omniscopy.io.hspy.functional import formula_places
from omniscopy.io.hspy.probe import EXPERIMENTS
from omniscopy.io.hspy.ragged import filled_up
from omniscopy.io.hspy.signals import VARIANCE, channel_of, plain_attributes, plain_key, stored_axes
from omniscopy.io.records import Channel, Measurement
from omniscopy.io.storage.hdf5 import linked, open_hdf5
from omniscopy.io.storage.hdf5_plain import plain, read_attributes
from omniscopy.io.storage.hdf5_values import load, require_values, whole

_DEEPEST, _MOST_ENTRIES, _LONGEST_LIST = 20, 4096, 4096


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
        `channel`; an array of another shape at every place is filled up with NaN along `sample`.
        What was pickled into metadata is left out.

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
    data, path = linked(group, "data"), group.file.filename
    lists = _is_lists(data)
    if not lists and getattr(data, "dtype", np.dtype(object)).kind not in "biufcV":
        message = "the signal holds no numbers"
        raise FormatError(message, path=path, key=group.name)
    require_values(data)
    said = _tree(linked(group, "metadata")) or _first_version(group)
    original = _tree(linked(group, "original_metadata")) or _tree(
        linked(group, "original_parameters")
    )
    described = [_described(group, number, size) for number, size in enumerate(data.shape)]
    axes = stored_axes(described, data.shape, said)
    name = group.name.split("/")[-1]
    if lists:
        shapes = linked(group, "_ragged_shapes_data") if "_ragged_shapes_data" in group else None
        forms = list(whole(shapes).ravel()) if _is_lists(shapes) else []
        filled, further = filled_up(list(whole(data).ravel()), forms, data.shape, path)
        return channel_of(filled, axes, said, original, name=name, further=further)
    return channel_of(
        Hdf5Array.of(data), axes, said, original, name=name, variance=_variance(group, data)
    )


def _is_lists(dataset: Any) -> bool:
    """Return whether a dataset holds numbers of any count at every place."""
    import h5py

    if not hasattr(dataset, "dtype") or dataset.shape is None:
        return False
    kind = h5py.check_vlen_dtype(dataset.dtype)
    return isinstance(kind, np.dtype) and kind.kind in "iuf"


def _variance(group: Any, data: Any) -> Hdf5Array | None:
    """Return the variance of each value, which HyperSpy keeps as a signal in the metadata."""
    place = _below(group, VARIANCE)
    if getattr(place, "shape", None) != data.shape or place.dtype.kind not in "iuf":
        return None
    require_values(place)
    return Hdf5Array.of(place)


def _below(group: Any, path: str) -> Any:
    """Return what lies at a path of a group, `None` where there is nothing."""
    for name in path.split("/"):
        if not hasattr(group, "keys") or name not in group:
            return None
        group = linked(group, name)
    return group


def _first_version(group: Any) -> dict[str, Any]:
    """Return the metadata of the first files, as later ones have them."""
    said = _tree(linked(group, "mapped_parameters"))
    for mode in ("TEM", "SEM"):
        if isinstance(instrument := said.pop(mode, None), dict):
            detectors = {key: instrument.pop(key) for key in ("EELS", "EDS") if key in instrument}
            instrument = {**instrument, "Detector": detectors}
            said.setdefault("Acquisition_instrument", {})[mode] = instrument
    return said


def _described(group: Any, number: int, size: int) -> tuple[dict[str, Any], np.ndarray | None]:
    """Return what is stored of an axis, and its places where it is uneven."""
    name = f"axis-{number}"
    stored: Any = linked(group, name) if name in group else {}
    about = read_attributes(stored) if name in group else {}
    inner: Any = linked(stored, "x") if "x" in stored else None
    if hasattr(inner, "keys"):
        places = formula_places(about, read_attributes(inner), _places(inner), size)
        return about, places
    return about, _places(stored)


def _places(stored: Any) -> np.ndarray | None:
    places = linked(stored, "axis") if "axis" in stored else None
    return None if getattr(places, "ndim", None) != 1 else load(places)


def _tree(group: Any, depth: int = 0) -> dict[str, Any]:
    """Return nested metadata; arrays of more than a few thousand values are left out."""
    if not hasattr(group, "keys") or depth > _DEEPEST:
        return {}
    tree = plain_attributes(read_attributes(group))
    for name in list(group)[:_MOST_ENTRIES]:
        child = linked(group, name)
        key, listed = plain_key(name)
        if hasattr(child, "keys"):
            inner = _tree(child, depth + 1)
            tree[key] = [inner[each] for each in sorted(inner)] if listed else inner
        elif child is not None and child.shape is not None and child.size <= _LONGEST_LIST:
            tree[key] = _plain(child)
    return tree


def _plain(dataset: Any) -> Any:
    if dataset.dtype.kind not in "biufcOS":
        return None
    return plain(whole(dataset) if dataset.dtype.kind == "O" else load(dataset), dataset)
