"""The module of the page as one text, for hosts that take no files beside it."""

import re
from pathlib import Path

STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(r'^import\s+(?:[^;]*?\sfrom\s+)?"\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.MULTILINE)
ENTRY = "viewer.js"


def bundle_script() -> str:
    """Return ``viewer.js`` and all that it imports as one module with a default export.

    The files are put one after the other, each after those it needs: no name is used twice at
    the top of them, and `viewer.js` alone has a default export.
    """
    done: dict[str, str] = {}
    _gather(ENTRY, done)
    return "\n".join(done.values())


def bundle_style() -> str:
    """Return the style sheet; all of its rules are below the class of the explorer."""
    return (STATIC / "style.css").read_text(encoding="utf-8")


def _gather(name: str, done: dict[str, str]) -> None:
    text = (STATIC / name).read_text(encoding="utf-8")
    for needed in _IMPORT.findall(text):
        if needed not in done:
            _gather(needed, done)
    done[name] = f"// {name}\n{_EXPORT.sub('', _IMPORT.sub('', text))}"
