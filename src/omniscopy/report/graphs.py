"""The history of results as a picture: each step a box, an arrow from what it was made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omniscopy.model.provenance import Record, Step
from omniscopy.report.wording import Sentence, describe_history

# In CSS pixels.
_WIDTH, _LINE, _PAD = 196, 15, 9
_ALONG, _ACROSS = 46, 16
# Chains with more steps run down the page.
_MOST_ACROSS = 4
_MOST_STEPS = 60
_LETTERS, _PARAMETERS = 30, 3


@dataclass(frozen=True)
class Box:
    """One step: where it is, what is written in it, all of it in words, where it leads."""

    x: float
    y: float
    height: float
    title: str
    lines: tuple[str, ...]
    words: str
    kind: str
    anchor: str = ""


@dataclass(frozen=True)
class Graph:
    """Boxes and arrows on a sheet; `words` is what is said in place of it."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    words: str
    box_width: int = _WIDTH


def draw_graph(records: Sequence[Record], anchors: Mapping[str, str]) -> Graph | None:
    """Return the picture of steps; `anchors` are the places of the page that show a step's result.

    `None` where there is only one step, or more than can be looked at.
    """
    if not 2 <= len(records) <= _MOST_STEPS:
        return None
    parents = {step["id"]: _ids(step["inputs"]) for step in records}
    depth: dict[str, int] = {}
    for step in records:  # a record comes after those that it names
        above = [depth[each] for each in parents[step["id"]] if each in depth]
        depth[step["id"]] = max(above, default=-1) + 1
    layers = _layers(depth, parents)
    down = len(layers) > _MOST_ACROSS
    said = dict(zip(depth, describe_history([Step(**step) for step in records]), strict=True))
    sizes = {key: _height(said[key]) for key in depth}
    places = _places(layers, sizes, down=down)
    boxes = tuple(
        _box(said[key], places[key], sizes[key], root=not parents[key], anchor=anchors.get(key, ""))
        for key in depth
    )
    arrows = tuple(
        _arrow(places[parent], sizes[parent], places[key], sizes[key], down=down)
        for key in depth
        for parent in dict.fromkeys(parents[key])
        if parent in places
    )
    return Graph(
        width=max(box.x for box in boxes) + _WIDTH + 2,
        height=max(box.y + box.height for box in boxes) + 2,
        boxes=boxes,
        arrows=arrows,
        words=f"Graph of {len(boxes)} steps: " + " ".join(said[key].words for key in depth),
    )


def _layers(depth: Mapping[str, int], parents: Mapping[str, list[str]]) -> list[list[str]]:
    """Return the steps of each depth, each near what it is made of."""
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for key, level in depth.items():
        layers[level].append(key)
    rank: dict[str, float] = {}
    for layer in layers:
        layer.sort(key=lambda key: _mean([rank[each] for each in parents[key] if each in rank]))
        rank.update({key: float(number) for number, key in enumerate(layer)})
    return layers


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _places(
    layers: list[list[str]], sizes: Mapping[str, float], *, down: bool
) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    along = 1.0
    extents = [
        len(layer) * (_WIDTH + _ACROSS) if down else sum(sizes[key] + _ACROSS for key in layer)
        for layer in layers
    ]
    for layer, extent in zip(layers, extents, strict=True):
        across = 1.0 + (max(extents) - extent) / 2
        for key in layer:
            places[key] = (across, along) if down else (along, across)
            across += (_WIDTH if down else sizes[key]) + _ACROSS
        along += (max(sizes[key] for key in layer) if down else _WIDTH) + _ALONG
    return places


def _arrow(
    start: tuple[float, float],
    start_height: float,
    end: tuple[float, float],
    end_height: float,
    *,
    down: bool,
) -> str:
    """Return the path of an arrow from the far side of a box to the near side of another."""
    if down:
        x0, y0 = start[0] + _WIDTH / 2, start[1] + start_height
        x1, y1 = end[0] + _WIDTH / 2, end[1] - 5
        bend = (y1 - y0) / 2
        return f"M{x0:g} {y0:g}C{x0:g} {y0 + bend:g} {x1:g} {y1 - bend:g} {x1:g} {y1:g}"
    x0, y0 = start[0] + _WIDTH, start[1] + start_height / 2
    x1, y1 = end[0] - 5, end[1] + end_height / 2
    bend = _ALONG / 2
    return f"M{x0:g} {y0:g}C{x0 + bend:g} {y0:g} {x1 - bend:g} {y1:g} {x1:g} {y1:g}"


def _height(step: Sentence) -> float:
    return 2 * _PAD + _LINE * (1 + len(_lines(step)))


def _box(
    step: Sentence, place: tuple[float, float], height: float, *, root: bool, anchor: str
) -> Box:
    given = ", ".join(f"{name} = {value}" for name, value in step.parameters)
    words = " ".join(filter(None, [step.words, f"({step.operation}; {given})" if given else ""]))
    kind = "root" if root else ("shown" if anchor else "step")
    title = _cut(step.operation.rpartition(".")[2].replace("_", " "))
    return Box(*place, height, title, _lines(step), words, kind, anchor)


def _lines(step: Sentence) -> tuple[str, ...]:
    """Return what is written below the name: the file, or the parameters."""
    if step.operation == "open_signal":
        name = step.words.removeprefix("Open ").removesuffix(".")
        channel = dict(step.parameters).get("channel")
        return tuple(_cut(line) for line in (name, channel) if line)
    lines = [f"{name} = {value}" for name, value in step.parameters]
    if len(lines) > _PARAMETERS:
        further = len(lines) - _PARAMETERS + 1
        lines = [*lines[: _PARAMETERS - 1], f"and {further} more"]
    return tuple(_cut(line) for line in lines)


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _ids(reference: Any) -> list[str]:
    if isinstance(reference, list):
        return [found for item in reference for found in _ids(item)]
    if isinstance(reference, Mapping):
        if isinstance(reference.get("id"), str):
            return [reference["id"]]
        return [found for item in reference.values() for found in _ids(item)]
    return []
