"""Read what RosettaSciIO reads: its dictionaries as channels, lazy where it is lazy."""

import importlib
from collections.abc import Mapping, Sequence
from functools import partial as bound
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.hspy.arrays import COMPONENTS, Colours
from omniscopy.io.hspy.conventions import axis_names, axis_of, common_metadata, nested
from omniscopy.io.libraries import LibraryArray, ask, import_library, plain_tree
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.model.units import spell

LIBRARY = "RosettaSciIO"
# Names that it gives to axes, and ours.
_AXES = {"raman_shift": "wavenumber", "height": "y", "width": "x"}


def read(
    path: Path, *, partial: bool = False, plugin: str | None = None, **options: Any
) -> Measurement:
    """Return what RosettaSciIO reads of the file at `path`.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Not possible here.
    plugin : str, optional
        Name of its plugin, such as "Bruker"; else those of the extension are tried in turn.
    **options
        Further options of the plugin.

    Returns
    -------
    Measurement
        A channel for each of its signals. Arrays are lazy where the plugin has them lazy; each
        read then opens the file anew.

    Raises
    ------
    MissingDependencyError
        RosettaSciIO is not installed.
    FormatError
        None of its plugins can read the file.
    UnsupportedFormatError
        It has no such plugin, or none for this extension; or `partial` was asked for.
    """
    if partial:
        message = f"{LIBRARY} does not open files that are cut short"
        raise UnsupportedFormatError(message, path=path)
    library = import_library("rsciio", purpose=f"reading this file through {LIBRARY}")
    failures = []
    for name, module in _plugins(library, Path(path), plugin):
        try:
            signals, lazy = _signals(str(path), module, options)
        except FormatError as error:
            failures.append(f"{name}: {error.message}")
            continue
        load = bound(_load, module=module, options=tuple(options.items()))
        channels = [
            _channel(signal, str(path), bound(load, number=number) if lazy else None, name)
            for number, signal in enumerate(signals)
        ]
        return Measurement(channels=channels)
    message = "; ".join(failures)
    raise FormatError(message, path=path)


def _plugins(library: Any, path: Path, wanted: str | None) -> list[tuple[str, str]]:
    """Return names and modules of the plugins for a file."""
    ending = path.suffix.lower().removeprefix(".")
    found = [
        (str(each["name"]), str(each["api"]))
        for each in library.IO_PLUGINS
        if (
            wanted.lower() == each["name"].lower()
            if wanted
            else ending in map(str.lower, each["file_extensions"])
        )
    ]
    if not found:
        asked = f"plugin {wanted!r}" if wanted else f"plugin for files ending in {ending!r}"
        message = f"{LIBRARY} has no {asked}"
        raise UnsupportedFormatError(message, path=path)
    return found


def _signals(path: str, module: str, options: Mapping[str, Any]) -> tuple[list[Any], bool]:
    """Return what a plugin makes of a file, and whether its arrays are lazy."""

    def call(*, lazy: bool) -> list[Any]:
        signals = importlib.import_module(module).file_reader(path, lazy=lazy, **options)
        return _some(list(signals))

    try:
        return ask(LIBRARY, path, call, lazy=True), True
    except FormatError:
        # Half of the plugins are not lazy, and say so in different ways.
        return ask(LIBRARY, path, call, lazy=False), False


def _some(signals: list[Any]) -> list[Any]:
    if not signals:
        message = "it holds no signal"
        raise UnsupportedFormatError(message)
    return signals


def _load(path: str, *, module: str, options: Sequence[tuple[str, Any]], number: int) -> Any:
    """Return the array of one signal again."""
    reader = importlib.import_module(module).file_reader
    return reader(path, lazy=True, **dict(options))[number]["data"]


def _channel(signal: Mapping[str, Any], path: str, load: Any, plugin: str) -> Channel:
    data, colours = _values(signal["data"], path, load)
    said = plain_tree(signal.get("metadata") or {})
    signal_type = str(nested(said, "Signal.signal_type") or "")
    quantity, _, units = str(nested(said, "Signal.quantity") or "").partition("(")
    return Channel(
        title=str(nested(said, "General.title") or signal_type or "signal"),
        data=data,
        axes=[*_axes(signal.get("axes") or [], data.shape, signal_type), *colours],
        quantity=quantity.strip().lower() or None,
        units=spell(units.rstrip(") ")) or None,
        modality=signal_type.partition("_")[0] or None,
        source=f"{LIBRARY}, {plugin}",
        metadata=common_metadata(said),
        original_metadata={
            "metadata": said,
            "original_metadata": plain_tree(signal.get("original_metadata") or {}),
        },
    )


def _values(data: Any, path: str, load: Any) -> tuple[LazyArray | np.ndarray, list[Axis]]:
    """Return values as a handle if they are lazy; colours become a dimension."""
    if load is None or isinstance(data, np.ndarray):
        values = np.asarray(data)
        if not values.dtype.names:
            return values.astype(values.dtype.newbyteorder("="), copy=False), []
        colours = np.stack([values[name] for name in values.dtype.names], axis=-1)
        return colours, [_colour_axis(values.dtype)]
    dtype = data.dtype.newbyteorder("=")
    chunks = getattr(data, "chunksize", None)
    handle = LibraryArray(LIBRARY, path, load, tuple(data.shape), dtype, chunks)
    return (Colours(handle), [_colour_axis(dtype)]) if dtype.names else (handle, [])


def _colour_axis(dtype: np.dtype[Any]) -> Axis:
    words = np.array([COMPONENTS.get(name, name) for name in dtype.names or ()])
    return Axis(name="channel", size=len(words), values=words)


def _axes(stored: Sequence[Mapping[str, Any]], shape: Any, signal_type: str) -> list[Axis]:
    given = [_axis(axis) for axis in stored]
    if [axis.size for axis in given] != list(shape)[: len(given)] or not given:
        given = [_axis({"size": size}) for size in shape]
    names = [_AXES.get(name, name) for name in axis_names(given, signal_type)]
    return [axis_of(axis, name) for axis, name in zip(given, names, strict=True)]


def _axis(said: Mapping[str, Any]) -> SimpleNamespace:
    """Return an axis with the attributes of HyperSpy's."""
    known = {"name": None, "units": None, "navigate": False, **said}
    if "axis" in known:
        known["axis"] = np.asarray(known["axis"])
        known.setdefault("size", len(known["axis"]))
    else:
        known = {"scale": 1.0, "offset": 0.0, **known}
    return SimpleNamespace(**known)
