"""Attributes of any depth and type as JSON text, and back without loss."""

import json
from collections.abc import Mapping
from typing import Any

from omniscopy.model.errors import DataError
from omniscopy.model.parameters import decode, encode


def encode_attrs(attrs: Mapping[str, Any]) -> str:
    """Return attributes as JSON text: nested, with arrays, complex numbers and NaN."""
    return json.dumps(encode(dict(attrs)), ensure_ascii=False, allow_nan=False)


def decode_attrs(text: str) -> dict[str, Any]:
    """Return the attributes that `encode_attrs` was given; raise `ValueError` on other text."""
    found = json.loads(text)
    if not isinstance(found, dict):
        message = f"attributes must be a JSON object, got {type(found).__name__}"
        raise DataError(message)
    return {key: _decode_or_keep(value) for key, value in found.items()}


def _decode_or_keep(value: Any) -> Any:
    """Return a decoded value; the records of a history stay as they were written."""
    if isinstance(value, list) and value and isinstance(value[0], dict) and "id" in value[0]:
        return value
    try:
        return decode(value)
    except DataError:
        return value
