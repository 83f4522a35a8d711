"""Write TIFF files with the tags of microscopes; plain pages are written by tifffile."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

ExtraTag = tuple[int, int, int, Any, bool]
_BYTE, _TEXT, _DOUBLE = 1, 2, 12


def write_tiff(path: str | Path, pages: Sequence[np.ndarray] | np.ndarray, **options: Any) -> Path:
    """Write a TIFF file.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    pages : ndarray or sequence of ndarray
        One array (its leading dimensions become pages), or arrays of different shapes.
    **options
        Of `tifffile.TiffWriter` (`byteorder`, `bigtiff`, `imagej`, `ome`) and of its method
        `write` (`photometric`, `compression`, `tile`, `rowsperstrip`, `extratags`,
        `description`, `resolution`, `metadata`, `subfiletype`, ...). One of `write` may be a
        list with one entry for each array.
    """
    import tifffile

    path = Path(path)
    arrays = [pages] if isinstance(pages, np.ndarray) else list(pages)
    of_file = ("byteorder", "bigtiff", "imagej", "ome")
    file_options = {name: options.pop(name) for name in of_file if name in options}
    options.setdefault("metadata", None)
    with tifffile.TiffWriter(path, **file_options) as file:
        for number, array in enumerate(arrays):
            chosen = {
                name: value[number] if isinstance(value, list) and name != "extratags" else value
                for name, value in options.items()
            }
            file.write(array, **chosen)
    return path


def encode_fei_tag(sections: Mapping[str, Mapping[str, Any]]) -> ExtraTag:
    """Return the tag of FEI SEM: sections of ``name=value`` lines.

    Parameters
    ----------
    sections : mapping
        Such as ``{"Scan": {"PixelWidth": 3e-9, "PixelHeight": 3e-9}}``, lengths in m.
    """
    lines: list[str] = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{name}={value}" for name, value in values.items()), ""]
    text = "\r\n".join(lines).encode("ascii")
    return (34682, _BYTE, len(text), text, True)


def encode_zeiss_tag(values: Mapping[str, str], numbers: Sequence[float] = ()) -> ExtraTag:
    """Return the tag of Zeiss SEM: a name in capitals and, on the next line, its text.

    Parameters
    ----------
    values : mapping
        Such as ``{"AP_IMAGE_PIXEL_SIZE": "Image Pixel Size = 2.5 nm"}``.
    numbers : sequence of float
        Those without names, which come first.
    """
    lines = [repr(number) for number in numbers]
    lines += [part for name, text in values.items() for part in (name, text)]
    text = "\r\n".join(lines).encode("latin-1")
    return (34118, _BYTE, len(text), text, True)


def encode_dm_tags(
    *,
    scale: tuple[float, float],
    offset: tuple[float, float],
    units: str,
    pages: tuple[float, float, str] | None = None,
) -> list[ExtraTag]:
    """Return the tags of DigitalMicrograph: scale and offset along (y, x), in `units`.

    `pages` are scale, offset and units from page to page.
    """
    text = units.encode() + b"\0"
    of_pages: list[ExtraTag] = []
    if pages is not None:
        unit = pages[2].encode() + b"\0"
        of_pages = [
            (65005, _TEXT, len(unit), unit, True),
            (65008, _DOUBLE, 1, pages[1], True),
            (65011, _DOUBLE, 1, pages[0], True),
        ]
    return [
        *of_pages,
        (65003, _TEXT, len(text), text, True),
        (65004, _TEXT, len(text), text, True),
        (65006, _DOUBLE, 1, offset[1], True),
        (65007, _DOUBLE, 1, offset[0], True),
        (65009, _DOUBLE, 1, scale[1], True),
        (65010, _DOUBLE, 1, scale[0], True),
    ]


def encode_tvips_tag(
    *,
    pixel_size: tuple[float, float],
    magnification: float = 0.0,
    camera: str = "",
    mode: int = 1,
    voltage: float = 0.0,
    exposure: float = 0.0,
    stage: Sequence[float] = (0.0, 0.0, 0.0),
    byte_order: Literal["<", ">"] = "<",
) -> ExtraTag:
    """Return the tag of TVIPS EM-MENU (version 2): pixel size along (y, x) in nm.

    Parameters
    ----------
    pixel_size : (y, x), nm
        Of the image.
    magnification, camera : float, str
        Of the microscope, name of the camera.
    mode : int
        Of the microscope: 3 is diffraction.
    voltage, exposure, stage : float, V; float, ms; (x, y, z), m
        Of the microscope, the camera and the sample.
    byte_order : {"<", ">"}
        That of the file.
    """
    first = struct.pack(byte_order + "i80s40i", 2, b"", *([0] * 40))
    second = bytearray(6068)
    struct.pack_into(byte_order + "2f", second, 2724, pixel_size[1], pixel_size[0])
    struct.pack_into(byte_order + "f", second, 3028, voltage)
    struct.pack_into(byte_order + "if", second, 3288, mode, magnification)
    struct.pack_into(byte_order + "3f", second, 3308, *stage)
    struct.pack_into(byte_order + "f", second, 3708, exposure)
    name = camera.encode("utf-16-le")
    second[3524 : 3524 + len(name)] = name
    struct.pack_into(byte_order + "I", second, 6064, 0xAAAAAAAA)
    whole = first + bytes(second)
    return (37706, _BYTE, len(whole), whole, True)


def encode_sightx_text(
    *, mode: str = "MAG", selected: float = 20000.0, unit: str = "X", eos: str = "eosTEM"
) -> str:
    """Return the description of JEOL SightX: what was selected is a magnification or a length."""
    return (
        "<TemReporter><Instruments>JEM-1400Flash</Instruments>"
        f"<Eos><EosMode>{eos}</EosMode></Eos>"
        "<ElectronGun><AccelerationVoltage>120000</AccelerationVoltage></ElectronGun>"
        f"<ImageFormingSystem><ModeString>{mode}</ModeString>"
        f"<SelectorValue>{selected}</SelectorValue>"
        f"<SelectorUnitString>{unit}</SelectorUnitString></ImageFormingSystem>"
        "<GonioStage><StagePosition><TX>1.5</TX><TY>-2</TY></StagePosition></GonioStage>"
        "</TemReporter>"
    )
