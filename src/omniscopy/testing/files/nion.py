"""Data items of Nion Swift, byte by byte, for tests and demonstrations."""

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["item_properties", "write_ndata", "write_nion_hdf5"]


def item_properties(
    calibrations: Sequence[tuple[float, float, str]],
    *,
    sequence: bool = False,
    collection: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """Return the properties of an item from (offset, scale, units) of each dimension."""
    listed = [
        {"offset": offset, "scale": scale, "units": units} for offset, scale, units in calibrations
    ]
    return {
        "title": "HAADF",
        "created": "2021-09-24T18:20:11.123456",
        "dimensional_calibrations": listed,
        "intensity_calibration": {"offset": 0.0, "scale": 1.0, "units": "counts"},
        "is_sequence": sequence,
        "collection_dimension_count": collection,
        "datum_dimension_count": len(listed) - collection - int(sequence),
        "metadata": {
            "hardware_source": {"hardware_source_name": "Scan", "exposure": 0.5},
            "scan": {"pixel_time_us": 8.0, "rotation": 0.5},
            "instrument": {"high_tension": 60000.0},
        },
        **more,
    }


def write_ndata(path: str | Path, values: np.ndarray, properties: Mapping[str, Any]) -> Path:
    """Write an .ndata file, an archive in which nothing is packed, and return its path."""
    values = np.asarray(values, order="C")
    form = {"descr": values.dtype.str, "fortran_order": False, "shape": values.shape}
    head = repr(form).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + values.tobytes()
    text = json.dumps(properties).encode()
    content, entries = b"", b""
    for name, data in ((b"data.npy", array), (b"metadata.json", text)):
        form_of_member = struct.pack(
            "<HHHHHIII", 10, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data)
        )
        sizes = struct.pack("<HH", len(name), 0)
        entries += b"PK\x01\x02" + struct.pack("<H", 20) + form_of_member + sizes
        entries += struct.pack("<HHHII", 0, 0, 0, 0, len(content)) + name
        content += b"PK\x03\x04" + form_of_member + sizes + name + data
    end = struct.pack("<HHHHIIH", 0, 0, 2, 2, len(entries), len(content), 0)
    Path(path).write_bytes(content + entries + b"PK\x05\x06" + end)
    return Path(path)


def write_nion_hdf5(path: str | Path, values: np.ndarray, properties: Mapping[str, Any]) -> Path:
    """Write an HDF5 file of one item and return its path."""
    import h5py

    with h5py.File(path, "w") as file:
        file["data"] = values
        file["data"].attrs["properties"] = json.dumps(properties)
    return Path(path)
