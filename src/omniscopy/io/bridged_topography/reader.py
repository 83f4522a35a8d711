"""Read what SurfaceTopography reads: maps with row 0 on top, and profiles."""

from collections.abc import Mapping, Sequence
from functools import partial as bound
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.libraries import LibraryArray, ask, import_library, plain_tree
from omniscopy.io.quantities import known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement

LIBRARY = "SurfaceTopography"
_DTYPE = np.dtype(np.float64)


def read(path: Path, *, partial: bool = False, format: str | None = None) -> Measurement:
    """Return what SurfaceTopography reads of the file at `path`.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Not possible here.
    format : str, optional
        Its name of the format, such as "mnt"; else it tries one after the other.

    Returns
    -------
    Measurement
        A channel for each of its channels: maps (y, x) with row 0 on top, and profiles along
        `x`. Points without a height are NaN. Each read opens the file anew.

    Raises
    ------
    MissingDependencyError
        SurfaceTopography is not installed.
    FormatError
        It cannot read the file.
    UnsupportedFormatError
        `partial` was asked for.
    """
    if partial:
        message = f"{LIBRARY} does not open files that are cut short"
        raise UnsupportedFormatError(message, path=path)
    import_library(LIBRARY, purpose=f"reading this file through {LIBRARY}")
    return Measurement(channels=ask(LIBRARY, path, _channels, str(path), format))


def _open(path: str, format: str | None) -> Any:
    library = import_library(LIBRARY, purpose=f"reading this file through {LIBRARY}")
    return library.open_topography(path, format=format)


def _channels(path: str, format: str | None) -> Sequence[Channel]:
    with _open(path, format) as reader:
        name = type(reader).__name__.removesuffix("Reader")
        return [_channel(path, format, name, each) for each in reader.channels]


def _channel(path: str, format: str | None, name: str, told: Any) -> Channel:
    shape = tuple(int(n) for n in told.nb_grid_pts)[::-1]
    load = bound(_values, format=format, index=int(told.index))
    data: LazyArray | np.ndarray = LibraryArray(LIBRARY, path, load, shape, _DTYPE)
    lateral, kind = known_units(told.unit), getattr(told.data_kind, "value", None)
    axes = [
        _axis(dim, size, length, lateral)
        for dim, size, length in zip(
            ("y", "x")[-len(shape) :], shape, _lengths(told)[::-1], strict=True
        )
    ]
    if len(shape) == 1 and told.is_uniform is False:
        places, data = _profile(path, format, int(told.index))
        axes = [Axis(name="x", size=len(places), values=places, units=lateral)]
    units = known_units(told.data_unit)
    info = dict(told.info or {})
    return Channel(
        title=str(told.name or "Topography"),
        data=data,
        axes=axes,
        quantity="height" if kind == "height" else quantity_of(str(told.name or kind), units),
        units=units,
        source=f"{LIBRARY}, {name}",
        metadata=_metadata(info),
        original_metadata=plain_tree(info.get("raw_metadata") or info),
    )


def _lengths(told: Any) -> Sequence[float | None]:
    lengths = told.physical_sizes
    return [None] * len(told.nb_grid_pts) if lengths is None else list(lengths)


def _axis(name: str, size: int, length: float | None, units: str | None) -> Axis:
    if not length or not np.isfinite(length):
        return Axis(name=name, size=size)
    return Axis(name=name, size=size, scale=float(length) / size, units=units)


def _topography(path: str, format: str | None, index: int) -> Any:
    """Return one map with any lengths where the file has none: they are not used."""
    with _open(path, format) as reader:
        told = reader.channels[index]
        lengths = {} if told.physical_sizes is not None else {"physical_sizes": told.nb_grid_pts}
        return reader.topography(channel_index=index, **lengths)


def _values(path: str, *, format: str | None, index: int) -> np.ndarray:
    heights = _topography(path, format, index).heights()
    values = np.ma.filled(np.ma.asarray(heights, dtype=_DTYPE), np.nan)
    # Theirs are (x, y), with the first y on top.
    return values.T


def _profile(path: str, format: str | None, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places and heights of a profile that is not even."""
    profile = _topography(path, format, index)
    places, heights = profile.positions_and_heights()
    filled = np.ma.filled(np.ma.asarray(heights, dtype=_DTYPE), np.nan)
    return np.asarray(places, dtype=_DTYPE), filled


def _metadata(info: Mapping[str, Any]) -> dict[str, Any]:
    instrument = info.get("instrument") if isinstance(info.get("instrument"), Mapping) else {}
    words = plain_tree(instrument)
    return stated(
        {
            "started": plain_tree(info.get("acquisition_time")),
            "instrument": {
                "vendor": words.get("vendor"),
                "model": words.get("name"),
                "software": words.get("software"),
            },
        }
    )
