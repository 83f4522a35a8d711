"""Every result remembers how it was made: an append-only list of records in its attributes.

A record says which operation was called with which parameters on which inputs. Its id is the
digest of just that, so that the same call on the same inputs has the same id wherever it is
made. Lists of several inputs are united; each list holds a record after all that it needs.
"""

import functools
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from omniscopy.model.digests import digest_array, digest_file, digest_json
from omniscopy.model.fingerprints import fingerprint
from omniscopy.model.vocabulary import PROVENANCE as PROVENANCE

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)
Record = dict[str, Any]
# By the place in memory of an index, which is kept so that no other one gets it.
Known = dict[int, tuple[object, dict[str, Any]]]

# Steps that no operation made: data that came without a history, a part taken from data, and
# values changed by other code.
DATA, SELECT, CHANGE = "data", "select", "change"


@dataclass(frozen=True, repr=False)
class Step:
    """One step of a history; printed, it reads as the call that it was.

    `id` is the digest of `operation`, `parameters` and `inputs` (by parameter: ids of steps, or
    path and digest of a file). `version` is that of the package; `time` (UTC) and `environment`
    say when and with what it was done, `output` what came of it, so that later changes show.
    """

    id: str
    operation: str
    version: str
    parameters: dict[str, Any]
    inputs: dict[str, Any]
    time: str
    environment: dict[str, str]
    output: dict[str, Any]

    def __repr__(self) -> str:
        words = [f"{key}={_brief(value)}" for key, value in self.inputs.items()]
        words += [f"{key}={value!r}" for key, value in self.parameters.items()]
        return f"{self.id[:8]} {self.operation}({', '.join(words)})"


def history(obj: xr.DataArray | xr.Dataset | xr.DataTree) -> list[Step]:
    """Return the steps that made `obj`, the first one first.

    Parameters
    ----------
    obj : DataArray, Dataset or DataTree
        A result; the history of a tree is that of all its nodes.

    Returns
    -------
    list of Step
        Empty where none is recorded.
    """
    return [Step(**record) for record in records(obj)]


def records(obj: Any) -> list[Record]:
    """Return the provenance of `obj` as plain records; a tree gives those of all its nodes."""
    if isinstance(obj, list | tuple):
        return united(records(each) for each in obj)
    if isinstance(obj, xr.DataTree):
        return united(records(node.to_dataset()) for node in obj.subtree)
    own = obj.attrs.get(PROVENANCE)
    if own is None and isinstance(obj, xr.Dataset):
        return united(records(variable) for variable in obj.data_vars.values())
    return list(own or [])


def united(histories: Any) -> list[Record]:
    """Return all records of several histories, each once, in an order that can be run."""
    found: dict[str, Record] = {}
    for each in histories:
        for record in each:
            found.setdefault(record["id"], record)
    return list(found.values())


def record(
    made: Labelled,
    operation: str,
    *,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Any],
) -> Labelled:
    """Return `made` with a record of the call that made it after the records of its inputs.

    `parameters` are JSON already; each of `inputs` is labelled data, a `Path` of a file, or a
    list of these.
    """
    return remember(made, steps_to(made, operation, parameters=parameters, inputs=inputs))


def steps_to(
    made: xr.DataArray | xr.Dataset,
    operation: str,
    *,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Any],
    known: Known | None = None,
) -> list[Record]:
    """Return the records that `record` puts into the attributes of `made`.

    `known` holds what was told of coordinates before, and is added to.
    """
    past: list[Record] = []
    # Most results have coordinates of their inputs: what they are is found out once.
    known = {} if known is None else known
    references = {name: _reference(value, past, known) for name, value in inputs.items()}
    new = _record(operation, dict(parameters), references, state(made, known))
    return united([past, [new]])


def remember(made: Labelled, steps: Sequence[Record]) -> Labelled:
    """Return `made`, and every variable in it, with `steps` as provenance."""
    steps = list(steps)
    if isinstance(made, xr.DataArray):
        made = made.copy(deep=False)
        made.attrs[PROVENANCE] = steps
        return made
    # Indexes, which nothing changes, are not copied: that would take longer than all else.
    variables = {name: each.copy(deep=False) for name, each in made._variables.items()}
    for name in variables.keys() - made._coord_names:
        variables[name].attrs[PROVENANCE] = steps
    return made._replace(variables, attrs={**made.attrs, PROVENANCE: steps})


def call_id(operation: str, parameters: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """Return the id of a call: the same for the same operation, parameters and inputs."""
    return digest_json([operation, dict(parameters), _identity(inputs)])


def source_file(path: Path) -> dict[str, Any]:
    """Return the reference of a file as an input: where it is, its size and digest."""
    return {"file": str(path.absolute()), **digest_file(path)}


def reference_of(data: Any) -> dict[str, Any]:
    """Return the reference by which `data` stands among the inputs of a call."""
    return with_changes(data)[1]


def with_changes(data: Any) -> tuple[list[Record], dict[str, Any]]:
    """Return the history of `data`, what was done to it since included, and its reference."""
    past: list[Record] = []
    reference = _reference(data, past)
    return past, reference


def state(obj: xr.DataArray | xr.Dataset, known: Known | None = None) -> dict[str, Any]:
    """Return what tells whether `obj` is still what it was: its coordinates and values.

    `known` holds what was told of coordinates before, by their indexes; it is added to.
    """
    known = {} if known is None else known
    # As variables: to make an array of each, with its coordinates, takes longer than a digest.
    variables: dict[Any, xr.Variable]
    if isinstance(obj, xr.DataArray):
        variables, sizes = {"": obj.variable}, dict(zip(obj.dims, obj.shape, strict=True))
        coords: Mapping[Any, xr.Variable] = obj._coords
    else:
        sizes, coords = obj._dims, obj._variables
        variables = {name: each for name, each in coords.items() if name not in obj._coord_names}
    return {
        "coords": {
            str(dim): _coordinate_state(coords.get(dim), size, known) for dim, size in sizes.items()
        },
        "variables": {
            str(name): {"dims": [str(d) for d in data.dims], "values": fingerprint(data)}
            for name, data in variables.items()
        },
    }


def same_values(recorded: str | None, now: str | None) -> bool:
    """Return whether the fingerprint of values agrees with what it was.

    Values that were saved, loaded or computed in between cannot be told from their
    fingerprints, and count as the same: a replay compares the numbers.
    """
    if recorded is None or now is None or recorded == now:
        return True
    before, after = recorded.partition(":")[0], now.partition(":")[0]
    if after == "content":
        return before != "content"
    return after == "file" or before == "content"


@functools.cache
def environment() -> dict[str, str]:
    """Return the versions that the numbers of a result may depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    for package in ("omniscopy", "numpy", "scipy", "xarray", "dask", "numba"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _record(
    operation: str, parameters: dict[str, Any], inputs: dict[str, Any], output: dict[str, Any],
    id_: str | None = None,
) -> Record:  # fmt: skip
    return {
        "id": call_id(operation, parameters, inputs) if id_ is None else id_,
        "operation": operation,
        "version": environment().get("omniscopy", "unknown"),
        "parameters": parameters,
        "inputs": inputs,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
        "output": output,
    }


def _identity(inputs: Any) -> Any:
    """Return the inputs without what may change although the content is the same: places."""
    if isinstance(inputs, Mapping):
        return {key: _identity(value) for key, value in inputs.items() if key != "file"}
    if isinstance(inputs, list):
        return [_identity(item) for item in inputs]
    return inputs


def _reference(value: Any, past: list[Record], coords: Known | None = None) -> Any:
    """Return how a record names the input `value`, and add its history to `past`."""
    if isinstance(value, list | tuple):
        return [_reference(item, past, coords) for item in value]
    if isinstance(value, Path):
        return source_file(value)
    if isinstance(value, dict):
        if "file" in value:
            return value
        return {key: _reference(item, past, coords) for key, item in value.items()}
    known = records(value)
    now = state(value, coords)
    if not known:
        known = [_rootless(value, now)]
    last = known[-1]
    variable = _variable_of(value, last, now)
    added = _difference(last, variable, now, value)
    known = united([past, known, added])
    past[:] = known
    reference: dict[str, Any] = {"id": added[-1]["id"] if added else last["id"]}
    if variable and not added:
        reference["variable"] = variable
    return reference


def _rootless(value: Any, now: dict[str, Any]) -> Record:
    new = _record(DATA, {}, {}, now, digest_json([DATA, now]))
    return {**new, "parameters": {"name": _name(value)}}


def _name(value: Any) -> str | None:
    name = getattr(value, "name", None)
    return None if name is None else str(name)


def _variable_of(value: Any, last: Record, now: dict[str, Any]) -> str | None:
    """Return which variable of the last record's output an array is, `None` for all of it."""
    outputs = last["output"]["variables"]
    if isinstance(value, xr.Dataset) or "" in outputs:
        return None
    if _name(value) in outputs:
        return _name(value)
    values = now["variables"][""]["values"]
    return next((name for name, out in outputs.items() if out["values"] == values), None)


def _difference(
    last: Record, variable: str | None, now: dict[str, Any], value: Any
) -> list[Record]:
    """Return the record of what was done to `last`'s output outside of operations, if anything."""
    made, parts = last["output"], now["variables"]
    if set(parts) == {""}:
        parts = {variable or "": parts[""]}
    reference = {"data": {"id": last["id"], **({"variable": variable} if variable else {})}}
    selection = _selection(made, parts, now, value)
    if selection is not None:
        return [_record(SELECT, selection, reference, now)]
    known = made["variables"]
    unchanged = all(
        name in known and same_values(known[name]["values"], part["values"])
        for name, part in parts.items()
    )
    if unchanged:
        return []
    change = _record(CHANGE, {}, reference, now)
    return [{**change, "id": digest_json([change["id"], now])}]


def _selection(
    made: dict[str, Any], parts: dict[str, Any], now: dict[str, Any], value: Any
) -> dict[str, Any] | None:
    """Return the part of the earlier coordinates that the present ones are, `None` if all.

    The labels at both ends and the number of points say which; a dimension that is gone is a
    single label. The values are not compared here: a replay does.
    """
    had = {dim for name in parts for dim in made["variables"].get(name, {"dims": []})["dims"]}
    labels: dict[str, Any] = {}
    for dim in sorted(had):
        before, after = made["coords"].get(dim), now["coords"].get(dim)
        if before is None or before == after:
            continue
        if after is not None:
            labels[dim] = {key: after[key] for key in ("first", "last", "size") if key in after}
        elif dim in value.coords and value.coords[dim].ndim == 0:
            labels[dim] = {"label": _plain(value.coords[dim].values)}
        else:
            return None
    order = [str(dim) for dim in value.dims]
    moved = any(
        [d for d in made["variables"].get(name, {"dims": order})["dims"] if d in order]
        != [d for d in part["dims"] if d in had]
        for name, part in parts.items()
    )
    if not labels and not moved:
        return None
    return {"labels": labels, "dims": order}


def _coordinate_state(
    coordinate: xr.Variable | None, size: int, known: Known
) -> dict[str, Any]:  # fmt: skip
    if coordinate is None:
        return {"size": int(size)}
    inner: Any = coordinate._data
    index = inner.array if isinstance(coordinate, xr.IndexVariable) else None
    if index is not None and id(index) in known:
        return dict(known[id(index)][1])
    values = _values_of(coordinate)
    ends = {"first": _plain(values[0]), "last": _plain(values[-1])} if values.size else {}
    told = {"size": int(values.size), "digest": digest_array(values), **ends}
    if index is not None:
        known[id(index)] = index, told
    return dict(told)


def _values_of(coordinate: xr.Variable) -> np.ndarray:
    """Return the values; those of an index of numbers without asking xarray to convert them."""
    if isinstance(coordinate, xr.IndexVariable):
        index: Any = coordinate._data
        values = index.array.values
        if isinstance(values, np.ndarray) and values.dtype == index.dtype:
            return values
    return np.asarray(coordinate.values)


def _plain(value: Any) -> Any:
    item = np.asarray(value).item()
    return item if isinstance(item, int | float | str | bool) else str(item)


def _brief(reference: Any) -> str:
    if isinstance(reference, list):
        return f"[{', '.join(_brief(item) for item in reference)}]"
    if "file" in reference:
        return repr(Path(reference["file"]).name)
    name = reference.get("variable")
    return reference.get("id", "")[:8] + (f"[{name!r}]" if name else "")
