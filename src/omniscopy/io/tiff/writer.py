"""Writing one array as a TIFF file that ImageJ and other programs open with its scale."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.regular import EvenLine, even_line
from omniscopy.io.single_arrays import describe_array, only_array, shape_note
from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream
from omniscopy.io.tiff.notes import NOTE_TAG, order_note
from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor, is_unit
from omniscopy.model.vocabulary import kind_of

_IMAGEJ = ("uint8", "uint16", "float32")
_OME = (
    "int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64", "complex64",
)  # fmt: skip
# What becomes a type of the format without loss.
_WIDENED = {"bool": "uint8", "float16": "float32"}
# Offsets of 32 bits reach no further; room is left for the directories.
_CLASSIC_BYTES = 2**32 - 2**26
# While it is written a file has a mark behind its stem.
_OME_NAME = re.compile(r"\.ome(-[0-9a-f]{8})?\.tiff?$")
_HANDY = (("m", ("m", "mm", "µm", "nm", "pm")), ("1/m", ("1/m", "1/µm", "1/nm", "1/pm")))


@dataclass(frozen=True)
class _Layout:
    """How an array lies in a file: its dimensions in stored order, and tifffile's letters."""

    dims: tuple[str, ...]
    letters: str
    shape: tuple[int, ...]
    colour: bool


def write(
    tree: xr.DataTree, path: Path, *, flavour: Literal["auto", "imagej", "ome"] = "auto"
) -> None:
    """Write the one array of a tree as a TIFF file, streaming lazy values.

    Parameters
    ----------
    tree : DataTree
        Two or more dimensions. Pages are the two last dimensions, or `y` and `x` where others
        stand behind them (spectra, a detector's channels); a `channel` of 3 or 4 bytes is colour.
        Truth values become uint8, float16 becomes float32.
    path : Path
        The file to write.
    flavour : {"auto", "imagej", "ome"}
        The description in which other programs find scale and dimensions: ImageJ's for uint8,
        uint16 and float32 up to 4 GB, OME's for others and for names on `.ome.tif`. Labels and
        history are kept in a tag of our own in both.

    Raises
    ------
    UnsupportedFormatError
        There is more than one variable, or it has one dimension only.
    DataError
        The values are of a type that the description has not.
    """
    import tifffile

    data = only_array(tree, what="a TIFF file", ndims=range(2, 16))
    if not data.size:
        message = f"a TIFF file holds at least one pixel, not an array of shape {data.shape}"
        raise UnsupportedFormatError(message)
    dtype = np.dtype(_WIDENED.get(data.dtype.name, data.dtype.newbyteorder("=")))
    is_ome = _is_ome(path, dtype, data.size * dtype.itemsize, flavour)
    layout = _lay_out(data, dtype)
    stored = data.transpose(*layout.dims)
    order = [layout.dims.index(str(dim)) for dim in data.dims]
    note = f"{shape_note(stored)}{order_note(order)}{describe_array(tree, data)}".encode()
    options: dict[str, Any] = {
        "ome": is_ome, "imagej": not is_ome,
        "bigtiff": data.size * dtype.itemsize > _CLASSIC_BYTES,
        "photometric": "rgb" if layout.colour else "minisblack",
        "extratags": [(NOTE_TAG, 1, len(note), note, True)],
        **(_ome_options(data, layout) if is_ome else _imagej_options(data, layout)),
    }  # fmt: skip
    target = tifffile.memmap(path, shape=layout.shape, dtype=dtype, **options)
    values, chunks = native_chunks(stored.data)
    stream([(values.astype(dtype), ChunkedTarget(target.reshape(stored.shape), chunks))])
    target.flush()


def _is_ome(path: Path, dtype: np.dtype[Any], size: int, flavour: str) -> bool:
    if flavour not in ("auto", "imagej", "ome"):
        message = f"flavour must be 'auto', 'imagej' or 'ome', got {flavour!r}"
        raise DataError(message)
    by_name = _OME_NAME.search(path.name.lower()) is not None
    fits = dtype.name in _IMAGEJ and size <= _CLASSIC_BYTES
    is_ome = flavour == "ome" or (flavour == "auto" and (by_name or not fits))
    known = _OME if is_ome else _IMAGEJ
    if dtype.name not in known or (not is_ome and not fits):
        message = (
            f"{'an OME' if is_ome else 'an ImageJ'} TIFF file holds {', '.join(known)}"
            f"{'' if is_ome else ' of up to 4 GB'}, not {size} bytes of {dtype.name}; convert them "
            "with `.astype`, or save to .zarr, .nc or .h5"
        )
        raise DataError(message)
    return is_ome


def _lay_out(data: xr.DataArray, dtype: np.dtype[Any]) -> _Layout:
    dims = tuple(map(str, data.dims))
    colour = dims[-3:] == ("y", "x", "channel") and data.sizes["channel"] in (3, 4)
    colour = colour and dtype == np.uint8
    image: tuple[str, ...] = dims[-3:] if colour else dims[-2:]
    is_plane = all(kind_of(dim) in ("spatial", "reciprocal") for dim in image[:2])
    if not is_plane and {"y", "x"} <= set(dims):
        image = ("y", "x")
    pages = tuple(dim for dim in dims if dim not in image)
    letters, shape = _pages(data, pages)
    sizes = tuple(data.sizes[dim] for dim in image)
    inner = "YXS" if colour else "YX"
    return _Layout((*pages, *image), letters + inner, shape + sizes, colour)


def _pages(data: xr.DataArray, pages: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """Return letters and sizes of what pages are along; more than two dimensions are one."""
    letters = "".join("Z" if dim == "z" else "T" for dim in pages)
    if letters not in ("", "Z", "T", "TZ"):
        return "T", (math.prod(data.sizes[dim] for dim in pages),)
    return letters, tuple(data.sizes[dim] for dim in pages)


def _imagej_options(data: xr.DataArray, layout: _Layout) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": layout.letters}
    scales = _scales(data, layout)
    resolution = []
    for letter in "XY":
        step, units, line = scales.get(letter, (0.0, None, None))
        resolution.append(1 / step if step else 1.0)
        if line is None or units is None:
            continue
        metadata["unit" if letter == "X" else "yunit"] = _ascii(units)
        if not line.descends:
            metadata[f"{letter.lower()}origin"] = -line.offset / (line.length / line.size)
    if metadata.get("yunit") == metadata.get("unit"):
        metadata.pop("yunit", None)
    step, units, _ = scales.get("Z", (0.0, None, None))
    if units is not None and scales.get("X", (0.0, None, None))[1] is not None:
        metadata["spacing"] = step
        if units != scales["X"][1]:
            metadata["zunit"] = _ascii(units)
    step, units, _ = scales.get("T", (0.0, None, None))
    if units is not None:
        metadata["finterval"] = step * conversion_factor(units, "s")
    return {"metadata": metadata, "resolution": tuple(resolution), "resolutionunit": 1}


def _ome_options(data: xr.DataArray, layout: _Layout) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "axes": layout.letters,
        "Name": str(data.attrs.get("long_name") or data.name),
    }
    for letter, (step, units, _) in _scales(data, layout).items():
        if letter == "T":
            metadata["TimeIncrement"] = step * conversion_factor(units, "s")
            metadata["TimeIncrementUnit"] = "s"
        elif units in _HANDY[0][1]:
            metadata[f"PhysicalSize{letter}"] = step
            metadata[f"PhysicalSize{letter}Unit"] = units
    return {"metadata": metadata}


def _scales(data: xr.DataArray, layout: _Layout) -> dict[str, tuple[float, str, EvenLine]]:
    """Return step, units and line of each letter that has units; time has those of a time."""
    letters = layout.letters.replace("S", "")
    if len(letters) + layout.colour != len(layout.dims):
        letters = letters[-2:]  # several dimensions are one, which has no steps
    dims = [dim for dim in layout.dims if not (layout.colour and dim == "channel")]
    found = {}
    for letter, dim in zip(letters, dims[-len(letters) :], strict=True):
        line = even_line(data, dim)
        if line is None or not line.units or not is_unit(line.units):
            continue
        step, units = _handy(line.length / line.size, line.units)
        if letter != "T" or _is_time(units):
            found[letter] = (step, units, line)
    return found


def _handy(step: float, units: str) -> tuple[float, str]:
    """Return a step in a unit in which it is neither tiny nor huge, as rationals want it."""
    for base, known in _HANDY:
        try:
            plain = step * conversion_factor(units, base)
        except ValueError:
            continue
        candidates = [(plain * conversion_factor(base, one), one) for one in known]
        return min(candidates, key=lambda found: abs(math.log10(found[0])))
    return step, units


def _is_time(units: str) -> bool:
    try:
        conversion_factor(units, "s")
    except ValueError:
        return False
    return True


def _ascii(units: str) -> str:
    """Return units as ImageJ spells what is no ASCII."""
    return "".join(c if ord(c) < 128 else f"\\u{ord(c):04X}" for c in units)
