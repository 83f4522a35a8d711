"""Movies of JPK (.h5-jpk), for tests and demonstrations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_h5_jpk"]

_GRID = "position-pattern.grid"


def write_h5_jpk(
    path: str | Path,
    channels: Sequence[tuple[str, str, bool, np.ndarray, tuple[float, float]]],
    *,
    size: tuple[float, float] = (1e-7, 2e-7),
    starts: Sequence[int] | None = None,
    settings: Mapping[str, Any] = {},
    measurements: int = 1,
) -> Path:
    """Write a movie.

    Parameters
    ----------
    path : path
        Where to write.
    channels : sequence of (name, unit, is_retrace, counts (frame, y, x), (multiplier, offset))
        Counts with the bottom row first; values are ``offset + multiplier * count``.
    size : (y, x), m
        Of the grid.
    starts : sequence of int, ms since 1970, optional
        When each frame was started.
    settings : mapping
        Further attributes of the measurement.
    measurements : int
        How often it is in the file.
    """
    import h5py

    with h5py.File(path, "w") as file:
        for number in range(measurements):
            group = file.create_group(f"Measurement_{number:03d}")
            frames, rows, columns = channels[0][3].shape
            said = {
                f"{_GRID}.ilength": columns, f"{_GRID}.jlength": rows, f"{_GRID}.ulength": size[1],
                f"{_GRID}.vlength": size[0], "timing-settings.scanRate": 400.0,
                "motion": b"bottomUp", **settings,
            }  # fmt: skip
            group.attrs.update(said)
            if starts is not None:
                group["meta-data/start-times"] = np.array(starts, np.int64).reshape(-1, 1)
            for index, (name, unit, is_retrace, counts, line) in enumerate(channels):
                channel = group.create_group(f"Channel_{index:03d}")
                channel.attrs["channel.name"] = name.encode()
                channel.attrs["retrace"] = str(is_retrace).lower().encode()
                channel.attrs["net-encoder.scaling.multiplier"] = line[0]
                channel.attrs["net-encoder.scaling.offset"] = line[1]
                channel.attrs["net-encoder.scaling.unit.unit"] = unit.encode()
                channel[name.capitalize()] = counts.reshape(frames, -1).T
                channel["thumbnail"] = np.zeros((4, 4), np.uint8)
    return Path(path)
