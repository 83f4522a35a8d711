"""Read results of the MATRIX control system: images, curves and spectra on a grid."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.libraries import ask, import_library, plain_tree
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import dimension_of, known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, Measurement

LIBRARY = "access2thematrix"
_UNITS = {"Volt": "V", "Ampere": "A", "Meter": "m", "Metre": "m", "Second": "s", "Hertz": "Hz"}


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return what access2thematrix reads of the MATRIX result at `path`.

    Parameters
    ----------
    path : Path
        A result, such as ``...--3_1.Z_mtrx``; the chain ``..._0001.mtrx`` lies beside it.
    partial : bool
        Makes no difference: what was not scanned is NaN.

    Returns
    -------
    Measurement
        A channel for each direction of the scan. Images are (y, x) and spectra on a grid
        (y, x, bias); row 0 is on top, `y` descends.

    Raises
    ------
    MissingDependencyError
        access2thematrix is not installed.
    FormatError
        It cannot read the file, or the chain is not beside it.
    UnsupportedFormatError
        The file is of a kind that it does not read.
    """
    del partial
    library = import_library(f"{LIBRARY}.{LIBRARY}", purpose="reading MATRIX results")
    data = library.MtrxData()
    traces, said = ask(LIBRARY, path, data.open, str(path))
    if not traces:
        message = f"{LIBRARY} says: {said} A chain of parameters, '..._0001.mtrx', must lie beside"
        raise FormatError(message, path=path)
    kinds = {"image": _image, "curve": _curve}
    if data.object_type == "volume CITS":
        channels = ask(LIBRARY, path, _spectra, data)
    elif data.object_type in kinds:
        make = kinds[data.object_type]
        channels = [ask(LIBRARY, path, make, data, trace) for trace in traces.values()]
    else:
        message = f"results of the kind {data.object_type!r} are not read"
        raise UnsupportedFormatError(message, path=path)
    return Measurement(
        channels=channels,
        metadata=_metadata(data),
        original_metadata=plain_tree(data.param),
    )


def _channel(data: Any, trace: str, values: np.ndarray, axes: list[Axis]) -> Channel:
    name, units = data.channel_name_and_unit
    units = _units(units)
    return Channel(
        title=f"{name} {trace}",
        data=values,
        axes=axes,
        quantity=quantity_of(str(name), units),
        units=units,
        modality="STM",
        source="Omicron Matrix",
        metadata={"scan": {"direction": trace}},
    )


def _image(data: Any, trace: str) -> Channel:
    image, _ = data.select_image(trace)
    lengths = (float(image.height), float(image.width))
    centre = (float(image.y_offset), float(image.x_offset))
    values = np.asarray(image.data, dtype=np.float64)[::-1]
    channel = _channel(data, trace, values, _plane(values.shape, centre, lengths))
    angle = getattr(image, "angle", None)
    turned = {} if angle is None else {"rotation": float(angle)}
    scan = {**channel.metadata["scan"], **turned}
    return Channel(**{**vars(channel), "metadata": {"scan": scan}})


def _plane(
    shape: tuple[int, ...], centre: tuple[float, float], lengths: tuple[float, float]
) -> list[Axis]:
    """Return the axes of an image that lies around a place in the frame of the scanner."""
    return [
        plane_axis(name, size, middle - length / 2, length / max(size, 1), "m", placed=any(centre))
        for name, size, middle, length in zip("yx", shape, centre, lengths, strict=False)
    ]


def _curve(data: Any, trace: str) -> Channel:
    curve, _ = data.select_curve(trace)
    places, values = (np.asarray(each, dtype=np.float64) for each in curve.data)
    return _channel(data, trace, values, [_abscissa(places, curve.x_data_name_and_unit)])


def _abscissa(places: np.ndarray, named: Any) -> Axis:
    units = _units(named[1])
    name = dimension_of(units, "z")
    attrs = {"long_name": str(named[0])}
    return Axis(name=name, size=len(places), values=places, units=units, role="signal", attrs=attrs)


def _spectra(data: Any) -> list[Channel]:
    bias = _abscissa(np.asarray(data.scan[0], dtype=np.float64), data.z_data_name_and_unit)
    lengths = [_parameter(data, key) for key in ("Height", "Width")]
    centre = [_parameter(data, key) for key in ("Y_Offset", "X_Offset")]
    channels = []
    for scan, ramps in data.volume_scan.items():
        for ramp, values in ramps.items():
            shown = np.asarray(values, dtype=np.float64)[::-1]
            axes = _plane(shown.shape[:2], (centre[0], centre[1]), (lengths[0], lengths[1]))
            channels.append(_channel(data, f"{scan} {ramp}", shown, [*axes, bias]))
    return channels


def _parameter(data: Any, name: str) -> float:
    entry = data.param.get(f"EEPA::XYScanner.{name}", (0.0,))
    return float(entry[0])


def _units(text: Any) -> str | None:
    return known_units(_UNITS.get(str(text), str(text)))


def _metadata(data: Any) -> dict[str, Any]:
    return stated(
        {
            "technique": "STM",
            "comment": data.creation_comment,
            "sample": {"name": data.sample_name},
            "instrument": {"vendor": "Scienta Omicron"},
        }
    )
