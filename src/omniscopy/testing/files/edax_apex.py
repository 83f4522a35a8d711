"""Projects of EDAX APEX, in the types that its files have, for tests and demonstrations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_apex"]


def write_apex(
    path: str | Path,
    *,
    cube: np.ndarray | None = None,
    nested: bool = True,
    spectrum: np.ndarray | None = None,
    scan: np.ndarray | None = None,
    image: np.ndarray | None = None,
    maps: Mapping[str, np.ndarray] | None = None,
    company: str = "EDAX, LLC",
) -> Path:
    """Write a project with one live map and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    cube : array of integers, shape (y, x, energy)
        Counts, 0.5 µm apart along x and 0.25 µm along y.
    nested : bool
        Keep the spectrum of each pixel as one value, as APEX does.
    spectrum : array of int, shape (energy,)
        The sum, from -200 eV on in steps of 10 eV.
    scan : array of int, shape (point, energy)
        A line scan.
    image : array, shape (y, x)
        Of the field of view, kept as one row; pixels of 0.1 µm.
    maps : mapping of element to array (y, x)
        Maps of elements.
    company : str
        Who made the program.
    """
    import h5py

    with h5py.File(path, "w") as file:
        project = file.create_group("Project 1")
        project.attrs["Company"] = np.array([company.encode()])
        area = project.create_group("Sample 1/Area 1")
        live = area.create_group("Live Map 1")
        if cube is not None:
            _write_cube(live, cube, nested=nested)
        if spectrum is not None:
            live["SPC"] = _spectrum_record(spectrum)
        if scan is not None:
            _write_scan(area.create_group("LineScan 1"), scan)
        if image is not None:
            area["FOVIMAGE"] = image.ravel()
            for name, size in zip(("PixelHeight", "PixelWidth"), image.shape, strict=True):
                area["FOVIMAGE"].attrs[name] = np.array([size], np.int32)
            area["FOVIPR"] = _pixels(0.1)
        for name, values in (maps or {}).items():
            live[f"ROIs/{name}.dat"] = values
            live[f"ROIs/{name}.ipr"] = _pixels(0.5)
    return Path(path)


def _write_cube(group: Any, cube: np.ndarray, *, nested: bool) -> None:
    import h5py

    if nested:
        kind = h5py.h5t.array_create(h5py.h5t.py_create(cube.dtype), cube.shape[2:])
        space = h5py.h5s.create_simple(cube.shape[:2])
        dataset = h5py.h5d.create(group.id, b"SPD", kind, space)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(cube), kind)
    else:
        group["SPD"] = cube
    said = {
        "MicronPerPixelX": np.float32(0.5), "MicronPerPixelY": np.float32(0.25),
        "NumberOfLines": np.int32(cube.shape[0]), "NumberOfPoints": np.int32(cube.shape[1]),
        "NumberofChannels": np.int32(cube.shape[2]),
    }  # fmt: skip
    for name, value in said.items():
        group["SPD"].attrs[name] = np.array([value])


def _write_scan(group: Any, scan: np.ndarray) -> None:
    group["LSD"] = scan[None]
    group["LSD"].attrs["NumberOfSpectra"] = np.array([scan.shape[0]], np.int32)
    group["LSD"].attrs["NumberofChannels"] = np.array([scan.shape[1]], np.int32)
    group["SPC"] = _spectrum_record(scan.sum(axis=0))


def _spectrum_record(spectrum: np.ndarray) -> np.ndarray:
    kind = np.dtype(
        [
            ("eVOffset", "f4"), ("evPch", "f4"), ("NumberOfPoints", "i4"), ("KV", "f4"),
            ("LiveTime", "f4"), ("Label", "S16"), ("SpectrumCounts", "i4", spectrum.shape),
        ]
    )  # fmt: skip
    record = np.zeros(1, kind)
    record["eVOffset"], record["evPch"], record["NumberOfPoints"] = -200.0, 10.0, len(spectrum)
    record["KV"], record["LiveTime"], record["Label"] = 15.0, 42.0, b"sum"
    record["SpectrumCounts"][0] = spectrum
    return record


def _pixels(step: float) -> np.ndarray:
    kind = np.dtype([("MicronsPerPixelX", "f4"), ("MicronsPerPixelY", "f4")])
    return np.array([(step, 2 * step)], kind)
