"""Plain values as TOML, which Python itself reads but does not write."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from omniscopy.model.errors import DataError

_BARE = re.compile(r"[A-Za-z0-9_-]+")
# TOML has no nothing; this table stands for it.
NOTHING = {"$type": "none"}


def inline(value: Any) -> str:
    """Return the TOML of a value, in one line."""
    if value is None:
        return inline(NOTHING)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(inline(item) for item in value)}]"
    if isinstance(value, Mapping):
        items = (f"{_key(str(key))} = {inline(item)}" for key, item in value.items())
        return "{ " + ", ".join(items) + " }" if value else "{}"
    message = f"a {type(value).__name__} cannot be written as TOML"
    raise DataError(message)


def without_none(value: Any) -> Any:
    """Return a value that was read from TOML, with `None` where it says nothing."""
    if isinstance(value, Mapping):
        if dict(value) == NOTHING:
            return None
        return {key: without_none(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_none(item) for item in value]
    return value


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else inline(name)
