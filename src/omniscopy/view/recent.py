"""Files that were opened lately, remembered from one explorer to the next."""

import json
import os
import sys
from pathlib import Path

from omniscopy.io.atomic import atomic_target
from omniscopy.io.roots import Root

# Remembered in all, and offered of one folder.
MOST, MOST_OFFERED = 50, 8


def place_of_list() -> Path:
    """Return the file of the list, where programs of this system keep what they remember."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return base / "omniscopy" / "recent.json"


def recent_files(root: Root) -> list[str]:
    """Return paths below a folder that were opened lately and are there still, the last first."""
    found = []
    for path in _remembered():
        inside = path.is_relative_to(root.folder) and path != root.folder
        if inside and path.exists() and not root.leads_out(path):
            found.append(root.shown(path))
    return found[:MOST_OFFERED]


def remember_file(path: Path) -> None:
    """Put an absolute path first in the list; where nothing can be written, that is all right."""
    place = place_of_list()
    others = [each for each in _remembered() if each != path]
    text = json.dumps([str(each) for each in [path, *others][:MOST]], indent=1)
    try:
        with atomic_target(place, overwrite=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError:
        return


def _remembered() -> list[Path]:
    """Return what is in the list, nothing of one that is damaged."""
    try:
        said = json.loads(place_of_list().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    texts = [each for each in said if isinstance(each, str)] if isinstance(said, list) else []
    return [Path(each) for each in texts[:MOST] if "\0" not in each]
