"""Read orientation maps of OIM: a group for each scan, with a dataset for each quantity.

`EBSD/Data` lists the quantities of all points, row by row; `EBSD/Header` has the size, the steps
and the kind of the grid, and the phases. Angles are those of Bunge in rad, lengths are in µm.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.edax_oim.probe import scans_of
from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.io.storage.folded import folded
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_groups import read_group
from omniscopy.io.storage.hdf5_numbers import is_array, member, number_at, numbers_of, text_at
from omniscopy.io.storage.hdf5_values import load

# name in the file: title, quantity, units
_KNOWN = {
    "Phi1": ("Euler angle phi1", "angle", "rad"),
    "Phi": ("Euler angle Phi", "angle", "rad"),
    "Phi2": ("Euler angle phi2", "angle", "rad"),
    "IQ": ("Image quality", "image quality", None),
    "CI": ("Confidence index", "confidence index", "1"),
    "Phase": ("Phase", "phase index", "1"),
    "SEM Signal": ("SEM", "intensity", None),
    "Fit": ("Fit", "angle", "deg"),
    "Pattern": ("Pattern", "intensity", "counts"),
}
_PLACES = {"y": "Y Position", "x": "X Position"}
_MICROMETRES = {"units": "µm", "quantity": "length", "kind": "spatial"}
_MOST = 2**24


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Read the orientation maps of a file.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        A channel for each quantity of each scan, the Euler angles of Bunge in rad among them:
        (y, x) on a square grid, row 0 on top, and along `point`, with `x` and `y`, on a hexagonal
        one. Patterns of the detector are (y, x, ky, kx). Points that were not indexed are as the
        program wrote them, with a confidence of -1. The phases are in `original_metadata`.

    Raises
    ------
    FormatError
        The file is damaged, or the size of a grid makes no sense.
    """
    channels: list[Channel] = []
    not_read: list[str] = []
    with open_hdf5(path) as file:
        scans = list(scans_of(file))
        for name, scan in scans:
            group = name if len(scans) > 1 else ""
            channels += _channels(scan, group, not_read)
        maker = text_at(file, "Manufacturer") or text_at(file, " Manufacturer")
        version = text_at(file, "Version") or text_at(file, " Version")
    return Measurement(
        channels=channels,
        metadata=stated({"instrument": {"vendor": maker, "software": version}}),
        attrs={"not_read": not_read} if not_read else {},
    )


def _channels(scan: Any, group: str, not_read: list[str]) -> Iterator[Channel]:
    header, data = member(scan, "EBSD/Header"), member(scan, "EBSD/Data")
    sizes = _sizes(header)
    angles = member(data, "Phi1")
    on_grid = not str(text_at(header, "Grid Type") or "").lower().startswith("hex")
    placed = folded(angles, sizes) if on_grid and is_array(angles) else None
    axes, coordinates = _grid(header, data, sizes) if placed else _points(data, angles)
    about = read_group(header)
    metadata = stated(
        {
            "technique": "EBSD",
            "operator": text_at(header, "Operator"),
            "sample": {"name": text_at(header, "Sample ID")},
        }
    )
    for name, dataset in members(data):
        if name in _PLACES.values():
            continue
        values = _values(dataset, angles.shape[0], sizes if placed else None)
        if values is None:
            not_read.append(dataset.name)
            continue
        title, quantity, units = _KNOWN.get(name, (name, None, None))
        sides = zip(("ky", "kx"), dataset.shape[1:], strict=dataset.ndim > 1)
        inner = [Axis(name=side, size=size) for side, size in sides]
        yield Channel(
            title=title, data=values, axes=[*axes, *inner], quantity=quantity, units=units,
            modality="EBSD", source="EDAX OIM", coordinates=coordinates, group=group,
            metadata=metadata, original_metadata=about if isinstance(about, dict) else {},
        )  # fmt: skip


def _values(dataset: Any, points: int, sizes: tuple[int, int] | None) -> LazyArray | None:
    """Return numbers of all points, or pictures of them; `None` for all else."""
    if not is_array(dataset) or dataset.ndim not in (1, 3) or dataset.shape[0] != points:
        return None
    return numbers_of(dataset) if sizes is None else folded(dataset, sizes)


def _sizes(header: Any) -> tuple[int, int]:
    rows, columns = (number_at(header, name) for name in ("nRows", "nColumns"))
    if not (rows and columns and 1 <= rows < _MOST and 1 <= columns < _MOST):
        message = f"a grid of {rows} x {columns} points makes no sense"
        raise FormatError(message, key=header.name)
    return int(rows), int(columns)


def _grid(header: Any, data: Any, sizes: tuple[int, int]) -> tuple[list[Axis], dict[str, Variable]]:
    axes = []
    for dim, size in zip("yx", sizes, strict=True):
        step = number_at(header, f"Step {dim.upper()}")
        places = member(data, _PLACES[dim])
        start = float(numbers_of(places)[(0,)]) if is_array(places) and places.ndim == 1 else 0.0
        if step is None or step <= 0 or not np.isfinite(start):
            axes.append(Axis(name=dim, size=size))
        else:
            axes.append(Axis(name=dim, size=size, scale=step, offset=start, units="µm"))
    return axes, {}


def _points(data: Any, angles: Any) -> tuple[list[Axis], dict[str, Variable]]:
    if not is_array(angles) or angles.ndim != 1:
        message = "the angles are no list of numbers"
        raise FormatError(message, key=angles.name)
    coordinates = {
        dim: Variable(dims=("point",), data=load(numbers), attrs=_MICROMETRES)
        for dim, name in _PLACES.items()
        if is_array(numbers := member(data, name)) and numbers.shape == angles.shape
    }
    return [Axis(name="point", size=angles.shape[0])], coordinates
