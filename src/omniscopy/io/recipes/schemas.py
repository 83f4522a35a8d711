"""Whether parameters fit the JSON schema of an operation, and in words why not."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

_NAMES = {
    "integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false",
    "null": "nothing", "array": "a list", "object": "a table",
}  # fmt: skip
# Values with a type of their own (slices, arrays, settings) are checked when they are restored.
_TYPE = "$type"


def complaints(parameters: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with `parameters`, each as a sentence; empty if nothing is."""
    properties = schema.get("properties", {})
    found = [
        f"parameter {name!r} is missing"
        for name in schema.get("required", [])
        if name not in parameters
    ]
    for name, value in parameters.items():
        if name not in properties:
            found.append(f"there is no parameter {name!r}{_hint(name, list(properties))}")
        elif not _fits(value, properties[name]):
            expected = _expected(properties[name])
            found.append(
                f"parameter {name!r} must be {expected}, got {value!r}"
                f"{_hint(value, properties[name].get('enum', []))}"
            )
    return found


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, Mapping) and _TYPE in value:
        return value[_TYPE] != "none" or _takes_nothing(schema)
    if "anyOf" in schema:
        return any(_fits(value, option) for option in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema.get("type")
    if kind is None:
        return True
    return _is(value, kind) and _parts_fit(value, schema)


def _takes_nothing(schema: Mapping[str, Any]) -> bool:
    if "anyOf" in schema:
        return any(_takes_nothing(option) for option in schema["anyOf"])
    return schema.get("type", "null") == "null" and "enum" not in schema


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    kinds: dict[str, Any] = {
        "integer": int, "number": int | float, "string": str, "null": type(None), "array": list,
        "object": Mapping,
    }  # fmt: skip
    return kind in kinds and isinstance(value, kinds[kind])


def _parts_fit(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, list):
        if "prefixItems" in schema:
            wanted = schema["prefixItems"]
            return len(value) == len(wanted) and all(map(_fits, value, wanted))
        return all(_fits(item, schema.get("items", {})) for item in value)
    if isinstance(value, Mapping) and isinstance(schema.get("additionalProperties"), Mapping):
        return all(_fits(item, schema["additionalProperties"]) for item in value.values())
    return True


def _expected(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        words = [_expected(option) for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if "enum" in schema:
        return f"one of {', '.join(repr(option) for option in schema['enum'])}"
    if "prefixItems" in schema:
        parts = ", ".join(_expected(part) for part in schema["prefixItems"])
        return f"a list of {len(schema['prefixItems'])} ({parts})"
    return _NAMES.get(schema.get("type", ""), "something else")


def _hint(wrong: Any, known: list[Any]) -> str:
    close = get_close_matches(str(wrong), [str(name) for name in known], 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return ""
