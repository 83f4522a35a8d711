"""Write files of JEOL Analysis Station: trees of tags, images, streams of EDS events."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

CREATED = 42832.75  # 2017-04-07, 18:00

# type: struct code of its numbers
_CODES = {1: "B", 2: "H", 3: "i", 4: "f", 5: "d", 7: "h", 8: "i", 9: "f", 10: "d", 11: "B"}


def encode_tags(tree: Mapping[str, Any]) -> bytes:
    """Return tags: a value is (type, number, numbers, text or bytes), or a mapping of tags.

    Parameters
    ----------
    tree : mapping
        Of names; a value that has tags within it too is (type, value, mapping).
    """
    raw = b""
    for name, said in tree.items():
        inner: Mapping[str, Any] = {}
        kind, value = 0, b""
        if isinstance(said, Mapping):
            inner = said
        else:
            kind, given, *rest = said
            inner = rest[0] if rest else {}
            value = _value(kind, given)
        title = name.encode("cp932") + b"\0"
        raw += struct.pack("<BI", 1, len(title)) + title + struct.pack("<II", kind, len(value))
        raw += value + encode_tags(inner) + b"\xff"
    return raw


def encode_image(
    pixels: np.ndarray, *, title: str = "IMG1", element: int | None = None, **instrument: Any
) -> bytes:
    """Return an image, or an element map.

    Parameters
    ----------
    pixels : ndarray, shape (y, x)
        Of an unsigned type.
    title : str
        As it is shown.
    element : int, optional
        Atomic number, of a map.
    **instrument
        Tags instead of those of the microscope.
    """
    rows, columns = pixels.shape
    told = {"ScanSize": (4, 178.0), "Name": (12, "JEM-2100F"), "AccV": (4, 200.0)}
    told |= {"Currnnt": (4, 2.5), "Mag": (3, 40000)}
    described = {"Created": (5, CREATED), "Title": (12, title), "Size": (8, [columns, rows])}
    bits = {"Bits": (6, pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())}
    kind = "IMG" if element is None else "MAP2"
    short: dict[str, Any] = {
        "Instrument": told | instrument,
        "FileType": (12, f"JED-2200:{kind}"),
        "Image": described | {"Thumbnail": (6, bytes(40))},
    }
    long = short | {"Image": described | bits, "Palette": {"RGBQUAD": (8, [0] * 256)}}
    if element is not None:
        long["Map"] = {"ElementNo": (2, element), "DwellTime": (5, 0.1)}
    head = encode_tags(short) + b"\xff"
    start = 0x40 + 12 + len(head) + 100
    raw = struct.pack("<I32s", 52, b"JED-2200:LibJxImageForm")
    raw += struct.pack("<III", 0x40, len(head) + 12, start)
    raw = raw.ljust(0x40 + 12, b"\0") + head
    return raw.ljust(start + 12, b"\0") + encode_tags(long) + b"\xff"


def encode_events(
    counts: np.ndarray, *, pixels: int | None = None, images: np.ndarray | None = None
) -> np.ndarray:
    """Return the words of a stream.

    Parameters
    ----------
    counts : ndarray, shape (frame, y, x, 4096)
        What was counted.
    pixels : int, optional
        Of a row of the scan, if not all of its columns are in `counts`.
    images : ndarray, shape (frame, y, x), optional
        What a detector of electrons saw, below 4096.
    """
    frames, rows, columns, _ = counts.shape
    words: list[int] = []
    for frame in range(frames):
        for y in range(rows):
            words.append(0x9000 | (y * 4096 // rows))
            for x in range(columns):
                events = np.repeat(np.arange(4096), counts[frame, y, x])
                if len(events) or images is not None:
                    words.append(0x8000 | (x * 4096 // (pixels or columns)))
                if images is not None:
                    words.append(0xA000 | int(images[frame, y, x]))
                if len(events):
                    words += [0xB000 | int(event) for event in events]
                if (x + y) % 3 == 0:
                    words += [0x6000, 0x7000]  # marks of time
    return np.array(words, "<u2")


def encode_map_tags(scan: tuple[int, int], spectrum: np.ndarray, **others: Any) -> dict[str, Any]:
    """Return the tags of a map of (rows, columns), with the spectrum that is kept beside it.

    Parameters
    ----------
    scan : (rows, columns)
        Of the map.
    spectrum : ndarray
        Of whole numbers.
    **others
        Groups of tags in the place of others.
    """
    measured = {
        "Doc": {
            "LiveTime": (5, 325.5), "RealTime": (5, 366.5), "DwellTime(msec)": (5, 0.5),
            "Sweep": (2, 14), "CoefA": (5, 0.01), "CoefB": (5, -0.002),
            "CountRate": (3, 561, {"n": (3, 7)}),
        },
        "Meas Cond": {"Tpl": (12, "T4"), "Pixels": (12, f"{scan[1]}x{scan[0]}")},
        "MeasCond": {"AccKV": (4, 200.0), "AccNA": (4, 2.5), "Mag": (3, 40000)},
    }  # fmt: skip
    page = {"SEM": (12, "JEM-2100F"), "DetT": (12, "EX24075"), "ScanSize": (4, 178.0)}
    templates = {name: {"DigZ": (2, value)} for name, value in (("T1", 98), ("T4", 96))}
    tree: dict[str, Any] = {
        "PTTD Param": {
            "Params": {
                "PARAMPAGE1": (12, "EDXRF", {"NumCH": (3, 2048), "Tpl": templates}),
                "PARAMPAGE0": (12, "SEM", page),
            }
        },
        "EDS Data": {
            "AnalyzableMap MeasData": {
                **measured,
                "Data": {"EDXRF": (8, [int(count) for count in spectrum])},
            }
        },
    }
    return tree | others


def encode_pts(words: np.ndarray, tags: Mapping[str, Any]) -> bytes:
    """Return a map file.

    Parameters
    ----------
    words : ndarray
        From `encode_events`.
    tags : mapping
        From `encode_map_tags`.
    """
    tree = encode_tags(tags) + b"\xff"
    start = -(-(0x131 + 12 + len(tree)) // 16) * 16
    raw = b"\x30\x01\0\0PTTDFILE".ljust(20, b"\0")
    raw += struct.pack("<4I", 0x131, len(tree) + 12, start, 2 * len(words))
    raw = raw.ljust(0x128, b"\0") + struct.pack("<d", CREATED)
    return (raw.ljust(0x131 + 12, b"\0") + tree).ljust(start, b"\0") + words.tobytes()


def encode_project(views: Mapping[str, Sequence[str]]) -> bytes:
    """Return a project.

    Parameters
    ----------
    views : mapping of str to sequence of str
        The names of the files of each view.
    """
    tree = {
        "FileType": (12, "Analysis Station"),
        "Memo": (12, "Project"),
        "SampleInfo": {
            "0": {
                "Memo": (12, "Sample"),
                "ViewInfo": {
                    str(n): {
                        "Memo": (12, view),
                        "ViewData": {str(k): {"Filename": (12, f)} for k, f in enumerate(files)},
                    }
                    for n, (view, files) in enumerate(views.items())
                },
            }
        },
    }
    return bytes(12) + encode_tags(tree) + b"\xff"


def write_project(
    path: str | Path, files: Mapping[str, bytes], *, folder: str = "Sample/00_View000"
) -> Path:
    """Write a project of one view, and its files.

    Parameters
    ----------
    path : path
        Of the project; replaced if it exists.
    files : mapping of str to bytes
        Names and contents.
    folder : str
        Where they are, below that of the project.
    """
    path = Path(path)
    below = path.parent / folder
    below.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (below / name).write_bytes(content)
    windows = folder.replace("/", "\\")
    path.write_bytes(encode_project({"View000": [f".\\{windows}\\{name}" for name in files]}))
    return path


def encode_spectrum(
    counts: np.ndarray,
    line: tuple[float, float] = (0.01, -0.1),
    *,
    live: float = 42.5,
    real: float = 50.0,
) -> bytes:
    """Return a spectrum of a spot (.eds) whose channels are `line`: width and first energy, keV."""
    head = struct.pack("<I6xd80s32s", 0x101, 45000.5, b"A sample", b"A user")
    head += struct.pack("<i10d", 1, *range(10))
    head += struct.pack("<i9d", 7, 0, 1.75, 0.12, 45.0, 10.0, live, real, 15.0, 1234.0)
    head += struct.pack("<i4d", 3, 1.0, 2.0, 3.0, 4.0) * 2
    head += struct.pack("<2d32sid32si", *line, b"Live Time", 0, 30.0, b"T3", counts.size)
    footer = struct.pack("<4i", 0, 0, 0, 0)
    return head + counts.astype("<i4").tobytes() + footer


def encode_line(image: str, spectra: Sequence[str], places: Sequence[tuple[int, int]]) -> bytes:
    """Return spectra along a line (.pln), their places (x, y) in 4096ths of the image."""
    tree: dict[str, Any] = {
        "ID": (3, 1),
        "Memo": (3, 0),
        "Num": (3, len(spectra)),
        "Image": (12, f"Sample\\00_View000\\{image}"),
        "Marker": (2, len(spectra)),
    }
    for number, (name, place) in reversed([*enumerate(zip(spectra, places, strict=True))]):
        tree[str(number)] = {
            "Pos_MM": (10, [0.1, 0.2]),
            "Pos_PXL": (8, list(place)),
            "FileName": (12, f"Sample\\00_View000\\{name}"),
        }
    return struct.pack("<I", 10) + b"PointLine\0" + bytes(8) + encode_tags(tree) + b"\xff"


def _value(kind: int, given: Any) -> bytes:
    if isinstance(given, bytes):
        return given
    if isinstance(given, str):
        return given.encode("cp932") + b"\0"
    numbers = given if isinstance(given, list) else [given]
    return struct.pack(f"<{len(numbers)}{_CODES[kind]}", *numbers)
