"""Read what afmformats reads: the columns of force curves, in SI units."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.libraries import ask, import_library, plain_tree
from omniscopy.io.quantities import known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable

LIBRARY = "afmformats"
_HEIGHTS = ("height (measured)", "height (piezo)")


def read(path: Path, *, partial: bool = False, **metadata: Any) -> Measurement:
    """Return what afmformats reads of the file at `path`.

    Parameters
    ----------
    path : Path
        The file; afmformats goes by its extension.
    partial : bool
        Not possible here.
    **metadata
        What the file does not say, in SI units: `spring_constant`, `sensitivity` ...

    Returns
    -------
    Measurement
        A channel for each column of each curve, along `time` where that is a column and else
        along `sample`, with the height of the probe as coordinate `z`. Many curves have a
        group each.

    Raises
    ------
    MissingDependencyError
        afmformats is not installed.
    FormatError
        It cannot read the file, or needs to be told more; the message says what.
    UnsupportedFormatError
        `partial` was asked for.
    """
    if partial:
        message = f"{LIBRARY} does not open files that are cut short"
        raise UnsupportedFormatError(message, path=path)
    library = import_library(LIBRARY, purpose=f"reading this file through {LIBRARY}")
    told = {key.replace("_", " "): value for key, value in metadata.items()}
    curves = ask(LIBRARY, path, library.load_data, Path(path), meta_override=told)
    groups = [f"curve_{number}" if len(curves) > 1 else "" for number in range(len(curves))]
    units = getattr(library.afm_data, "column_units", {})
    channels = [
        channel
        for curve, group in zip(curves, groups, strict=True)
        for channel in ask(LIBRARY, path, _channels, curve, group, units)
    ]
    return Measurement(channels=channels)


def _channels(curve: Any, group: str, units: dict[str, str]) -> list[Channel]:
    columns = {name: np.asarray(curve[name]) for name in curve.columns if name != "index"}
    axis = _axis(columns)
    said = plain_tree({key: curve.metadata.get(key) for key in curve.metadata})
    place = _place(columns, axis.name)
    return [
        Channel(
            title=name,
            data=values,
            axes=[axis],
            quantity=quantity_of(name, known_units(units.get(name))),
            units=known_units(units.get(name)),
            modality="AFM",
            source=LIBRARY,
            metadata=_metadata(said),
            original_metadata=said,
            coordinates=place,
            group=group,
        )
        for name, values in columns.items()
        if name != "time"
    ]


def _place(columns: dict[str, np.ndarray], dim: str) -> dict[str, Variable]:
    """Return the height of the probe as a coordinate: measured before set."""
    for name in _HEIGHTS:
        if name in columns:
            attrs = {"long_name": name, "quantity": "height", "units": "m"}
            return {"z": Variable(dims=(dim,), data=columns[name], attrs=attrs)}
    return {}


def _axis(columns: dict[str, np.ndarray]) -> Axis:
    size = len(next(iter(columns.values())))
    times = columns.get("time")
    if times is None:
        return Axis(name="sample", size=size)
    return Axis(name="time", size=size, values=times.astype(float), units="s", role="signal")


def _metadata(said: dict[str, Any]) -> dict[str, Any]:
    started = "T".join(str(said[key]) for key in ("date", "time") if said.get(key))
    return stated(
        {
            "started": started,
            "technique": "AFM",
            "instrument": {
                "model": said.get("instrument"),
                "software": said.get("software"),
            },
            "probe": {
                "spring_constant": said.get("spring constant"),
                "sensitivity": said.get("sensitivity"),
            },
        }
    )
