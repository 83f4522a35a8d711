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

    Places of the frames are left out where `table` is false. `raster` is the whole of which the
    pixels are a part, `last_pixels` how many the last frame has, `trailing` what was counted after
    the last pixel.
    """

    counts: np.ndarray
    metadata: Mapping[str, Any] = field(default_factory=dict)
    table: bool = True
    raster: tuple[int, int] | None = None
    last_pixels: int | None = None
    trailing: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class VeloxLosses:
    """An EELS spectrum image: `counts` (y, x, channel), with `offset` and `dispersion` in eV."""

    counts: np.ndarray
    metadata: Mapping[str, Any] = field(default_factory=dict)
    offset: float = -20.0
    dispersion: float = 0.25
    exposure: float = 0.002


def write_velox(  # noqa: PLR0913 - all that a file may hold
    path: str | Path,
    images: Sequence[VeloxImage],
    *,
    version: int = 11,
    application: str = "3.4.1.26-d6b55f759a",
    spectra: Sequence[np.ndarray] = (),
    streams: Sequence[np.ndarray | VeloxStream] = (),
    losses: Sequence[VeloxLosses] = (),
    spectrum_metadata: Mapping[str, Any] | None = None,
    metadata_bytes: int = 64000,
    references: bool = False,
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
    losses : sequence of VeloxLosses
        EELS spectrum images.
    spectrum_metadata : mapping, optional
        Of every spectrum.
    metadata_bytes : int
        Bytes of the text of one frame, filled up with NUL.
    references : bool
        Keep the titles as Velox does from 3.12 on.
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
            if image.label is not None and references:
                reference = f"/SharedProperties/ImageSeriesDataReference/{number:032x}"
                _write_json(file, reference, {"dataPath": f"/Data/Image/{name}"})
                described: dict[str, Any] = {
                    "data": reference, "id": image.label, "title": "shown",
                }  # fmt: skip
                _write_json(file, f"Displays/ImageDisplay/{number:032x}", described)
            elif image.label is not None:
                display = {"label": quote(image.label), "visible": "true"}
                described = {"display": display, "dataPath": f"/Data/Image/{name}"}
                _write_json(file, f"Presentation/Displays/ImageDisplay/{number:032x}", described)
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
        for number, cube in enumerate(losses):
            group = file.create_group(f"Data/EelsSpectrumImage/{number + 3000:032x}")
            _write_losses(group, cube, metadata_bytes)
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
    for number, frame in enumerate(stream.counts):
        starts.append(sum(len(each) for each in events))
        last = stream.last_pixels if number == len(stream.counts) - 1 else None
        events += [
            np.append(np.repeat(np.arange(channels), pixel), 65535)
            for pixel in frame.reshape(-1, channels)[:last]
        ]
    data = np.concatenate([*events, stream.trailing]).astype(np.uint16)
    group.create_dataset("Data", data=data[:, np.newaxis], chunks=(min(len(data), 8192), 1))
    raster = stream.raster or (rows, columns)
    tree = {**stream.metadata, "Scan": {**stream.metadata.get("Scan", {}), **_scanned(stream)}}
    group["Metadata"] = _columns([tree], metadata_bytes)
    if stream.table:
        group["FrameLocationTable"] = np.array(starts, np.uint64)[:, np.newaxis]
    settings = {
        "encoding": "uint16", "bincount": str(channels), "StreamEncoding": "uint16",
        "RasterScanDefinition": {"Width": str(raster[1]), "Height": str(raster[0])},
    }  # fmt: skip
    _write_json(group, "AcquisitionSettings", settings)


def _scanned(stream: VeloxStream) -> dict[str, Any]:
    """Return the raster and the part of it that was measured, in the middle."""
    if stream.raster is None:
        return {}
    area: dict[str, str] = {}
    sides = (("top", "bottom"), ("left", "right"))
    for names, whole, part in zip(sides, stream.raster, stream.counts.shape[1:3], strict=True):
        first = (whole - part) // 2
        area |= {names[0]: repr(first / whole), names[1]: repr((first + part) / whole)}
    height, width = map(str, stream.raster)
    return {"ScanSize": {"width": width, "height": height}, "ScanArea": area}


def _write_losses(group: Any, image: VeloxLosses, metadata_bytes: int) -> None:
    rows, columns, channels = image.counts.shape
    chunks = (columns, channels, 1)
    group.create_dataset("Data", data=np.transpose(image.counts, (1, 2, 0)), chunks=chunks)
    group["Metadata"] = _columns([image.metadata], metadata_bytes)
    line = {"offset": image.offset, "dispersion": image.dispersion, "exposureTime": image.exposure}
    text = {"Type": "EelsAcquisitionMetadata", "Data": line}
    group["AcquisitionMetadata"] = _columns([text] * rows, 1536)
    _write_json(group, "Info", {"bincount": channels, "width": columns, "height": rows})


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
