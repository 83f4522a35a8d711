"""Requests of the explorer: the menu of operations, their forms, and running them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omniscopy.model.errors import DataError
from omniscopy.view.bench import Bench
from omniscopy.view.computing import computing, progress
from omniscopy.view.dispatch import Turn
from omniscopy.view.files import describe
from omniscopy.view.items import Item
from omniscopy.view.protocol import Buffer, Header, Reply
from omniscopy.view.scripting import recorded

if TYPE_CHECKING:
    from omniscopy.model.operations import Operation

# A result up to this size is computed at once; others are where they are looked at.
_COMPUTED_BYTES = 64 * 2**20
_EAGER_BYTES = 2 * 2**30


def list_operations(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send all operations that take data: names, groups and what they do."""
    del bench, said, buffers
    from omniscopy.model.operations import PACKAGES, all_operations

    entries = []
    for found in all_operations():
        turn.check()
        group = found.name.partition(".")[0]
        if group in PACKAGES and found.inputs:
            entries.append({"name": found.name, "group": group, "summary": found.summary,
                            "inputs": len(required_inputs(found))})  # fmt: skip
    yield {"kind": "operations", "operations": entries}, []


def send_form(bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
    """Send what a form of an operation asks for: inputs, parameters with types, and words."""
    del bench, buffers, turn
    from omniscopy.model.parameters import encode

    found = operation_called(str(said.get("name")))
    text = inspect.getdoc(found.function) or ""
    example = {key: encode(value) for key, value in found.example.items()
               if key not in found.inputs}  # fmt: skip
    header = {
        "kind": "form", "name": found.name, "summary": found.summary, "text": text,
        "inputs": found.inputs, "required_inputs": required_inputs(found),
        "schema": _without_nonsense(found.schema), "example": _without_nonsense(example),
        "about": parameters_in_words(text),
    }  # fmt: skip
    yield header, []


def run_operation(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Run an operation on open data; the results become items, with their history."""
    del buffers
    found, items, inputs, parameters = _called(bench, said)
    size = sum(each.nbytes for each in inputs.values())
    if not found.lazy and size > _EAGER_BYTES:
        message = (
            f"{found.name} works on all of its data at once, and these are {size / 2**30:.1f} GiB;"
            f" at most {_EAGER_BYTES / 2**30:.0f} GiB are taken. Crop, select or rebin them first"
        )
        raise DataError(message)
    yield progress(said, 0.0, found.name)
    result = found.function(**inputs, **parameters)
    turn.check()
    if result.nbytes <= _COMPUTED_BYTES:
        result = yield from computing(said, found.name, result, turn)
    first = next(iter(items.values()), None)
    made = bench.add(
        recorded(result), parent=None if first is None else first.id, step=found.name,
        path=None if first is None else first.path,
    )  # fmt: skip
    described = [describe(bench, each) for each in made]
    yield {"kind": "made", "items": described, "operation": found.name}, []


def estimate_operation(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send what an operation will need, before it is run: bytes read and made, and memory."""
    del buffers
    from dask.utils import format_bytes

    found, _, inputs, parameters = _called(bench, said)
    lazy = {key: each for key, each in inputs.items() if each.chunks}
    size = sum(each.nbytes for each in inputs.values())
    header: Header = {"kind": "estimate", "name": found.name, "read": size}
    if not found.lazy:
        # Values in double precision beside those that were read.
        memory = 3 * size
        words = f"Works on all of its data at once: {format_bytes(size)} are read"
    elif not lazy:
        memory, words = 3 * size, f"Works on {format_bytes(size)} in memory"
    else:
        from omniscopy.compute import plan

        result = found.function(**inputs, **parameters)
        turn.check()
        told = plan(result, limit=0)
        memory = told.memory
        words = (
            f"Reads {format_bytes(told.bytes_read)} and makes {format_bytes(result.nbytes)}, "
            f"in {told.chunks} {'block' if told.chunks == 1 else 'blocks'}"
        )
        header["read"] = told.bytes_read
        if result.nbytes > _COMPUTED_BYTES:
            words += "; computed where it is looked at or saved"
    free = free_bytes()
    header |= {
        "memory": memory, "free": free,
        "large": memory > (free / 2 if free else _EAGER_BYTES),
        "words": f"{words}. About {format_bytes(memory)} of memory at a time"
                 + (f"; {format_bytes(free)} are free." if free else "."),
    }  # fmt: skip
    yield header, []


def _called(
    bench: Bench, said: Header
) -> tuple["Operation", dict[str, Item], dict[str, Any], dict[str, Any]]:
    """Return an operation, the items it is given, its inputs and its parameters, all checked."""
    from omniscopy.io.requests import require_arguments, require_parameters
    from omniscopy.model.parameters import decode

    found = operation_called(str(said.get("name")))
    given, parameters = said.get("inputs", {}), said.get("parameters", {})
    if not isinstance(given, dict) or not isinstance(parameters, dict):
        message = "inputs and parameters are given by their names"
        raise DataError(message)
    require_arguments(found.name, parameters, found.schema)
    require_parameters(parameters, found.schema)
    items = {key: bench.item(value) for key, value in given.items() if value is not None}
    for name in required_inputs(found):
        if name not in items:
            message = f"{found.name} needs {name!r}: choose the open data for it"
            raise DataError(message)
    inputs = {key: input_of(bench, found, key, item) for key, item in items.items()}
    return found, items, inputs, decode(parameters)


def free_bytes() -> int | None:
    """Return the memory that is free on this machine, where it says so."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def input_of(bench: Bench, found: "Operation", name: str, item: Item) -> Any:
    """Return labelled data of an item: all variables of results where the operation takes them."""
    import xarray as xr

    from omniscopy.model.operations import _hints

    hint = _hints(found.function)[name]
    if item.group is not None and (hint is xr.Dataset or "Dataset" in str(hint)):
        return bench.results[item.group]
    return item.labelled()


def operation_called(name: str) -> "Operation":
    """Return an operation of this package; raise `DataError` where none is called so."""
    from omniscopy.model.operations import PACKAGES, find_operation

    if name.partition(".")[0] not in PACKAGES:
        message = f"{name!r} is not an operation"
        raise DataError(message)
    return find_operation(name)


def required_inputs(found: "Operation") -> list[str]:
    """Return the inputs that have no default."""
    known = inspect.signature(found.function).parameters
    return [name for name in found.inputs if known[name].default is inspect.Parameter.empty]


def parameters_in_words(text: str) -> dict[str, str]:
    """Return what a docstring says of each parameter, by name."""
    head, _, rest = text.partition("\nParameters\n----------\n")
    del head
    section = rest.partition("\n\nReturns\n")[0]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line.startswith(" "):
            said, _, kind = line.partition(" : ")
            names = [each.strip() for each in said.split(",")]
            found.update(dict.fromkeys(names, f"{kind}\n"))
        elif line.strip():
            for name in names:
                found[name] += f"{line.strip()} "
    return found


def _without_nonsense(value: Any) -> Any:
    """Return a value as JSON has it, where infinite numbers are text."""
    if isinstance(value, Mapping):
        return {str(key): _without_nonsense(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nonsense(each) for each in value]
    return value


HANDLERS: Mapping[str, Any] = {
    "operations": list_operations, "form": send_form, "run": run_operation,
    "estimate": estimate_operation,
}  # fmt: skip
