"""Write frames of Merlin cameras byte by byte."""

from pathlib import Path

import numpy as np

_KINDS = {"uint8": "U08", "uint16": "U16", "uint32": "U32"}


def write_merlin(
    path: str | Path,
    frames: np.ndarray,
    *,
    depth: int = 6,
    raw: bool = False,
    columns: int | None = None,
    flyback_ns: int = 20_820,
    settings: bool = True,
    further: str = "",
) -> Path:
    """Write frames as a Merlin camera does.

    Parameters
    ----------
    path : path
        The file of frames; settings are written beside it as `.hdr`.
    frames : ndarray of uint8, uint16 or uint32, shape (frames, rows, columns)
        As the camera shows them; the file has the lowest row first.
    depth : {1, 6, 12, 24}
        Bits of the counters.
    raw : bool
        Pack the pixels as the chips deliver them; one chip of 256 columns, or four.
    columns : int, optional
        Frames of a line of the scan, after which the beam flies back.
    flyback_ns : int
        For how long, in ns.
    settings : bool
        Write the settings.
    further : str
        Lines of the settings.

    Returns
    -------
    Path
        The file of frames.
    """
    path = Path(path)
    _, rows, width = frames.shape
    chips = 4 if (rows, width) == (512, 512) else 1
    kind = "R64" if raw else _KINDS[frames.dtype.name]
    size, time = 384 if chips == 1 else 768, 905_800_928
    content = b""
    for number, frame in enumerate(frames):
        fields = [
            "MQ1", f"{number + 1:06}", f"{size:05}", f"{chips:02}", f"{width:04}", f"{rows:04}",
            kind, "   2x2" if chips == 4 else "   1x1", "01",
            f"2021-05-07 18:51:{10 + time // 10**9:02}.{time % 10**9 // 1000:06}", "0.100000",
            "0", "0", "0", "4.0E+1", "MQ1A",
            f"2021-05-07T16:51:{10 + time // 10**9:02}.{time % 10**9:09}Z", "100000000ns",
            f"{depth}",
        ]  # fmt: skip
        content += (",".join(fields) + ",").encode().ljust(size, b"\0")
        upright = frame[::-1]
        content += _packed(upright, depth) if raw else upright.astype(_big(frame.dtype)).tobytes()
        time += 1_000_000
        if columns and (number + 1) % columns == 0:
            time += flyback_ns
    path.write_bytes(content)
    if settings:
        lines = "HDR,\t\nSensor Bias (V):\t120 V\nReadout System:\tMerlin Quad\n"
        lines += further + "End\t"
        path.with_suffix(".hdr").write_text(lines.ljust(2048), "utf-8")
    return path


def _big(dtype: np.dtype) -> np.dtype:
    return dtype.newbyteorder(">")


def _packed(frame: np.ndarray, depth: int) -> bytes:
    """Return a frame in words of 64 bits, the first pixel in the lowest bits."""
    if frame.shape == (512, 512):
        upper, lower = frame[:256], frame[256:]
        chips = [np.rot90(lower[:, 256:], 2), np.rot90(lower[:, :256], 2)]
        chips += [upper[:, 256:], upper[:, :256]]
        frame = np.concatenate(chips, axis=1)
    if depth == 24:
        parts = [frame >> 12, frame & 0xFFF]
        return b"".join(_words(part.ravel(), 16) for part in parts)
    return _words(frame.ravel(), {1: 1, 6: 8, 12: 16}[depth])


def _words(pixels: np.ndarray, bits: int) -> bytes:
    content = b""
    for group in pixels.reshape(-1, 64 // bits):
        word = sum(int(pixel) << (bits * place) for place, pixel in enumerate(group))
        content += word.to_bytes(8, "big")
    return content
