"""Maps and profiles of heights in the formats of profilometers, made byte by byte for tests."""

import hashlib
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

__all__ = [
    "write_al3d",
    "write_bcr",
    "write_frt",
    "write_gwyddion_text",
    "write_metropro",
    "write_mi",
    "write_nms",
    "write_opd",
    "write_opdx",
    "write_plu",
    "write_sdf",
    "write_vk4",
    "write_x3p",
]


def write_al3d(
    path: str | Path,
    heights: np.ndarray | None,
    texture: np.ndarray | None = None,
    *,
    step: tuple[float, float] = (2e-6, 1e-6),
    invalid: float = 3e15,
    tags: Mapping[str, Any] | None = None,
) -> Path:
    """Write an Alicona topography: heights (m) and a texture (y, x) or (y, x, 3) of uint8."""
    shape = (heights if heights is not None else np.asarray(texture)).shape
    planes: Any = [] if texture is None else np.atleast_3d(texture).transpose(2, 0, 1)
    said: dict[str, Any] = {
        "Cols": shape[1],
        "Rows": shape[0],
        "PixelSizeYMeter": step[0],
        "PixelSizeXMeter": step[1],
        "InvalidPixelValue": invalid,
        "TexturePtr": "0;1;2" if len(planes) == 3 else "0",
        "DepthImageOffset": 0,
        "TextureImageOffset": 0,
        "CreatingApplication": "MeasureSuite",
        **(tags or {}),
    }
    place = 17 + 52 * (2 + len(said)) + 256
    depth = b""
    if heights is not None:
        said["DepthImageOffset"] = place
        depth = _padded_rows(heights.astype("<f4"))
    if len(planes):
        said["TextureImageOffset"] = place + len(depth)
    written = {"Version": 1, "TagCount": len(said), **said}
    header = b"".join(
        key.encode().ljust(20, b"\0") + str(value).encode().ljust(30, b"\0") + b"\r\n"
        for key, value in written.items()
    )
    comment = b"a comment".ljust(254, b"\0") + b"\r\n"
    colours = b"".join(_padded_rows(plane.astype("u1")) for plane in planes)
    path = Path(path)
    path.write_bytes(b"AliconaImaging\0\r\n" + header + comment + depth + colours)
    return path


def _padded_rows(image: np.ndarray) -> bytes:
    rows = [row.tobytes() for row in np.ascontiguousarray(image)]
    return b"".join(row + b"\xff" * (-len(row) % 8) for row in rows)


def write_metropro(
    path: str | Path,
    phases: np.ndarray,
    frames: np.ndarray | None = None,
    *,
    resolution: int = 1,
    sign: int = 0,
    step: float = 1e-6,
    header_size: int = 834,
) -> Path:
    """Write a MetroPro map: phases as stored (y, x), and camera frames (frame, y, x)."""
    header = bytearray(header_size)

    def put(place: int, form: str, *values: Any) -> None:
        struct.pack_into(form, header, place, *values)

    count, height, width = (0, 0, 0) if frames is None else frames.shape
    put(0, ">4sHI", b"\x88\x1b\x03\x6f", 1, header_size)
    put(12, "30s", b"Fri Jun 23 15:37:19 2006")
    put(52, ">HHHhI", width, height, count, 255, 2 * width * height * count)
    put(68, ">HHI", phases.shape[1], phases.shape[0], 4 * phases.size)
    put(76, ">i", 1311439776)
    put(80, "82s", b"a comment")
    # Interferometric scale, wavelength, aperture, obliquity, magnification, pixel size.
    put(164, ">6f", 0.5, 6e-7, 0.1, 1.0, 20.0, step)
    put(218, ">h", resolution)
    put(232, ">h", sign)
    put(258, "40s", b"a part")
    cameras = b"" if frames is None else frames.astype(">u2").tobytes()
    path = Path(path)
    path.write_bytes(bytes(header) + cameras + phases.astype(">i4").tobytes())
    return path


def write_nms(
    path: str | Path,
    stored: np.ndarray,
    brightness: np.ndarray | None = None,
    *,
    low: float = 1.0,
    high: float = 3.0,
    step: tuple[float, float] = (250.0, 500.0),
) -> Path:
    """Write a NanoFocus map of numbers of 16 bits between the heights `low` and `high` (µm)."""
    header = bytearray(3468)
    struct.pack_into("<4I2d", header, 0, 2, 1, 0, 65535, low, high)
    header[32:41] = b"OM_MS_2.0"
    header[52:73] = b"Confocal Height Image"
    header[1076:1092] = b"2022-02-09T13:25"
    struct.pack_into("<2I2d", header, 1368, stored.shape[1], stored.shape[0], step[1], step[0])
    picture = b"" if brightness is None else brightness.astype("u1").tobytes()
    path = Path(path)
    path.write_bytes(bytes(header) + stored.astype("<u2").tobytes() + picture)
    return path


def write_plu(
    path: str | Path,
    layers: Sequence[np.ndarray],
    picture: np.ndarray | None = None,
    *,
    step: tuple[float, float] = (2.0, 1.0),
    kind: int = 3,
    version: int = 251,
    between: float = 1.0,
) -> Path:
    """Write a Sensofar topography: layers of heights (µm), each with the picture (y, x, 3).

    Of the kinds 1, 2 and 5 they are profiles, of kind 0 pictures (y, x, 3) or of one colour;
    `between` is from one profile to the next.
    """
    rows, columns = layers[0].shape[:2]
    header = bytearray(500)
    header[:24] = b"Fri Mar 10 16:35:59 2023"
    struct.pack_into("<I", header, 128, 1678462559)
    header[132:138] = b"(None)"
    calibration = (rows, columns, columns, between, step[1], step[0], 0.0, 0.0, 1.0, 0.0)
    struct.pack_into("<3I7f", header, 388, *calibration)
    struct.pack_into("<5I", header, 428, kind, 3, 0, 14, 3)
    pictures = int(picture is not None)
    struct.pack_into("<5B3xI", header, 488, 0, len(layers), version, 6, pictures, 1)
    body = b""
    for layer in layers:
        if layer.ndim == 3:
            body += struct.pack("<2I", *layer.shape[:2]) + layer.astype("u1").tobytes()
            continue
        body += struct.pack("<2I", *layer.shape) + layer.astype("<f4").tobytes()
        body += struct.pack("<2f", np.nanmin(layer), np.nanmax(layer))
        body += b"" if picture is None else picture.astype("u1").tobytes()
    path = Path(path)
    path.write_bytes(bytes(header) + body)
    return path


def write_frt(
    path: str | Path,
    stored: np.ndarray,
    *,
    size: tuple[float, float] = (2e-3, 1e-3),
    scale: float = 1e-9,
    version: str = "1.00",
    further: Mapping[int, bytes] | None = None,
) -> Path:
    """Write an FRT map of stored numbers (uint16 or int32), row 0 on top, and further blocks."""
    bits = 8 * stored.dtype.itemsize
    blocks = {
        0x66: struct.pack("<3I", stored.shape[1], stored.shape[0], bits),
        0x67: struct.pack("<5dI", size[1], size[0], 0.0, 0.0, 1.0, 1),
        0x0B: stored[::-1].astype(stored.dtype.newbyteorder("<")).tobytes(),
        0x6C: struct.pack("<Id", 5, scale),
        0x72: struct.pack("<3i", 1678463840, -1, -1),
        **(further or {}),
    }
    head = "<HI" if version == "1.00" else "<HQ"
    body = b"".join(struct.pack(head, key, len(raw)) + raw for key, raw in blocks.items() if raw)
    count = sum(bool(raw) for raw in blocks.values())
    path = Path(path)
    path.write_bytes(b"FRTM_GLIDERV" + version.encode() + struct.pack("<H", count) + body)
    return path


def write_mi(
    path: str | Path,
    buffers: Sequence[tuple[str, np.ndarray, float, str]],
    *,
    entries: Mapping[str, Any] | None = None,
) -> Path:
    """Write PicoView images: (label, stored numbers of 16 or 32 bits, range, unit) of each."""
    rows, columns = buffers[0][1].shape
    said = {
        "fileType": "Image",
        "version": "PicoView 0x10c04",
        "dateAcquired": "Tue Feb 18 15:00:51 2014",
        "comment": "a comment",
        "mode": "Contact AFM",
        "xPixels": columns,
        "yPixels": rows,
        "xOffset": 0.0,
        "yOffset": 0.0,
        "xLength": columns * 1e-8,
        "yLength": rows * 2e-8,
        "scanUp": "TRUE",
        "scanSpeed": 2.0,
        **(entries or {}),
    }
    lines = [f"{key:<14}{value}" for key, value in said.items()]
    for label, _, extent, unit in buffers:
        lines += [f"{'bufferLabel':<14}{label}", f"{'bufferRange':<14}{extent}"]
        lines += [f"{'bufferUnit':<14}{unit}", f"{'trace':<14}Trace"]
    is_long = buffers[0][1].dtype.itemsize == 4
    lines.append(f"{'data':<14}{'BINARY_32' if is_long else 'BINARY'}")
    raw = b"".join(stored[::-1].astype("<i4" if is_long else "<i2").tobytes()
                   for _, stored, _, _ in buffers)  # fmt: skip
    path = Path(path)
    path.write_bytes(("\n".join(lines) + "\n").encode() + raw)
    return path


def write_bcr(
    path: str | Path,
    stored: np.ndarray,
    *,
    entries: Mapping[str, Any] | None = None,
    encoding: Literal["latin-1", "utf-16-le"] = "latin-1",
) -> Path:
    """Write a BCR (int16) or BCRF (float32) map of numbers as stored."""
    kind = "bcrf" if stored.dtype.kind == "f" else "bcrstm"
    said = {
        "fileformat": kind + ("_unicode" if encoding == "utf-16-le" else ""),
        "headersize": 2048,
        "xpixels": stored.shape[1],
        "ypixels": stored.shape[0],
        "xlength": 100.0 * stored.shape[1],
        "ylength": 200.0 * stored.shape[0],
        "xunit": "nm",
        "yunit": "nm",
        "zunit": "um",
        "intelmode": 1,
        "bit2nm": 1,
        **(entries or {}),
    }
    text = "".join(f"{key} = {value}\n" for key, value in said.items() if value is not None)
    order: Literal["<", ">"] = "<" if said.get("intelmode") else ">"
    header = text.replace("\n", "\n% a comment\n", 1).ljust(2048).encode(encoding)
    path = Path(path)
    path.write_bytes(header + stored.astype(stored.dtype.newbyteorder(order)).tobytes())
    return path


def write_sdf(
    path: str | Path,
    stored: np.ndarray,
    *,
    scale: tuple[float, float, float] = (1e-9, 2e-6, 1e-6),
    is_text: bool = False,
    compression: int = 0,
    extra: bytes = b"",
) -> Path:
    """Write a surface data file of numbers as stored; `scale` is of z, y and x in metres.

    `extra` are bytes after the header, as some programs write them.
    """
    codes = {"u1": 0, "u2": 1, "u4": 2, "f4": 3, "i1": 4, "i2": 5, "i4": 6, "f8": 7}
    code = codes[stored.dtype.str[1:]]
    rows, columns = stored.shape
    z, y, x = scale
    path = Path(path)
    if is_text:
        header = (
            f"aISO-1.0\nManufacID = ISOTC213\nCreateDate = 040120100853\nNumPoints = {columns}\n"
            f"NumProfiles = {rows}\nXscale = {x}\nYscale = {y}\nZscale = {z}\n"
            f"Compression = {compression}\nDataType = {code}\n*\n"
        )
        lines = [" ".join("BAD" if np.isnan(n) else f"{n:.17g}" for n in row) for row in stored]
        path.write_text(header + "\n".join(lines) + "\n*\n< PartName > a part\n*\n", "utf-8")
        return path
    header_bytes = b"bISO-1.0" + b"ISOTC213".ljust(10) + b"040120100853" + b"050320101353"
    header_bytes += struct.pack("<2H4d3B", columns, rows, x, y, z, 0.0, compression, code, 0)
    path.write_bytes(header_bytes + extra + stored.astype(stored.dtype.newbyteorder("<")).tobytes())
    return path


def write_x3p(
    path: str | Path,
    stored: np.ndarray,
    *,
    valid: np.ndarray | None = None,
    step: tuple[float, float] = (2e-6, 1e-6),
    offset: tuple[float, float] = (0.0, 0.0),
    height: tuple[float, float] | None = None,
    replace: Mapping[str, str] | None = None,
    packed: bool = True,
) -> Path:
    """Write an X3P surface of numbers as stored; `height` is their increment and offset.

    Of three dimensions it is layers (layer, y, x). Stored records with the fields `x`, `y` and `z`
    have places of their own where these fields are there.
    """
    codes = {"i2": "I", "i4": "L", "f4": "F", "f8": "D"}
    types = {name: kind for name, (kind, *_) in (stored.dtype.fields or {}).items()}
    types.setdefault("z", stored.dtype)
    code = codes[types["z"].str[1:]]
    raw = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    layers, rows, columns = (1, *stored.shape)[-3:]
    heights = "" if height is None else (
        f"<Increment>{height[0]}</Increment><Offset>{height[1]}</Offset>"
    )  # fmt: skip
    checked = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    link = "" if valid is None else "<ValidPointsLink>bindata/valid.bin</ValidPointsLink>"
    plane = "".join(
        f"<C{name}><AxisType>A</AxisType><DataType>{codes[types[name.lower()].str[1:]]}</DataType>"
        f"</C{name}>"
        if name.lower() in types
        else f"<C{name}><AxisType>I</AxisType><DataType>D</DataType><Increment>{by}</Increment>"
        f"<Offset>{at}</Offset></C{name}>"
        for name, by, at in zip("XY", step[::-1], offset[::-1], strict=True)
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<p:ISO5436_2 xmlns:p="http://www.opengps.eu/2008/ISO5436_2"><Record1>'
        f"<Revision>ISO5436 - 2000</Revision><FeatureType>SUR</FeatureType><Axes>{plane}"
        f"<CZ><AxisType>A</AxisType><DataType>{code}</DataType>{heights}</CZ></Axes></Record1>"
        "<Record2><Date>2026-01-02T03:04:05</Date><Creator>someone</Creator><Instrument>"
        "<Manufacturer>A maker</Manufacturer><Model>not available</Model><Version>6.2</Version>"
        f"</Instrument></Record2><Record3><MatrixDimension><SizeX>{columns}</SizeX>"
        f"<SizeY>{rows}</SizeY><SizeZ>{layers}</SizeZ></MatrixDimension><DataLink>"
        "<PointDataLink>bindata/data.bin</PointDataLink>"
        f"<MD5ChecksumPointData>{checked}</MD5ChecksumPointData>{link}</DataLink></Record3>"
        "</p:ISO5436_2>"
    )
    for old, new in (replace or {}).items():
        text = text.replace(old, new)
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("bindata/data.bin", raw)
        archive.writestr("main.xml", text)
        if valid is not None:
            bits = np.packbits(valid.ravel(), bitorder="little")
            archive.writestr("bindata/valid.bin", bits.tobytes())
    return Path(path)


def write_opdx(
    path: str | Path,
    profiles: Mapping[str, np.ndarray] | None = None,
    maps: Mapping[str, np.ndarray] | None = None,
    *,
    scale: tuple[float, str] = (1e-3, "µm"),
    extent: tuple[float, str] = (10.0, "µm"),
    further: bytes = b"",
) -> Path:
    """Write a Dektak file of profiles and maps as stored, with a scale and an extent."""
    parts = b""
    if profiles:
        parts += _container("1D_Data", 0x7D, b"".join(
            _container(name, 0x46, _text("DataKind", "Height") + _quantity("Extent", *extent)
                       + _quantity("DataScale", *scale) + _array("Array", values))
            for name, values in profiles.items()
        ))  # fmt: skip
    if maps:
        parts += _container("2D_Data", 0x7D, b"".join(
            _container(name, 0x47, _text("DataKind", "Height")
                       + _quantity("Dimension1Extent", 2 * extent[0], extent[1])
                       + _quantity("Dimension2Extent", *extent)
                       + _quantity("DataScale", *scale) + _matrix("Matrix", values))
            for name, values in maps.items()
        ))  # fmt: skip
    stamp = (132803411537813893).to_bytes(8, "little")
    described = (
        _text("InstrumentName", "Dektak Profiler")
        + _item("Points", 0x07, struct.pack("<I", 3))
        + _item("IsGood", 0x01, b"\x01")
        + _item("TimeStamp", 0x15, b"\x01" + stamp)
        + _texts("Names", ["Raw", "Filtered"])
        + _unit("Unit", 1e6, "Micrometer", "µm")
    )
    parts += _container("MetaData", 0x7D, described)
    path = Path(path)
    path.write_bytes(b"VCA DATA\x01\x00\x00\x55" + parts + further + _item("", 0x7F, b""))
    return path


def _named(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<I", len(raw)) + raw


def _long(raw: bytes) -> bytes:
    """Return bytes with their length before them, that with the number of its own bytes."""
    size = len(raw)
    if size < 256:
        return struct.pack("<BB", 1, size) + raw
    return struct.pack("<BH", 2, size) + raw if size < 65536 else struct.pack("<BI", 4, size) + raw


def _item(name: str, kind: int, raw: bytes) -> bytes:
    return _named(name) + bytes([kind]) + raw


def _container(name: str, kind: int, content: bytes) -> bytes:
    return _item(name, kind, _long(content + _item("", 0x7F, b"\xff\xff")))


def _text(name: str, text: str) -> bytes:
    return _item(name, 0x12, _long(text.encode()))


def _texts(name: str, texts: Sequence[str]) -> bytes:
    return _item(name, 0x42, _named("a type") + _long(b"".join(map(_named, texts))))


def _quantity(name: str, value: float, symbol: str) -> bytes:
    raw = struct.pack("<d", value) + _named("Micrometer") + _named(symbol) + bytes(20)
    return _item(name, 0x13, _long(raw))


def _unit(name: str, value: float, word: str, symbol: str) -> bytes:
    raw = _named(word) + _named(symbol) + struct.pack("<d", value) + bytes(12)
    return _item(name, 0x18, _long(raw))


def _array(name: str, values: np.ndarray) -> bytes:
    raw = b"\x0d\x08\xaf\x2c\xc2" + values.astype("<f8").tobytes()
    return _item(name, 0x40, _named("double * __ptr64") + _long(raw))


def _matrix(name: str, values: np.ndarray) -> bytes:
    raw = struct.pack("<2I", *values.shape) + values.astype("<f4").tobytes()
    return _item(name, 0x45, _named("Matrix<float>") + _long(raw))


def write_gwyddion_text(
    path: str | Path,
    values: np.ndarray,
    *,
    title: str = "Height",
    width: str = "12.34 µm",
    height: str = "5678.9 nm",
    units: str | None = "m",
    words: Sequence[str] = ("Channel", "Width", "Height", "Value units"),
    encoding: str = "utf-8",
) -> Path:
    """Write text as Gwyddion exports it, in English or with other words."""
    said = [title, width, height, *([] if units is None else [units])]
    header = [f"# {word}: {text}" for word, text in zip(words, said, strict=False)]
    rows = ["\t".join(f"{value:.17g}" for value in row) for row in values]
    path = Path(path)
    path.write_bytes(("\n".join(header + rows) + "\n").encode(encoding))
    return path


def write_opd(
    path: str | Path, arrays: Mapping[str, np.ndarray], blocks: Mapping[str, Any] | None = None
) -> Path:
    """Write a Wyko file: arrays (y, x) of uint8, int16 or float32 by name, and further blocks.

    Whole numbers are of two bytes, others of four; `None` leaves a block out.
    """
    said = {
        "Title": "Step", "Date": "03/04/2005", "Time": "06:07:08", "Wavelength": 632.5, "Mult": 100,
        "Aspect": 1.25, "Pixel_size": 0.002, **(blocks or {}),
    }  # fmt: skip
    parts: list[tuple[str, int, bytes]] = []
    for name, array in arrays.items():
        stored = array[::-1].T
        head = struct.pack("<3H", *stored.shape, array.dtype.itemsize)
        parts.append((name, 3, head + stored.tobytes()))
    for name, value in said.items():
        if isinstance(value, str):
            parts.append((name, 5, value.encode("latin-1").ljust(20, b"\0")))
        elif isinstance(value, int):
            parts.append((name, 6, struct.pack("<h", value)))
        elif value is not None:
            parts.append((name, 7, struct.pack("<f", value)))
    entry = struct.Struct("<16shiH")
    head = b"\x01\0" + entry.pack(b"Directory", 1, entry.size * (len(parts) + 2), 0)
    head += b"".join(entry.pack(name.encode(), kind, len(raw), 0) for name, kind, raw in parts)
    path = Path(path)
    path.write_bytes(head + entry.pack(b"", 0, 0, 0) + b"".join(raw for _, _, raw in parts))
    return path


def write_vk4(
    path: str | Path,
    heights: Sequence[np.ndarray],
    light: np.ndarray | None = None,
    colours: np.ndarray | None = None,
    *,
    texts: Sequence[str] = ("Step", "Standard lens"),
    magic: bytes = b"VK4_",
) -> Path:
    """Write a Keyence file: counts of heights and of light (y, x), and colours (y, x, 3).

    A step is 1.5 µm along x, 1.25 µm along y and 100 pm in height.
    """
    conditions = [0] * 76
    conditions[0:8] = [304, 2019, 8, 7, 16, 5, 4, 120]
    conditions[24], conditions[56] = 500, 950
    conditions[42:45] = [1_500_000, 1_250_000, 100]
    start = 12 + (18 if magic == b"VK4_" else 17) * 4
    places = [0] * 17
    body = struct.pack("<7Ii68I", *conditions)
    places[0] = start
    blue_first = None if colours is None else np.ascontiguousarray(colours[..., ::-1])
    for place, image in [(1, blue_first), (3, light), *enumerate(heights, start=6)]:
        if image is None:
            continue
        places[place] = start + len(body)
        rows, columns, bits = *image.shape[:2], 8 * image.itemsize * image[0, 0].size
        body += struct.pack("<5I", columns, rows, bits, 0, image.nbytes)
        body += bytes(8 + 768) if image.ndim == 2 else b""
        body += image.tobytes()
    places[16] = start + len(body)
    body += b"".join(struct.pack("<I", len(text)) + text.encode("utf-16-le") for text in texts)
    path = Path(path)
    head = magic + bytes(8) + struct.pack("<17I", *places)
    path.write_bytes(head.ljust(start, b"\0") + body)
    return path
