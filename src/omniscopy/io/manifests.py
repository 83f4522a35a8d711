"""The formats there are, as their manifests say; no reader is imported to know them."""

import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.errors import MissingDependencyError, UnsupportedFormatError
from omniscopy.model.tables import Table

HEAD_BYTES = 4096
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ENTRY_POINTS = ("omniscopy.readers", "omniscopy.writers")


@dataclass(frozen=True)
class Magic:
    """What the first bytes of a file look like: `data` at `offset`, `text` anywhere in them."""

    offset: int = 0
    data: bytes = b""
    text: str = ""

    def matches(self, head: bytes) -> bool:
        """Return whether the first bytes of a file are like this."""
        if self.data and head[self.offset : self.offset + len(self.data)] != self.data:
            return False
        found = re.search(self.text, head[:HEAD_BYTES].decode("latin-1")) if self.text else True
        return bool(found) and bool(self.data or self.text)


@dataclass(frozen=True)
class Format:
    """One file format: how it is recognised, what can be done with it, where its code is.

    A `bridge` is what another package reads for us: its formats are tried where none of ours
    fits, and may be told by their extension.
    """

    name: str
    title: str
    package: str
    extensions: tuple[str, ...]
    instrument: str = ""
    aliases: tuple[str, ...] = ()
    magic: tuple[Magic, ...] = ()
    probe: str = ""
    folder: bool = False
    priority: int = 0
    reads: bool = False
    writes: bool = False
    lazy: bool = True
    remote: bool = False
    bridge: bool = False
    # Its program packs the files, and the reader unpacks them.
    packed: bool = False
    extra: str = ""
    requires: str = ""
    # How many real files, of an instrument or of another program, the reader was tried on.
    real_files: int = 0
    # What common metadata its files were found to say: groups of the vocabulary, such as "beam".
    metadata: tuple[str, ...] = ()
    # Suffixes of files that are written beside the one with the name, such as ".raw".
    companions: tuple[str, ...] = ()
    # Suffixes of files without any signature that the probe knows, such as by their folder.
    members: tuple[str, ...] = ()

    def reader(self) -> Callable[..., Any]:
        """Return the function that reads the format, importing its module now."""
        if not self.reads:
            message = f"{self.title} files can be written but not read"
            raise UnsupportedFormatError(message)
        return self._function("reader", "read")

    def writer(self) -> Callable[..., Any]:
        """Return the function that writes the format, importing its module now."""
        if not self.writes:
            message = f"{self.title} files can be read but not written"
            raise UnsupportedFormatError(message)
        return self._function("writer", "write")

    def prober(self) -> Callable[[Any], bool] | None:
        """Return the function that looks inside a container, if the format has one."""
        if not self.probe:
            return None
        module, _, name = self.probe.partition(":")
        return getattr(importlib.import_module(module), name)

    def _function(self, module: str, name: str) -> Callable[..., Any]:
        try:
            return getattr(importlib.import_module(f"{self.package}.{module}"), name)
        except ModuleNotFoundError as error:
            if self.requires and (error.name or "").partition(".")[0] == self.requires:
                raise MissingDependencyError(
                    self.requires, extra=self.extra, purpose=f"reading {self.title} files"
                ) from error
            raise


@functools.cache
def all_formats() -> dict[str, Format]:
    """Return every format by name: the built-in ones and those of installed plug-ins."""
    here = Path(__file__).parent
    found = {}
    for manifest in sorted(here.glob("*/format.toml")):
        package = f"{__package__}.{manifest.parent.name}"
        form = parse_manifest(manifest.read_text("utf-8"), package)
        found[form.name] = form
    for group in ENTRY_POINTS:
        for entry in importlib.metadata.entry_points(group=group):
            found.setdefault(entry.name, _plugged_in(entry.value))
    return found


def find_format(name: str) -> Format:
    """Return the format called `name`, by its name, an alias or an extension."""
    known = all_formats()
    wanted = name.lower()
    if wanted in known:
        return known[wanted]
    for form in known.values():
        if wanted in form.aliases:
            return form
    for form in known.values():
        if wanted in form.extensions or f".{wanted}" in form.extensions:
            return form
    near = difflib.get_close_matches(wanted, known, n=3)
    meant = f"did you mean {' or '.join(near)}? Known" if near else "known"
    message = f"there is no format called {name!r}; {meant} are {', '.join(sorted(known))}"
    raise UnsupportedFormatError(message)


def formats() -> Table:
    """Return the table of all formats that can be read or written.

    Returns
    -------
    Table
        Columns `name`, `title`, `extensions`, `instrument`, `reads`, `writes`, `lazy`,
        `metadata` (groups of common metadata that files were found to fill), `real_files` (how
        many files that are not our own it was tried on) and `extra` (what to install for it:
        ``pip install 'omniscopy[EXTRA]'``).
    """
    return Table(
        {
            "name": form.name,
            "title": form.title,
            "extensions": list(form.extensions),
            "instrument": form.instrument,
            "reads": form.reads,
            "writes": form.writes,
            "lazy": form.lazy,
            "metadata": list(form.metadata),
            "real_files": form.real_files,
            "extra": form.extra,
        }
        for form in sorted(all_formats().values(), key=lambda form: form.name)
    )


def parse_manifest(text: str, package: str) -> Format:
    """Return the format that the manifest of `package` describes."""
    said = tomllib.loads(text)
    magic = tuple(_magic(rule) for rule in said.pop("magic", []))
    for key in ("extensions", "aliases", "companions", "members"):
        said[key] = tuple(word.lower() for word in said.get(key, []))
    return Format(package=package, magic=magic, **said)


def _magic(rule: Mapping[str, Any]) -> Magic:
    data = bytes.fromhex(rule.get("hex", ""))
    return Magic(offset=rule.get("offset", 0), data=data, text=rule.get("text", ""))


def _plugged_in(package: str) -> Format:
    """Return the format of a plug-in: its entry point names a package with a `format.toml`."""
    spec = importlib.util.find_spec(package)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        manifest = Path(folder) / "format.toml"
        if manifest.exists():
            return parse_manifest(manifest.read_text("utf-8"), package)
    message = f"the plug-in {package!r} has no format.toml"
    raise MissingDependencyError(package, extra="vendor", purpose=message)
