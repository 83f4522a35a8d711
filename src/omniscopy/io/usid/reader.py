"""Reading USID files: tables of positions by steps become N-dimensional channels."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Hdf5Array, Transposed
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.io.storage.hdf5 import open_hdf5, walk
from omniscopy.io.storage.hdf5_fields import field_variable, fields_of
from omniscopy.io.storage.hdf5_groups import (
    BOOK_KEEPING,
    DESCRIPTIONS,
    groups_above,
    read_ancestors,
)
from omniscopy.io.storage.hdf5_nodes import has_nodes, read_nodes
from omniscopy.io.storage.hdf5_plain import read_attributes, spelled, text_of
from omniscopy.io.storage.hdf5_values import load, require_values
from omniscopy.io.usid.acquisition import is_unmended, metadata_as_acquired, table_of
from omniscopy.io.usid.arrays import TableArray, folded_chunks
from omniscopy.io.usid.compounds import names_of, renamed
from omniscopy.io.usid.probe import COPY, REFERENCES, is_main
from omniscopy.io.usid.tables import Side, read_side

RESULTS = re.compile(r".+-.+_\d{3,}")
COMPLETED = "completed_positions"
DESCRIBED = frozenset({*REFERENCES, *BOOK_KEEPING, "quantity", "units"})
COMMON = {"operator": ("operator",), "user_name": ("operator",), "sample_name": ("sample", "name")}


def read(path: Path, *, partial: bool = False, whole_tables: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 opens whole files only
    """Read a USID file, of the original packages or of `omniscopy.save`.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Has no effect: the HDF5 library does not open a file that is cut short.
    whole_tables : bool
        Read the tables of positions and steps whole, however long. Otherwise a long table of a
        regular grid is known from its ends and some blocks, and checked line by line where data
        are read.

    Returns
    -------
    Measurement
        A channel for each main dataset, lazy. Tables of a grid have its dimensions, positions
        before steps and slow before fast; places without a grid are `point`, steps without one
        `sample`, with flat coordinates. Results are under `results/<Source-Tool_000>`; values
        of positions that a result has not reached are NaN.

    Raises
    ------
    FormatError
        The file is damaged or holds no main dataset.
    """
    with open_hdf5(path) as file:
        found = list(walk(file, without=DESCRIPTIONS))
        mains = [each for each in found if is_main(each)]
        if has_nodes(file):
            nodes = read_nodes(found, folded_handle)
            foreign = [
                main for main in mains if main.name not in nodes.used and COPY not in main.attrs
            ]
            return nodes.measurement(_channels(foreign, _Tables(whole=whole_tables)))
        if not mains:
            message = "the file holds no USID dataset (none has references to its four tables)"
            raise FormatError(message, path=path)
        channels = _channels(mains, _Tables(whole=whole_tables))
        return Measurement(
            channels=[*channels, *_others(found, mains, channels)],
            original_metadata=read_ancestors(found),
        )


def folded_handle(dataset: Any, said: Mapping[str, Any]) -> LazyArray:
    """Return the array of a dataset that Omniscopy wrote, in the dimensions it had."""
    table = said.get("table")
    if table is None:
        return Hdf5Array.of(dataset)
    sizes = {str(dim): int(size) for dim, size in table["sizes"].items()}
    rows, columns = ([str(dim) for dim in table[side]] for side in ("rows", "columns"))
    row_shape, column_shape = (tuple(sizes[dim] for dim in dims) for dims in (rows, columns))
    if (math.prod(row_shape), math.prod(column_shape)) != dataset.shape:
        message = f"the table {dataset.shape} is described as {row_shape} by {column_shape}"
        raise FormatError(message, path=dataset.file.filename, key=dataset.name)
    whole = TableArray(
        dataset.file.filename,
        dataset.name,
        row_shape,
        column_shape,
        dataset.dtype.newbyteorder("="),
        chunks=folded_chunks(dataset.chunks, row_shape, column_shape),
    )
    axes = tuple((rows + columns).index(str(dim)) for dim in said["dims"])
    return whole if axes == tuple(range(len(axes))) else Transposed(whole, axes)


@dataclass
class _Tables:
    """The tables of a file, each read once, and the nodes of its results groups."""

    whole: bool = False
    sides: dict[tuple[str, str, str, int], Side] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)

    def above(self, main: Any) -> dict[str, Any]:
        """Return the attributes of all groups above a dataset; the nearest one counts."""
        paths = groups_above(main.name)
        for path in paths:
            if path not in self.groups:
                self.groups[path] = read_attributes(main.file[path], without=BOOK_KEEPING)
        return {key: value for path in paths for key, value in self.groups[path].items()}

    def side(self, main: Any, side: str, taken: Iterable[str] = ()) -> Side:
        """Return what the ancillary tables of one side of a dataset say."""
        indices, values = (
            str(table_of(main, f"{side}_{what}").name) for what in ("Indices", "Values")
        )
        again = frozenset(taken)
        lines = main.shape[0 if side == "Position" else 1]
        known = self.sides.get((side, indices, values, lines))
        if known is None or known.names & again:
            known = read_side(main, side, taken=again, whole_tables=self.whole)
            self.sides[(side, indices, values, lines)] = known
        return known

    def node(self, group: Any) -> str:
        """Return the path of the node for a results group; equal names are told apart."""
        parts = group.name.strip("/").split("/")
        if group.name not in self.nodes:
            name = f"results/{parts[-1]}"
            if name in self.nodes.values():
                name = f"results/{'-'.join(parts[-2:])}"
            while name in self.nodes.values():
                name += "_"
            self.nodes[group.name] = name
        return self.nodes[group.name]


def _channels(mains: Iterable[Any], tables: _Tables) -> list[Channel]:
    return [_channel(main, tables) for main in mains]


def _channel(main: Any, tables: _Tables) -> Channel:
    require_values(main)
    positions = tables.side(main, "Position")
    steps = tables.side(main, "Spectroscopic", positions.names)
    said = read_attributes(main, without=frozenset({*REFERENCES, *BOOK_KEEPING}))
    original = {key: value for key, value in said.items() if key not in DESCRIBED}
    above = tables.above(main)
    result = _result_group(main)
    done = _completed(main, result)
    axes = [*positions.axes, *steps.axes]
    dims = [axis.name for axis in axes]
    compound = main.dtype.names is not None
    arrays = {name: _folded(main, positions, steps, done, name) for name in _fields(main)}
    variables = _of_fields(arrays, dims) if compound else {}
    units, quantity = text_of(said, "units"), text_of(said, "quantity")
    if main.dtype.kind == "c" and is_unmended(main.file):
        units, quantity = units or "V", quantity or "response"
    return Channel(
        title=main.name.rpartition("/")[2],
        data=None if compound else arrays[None],
        axes=axes,
        quantity=quantity,
        units=None if compound and units == "compound" else spelled(units),
        modality=text_of(above, "data_type"),
        source=text_of(above, "instrument", "microscope"),
        metadata={**_metadata(above), **metadata_as_acquired(main.file, above)},
        original_metadata=original,
        variables={**variables, **_progress(done, positions)},
        coordinates={**positions.coordinates, **steps.coordinates},
        attrs={
            "path": main.name,
            **_mended(main),
            **_process(result),
            **_incomplete(main, done),
        },
        group="" if result is None else tables.node(result),
    )


def _of_fields(arrays: Mapping[str | None, LazyArray], dims: list[str]) -> dict[str, Variable]:
    """Return a variable for each field of a compound dataset."""
    names = names_of(str(name) for name in arrays)
    found = {}
    for label, data in arrays.items():
        name, variable = field_variable(str(label), dims, data)
        if names:
            name, variable = renamed(str(label), variable, names)
        found[name] = variable
    return found


def _fields(main: Any) -> list[str | None]:
    return [None] if main.dtype.names is None else [*fields_of(main)]


def _folded(
    main: Any, positions: Side, steps: Side, done: np.ndarray | None, name: str | None
) -> TableArray:
    dtype = (main.dtype if name is None else main.dtype[name]).newbyteorder("=")
    marked = done is not None and not done.all() and dtype.kind in "fc"
    return TableArray(
        main.file.filename,
        main.name,
        positions.shape,
        steps.shape,
        dtype,
        rows=positions.order,
        columns=steps.order,
        rasters=tuple(side.raster for side in (positions, steps) if side.raster),
        field=name,
        done=done if marked else None,
        chunks=folded_chunks(main.chunks, positions.shape, steps.shape),
    )


def _mended(main: Any) -> dict[str, Any]:
    """Return what was put right in memory; the file stays as it is."""
    if not is_unmended(main.file):
        return {}
    return {"repaired": "references, indices and units of the steps, as acquisition left them"}


def _result_group(main: Any) -> Any:
    """Return the nearest group above a dataset that holds results, `None` for raw data."""
    group = main.parent
    while group.name != "/":
        if RESULTS.fullmatch(group.name.rpartition("/")[2]) or "tool" in group.attrs:
            return group
        group = group.parent
    return None


def _process(result: Any) -> dict[str, Any]:
    """Return what a results group says of how its results were made."""
    if result is None:
        return {}
    said = read_attributes(result, without=BOOK_KEEPING)
    name = result.name.rpartition("/")[2]
    sources = [said[key] for key in sorted(said) if re.fullmatch(r"source_\d+", key)]
    if "source_dataset_path" in said:
        sources.append(f"{said.get('source_file_path', '')}:{said['source_dataset_path']}")
    own = re.compile(r"tool|num_source(_dset)?s|source_\d+|source_(file|dataset)_path|last_pixel")
    parameters = {key: value for key, value in said.items() if not own.fullmatch(key)}
    tool = said.get("tool") or re.sub(r"_\d+$", "", name.rpartition("-")[2])
    return {"process": {"name": name, "tool": tool, "sources": sources, "parameters": parameters}}


def _completed(main: Any, result: Any) -> np.ndarray | None:
    """Return which positions a result has reached, `None` where nothing is said of it.

    The attribute `last_pixel` counts only where there is no list, since some programs set it
    to the end before they began.
    """
    import h5py

    if result is None:
        return None
    listed = result.get(COMPLETED)
    if isinstance(listed, h5py.Dataset) and listed.size == main.shape[0]:
        return load(listed).ravel() != 0
    last = read_attributes(result).get("last_pixel")
    if isinstance(last, int) and 0 <= last < main.shape[0]:
        return np.arange(main.shape[0]) < last
    return None


def _progress(done: np.ndarray | None, positions: Side) -> dict[str, Variable]:
    if done is None:
        return {}
    placed = done if positions.order is None else done[positions.order]
    values = placed.astype(np.uint8).reshape(positions.shape)
    dims = tuple(axis.name for axis in positions.axes)
    attrs = {"long_name": "positions that were completed", "units": "1"}
    return {COMPLETED: Variable(dims=dims, data=values, attrs=attrs)}


def _incomplete(main: Any, done: np.ndarray | None) -> dict[str, Any]:
    if done is None or done.all():
        return {}
    missing = int(np.argmin(done))
    count = int(np.count_nonzero(~done))
    reason = f"the process was interrupted: {count} of {main.shape[0]} positions are not done"
    return {"incomplete": {"missing_from": missing, "reason": reason}}


def _metadata(above: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, (first, *rest) in COMMON.items():
        value = text_of(above, key)
        if value is not None:
            found[first] = {rest[0]: value} if rest else value
    return found


def _add(channel: Channel, name: str, dataset: Any, axes: list[Axis]) -> None:
    """Add a dataset to the channel of the data beside it."""
    attrs = {"long_name": name, **read_attributes(dataset)}
    dims = tuple(axis.name for axis in axes)
    further = Variable(dims=dims, data=Hdf5Array.of(dataset), attrs=attrs)
    variables, coordinates = channel.variables, channel.coordinates
    assert isinstance(variables, dict)
    assert isinstance(coordinates, dict)
    variables.setdefault(name, further)
    for axis in axes:
        coordinates[axis.name] = Variable(dims=(axis.name,), data=axis.coordinate())


def _of_excitation(channel: Channel, name: str, dataset: Any) -> dict[str, Variable]:
    """Return what stands beside spectra of band excitation, along their dimensions."""
    data, dims = channel.data, tuple(axis.name for axis in channel.axes)
    if not isinstance(data, TableArray) or dims[-1:] != ("frequency",):
        return {}
    attrs = {"long_name": name, **read_attributes(dataset)}
    if name == "Bin_FFT" and dataset.shape == data.column_shape[-1:]:
        told = {**attrs, "quantity": "excitation"}
        return {"excitation": Variable(dims=dims[-1:], data=Hdf5Array.of(dataset), attrs=told)}
    steps = data.column_shape[:-1]
    in_order = data.rows is None and data.columns is None and not data.rasters
    if name != "Noise_Floor" or not in_order or dataset.dtype.names is None:
        return {}
    if dataset.shape != (math.prod(data.row_shape), math.prod(steps)):
        return {}
    made = {}
    for each in fields_of(dataset):
        array = TableArray(
            data.path, dataset.name, data.row_shape, steps,
            dataset.dtype[each].newbyteorder("="), field=each,
        )  # fmt: skip
        told = {**attrs, "units": "V", "quantity": "noise"}
        made[f"noise_floor_{each}"] = Variable(dims=dims[:-1], data=array, attrs=told)
    return made


def _others(found: Iterable[Any], mains: list[Any], channels: list[Channel]) -> list[Channel]:
    """Return the datasets that are neither data nor tables of data; those beside data go there."""
    import h5py

    used = {main.name for main in mains}
    used |= {table_of(main, name).name for main in mains for name in REFERENCES}
    beside = {main.parent.name: channel for main, channel in zip(mains, channels, strict=True)}
    extra = []
    for each in found:
        if not isinstance(each, h5py.Dataset) or each.name in used or each.shape is None:
            continue
        name = each.name.rpartition("/")[2]
        if name == COMPLETED or each.dtype.kind not in "biufcV":
            continue
        require_values(each)
        axes = [Axis(name=f"{name}_{number}", size=size) for number, size in enumerate(each.shape)]
        channel = beside.get(each.parent.name)
        if channel is not None:
            told = _of_excitation(channel, name, each)
            if told:
                assert isinstance(channel.variables, dict)
                channel.variables.update(told)
            else:
                _add(channel, name, each, axes)
            continue
        extra.append(
            Channel(
                title=name, data=Hdf5Array.of(each), axes=axes, group="extra",
                attrs={"path": each.name, **read_attributes(each)},
            )
        )  # fmt: skip
    return extra
