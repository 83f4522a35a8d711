"""Write folders of fast free transients: settings, and an Igor wave for each line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.testing.files.igor import write_ibw

SETTINGS: dict[str, dict[str, Any]] = {
    "Parameters": {
        "trigger": 4e-4, "total_time": 8e-4, "sampling_rate": 1e6, "drive_freq": 277261.0,
        "Q": 432, "n_pixels": 3, "lines_per_image": 4,
    },
    "Processing": {
        "window": "blackman", "FastScanSize": 3e-6, "SlowScanSize": 2e-6, "roi": 3e-4,
    },
}  # fmt: skip


def encode_settings(settings: Mapping[str, Mapping[str, Any]] = SETTINGS) -> str:
    """Return settings as text."""
    lines = []
    for section, values in settings.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items()), ""]
    return "\n".join(lines)


def write_fast_free(
    path: Path, lines: np.ndarray, settings: Mapping[str, Mapping[str, Any]] = SETTINGS
) -> Path:
    """Write settings to `path`, and beside it `lines`, shape (line, transient, sample)."""
    path.write_text(encode_settings(settings), "utf-8")
    for number, values in enumerate(lines):
        write_ibw(path.with_name(f"FF_{number:04d}.ibw"), values.T, name="line", data_units="V")
    return path
