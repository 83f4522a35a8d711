"""The axes of an NSID dataset: its HDF5 dimension scales."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, line_of
from omniscopy.io.storage.hdf5 import DAMAGE
from omniscopy.io.storage.hdf5_plain import checked_attribute, read_attributes, spelled, text_of
from omniscopy.io.storage.hdf5_values import load

# Attributes of the library itself. Damage to one can cost seconds, so each is read once at most.
STRUCTURAL = frozenset({"CLASS", "NAME", "DIMENSION_LABELS", "DIMENSION_LIST", "REFERENCE_LIST"})

KINDS = {
    "SPATIAL": "spatial", "RECIPROCAL": "reciprocal", "SPECTRAL": "spectral",
    "TEMPORAL": "temporal", "FRAME": "temporal", "TIME": "temporal", "STACK": "temporal",
    "CHANNEL": "channel", "POINT_CLOUD": "point",
}  # fmt: skip


def read_axes(dataset: Any) -> list[Axis]:
    """Return the axes of a main dataset, named and ordered as in the file."""
    labels = _labels(dataset)
    scales = _scales(dataset, labels)
    for number, scale in enumerate(scales):
        beside = scale is not None and not labels[number]
        labels[number] = labels[number] or (scale.name.rpartition("/")[2] if beside else "")
    names = _unique(label.strip() or f"dim_{number}" for number, label in enumerate(labels))
    return [
        _axis(dataset, name, size, scale)
        for name, size, scale in zip(names, dataset.shape, scales, strict=True)
    ]


def _axis(dataset: Any, name: str, size: int, scale: Any) -> Axis:
    if scale is None:
        return Axis(name=name, size=size)
    if scale.shape != (size,):
        message = (
            f"axis {name!r} has {size} points, but its scale {scale.name!r} the shape "
            f"{scale.shape}; the file is damaged"
        )
        raise FormatError(message, path=dataset.file.filename, key=dataset.name)
    said = read_attributes(scale, without=STRUCTURAL)
    values = _values(scale)
    line = line_of(values)
    return Axis(
        name=name,
        size=size,
        offset=line[0] if line else 0.0,
        scale=line[1] if line else 1.0,
        values=None if line else values,
        units=spelled(text_of(said, "units")),
        quantity=text_of(said, "quantity"),
        kind=KINDS.get(str(said.get("dimension_type", "")).upper()),
    )


def _values(scale: Any) -> np.ndarray:
    values = load(scale)
    if values.dtype.kind in "OS":
        texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
        return np.array(texts, dtype=str)
    return values


def _labels(dataset: Any) -> list[str]:
    """Return the label of every axis, "" where there is none.

    The attributes are read as such: the library's own functions for labels and scales trust
    what is in a damaged file.
    """
    labels: list[Any] = []
    with suppress(*DAMAGE):
        labels = list(np.atleast_1d(checked_attribute(dataset, "DIMENSION_LABELS")))
    texts = [label.decode("utf-8", "replace") if isinstance(label, bytes) else label
             for label in labels[: dataset.ndim]]  # fmt: skip
    texts = [label if isinstance(label, str) else "" for label in texts]
    return texts + [""] * (dataset.ndim - len(texts))


def _scales(dataset: Any, labels: list[str]) -> list[Any]:
    """Return the scale of every axis: attached, or beside the dataset under its label."""
    import h5py

    attached: list[Any] = [None] * dataset.ndim
    with suppress(*DAMAGE):
        for number, references in enumerate(checked_attribute(dataset, "DIMENSION_LIST")):
            if number < dataset.ndim and len(references):
                attached[number] = dataset.file[references[len(references) - 1]]
    for number, label in enumerate(labels):
        with suppress(*DAMAGE):
            attached[number] = attached[number] or (dataset.parent.get(label) if label else None)
    return [scale if isinstance(scale, h5py.Dataset) else None for scale in attached]


def _unique(labels: Iterable[str]) -> list[str]:
    """Return labels as names of dimensions, each once and none that of the values."""
    names: list[str] = []
    for label in labels:
        stem = name = label if label != "signal" else "signal_axis"
        number = 1
        while name in names:
            name, number = f"{stem}_{number}", number + 1
        names.append(name)
    return names
