"""Where the nodes of a tree lie in a USID file: channels, and results beside their sources."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omniscopy.io.storage.hdf5_nodes import SIGNAL
from omniscopy.io.storage.hdf5_writing import link_name
from omniscopy.io.storage.stored import StoredNode
from omniscopy.io.usid.compounds import compounds_of
from omniscopy.model.provenance import PROVENANCE

RESULTS = re.compile(r".+-.+_\d{3,}")
MAIN = "Raw_Data"
RESONANCES, LOOPS, _OF_LOOPS = "SHO_Fit", "Loop_Fit", "Loop_"


@dataclass(frozen=True)
class Place:
    """The group of a node; for results, their group, what made them and the node they are of."""

    group: str
    results: str | None = None
    tool: str | None = None
    source: str | None = None


def node_places(nodes: list[StoredNode]) -> dict[str, Place]:
    """Return the place of every node but the root, by path."""
    own = [node for node in nodes if node.path != "/"]
    raw = [node for node in own if not _is_result(node)]
    places: dict[str, Place] = {}
    channels: dict[str, int] = {}
    for node in raw:
        first, *below = node.path.strip("/").split("/")
        number = channels.setdefault(first, len(channels))
        links = [link_name(part, ()) for part in below]
        places[node.path] = Place("/".join([f"/Measurement_000/Channel_{number:03d}", *links]))
    groups: dict[str, Place] = {}
    known = [node for node in raw if node.data]
    for node in own:
        if _is_result(node):
            first = node.path.split("/")[2]
            if first not in groups:
                made = [each for each in own if each.path.split("/")[1:3] == ["results", first]]
                source, tool = _source(made, known), _tool(made)
                if tool is not None and tool.startswith(_OF_LOOPS):
                    source = _resonances(source, places, {each.path: each for each in known})
                groups[first] = _results_place(first, source, places, groups, tool)
            links = [link_name(part, ()) for part in node.path.split("/")[3:-1]]
            place = groups[first]
            places[node.path] = replace(place, group="/".join([place.group, *links]))
            known += [node] if node.data else []
    return places


def said_of(node: StoredNode) -> dict[str, Any]:
    """Return the attributes of a node with those of its main variable."""
    main = node.variables.get(SIGNAL)
    return {**node.attrs, **(main.attrs if main is not None else {})}


def main_name(node: StoredNode, place: Place) -> str:
    """Return the name for the main variable of a node."""
    compounds = compounds_of(node.variables) if place.results else []
    if compounds:
        return compounds[0].dataset
    return node.path.rpartition("/")[2] if place.results else MAIN


def _is_result(node: StoredNode) -> bool:
    return node.path.startswith("/results/")


def _results_place(
    first: str,
    source: StoredNode | None,
    places: Mapping[str, Place],
    groups: Mapping[str, Place],
    known: str | None,
) -> Place:
    """Return the results group for the nodes below `/results/<first>`, beside their source."""
    above = places[source.path].group if source else "/Measurement_000/Channel_000"
    name, tool = _results_name(first, source, places, known)
    taken = {place.group.rpartition("/")[2] for place in groups.values()}
    number = int(name[-3:]) if name[-4:-3] == "_" and name[-3:].isdigit() else 999
    while name in taken and number < 999:
        number += 1
        name = f"{name[:-3]}{number:03d}"
    group = f"{above}/{link_name(name, taken)}"
    return Place(group, group, tool, source.path if source else None)


def _results_name(
    name: str, source: StoredNode | None, places: Mapping[str, Place], known: str | None
) -> tuple[str, str]:
    """Return the name `<Source>-<Tool>_000` of a results group and its tool."""
    if RESULTS.fullmatch(name):
        return name, re.sub(r"_\d+$", "", name.partition("-")[2])
    match = re.fullmatch(r"(?:Log_)?(.*?)_?(\d*)", name)
    tool = known or (match[1] if match and match[1] else name).replace("-", "_")
    number = int(match[2][-6:] or 0) if match else 0
    of = main_name(source, places[source.path]).replace("-", "_") if source else MAIN
    return f"{of}-{tool}_{number:03d}", tool


def _tool(made: list[StoredNode]) -> str | None:
    """Return what the field calls the tool that makes such results, `None` for others."""
    found = (each.tool for node in made for each in compounds_of(node.variables))
    return next(found, None)


def _source(made: list[StoredNode], known: list[StoredNode]) -> StoredNode | None:
    """Return the node that results say they were made of, or their history, or the first."""
    for node in made:
        process = said_of(node).get("process")
        named = process.get("sources") if isinstance(process, Mapping) else None
        named = named if isinstance(named, list) else []
        for candidate in known:
            if said_of(candidate).get("path") in named:
                return candidate
    steps = [step["id"] for node in made for each in _histories(node) for step in each]
    last = {_last(candidate): candidate for candidate in known}
    remembered = next((last[step] for step in reversed(steps) if step in last), None)
    return remembered or next(iter(known), None)


def _resonances(
    source: StoredNode | None, places: Mapping[str, Place], known: Mapping[str, StoredNode]
) -> StoredNode | None:
    """Return the resonances that loops were made of, by way of whatever: they lie beside them."""
    above = source
    while above is not None and places[above.path].tool != RESONANCES:
        above = known.get(places[above.path].source or "")
    return above or source


def _histories(node: StoredNode) -> list[list[Mapping[str, Any]]]:
    kept = [node.attrs, *(variable.attrs for variable in node.variables.values())]
    found = [attrs.get(PROVENANCE) for attrs in kept]
    return [each for each in found if isinstance(each, list)]


def _last(node: StoredNode) -> str | None:
    histories = _histories(node)
    return histories[-1][-1]["id"] if histories and histories[-1] else None
