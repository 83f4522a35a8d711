"""Write maps of Bruker Esprit: a file system in chunks, an XML header, packed pixels."""

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

Packing = Literal["pulses", "channels", "channels and pulses"]

MICROSCOPE = "<HV>200</HV><Mag>225000</Mag><DX>0.5</DX><DY>0.25</DY>"


def encode_pixel(counts: np.ndarray, column: int, packing: Packing) -> bytes:
    """Return one pixel of the stream of a map.

    Parameters
    ----------
    counts : ndarray, shape (channels,)
        Of the pixel.
    column : int
        Where it is in its row.
    packing : str
        The channel of every pulse in 12 bits; or the channels one after another, 19 at a time,
        with their counts in as few bytes as they need; or that with one pulse that is apart.
    """
    pulses = np.repeat(np.arange(counts.size), counts.astype(np.int64))
    if packing == "pulses":
        bits = "".join(f"{pulse:012b}" for pulse in pulses)
        bits += "0" * (-len(bits) % 16)
        words = [int(bits[at : at + 16], 2) for at in range(0, len(bits), 16)]
        body = struct.pack(f"<{len(words)}H", *words)
        number = len(pulses)
        kind, further = 1, b""
    else:
        apart = pulses[-1:] if packing == "channels and pulses" else pulses[:0]
        rest = counts.astype(np.int64).copy()
        rest[apart] -= 1
        body = b"".join(_instruction(rest[at : at + 19]) for at in range(0, rest.size, 19))
        kind, number = 3, len(apart)
        further = struct.pack(f"<I{number}H", 2 * number, *apart) if number else b""
    most = int(np.flatnonzero(counts)[-1]) + 1 if counts.any() else 0
    head = struct.pack("<IHHIHHHHH", column, most, 0, 0x0C0000, kind, 0, number, len(body), 0)
    return head + body + further


def encode_map(counts: np.ndarray, *, packings: Sequence[Packing] = ("pulses",)) -> bytes:
    """Return the stream of a map; pixels that counted nothing are left out.

    Parameters
    ----------
    counts : ndarray, shape (y, x, channels)
        Of the map.
    packings : sequence of str
        Of the pixels, in turn.
    """
    rows, columns, _ = counts.shape
    raw = bytearray(struct.pack("<4I", rows, columns, 4096, 1).ljust(0x1A0, b"\0"))
    for y in range(rows):
        there = [x for x in range(columns) if counts[y, x].any()]
        raw += struct.pack("<I", len(there))
        for x in there:
            raw += encode_pixel(counts[y, x], x, packings[(y * columns + x) % len(packings)])
    return bytes(raw)


def encode_image(
    planes: Mapping[str, np.ndarray], *, name: str = "", unused: str | None = None
) -> str:
    """Return the object of images of one size.

    Parameters
    ----------
    planes : mapping of str to ndarray
        Description and pixels, of an unsigned type, of each.
    name, unused : str, optional
        Of the object, and of a plane that was not measured.
    """
    first = next(iter(planes.values()))
    texts = []
    for number, (title, pixels) in enumerate(planes.items()):
        data = base64.b64encode(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()).decode()
        texts.append(
            f"<Plane{number}><Description>{title}</Description>"
            f"{'<Valid>0</Valid>' if title == unused else ''}<Data>{data}</Data></Plane{number}>"
        )
    named = f" Name='{name}'" if name else ""
    return (
        f"<ClassInstance Type='TRTImageData'{named}><ItemSize>{first.dtype.itemsize}</ItemSize>"
        f"<Width>{first.shape[1]}</Width><Height>{first.shape[0]}</Height>{''.join(texts)}"
        "</ClassInstance>"
    )


def encode_header(
    *, images: Sequence[str] = (), spectra: Sequence[str] = (), microscope: str = MICROSCOPE
) -> bytes:
    """Return the document of a map file.

    Parameters
    ----------
    images, spectra : sequences of str
        Objects of `encode_image`, and of `bruker_spx.encode_spectrum` for each map.
    microscope : str
        Elements of its settings.
    """
    sums = "".join(f"<SpectrumData{n}>{each}</SpectrumData{n}>" for n, each in enumerate(spectra))
    return (
        '<?xml version="1.0" encoding="WINDOWS-1252" standalone="yes"?><TRTSpectrumDatabase>'
        "<ClassInstance Type='TRTSpectrumDatabase' Name='Map'><Header><Date>9.8.2016</Date>"
        "<Time>14:48:10</Time></Header><ClassInstance Type='TRTSEMData'>"
        f"{microscope}</ClassInstance>{''.join(images)}{sums}</ClassInstance>"
        "</TRTSpectrumDatabase>"
    ).encode("cp1252")


def pack(content: bytes, *, block_bytes: int = 1 << 19) -> bytes:
    """Return bytes as the container packs them.

    Parameters
    ----------
    content : bytes
        To be packed.
    block_bytes : int
        Of a block before it is packed.
    """
    parts = [content[at : at + block_bytes] for at in range(0, len(content), block_bytes)]
    raw = bytearray(struct.pack("<4s4I", b"AACS", block_bytes, 0, len(parts), 1 << 30))
    raw = raw.ljust(0x80, b"\0")
    for part in parts:
        packed = zlib.compress(part, 1)
        next_one = len(raw) + 16 + len(packed)
        raw += struct.pack("<4I", len(packed), len(part), 0, next_one % 2**32) + packed
    return bytes(raw)


def write_sfs(
    path: str | Path,
    files: Mapping[str, bytes],
    *,
    chunk_bytes: int = 4096,
    rng: np.random.Generator | None = None,
) -> Path:
    """Write a container.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    files : mapping of str to bytes
        The files within it, all in the folder ``EDSDatabase``.
    chunk_bytes : int
        Of a chunk, of which 32 are its head.
    rng : Generator, optional
        Scatters the chunks.
    """
    path, payload = Path(path), chunk_bytes - 32
    parts = [_split(content, payload) for content in files.values()]
    tables = [-(-len(each) // (payload // 4)) for each in parts]
    tree_chunks = -(-512 * (len(files) + 1) // payload)
    total = 1 + tree_chunks + sum(tables) + sum(map(len, parts))
    free = iter(rng.permutation(total - 1) + 1 if rng else range(1, total))
    tree = [int(next(free)) for _ in range(tree_chunks)]
    chunks: dict[int, bytes] = {}
    items = [_item(0xFFFFFFFF, 0, -1, "EDSDatabase", folder=True)]
    for (name, content), pieces, count in zip(files.items(), parts, tables, strict=True):
        table = [int(next(free)) for _ in range(count)]
        places = [int(next(free)) for _ in pieces]
        chunks |= _chain(table, _split(struct.pack(f"<{len(places)}I", *places), payload))
        for number, piece in zip(places, pieces, strict=True):
            chunks |= _chain([number], [piece])
        items.append(_item(table[0], len(content), 0, name, folder=False))
    chunks |= _chain(tree, _split(b"".join(items), payload))
    first = struct.pack("<8s2fI", b"AASFSSGN", 2.6, 2.6, chunk_bytes).ljust(40, b"\0")
    chunks[0] = first + struct.pack("<III", tree[0], len(items), total)
    with path.open("wb") as file:
        file.write(b"AAMVHFSS".ljust(280, b"\0"))
        for number in range(total):
            file.write(chunks[number].ljust(chunk_bytes, b"\0"))
    return path


def _chain(numbers: Sequence[int], pieces: Sequence[bytes]) -> dict[int, bytes]:
    """Return chunks that each name the one that follows."""
    following = [*numbers[1:], -1]
    return {
        number: struct.pack("<i", link).ljust(32, b"\0") + piece
        for number, link, piece in zip(numbers, following, pieces, strict=True)
    }


def _instruction(counts: np.ndarray) -> bytes:
    lowest, highest = int(counts.min()), int(counts.max())
    if highest == 0:
        return bytes([0, counts.size])
    span = highest - lowest
    width = 1 if span < 16 and lowest < 256 else 2 if span < 256 and lowest < 65536 else 4
    width = 8 if width == 4 and span >= 65536 else width
    above = [int(count) - lowest for count in counts]
    head = bytes([width, counts.size]) + lowest.to_bytes(width, "little")
    if width > 1:
        return head + b"".join(value.to_bytes(width // 2, "little") for value in above)
    above += [0] * (len(above) % 2)
    return head + bytes(low | high << 4 for low, high in zip(above[::2], above[1::2], strict=True))


def _item(table: int, size: int, parent: int, name: str, *, folder: bool) -> bytes:
    raw = struct.pack("<IQ", table, size).ljust(40, b"\0") + struct.pack("<i", parent)
    raw = raw.ljust(220, b"\0") + bytes([folder])
    return raw.ljust(224, b"\0") + name.encode().ljust(288, b"\0")


def _split(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]
