"""Read projects of EDAX APEX: every group may hold a spectrum image, a spectrum and images."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omniscopy.io.edax_apex.arrays import field_of, values_of
from omniscopy.io.edax_apex.records import common_metadata, number, record_of, settings_of
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.names import slug
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.storage.folded import folded
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import members, walk_groups
from omniscopy.io.storage.hdf5_numbers import is_array, member
from omniscopy.io.storage.hdf5_plain import read_attributes

_IMAGES = (("FOVIMAGE", "FOVIPR", "FOVIMAGECOLLECTIONPARAMS"),
           ("MAPIMAGE", "MAPIMAGEIPR", "MAPIMAGECOLLECTIONPARAMS"))  # fmt: skip


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Read a project of EDAX APEX.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        A channel for each spectrum image (y, x, energy), line scan (x, energy), spectrum, map of
        an element and image, in groups called as those of the file. Energies are in keV, places
        in µm. Where a spectrum image has another number of channels than the spectrum beside it,
        its energies are unknown.

    Raises
    ------
    FormatError
        The file is damaged; `UnsupportedFormatError` where it holds nothing that is read.
    """
    with open_hdf5(path) as file:
        channels = [channel for group in walk_groups(file) for channel in _channels(group)]
    if not channels:
        message = "the project holds no spectra, maps or images"
        raise UnsupportedFormatError(message, path=path)
    return Measurement(channels=channels)


def _channels(group: Any) -> Iterator[Channel]:
    spectrum = member(group, "SPC")
    line = _energies(spectrum)
    cube = member(group, "SPD")
    if hasattr(cube, "dtype"):
        yield _cube(group, cube, line)
    scan = member(group, "LSD")
    if hasattr(scan, "dtype"):
        yield _line_scan(group, scan, line)
    if "SpectrumCounts" in (getattr(getattr(spectrum, "dtype", None), "names", None) or ()):
        yield from _spectrum(group, spectrum, line)
    for name, pixels, settings in _IMAGES:
        image = member(group, name)
        if is_array(image):
            yield from _image(group, image, (pixels, settings))
    if group.name.rpartition("/")[2] == "ROIs":
        for name, image in members(group):
            if name.endswith(".dat") and is_array(image):
                beside = name.removesuffix(".dat") + ".ipr"
                yield from _image(group, image, (beside,), element=True)


def _cube(group: Any, dataset: Any, line: Mapping[str, float]) -> Channel:
    """Return a spectrum image."""
    data = replace(values_of(dataset), leading=0)
    said, shape = read_attributes(dataset), data.shape
    if len(shape) != 3:
        message = f"a spectrum image was expected, not an array of shape {shape}"
        raise FormatError(message, path=dataset.file.filename, key=dataset.name)
    axes = [
        _place(name, size, number(said, f"MicronPerPixel{name.upper()}"))
        for name, size in zip("yx", shape[:2], strict=True)
    ]
    energy, attrs = _energy_axis(shape[2], line)
    return _channel(group, dataset, data, [*axes, energy], ("SPC",), attrs=attrs)


def _line_scan(group: Any, dataset: Any, line: Mapping[str, float]) -> Channel:
    data = values_of(dataset)
    if len(data.shape) != 2:
        message = f"a line of spectra was expected, not an array of shape {data.shape}"
        raise FormatError(message, path=dataset.file.filename, key=dataset.name)
    energy, attrs = _energy_axis(data.shape[1], line)
    axes = [Axis(name="x", size=data.shape[0]), energy]
    beside = ("SPC", "REGION", "LINEIMAGECOLLECTIONPARAMS", "LINEMAPIMAGECOLLECTIONPARAMS")
    return _channel(group, dataset, data, axes, beside, attrs=attrs)


def _spectrum(group: Any, dataset: Any, line: Mapping[str, float]) -> Iterator[Channel]:
    data = field_of(dataset, "SpectrumCounts")
    if data is not None and len(data.shape) == 1:
        energy, attrs = _energy_axis(data.shape[0], {**line, "channels": data.shape[0]})
        yield _channel(group, dataset, data, [energy], ("SPC",), attrs=attrs)


def _image(
    group: Any, dataset: Any, beside: tuple[str, ...], *, element: bool = False
) -> Iterator[Channel]:
    """Yield an image, where it has two dimensions or says how long its rows are."""
    said = read_attributes(dataset)
    pixels = record_of(member(group, beside[0]))
    data: LazyArray | None
    if dataset.ndim == 1:
        sides = [number(said, side) for side in ("PixelHeight", "PixelWidth")]
        rows, columns = (int(side) if side and 0 < side < 2**31 else 0 for side in sides)
        data = folded(dataset, (rows, columns))
    else:
        data = values_of(dataset) if dataset.ndim == 2 else None
        data = None if data is None or len(data.shape) != 2 else data
    if data is None:
        return
    steps = [number(pixels, f"MicronsPerPixel{side}", f"MicronPerPixel{side}") for side in "YX"]
    axes = [_place(*each) for each in zip("yx", data.shape, steps, strict=True)]
    yield _channel(group, dataset, data, axes, beside, is_spectral=element)


def _channel(
    group: Any,
    dataset: Any,
    data: LazyArray,
    axes: list[Axis],
    beside: tuple[str, ...],
    *,
    attrs: Mapping[str, Any] | None = None,
    is_spectral: bool = True,
) -> Channel:
    own = dataset.name.rpartition("/")[2]
    settings = settings_of(group, own, *beside)
    return Channel(
        title=own.removesuffix(".dat"),
        data=data,
        axes=axes,
        quantity="intensity",
        units="counts" if is_spectral else None,
        modality="EDS" if is_spectral else None,
        source="EDAX",
        metadata=common_metadata(settings),
        original_metadata=settings,
        attrs={"path": dataset.name, **(attrs or {})},
        group=_path_of(group),
    )


def _path_of(group: Any) -> str:
    """Return the path of a group as names of nodes."""
    return "/".join(slug(part) for part in group.name.split("/") if part)


def _energies(spectrum: Any) -> dict[str, float]:
    """Return offset and step of energies in eV, and how many channels they are of."""
    if not hasattr(spectrum, "dtype"):
        return {}
    said = {**read_attributes(spectrum), **record_of(spectrum)}
    step = number(said, "evPch", "evPerChannel")
    if not step or step <= 0:
        return {}
    offset = number(said, "eVOffset")
    start = number(said, "StartEnergy")
    offset = offset if offset is not None else (start * 1e3 if start else 0.0)
    names = spectrum.dtype.names or ()
    counted = 0
    if "SpectrumCounts" in names and spectrum.dtype["SpectrumCounts"].subdtype:
        counted = spectrum.dtype["SpectrumCounts"].shape[0]
    points = number(said, "NumberOfPoints", "numPts") or counted
    return {"step": step, "offset": offset, "channels": points}


def _energy_axis(size: int, line: Mapping[str, float]) -> tuple[Axis, dict[str, Any]]:
    """Return the axis of energies, and the calibration where it may not be that of this axis."""
    if "step" not in line:
        return Axis(name="energy", size=size), {}
    if line.get("channels") not in (0, size):
        return Axis(name="energy", size=size), {"energies_of_spectrum_beside": dict(line)}
    scale, offset = line["step"] * 1e-3, line["offset"] * 1e-3
    return Axis(name="energy", size=size, scale=scale, offset=offset, units="keV"), {}


def _place(name: str, size: int, step: float | None) -> Axis:
    if not step or step <= 0:
        return Axis(name=name, size=size)
    return Axis(name=name, size=size, scale=step, units="µm")
