"""Files of generalised oscillator strengths (GOSH), for tests and demonstrations."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Strengths", "write_gosh"]


class Strengths(NamedTuple):
    """Wave numbers in 1/m, energies of ejected electrons in eV, strengths (q, energy) in 1/eV."""

    wave_number: np.ndarray
    energy: np.ndarray
    values: np.ndarray
    onset: float = 0.0


def write_gosh(
    path: str | Path,
    tables: Mapping[str, Strengths],
    *,
    edges: Mapping[str, tuple[str, float]] = {},
) -> Path:
    """Write tables by the names of their groups ("C/K1"), as the makers of the format do.

    `edges` says which table stands for an edge, and for which part of its electrons.
    """
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["file_format"] = "GOSH"
        file.attrs["file_format_version"] = "0.7.2"
        about = file.create_group("metadata")
        about.attrs["name"] = "Oscillator strengths of a test"
        for edge, (place, part) in edges.items():
            group = about.create_group(f"edges_info/{edge}")
            group.attrs["table"], group.attrs["occupancy_ratio"] = place, np.float32(part)
        for name, table in tables.items():
            values = np.asarray(table.values, np.float32)
            values = values if values.ndim == 3 else values[:, :, None]
            group = file.create_group(name)
            group.create_dataset("data", data=values, compression="gzip")
            group.create_dataset("q", data=np.float32(table.wave_number), compression="gzip")
            group.create_dataset("free_energies", data=np.float32(table.energy), compression="gzip")
            names = [b"default"] if values.shape[2] == 1 else [
                b"variant %d" % n for n in range(values.shape[2])
            ]  # fmt: skip
            group.create_dataset("variants", data=np.asarray(names, "S128"))
            group.create_group("metadata").attrs["onset"] = table.onset
    return Path(path)
