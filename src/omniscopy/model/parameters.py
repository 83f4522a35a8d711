"""Parameters of operations as plain JSON, and back; nothing is ever executed to restore one."""

import base64
import dataclasses
import importlib
import math
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.model.errors import DataError

_TYPE = "$type"
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+")


def public_name(thing: Any) -> str:
    """Return the name by which users call a function or class: `image.power_spectrum`."""
    package, _, rest = thing.__module__.partition(".")
    if package != __name__.partition(".")[0]:
        return f"{thing.__module__}.{thing.__qualname__}"
    return f"{rest.partition('.')[0]}.{thing.__qualname__}"


def find_public(name: str) -> Any:
    """Return the public function or class called `name`, looked up in this package only."""
    package = __name__.partition(".")[0]
    module, _, attribute = name.rpartition(".")
    if not _NAME.fullmatch(name) or module.startswith("_"):
        message = f"{name!r} is not the name of a public function"
        raise DataError(message)
    try:
        return getattr(importlib.import_module(f"{package}.{module}"), attribute)
    except (ImportError, AttributeError) as error:
        message = f"{package} has no public {name!r}; it may come from a newer version or a plug-in"
        raise DataError(message) from error


def encode(value: Any) -> Any:  # noqa: C901, PLR0912 - one line a type
    """Return `value` as plain JSON that `decode` understands.

    Parameters
    ----------
    value : object
        A parameter of an operation: numbers, text, arrays, slices, paths, generators of random
        numbers, frozen dataclasses of this package or of a plug-in, ``ase.Atoms``, and collections
        of them.

    Returns
    -------
    JSON value
        What has no such form becomes an entry ``unrecorded`` with its printed text.
    """
    match value:
        case None | bool() | str():
            return value
        case Enum():
            return encode(value.value)
        case int() | float() | complex() | np.generic():
            return _encode_number(value)
        case np.ndarray():
            return _encode_array(value)
        case slice():
            parts = [encode(part) for part in (value.start, value.stop, value.step)]
            return {_TYPE: "slice", "parts": parts}
        case Mapping():
            return {str(key): encode(item) for key, item in value.items()}
        case list() | tuple() | range():
            return [encode(item) for item in value]
        case set() | frozenset():
            return [encode(item) for item in sorted(value)]
        case Path():
            return str(value)
        case bytes():
            return {_TYPE: "bytes", "base64": base64.b64encode(value).decode()}
        case np.random.Generator():
            return {_TYPE: "generator", "state": encode(value.bit_generator.state)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
        return {_TYPE: "settings", "name": public_name(type(value)), "fields": fields}
    if hasattr(value, "get_scaled_positions") and hasattr(value, "arrays"):
        return _encode_structure(value)
    return {_TYPE: "unrecorded", "text": repr(value)}


def decode(value: Any) -> Any:
    """Return what `encode` was given; lists stand for tuples too.

    Parameters
    ----------
    value : JSON value
        What `encode` made.

    Returns
    -------
    object
        Classes are looked up by their public names, and nothing else is run.

    Raises
    ------
    DataError
        A value was not recorded, is damaged, or names a class that does not exist.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _TYPE not in value:
        return {key: decode(item) for key, item in value.items()}
    return _decode_typed(value)


def _encode_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        return {_TYPE: "complex", "parts": [encode(value.real), encode(value.imag)]}
    if isinstance(value, float) and not math.isfinite(value):
        return {_TYPE: "float", "text": repr(value)}
    if isinstance(value, bool | int | float | str):
        return value
    return encode(str(value))


def _encode_array(value: np.ndarray) -> dict[str, Any]:
    if value.dtype.hasobject or value.dtype.kind not in "biufcUSmM":
        return {_TYPE: "unrecorded", "text": repr(value)}
    content = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
    return {_TYPE: "array", "dtype": value.dtype.str, "shape": [*value.shape], "base64": content}


def _encode_structure(value: Any) -> dict[str, Any]:
    """Return atoms as ASE holds them: cell, arrays of the atoms, and which sites are shared."""
    told = {"occupancy": value.info["occupancy"]} if "occupancy" in value.info else {}
    return {
        _TYPE: "structure",
        "cell": encode(np.asarray(value.cell, np.float64)),
        "pbc": encode(value.pbc),
        "arrays": {name: encode(array) for name, array in sorted(value.arrays.items())},
        "info": encode(told),
    }


def _decode_structure(value: dict[str, Any]) -> Any:
    from ase import Atoms

    arrays = decode(value["arrays"])
    made = Atoms(
        numbers=arrays.pop("numbers"), positions=arrays.pop("positions"),
        cell=decode(value["cell"]), pbc=decode(value["pbc"]), info=decode(value["info"]),
    )  # fmt: skip
    for name, array in arrays.items():
        made.set_array(name, array)
    return made


def _decode_typed(value: dict[str, Any]) -> Any:
    kind = value[_TYPE]
    try:
        if kind == "slice":
            return slice(*decode(value["parts"]))
        if kind == "complex":
            return complex(*decode(value["parts"]))
        if kind == "float":
            return float(value["text"])
        if kind == "bytes":
            return base64.b64decode(value["base64"], validate=True)
        if kind == "array":
            flat = np.frombuffer(base64.b64decode(value["base64"], validate=True), value["dtype"])
            return flat.reshape(value["shape"]).copy()
        if kind == "generator":
            return _decode_generator(decode(value["state"]))
        if kind == "settings":
            return _decode_settings(value)
        if kind == "structure":
            return _decode_structure(value)
    except (KeyError, TypeError, ValueError) as error:
        message = f"a recorded parameter of type {kind!r} is damaged: {error}"
        raise DataError(message) from error
    message = (
        f"a parameter was not recorded: {value.get('text', value)!s}; "
        "functions and open objects cannot be restored from a file"
    )
    raise DataError(message)


def _decode_generator(state: dict[str, Any]) -> np.random.Generator:
    if state.get("bit_generator") != "PCG64":
        message = f"random generator {state.get('bit_generator')!r} is unknown; use PCG64"
        raise DataError(message)
    bits = np.random.PCG64()
    bits.state = state  # type: ignore[assignment]
    return np.random.Generator(bits)


def _decode_settings(value: dict[str, Any]) -> Any:
    kind = find_public(value["name"])
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        message = f"{value['name']!r} is not a set of parameters"
        raise DataError(message)
    return kind(**decode(value["fields"]))
