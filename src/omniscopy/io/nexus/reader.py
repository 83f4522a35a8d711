"""Reading NeXus files: our own as they were saved, of others every data group."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from omniscopy.io.arrays import Scaled
from omniscopy.io.dimension_units import dimension_units
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.hspy.conventions import axis_names, kind_by_units
from omniscopy.io.names import slug
from omniscopy.io.nexus.groups import (
    NUMBERS,
    attribute,
    axes_of,
    class_of,
    dataset_in,
    describe,
    signals_of,
    values_of,
)
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.io.storage.hdf5 import address, linked, open_hdf5
from omniscopy.io.storage.hdf5_access import handle_of, members, walk_groups
from omniscopy.io.storage.hdf5_plain import has_attribute
from omniscopy.io.storage.hdf5_tree import read_stored
from omniscopy.io.storage.hdf5_values import whole
from omniscopy.io.storage.restored import SIGNAL
from omniscopy.model.units import spell
from omniscopy.model.vocabulary import DIMENSIONS, Kind

_OF_DATA = ("signal", "axes")
_SHORT = ("e", "eloss", "t", "raman_shift", "height", "width")
_MANY_POINTS = 10_000_000


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Return the records of a NeXus file.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        A file that Omniscopy wrote comes back as it was. In others every signal of an NXdata
        group is a channel, and so is each further array of two or more dimensions; smaller
        values are in `original_metadata`.

    Raises
    ------
    FormatError
        The file is damaged; `UnsupportedFormatError` where it holds no arrays.
    """
    stored = read_stored(path)
    if stored is not None:
        return stored
    with open_hdf5(path) as file:
        channels = _channels(file)
        if not channels:
            message = "the NeXus file holds no data group (NXdata) and no other array"
            raise UnsupportedFormatError(message, path=path)
        return Measurement(
            channels=channels, metadata=_metadata(file), original_metadata=describe(file)
        )


def _channels(file: Any) -> list[Channel]:
    found: list[Channel] = []
    used: set[int] = set()
    groups = list(walk_groups(file))
    data = [group for group in groups if _is_data(group)]
    # What lies in one group and is linked from another is called after where it lies.
    for group in sorted(data, key=_has_linked_signal):
        found += _signals(group, used)
    for group in groups:
        for name, dataset in members(group):
            if address(dataset) in used or not _is_array(dataset):
                continue
            used.add(address(dataset))
            title = f"{_last(group)}_{name}" if name in ("data", "value") else name
            found.append(_channel(group, name, dataset, [None] * dataset.ndim, title))
    return found


def _is_data(group: Any) -> bool:
    return class_of(group) == "NXdata" or any(has_attribute(group, each) for each in _OF_DATA)


def _has_linked_signal(group: Any) -> bool:
    return any(linked(group, name) is None for name in signals_of(group))


def _signals(group: Any, used: set[int]) -> Iterator[Channel]:
    """Yield the signals of a data group that are not in `used` yet, and add them to it."""
    for number, name in enumerate(signals_of(group)):
        dataset = dataset_in(group, name)
        if dataset.dtype.kind not in NUMBERS or dataset.ndim == 0 or address(dataset) in used:
            continue
        beside = [dataset, *(dataset_in(group, each) for each in _errors(name))]
        used.update(address(each) for each in beside if each is not None)
        title = _last(group) if number == 0 else f"{_last(group)}_{name}"
        yield _channel(group, name, dataset, axes_of(group, name, dataset), title)


def _errors(name: str) -> tuple[str, str]:
    """Return what the standard deviations of a signal may be called."""
    return f"{name}_errors", "errors"


def _channel(group: Any, name: str, dataset: Any, axes: list[str | None], title: str) -> Channel:
    units = attribute(dataset, "units")
    label = attribute(dataset, "long_name")
    made = _named(
        [_axis(group, dataset, axes, number) for number in range(dataset.ndim)],
        str(attribute(dataset, "interpretation") or attribute(group, "interpretation") or ""),
    )
    dims = tuple(axis.name for axis in made)
    scale, offset = _correction(group, name)
    variables = {}
    for errors in _errors(name):
        found = dataset_in(group, errors)
        if found is not None and found.shape == dataset.shape and "std" not in variables:
            attrs = {"units": spell(units)} if isinstance(units, str) and units else {}
            data = _corrected(handle_of(found), abs(scale), 0.0)
            variables["std"] = Variable(dims=dims, data=data, attrs=attrs)
    return Channel(
        title=label if isinstance(label, str) and label else title,
        name=title,
        data=_corrected(handle_of(dataset), scale, offset),
        axes=made,
        units=spell(units) if isinstance(units, str) and units else None,
        variables={f"{SIGNAL}_{key}": each for key, each in variables.items()},
        attrs={"path": dataset.name},
    )


def _correction(group: Any, name: str) -> tuple[float, float]:
    """Return what stored values are multiplied by, and what is added then.

    NXdata has ``(stored + offset) * scaling_factor``, by the name of the field; of files before
    that the signal alone has them, without its name.
    """
    alone = signals_of(group) == [name]

    def number(what: str, otherwise: float) -> float:
        for each in (f"{name}_{what}", what)[: 1 + alone]:
            found = dataset_in(group, each)
            if found is not None and found.size == 1 and found.dtype.kind in "iuf":
                value = float(np.ravel(whole(found))[0])
                return value if math.isfinite(value) else otherwise
        return otherwise

    scale = number("scaling_factor", 1.0)
    return scale, number("offset", 0.0) * scale


def _corrected(data: Any, scale: float, offset: float) -> Any:
    return data if (scale, offset) == (1.0, 0.0) else Scaled(data, scale, offset)


def _axis(group: Any, dataset: Any, names: list[str | None], number: int) -> Axis:
    name, size = names[number], dataset.shape[number]
    values = None if name is None else dataset_in(group, name)
    if name is None or values is None or size > _MANY_POINTS:
        return Axis(name=f"dim_{number}", size=size)
    handle_of(values)
    units = attribute(values, "units")
    scale, offset = _correction(group, name)
    labels = values_of(values, size)
    if (scale, offset) != (1.0, 0.0) and labels is not None:
        labels = labels * scale + offset
    dim = name if name != SIGNAL and names.index(name) == number else f"{name}_{number}"
    return Axis(
        name=dim,
        size=size,
        values=labels,
        units=dimension_units(units),
    )


def _named(axes: list[Axis], interpretation: str) -> list[Axis]:
    """Return axes under our names, where theirs mean the same; what is of spectra is said."""
    inner = {"spectrum": 1, "image": 2}.get(interpretation, 0)
    if any(axis.name.startswith("dim_") for axis in axes):
        unnamed = inner == 2 and all(axis.units is None for axis in axes[-2:])
        return [*axes[:-2], *map(_called, axes[-2:], "yx")] if unnamed else axes
    given = [
        SimpleNamespace(name=axis.name, units=axis.units, navigate=number < len(axes) - inner)
        for number, axis in enumerate(axes)
    ]
    # A kinetic energy, say, keeps its name: only what says the same is called as we do.
    ours = [
        name if _same(axis.name, name) else ""
        for axis, name in zip(axes, axis_names(given, ""), strict=True)
    ]
    made = []
    for said, axis, name in zip(given, axes, ours, strict=True):
        kind: Kind | None = kind_by_units(axis.units) if axis.units else None
        if inner == 1 and not said.navigate:
            kind = "spectral"
        made.append(replace(axis, name=name) if name else replace(axis, kind=kind))
    return made


def _called(axis: Axis, name: str) -> Axis:
    return replace(axis, name=name)


def _same(theirs: str, ours: str) -> bool:
    plain = slug(theirs).lower()
    return ours in DIMENSIONS and (plain == ours or plain in _SHORT or f"k{plain}" == ours)


def _is_array(dataset: Any) -> bool:
    shape = getattr(dataset, "shape", None)
    if shape is None or len(shape) < 2 or 0 in shape:
        return False
    return bool(dataset.dtype.kind in NUMBERS)


def _last(group: Any) -> str:
    return group.name.rpartition("/")[2] or "data"


def _metadata(file: Any) -> dict[str, Any]:
    """Return title and start of the first entry, in the words of the common metadata."""
    entry = next((each for _, each in members(file) if class_of(each) == "NXentry"), None)
    said: dict[str, Any] = {}
    for key, name in {"title": "title", "start_time": "started"}.items():
        dataset = None if entry is None else dataset_in(entry, key)
        if dataset is not None and dataset.size == 1:
            value = whole(dataset)
            said[name] = (
                value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            )
    return said
