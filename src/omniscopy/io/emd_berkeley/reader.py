"""Read EMD files: every array with its axes, and every list of points."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from omniscopy.io.array_notes import restore_array
from omniscopy.io.arrays import Transposed
from omniscopy.io.emd_berkeley.axes import axes_of, displayed_order, plain_units
from omniscopy.io.emd_berkeley.layouts import (
    SIMULATION,
    Stored,
    is_colours,
    not_read,
    stored_arrays,
    stored_lists,
    stored_tables,
)
from omniscopy.io.emd_berkeley.lists import fields_of
from omniscopy.io.emd_berkeley.metadata import (
    bundled_metadata,
    common_metadata,
    file_metadata,
)
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.hspy.arrays import COMPONENTS, Colours
from omniscopy.io.hspy.conventions import axis_names
from omniscopy.io.names import unique_names
from omniscopy.io.pieces import Stacked
from omniscopy.io.quantities import measures
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.io.storage.hdf5 import linked, open_hdf5
from omniscopy.io.storage.hdf5_access import handle_of, members
from omniscopy.io.storage.hdf5_numbers import is_array, numbers_of, text_at
from omniscopy.io.storage.hdf5_plain import read_attributes
from omniscopy.model.units import is_unit
from omniscopy.model.vocabulary import kind_of

NOTE = "omniscopy"
_PATTERN = "VirtualDiffraction"  # py4DSTEM's class of what was made of all patterns of a scan
# What HyperSpy notes of a signal.
_OF_HYPERSPY = frozenset({"record_by", "signal_type", "signal_origin"})


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Read an EMD file of ncempy, HyperSpy, Prismatic, py4DSTEM or emdfile.

    Parameters
    ----------
    path : Path
        The file, of version 0.x or 1.x.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        A channel for each array, lazy, with y before x and ky before kx; the depths of a
        simulation are one channel. py4DSTEM calls the direction of rows x: it is y here. Lengths
        of Prismatic are in Å and angles in rad, which its files call nm and mrad. A list of points
        is a channel without values of its own, a variable for each field; of lists at every place
        of a scan each field is (y, x, point), NaN after the last point.

    Raises
    ------
    FormatError
        The file is damaged; `UnsupportedFormatError` where it holds no arrays.
    """
    with open_hdf5(path) as file:
        described = file_metadata(file)
        simulation = described.get("simulation_parameters", {}) if SIMULATION in file else None
        made = [_channel(stored, simulation) for stored in stored_arrays(file)]
        tables = [_table(group) for group in stored_tables(file)]
        lists = {group.name: _lists(group) for group in stored_lists(file)}
        skipped = not_read(file) + [name for name, found in lists.items() if found is None]
        root = read_attributes(file)
    channels = [channel for channel, _ in made] + [table for table in tables if table.variables]
    channels += [found for found in lists.values() if found is not None]
    if not channels:
        message = f"the EMD file holds no arrays of numbers, only {skipped or 'metadata'}"
        raise UnsupportedFormatError(message, path=path)
    roots = [attrs for _, attrs in made if attrs]
    return Measurement(
        channels=channels,
        metadata={} if roots else common_metadata(described),
        original_metadata={} if roots else {**root, **described},
        attrs={
            **({"not_read": skipped} if skipped else {}),
            **(roots[0] if len(roots) == 1 else {}),
        },
    )


def _channel(stored: Stored, simulation: dict[str, Any] | None) -> tuple[Channel, dict[str, Any]]:
    """Return an array, and the attributes of the root that were saved with it."""
    simulated = simulation is not None
    group, dataset = stored.group, stored.group[stored.values]
    attributes = read_attributes(group)
    axes = axes_of(group, dataset.shape, simulated=simulated)
    # HyperSpy counts axes from the fastest one, which shows where they have no names.
    unnamed = all("name_in_file" not in axis.attrs for axis in axes)
    reverse = unnamed and bool(_OF_HYPERSPY & attributes.keys())
    order = displayed_order(axes, reverse=reverse)
    parts: list[LazyArray] = [_numbers(each[stored.values]) for each in stored.groups]
    if order != tuple(range(len(order))):
        parts = [Transposed(part, order) for part in parts]
        axes = _relabelled([axes[number] for number in order])
    if unnamed and attributes.get("python_class") == _PATTERN:
        axes = [replace(axis, name=f"k{axis.name}", kind=None) for axis in axes]
    if reverse:
        axes = _of_spectra(axes, str(attributes.get("signal_type")))
    if dataset.dtype.names:
        parts = [Colours(part) for part in parts]
        words = np.array([COMPONENTS[field] for field in dataset.dtype.names])
        axes = [*axes, Axis(name="channel", size=len(words), values=words)]
    data = parts[0]
    if len(parts) > 1:
        data, axes = Stacked(tuple(parts)), [_depth_axis(simulation or {}, len(parts)), *axes]
    units = read_attributes(dataset).get("units")
    units = plain_units(units) if isinstance(units, str) else ""
    bundle = {**bundled_metadata(group.parent), **bundled_metadata(group)}
    note = bundle.pop(NOTE, None)
    channel = Channel(
        title="signal" if stored.title == "__unnamed__" else stored.title,
        data=data,
        axes=axes,
        units=units if units and is_unit(units) else None,
        source="Prismatic" if simulated else None,
        original_metadata={**attributes, **bundle},
        attrs={"path": dataset.name},
    )
    note = note.get("note") if isinstance(note, dict) else text_at(group.file, f"comments/{NOTE}")
    return restore_array(channel, note) if isinstance(note, str) else (channel, {})


def _numbers(dataset: Any) -> LazyArray:
    return handle_of(dataset) if is_colours(dataset) else numbers_of(dataset)


def _of_spectra(axes: list[Axis], signal_type: str) -> list[Axis]:
    """Return axes without names of a map of spectra: its last one is known by its units."""
    if signal_type.partition("_")[0] not in ("EELS", "EDS") and not measures(
        axes[-1].units or "", "eV"
    ):
        return axes
    said = [
        SimpleNamespace(name="", units=axis.units, navigate=axis is not axes[-1]) for axis in axes
    ]
    names = axis_names(said, signal_type)
    return [
        replace(axis, name=name, kind=kind_of(name) or axis.kind)
        for axis, name in zip(axes, names, strict=True)
    ]


def _relabelled(axes: list[Axis]) -> list[Axis]:
    """Return axes of which those without a name of their own are called by where they are."""
    if [axis.name for axis in axes] == ["x", "y"] and "name_in_file" not in axes[0].attrs:
        return [replace(axes[0], name="y"), replace(axes[1], name="x")]
    return axes


def _depth_axis(said: dict[str, Any], size: int) -> Axis:
    """Return the depths in the sample at which a simulation was put out, in Å."""
    slices, thickness = said.get("ns"), said.get("s")
    if said.get("zs") or not (isinstance(slices, int) and isinstance(thickness, float)):
        return Axis(name="depth", size=size, kind="parameter")
    step = slices * thickness
    return Axis(name="depth", size=size, scale=step, offset=step, units="Å", kind="parameter")


def _table(group: Any) -> Channel:
    """Return a list of points: each field is a variable."""
    fields = {name: found for name, found in members(group) if is_array(found)}
    lengths = {found.shape for found in fields.values()}
    if len(lengths) > 1 or any(found.ndim != 1 for found in fields.values()):
        message = f"the fields of a list of points have the shapes {sorted(lengths)}"
        raise FormatError(message, path=group.file.filename, key=group.name)
    names = dict(zip(unique_names(fields), fields.values(), strict=True))
    size = next(iter(lengths))[0] if lengths else 0
    return Channel(
        title=group.name.rpartition("/")[2],
        data=None,
        axes=[Axis(name="point", size=size)],
        signal_type="point_cloud",
        variables={
            name: Variable(dims=("point",), data=numbers_of(found)) for name, found in names.items()
        },
        attrs={"path": group.name},
    )


def _lists(group: Any) -> Channel | None:
    """Return the lists of points at every place of a scan, `None` where they cannot be read."""
    dataset = linked(group, "data")
    if dataset is None or not hasattr(dataset, "dtype"):
        return None
    fields = fields_of(dataset)
    if fields is None or not all(found.points for found in fields.values()):
        return None
    shape = next(iter(fields.values())).shape
    # Rows are first, as in all that py4DSTEM writes.
    names = ("y", "x") if len(shape) == 3 else tuple(f"dim_{n}" for n in range(len(shape) - 1))
    kind = None if len(shape) == 3 else "parameter"
    axes = [
        Axis(name=name, size=size, kind=kind) for name, size in zip(names, shape[:-1], strict=True)
    ]
    axes.append(Axis(name="point", size=shape[-1]))
    dims = tuple(axis.name for axis in axes)
    return Channel(
        title=group.name.rpartition("/")[2].lstrip("_"),
        data=None,
        axes=axes,
        signal_type="point_cloud",
        variables={
            name: Variable(dims=dims, data=found)
            for name, found in zip(unique_names(fields), fields.values(), strict=True)
        },
        attrs={"path": group.name},
    )
