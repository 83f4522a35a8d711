"""Read what AZtec exports: a list of points for each quantity, row by row."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.oxford.probe import slices_of, techniques_of
from omniscopy.io.pieces import Column
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.storage.folded import folded
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_groups import read_group
from omniscopy.io.storage.hdf5_numbers import is_array, member, number_at, numbers_of, text_at

# name in the file: quantity, units
_KNOWN = {
    "Euler": ("angle", "rad"),
    "Mean Angular Deviation": ("angle", "rad"),
    "Phase": ("phase index", "1"),
    "Bands": ("number of bands", "1"),
    "Error": ("error code", "1"),
    "Band Contrast": ("band contrast", None),
    "Band Slope": ("band slope", None),
    "Pattern Quality": ("pattern quality", None),
    "Live Time": ("time", "s"),
    "Real Time": ("time", "s"),
    "Spectrum": ("intensity", "counts"),
    "Beam Position X": ("length", "µm"),
    "Beam Position Y": ("length", "µm"),
    # groups of one map for each element or line
    "Window Integral": ("intensity", "counts/s"),
    "Peak Area": ("intensity", "counts/s"),
    "Composition": ("mass fraction", "%"),
    "Composition Sigma": ("mass fraction", "%"),
    "Apparent Concentration": ("mass fraction", "%"),
    "K Ratio": ("k-ratio", "1"),
    "SE": ("intensity", None),
    "BSE": ("intensity", None),
    "FSE": ("intensity", None),
}
_IMAGES = {"SE", "BSE", "FSE"}
_PLACES = {"X", "Y"}
_ANGLES = np.array(["phi1", "Phi", "phi2"])
_COLOURS = np.array(["red", "green", "blue"])
_PROCESSED = "Data Processing"
_MOST = 2**24
_KILO, _MILLI, _MICRO = 1e3, 1e-3, 1e-6


@dataclass(frozen=True)
class _Grid:
    """The points of a technique: a map of rows and columns, or a line of one row."""

    sizes: tuple[int, int]
    axes: tuple[Axis, ...]

    @property
    def is_line(self) -> bool:
        return len(self.axes) == 1

    def fold(self, dataset: Any) -> LazyArray | None:
        """Return the values of a dataset on the grid, `None` where they do not fit it."""
        if not is_array(dataset) or not dataset.shape or dataset.shape[0] != math.prod(self.sizes):
            return None
        found = numbers_of(dataset) if self.is_line else folded(dataset, self.sizes)
        return found if found is None or dataset.shape[1:] != (1,) else Column(found, 0)


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Read the maps, lines, spectra, patterns and images of an AZtec file.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        A channel for each quantity of each technique: (y, x) of maps, row 0 on top, and (x,) of
        lines, in µm. Spectra are last along `energy`, in keV, patterns along `ky` and `kx`, the
        angles of Bunge, in rad, along `channel`. What was cleaned afterwards is called
        "processed". Phases and elements are in `original_metadata`.

    Raises
    ------
    FormatError
        The file is damaged, or the size of a grid makes no sense.
    """
    channels: list[Channel] = []
    not_read: list[str] = []
    with open_hdf5(path) as file:
        found = [
            (name, technique, group)
            for name, slice_ in slices_of(file)
            for technique, group in techniques_of(slice_)
        ]
        several = len({name for name, _, _ in found}) > 1
        maker = text_at(file, "Manufacturer")
        software = text_at(file, "Software Version")
        for name, technique, group in found:
            channels += _channels(technique, group, name if several else "", not_read)
    if not channels:
        message = "the file holds no arrays that fit their grids"
        raise FormatError(message, path=path, key="/")
    return Measurement(
        channels=channels,
        metadata=stated({"instrument": {"vendor": maker, "software": software}}),
        attrs={"not_read": not_read} if not_read else {},
    )


def _channels(technique: str, group: Any, place: str, not_read: list[str]) -> Iterator[Channel]:
    header = member(group, "Header")
    grid, about = _grid(header), read_group(header)
    metadata = _metadata(technique, header)
    suffix = " processed" if technique == _PROCESSED else ""
    for name, kind, dataset in _datasets(member(group, "Data")):
        if kind in _PLACES:
            continue
        values = grid.fold(dataset)
        inner = None if values is None else _inner_axes(kind, header, values, len(grid.axes))
        if values is None or inner is None:
            not_read.append(dataset.name)
            continue
        quantity, units = _KNOWN.get(kind, ("intensity" if "Pattern" in kind else None, None))
        is_layered = kind == "Color"
        yield Channel(
            title=f"{technique if is_layered else name}{suffix}", data=values,
            axes=[*grid.axes, *inner], quantity=quantity, units=units,
            modality="SEM" if kind in _IMAGES or is_layered else metadata.get("technique"),
            source="Oxford Instruments", group=place, metadata=metadata,
            original_metadata=about if isinstance(about, dict) else {},
        )  # fmt: skip


def _datasets(data: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield title, kind and dataset of all that was measured; a group has one for each line."""
    for name, found in members(data):
        if not hasattr(found, "keys"):
            yield name, name, found
            continue
        for line, dataset in members(found):
            if hasattr(dataset, "dtype"):
                plain = name in _IMAGES or name == "Window Integral"
                yield line if plain else f"{line} {name.lower()}", name, dataset


def _inner_axes(kind: str, header: Any, values: LazyArray, outer: int) -> list[Axis] | None:
    """Return the axes of what is at each point, `None` where it is not known what that is."""
    sizes = values.shape[outer:]
    if not sizes:
        return []
    if kind == "Spectrum" and len(sizes) == 1:
        return [_energy(header, sizes[0])]
    if kind in ("Euler", "Color") and sizes == (3,):
        labels = _ANGLES if kind == "Euler" else _COLOURS
        return [Axis(name="channel", size=3, values=labels)]
    if len(sizes) == 2:
        return [Axis(name=name, size=size) for name, size in zip(("ky", "kx"), sizes, strict=True)]
    return None


def _energy(header: Any, size: int) -> Axis:
    width, start = (number_at(header, name) for name in ("Channel Width", "Start Channel"))
    if width is None or width <= 0:
        return Axis(name="energy", size=size)
    scale, offset = width / _KILO, (start or 0.0) / _KILO
    return Axis(name="energy", size=size, scale=scale, offset=offset, units="keV")


def _grid(header: Any) -> _Grid:
    columns, rows = (number_at(header, f"{letter} Cells") for letter in "XY")
    if not (rows and columns and 1 <= rows < _MOST and 1 <= columns < _MOST):
        message = f"a grid of {rows} x {columns} points makes no sense"
        raise FormatError(message, key=header.name)
    sizes = int(rows), int(columns)
    axes = [_axis(header, dim, size) for dim, size in zip("yx", sizes, strict=True)]
    is_line = sizes[0] == 1 and not number_at(header, "Y Step")
    return _Grid(sizes, tuple(axes[1:] if is_line else axes))


def _axis(header: Any, dim: str, size: int) -> Axis:
    step = number_at(header, f"{dim.upper()} Step")
    if step is None or step <= 0:
        return Axis(name=dim, size=size)
    return Axis(name=dim, size=size, scale=step, units="µm")


def _metadata(technique: str, header: Any) -> dict[str, Any]:
    def number(name: str, factor: float = 1.0) -> float | None:
        found = number_at(header, name)
        return None if found is None else found * factor

    degrees = 180 / math.pi
    known = {"EBSD": "EBSD", _PROCESSED: "EBSD"}
    exposure = number("Camera Exposure Time", _MILLI)
    return stated(
        {
            "technique": known.get(technique, "EDS" if technique.startswith("EDS") else None),
            "started": text_at(header, "Acquisition Date"),
            "comment": text_at(header, "Site Notes"),
            "sample": {"name": text_at(header, "Specimen Label")},
            "beam": {
                "voltage": number("Beam Voltage", _KILO),
                "magnification": number("Magnification"),
            },
            "detector": {
                "exposure_time": exposure,
                "elevation_angle": number("Detector Elevation", degrees),
                "azimuth_angle": number("Detector Azimuth", degrees),
                "dispersion": number("Channel Width"),
            },
            "scan": {
                "dwell_time": number("Dwell Time", _MICRO),
                "rotation": number("Scan Rotation", degrees),
            },
            "stage": {
                **{dim: number(f"Stage Position/{dim.upper()}", _MILLI) for dim in "xyz"},
                "alpha": number("Stage Position/Tilt", degrees),
            },
        }
    )
