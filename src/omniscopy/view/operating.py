"""Requests of the explorer: the menu of operations, their forms, and running them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omniscopy.model.errors import DataError
from omniscopy.view.bench import Bench
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
    inputs = {key: input_of(bench, found, key, item, said.get("at")) for key, item in items.items()}
    size = sum(each.nbytes for each in inputs.values())
    if not found.lazy and size > _EAGER_BYTES:
        message = (
            f"{found.name} works on all of its data at once, and these are {size / 2**30:.1f} GiB;"
            f" at most {_EAGER_BYTES / 2**30:.0f} GiB are taken. Crop, select or rebin them first"
        )
        raise DataError(message)
    yield {"kind": "progress", "of": said.get("seq"), "done": 0.0, "words": found.name}, []
    result = found.function(**inputs, **decode(parameters))
    turn.check()
    if result.nbytes <= _COMPUTED_BYTES:
        yield from _computing(said, turn, found.name)
        result = computed(result, turn)
    first = next(iter(items.values()), None)
    made = bench.add(
        recorded(result), parent=None if first is None else first.id, step=found.name,
        path=None if first is None else first.path,
    )  # fmt: skip
    described = [describe(bench, each) for each in made]
    yield {"kind": "made", "items": described, "operation": found.name}, []


def input_of(bench: Bench, found: "Operation", name: str, item: Item, at: Any) -> Any:
    """Return labelled data of an item: all variables of results where the operation takes them."""
    import xarray as xr

    from omniscopy.model.operations import _hints

    del at
    hint = _hints(found.function)[name]
    if item.group is not None and (hint is xr.Dataset or "Dataset" in str(hint)):
        return bench.results[item.group]
    return item.labelled()


def computed(result: Any, turn: Turn) -> Any:
    """Return a result in memory; given up between tasks where nobody wants it any more."""
    if not hasattr(result, "chunks") or not result.chunks:
        return result
    from dask.callbacks import Callback

    def look(*_: Any) -> None:
        turn.check()

    watching: Any = Callback
    with watching(pretask=look):
        return result.compute()


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


def _computing(said: Header, turn: Turn, name: str) -> Iterator[Reply]:
    turn.check()
    yield (
        {"kind": "progress", "of": said.get("seq"), "done": 0.5, "words": f"{name}: computing"},
        [],
    )


def _without_nonsense(value: Any) -> Any:
    """Return a value as JSON has it, where infinite numbers are text."""
    if isinstance(value, Mapping):
        return {str(key): _without_nonsense(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nonsense(each) for each in value]
    return value


HANDLERS: Mapping[str, Any] = {
    "operations": list_operations, "form": send_form, "run": run_operation,
}  # fmt: skip
