"""Attributes of any depth and type as plain JSON or as its text, and back without loss.

A number, text, list or dictionary is written as itself. What JSON has no form for is an object
with the key ``$type``: arrays, complex numbers, NaN, bytes, dates (see
`omniscopy.model.parameters`), and dictionaries whose keys are no text or that have such a key
themselves.
"""

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from omniscopy.model import parameters
from omniscopy.model.errors import DataError
from omniscopy.model.vocabulary import PROVENANCE

_TYPE = "$type"


def encode_attrs(attrs: Mapping[str, Any]) -> str:
    """Return attributes as JSON text: nested, with arrays, complex numbers and NaN."""
    plain = plain_attrs(attrs)
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, from text in an unknown encoding
        text = json.dumps(plain, allow_nan=False)
    return text


def decode_attrs(text: str) -> dict[str, Any]:
    """Return the attributes that `encode_attrs` was given; raise `ValueError` on other text."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        message = "attributes are nested too deeply"
        raise DataError(message) from error
    if not isinstance(found, dict):
        message = f"attributes must be a JSON object, got {type(found).__name__}"
        raise DataError(message)
    return restore_attrs(found)


def plain_attrs(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as a dictionary of plain JSON values; a history is JSON already."""
    return {
        str(key): value if key == PROVENANCE and _is_json(value) else _encode(value)
        for key, value in attrs.items()
    }


def restore_attrs(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that `plain_attrs` was given; lists stand for tuples too."""
    return {key: value if key == PROVENANCE else _decode(value) for key, value in plain.items()}


def _encode(value: Any) -> Any:
    if isinstance(value, Mapping):
        if _TYPE in value or any(not isinstance(key, str) for key in value):
            return _tagged("mapping", [[_encode(k), _encode(item)] for k, item in value.items()])
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [_encode(item) for item in value]
    if isinstance(value, set | frozenset):
        return _tagged("set", [_encode(item) for item in _ordered(value)])
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return _tagged(type(value).__name__, value.isoformat())
    if isinstance(value, np.datetime64 | np.timedelta64):
        return _tagged("scalar", parameters.encode(np.asarray(value)))
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return _tagged("objects", [list(value.shape), [_encode(item) for item in value.flat]])
    return parameters.encode(value)


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _TYPE not in value:
        return {key: _decode(item) for key, item in value.items()}
    try:
        return _decode_tagged(value)
    except (ValueError, KeyError, TypeError):
        return value.get("text", value)  # what could not be recorded is kept as its text


def _decode_tagged(value: dict[str, Any]) -> Any:
    match value[_TYPE]:
        case "mapping":
            return {_hashable(_decode(key)): _decode(item) for key, item in value["value"]}
        case "set":
            return {_hashable(_decode(item)) for item in value["value"]}
        case "datetime":
            return datetime.datetime.fromisoformat(value["value"])
        case "date":
            return datetime.date.fromisoformat(value["value"])
        case "time":
            return datetime.time.fromisoformat(value["value"])
        case "scalar":
            return parameters.decode(value["value"])[()]
        case "objects":
            shape, items = value["value"]
            array = np.empty(len(items), object)
            for index, item in enumerate(items):
                array[index] = _decode(item)
            return array.reshape(shape)
    return parameters.decode(value)


def _tagged(kind: str, value: Any) -> dict[str, Any]:
    return {_TYPE: kind, "value": value}


def _ordered(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (type(value).__name__, repr(value)))


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
