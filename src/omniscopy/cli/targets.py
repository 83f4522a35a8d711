"""Which file each result goes to."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import typer


def named_targets(sources: Sequence[Path], output: Path | None, *suffixes: str) -> list[Path]:
    """Return `output` where it is a file of one of these kinds, else a file for each source."""
    if output is None or output.suffix.lower() not in suffixes:
        return targets_for(sources, output, suffixes[0])
    if len(sources) > 1:
        message = f"--output {output} is one file, but {len(sources)} are given; name a folder"
        raise typer.BadParameter(message)
    return [output]


def targets_for(sources: Sequence[Path], folder: Path | None, suffix: str) -> list[Path]:
    """Return a file for each source, in `folder` or beside it; no two are the same.

    They are called after the source without its extension, or with it where two would collide.
    """
    places = [(folder or source.parent) / f"{source.stem}{suffix}" for source in sources]
    often = Counter(places)
    taken: set[Path] = set()
    found = []
    for source, place in zip(sources, places, strict=True):
        unique = place if often[place] == 1 else place.with_name(f"{source.name}{suffix}")
        number = 1
        while unique in taken:
            unique = place.with_name(f"{source.name}-{number}{suffix}")
            number += 1
        taken.add(unique)
        found.append(unique)
    return found
