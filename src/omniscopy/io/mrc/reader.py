"""Read MRC files: images, stacks, volumes and 4D-STEM scans.

Row 0 of the file is shown on top, as the programs of the field do. A pixel is cell / grid in
Å; diffraction patterns of Thermo Fisher cameras are in 1/Å. A cell that is not positive is no
calibration.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.array_notes import restore_array, split_shape_note
from omniscopy.io.arrays import Mapped, Transposed
from omniscopy.io.errors import FormatError
from omniscopy.io.mrc import direct_electron, fei
from omniscopy.io.mrc.arrays import ComplexShorts, CutShort, FourBit, Triples
from omniscopy.io.mrc.header import COLOUR, HEADER_BYTES, LETTERS, NOTE_TYPE, Header, read_header
from omniscopy.io.mrc.sections import section_coordinates
from omniscopy.io.recorded import Part, Recorded
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable

FIRST_VOLUME_STACK = 401
_COLOURS = Axis(name="channel", size=3, values=np.array(["red", "green", "blue"]))
# A file with less than this part of what its header says is damaged, not cut short.
_LEAST_PART = 1000
_METRES_TO_ANGSTROM = 1e10


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read an MRC file.

    Parameters
    ----------
    path : Path
        The file; ``*_info.txt`` of a Direct Electron camera is found beside it.
    partial : bool
        Accept a file that is shorter or longer than its header says: what is missing is NaN
        (0 in integers), what is too much is left out; both are said in `attrs`. A scan that was
        interrupted is filled up likewise, instead of being a series of frames.

    Returns
    -------
    Measurement
        One channel: (y, x), (frame, y, x), (z, y, x), (frame, z, y, x), or (y, x, ky, kx) where
        the metadata tell the scan and the number of sections agrees with it.

    Raises
    ------
    FormatError
        The header makes no sense or contradicts the size of the file.
    """
    path = Path(path)
    header = read_header(path)
    notes = _compare_sizes(path, header, partial=partial)
    if header.extended_type == NOTE_TYPE:
        restored = _restored(path, header, notes)
        if restored is not None:
            return restored
    info = direct_electron.read_info(path)
    if direct_electron.has_unsigned_bytes(info):
        header = replace(header, unsigned_bytes=True)
    visits = _visits(path, header, info) if not notes else None
    extras = _Extras(fei.read_records(path, header), info, visits)
    layout = _lay_out(path, header, extras, partial=partial)
    missing = math.prod(layout.shape) // math.prod(header.size[:2]) - header.size[2]
    visits = extras.visits
    if visits is not None and visits.left_out:
        reason = f"{visits.left_out} positions were left out by the list that the scan followed"
        notes = {"incomplete": {"missing_from": None, "reason": reason}}
    elif missing > 0:
        reason = f"the scan was interrupted: {missing} of its positions have no pattern"
        notes = {"incomplete": {"missing_from": header.size[2], "reason": reason}}
    if visits is None:
        pixels = _pixels(path, header, layout.shape)
    else:
        pixels = _placed(path, header, visits)
    inner = [_COLOURS] if header.mode == COLOUR else []
    axes, data = _displayed([*layout.axes, *inner], pixels)
    channel = Channel(
        title=extras.title(path),
        data=data,
        axes=axes,
        quantity="density" if any(axis.name == "z" for axis in axes) else "intensity",
        modality=extras.modality(path),
        source=extras.source(),
        coordinates=_tilts(path, header, extras, axes),
        attrs=notes,
    )
    return Measurement(
        channels=[channel],
        metadata=_common_metadata(header, extras),
        original_metadata=_original_metadata(header, extras),
    )


def _restored(path: Path, header: Header, attrs: dict[str, Any]) -> Measurement | None:
    """Return the array that we saved, `None` where what was noted of it is damaged."""
    with path.open("rb") as file:
        file.seek(HEADER_BYTES)
        text = file.read(header.extended_bytes).decode("utf-8", "replace")
    columns, rows, sections = header.size
    shape, note = split_shape_note(text, size=sections * rows * columns)
    if shape is None or shape[-2:] != (rows, columns):
        return None
    axes = [Axis(name=f"dim_{number}", size=size) for number, size in enumerate(shape)]
    data = _pixels(path, header, shape)
    channel = Channel(title=path.stem, data=data, axes=axes, attrs=attrs)
    restored, root = restore_array(channel, note)
    return None if restored is channel else Measurement(channels=[restored], attrs=root)


@dataclass(frozen=True)
class _Extras:
    """What is known beyond the header."""

    records: fei.FeiRecords | None
    info: dict[str, str] = field(default_factory=dict)
    visits: direct_electron.Visits | None = None

    def title(self, path: Path) -> str:
        name = fei.detector_name(self.records) if self.records is not None else None
        return name or path.stem

    @property
    def in_diffraction(self) -> bool:
        return self.records is not None and self.records.in_diffraction

    def source(self) -> str | None:
        if self.records is not None:
            return self.records.text("Microscope type")
        return self.info.get("Camera Name") or None

    def modality(self, path: Path) -> str | None:
        if self.records is not None:
            return fei.modality(self.records)
        return "STEM" if direct_electron.is_scan_movie(path, self.info) else None


@dataclass(frozen=True)
class _Layout:
    """The axes in the order of the file; `shape` is what they make."""

    axes: Sequence[Axis]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.size for axis in self.axes)


def _compare_sizes(path: Path, header: Header, *, partial: bool) -> dict[str, Any]:
    """Refuse a file of another size than the header says, or note it where that is accepted."""
    there = path.stat().st_size - header.data_offset
    if there == header.data_bytes:
        return {}
    columns, rows, sections = header.size
    said = f"the header says {sections} sections of {rows} x {columns} pixels"
    if not partial or there * _LEAST_PART < header.data_bytes:
        message = (
            f"{said}, which take {header.data_bytes} bytes, but {there} are there; "
            "the file is cut short or its header is damaged; partial=True reads what there is"
        )
        raise FormatError(message, path=path, offset=header.data_offset)
    if there > header.data_bytes:
        return {"bytes_left_out": there - header.data_bytes}
    item = header.file_dtype.itemsize
    found = there // item // header.row_items
    missing = {"section": found // rows, "row": found % rows}
    return {"incomplete": {"missing_from": missing, "reason": f"{said}, but the file ends before"}}


def _lay_out(path: Path, header: Header, extras: _Extras, *, partial: bool) -> _Layout:
    columns, rows, sections = header.size
    letters = [LETTERS[number - 1] for number in reversed(header.axes)]
    scan = _scan_shape(path, sections, extras, partial=partial)
    if scan is not None:
        return _Layout([*_scan_axes(scan, extras), *_detector_axes(header, extras)])
    if extras.in_diffraction or direct_electron.is_scan_movie(path, extras.info):
        return _Layout([*_frames(sections), *_detector_axes(header, extras)])
    if header.space_group >= FIRST_VOLUME_STACK and _divides(header.grid[2], sections):
        depth = header.grid[2]
        sizes = [depth, rows, columns]
        inner = [_spatial(header, a, n) for a, n in zip(letters, sizes, strict=True)]
        return _Layout([*_frames(sections // depth), *inner])
    if letters[0] != "z" or _is_volume(header):
        sizes = [sections, rows, columns]
        return _Layout([_spatial(header, a, n) for a, n in zip(letters, sizes, strict=True)])
    images = zip(letters[1:], [rows, columns], strict=True)
    return _Layout([*_frames(sections), *(_spatial(header, a, n) for a, n in images)])


def _is_volume(header: Header) -> bool:
    """Return whether the sections are the depth of one volume, not images one after another.

    Space group 0 means images (MRC2014). Cameras write 1 for movies too, but then without a
    thickness.
    """
    sections = header.size[2]
    whole = sections > 1 and header.grid[2] == sections and header.spacing("z") is not None
    return header.space_group > 0 and whole and not header.extended_type.startswith("FEI")


def _divides(depth: int, sections: int) -> bool:
    return depth > 0 and sections % depth == 0


def _scan_shape(
    path: Path, sections: int, extras: _Extras, *, partial: bool
) -> tuple[int, ...] | None:
    """Return the shape of the scan that the sections are of, or the first part of."""
    if sections < 2:
        return None
    if extras.records is not None:
        shape = extras.records.scan_shape()
        positions = 0 if shape is None else math.prod(shape)
        interrupted = partial and sections < positions <= sections * _LEAST_PART
        return shape if positions == sections or interrupted else None
    if extras.visits is not None:
        return extras.visits.shape
    if direct_electron.is_scan_movie(path, extras.info):
        return direct_electron.scan_shape(extras.info, sections)
    return None


def _scan_axes(scan: tuple[int, ...], extras: _Extras) -> list[Axis]:
    step = extras.records.scan_step() if extras.records is not None else None
    rows, columns, *repeated = scan
    if step is None:
        axes = [Axis(name="y", size=rows), Axis(name="x", size=columns)]
    else:
        y, x = (part * _METRES_TO_ANGSTROM for part in step)
        axes = [
            Axis(name="y", size=rows, scale=y, units="Å"),
            Axis(name="x", size=columns, scale=x, units="Å"),
        ]
    return axes + [Axis(name="frame", size=count) for count in repeated]


def _detector_axes(header: Header, extras: _Extras) -> list[Axis]:
    columns, rows, _ = header.size
    records = extras.records
    size = records.pixel_size() if records is not None and records.in_diffraction else None
    if size is None:
        return [Axis(name="ky", size=rows), Axis(name="kx", size=columns)]
    ky, kx = (part / _METRES_TO_ANGSTROM for part in size)
    return [
        Axis(name="ky", size=rows, scale=ky, units="1/Å"),
        Axis(name="kx", size=columns, scale=kx, units="1/Å"),
    ]


def _frames(count: int) -> list[Axis]:
    return [Axis(name="frame", size=count)] if count > 1 else []


def _spatial(header: Header, letter: str, size: int) -> Axis:
    spacing = header.spacing(letter)
    if spacing is None:
        return Axis(name=letter, size=size)
    return Axis(name=letter, size=size, scale=spacing, offset=header.offset(letter), units="Å")


def _pixels(path: Path, header: Header, shape: tuple[int, ...]) -> LazyArray:
    stored = (*shape[:-1], header.row_items)
    there = (path.stat().st_size - header.data_offset) // header.file_dtype.itemsize
    inner: LazyArray
    if there >= math.prod(stored):
        inner = Mapped(str(path), header.data_offset, stored, header.file_dtype)
    else:
        inner = CutShort(str(path), header.data_offset, stored, header.file_dtype, there)
    if header.mode == 3:
        return ComplexShorts(inner)
    if header.mode == COLOUR:
        return Triples(inner)
    if header.mode == 101:
        return FourBit(inner, shape[-1])
    return inner


def _visits(path: Path, header: Header, info: dict[str, str]) -> direct_electron.Visits | None:
    """Return where the frames of a movie are, for pixels that are numbers without gaps of NaN."""
    if not direct_electron.is_scan_movie(path, info) or header.file_dtype.kind not in "iu":
        return None
    if header.mode in (3, 101, COLOUR):
        return None
    return direct_electron.read_visits(path, info, header.size[2])


def _placed(path: Path, header: Header, visits: direct_electron.Visits) -> LazyArray:
    columns, rows, sections = header.size
    stride = rows * columns * header.file_dtype.itemsize
    part = Part(str(path), header.data_offset, sections)
    return Recorded(
        (part,), stride, 0, (rows, columns), header.file_dtype, visits.shape, visits.frames
    )


def _displayed(axes: Sequence[Axis], pixels: LazyArray) -> tuple[list[Axis], LazyArray]:
    """Put spatial axes that the file has in another order into the order z, y, x."""
    rank = {"frame": 0, "z": 1, "y": 2, "x": 3, "channel": 4}
    if any(axis.name not in rank for axis in axes):
        return list(axes), pixels
    order = sorted(range(len(axes)), key=lambda i: rank[axes[i].name])
    if order == list(range(len(axes))):
        return list(axes), pixels
    return [axes[i] for i in order], Transposed(pixels, tuple(order))


def _tilts(
    path: Path, header: Header, extras: _Extras, axes: Sequence[Axis]
) -> dict[str, Variable]:
    """Return the tilt of the stage for every frame of a series."""
    records, count = extras.records, header.size[2]
    if axes[0].name != "frame" or axes[0].size != count:
        return {}
    if records is None:
        return section_coordinates(path, header, count)
    if records.record_bytes * count > header.extended_bytes:
        return {}
    attrs = {"units": "deg", "quantity": "angle"}
    return {
        name.lower().replace(" ", "_"): Variable(dims=("frame",), data=data, attrs=attrs)
        for name, data in records.tilts(path, count).items()
    }


def _common_metadata(header: Header, extras: _Extras) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if extras.records is not None:
        metadata.update(fei.common_metadata(extras.records))
    elif extras.info:
        metadata.update(direct_electron.common_metadata(extras.info))
    if header.fields["labels"]:
        metadata["comment"] = "\n".join(header.fields["labels"])
    return metadata


def _original_metadata(header: Header, extras: _Extras) -> dict[str, Any]:
    original: dict[str, Any] = {"header": header.fields}
    if extras.records is not None:
        original["fei_first_record"] = dict(extras.records.first)
    if extras.info:
        original["direct_electron_info"] = extras.info
    return original
