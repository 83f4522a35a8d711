"""Read SCALA measurements: images, and spectra at single points or on a grid."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Mapped, Padded, Scaled
from omniscopy.io.errors import FormatError
from omniscopy.io.omicron_scala.curves import curve_channels
from omniscopy.io.omicron_scala.grids import grid_channel
from omniscopy.io.omicron_scala.parameters import Parameters, linear, read_parameters
from omniscopy.io.quantities import known_units, quantity_of, stated
from omniscopy.io.records import Channel, LazyArray, Measurement
from omniscopy.io.surfaces import map_axes

_TITLES = {"Z": "Topography", "I": "Current"}
_DATE = "%d.%m.%y %H:%M"


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the SCALA measurement with the parameter file `path`.

    Parameters
    ----------
    path : Path
        The file of the kind .par; its data are in files beside it.
    partial : bool
        Read what is there where a file of data is missing or cut short.

    Returns
    -------
    Measurement
        An image (y, x) for each channel and direction, row 0 on top, labelled from the upper
        left in nm; spectra at single points (point, bias) with their places, and on a grid of
        pixels of the image (y, x, bias).

    Raises
    ------
    FormatError
        The parameter file is damaged, or a file of data is missing or cut short.
    """
    path = Path(path)
    said = read_parameters(path)
    channels: list[Channel] = []
    not_read: list[str] = []
    for number, block in enumerate([*said.images, *said.spectra]):
        file = said.beside(block["file"])
        is_grid = number >= len(said.images) and Path(block["file"]).suffix[1:3].lower() != "cs"
        if file is None and not partial:
            message = f"the file {block['file']!r} with its data is not beside it"
            raise FormatError(message, path=path, key=block["channel"])
        if file is None:
            not_read.append(block["file"])
        elif is_grid:
            try:
                channels.append(grid_channel(said, block, file))
            except FormatError:
                if not partial:
                    raise
                not_read.append(block["file"])
        elif number < len(said.images):
            channels.append(_image(said, block, file, partial=partial))
        else:
            channels += curve_channels(block, file, partial=partial)
    if not channels:
        message = f"there are no data of it: {', '.join(not_read) or 'it names no channel'}"
        raise FormatError(message, path=path)
    return Measurement(
        channels=channels,
        metadata=_metadata(said),
        original_metadata={**said.settings},
        attrs={"not_read": "; ".join(not_read)} if not_read else {},
    )


def _image(said: Parameters, block: dict[str, str], file: Path, *, partial: bool) -> Channel:
    shape = (said.size("Image Size in Y"), said.size("Image Size in X"))
    there = file.stat().st_size
    if there != 2 * shape[0] * shape[1] and not (partial and there < 2 * shape[0] * shape[1]):
        message = f"{shape[0]} lines of {shape[1]} points were expected, it has {there} bytes"
        raise FormatError(message, path=file, offset=there)
    rows = there // (2 * shape[1])
    data: LazyArray = Scaled(
        Mapped(str(file), 0, (rows, shape[1]), np.dtype(">i2")), *linear(block)
    )
    attrs: dict[str, Any] = {}
    if rows < shape[0]:
        data = Padded(data, shape[0], np.nan)
        attrs = {"incomplete": {"missing_from": rows, "reason": f"the file ends at byte {there}"}}
    lengths = [said.number(f"Field {name} Size in nm") for name in "YX"]
    steps = [
        None if length is None else length / size
        for length, size in zip(lengths, shape, strict=True)
    ]
    title = _TITLES.get(block["channel"], block.get("name") or block["channel"])
    units = known_units(block["units"])
    direction = block["direction"].lower()
    return Channel(
        title=f"{title} {direction}",
        data=Flipped(data, (0,)),
        axes=map_axes(shape, steps, "nm"),
        quantity=quantity_of(title, units),
        units=units,
        source="Omicron",
        metadata={"scan": {"direction": direction}},
        original_metadata=block,
        attrs=attrs,
    )


def _metadata(said: Parameters) -> dict[str, Any]:
    settings = said.settings
    setpoint, speed = said.number("Feedback Set"), said.number("Scan Speed")
    return stated(
        {
            "technique": settings.get("SPM Method"),
            "comment": settings.get("Comment"),
            "operator": settings.get("User"),
            "started": _moment(settings.get("Date", "")),
            "instrument": {"vendor": "Omicron", "software": settings.get("System")},
            "probe": {"bias": said.number("Gap Voltage")},
            "scan": {
                "rotation": said.number("Scan Angle"),
                "speed": None if speed is None else speed * 1e-9,
            },
            "feedback": {
                "setpoint": f"{setpoint:g} nA"
                if setpoint is not None and settings.get("SPM Method") == "STM"
                else settings.get("Feedback Set", "").partition("\n")[0]
            },
        }
    )


def _moment(text: str) -> str | None:
    """Return a date and time; the year has two digits."""
    try:
        moment = dt.datetime.strptime(text, _DATE)
    except ValueError:
        return None
    return moment.isoformat(timespec="minutes")
