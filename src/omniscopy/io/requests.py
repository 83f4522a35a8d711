"""What may be asked for at all: the size of a request, and what it may name."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from omniscopy.io.recipes.schemas import complaints
from omniscopy.model.errors import DataError
from omniscopy.model.nesting import DEEPEST, is_too_deep, parts_of
from omniscopy.model.operations import PACKAGES

MOST_BYTES = 2**20
# Of a grid that is asked for, and of a count.
MOST_POINTS = 2**27
_TYPE = "$type"
# Code of others, known by a name, is not run for a machine.
_REFUSED = ("signal.Function",)


def require_request(arguments: Mapping[str, Any]) -> None:
    """Raise `DataError` where the arguments of a call are too large or nested too deeply."""
    if is_too_deep(arguments):
        message = f"the request is nested more than {DEEPEST} deep"
        raise DataError(message)
    size = len(json.dumps(arguments))
    if size > MOST_BYTES:
        message = (
            f"the request has {size} bytes, and may have {MOST_BYTES}; data are named by their "
            "handles and not sent"
        )
        raise DataError(message)


def require_arguments(name: str, arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise `DataError` unless arguments fit the schema of what is called `name`."""
    found = complaints(arguments, schema)
    if found:
        message = f"{name}: {'; '.join(found)}"
        raise DataError(message)


def require_parameters(parameters: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise `DataError` where parameters name what is no setting, or ask for a huge grid.

    `schema` is that of the operation, which they fit: whole numbers are sizes only where it asks
    for whole numbers.
    """
    for name, value in parameters.items():
        for kind in _settings(value):
            if kind.partition(".")[0] not in PACKAGES or kind in _REFUSED:
                message = f"parameter {name!r}: {kind!r} is not a setting that may be asked for"
                raise DataError(message)
        # A seed is no size, and a frequency neither.
        if name == "rng" or not _takes_integers(schema["properties"][name]):
            continue
        points = max(_sizes(value), default=0)
        if points > MOST_POINTS:
            message = (
                f"parameter {name!r} asks for {points:.3g} points; at most {MOST_POINTS:.3g} "
                "are made in one call"
            )
            raise DataError(message)


def _settings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value.get(_TYPE) == "settings":
        yield str(value.get("name", ""))
    for part in parts_of(value):
        yield from _settings(part)


def _takes_integers(schema: Mapping[str, Any]) -> bool:
    inner = [*schema.get("anyOf", []), *schema.get("prefixItems", []), schema.get("items", {})]
    others = schema.get("additionalProperties", {})
    inner += [others] if isinstance(others, Mapping) else []
    return schema.get("type") == "integer" or any(map(_takes_integers, filter(None, inner)))


def _sizes(value: Any) -> Iterator[int]:
    """Return the number of points of everything that may be a shape or a count."""
    if isinstance(value, Mapping) and value.get(_TYPE) in ("array", "bytes", "generator"):
        return
    if isinstance(value, int) and not isinstance(value, bool):
        yield abs(value)
    parts = parts_of(value)
    if 2 <= len(parts) <= 6 and all(type(part) is int for part in parts):
        yield abs(math.prod(parts))
    for part in parts:
        yield from _sizes(part)
