"""Master files of Dectris detectors and their files of frames, for tests and demonstrations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["pack_frame", "write_arina"]

_BLOCK = 8192  # bytes, as the filters take by default
_FILTERS = {"bslz4": 32008, "lz4": 32004}


def write_arina(
    path: str | Path,
    frames: np.ndarray,
    *,
    triggers: tuple[int, int] | None = None,
    per_file: int = 1000,
    packed: str | None = "bslz4",
    detector: Mapping[str, Any] | None = None,
    microscope: Mapping[str, Any] | None = None,
) -> Path:
    """Write a master file, the files of its frames beside it, and return its path.

    Parameters
    ----------
    path : str or Path
        Of the master file, such as `scan_master.h5`.
    frames : array of unsigned integers, shape (frame, ky, kx)
        As the detector counted.
    triggers : (number of triggers, frames of each), optional
        As many triggers as frames by default.
    per_file : int
        Frames in one file.
    packed : {"bslz4", "lz4"} or None
        How frames are packed.
    detector : mapping of path to value
        Entries of the detector's group besides or instead of plausible ones; `None` takes one out.
    microscope : mapping
        Attributes of the microscope's own file beside.
    """
    import h5py

    path = Path(path)
    stem = path.name.removesuffix(".h5").removesuffix("_master")
    lines, each = triggers or (len(frames), 1)
    said: dict[str, Any] = {
        "description": b"Dectris ARINA Si", "detector_number": b"A-01", "count_time": 1e-4,
        "frame_time": 2e-4, "detector_distance": 0.0, "x_pixel_size": 1e-4, "y_pixel_size": 1e-4,
        "beam_center_x": 0.0, "beam_center_y": 0.0, "detectorSpecific/ntrigger": np.uint64(lines),
        "detectorSpecific/nimages": np.uint64(each), "detectorSpecific/photon_energy": 200e3,
        "detectorSpecific/data_collection_date": b"2025-08-06T02:52:43.741+02:00",
        "detectorSpecific/pixel_mask": np.zeros(frames.shape[1:], np.uint32),
        "detectorSpecific/flatfield": np.ones(frames.shape[1:], np.float32),
        **(detector or {}),
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = b"NXentry"
        for key, value in said.items():
            if value is not None:
                entry[f"instrument/detector/{key}"] = value
        data = entry.create_group("data")
        for number, start in enumerate(range(0, len(frames), per_file)):
            name = f"data_{number + 1:06d}"
            beside = path.with_name(f"{stem}_{name}.h5")
            _write_frames(beside, frames[start : start + per_file], packed)
            data[name] = h5py.ExternalLink(beside.name, "/entry/data/data")
    if microscope is not None:
        with h5py.File(path.with_name(f"{stem}.h5"), "w") as file:
            attrs = {key: np.array([value]) for key, value in microscope.items()}
            file.create_group("STEM Metadata").attrs.update(attrs)
    return path


def _write_frames(path: Path, frames: np.ndarray, packed: str | None) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        if packed is None:
            group.create_dataset("data", data=frames, chunks=(1, *frames.shape[1:]))
            return
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1, *frames.shape[1:]))
        settings = (0, 2) if packed == "bslz4" else (0,)
        if packed == "bslz4" and not h5py.h5z.filter_avail(_FILTERS[packed]):
            settings = (0, 4, frames.itemsize, *settings)  # which the filter itself puts before
        plist.set_filter(_FILTERS[packed], h5py.h5z.FLAG_OPTIONAL, settings)
        space = h5py.h5s.create_simple(frames.shape)
        kind = h5py.h5t.py_create(frames.dtype)
        dataset = h5py.h5d.create(group.id, b"data", kind, space, plist)
        for number, frame in enumerate(frames):
            dataset.write_direct_chunk((number, 0, 0), pack_frame(frame, packed))


def pack_frame(frame: np.ndarray, packed: str = "bslz4") -> bytes:
    """Return a frame as the filter of HDF5 packs it."""
    from numcodecs import LZ4  # type: ignore[import-untyped]

    shuffled = packed == "bslz4"
    content = np.ascontiguousarray(frame).tobytes()
    left = len(content) % (8 * frame.itemsize) if shuffled else 0
    parts = [len(content).to_bytes(8, "big"), _BLOCK.to_bytes(4, "big")]
    for start in range(0, len(content) - left, _BLOCK):
        block = content[start : min(start + _BLOCK, len(content) - left)]
        if shuffled:
            block = _shuffle_bits(block, frame.itemsize)
        short = bytes(LZ4().encode(block))[4:]
        if len(short) >= len(block) and not shuffled:
            short = block
        parts += [len(short).to_bytes(4, "big"), short]
    return b"".join([*parts, content[len(content) - left :]])


def _shuffle_bits(block: bytes, width: int) -> bytes:
    """Return the first bits of all numbers, then the second ones, and so on."""
    numbers = np.frombuffer(block, np.uint8).reshape(-1, width)
    bits = np.unpackbits(numbers, axis=1, bitorder="little")
    return np.packbits(bits.T.copy(), axis=1, bitorder="little").tobytes()
