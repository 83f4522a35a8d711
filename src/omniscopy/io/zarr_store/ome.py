"""OME-Zarr metadata (version 0.5): axes with units, scale and offset of images."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from omniscopy.io.records import Axis, Channel
from omniscopy.io.remote import Place
from omniscopy.io.storage.stored import SIGNAL, StoredNode, StoredVariable
from omniscopy.io.zarr_store.arrays import ZarrArray
from omniscopy.model.units import spell
from omniscopy.model.vocabulary import kind_of

VERSION = "0.5"

_TYPES = {"spatial": "space", "temporal": "time", "channel": "channel"}
_NAMES = {"t": "time", "c": "channel"}
_ORDER = ["time", "channel", "space"]

# The names that OME-Zarr wants for units.
UNIT_NAMES = {
    "m": "meter", "cm": "centimeter", "mm": "millimeter", "µm": "micrometer",
    "nm": "nanometer", "pm": "picometer", "Å": "angstrom", "s": "second", "ms": "millisecond",
    "µs": "microsecond", "ns": "nanosecond", "min": "minute", "h": "hour",
}  # fmt: skip


def describe_image(node: StoredNode) -> dict[str, Any] | None:
    """Return the OME-Zarr metadata of a node, `None` where its values are no image on a grid."""
    signal = node.data.get(SIGNAL)
    if signal is None or signal.is_text or signal.dtype is not None:
        return None
    coords = [node.coordinates.get(dim) for dim in signal.dims]
    types = [
        _TYPES.get(_kind(dim, values) or "")
        for dim, values in zip(signal.dims, coords, strict=True)
    ]
    if not _is_image(types):
        return None
    steps = [_step(values) for values in coords]
    if any(step is None for step in steps):
        return None
    axes = [
        _axis(dim, kind, values)
        for dim, kind, values in zip(signal.dims, types, coords, strict=True)
    ]
    transformations = [
        {"type": "scale", "scale": [step[0] for step in steps if step]},
        {"type": "translation", "translation": [step[1] for step in steps if step]},
    ]
    dataset = {"path": SIGNAL, "coordinateTransformations": transformations}
    title = str(signal.attrs.get("long_name") or node.path.rpartition("/")[2])
    return {
        "version": VERSION,
        "multiscales": [{"name": title, "axes": axes, "datasets": [dataset]}],
    }


def _kind(dim: str, values: StoredVariable | None) -> str | None:
    stated = None if values is None else values.attrs.get("kind")
    return stated if isinstance(stated, str) else kind_of(dim)


def _is_image(types: list[str | None]) -> bool:
    """Return whether axes are those of an OME image: time and channel if any, then space."""
    if None in types or not 2 <= len(types) <= 5:
        return False
    count = {kind: types.count(kind) for kind in _ORDER}
    in_order = types == sorted(types, key=lambda kind: _ORDER.index(str(kind)))
    return in_order and count["space"] in (2, 3) and count["time"] < 2 and count["channel"] < 2


def _axis(dim: str, kind: str | None, values: StoredVariable | None) -> dict[str, Any]:
    units = None if values is None else values.attrs.get("units")
    name = UNIT_NAMES.get(spell(units)) if isinstance(units, str) else None
    return {"name": dim, "type": kind, **({"unit": name} if name and kind != "channel" else {})}


def _step(values: StoredVariable | None) -> tuple[float, float] | None:
    """Return step and start of a coordinate; `None` where it is not even."""
    if values is None or values.is_text or values.dims != (values.name,):
        return 1.0, 0.0
    points = np.asarray(values.values)
    if points.dtype.kind not in "iuf" or points.size == 0 or not np.isfinite(points).all():
        return None
    if points.size == 1:
        return 1.0, float(points[0])
    step = (float(points[-1]) - float(points[0])) / (points.size - 1)
    even = points[0] + step * np.arange(points.size)
    if step <= 0 or not np.allclose(points, even, rtol=0, atol=1e-3 * step):
        return None
    return step, float(points[0])


def read_image(
    path: Place, group: str, attrs: Mapping[str, Any], arrays: Mapping[str, Any]
) -> Channel | None:
    """Return the level of full resolution of an OME-Zarr group, `None` where it is none."""
    described = attrs.get("ome", attrs)
    try:
        image = described["multiscales"][0]
        level = image["datasets"][0]
        array = arrays[level["path"]]
        axes = _read_axes(image, level, array.shape)
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    title = str(image.get("name") or group.strip("/") or path.stem)
    data = ZarrArray.of(array, path, complete=False)
    return Channel(title=title, data=data, axes=axes, original_metadata=dict(attrs))


def _read_axes(image: Any, level: Any, shape: tuple[int, ...]) -> list[Axis]:
    steps = [step for each in (level, image) for step in each.get("coordinateTransformations", [])]
    scale, offset = np.ones(len(shape)), np.zeros(len(shape))
    for step in steps:
        if step["type"] == "scale":
            factor = np.array([float(number) for number in step["scale"]])
            scale, offset = scale * factor, offset * factor
        elif step["type"] == "translation":
            offset = offset + np.array([float(number) for number in step["translation"]])
    axes = []
    for index, axis in enumerate(image["axes"]):
        said: dict[str, Any] = axis if isinstance(axis, dict) else {"name": axis}
        name = _NAMES.get(said["name"], said["name"])
        units = {long: short for short, long in UNIT_NAMES.items()}.get(
            said.get("unit", ""), said.get("unit")
        )
        kind = {long: short for short, long in _TYPES.items()}.get(said.get("type", ""))
        axes.append(
            Axis(
                name=name,
                size=shape[index],
                scale=float(scale[index]),
                offset=float(offset[index]),
                units=units,
                kind=kind,
            )
        )
    if len(axes) != len(shape):
        message = f"{len(axes)} axes for {len(shape)} dimensions"
        raise ValueError(message)
    return axes
