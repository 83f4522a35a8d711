"""The registry of operations: what they are called, what they take, and that they are recorded.

`@operation` is all that a function needs to appear in `operations()`, in recipes, in the
command line, in the contract tests and in the histories of its results.
"""

import functools
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, ParamSpec, TypeVar, overload

import numpy as np
import xarray as xr

from omniscopy.model.errors import DataError
from omniscopy.model.parameters import encode, find_public, public_name
from omniscopy.model.provenance import record
from omniscopy.model.tables import Table

P = ParamSpec("P")
R = TypeVar("R", bound=xr.DataArray | xr.Dataset)

# Packages whose modules hold operations, below the ones that read files or draw.
PACKAGES = (
    "signal", "image", "atoms", "eels", "eds", "diffraction", "spm", "crystal", "simulate",
)  # fmt: skip

_registry: dict[str, "Operation"] = {}
_inside: ContextVar[bool] = ContextVar("inside an operation", default=False)


@dataclass(frozen=True)
class Operation:
    """A registered function with what others need to know to call it.

    `name` has the package before it, as in ``"image.level"``; `summary` is the first line of the
    docstring. `example` gives values for its parameters; text given for a parameter that takes
    labelled data names one of `omniscopy.samples`. `lazy` says that a lazy input gives a lazy
    result and that nothing is computed before it is asked for.
    """

    name: str
    function: Callable[..., Any] = field(repr=False)
    summary: str
    example: Mapping[str, Any]
    lazy: bool

    @property
    def inputs(self) -> list[str]:
        """Return the names of the parameters that take labelled data."""
        return [name for name, hint in _hints(self.function).items() if _takes_data(hint)]

    @property
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the parameters, labelled data left out."""
        hints, properties, required = _hints(self.function), {}, []
        for name, parameter in inspect.signature(self.function).parameters.items():
            if _takes_data(hints[name]):
                continue
            properties[name] = _json_type(hints[name])
            if parameter.default is parameter.empty:
                required.append(name)
            else:
                properties[name]["default"] = encode(parameter.default)
        return {
            "title": self.name,
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }


@overload
def operation(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def operation(
    *, example: Mapping[str, Any] | None = None, lazy: bool = True
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def operation(
    function: Callable[..., Any] | None = None,
    /,
    *,
    example: Mapping[str, Any] | None = None,
    lazy: bool = True,
) -> Any:
    """Register a function as an operation and record every call of it in its result.

    Parameters
    ----------
    function : callable
        Takes labelled data and parameters with types, and returns a DataArray or a Dataset.
    example : mapping of str to value, optional
        Arguments for the contract tests; text for a parameter that takes labelled data names one
        of `omniscopy.samples`.
    lazy : bool
        Whether lazy data give a lazy result, with nothing computed before it is asked for.

    Returns
    -------
    callable
        The function with recording, or a decorator where `function` is not given.

    Raises
    ------
    TypeError
        Of the function: a call does not fit it.

    Notes
    -----
    Called by another operation, it is not recorded: the outermost call is what the user made.
    """
    if function is None:
        return functools.partial(operation, example=example, lazy=lazy)
    signature = inspect.signature(function)
    name = public_name(function)

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        if _inside.get():
            return function(*args, **kwargs)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            message = f"{name}: {error}; it is called as {_call_of(name, signature)}"
            raise TypeError(message) from None
        bound.apply_defaults()
        _require_seed(bound.arguments.get("rng"))
        inputs = {key: value for key, value in bound.arguments.items() if _holds_data(value)}
        parameters = {
            key: encode(value) for key, value in bound.arguments.items() if key not in inputs
        }
        token = _inside.set(True)
        try:
            made = function(*args, **kwargs)
        finally:
            _inside.reset(token)
        made = record(made, name, parameters=parameters, inputs=inputs)
        made.attrs.update(_origin(inputs, made))
        return made

    summary = inspect.cleandoc(function.__doc__ or "").partition("\n")[0]
    entry = Operation(name, recorded, summary, dict(example or {}), lazy)
    _registry[name] = entry
    recorded.operation = entry  # type: ignore[attr-defined]
    return recorded


def _call_of(name: str, signature: inspect.Signature) -> str:
    """Return how an operation is called, without the types that make signatures hard to read."""
    bare = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    return f"{name}{inspect.Signature(bare)}"


def operations(prefix: str = "") -> Table:
    """Return the table of all registered operations whose name starts with `prefix`.

    Parameters
    ----------
    prefix : str
        Such as ``"image."``; all operations by default.

    Returns
    -------
    Table
        Columns ``name``, ``takes`` (parameters of labelled data) and ``summary``.
    """
    return Table(
        {"name": entry.name, "takes": entry.inputs, "summary": entry.summary}
        for entry in all_operations()
        if entry.name.startswith(prefix)
    )


def all_operations() -> list[Operation]:
    """Return every operation of this package and those registered by others, by name.

    Returns
    -------
    list of Operation
        Sorted by name; every package that holds operations is imported.
    """
    import_all()
    return [_registry[name] for name in sorted(_registry)]


def find_operation(name: str) -> Operation:
    """Return the operation of this name.

    Parameters
    ----------
    name : str
        Such as ``"image.power_spectrum"``.

    Returns
    -------
    Operation
        The function with its schema and example.

    Raises
    ------
    DataError
        Nothing public is called `name`, or it is no operation.
    """
    if name not in _registry:
        entry = getattr(find_public(name), "operation", None)
        if not isinstance(entry, Operation):
            message = f"{name!r} is not an operation; `omniscopy.operations()` lists them"
            raise DataError(message)
    return _registry[name]


def import_all() -> None:
    """Import every module that may register something."""
    root = __name__.partition(".")[0]
    for package in PACKAGES:
        try:
            folder = importlib.import_module(f"{root}.{package}")
        except ModuleNotFoundError as error:
            if error.name != f"{root}.{package}":
                raise
            continue
        for module in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}."):
            importlib.import_module(module.name)


def _require_seed(rng: Any) -> None:
    """Refuse what random numbers cannot start from, for all operations that draw some."""
    whole = isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0
    if not whole and not isinstance(rng, np.random.Generator | None):
        message = f"rng must be a whole number from 0, or a generator of numpy, got {rng!r}"
        raise DataError(message)


def _origin(inputs: Mapping[str, Any], made: Any) -> dict[str, Any]:
    """Return the common metadata of the first input, but for what a result states itself."""
    first = next((value for value in inputs.values() if hasattr(value, "attrs")), None)
    if first is None:
        return {}
    return {
        key: first.attrs[key]
        for key in ("metadata", "modality", "source")
        if key in first.attrs and key not in made.attrs
    }


def _holds_data(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(_holds_data(item) for item in value)
    return isinstance(value, xr.DataArray | xr.Dataset)


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    return {name: hints.get(name, Any) for name in parameters}


def _takes_data(hint: Any) -> bool:
    if hint in (xr.DataArray, xr.Dataset):
        return True
    if isinstance(hint, TypeVar):
        return _takes_data(hint.__bound__)
    return any(_takes_data(part) for part in typing.get_args(hint))


def _json_type(hint: Any) -> dict[str, Any]:
    """Return the JSON schema of a type hint; what has no counterpart accepts anything."""
    plain = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
    if hint in plain:
        return {"type": plain[hint]}
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return {"enum": list(parts)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_json_type(part) for part in parts]}
    if origin is tuple and Ellipsis not in parts:
        prefix = [_json_type(part) for part in parts]
        return {
            "type": "array", "prefixItems": prefix, "minItems": len(prefix), "maxItems": len(prefix)
        }  # fmt: skip
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _json_type(parts[-1])}
    if isinstance(origin, type) and origin is not type and parts:
        return {"type": "array", "items": _json_type(parts[0])}
    return {}
