"""Metadata as a reader wants them: a short table in words, and the vendor's whole tree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.model.vocabulary import METADATA
from omniscopy.plot.labels import number_with_units

# What a reader asks first of a measurement, by its place in the common metadata.
_CONDITIONS = {
    "beam.voltage": "",
    "beam.current": "current",
    "beam.convergence_angle": "convergence",
    "detector.collection_angle": "collection",
    "detector.inner_angle": "from",
    "detector.outer_angle": "to",
    "detector.camera_length": "camera length",
    "laser.wavelength": "laser",
    "detector.exposure_time": "exposure",
    "scan.dwell_time": "dwell",
    "scan.line_rate": "lines at",
    "probe.spring_constant": "lever of",
    "probe.drive_frequency": "driven at",
    "probe.bias": "bias",
}
_DEEPEST = 24
_MOST = 20_000
_LONGEST = 400


@dataclass(frozen=True)
class Entry:
    """One name of a tree of metadata, with its value or with further entries."""

    name: str
    value: str = ""
    entries: tuple["Entry", ...] = ()


def readable_rows(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the common metadata as (words, value with units), in the order of the vocabulary."""
    found = dict(_leaves(metadata))
    order = {path: number for number, path in enumerate(METADATA)}
    known = sorted((path for path in found if path in order), key=order.__getitem__)
    further = sorted(path for path in found if path not in order)
    return [(_words(path), _text(found[path], METADATA.get(path))) for path in [*known, *further]]


def conditions(metadata: Mapping[str, Any]) -> str:
    """Return the conditions of a measurement in a line: `200 kV, convergence 25 mrad`."""
    found = dict(_leaves(metadata))
    words = []
    for path, name in _CONDITIONS.items():
        value = found.get(path)
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            words.append(f"{name} {number_with_units(float(value), METADATA[path])}".strip())
    return ", ".join(words)


def metadata_tree(original: Mapping[str, Any]) -> tuple[tuple[Entry, ...], int]:
    """Return a vendor's metadata as entries, and how many were left out for their number."""
    counter = _Counter()
    entries = tuple(_entry(str(key), value, counter, 1) for key, value in original.items())
    return entries, counter.left_out


class _Counter:
    """How many entries there are so far."""

    def __init__(self) -> None:
        self.taken = 0
        self.left_out = 0

    def take(self) -> bool:
        """Count one more entry; return whether there is room for it."""
        self.taken += 1
        self.left_out += self.taken > _MOST
        return self.taken <= _MOST


def _entry(name: str, value: Any, counter: _Counter, depth: int) -> Entry:
    children = _children(value)
    if not children:
        return Entry(name, _shortened(_plain_text(value)))
    if depth >= _DEEPEST:
        return Entry(name, f"({len(children)} entries, deeper than is shown here)")
    taken = [_entry(key, child, counter, depth + 1) for key, child in children if counter.take()]
    return Entry(name, entries=tuple(taken))


def _children(value: Any) -> list[tuple[str, Any]]:
    """Return what an entry holds, empty for a value and for a list of plain values."""
    if isinstance(value, Mapping):
        return [(str(key), child) for key, child in value.items()]
    if isinstance(value, list | tuple) and any(_holds_more(item) for item in value):
        return [(str(number), child) for number, child in enumerate(value)]
    return []


def _holds_more(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        path = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping) and path.count(".") < _DEEPEST:
            yield from _leaves(value, path)
        elif value not in (None, ""):
            yield path, value


def _words(path: str) -> str:
    """Return a path of the vocabulary as words: `beam.voltage` → `Beam: voltage`."""
    *group, name = path.replace("_", " ").split(".")
    words = f"{', '.join(group)}: {name}" if group else name
    return words[:1].upper() + words[1:]


def _text(value: Any, units: str | None) -> str:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if number:
        return number_with_units(float(value), units)
    return _shortened(_plain_text(value))


def _plain_text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return ", ".join(_plain_text(item) for item in value[:_LONGEST])
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text)} characters)"
