"""Writing a tree as a Gwyddion file: images, volumes, curves, point spectra, point clouds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.gwyddion.notes import Notes
from omniscopy.io.gwyddion.serialising import Made, Numbers, unit, write_objects
from omniscopy.io.regular import (
    EvenLine,
    even_line,
    in_plain_units,
    is_finite,
    plain_units,
    require_even,
    require_finite,
    require_real,
)
from omniscopy.io.storage.attributes import encode_attrs
from omniscopy.io.tree import SIGNAL
from omniscopy.model.errors import DataError
from omniscopy.model.vocabulary import METADATA, kind_of


def write(tree: xr.DataTree, path: Path) -> None:
    """Write a tree as a Gwyddion file (GWYP), streaming lazy values.

    Parameters
    ----------
    tree : DataTree
        Nodes of real numbers with up to three dimensions on even grids. Every variable becomes
        an image (2-D), a volume (3-D), a curve (1-D), point spectra or a point cloud (along
        `point`, with coordinates `x` and `y`). A variable `mask` stays the mask of its image.
        Values and coordinates are written in units without prefixes, as Gwyddion needs them:
        nm becomes m. Pixels of an image that are NaN are masked.
    path : Path
        The file to write.

    Raises
    ------
    UnsupportedFormatError
        Values are complex or text, or have more than three dimensions, or an uneven grid.
    DataError
        Values are infinite, or NaN elsewhere than in images.
    """
    writing = _Writing()
    for node in tree.subtree:
        dataset = node.to_dataset(inherit=False)
        for name in map(str, dataset.data_vars):
            if name != "mask" or not _is_mask(dataset):
                writing.add(node.path.strip("/"), name, dataset)
    if not writing.items:
        message = "there are no values to save"
        raise DataError(message)
    note = encode_attrs({"root": dict(tree.attrs), "channels": writing.notes})
    write_objects(path, Made("GwyContainer", {**writing.items, Notes.KEY: note}))


@dataclass
class _Writing:
    """What the container holds so far."""

    items: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, node: str, name: str, dataset: xr.Dataset) -> None:
        """Add one variable as what its dimensions make it."""
        own = (node.rpartition("/")[2] or name) if name == SIGNAL else name
        data = dataset[name]
        what = f"a Gwyddion file (for {own!r})"
        require_real(data, what=what)
        data = in_plain_units(data)
        title = str(data.attrs.get("long_name") or own)
        if data.ndim in (1, 2) and _places(data):
            key, note = self.points(data, title, what)
        elif data.ndim == 1:
            key, note = self.curve(data, title, what)
        elif data.ndim == 2:
            mask = dataset["mask"] if name == SIGNAL and _is_mask(dataset) else None
            key, note = self.image(data, mask, title, what)
        elif data.ndim == 3:
            key, note = self.brick(data, title, what)
        else:
            message = f"{what} holds no values of {data.ndim} dimensions; save to .nc, .h5 or .zarr"
            raise UnsupportedFormatError(message)
        group = node.rpartition("/")[0] if name == SIGNAL else node
        said = {"name": own, "group": group, "attrs": dict(data.attrs)}
        self.notes[f"{key}#0"] = note | said

    def image(
        self, data: xr.DataArray, mask: xr.DataArray | None, title: str, what: str
    ) -> tuple[str, dict[str, Any]]:
        """Add an image, with the mask of what was not measured."""
        lines = [require_even(data, str(dim), what=what) for dim in data.dims]
        note: dict[str, Any] = {"axes": [line.note for line in lines]}
        if not is_finite(data):
            if mask is not None or bool(np.isinf(data).any()):
                message = f"{what} holds no infinities, and no NaN beside a mask; replace them"
                raise DataError(message)
            mask, data, note["masked"] = data.isnull(), data.fillna(0.0), True
        base = f"/{self.next('image')}"
        self.items |= {f"{base}/data": _field(data, lines), f"{base}/data/title": title}
        if mask is not None:
            self.items[f"{base}/mask"] = _field(mask.drop_attrs(), lines)
        self.meta(base, data)
        return f"{base}/data", note

    def brick(self, data: xr.DataArray, title: str, what: str) -> tuple[str, dict[str, Any]]:
        """Add a volume; what is no length is its third axis, wherever it was."""
        require_finite(data, what=what)
        dims = [str(dim) for dim in data.dims]
        is_spectral = kind_of(dims[2]) not in ("spatial", "reciprocal")
        z, y, x = (dims[2], *dims[:2]) if is_spectral else dims
        items: dict[str, Any] = {"si_unit_w": unit(data.attrs.get("units"))}
        notes = {}
        for letter, dim in zip("zyx", (z, y, x), strict=True):
            line = even_line(data, dim)
            if line is None and dim == z and data.coords[z].dtype.kind in "iuf":
                depth = data.coords[z]
                notes[dim] = {"name": dim, "attrs": dict(depth.attrs)}
                items |= {"zres": depth.size, "zreal": 1.0, "zoff": 0.0}
                items["calibration"] = _calibration(depth)
                continue
            line = require_even(data, dim, what=what)
            notes[dim] = line.note
            items |= _extent(line, letter) | {f"si_unit_{letter}": unit(line.units)}
        items["data"] = _numbers(data.transpose(z, y, x))
        key = f"/brick/{self.next('brick')}"
        self.items |= {key: Made("GwyBrick", items), f"{key}/title": title}
        self.meta(key, data)
        return key, {"axes": [notes[dim] for dim in dims], "is_spectral": is_spectral}

    def curve(self, data: xr.DataArray, title: str, what: str) -> tuple[str, dict[str, Any]]:
        """Add a graph of one curve."""
        require_finite(data, what=what)
        dim = str(data.dims[0])
        across = data.coords.get(dim, xr.DataArray(np.arange(data.size)))
        require_real(across, what=what)
        curve = {"description": title, "xdata": _numbers(across), "ydata": _numbers(data)}
        graph = {
            "title": title,
            "x_unit": unit(across.attrs.get("units")),
            "y_unit": unit(data.attrs.get("units")),
            "bottom_label": str(across.attrs.get("quantity", dim)),
            "left_label": str(data.attrs.get("quantity", title)),
            "curves": [Made("GwyGraphCurveModel", curve)],
        }
        key = f"/0/graph/graph/{self.next('graph') + 1}"
        self.items[key] = Made("GwyGraphModel", graph)
        return key, {"axes": [{"name": dim, "attrs": dict(across.attrs)}]}

    def points(self, data: xr.DataArray, title: str, what: str) -> tuple[str, dict[str, Any]]:
        """Add a cloud of points, or a spectrum at each of them."""
        require_finite(data, what=what)
        places = _places(data)
        dim = str(data.dims[0])
        factor, units = plain_units(places[0])
        across = unit(units)
        pairs = factor * np.stack([np.asarray(place.values, float) for place in places], axis=-1)
        note = {"name": dim, "attrs": dict(data[dim].attrs) if dim in data.coords else {}}
        if data.ndim == 1:
            table = np.concatenate([pairs, np.asarray(data.values, np.float64)[:, None]], axis=1)
            key = f"/xyz/{self.next('xyz')}"
            height = unit(data.attrs.get("units"))
            items = {"si_unit_xy": across, "si_unit_z": height, "data": Numbers(table)}
            surface = Made("GwySurface", items)
            self.items |= {key: surface, f"{key}/title": title}
            self.meta(key, data)
            return key, {"axes": [note]}
        line = require_even(data, str(data.dims[1]), what=what)
        shared = _extent(line, "") | {
            "si_unit_x": unit(line.units),
            "si_unit_y": unit(data.attrs.get("units")),
        }
        spectra = {
            "title": title,
            "si_unit_xy": across,
            "coords": Numbers(pairs),
            "data": [
                Made("GwyDataLine", {**shared, "data": _numbers(data[number])})
                for number in range(data.shape[0])
            ],
            "spec_xlabel": line.name,
            "spec_ylabel": str(data.attrs.get("quantity", title)),
        }
        key = f"/sps/{self.next('sps')}"
        self.items[key] = Made("GwySpectra", spectra)
        return key, {"axes": [note, line.note]}

    def meta(self, key: str, data: xr.DataArray) -> None:
        """Add what is known of a channel as the lines that Gwyddion shows."""
        lines = dict(_flat(data.attrs.get("metadata", {})))
        if lines:
            self.items[f"{key}/meta"] = Made("GwyContainer", lines)

    def next(self, kind: str) -> int:
        """Return the next number of a kind."""
        self.numbers[kind] = self.numbers.get(kind, -1) + 1
        return self.numbers[kind]


def _field(data: xr.DataArray, lines: list[EvenLine]) -> Made:
    y, x = lines
    items = {
        **_extent(x, "x"),
        **_extent(y, "y"),
        "si_unit_xy": unit(x.units if x.units == y.units else None),
        "si_unit_z": unit(data.attrs.get("units")),
        "data": _numbers(data),
    }
    return Made("GwyDataField", items)


def _calibration(depth: xr.DataArray) -> Made:
    items = {
        "res": depth.size,
        "real": float(depth.size),
        "si_unit_y": unit(depth.attrs.get("units")),
        "data": _numbers(depth),
    }
    return Made("GwyDataLine", items)


def _extent(line: EvenLine, letter: str) -> dict[str, Any]:
    return {
        f"{letter}res": line.size,
        f"{letter}real": float(line.length),
        f"{letter}off": line.offset,
    }


def _numbers(data: xr.DataArray) -> Numbers:
    return Numbers(data.astype(np.float64).data)


def _places(data: xr.DataArray) -> list[xr.DataArray]:
    """Return the coordinates `x` and `y` of data along points, nothing where there are none."""
    dim = data.dims[0]
    found = [data.coords[name] for name in ("x", "y") if name in data.coords and name != dim]
    return found if len(found) == 2 and all(each.dims == (dim,) for each in found) else []


def _is_mask(dataset: xr.Dataset) -> bool:
    main = dataset.get(SIGNAL)
    mask = dataset.get("mask")
    same = main is not None and mask is not None and main.dims == mask.dims
    return bool(same and mask.ndim == 2 and mask.dtype.kind in "biuf")  # type: ignore[union-attr]


def _flat(metadata: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the values of nested metadata as text with units, by their dotted path."""
    for key, value in metadata.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        elif isinstance(value, str | int | float):
            units = METADATA.get(path)
            yield path, f"{value} {units}" if units and units != "1" else str(value)
