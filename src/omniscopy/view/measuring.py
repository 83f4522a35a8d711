"""Requests of the explorer: profiles, Fourier spectra, metadata and scales."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.view.bench import Bench
from omniscopy.view.dispatch import Turn
from omniscopy.view.files import describe
from omniscopy.view.items import item_of_array
from omniscopy.view.protocol import Buffer, Header, Reply
from omniscopy.view.scripting import power_spectrum_of, profile_of, recorded

MOST_FOUND = 400


def send_profile(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send the profile of an image along a line."""
    del buffers
    item = bench.item(said.get("data"))
    found = profile_of(item, said)
    turn.check()
    values = found["profile"] if "profile" in found else next(iter(found.data_vars.values()))
    (dim,) = values.dims
    place = found.coords[dim]
    header = {
        "kind": "profile", "data": item.id, "units": values.attrs.get("units"),
        "place_units": place.attrs.get("units"), "count": int(values.size),
    }  # fmt: skip
    parts = [np.abs(values.values), place.values]
    yield header, [np.ascontiguousarray(each, "<f4").tobytes() for each in parts]


def open_spectrum(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Add the Fourier spectrum of the image that is shown to what is open."""
    del buffers
    item = bench.item(said.get("data"))
    found = recorded(power_spectrum_of(item, said)).compute()
    turn.check()
    made = item_of_array(
        bench.new_id(), found, bench.cache, parent=item.id, step="Fourier spectrum", path=item.path
    )
    yield {"kind": "made", "items": [describe(bench, bench.keep(made))]}, []


def send_metadata(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send the entries of the metadata whose names or values hold some words."""
    del buffers, turn
    item, words = bench.item(said.get("data")), str(said.get("words", "")).lower().split()
    found: list[dict[str, Any]] = []
    for origin, tree in (("common", item.metadata), ("original", item.original_metadata)):
        for name, value in _leaves(tree):
            text = _in_words(value)
            if all(word in f"{name} {text}".lower() for word in words):
                units = _units(name) if origin == "common" else None
                entry: dict[str, Any] = {
                    "origin": origin,
                    "name": name,
                    "value": text,
                    "units": units,
                }
                if origin == "common" and isinstance(value, float) and math.isfinite(value):
                    entry["number"] = value  # which the page shows with few digits
                found.append(entry)
    header = {"kind": "metadata", "data": item.id, "found": len(found),
              "entries": found[:MOST_FOUND]}  # fmt: skip
    yield header, []


def set_scale(bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
    """Add the same data with another scale of some dimensions: size of a pixel and units."""
    del buffers, turn
    item = bench.item(said.get("data"))
    size, units, dims = said.get("size"), said.get("units"), said.get("dims")
    if type(size) not in (int, float) or not math.isfinite(float(size or 0)) or not size:
        message = f"the size of a pixel is a number other than 0, got {size!r}"
        raise DataError(message)
    if not isinstance(units, str) or not isinstance(dims, list) or not set(dims) <= {*item.dims}:
        message = f"a scale has units and some of the dimensions {item.dims}"
        raise DataError(message)
    data = item.labelled()
    for dim in dims:
        old = data.coords.get(dim)
        attrs = {**({} if old is None else old.attrs), "units": units}
        data = data.assign_coords({dim: (dim, np.arange(data.sizes[dim]) * float(size), attrs)})
    said_step = f"scale {size:g} {units}"
    made = item_of_array(bench.new_id(), data, bench.cache, parent=item.id, step=said_step,
                         path=item.path)  # fmt: skip
    made = replace(made, blocks=item.blocks)
    yield {"kind": "made", "items": [describe(bench, bench.keep(made))]}, []


def arrange_panes(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Choose which dimensions the navigator and the signal of data are drawn over."""
    del buffers, turn
    item = bench.item(said.get("data"))
    wanted = [said.get("navigation"), said.get("signal")]
    if not all(isinstance(dims, list) for dims in wanted):
        message = "'navigation' and 'signal' list dimensions"
        raise DataError(message)
    item.arrange(*([str(dim) for dim in dims or []] for dims in wanted))
    yield {"kind": "made", "items": [describe(bench, item)]}, []


def positions_of(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send the positions of points that are on no grid."""
    del buffers, turn
    item = bench.item(said.get("data"))
    names = [name for name in ("y", "x") if name in item.positions]
    header = {"kind": "positions", "data": item.id, "names": names}
    yield header, [np.ascontiguousarray(item.positions[name], "<f4").tobytes() for name in names]


def _leaves(tree: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(tree, Mapping):
        return
    for key, value in tree.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping):
            yield from _leaves(value, name)
        else:
            yield name, value


def _in_words(value: Any) -> str:
    text = str(value.tolist() if isinstance(value, np.ndarray) and value.size < 50 else value)
    return text if len(text) <= 500 else f"{text[:500]}…"


def _units(name: str) -> str | None:
    from omniscopy.model.vocabulary import METADATA

    return METADATA.get(name)


HANDLERS: Mapping[str, Any] = {
    "profile": send_profile,
    "fourier": open_spectrum,
    "metadata": send_metadata,
    "set_scale": set_scale,
    "arrange": arrange_panes,
    "positions": positions_of,
}
