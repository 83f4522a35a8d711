"""Read peaks, the spectrum of all ions, and images of the ion beam from TofDAQ files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import Column
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_numbers import is_array, member, numbers_of
from omniscopy.io.storage.hdf5_plain import read_attributes
from omniscopy.io.storage.hdf5_values import load
from omniscopy.io.tofwerk.arrays import IonCounts
from omniscopy.io.tofwerk.probe import SPECTRA, VERSION

_MILLIMETRES_TO_MICROMETRES = 1e3
_MOST_PEAKS = 2**20


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Read a file of TofDAQ.

    Parameters
    ----------
    path : Path
        As it was recorded, or as it was saved with peaks by the programs of Tofwerk.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        The peaks (frame, y, x, mass_to_charge), a frame for each slice that was milled, where
        they were made, and else how many ions there are at each pixel; the spectrum of all ions;
        the images that the beam made; and the pressure. Lengths are in µm; masses are pure
        numbers, of atomic mass units and charges.

    Raises
    ------
    FormatError
        The file is damaged.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        said = read_attributes(file)
        column = member(file, "FIBParams")
        beam = {} if column is None else read_attributes(column)
        field = _number(beam.get("ViewField"))
        width = None if field is None or field <= 0 else field * _MILLIMETRES_TO_MICROMETRES
        channels = [
            *_peaks(file, width),
            *_ions(file, path, width),
            *_spectrum(file),
            *_images(file, width),
            *_pressure(file),
        ]
        started = _started(file)
    if not channels:
        message = "the file holds neither peaks nor spectra"
        raise FormatError(message, path=path, key=f"/{SPECTRA}")
    version = _number(said.get(VERSION))
    current = _number(beam.get("Current"))
    metadata = stated(
        {
            "technique": "FIB-SIMS",
            "started": started,
            "instrument": {
                "vendor": "Tofwerk",
                "model": beam.get("FibHardware"),
                "software": None if version is None else f"TofDAQ {version:.2f}",
            },
            "beam": {"voltage": _number(beam.get("Voltage")), "current": current or None},
            "detector": {"mode": said.get("IonMode")},
        }
    )
    original = {key: value for key, value in said.items() if key != "Configuration File Contents"}
    return Measurement(
        channels=channels, metadata=metadata, original_metadata={**original, "FIBParams": beam}
    )


def _peaks(file: Any, width: float | None) -> Iterator[Channel]:
    data, table = (member(file, f"PeakData/{name}") for name in ("PeakData", "PeakTable"))
    if not is_array(data) or data.ndim != 4:
        return
    *scan, count = data.shape
    fields = getattr(getattr(table, "dtype", None), "names", None) or ()
    masses, labels = None, {}
    if "mass" in fields and table.shape == (count,) and count <= _MOST_PEAKS:
        masses = np.asarray(table["mass"], np.float64)
        if "label" in fields:
            texts = (bytes(text).decode("utf-8", "replace") for text in table["label"])
            labels = {"labels": [text.strip("\0 ") for text in texts]}
    yield Channel(
        title="Peaks",
        data=numbers_of(data),
        axes=[*_scan_axes(scan, width), _mass_axis(masses, count, labels)],
        quantity="intensity",
        modality="FIB-SIMS",
        source="Tofwerk",
    )


def _ions(file: Any, path: Path, width: float | None) -> Iterator[Channel]:
    """Yield how many ions there are, for a file without peaks: their times are not read."""
    import h5py

    events: Any = member(file, f"{SPECTRA}/EventList")
    kind = getattr(events, "dtype", None)
    if kind is None or h5py.check_vlen_dtype(kind) is None or events.ndim != 3:
        return
    if member(file, "PeakData/PeakData") is None:
        yield Channel(
            title="Ions",
            data=IonCounts(str(path), events.name, events.shape),
            axes=_scan_axes(list(events.shape), width),
            quantity="intensity",
            units="counts",
            modality="FIB-SIMS",
            source="Tofwerk",
            attrs={"not_read": "the times of flight of single ions"},
        )


def _spectrum(file: Any) -> Iterator[Channel]:
    summed: Any = member(file, f"{SPECTRA}/SumSpectrum")
    masses: Any = member(file, f"{SPECTRA}/MassAxis")
    if not is_array(summed) or summed.ndim != 1:
        return
    known = is_array(masses) and masses.shape == summed.shape
    values = load(masses).astype(np.float64) if known else None
    yield Channel(
        title="Sum spectrum",
        data=numbers_of(summed),
        axes=[_mass_axis(values, summed.shape[0], {})],
        quantity="intensity",
        modality="FIB-SIMS",
        source="Tofwerk",
    )


def _images(file: Any, width: float | None) -> Iterator[Channel]:
    found = member(file, "FIBImages")
    for name, group in members(found) if hasattr(found, "keys") else ():
        image: Any = member(group, "Data") if hasattr(group, "keys") else None
        if is_array(image) and image.ndim == 2:
            yield Channel(
                title=name,
                data=numbers_of(image),
                axes=_scan_axes([1, *image.shape], width)[1:],
                quantity="intensity",
                modality="FIB",
                source="Tofwerk",
            )


def _pressure(file: Any) -> Iterator[Channel]:
    values = member(file, "FibParams/FibPressure/TwData")
    if is_array(values) and values.ndim == 2 and values.shape[1] == 1:
        yield Channel(
            title="Pressure",
            data=Column(numbers_of(values), 0),
            axes=[Axis(name="frame", size=values.shape[0])],
            quantity="pressure",
            units="Pa",
            source="Tofwerk",
        )


def _scan_axes(scan: list[int], width: float | None) -> list[Axis]:
    """Return the axes of slices, rows and columns, of which `width` µm are as wide as a row."""
    frames, rows, columns = scan
    step, units = (1.0, None) if width is None else (width / max(columns, 1), "µm")
    return [
        Axis(name="frame", size=frames),
        Axis(name="y", size=rows, scale=step, units=units),
        Axis(name="x", size=columns, scale=step, units=units),
    ]


def _mass_axis(masses: np.ndarray | None, size: int, attrs: dict[str, Any]) -> Axis:
    if masses is None or not np.isfinite(masses).all():
        return Axis(name="mass_to_charge", size=size, attrs=attrs)
    return Axis(name="mass_to_charge", size=size, values=masses, units="1", attrs=attrs)


def _started(file: Any) -> str | None:
    log: Any = member(file, "AcquisitionLog/Log")
    fields = getattr(getattr(log, "dtype", None), "names", None) or ()
    if "timestring" not in fields or log.ndim != 1 or not log.shape[0]:
        return None
    text = log[0]["timestring"]
    text = bytes(text).decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return text.strip("\0 ") or None


def _number(value: Any) -> float | None:
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        return None
    return float(value)
