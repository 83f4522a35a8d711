"""Files of Topspin, a dataset and an XML document for each pattern, for tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

__all__ = ["write_topspin"]

_SERIES = "a0dba950-15bf-4a74-a81c-9cea8560c2c8"
_IMAGE = "39a4bbcd-2551-4912-9093-0eaed678dcff"
_DOCUMENT = "cb76b58d-7906-423d-b681-3af9587e9e76"


def write_topspin(
    path: str | Path,
    patterns: np.ndarray,
    *,
    image: np.ndarray | None = None,
    image_kind: str = "Position",
    places: Sequence[tuple[float, float] | None] | None = None,
    grouped: bool = False,
    planned: bool = False,
) -> Path:
    """Write a series of patterns, perhaps with an image, and return the path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    patterns : array, shape (y, x, ky, kx)
        Taken row by row, 2 nm apart from x = 100 nm and y = 50 nm on.
    image : array, shape (y, x)
        Calibrated from x = 10 nm and y = 20 nm on, 2 nm and 3 nm apart.
    image_kind : str
        What its calibration is of.
    places : sequence of (x, y) in m
        Where the beam was instead, `None` where the file does not say.
    grouped : bool
        Keep the procedure in a group, as files of several do.
    planned : bool
        Say in the procedure which grid was planned.
    """
    import h5py

    rows, columns, *_ = patterns.shape
    usual = [(100e-9 + 2e-9 * i, 50e-9 + 2e-9 * j) for j in range(rows) for i in range(columns)]
    flat = patterns.reshape(-1, *patterns.shape[2:])
    with h5py.File(path, "w") as file:
        file["Version"] = np.bytes_(b"1")
        top = file.create_group(_DOCUMENT) if grouped else file
        plan = _plan(rows, columns) if planned else ""
        top["Metadata"] = np.bytes_(_document(image_kind, plan).encode())
        top["Thumbnail"] = np.arange(9, dtype=np.uint8)
        for number, (pattern, place) in enumerate(zip(flat, places or usual, strict=True)):
            group = top.create_group(f"{_SERIES}/{number}")
            group["Data"] = pattern
            group["Metadata"] = np.bytes_(_item(place).encode())
        if image is not None:
            top[_IMAGE] = image
    return Path(path)


def _calibration(x: tuple[float, float], y: tuple[float, float], kind: str) -> str:
    sides = "".join(
        f"<{side}><Offset>{offset!r}</Offset><Scale>{scale!r}</Scale>"
        f"<Type><Index>1</Index><Text>{kind}</Text></Type></{side}>"
        for side, (offset, scale) in (("X", x), ("Y", y))
    )
    return f"<Calibration>{sides}</Calibration>"


def _item(place: tuple[float, float] | None) -> str:
    where = ""
    if place is not None:
        where = (
            "<Item><Name>RequestedBeamPosition</Name>"
            f"<Value><X>{place[0]!r}</X><Y>{place[1]!r}</Y></Value></Item>"
        )
    angles = _calibration((-0.002, 1e-4), (-0.003, 2e-4), "Angle")
    return (
        '<?xml version="1.0" encoding="utf-16"?>\r\n<Metadata Serializer="SeriesItemSerializer">'
        f"{angles}<Metadata>{where}</Metadata></Metadata>"
    )


def _plan(rows: int, columns: int) -> str:
    return (
        "<Item><Name>PointCollection</Name><Value><StepSize>2e-09</StepSize><Data>"
        f"<HalfWidth>{columns * 1e-9!r}</HalfWidth><HalfHeight>{rows * 1e-9!r}</HalfHeight>"
        "</Data></Value></Item>"
    )


def _document(kind: str, plan: str) -> str:
    side = _calibration((10e-9, 2e-9), (20e-9, 3e-9), kind)
    return (
        "<?xml version='1.0' encoding='us-ascii'?>\n"
        '<Metadata Serializer="ProcedureDocumentSerializer" Version="2">'
        f"<Id>{_DOCUMENT}</Id><Title>A test</Title><CreatedBy>A. Person</CreatedBy>"
        "<StartDateTime>05/12/2025 12:27:54</StartDateTime><Comments /><ProcedureData>"
        f"<Item><Name>Result</Name><Value><Id>{_SERIES}</Id></Value></Item>"
        "<Item><Name>DiffractionCameraLength</Name><Value>2.8</Value></Item>"
        f"<Item><Name>VirtualImage</Name><Value><Id>{_IMAGE}</Id>{side}</Value></Item>"
        f"{plan}</ProcedureData><HardwareSettings><Item><Name>GunHighVoltage</Name>"
        "<Value>200000</Value></Item></HardwareSettings></Metadata>"
    )
