"""HDF5 files as Odemis writes them for Delmic's instruments, for tests and demonstrations."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["DelmicAcquisition", "write_delmic"]


@dataclass(frozen=True)
class DelmicAcquisition:
    """Values (channel, time, depth, y, x) with what the file says of them, lengths in m."""

    values: np.ndarray
    title: str = "Secondary electrons survey"
    pixel: float = 1e-9
    center: tuple[float, float] = (0.0, 0.0)
    scales: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    physical: Mapping[str, Any] = field(default_factory=dict)
    labels: str = "CTZYX"


def write_delmic(path: str | Path, acquisitions: Sequence[DelmicAcquisition]) -> Path:
    """Write acquisitions and return the path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    acquisitions : sequence of DelmicAcquisition
        In the order of their groups.
    """
    import h5py

    with h5py.File(path, "w") as file:
        for number, each in enumerate(acquisitions):
            group = file.create_group(f"Acquisition{number}")
            image = group.create_group("ImageData")
            image["Image"] = each.values
            image["Image"].attrs["DIMENSION_LABELS"] = list(each.labels)
            for letter, place in zip("XY", each.center, strict=True):
                image[f"DimensionScale{letter}"] = each.pixel
                image[f"{letter}Offset"] = place
            for letter, (values, units) in each.scales.items():
                image[f"DimensionScale{letter}"] = values
                image[f"DimensionScale{letter}"].attrs["UNIT"] = units
            image["TOffset"] = 1753200373.5
            said = {
                "Title": each.title, "IntegrationTime": [1e-5], "AccelerationVoltage": [10e3],
                "ExtraSettings": [json.dumps({"Camera": {"gain": [2, None]}})],
                "HardwareName": ["FakeSEM"], **each.physical,
            }  # fmt: skip
            for key, value in said.items():
                group[f"PhysicalData/{key}"] = value
            group["SVIData/Company"] = "Delmic"
            group["SVIData/WriterVersion"] = "Odemis 3.7"
    return Path(path)
