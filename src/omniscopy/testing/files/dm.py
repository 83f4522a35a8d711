"""Write Gatan DigitalMicrograph files: DM3 and DM4 byte by byte, DM5 as HDF5."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

TagTree = Mapping[str, Any]
Triple = tuple[float, float, str]

PLAIN: Triple = (0.0, 1.0, "")
COLOUR, SQUARE_TRANSFORM, HALF_TRANSFORM, HALF_TRANSFORM_DOUBLE = 23, 5, 27, 28

_TAG_CODES = {
    "i2": 2, "i4": 3, "u2": 4, "u4": 5, "f4": 6, "f8": 7, "b1": 8, "i1": 9, "u1": 10, "i8": 11,
    "u8": 12,
}  # fmt: skip
_DATA_TYPES = {
    "i2": 1, "f4": 2, "c8": 3, "u1": 6, "i4": 7, "i1": 9, "u2": 10, "u4": 11, "f8": 12,
    "c16": 13, "b1": 14, "i8": 39, "u8": 40,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DmImage:
    """One image of a file.

    Parameters
    ----------
    data : array
        Pixels in the order of the file: the last index changes fastest, so that a spectrum
        image is ``(energy, y, x)`` and a 4-D scan ``(y, x, ky, kx)`` (or the other way round).
    calibrations : sequence of (origin, scale, units)
        One for every dimension, *the fastest first*; ``(i - origin) * scale`` is the coordinate.
    brightness : (origin, scale, units)
        Calibration of the values, in the same way.
    tags : nested dict
        The image's own tags: ``Microscope Info``, ``EELS``, ``Meta Data``, ...
    data_type, dimensions : optional
        What the file says of pixels that are packed; they follow from `data` otherwise.
    """

    data: np.ndarray
    name: str = ""
    calibrations: Sequence[Triple] = ()
    brightness: Triple = PLAIN
    tags: TagTree = field(default_factory=dict)
    data_type: int | None = None
    dimensions: tuple[int, ...] | None = None


def write_dm4(path: str | Path, *images: DmImage, **options: Any) -> None:
    """Write a DM4 file; `options` are those of `write_dm`."""
    write_dm(path, images, version=4, **options)


def write_dm3(path: str | Path, *images: DmImage, **options: Any) -> None:
    """Write a DM3 file; `options` are those of `write_dm`."""
    write_dm(path, images, version=3, **options)


def write_dm(
    path: str | Path,
    images: Sequence[DmImage],
    *,
    version: int = 4,
    little_endian: bool = True,
    thumbnail: bool = True,
    tags: TagTree | None = None,
) -> None:
    """Write images to a DigitalMicrograph file.

    Parameters
    ----------
    path : path
        File to write; an old one is replaced.
    images : sequence of DmImage
        At least one.
    version : 3 or 4
        DM3 has sizes of 4 bytes, DM4 of 8.
    little_endian : bool
        Byte order of the values; sizes and names are big endian always.
    thumbnail : bool
        Put a small colour picture first, as DigitalMicrograph does.
    tags : nested dict, optional
        Further tags of the file.
    """
    form = _Form(version, "<" if little_endian else ">")
    body = form.group(_file_tags(images, tags or {}, thumbnail=thumbnail))
    header = struct.pack(">I", version) + form.words(len(body)) + struct.pack(">I", little_endian)
    Path(path).write_bytes(header + body + bytes(8))


def write_dm5(
    path: str | Path, *images: DmImage, thumbnail: bool = True, tags: TagTree | None = None
) -> Path:
    """Write a DM5 file: the tags of DM4 as groups and attributes of HDF5.

    Parameters
    ----------
    path : path
        File to write; an old one is replaced.
    *images : DmImage
        At least one.
    thumbnail : bool
        Put a small colour picture first, as DigitalMicrograph does.
    tags : nested dict, optional
        Further tags of the file.

    Returns
    -------
    Path
        The file.
    """
    import h5py

    path = Path(path)
    with h5py.File(path, "w") as file:
        _write_tags(file, _file_tags(images, tags or {}, thumbnail=thumbnail))
    return path


def _write_tags(group: Any, tags: TagTree | Sequence[Any]) -> None:
    """Put tags into a group of HDF5; what has no name is counted in brackets."""
    counted = {f"[{number}]": value for number, value in enumerate(tags)}
    for name, value in (tags if isinstance(tags, Mapping) else counted).items():
        if isinstance(value, (Mapping, list)):
            _write_tags(group.create_group(name), value)
        elif isinstance(value, np.ndarray):
            group[name] = value.astype(np.uint32) if name == "Data" and _is_words(tags) else value
        elif isinstance(value, str):
            group.attrs[name] = np.bytes_(value.encode())
        elif isinstance(value, tuple):
            fields = [np.asarray(part) for part in value]
            kind = [(str(place), part.dtype) for place, part in enumerate(fields)]
            group.attrs[name] = np.array(value, kind)
        else:
            group.attrs[name] = value


def _is_words(tags: Any) -> bool:
    return isinstance(tags, Mapping) and tags.get("DataType") == COLOUR


def _file_tags(images: Sequence[DmImage], tags: TagTree, *, thumbnail: bool) -> dict[str, Any]:
    """Return the tags of a whole file."""
    entries = [_image_tags(image, number) for number, image in enumerate(images)]
    if thumbnail:
        entries.insert(0, _image_tags(_thumbnail_of(images[0]), len(images)))
    first = len(entries) - len(images)
    root: dict[str, Any] = {
        "ApplicationBounds": (np.int32(0), np.int32(0), np.int32(829), np.int32(1574)),
        "DocumentObjectList": [_document_object(n) for n in range(len(images))],
        "ImageList": entries,
        "ImageSourceList": [
            {"ClassName": "ImageSource:Simple", "Id": [np.uint32(0)], "ImageRef": np.uint32(n)}
            for n in range(first, len(entries))
        ],
        "InImageMode": True,
        **tags,
    }
    if thumbnail:
        size = (np.int32(64), np.int32(64))
        root["Thumbnails"] = [{"ImageIndex": np.uint32(0), "SourceSize_Pixels": size}]
    return root


def pack_colours(colours: np.ndarray) -> np.ndarray:
    """Return red, green and blue (last dimension, uint8) as one 32-bit number a pixel."""
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    return np.asarray((red << 16) | (green << 8) | blue, dtype=np.int32)


def pack_half_transform(image: np.ndarray, dtype: type = np.complex64) -> np.ndarray:
    """Return the Fourier transform of a real image as newer versions store it (types 27, 28).

    Columns are those of k = 0, -1, -2, ...; rows are shifted so that k = 0 is in the middle.
    """
    columns = image.shape[1] // 2 + 1
    whole = np.fft.fftshift(np.fft.fft2(image), axes=0)
    half = whole[:, [-column for column in range(columns)]]
    return half.astype(dtype)


def pack_square_transform(image: np.ndarray) -> np.ndarray:
    """Return the Fourier transform of a real square image as older versions store it (type 5)."""
    rows, columns = image.shape
    n = rows // 2
    if rows != columns or rows % 2:
        message = f"the image must be square and even, not {rows} by {columns}"
        raise ValueError(message)
    whole = np.fft.fftshift(np.fft.fft2(image))
    packed = np.empty((rows, rows), np.float32)
    for row in range(rows):
        for column in range(1, n):
            packed[row, 2 * column] = whole[row, n + column].real
            packed[row, 2 * column + 1] = whole[row, n + column].imag
        # Column 0 above the centre is free: there goes the column of k = -n, from below.
        spare = whole[n + row, 0] if 0 < row < n else whole[row, n]
        packed[row, :2] = spare.real, spare.imag
    packed[0, :2] = whole[n, 0].real, whole[0, 0].real
    packed[n, :2] = whole[n, n].real, whole[0, n].real
    return packed


def gatan_tags(
    *,
    signal: str = "EELS",
    data_format: str = "Spectrum image",
    voltage: float = 200e3,
    date: tuple[str, str] = ("14/12/2019", "13:30:41"),
) -> dict[str, Any]:
    """Return tags such as DigitalMicrograph writes on a STEM with filter and X-ray detector."""
    day, start = date
    tags: dict[str, Any] = {
        "DataBar": {
            "Acquisition Date": day,
            "Acquisition Time": start,
            "Device Name": "GIF CCD" if signal == "EELS" else "DigiScan",
        },
        "DigiScan": {"Flyback": 400.0, "Rotation": 15.0, "Sample Time": 20.0},
        "GMS Version": {"Created": "3.51.3720.0", "Saved": "3.51.3720.0"},
        "Meta Data": {"Format": data_format, "Signal": signal},
        "Microscope Info": {
            "Formatted Voltage": f"{voltage / 1e3:g}kV",
            "Illumination Mode": "STEM NANOPROBE",
            "Imaging Mode": "DIFFRACTION",
            "Indicated Magnification": 1.3e6,
            "Name": "FEI Titan Remote",
            "Operation Mode": "SCANNING",
            "Probe Current (nA)": 0.05,
            "STEM Camera Length": 115.0,
            "Stage Position": {
                "Stage Alpha": -0.5,
                "Stage Beta": 1.25,
                "Stage X": -469.984,
                "Stage Y": 122.856,
                "Stage Z": -210.385,
            },
            "Voltage": voltage,
        },
        "Session Info": {"Microscope": "Titan", "Operator": "R. Hooke", "Specimen": "SrTiO3"},
        "SI": {"Acquisition": {"Date": day, "Pixel time (s)": 0.05, "Start time": start}},
    }
    if signal == "EELS":
        tags["EELS"] = {
            "Acquisition": {"Date": day, "Exposure (s)": 0.04, "Start time": start},
            "Experimental Conditions": {
                "Collection semi-angle (mrad)": 33.0,
                "Convergence semi-angle (mrad)": 30.0,
            },
        }
        tags["EELS Spectrometer"] = {"Dispersion (eV/ch)": np.float32(0.25)}
    elif signal == "X-ray":
        tags["EDS"] = {
            "Acquisition": {"Date": day, "Dispersion (eV)": 10.0, "Start time": start},
            "Detector Info": {"Azimuthal angle": 45.0, "Elevation angle": 18.0},
            "Live time": 58.5,
            "Real time": 60.0,
        }
    return tags


def _image_tags(image: DmImage, number: int) -> dict[str, Any]:
    kind = image.data.dtype.str[1:]
    dimensions = image.dimensions or image.data.shape[::-1]
    missing = len(dimensions) - len(image.calibrations)
    return {
        "ImageData": {
            "Calibrations": {
                "Brightness": _calibration(image.brightness),
                "Dimension": [_calibration(c) for c in (*image.calibrations, *[PLAIN] * missing)],
                "DisplayCalibratedUnits": True,
            },
            "Data": image.data,
            "DataType": np.uint32(image.data_type or _DATA_TYPES[kind]),
            "Dimensions": [np.uint32(size) for size in dimensions],
            "PixelDepth": np.uint32(image.data.itemsize),
        },
        "ImageTags": image.tags,
        "Name": image.name,
        "UniqueID": [np.uint32(n + 4 * number) for n in range(4)],
    }


def _calibration(triple: Triple) -> dict[str, Any]:
    origin, scale, units = triple
    return {"Origin": np.float32(origin), "Scale": np.float32(scale), "Units": units}


def _thumbnail_of(image: DmImage) -> DmImage:
    ramp = np.arange(64, dtype=np.uint8)
    grey = np.broadcast_to(ramp[:, np.newaxis, np.newaxis], (64, 64, 3))
    return DmImage(data=pack_colours(grey), name=f"Image Of {image.name}", data_type=COLOUR)


def _document_object(source: int) -> dict[str, Any]:
    bounds = tuple(np.float32(edge) for edge in (0, 0, 128, 128))
    return {
        "AnnotationType": np.int32(20),
        "ImageDisplayType": np.int32(1),
        "ImageSource": np.uint64(source),
        "IsVisible": True,
        "Rectangle": bounds,
    }


@dataclass(frozen=True)
class _Form:
    """The two things in which files differ: width of sizes and order of bytes."""

    version: int
    order: Literal["<", ">"]

    def words(self, *numbers: int) -> bytes:
        return struct.pack(f">{len(numbers)}{'I' if self.version == 3 else 'Q'}", *numbers)

    def group(self, tags: TagTree | Sequence[Any]) -> bytes:
        pairs = tags.items() if isinstance(tags, Mapping) else [("", value) for value in tags]
        parts = [self.entry(name, value) for name, value in pairs]
        return b"\x01\x00" + self.words(len(parts)) + b"".join(parts)

    def entry(self, name: str, value: Any) -> bytes:
        is_group = isinstance(value, (Mapping, list))
        content = self.group(value) if is_group else self.value(value)
        text = name.encode("latin-1")
        start = struct.pack(">BH", 20 if is_group else 21, len(text)) + text
        return start + (self.words(len(content)) if self.version == 4 else b"") + content

    def value(self, value: Any) -> bytes:
        if isinstance(value, str):
            payload = value.encode("utf-16-le" if self.order == "<" else "utf-16-be")
            return self.described((20, 4, len(payload) // 2), payload)
        if isinstance(value, np.ndarray):
            return self.described((20, *self.element(value.dtype), value.size), self.raw(value))
        if isinstance(value, tuple):
            fields = [np.asarray(part) for part in value]
            codes = [word for part in fields for word in (0, self.code(part.dtype))]
            payload = b"".join(self.raw(part) for part in fields)
            return self.described((15, 0, len(fields), *codes), payload)
        scalar = np.asarray(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
            scalar = np.asarray(value, np.int32)
        return self.described((self.code(scalar.dtype),), self.raw(scalar))

    def described(self, info: tuple[int, ...], payload: bytes) -> bytes:
        return b"%%%%" + self.words(len(info), *info) + payload

    def element(self, dtype: np.dtype[Any]) -> tuple[int, ...]:
        if dtype.kind == "c":
            part = 6 if dtype.itemsize == 8 else 7
            return (15, 0, 2, 0, part, 0, part)
        return (self.code(dtype),)

    def code(self, dtype: np.dtype[Any]) -> int:
        return _TAG_CODES[dtype.str[1:]]

    def raw(self, values: np.ndarray) -> bytes:
        return np.ascontiguousarray(values, values.dtype.newbyteorder(self.order)).tobytes()
