"""EMD files as ncempy, emdfile and Prismatic lay them out, for tests and demonstrations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["EmdAxis", "write_emd", "write_emd_words", "write_prismatic"]


@dataclass(frozen=True)
class EmdAxis:
    """A dataset `dimN`: `values` may be all places, the first two, or words."""

    values: Any
    name: str | None = None
    units: str | None = None


def write_emd(
    path: str | Path,
    values: np.ndarray,
    axes: Sequence[EmdAxis],
    *,
    title: str = "image",
    about: Mapping[str, Mapping[str, Any]] | None = None,
    group_attrs: Mapping[str, Any] | None = None,
) -> Path:
    """Write a file of version 0.2, types of groups as numbers, and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    values : array
        In the order of the file.
    axes : sequence of EmdAxis
        For dim1, dim2, ….
    title : str
        Name of the group.
    about : mapping of group to attributes
        Such as `{"microscope": {"voltage": "300kV"}}`.
    group_attrs : mapping
        Attributes of the array's group besides its type.
    """
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update({"version_major": 0, "version_minor": 2})
        for name in ("microscope", "sample", "user", "comments"):
            file.create_group(name).attrs.update((about or {}).get(name, {}))
        group = file.create_group(f"data/{title}")
        group.attrs.update({"emd_group_type": 1, **(group_attrs or {})})
        group["data"] = values
        for number, axis in enumerate(axes):
            _write_axis(group, f"dim{number + 1}", axis)
    return Path(path)


def write_emd_words(
    path: str | Path,
    values: np.ndarray,
    axes: Sequence[EmdAxis],
    *,
    title: str = "datacube",
    units: str = "",
    metadata: Mapping[str, Mapping[str, Any]] | None = None,
    points: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write a file of version 1.0, types of groups as words, and return its path.

    Parameters are those of `write_emd`; `points` are the fields of a list beside the array.
    """
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update({"emd_group_type": "file", "version_major": 1, "version_minor": 0})
        root = file.create_group("root_of_all")
        root.attrs["emd_group_type"] = "root"
        group = root.create_group(title)
        group.attrs.update({"emd_group_type": "array", "python_class": "Array"})
        group["data"] = values
        group["data"].attrs["units"] = units
        for number, axis in enumerate(axes):
            _write_axis(group, f"dim{number}", axis)
        for name, entries in (metadata or {}).items():
            place = root.create_group(f"metadatabundle/{name}")
            place.attrs["emd_group_type"] = "metadata"
            for key, value in entries.items():
                place[key] = value
        if points is not None:
            beside = root.create_group("peaks")
            beside.attrs["emd_group_type"] = "pointlist"
            for key, value in points.items():
                beside[key] = value
    return Path(path)


def write_prismatic(
    path: str | Path,
    depths: Sequence[np.ndarray],
    *,
    name: str = "virtual_detector",
    step: float = 0.25,
    parameters: Mapping[str, Any] | None = None,
) -> Path:
    """Write a simulation of Prismatic and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    depths : sequence of arrays (y, x) or (angle, y, x)
        As displayed, one for each depth; they are stored with x first.
    name : str
        Of the detector.
    step : float
        Distance of positions of the probe, in Å.
    parameters : mapping
        Parameters of the simulation besides or instead of plausible ones.
    """
    import h5py

    with h5py.File(path, "w") as file:
        top = file.create_group("4DSTEM_simulation")
        top.attrs.update({"emd_group_type": 2, "version_major": 0, "version_minor": 5})
        said = top.create_group("metadata/metadata_0/original/simulation_parameters")
        said.attrs.update(
            {
                "E": np.float32(80), "sa": np.float32(20), "s": np.float32(1.5),
                "ns": np.int32(2), "zs": np.float32(0), **(parameters or {}),
            }
        )  # fmt: skip
        for number, values in enumerate(depths):
            group = top.create_group(f"data/realslices/{name}_depth{number:04d}")
            group.attrs["emd_group_type"] = 1
            stored = values.transpose().astype(np.float32)
            if values.ndim == 3:
                stored = np.moveaxis(values, 0, -1).transpose(1, 0, 2).astype(np.float32)
                angles = np.float32(5e-4 + 1e-3 * np.arange(len(values)))
                _write_axis(group, "dim3", EmdAxis(angles, "bin_outer_angle", "[mrad]"))
            group["realslice"] = stored
            for key, axis, size in (
                ("dim1", "R_x", values.shape[-1]),
                ("dim2", "R_y", values.shape[-2]),
            ):
                places = np.float32(step) * np.arange(size, dtype=np.float32)
                _write_axis(group, key, EmdAxis(places, axis, "[n_m]"))
    return Path(path)


def _write_axis(group: Any, key: str, axis: EmdAxis) -> None:
    values = axis.values
    if isinstance(values, list | tuple) and values and isinstance(values[0], str):
        values = np.array([word.encode() for word in values])
    group[key] = values
    for name, said in (("name", axis.name), ("units", axis.units)):
        if said is not None:
            group[key].attrs[name] = said
