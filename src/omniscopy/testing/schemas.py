"""The part of JSON schema that parameters of operations are described with."""

from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_KEYWORDS = {
    "title", "description", "type", "properties", "required", "additionalProperties", "items",
    "prefixItems", "minItems", "maxItems", "anyOf", "enum", "default", "minimum", "maximum",
}  # fmt: skip


def is_schema(schema: Any) -> bool:
    """Return whether `schema` is a JSON schema made of the keywords used here."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict) or not set(schema) <= _KEYWORDS:
        return False
    inner = [
        *schema.get("properties", {}).values(), *schema.get("prefixItems", []),
        *schema.get("anyOf", []), schema.get("items", True),
        schema.get("additionalProperties", True),
    ]  # fmt: skip
    return schema.get("type", "object") in _TYPES and all(map(is_schema, inner))


def conforms(value: Any, schema: Any) -> bool:
    """Return whether a value of JSON is what `schema` describes."""
    if isinstance(schema, bool):
        return schema
    if "anyOf" in schema:
        return any(conforms(value, choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if "type" not in schema:
        return True
    right = isinstance(value, _TYPES[schema["type"]])
    if isinstance(value, bool):
        right = schema["type"] == "boolean"
    if right and isinstance(value, list):
        return _array_conforms(value, schema)
    if right and isinstance(value, dict):
        others = schema.get("additionalProperties", True)
        known = schema.get("properties", {})
        return all(conforms(item, known.get(key, others)) for key, item in value.items())
    return right


def _array_conforms(value: list[Any], schema: dict[str, Any]) -> bool:
    first = schema.get("prefixItems", [])
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return False
    heads = zip(value, first, strict=False)
    tails = value[len(first) :]
    return all(conforms(item, part) for item, part in heads) and all(
        conforms(item, schema.get("items", True)) for item in tails
    )
