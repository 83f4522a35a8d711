"""Read movies of high-speed AFMs: each channel as frames in physical units."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Padded, Scaled
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.high_speed_afm.header import Header, read_header
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.surfaces import map_axes

_CHANNELS = {
    # code: title, quantity, units, settings by which volts become them, with a sign
    "TP": ("Topography", "height", "nm", ("z_extension", "z_gain"), 1.0),
    "ER": ("Error", "amplitude", "nm", ("sensor_sensitivity",), -1.0),
    "PH": ("Phase", "phase", "deg", ("phase_sensitivity",), -1.0),
}
_UNIPOLAR = {1: 1.0, 2: 2.5, 3: 9.99, 4: 5.0}
_BIPOLAR = {0x10000: 1.0, 0x20000: 2.5, 0x40000: 5.0}
_BITS, _MOST_BITS = 12, 16


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the movie at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .asd, of version 0, 1 or 2.
    partial : bool
        Read a file that is cut short as far as it goes: frames that are missing are NaN.

    Returns
    -------
    Measurement
        Topography and error in nm and phase in degrees, (time, y, x), or (frame, y, x) where no
        time is stated; counts without units where the range of the converter is not known.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged or contradicts its size.
    UnsupportedFormatError
        It is of a later version.
    """
    header = read_header(Path(path))
    channels = [
        _channel(header, number, code, partial=partial)
        for number, code in enumerate(header.channels)
    ]
    said = header.said
    return Measurement(
        channels=channels,
        metadata=stated(
            {
                "technique": "AFM",
                "started": header.started,
                "operator": header.name,
                "comment": header.comment,
                "instrument": {"vendor": "RIBM"},
                "scan": {"frame_time": _frame_time(header)},
            }
        ),
        original_metadata={
            key: value
            for key, value in said.items()
            if not isinstance(value, float) or np.isfinite(value)
        },
    )


def _channel(header: Header, number: int, code: str, *, partial: bool) -> Channel:
    frames, rows, columns = header.shape
    stride = header.frame_header + 2 * rows * columns
    offset = header.data_offset + number * frames * stride
    size = header.path.stat().st_size
    there = frames
    if offset + frames * stride > size:
        if not partial:
            message = (
                f"{len(header.channels)} channels of {frames} frames of {stride} bytes do not fit "
                f"into the {size} bytes of the file; it is cut short or its header is damaged"
            )
            raise FormatError(message, path=header.path, offset=min(offset, size))
        there = max(size - offset, 0) // stride
    stored: LazyArray = FrameStream(
        path=str(header.path),
        offset=min(offset, size),
        scan=(there,),
        frame=(rows, columns),
        file_dtype="<i2",
        count=there,
        before=header.frame_header,
    )
    title, quantity, units, scale, zero = _meaning(header, code)
    data: LazyArray = stored if scale is None else Scaled(stored, scale, zero)
    attrs: dict[str, Any] = {}
    if there < frames:
        data = Padded(data, frames, np.nan)
        reason = f"the file ends at byte {size}"
        attrs = {"incomplete": {"missing_from": there, "reason": reason}}
    seconds = _frame_time(header)
    along = Axis(name="frame", size=frames)
    if seconds:
        along = Axis(name="time", size=frames, scale=seconds, units="s")
    steps = (header.said["height"] / rows, header.said["width"] / columns)
    return Channel(
        title=title,
        data=data,
        axes=[along, *map_axes((rows, columns), steps, "nm")],
        quantity=quantity,
        units=units,
        modality="AFM",
        source="RIBM",
        attrs=attrs,
    )


def _meaning(header: Header, code: str) -> tuple[str, str | None, str | None, float | None, float]:
    """Return title, quantity and units of a channel, and what its counts are worth."""
    if code not in _CHANNELS:
        return f"Channel {code}", None, None, None, 0.0
    title, quantity, units, names, sign = _CHANNELS[code]
    said = header.said
    bits = said["adc_bits"] if 0 < said["adc_bits"] <= _MOST_BITS else _BITS
    per_volt = sign * float(np.prod([said[name] for name in names]))
    volts = _UNIPOLAR.get(said["adc_range"], _BIPOLAR.get(said["adc_range"]))
    if volts is None or not np.isfinite(per_volt) or not per_volt:
        return title, None, None, None, 0.0
    # The converter sees the negative of the voltage.
    is_bipolar = said["adc_range"] in _BIPOLAR
    step = -volts * (2 if is_bipolar else 1) / 2**bits
    return title, quantity, units, step * per_volt, volts * per_volt if is_bipolar else 0.0


def _frame_time(header: Header) -> float | None:
    """Return the seconds from one frame to the next."""
    seconds = header.said["frame_time"] / 1000
    return seconds if 0 < seconds < np.inf else None
