"""SPMLab images, for tests and demonstrations."""

import struct
from pathlib import Path

import numpy as np

__all__ = ["write_spmlab"]

_PLACES = {
    # release: pixels, edges, scale, units, layers, kind
    4: (0x196, 0x1A2, 0x1B2, 0x1C2, 0x1E0, 0x400),
    5: (0x25C, 0x268, 0x288, 0x2A0, 0x2BE, 0x708),
    7: (0x29C, 0x2A8, 0x2C8, 0x2E0, 0x2FE, 0),
}
_TITLE = 0xA58 + 312


def write_spmlab(
    path: str | Path,
    counts: np.ndarray,
    *,
    release: int = 5,
    kind: int = 0,
    units: tuple[str, str] = ("nm", "µm"),
    before: bytes = b"",
) -> Path:
    """Write an image of 10 by 6 of its lateral unit, a count of which is 0.25 after -100.

    Parameters
    ----------
    path : path
        Where to write.
    counts : (y, x) or (layer, y, x), uint16
        The counts.
    release : int
        4, 5 or 7.
    kind : int
        What was measured; 0 is the height. In release 7 it is called "Topo".
    units : (str, str)
        Of the values and of the edges.
    before : bytes
        A header before the one that counts.
    """
    pixels, edges, scale, unit, layers, place = _PLACES[release]
    code = "f" if release < 5 else "d"
    raw = bytearray(0x0DE0)
    raw[:8] = f"#R{release}.0#  ".encode()[:8]
    struct.pack_into("<I16s20s40s", raw, 0x104, len(raw), f"#R{release}.02#".encode(),
                     b"05/06/97 10:11", b"a grating")  # fmt: skip
    struct.pack_into("<II", raw, pixels, counts.shape[-1], counts.shape[-2])
    struct.pack_into("<4" + code, raw, edges, -5.0, 5.0, 0.0, 6.0)
    struct.pack_into("<2" + code, raw, scale, 0.25, -100.0)
    struct.pack_into("<10s10s", raw, unit, *(each.encode("latin-1") for each in units))
    struct.pack_into("<H", raw, layers, counts.shape[0] if counts.ndim == 3 else 1)
    if release == 7:
        struct.pack_into("<64s", raw, _TITLE, b"Topo")
    else:
        struct.pack_into("<hhh", raw, place, kind, 1, 0)
    path = Path(path)
    path.write_bytes(before + bytes(raw) + counts.astype("<u2").tobytes())
    return path
