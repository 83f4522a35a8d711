"""Nanosurf Studio files made with h5py, for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_nhf"]


def write_nhf(
    path: str | Path,
    segments: Mapping[str, Mapping[str, np.ndarray]],
    *,
    version: int = 2,
    calibration: tuple[float, float, str] = (-1e-6, 1e-6, "m"),
    size: tuple[float, float] = (2e-5, 1e-5),
    offset: tuple[float, float] | None = None,
    measurements: int = 1,
) -> Path:
    """Write images (y, x) of stored integers by segment and name; `size` is (y, x) in metres."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["nsf_file_version_major"] = version
        for number in range(measurements):
            group = file.create_group(f"group_{number:04d}")
            group.attrs["name"] = f"Measurement {number}"
            if version == 2:
                group.attrs["rect_axis_range"] = np.array(size)
            else:
                group.attrs["image_size_y"], group.attrs["image_size_x"] = size
            if offset is not None:
                group.attrs["scanner_offset_y"], group.attrs["scanner_offset_x"] = offset
            for place, (name, channels) in enumerate(segments.items()):
                inner = group.create_group(f"subgroup_{place:04d}")
                inner.attrs["segment_name" if version == 2 else "name"] = name
                for index, (title, stored) in enumerate(channels.items()):
                    _describe(group if version == 1 else inner, stored.shape, version)
                    told: dict[str, Any] = {}
                    start = "signal_calibration" if version == 2 else "base_calibration"
                    told[f"{start}_min"], told[f"{start}_max"], unit = calibration
                    told["signal_name" if version == 2 else "name"] = title
                    told["signal_calibration_unit" if version == 2 else "base_unit"] = unit
                    dataset = inner.create_dataset(
                        f"dataset_{index:04d}", data=stored[::-1].ravel()
                    )
                    dataset.attrs.update(told)
    return Path(path)


def _describe(group: Any, shape: tuple[int, ...], version: int) -> None:
    if version == 2:
        group.attrs["rect_axis_size"] = np.array(shape)
    else:
        group.attrs["image_number_of_lines"], group.attrs["image_points_per_line"] = shape
