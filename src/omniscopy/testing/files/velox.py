"""Write EMD files as Velox does: HDF5, with the metadata as columns of JSON text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np


@dataclass(frozen=True, kw_only=True)
class VeloxImage:
    """One image of a Velox file.

    `data` is (y, x) or (frame, y, x) of numbers, complex for transforms (`fields` HalfEven or
    HalfOdd) and DPC (`fields` ""). `metadata` is one tree for all frames or one for each.
    `chunk` is how many frames lie in one block; 0 stores them in one piece.
    """

    data: np.ndarray
    metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]] = field(default_factory=dict)
    label: str | None = None
    fields: str = ""
    chunk: int = 1
    unwritten_frames: int = 0
    compression: str | None = None


@dataclass(frozen=True, kw_only=True)
class VeloxStream:
    """An EDS stream: `counts` (frame, y, x, channel) become events, pixel by pixel.

    Places of the frames are left out where `table` is false.
    """

    counts: np.ndarray
    metadata: Mapping[str, Any] = field(default_factory=dict)
    table: bool = True


def write_velox(
    path: str | Path,
    images: Sequence[VeloxImage],
    *,
    version: int = 11,
    application: str = "3.4.1.26-d6b55f759a",
    spectra: Sequence[np.ndarray] = (),
    streams: Sequence[np.ndarray | VeloxStream] = (),
    spectrum_metadata: Mapping[str, Any] | None = None,
    metadata_bytes: int = 64000,
) -> Path:
    """Write a Velox file.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    images : sequence of VeloxImage
        Each becomes a group of ``/Data/Image``.
    version, application : int, str
        Of the file format and of Velox.
    spectra, streams : sequences of ndarray
        Counts of EDS spectra (uint32), and EDS streams, or their events alone (uint16).
    spectrum_metadata : mapping, optional
        Of every spectrum.
    metadata_bytes : int
        Bytes of the text of one frame, filled up with NUL.
    """
    import h5py

    path = Path(path)
    with h5py.File(path, "w") as file:
        _write_json(file, "Version", {"version": str(version), "format": "Velox"})
        _write_json(file, "Info", {"applicationVersion": application})
        file.create_group("Data")
        for number, image in enumerate(images):
            name = f"{number + 1:032x}"
            _write_image(file.create_group(f"Data/Image/{name}"), image, metadata_bytes)
            if image.label is not None:
                display = {"label": quote(image.label), "visible": "true"}
                shown = {"display": display, "dataPath": f"/Data/Image/{name}"}
                _write_json(file, f"Presentation/Displays/ImageDisplay/{number:032x}", shown)
        for number, counts in enumerate(spectra):
            group = file.create_group(f"Data/Spectrum/{number + 1000:032x}")
            group["Data"] = counts.astype(np.uint32)[:, np.newaxis]
            if spectrum_metadata is not None:
                group["Metadata"] = _columns([spectrum_metadata], metadata_bytes)
        for number, stream in enumerate(streams):
            group = file.create_group(f"Data/SpectrumStream/{number + 2000:032x}")
            if isinstance(stream, VeloxStream):
                _write_stream(group, stream, metadata_bytes)
            else:
                group["Data"] = stream.astype(np.uint16)[:, np.newaxis]
    return path


def encode_velox_eds(
    *, detector: str = "SuperXG21", dispersion: float = 5.0, offset: float = -250.0,
    frame_time: float = 0.8,
) -> dict[str, Any]:  # fmt: skip
    """Return the metadata of an EDS detector as Velox writes them.

    Parameters
    ----------
    detector : str
        Its name.
    dispersion, offset : float, eV
        Width of a channel, and energy of the first.
    frame_time : float, s
        Of the scan.
    """
    tree = encode_velox_metadata(detector=detector, frame_time=frame_time)
    made_by = {"DetectorName": detector, "DetectorType": "AnalyticalDetector"}
    made_by |= {"Dispersion": repr(dispersion), "OffsetEnergy": repr(offset)}
    made_by |= {"LiveTime": "25.7", "RealTime": "26.2"}
    tree["Detectors"]["Detector-1"] = made_by
    tree["BinaryResult"] = {"DetectorIndex": "1", "Detector": detector}
    return tree


def encode_velox_metadata(  # noqa: PLR0913
    *,
    pixel_size: tuple[float, float] = (1e-9, 1e-9),
    units: str = "m",
    offset: tuple[float, float] = (0.0, 0.0),
    detector: str = "HAADF",
    scanning: bool = True,
    in_diffraction: bool = True,
    frame_time: float = 0.8,
    exposure_time: float = 0.5,
    time_stamp: int | None = None,
) -> dict[str, Any]:
    """Return the metadata of a frame as Velox writes them: numbers as text, in SI units.

    Parameters
    ----------
    pixel_size, offset : (y, x)
        In `units`, "m" or "1/m".
    detector, scanning : str, bool
        The detector of the image; a camera where it does not scan.
    in_diffraction : bool
        What the projector is set to.
    frame_time, exposure_time : float, s
        Of a scan, of a camera.
    time_stamp : int, optional
        When the camera read the frame, in µs.
    """
    made_by: dict[str, Any] = {"DetectorName": detector}
    if scanning:
        made_by["DetectorType"] = "ScanningDetector"
        made_by["CollectionAngleRange"] = {"begin": "0.06", "end": "0.2"}
    else:
        made_by |= {"DetectorType": "ImagingDetector", "ExposureTime": repr(exposure_time)}
    stamp = {"type": "int64", "value": str(time_stamp)}
    return {
        "Core": {"MetadataDefinitionVersion": "7.9"},
        "Instrument": {
            "Manufacturer": "FEI Company",
            "InstrumentClass": "Titan",
            "InstrumentModel": "Spectra",
        },
        "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "1664324827"}},
        "Optics": {
            "AccelerationVoltage": "300000",
            "BeamConvergence": "0.03",
            "CameraLength": "0.091",
            "NominalMagnification": "40000",
            "OperatingMode": "2" if scanning else "1",
            "ProjectorMode": "1" if in_diffraction else "2",
            "IlluminationMode": "Probe",
        },
        "Stage": {
            "Position": {"x": "1e-06", "y": "-2e-06", "z": "3e-06"},
            "AlphaTilt": "0.1",
            "BetaTilt": "-0.2",
        },
        "Scan": {"DwellTime": "4e-05", "FrameTime": repr(frame_time), "ScanRotation": "0.5"},
        "Detectors": {"Detector-0": {"DetectorName": "BF-S"}, "Detector-1": made_by},
        "BinaryResult": {
            "DetectorIndex": "1",
            "Detector": detector,
            "PixelSize": {"height": repr(pixel_size[0]), "width": repr(pixel_size[1])},
            "PixelUnitX": units,
            "PixelUnitY": units,
            "Offset": {"y": repr(offset[0]), "x": repr(offset[1])},
        },
        "CustomProperties": {}
        if time_stamp is None
        else {f"Detectors[{detector}].TimeStamp": stamp},
    }


def _write_image(group: Any, image: VeloxImage, metadata_bytes: int) -> None:
    frames = image.data if image.data.ndim == 3 else image.data[np.newaxis]
    stored = np.moveaxis(_records(frames, image.fields), 0, -1)
    chunks = (*stored.shape[:2], image.chunk) if image.chunk else None
    data = group.create_dataset(
        "Data", stored.shape, stored.dtype, chunks=chunks, compression=image.compression
    )
    count = stored.shape[2] - image.unwritten_frames
    data[:, :, :count] = stored[:, :, :count]
    trees = image.metadata
    if isinstance(trees, Mapping):
        trees = [trees] * stored.shape[2]
    columns = _columns(trees, metadata_bytes)
    group.create_dataset("Metadata", data=columns, chunks=(metadata_bytes, 1))
    group["FrameLookupTable"] = np.arange(len(trees), dtype=np.uint32)


def _write_stream(group: Any, stream: VeloxStream, metadata_bytes: int) -> None:
    _, rows, columns, channels = stream.counts.shape
    events: list[np.ndarray] = []
    starts = []
    for frame in stream.counts:
        starts.append(sum(len(each) for each in events))
        events += [
            np.append(np.repeat(np.arange(channels), pixel), 65535)
            for pixel in frame.reshape(-1, channels)
        ]
    data = np.concatenate(events).astype(np.uint16)
    group.create_dataset("Data", data=data[:, np.newaxis], chunks=(min(len(data), 8192), 1))
    group["Metadata"] = _columns([stream.metadata], metadata_bytes)
    if stream.table:
        group["FrameLocationTable"] = np.array(starts, np.uint64)[:, np.newaxis]
    settings = {
        "encoding": "uint16", "bincount": str(channels), "StreamEncoding": "uint16",
        "RasterScanDefinition": {"Width": str(columns), "Height": str(rows)},
    }  # fmt: skip
    _write_json(group, "AcquisitionSettings", settings)


def _columns(trees: Sequence[Mapping[str, Any]], length: int) -> np.ndarray:
    columns = np.zeros((length, len(trees)), np.uint8)
    for number, tree in enumerate(trees):
        text = np.frombuffer(json.dumps(tree).encode(), np.uint8)
        columns[: len(text), number] = text
    return columns


def _records(frames: np.ndarray, fields: str) -> np.ndarray:
    if frames.dtype.kind != "c":
        return frames
    part = frames.real.dtype.newbyteorder("<")
    records = np.empty(frames.shape, [(f"realFloat{fields}", part), (f"imagFloat{fields}", part)])
    records[f"realFloat{fields}"] = frames.real
    records[f"imagFloat{fields}"] = frames.imag
    return records


def _write_json(file: Any, name: str, tree: Mapping[str, Any]) -> None:
    import h5py

    text = json.dumps(tree, indent=4).replace("/", "\\/").encode()
    file.create_dataset(name, data=[text], dtype=h5py.string_dtype())
