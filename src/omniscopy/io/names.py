"""Names of nodes and variables: slugs of titles, each once."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from omniscopy.io.records import Channel


def slug(title: str) -> str:
    """Return a title as a name: letters, digits and underscores, no others."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "signal"


def unique_names(titles: Iterable[str]) -> list[str]:
    """Return a slug for each title; the second `Height` is `Height_1`."""
    taken: set[str] = set()
    names = []
    for title in titles:
        stem = name = slug(title)
        number = 1
        while name.lower() in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names


def channel_names(channels: Sequence[Channel]) -> list[str]:
    """Return the names of channels in their tree, unique within each group."""
    names: dict[int, str] = {}
    for group in {channel.group for channel in channels}:
        there = [i for i, channel in enumerate(channels) if channel.group == group]
        titles = [channels[i].name or channels[i].title for i in there]
        names.update(zip(there, unique_names(titles), strict=True))
    return [names[i] for i in range(len(channels))]
