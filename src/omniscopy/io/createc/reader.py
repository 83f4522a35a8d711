"""Read Createc files: every image, forward and backward, and point spectra."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Scaled
from omniscopy.io.createc.arrays import Images
from omniscopy.io.createc.header import HEADER_BYTES, Header, parse_header
from omniscopy.io.createc.spectra import spectrum_channels
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Channel, LazyArray, Measurement
from omniscopy.io.surfaces import map_axes

_SPECTRA = "ParVERT"
_DTYPES = {"Parameter": "<i2", "Paramet32": "<f4", "Paramco32": "<f4"}
_NAMES = ("Topography", "Current")
_MOST_IMAGES = 64
_LONGEST_TEXT = 1 << 28


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the Createc file at `path`.

    Parameters
    ----------
    path : Path
        Images of the kind .dat in the three ways in which they were stored, or a spectrum of the
        kind .VERT.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        An image (y, x) for each quantity and direction, row 0 on top, labelled from the upper
        left: topography in m and current in A, what other inputs recorded in counts. Lines that
        were not scanned are NaN. A spectrum is along `sample`, with bias and height beside it.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged or contradicts its size.
    """
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
        header = parse_header(path, start)
        if header.kind.startswith(_SPECTRA):
            raw = start + file.read(_LONGEST_TEXT)
            header = parse_header(path, raw)
            channels = spectrum_channels(header, raw, partial=partial)
        else:
            channels = _images(header, len(start), partial=partial)
    return Measurement(
        channels=channels,
        metadata=header.metadata(),
        original_metadata={"kind": header.kind, **header.entries},
    )


def _images(header: Header, size: int, *, partial: bool) -> list[Channel]:
    kind = header.kind
    if kind not in _DTYPES or size < HEADER_BYTES:
        message = f"a header of {HEADER_BYTES} bytes was expected, of the kind {kind!r} are {size}"
        raise FormatError(message, path=header.path, offset=size)
    shape = (header.count("num.y"), header.count("num.x"))
    count = header.count("channels") if header.text("channels") else 1
    if count > _MOST_IMAGES:
        message = f"{count} images cannot be in a file"
        raise FormatError(message, path=header.path, key="Channels")
    lengths = [header.number(f"length {name}[a]") for name in "yx"]
    steps = [
        None if not length else length / size for length, size in zip(lengths, shape, strict=True)
    ]
    channels = []
    for index, (name, direction) in enumerate(_titles(header, count)):
        stored = Images(
            path=str(header.path),
            offset=HEADER_BYTES,
            count=count,
            plane=shape,
            file_dtype=np.dtype(_DTYPES[kind]),
            index=index,
            is_packed=kind == "Paramco32",
            partial=partial,
        )
        missing = stored.missing() if partial else None
        scale, units, quantity = _meaning(header, name)
        data: LazyArray = stored if scale is None else Scaled(stored, scale)
        channels.append(
            Channel(
                title=f"{name} {direction}".strip(),
                data=data,
                axes=map_axes(shape, steps, "Å"),
                quantity=quantity,
                units=units,
                modality="STM",
                source="Createc",
                metadata={"scan": {"direction": direction}} if direction else {},
                attrs={} if missing is None else {"incomplete": missing},
            )
        )
    return channels


def _titles(header: Header, count: int) -> list[tuple[str, str]]:
    """Return names and directions: all quantities forward, then all of them backward."""
    chosen = int(header.number("channelselectval", "chan(1,2,4)") or 0)
    bits = [bit for bit in range(32) if chosen > 0 and chosen & 1 << bit]
    names = [_NAMES[bit] if bit < len(_NAMES) else f"Input {bit}" for bit in bits]
    if names and count in (len(names), 2 * len(names)):
        ways = ("forward", "backward") if count > len(names) else ("forward",)
        return [(name, way) for way in ways for name in names]
    return [(f"Image {number + 1}", "") for number in range(count)]


def _meaning(header: Header, name: str) -> tuple[float | None, str | None, str | None]:
    """Return what a count is worth, its units and quantity."""
    known: dict[str, tuple[float | None, str, str]] = {
        "Topography": (header.metres_per_count, "m", "height"),
        "Current": (header.amperes_per_count, "A", "current"),
    }
    scale, units, quantity = known.get(name, (None, "", ""))
    found: tuple[Any, Any, Any] = (scale, units, quantity) if scale else (None, None, None)
    return found
