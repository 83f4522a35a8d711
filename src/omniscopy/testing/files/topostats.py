"""HDF5 files as TopoStats writes them, for tests and demonstrations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_topostats"]


def write_topostats(
    path: str | Path, image: np.ndarray, *, pixel: float = 1.5, further: Mapping[str, Any] = {},
    version: tuple[str, Any] = ("topostats_version", b"2.4"),
) -> Path:  # fmt: skip
    """Write an image in nm, `pixel` nm a pixel, and what else there is by its path in the file."""
    import h5py

    with h5py.File(path, "w") as file:
        file["image"] = image
        file["pixel_to_nm_scaling"] = pixel
        file["filename"] = b"minicircle"
        file[version[0]] = version[1]
        file["config/filter/run"] = True
        for name, values in further.items():
            file[name] = values
    return Path(path)
