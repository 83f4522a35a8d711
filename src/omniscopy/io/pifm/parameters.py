"""The parameter file: lines of `key : value ; comment`, and a block for each file of values."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number

_START = re.compile(rb"\s*;\s*ANFATEC Parameterfile")
_MOST_BYTES = 1 << 24
_BEGIN = re.compile(r"(FileDesc|FileDesc2|AFMSpectrumDesc)Begin\b")
_END = re.compile(r"(FileDesc|FileDesc2|AFMSpectrumDesc)End\b")


@dataclass(frozen=True)
class Description:
    """The entries of one block, in their order."""

    kind: str
    entries: dict[str, str] = field(default_factory=dict)

    def text(self, *words: str) -> str:
        """Return the first entry whose key has all of `words`, empty where there is none."""
        for key, value in self.entries.items():
            if all(word in key.lower() for word in words):
                return value
        return ""

    def number(self, *words: str) -> float | None:
        """Return an entry as a finite number, `None` where it is none."""
        return finite_number(self.text(*words))


@dataclass(frozen=True)
class Parameters:
    """What the file says of the scan, and of each file of values."""

    path: Path
    entries: dict[str, str]
    descriptions: list[Description]

    def text(self, key: str) -> str:
        """Return an entry, empty where it is missing."""
        return self.entries.get(key, "")

    def number(self, key: str) -> float | None:
        """Return an entry as a finite number, `None` where it is none."""
        return finite_number(self.text(key))

    def count(self, key: str) -> int:
        """Return a number of pixels."""
        text = self.text(key)
        if not re.fullmatch(r"[1-9]\d{0,5}", text):
            message = f"a number of pixels was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=key)
        return int(text)

    def beside(self, name: str) -> Path:
        """Return a file in the same folder; of a path only its last part counts."""
        last = re.split(r"[\\/]", name.strip())[-1]
        found = self.path.with_name(last) if last not in ("", ".", "..") else self.path
        if found == self.path or not found.is_file():
            message = f"its values are in {name!r}, which is not beside it"
            raise FormatError(message, path=self.path)
        return found


def read_parameters(path: Path, *, partial: bool) -> Parameters:
    """Return the content of the parameter file at `path`."""
    raw = read_start(path, _MOST_BYTES)
    if not _START.match(raw):
        message = f"a parameter file starts with ';ANFATEC Parameterfile', this with {raw[:24]!r}"
        raise FormatError(message, path=path, offset=0)
    entries: dict[str, str] = {}
    descriptions: list[Description] = []
    block: Description | None = None
    for line in raw.decode("latin-1").splitlines():
        words = line.strip()
        begin = _BEGIN.match(words)
        if begin is not None:
            block = Description(begin[1])
        elif _END.match(words):
            descriptions += [] if block is None else [block]
            block = None
        elif ":" in words and not words.startswith(";"):
            key, _, value = words.partition(":")
            # What follows a semicolon is a remark, but notes are text throughout.
            value = value if "note" in key.lower() else value.partition(" ;")[0]
            target = entries if block is None else block.entries
            target.setdefault(key.strip(), value.strip())
    if block is not None and not partial:
        message = f"the last {block.kind} block has no end; the file is cut short"
        raise FormatError(message, path=path, offset=len(raw))
    return Parameters(path, entries, descriptions)
