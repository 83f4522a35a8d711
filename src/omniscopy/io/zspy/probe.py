"""Whether a folder was written by HyperSpy."""

import json
from pathlib import Path

_NAME = "ZSpy"


def matches(path: Path) -> bool:
    """Return whether the attributes of the root say so."""
    for name in (".zattrs", "zarr.json"):
        try:
            said = json.loads((path / name).read_bytes())
            if said.get("attributes", said).get("file_format") == _NAME:
                return True
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
    return False
