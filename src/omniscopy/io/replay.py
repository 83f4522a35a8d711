"""Making a result again from the raw file, and finding one that was made before."""

import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.errors import FormatError
from omniscopy.io.identification import find_reader
from omniscopy.io.opening import open
from omniscopy.io.remote import Place, RemotePath, is_url, locate
from omniscopy.io.saving import from_tree
from omniscopy.model.digests import digest_file
from omniscopy.model.errors import DataError, ReplayWarning
from omniscopy.model.operations import find_operation
from omniscopy.model.parameters import decode, encode
from omniscopy.model.provenance import (
    CHANGE,
    DATA,
    PROVENANCE,
    SELECT,
    Record,
    call_id,
    environment,
    records,
    reference_of,
    state,
    with_changes,
)
from omniscopy.model.selection import select

Labelled = xr.DataArray | xr.Dataset

# Functions that read files; they are recorded, but are no operations on data.
_OPENERS = {"io.open_signal": "opening:open_signal", "io.open_raw": "raw:open_raw"}


def replay(
    obj_or_path: xr.DataArray | xr.Dataset | xr.DataTree | str | Path,
    *,
    source: str | Path | None = None,
    arrays: Mapping[str, xr.DataArray] | None = None,
) -> Any:
    """Make a result again, step by step from the raw file, and compare it with what it was.

    Parameters
    ----------
    obj_or_path : DataArray, Dataset, DataTree, str or Path
        A result, or the file that one was saved in.
    source : str or Path, optional
        The raw file, or the folder it is in, where it is not at the recorded place nor beside
        the saved result. Its content must be the recorded one.
    arrays : mapping of str to DataArray, optional
        Data that were never in a file, by the name they had.

    Returns
    -------
    DataArray, Dataset or DataTree
        The same kind of result as was given. On the recorded environment its values are
        bit-identical.

    Warns
    -----
    ReplayWarning
        A step gave other values than recorded; the first such step is named.

    Raises
    ------
    DataError
        There is no history, a step cannot be rerun, or the raw file is missing or changed.
    """
    beside = None
    if isinstance(obj_or_path, str | Path):
        beside = None if is_url(obj_or_path) else Path(obj_or_path).absolute().parent
        obj_or_path = from_tree(open(obj_or_path))
    run = _Run(source=source, beside=beside, arrays=arrays or {})
    if isinstance(obj_or_path, xr.DataTree):
        return obj_or_path.map_over_datasets(lambda node: _replayed_node(node, run))
    return _replayed(obj_or_path, run)


def find_previous(
    path: str | Path,
    operation: str,
    inputs: Labelled | Mapping[str, Labelled],
    parameters: Mapping[str, Any] | None = None,
) -> Any | None:
    """Find the result of the same operation on the same inputs, made and saved before.

    Parameters
    ----------
    path : str or Path
        A saved file, or a folder of them.
    operation : str
        Its name, such as `"image.power_spectrum"`.
    inputs : DataArray, Dataset, or mapping of parameter to these
        What it is applied to.
    parameters : mapping, optional
        Its other parameters; those left out have their default values.

    Returns
    -------
    DataArray, Dataset or None
        The saved result, lazy; `None` where there is none made by this version.

    Raises
    ------
    DataError
        The operation is unknown or does not take these parameters.
    """
    entry = find_operation(operation)
    if isinstance(inputs, xr.DataArray | xr.Dataset):
        inputs = {entry.inputs[0]: inputs}
    try:
        bound = inspect.signature(entry.function).bind(**{**inputs, **(parameters or {})})
    except TypeError as error:
        message = f"{operation} cannot be called so: {error}"
        raise DataError(message) from error
    bound.apply_defaults()
    said = {key: encode(value) for key, value in bound.arguments.items() if key not in inputs}
    references = {key: reference_of(value) for key, value in inputs.items()}
    wanted = call_id(operation, said, references)
    for tree in _saved_trees(locate(path)):
        found = _find_made(tree, wanted)
        if found is not None:
            return found
    return None


class _Run:
    """One replay: what was given for it, and the values of the steps done so far."""

    def __init__(
        self,
        *,
        source: str | Path | None,
        beside: Path | None,
        arrays: Mapping[str, xr.DataArray],
    ) -> None:
        self.source = None if source is None else Path(source)
        self.beside = beside
        self.arrays = arrays
        self.values: dict[str, Labelled] = {}
        self.differing: str | None = None

    def value(self, reference: Mapping[str, Any]) -> Labelled:
        """Return what a reference stands for."""
        made = self.values[reference["id"]]
        variable = reference.get("variable")
        return made if variable is None else made[variable]

    def resolve(self, reference: Any) -> Any:
        """Return the input that a record names."""
        if isinstance(reference, list):
            return [self.resolve(item) for item in reference]
        if "file" in reference:
            return self.find_file(reference)
        if "id" in reference:
            return self.value(reference)
        return {key: self.resolve(item) for key, item in reference.items()}

    def find_file(self, reference: Mapping[str, Any]) -> Place:
        """Return where the recorded file is now; raise unless its content is the same."""
        if is_url(reference["file"]) and self.source is None:
            return _unchanged(RemotePath(reference["file"]), reference)
        recorded = Path(reference["file"])
        places = [self.source / recorded.name, self.source] if self.source else []
        places += [recorded, *([self.beside / recorded.name] if self.beside else [])]
        is_folder = str(reference["digest"]).startswith("blake2b-listing")
        there = [place for place in places if (place.is_dir() if is_folder else place.is_file())]
        for place in there:
            if digest_file(place)["digest"] == reference["digest"]:
                return place
        if there:
            message = (
                f"{there[0]} is not the file that was recorded: its content has the digest "
                f"{digest_file(there[0])['digest']}, recorded is {reference['digest']}"
            )
            raise DataError(message)
        message = f"the raw file {recorded} is not there; say where it is with `source=`"
        raise DataError(message)


def _unchanged(place: RemotePath, reference: Mapping[str, Any]) -> RemotePath:
    found = place.digest()["digest"]
    if found != reference["digest"]:
        message = (
            f"{place} is not what was recorded: its content has the digest {found}, recorded is "
            f"{reference['digest']}"
        )
        raise DataError(message)
    return place


def _replayed_node(node: xr.Dataset, run: _Run) -> xr.Dataset:
    """Return a node whose variables are made again, each from its own history."""
    if not node.data_vars:
        return node
    if PROVENANCE in node.attrs:
        return _replayed(node, run)
    made = {
        name: _replayed(values, run) if PROVENANCE in values.attrs else values
        for name, values in node.data_vars.items()
    }
    return node.assign(made)


def _replayed(obj: Any, run: _Run) -> Any:
    if not records(obj):
        message = "there is no history to replay; open the data with `omniscopy.open_signal`"
        raise DataError(message)
    steps, last = with_changes(obj)
    for step in steps:
        if step["id"] not in run.values:
            run.values[step["id"]] = _as_recorded(step, _run_step(step, run), run)
    made: Any = run.value(last)
    if isinstance(obj, xr.DataArray):
        made = made.rename(obj.name)
    _warn_of_differences(obj, made, run, steps)
    return made


def _run_step(step: Record, run: _Run) -> Any:
    name = step["operation"]
    if name == DATA:
        return _given_array(step, run)
    if name == CHANGE:
        message = (
            f"step {step['id'][:8]} cannot be replayed: the values were changed there by code "
            "that is no operation. Put that code into a function with `@omniscopy.operation`"
        )
        raise DataError(message)
    inputs = {key: run.resolve(reference) for key, reference in step["inputs"].items()}
    if name == SELECT:
        return select(inputs["data"], step["parameters"])
    return _function(name)(**_arguments(step, inputs))


def _arguments(step: Record, inputs: dict[str, Any]) -> dict[str, Any]:
    try:
        return {**inputs, **{key: decode(value) for key, value in step["parameters"].items()}}
    except DataError as error:
        message = f"step {step['id'][:8]} ({step['operation']}) cannot be replayed: {error}"
        raise DataError(message) from error


def _function(name: str) -> Callable[..., Any]:
    if name in _OPENERS:
        module, _, function = _OPENERS[name].partition(":")
        return getattr(importlib.import_module(f"{__package__}.{module}"), function)
    return find_operation(name).function


def _given_array(step: Record, run: _Run) -> xr.DataArray:
    name = step["parameters"].get("name")
    given = run.arrays.get(str(name))
    if given is None and len(run.arrays) == 1:
        given = next(iter(run.arrays.values()))
    if given is None:
        message = (
            f"step {step['id'][:8]} starts from an array in memory that came from no file; "
            f"give it with `arrays={{{str(name)!r}: ...}}`"
        )
        raise DataError(message)
    return given


def _as_recorded(step: Record, made: Any, run: _Run) -> Any:
    """Return `made`, in memory where it was when it was recorded; note the first difference."""
    recorded = step["output"]["variables"]
    contents = [str(part["values"]).startswith("content:") for part in recorded.values()]
    if not (contents and all(contents)):
        return made  # it was lazy, and is; the numbers are compared at the end
    if _is_lazy(made):
        made = made.compute()
    now = state(made)["variables"]
    same = recorded.keys() == now.keys() and all(
        part["values"] == now[name]["values"] for name, part in recorded.items()
    )
    if not same and run.differing is None:
        run.differing = f"step {step['id'][:8]} ({step['operation']})"
    return made


def _warn_of_differences(obj: Any, made: Any, run: _Run, steps: list[Record]) -> None:
    if run.differing is None and not _identical(obj, made):
        run.differing = f"the result of step {steps[-1]['id'][:8]} ({steps[-1]['operation']})"
    if run.differing is None:
        return
    recorded = steps[-1]["environment"]
    other = [
        f"{name} {recorded.get(name)} then, {version} now"
        for name, version in environment().items()
        if recorded.get(name) != version
    ]
    reason = "; ".join(other) or "the environment is the recorded one"
    message = f"{run.differing} differs from what was recorded ({reason})"
    warnings.warn(message, ReplayWarning, stacklevel=4)


def _identical(one: Any, other: Any) -> bool:
    if isinstance(one, xr.Dataset):
        return set(one.data_vars) == set(other.data_vars) and all(
            _identical(one[name], other[name]) for name in one.data_vars
        )
    if one.dims != other.dims or one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.chunks is not None and other.chunks is not None and one.data.name == other.data.name:
        return True
    kind = one.dtype.kind
    same = np.equal(one.data, other.data)
    if kind in "fc":
        same = same | (np.isnan(one.data) & np.isnan(other.data))
    return bool(same.all())


def _is_lazy(obj: Any) -> bool:
    variables = obj.data_vars.values() if isinstance(obj, xr.Dataset) else [obj]
    return any(variable.chunks is not None for variable in variables)


def _saved_trees(path: Place) -> Iterator[xr.DataTree]:
    """Yield the trees saved at `path`, or in the folder `path`."""
    if isinstance(path, RemotePath):
        yield open(path)
        return
    whole = path.is_file() or _is_saved(path)
    for place in [path] if whole else sorted(path.glob("*")):
        if whole or _is_saved(place):
            yield open(place)


def _is_saved(path: Path) -> bool:
    try:
        form = find_reader(path)
    except FormatError:
        return False
    return form.reads and form.writes


def _find_made(tree: xr.DataTree, wanted: str) -> Any | None:
    """Return the part of a tree whose last step has the id `wanted`."""
    version = environment().get("omniscopy")
    for node in tree.subtree:
        dataset = node.to_dataset(inherit=False)
        for part in (dataset, *dataset.data_vars.values()):
            steps = part.attrs.get(PROVENANCE)
            if steps and steps[-1]["id"] == wanted and steps[-1]["version"] == version:
                whole = from_tree(tree)
                return part if isinstance(whole, xr.DataTree) else whole
    return None
