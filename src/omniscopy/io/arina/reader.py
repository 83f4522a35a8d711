"""Read the frames of Dectris detectors, in the scan that they were taken in."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arina.arrays import FrameFiles
from omniscopy.io.arina.companions import frame_parts, microscope_beside
from omniscopy.io.arina.probe import SPECIFIC
from omniscopy.io.errors import FormatError
from omniscopy.io.nexus.groups import describe
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_numbers import is_array, member, number_at, numbers_of, text_at
from omniscopy.io.storage.hdf5_values import load

_DETECTOR = "entry/instrument/detector"
_OF_ELECTRONS = ("ARINA", "QUADRO", "ELA", "SINGLA")


def read(
    path: Path,
    *,
    partial: bool = False,  # noqa: ARG001 - HDF5 is whole or not
    scan_shape: tuple[int, int] | None = None,
    sync_offset: int = 0,
) -> Measurement:
    """Read the frames that a master file is of.

    Parameters
    ----------
    path : Path
        The master file; the files of frames are found beside it.
    partial : bool
        Makes no difference: a scan that was not finished is read either way, and marked.
    scan_shape : (rows, columns), optional
        Of the scan. Otherwise it is that of the microscope's own file beside, or the triggers and
        the frames of each; a square number of frames is taken for a square.
    sync_offset : int
        Number of the frame at the first position of the scan; below 0 where that many frames
        were missed before it.

    Returns
    -------
    Measurement
        One channel (y, x, ky, kx), (frame, ky, kx) or (ky, kx), in counts as they were stored, with
        the variables `flat_field` and `mask` (true where pixels are bad), which are not applied.
        Positions without a frame are 0.

    Raises
    ------
    FormatError
        A file of frames is missing or damaged, or the shape of the scan makes no sense.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        parts, frame, dtype = frame_parts(path, file)
        described = describe(file)
        detector = member(file, _DETECTOR)
        variables = _pixel_maps(member(file, SPECIFIC), detector, frame)
        triggers = tuple(number_at(file, f"{SPECIFIC}/{name}") for name in ("ntrigger", "nimages"))
        axes = _detector_axes(detector, frame)
        microscope = microscope_beside(path)
        metadata = _metadata(detector, microscope)
    count = sum(part.count for part in parts)
    scan, source = _scan(path, scan_shape, triggers, microscope, count)
    data = FrameFiles(tuple(parts), scan, frame, dtype, sync_offset)
    missing = data.missing
    reason = f"{missing} positions of the scan have no frame"
    names = ("y", "x") if len(scan) == 2 else ("frame",) * len(scan)
    positions = [Axis(name=name, size=size) for name, size in zip(names, scan, strict=True)]
    channel = Channel(
        title=path.stem.removesuffix("_master"),
        data=data,
        axes=[*positions, *axes],
        quantity="intensity",
        units="counts",
        modality="4D-STEM" if len(scan) == 2 else None,
        source=metadata.get("detector", {}).get("name"),
        metadata=metadata,
        original_metadata=described | ({"microscope": microscope} if microscope else {}),
        variables=variables,
        attrs=stated(
            {
                "scan_shape_from": source,
                "incomplete": {"missing_from": count, "reason": reason} if missing else None,
            }
        ),
    )
    return Measurement(channels=[channel])


def _scan(
    path: Path,
    scan_shape: tuple[int, int] | None,
    triggers: tuple[float | None, ...],
    microscope: Mapping[str, Any],
    count: int,
) -> tuple[tuple[int, ...], str]:
    """Return the shape of the scan, and where it is from."""
    most = 16 * max(count, 1) + 2**16
    if scan_shape is not None:
        rows, columns = (int(size) for size in scan_shape)
        if rows < 1 or columns < 1 or rows * columns > most:
            message = f"scan_shape {tuple(scan_shape)} makes no sense for {count} frames"
            raise FormatError(message, path=path)
        return (rows, columns), ""
    lines, each = (_whole(number) for number in triggers)
    wanted = lines * each if 0 < lines * each <= most else count
    sides = tuple(_whole(microscope.get(f"NumPixels{letter}")) for letter in "YX")
    if math.prod(sides) == wanted:
        return sides, "the file of the microscope"
    if lines > 1 and each > 1 and wanted == lines * each:
        return (lines, each), "triggers and the frames of each"
    root = math.isqrt(wanted)
    if root > 1 and root * root == wanted:
        return (root, root), "the number of frames, a square"
    return ((wanted,) if wanted > 1 else ()), ""


def _whole(number: Any) -> int:
    usable = isinstance(number, int | float) and math.isfinite(number) and 0 <= number < 2**31
    return int(number) if usable else 0


def _pixel_maps(specific: Any, detector: Any, frame: tuple[int, int]) -> dict[str, Variable]:
    """Return what is known of the pixels of the detector."""
    found = {}
    for name, place in (("flat_field", "flatfield"), ("mask", "pixel_mask")):
        dataset: Any = member(specific, place)
        dataset = member(detector, place) if dataset is None else dataset
        if not is_array(dataset) or dataset.shape != frame:
            continue
        numbers_of(dataset)
        values = load(dataset)
        data = values != 0 if name == "mask" else values
        found[name] = Variable(dims=("ky", "kx"), data=data, attrs={"units": "1"})
    return found


def _detector_axes(detector: Any, frame: tuple[int, int]) -> list[Axis]:
    """Return the angles of the pixels where the distance is known, else their numbers."""
    distance = number_at(detector, "detector_distance")
    axes = []
    for name, letter, size in zip(("ky", "kx"), "yx", frame, strict=True):
        pitch = number_at(detector, f"{letter}_pixel_size")
        center = number_at(detector, f"beam_center_{letter}") or 0.0
        if not distance or not pitch or distance <= 0 or pitch <= 0:
            axes.append(Axis(name=name, size=size))
            continue
        step = pitch / distance * 1e3
        axes.append(Axis(name=name, size=size, scale=step, offset=-center * step, units="mrad"))
    return axes


def _metadata(detector: Any, microscope: Mapping[str, Any]) -> dict[str, Any]:
    name = text_at(detector, "description")
    number = text_at(detector, "detector_number")
    energy = number_at(detector, "detectorSpecific/photon_energy")
    of_electrons = any(word in (name or "").upper() for word in _OF_ELECTRONS)
    noted = {key: value for key, value in microscope.items() if np.isscalar(value)}
    version = text_at(detector, "detectorSpecific/software_version")
    return stated(
        {
            "started": text_at(detector, "detectorSpecific/data_collection_date"),
            "instrument": {"vendor": "Dectris", "software": version},
            "beam": {
                "voltage": noted.get("High Tension") or (energy if of_electrons else None),
                "magnification": noted.get("Magnification"),
            },
            "detector": {
                "name": " ".join(word for word in (name, number) if word),
                "exposure_time": number_at(detector, "count_time"),
                "camera_length": noted.get("Camera Length"),
            },
            "scan": {
                "dwell_time": number_at(detector, "frame_time"),
                "rotation": noted.get("Rotation"),
            },
        }
    )
