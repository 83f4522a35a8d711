"""Write files of PantaRhei: an archive of arrays of NumPy, metadata as texts in JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

CALIBRATION = {"name": "Length", "unit": "m", "value": 2e-11, "pixel_factor": 4.0, "offset": 0.0}


def encode_metadata(
    calibrations: list[dict[str, Any] | None] | None = None, **others: Any
) -> dict[str, Any]:
    """Return metadata as PantaRhei keeps them.

    Parameters
    ----------
    calibrations : list of dict
        Of the dimensions, the last one of the array first.
    **others
        Further entries, or others in their place; ``__`` stands for a dot.
    """
    told = {name.replace("__", "."): value for name, value in others.items()}
    return {
        "repo_id": "ADF.7",
        "type": "2D",
        "scan_generator.detector": "pnADF",
        "scan_generator.dwell_time": 1.5e-5,
        "electron_gun.voltage": 200000,
        "condenser.mode": "STEM",
        "projector.camera_length": 0.02,
        "scan_driver.magnification": 10000000,
        "comment": "cut",
        "device.calib": [CALIBRATION, CALIBRATION, None] if calibrations is None else calibrations,
        **told,
    }


def write_prz(
    path: str | Path,
    data: np.ndarray,
    metadata: Mapping[str, Any] | None = None,
    *,
    packed: bool = False,
    pickled: bool = False,
) -> Path:
    """Write a file.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    data : ndarray
        The numbers.
    metadata : mapping, optional
        From `encode_metadata`.
    packed, pickled : bool
        Deflate the members; leave the texts in JSON out, as the first versions did.
    """
    said = encode_metadata() if metadata is None else dict(metadata)
    arrays: dict[str, Any] = {"meta_data": np.array([{"pickled": True}], object)}
    if not pickled:
        arrays["meta_data_json"] = np.array(json.dumps([said]))
        arrays["data_model_json"] = np.array(json.dumps([{"type": said.get("type")}]))
    arrays |= {"data": data, "file_format_version": np.array(7)}
    path = Path(path)
    with path.open("wb") as file:
        (np.savez_compressed if packed else np.savez)(file, **arrays)
    return path
