"""The registered operations as a machine finds, reads and calls them."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.requests import require_arguments, require_parameters
from omniscopy.mcp_server.bench import Answer, Bench
from omniscopy.model.errors import DataError
from omniscopy.model.facts import describe, plain
from omniscopy.model.operations import PACKAGES, Operation, all_operations, find_operation
from omniscopy.model.parameters import decode, encode

MOST_FOUND = 40
# A result up to this size is computed at once where its inputs are not large; others stay lazy.
_COMPUTED_BYTES, _READ_BYTES = 64 * 2**20, 2**30
# What works on all of its data at once gets no more than this.
_EAGER_BYTES = 2 * 2**30
_HANDLE = "Handle of data, such as 'd1', or of one variable of results, such as 'd1.height'"
_SETTINGS = (
    "Settings are written as {\"$type\": \"settings\", \"name\": \"diffraction.Disk\", "
    "\"fields\": {...}}, and slices as {\"$type\": \"slice\", \"parts\": [start, stop, step]}."
)  # fmt: skip


def find_operations(bench: Bench, words: str = "", group: str = "") -> Answer:  # noqa: ARG001
    """Find analyses by words of their names and summaries; each is called with `run_operation`.

    Parameters
    ----------
    words : str
        Such as "strain" or "fit peaks"; all of them must occur. Empty for all.
    group : str
        One of signal, image, atoms, eels, eds, diffraction, spm, simulate.
    """
    wanted = words.lower().split()
    found = [
        {"name": each.name, "takes": each.inputs, "summary": each.summary}
        for each in all_operations()
        if each.name.startswith(f"{group}." if group else "")
        and all(word in f"{each.name} {each.summary}".lower() for word in wanted)
    ]
    facts: dict[str, Any] = {"found": len(found), "operations": found[:MOST_FOUND]}
    if len(found) > MOST_FOUND:
        facts["note"] = f"only the first {MOST_FOUND} are listed; give more words or a group"
    return Answer(facts)


def describe_operation(bench: Bench, name: str) -> Answer:  # noqa: ARG001
    """Return what an operation does, its inputs, its parameters with units, and an example.

    Parameters
    ----------
    name : str
        From `find_operations`, such as "image.power_spectrum".
    """
    found = operation_called(name)
    given = {key: encode(value) for key, value in found.example.items() if key not in found.inputs}
    return Answer({
        "name": found.name,
        "inputs": found.inputs,
        "required_inputs": required_inputs(found),
        "parameters": found.schema,
        "example_parameters": given,
        "text": inspect.getdoc(found.function) or "",
        "note": _SETTINGS,
    })  # fmt: skip


def run_operation(
    bench: Bench,
    name: str,
    inputs: dict[str, Any] | None = None,
    parameters: dict[str, Any] | None = None,
) -> Answer:
    """Run an operation on data; the result stays with the server and gets a handle.

    The answer says what the result is, with units; look at it with `picture` or `values`.
    A large result is lazy: it is computed when it is looked at or saved.

    Parameters
    ----------
    name : str
        From `find_operations`, such as "image.power_spectrum".
    inputs : mapping
        Handles by the names of the inputs, such as {"data": "d1"} or {"image": "d2.height"};
        a list of handles where the input is a list.
    parameters : mapping
        As `describe_operation` lists them; lengths and energies in the units of the axes.
    """
    found = operation_called(name)
    given = {key: _data_of(bench, each) for key, each in (inputs or {}).items()}
    said = dict(parameters or {})
    _require_inputs(found, given)
    require_arguments(found.name, said, found.schema)
    require_parameters(said, found.schema)
    read = sum(each.nbytes for value in given.values() for each in _listed(value))
    if not found.lazy and read > _EAGER_BYTES:
        message = (
            f"{found.name} works on all of its data at once, and these are {read / 2**30:.1f} GiB; "
            f"at most {_EAGER_BYTES / 2**30:.0f} GiB are taken. Crop, select or rebin them first"
        )
        raise DataError(message)
    result = found.function(**given, **decode(said))
    if result.nbytes <= _COMPUTED_BYTES and read <= _READ_BYTES:
        result = result.compute()
    return Answer({"handle": bench.shelf.keep(result), **describe(result)})


def operation_called(name: str) -> Operation:
    """Return an operation; raise `DataError` where none is called so."""
    if name.partition(".")[0] not in PACKAGES:
        message = f"{name!r} is not an operation; `find_operations` lists them"
        raise DataError(message)
    return find_operation(name)


def required_inputs(found: Operation) -> list[str]:
    """Return the inputs that have no default."""
    known = inspect.signature(found.function).parameters
    return [name for name in found.inputs if known[name].default is inspect.Parameter.empty]


def tool_schema(found: Operation) -> dict[str, Any]:
    """Return the schema of an operation as a tool: its parameters, and handles of its inputs."""
    own = found.schema
    handle = {"type": "string", "description": _HANDLE}
    handles = {"anyOf": [handle, {"type": "array", "items": {"type": "string"}}]}
    properties = {**dict.fromkeys(found.inputs, handles), **own["properties"]}
    return {**own, "properties": properties, "required": required_inputs(found) + own["required"]}


def call_operation(bench: Bench, found: Operation, arguments: Mapping[str, Any]) -> Answer:
    """Run an operation with handles and parameters side by side, as its tool gives them."""
    inputs = {key: value for key, value in arguments.items() if key in found.inputs}
    others = {key: value for key, value in arguments.items() if key not in found.inputs}
    return run_operation(bench, found.name, inputs, others)


def _data_of(bench: Bench, reference: Any) -> Any:
    if isinstance(reference, list):
        return [_data_of(bench, each) for each in reference]
    if isinstance(reference, str):
        return bench.shelf.get(reference)
    if isinstance(reference, int | float | None):
        return reference
    message = f"an input is named by its handle, such as 'd1', got {plain(reference)!r}"
    raise DataError(message)


def _require_inputs(found: Operation, given: Mapping[str, Any]) -> None:
    takes = ", ".join(found.inputs) or "none"
    for name in given:
        if name not in found.inputs:
            message = f"{found.name} has no input {name!r}; it takes {takes}"
            raise DataError(message)
    for name in required_inputs(found):
        if name not in given:
            message = f"{found.name} needs the input {name!r}: give the handle of data for it"
            raise DataError(message)


def _listed(value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    kinds = (xr.DataArray, xr.Dataset, np.ndarray)
    return [each for each in values if isinstance(each, kinds)]
