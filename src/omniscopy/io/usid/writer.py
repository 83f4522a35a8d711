"""Writing USID files: every variable a table with references to its four ancillaries."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from omniscopy.io.storage.hdf5_groups import write_attribute
from omniscopy.io.storage.hdf5_nodes import SIGNAL
from omniscopy.io.storage.hdf5_writing import (
    LIBRARY,
    Pair,
    keep_aside,
    keep_node,
    link_name,
    mark_layout,
    require_compression,
    write_words,
)
from omniscopy.io.storage.stored import (
    ChunkedTarget,
    StoredNode,
    StoredVariable,
    native_chunks,
    stored_nodes,
    stream,
)
from omniscopy.io.usid.ancillaries import Ancillaries, make_columns, split_dims
from omniscopy.io.usid.arrays import line_numbers, line_runs
from omniscopy.io.usid.band_excitation import is_band_excitation, labelled, parameters_of
from omniscopy.io.usid.compounds import Compound, compounds_of
from omniscopy.io.usid.excitations import (
    FREQUENCY,
    NOISE,
    Excitation,
    mean_spectra,
    noise_of,
    write_excitation,
)
from omniscopy.io.usid.places import LOOPS, MAIN, RESONANCES, Place, main_name, node_places, said_of
from omniscopy.io.usid.probe import COPY
from omniscopy.model.provenance import PROVENANCE

COMPLETED = "completed_positions"
# Results beside a fit of loops: what they are called where they lie, and in its group.
_OF_LOOPS = {
    "response": "Projected_Loops", "Loop_Metrics": "Loop_Metrics",
    "Fit_Loop_Parameters": "Fit_Loop_Parameters",
}  # fmt: skip
CHUNK_BYTES = 2**20


def write(tree: xr.DataTree, path: Path, *, compression: str | None = None) -> None:
    """Write a tree as a USID file, streaming lazy values block by block.

    Parameters
    ----------
    tree : DataTree
        Any nodes. Every variable of numbers becomes a main dataset: its spatial dimensions and
        points are positions, all others steps at each position. Nodes below `results` become
        results groups (`<Source>-<Tool>_000`) beside what they were made of. Resonances and
        hysteresis loops are also written as the programs of the field keep them: compound
        datasets in groups `Raw_Data-SHO_Fit_000` and `Fit-Loop_Fit_000`.
    path : Path
        The file to write.
    compression : {"gzip", "lzf"}, optional
        Of the values, which then also have checksums.

    Raises
    ------
    DataError
        A variable holds what cannot be saved.
    """
    require_compression(compression)
    root, *nodes = stored_nodes(tree)
    with h5py.File(path, "w", libver=LIBRARY) as file:
        mark_layout(file, "usid")
        excited = is_band_excitation(root)
        writing = _Writing(file, compression, labelled if excited else dict, excited=excited)
        file.attrs["translator"] = "omniscopy"
        measurement = file.create_group("Measurement_000")
        if excited:
            said = parameters_of(root, nodes)
            writing.parameters |= said
            _write_flat(measurement, said)
            file.attrs["data_type"] = said["data_type"]
        _write_flat(measurement, root.attrs.get("metadata"))
        writing.node(root, Place("/Measurement_000"), root.variables)
        for node, place in _placed(nodes):
            coords = {**_inherited(tree, node), **node.coordinates}
            writing.node(node, place, coords)
        if excited:
            _link_results(file, _placed(nodes))
        stream(writing.pairs, lock=True)


def _placed(nodes: list[StoredNode]) -> list[tuple[StoredNode, Place]]:
    """Return the nodes with their places, sources before what was made of them."""
    places = node_places(nodes)
    ordered = sorted(nodes, key=lambda node: places[node.path].results is not None)
    return [(node, places[node.path]) for node in ordered]


def _link_results(file: Any, placed: list[tuple[StoredNode, Place]]) -> None:
    """Let each group of fits refer to what else programs of the field look for in it.

    The start of a fit is not kept: it is the fit itself there. Loops that were projected, measured
    or worked out to parameters of switching are found beside the fit of the same resonances.
    """
    results = [(node, place) for node, place in placed if place.results]
    for _, place in results:
        group = file[place.group]
        if place.tool in (RESONANCES, LOOPS) and "Fit" in group and "Guess" not in group:
            group["Guess"] = h5py.SoftLink(group["Fit"].name)
            positions = group["Fit"].shape[0]
            group.attrs["fit-algorithm"] = "least_squares"
            group.attrs["last_pixel"] = positions
            for stage in ("guess", "fit"):
                done = np.ones(positions, np.uint8)
                group.create_dataset(f"completed_{stage}_positions", data=done)
    for _, place in results:
        group = file[place.group]
        if place.tool != LOOPS or "Fit" not in group:
            continue
        for node, other in results:
            beside = place.source in (other.source, node.path)
            for name, title in _OF_LOOPS.items():
                there = file[other.group].get(name) if beside and other is not place else None
                if there is not None and title not in group:
                    group[title] = h5py.SoftLink(there.name)


@dataclass
class _Writing:
    """What has been written so far."""

    file: Any
    compression: str | None
    labels: Callable[[Mapping[str, StoredVariable]], dict[str, StoredVariable]]
    pairs: list[Pair] = field(default_factory=list)
    tables: Ancillaries = field(default_factory=Ancillaries)
    mains: dict[str, Any] = field(default_factory=dict)
    excited: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)

    def node(self, node: StoredNode, place: Place, coords: Mapping[str, StoredVariable]) -> None:
        """Write one node: its tables, its results group, and what restores it."""
        group = self.file.require_group(place.group)
        if place.results and node.data:
            self.results_group(self.file.require_group(place.results), node, place)
        found: dict[str, dict[str, Any]] = {}
        for compound in compounds_of(node.variables) if place.results else ():
            self.compound(group, compound, node, coords)
        for name, variable in node.variables.items():
            if variable.coordinate or variable.is_text:
                found[name] = {"at": keep_aside(group, variable, self.pairs)}
            elif name == COMPLETED and place.results:
                _write_completed(group, variable)
                found[name] = {"at": keep_aside(group, variable, self.pairs)}
            else:
                own = main_name(node, place) if name == SIGNAL else name
                found[name] = self.table(group, link_name(own, group), variable, node, coords)
        if node.data and not place.results:
            write_attribute(group, "name", said_of(node).get("long_name"))
            _write_flat(group, said_of(node).get("metadata"))
        keep_node(group, node, found)

    def table(
        self,
        group: Any,
        name: str,
        variable: StoredVariable,
        node: StoredNode,
        coords: Mapping[str, StoredVariable],
    ) -> dict[str, Any]:
        """Write a variable as a table; return what its reader has to know."""
        values, _ = native_chunks(variable.values)
        dataset, table = self.main(group, name, variable, values.dtype, coords)
        self.fill(dataset, values, variable, table, None)
        said = variable.attrs
        write_words(
            dataset,
            quantity=said.get("quantity") or said.get("long_name") or name,
            units=variable.hints.get("units") or said.get("units"),
        )
        self.mains.setdefault(node.path, dataset)
        if self.excited and name == MAIN and values.dtype.kind == "c":
            self.excitation(group, dataset, variable, table, node, coords)
        return {"at": name, "table": table}

    def excitation(  # noqa: PLR0917 - all that says something of the steps
        self, group: Any, dataset: Any, variable: StoredVariable, table: Mapping[str, Any],
        node: StoredNode, coords: Mapping[str, StoredVariable],
    ) -> None:  # fmt: skip
        """Write what programs of band excitation look for beside raw data."""
        *steps, last = table["columns"] or [""]
        own = coords.get(FREQUENCY)
        if last != FREQUENCY or own is None or own.values.dtype.kind not in "iuf":
            return
        told = Excitation(tuple(steps), table["sizes"], coords, node.variables, self.parameters)
        axes = tuple(variable.dims.index(dim) for dim in table["rows"] + table["columns"])
        values = native_chunks(variable.values)[0]
        mean = mean_spectra(values, axes, len(table["rows"]), table["sizes"][last])
        self.pairs += write_excitation(group, dataset, told, mean)
        noises = noise_of(node.variables)
        wanted = [*table["rows"], *steps]
        if noises and all(sorted(each.dims) == sorted(wanted) for each in noises.values()):
            shape = tuple(
                math.prod(table["sizes"][dim] for dim in dims) for dims in (table["rows"], steps)
            )
            floor = group.create_dataset("Noise_Floor", shape=shape, dtype=NOISE)
            dataset.attrs["Noise_Floor"] = floor.ref
            for name, each in noises.items():
                part = native_chunks(each.values)[0]
                self.fill(floor, part, each, {"rows": table["rows"], "columns": steps}, name)

    def main(
        self, group: Any, name: str, variable: StoredVariable, dtype: np.dtype[Any],
        coords: Mapping[str, StoredVariable],
    ) -> tuple[Any, dict[str, Any]]:  # fmt: skip
        """Return an empty table for such a variable with its four ancillaries, and its sizes."""
        rows, columns = split_dims(variable.dims, coords)
        sizes = dict(zip(variable.dims, variable.values.shape, strict=True))
        shape = tuple(math.prod(sizes[dim] for dim in dims) for dims in (rows, columns))
        dataset = group.create_dataset(name, shape=shape, dtype=dtype, **self.layout(shape, dtype))
        said = self.labels(coords)
        for side, dims in (("Position", rows), ("Spectroscopic", columns)):
            columns_of_side = make_columns(dims, sizes, said)
            if self.excited and side == "Spectroscopic":
                columns_of_side.reverse()  # the fastest comes first there
            indices, places = self.tables.write(group, side, columns_of_side)
            dataset.attrs[f"{side}_Indices"] = indices.ref
            dataset.attrs[f"{side}_Values"] = places.ref
        return dataset, {"rows": rows, "columns": columns, "sizes": sizes}

    def fill(
        self, dataset: Any, values: Any, variable: StoredVariable, table: Mapping[str, Any],
        field: str | None,
    ) -> None:  # fmt: skip
        """Let values be streamed to a table, or to a field of one."""
        rows = table["rows"]
        axes = tuple(variable.dims.index(dim) for dim in rows + table["columns"])
        folded = _Folded(dataset, tuple(values.shape), axes, len(rows), field)
        self.pairs.append((values, ChunkedTarget(folded, tuple(max(n, 1) for n in values.shape))))

    def compound(
        self, group: Any, compound: Compound, node: StoredNode,
        coords: Mapping[str, StoredVariable],
    ) -> None:  # fmt: skip
        """Write variables once more, as the fields of one dataset."""
        variables = [node.variables[name] for name in compound.fields.values()]
        if len({variable.dims for variable in variables}) > 1:
            return
        name = link_name(compound.dataset, group)
        dataset, table = self.main(group, name, variables[0], compound.dtype, coords)
        write_words(dataset, quantity=compound.tool, units="compound")
        dataset.attrs[COPY] = True
        for field_name, variable in zip(compound.fields, variables, strict=True):
            values = compound.stored(field_name, variable.values, variable.attrs.get("units"))
            self.fill(dataset, native_chunks(values)[0], variable, table, field_name)
        self.mains.setdefault(node.path, dataset)

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> dict[str, Any]:
        """Return how a table is laid out: in one piece, or in chunks of whole spectra."""
        if self.compression is None or not math.prod(shape):
            return {}
        across = min(shape[1], max(CHUNK_BYTES // dtype.itemsize, 1))
        along = min(shape[0], max(CHUNK_BYTES // (across * dtype.itemsize), 1))
        packed = {"compression": self.compression, "shuffle": True, "fletcher32": True}
        return {"chunks": (along, across), **packed}

    def results_group(self, group: Any, node: StoredNode, place: Place) -> None:
        """Say in a results group which tool made it of what, and refer to it from there."""
        process = said_of(node).get("process")
        steps = said_of(node).get(PROVENANCE)
        given = process.get("parameters") if isinstance(process, Mapping) else None
        if given is None and isinstance(steps, list) and steps:
            given = steps[-1].get("parameters")
        if "tool" in group.attrs:
            return
        source = self.mains.get(place.source or "")
        group.attrs["tool"] = str(place.tool)
        group.attrs["num_source_dsets"] = int(source is not None)
        if source is not None:
            group.attrs["source_000"] = source.ref
            number = sum(1 for key in source.attrs if key.startswith("results_"))
            source.attrs[f"results_{number:03d}"] = group.ref
        _write_flat(group, given)


@dataclass(frozen=True)
class _Folded:
    """A table on disk that takes parts of the N-dimensional array that it stands for."""

    table: Any
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    row_dims: int
    field: str | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the table, or of its field."""
        dtype: np.dtype[Any] = self.table.dtype
        return dtype if self.field is None else dtype[self.field]

    def __setitem__(self, key: tuple[slice, ...], values: np.ndarray) -> None:
        parts = tuple(key[axis] for axis in self.axes)
        shape = tuple(self.shape[axis] for axis in self.axes)
        rows = line_numbers(parts[: self.row_dims], shape[: self.row_dims], None)
        columns = line_numbers(parts[self.row_dims :], shape[self.row_dims :], None)
        lines = np.asarray(values).transpose(self.axes).reshape(len(rows), len(columns))
        if not lines.size:
            return
        start = 0
        for along, length in line_runs(rows):
            left = 0
            for across, width in line_runs(columns):
                block = lines[start : start + length, left : left + width]
                at = (along, across)
                self.table[at if self.field is None else (self.field, *at)] = block
                left += width
            start += length


def _inherited(tree: xr.DataTree, node: StoredNode) -> dict[str, StoredVariable]:
    """Return the coordinates that a node has from the nodes above it."""
    return {
        str(name): StoredVariable(
            name=str(name),
            dims=tuple(str(dim) for dim in coord.dims),
            values=coord.values,
            attrs=dict(coord.attrs),
            coordinate=True,
        )
        for name, coord in tree[node.path].to_dataset().coords.items()
        if name not in node.variables
    }


def _write_completed(group: Any, variable: StoredVariable) -> None:
    """Write which positions are done the way a process that goes on looks for it."""
    if COMPLETED not in group:
        group[COMPLETED] = np.asarray(variable.values).ravel().astype(np.uint8)


def _write_flat(found: Any, content: Any, above: str = "") -> None:
    """Write a nested dictionary as attributes, their keys joined with hyphens."""
    for key, value in content.items() if isinstance(content, Mapping) else ():
        name = f"{above}{key}".replace("\0", "").strip() or "_"
        if isinstance(value, Mapping):
            _write_flat(found, value, f"{name}-")
        elif name not in found.attrs:
            write_attribute(found, name, value)
