"""Requests of the explorer: what a fit says of one pixel."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.view.bench import Bench
from omniscopy.view.dispatch import Turn
from omniscopy.view.items import Item
from omniscopy.view.protocol import Buffer, Header, Reply
from omniscopy.view.regions import middle_of, nearest, places_of


def send_fit(bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
    """Send data, model and residual of the pixel at a place of a parameter map."""
    del buffers
    item = bench.item(said.get("data"))
    results, model = fit_of(bench, item)
    region = said.get("region")
    if not isinstance(region, dict):
        message = "a pixel is given by the region that holds it"
        raise DataError(message)
    dims = list(item.dims)
    shown = item.plan()["navigation"] or dims
    index = dict(zip(shown, nearest(places_of(item, shown), middle_of(region)), strict=True))
    at = said.get("at", {})
    index |= {dim: int(at[dim]) for dim in dims if dim not in index and dim in at}
    here = results.isel({dim: slice(n, n + 1) for dim, n in index.items()})
    turn.check()
    source = source_of(bench, item)
    if source is None:
        message = (
            "the data that were fitted are not open; open them too, with "
            "`omniscopy.view([data, results])`"
        )
        raise DataError(message)
    spectra = source.labelled()
    pixel = spectra.isel({dim: slice(n, n + 1) for dim, n in index.items() if dim in spectra.dims})
    from omniscopy.signal import evaluate_model

    fitted = evaluate_model(model, here, pixel)
    axis = source.axis(source.plan()["signal"][-1])
    data, curve = (np.ravel(np.asarray(each.values)) for each in (pixel, fitted))
    if data.dtype.kind == "c":
        data, curve = np.abs(data), np.abs(curve)
    parameters = [
        {"name": str(name), "value": _plain(values), "units": values.attrs.get("units"),
         "std": _plain(here.get(f"{name}_std"))}
        for name, values in here.data_vars.items()
        if not str(name).endswith("_std") and values.size == 1
    ]  # fmt: skip
    header = {
        "kind": "fit", "data": item.id, "index": index, "axis": axis.describe(),
        "units": source.units, "parameters": parameters, "count": int(data.size),
    }  # fmt: skip
    parts = (data, curve, data - curve)
    yield header, [np.ascontiguousarray(each, "<f4").tobytes() for each in parts]


def fit_of(bench: Bench, item: Item) -> tuple[Any, Any]:
    """Return the results that an item is part of and the model that was fitted."""
    from omniscopy.model.parameters import decode
    from omniscopy.model.provenance import records

    results = bench.results.get(item.group or "")
    for record in reversed(records(results) if results is not None else []):
        if record["operation"] == "signal.fit_model":
            return results, decode(record["parameters"]["model"])
    message = "this is no result of `signal.fit_model`: it has no model to draw"
    raise DataError(message)


def source_of(bench: Bench, item: Item) -> Item | None:
    """Return the open data that were fitted: those it was made of, or else that match."""
    if item.parent is not None and item.parent in bench.items:
        return bench.item(item.parent)
    results = bench.results[item.group or ""]
    wanted = [str(dim) for dim in results.attrs.get("model_axes", {}).get("dims", {})]
    sizes = {str(dim): size for dim, size in results.sizes.items()}
    for each in bench.items.values():
        shape = dict(zip(each.dims, each.blocks.shape, strict=True))
        matches = all(shape.get(dim) == sizes[dim] for dim in item.dims)
        if each.group is None and matches and all(dim in shape for dim in wanted):
            return each
    return None


def _plain(values: Any) -> float | None:
    if values is None or values.size != 1 or values.dtype.kind not in "biuf":
        return None
    found = float(np.ravel(values.values)[0])
    return found if np.isfinite(found) else None


HANDLERS: Mapping[str, Any] = {"fit": send_fit}
