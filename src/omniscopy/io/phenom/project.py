"""The tree of a project: images, and on each the spectra, lines and maps that were measured.

The layout is that of versions 1, 2 and 4 of the format, of which there are files; other versions
are tried with each of their layouts.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.phenom.content import Cursor
from omniscopy.io.phenom.varints import find_rows

MAGIC = b"EID2"
MSA, SPOT, LINE, MAP, DIFFERENCE, REGION = 1, 2, 3, 4, 5, 6
KINDS = {
    MSA: "MSA", SPOT: "Spot", LINE: "Line", MAP: "Map", DIFFERENCE: "Difference", REGION: "Region",
}  # fmt: skip
# version: bytes after the settings of a spectrum, and after what is known of its elements
_LAYOUTS = {1: (16, 0), 2: (16, 1), 4: (26, 5)}
_SETTINGS = (
    "high_voltage", "detector_elevation", "detector_azimuth", "live_time", "real_time",
    "slow_peaking_time", "fast_peaking_time", "detector_resolution",
)  # fmt: skip
_MORE_SETTINGS = ("sample_tilt", "working_distance", "detector_area")
_MOST_CHANNELS = 1 << 20


@dataclass(frozen=True)
class Counts:
    """Where rows of counts are in the content; `energies` are start and width in eV."""

    rows: tuple[int, ...]
    shape: tuple[int, ...]
    energies: tuple[float, float]


@dataclass
class Dataset:
    """A spectrum and what is known of it; `counts` of a line or a map too."""

    kind: int
    number: int
    spectrum: Counts
    settings: dict[str, Any]
    counts: Counts | None = None
    place: tuple[float, ...] = ()
    of: tuple[int, ...] = ()


@dataclass
class Image:
    """An image: where its TIFF file is in the content, and what was measured on it."""

    name: str
    tiff: tuple[int, int]
    datasets: list[Dataset] = field(default_factory=list)


def parse_project(path: str, content: bytes, *, partial: bool) -> tuple[list[Image], bool]:
    """Return the images of a project, and whether they are all."""
    if content[:4] != MAGIC:
        message = f"what is packed starts with {content[:4]!r}, not with {MAGIC!r}"
        raise UnsupportedFormatError(message, path=path, offset=0)
    cursor = Cursor(path, content, 4)
    version = cursor.count()
    known = _LAYOUTS.get(version)
    for layout in [known] if known else reversed(_LAYOUTS.values()):
        reader = _Reader(Cursor(path, content, cursor.at), layout)
        try:
            reader.read()
        except FormatError:
            if known and not partial:
                raise
            continue
        return reader.images, True
    if known and reader.images:
        return reader.images, False
    message = f"version {version} of the project is not known, or there is nothing in it"
    raise UnsupportedFormatError(message, path=path)


class _Reader:
    """Reads a project from front to end."""

    def __init__(self, cursor: Cursor, layout: tuple[int, int]) -> None:
        self.cursor = cursor
        self.after_settings, self.after_elements = layout
        self.images: list[Image] = []

    def read(self) -> None:
        """Read all images."""
        for _ in range(self.cursor.count()):
            tiff = self.cursor.block()
            image = Image(self.cursor.text(), tiff)
            number = self.cursor.count()
            self.images.append(image)
            for _ in range(number):
                image.datasets.append(self._dataset())

    def _dataset(self) -> Dataset:
        cursor = self.cursor
        (kind,) = cursor.numbers("B")
        if kind not in KINDS:
            message = (
                f"data of kind {kind} at {cursor.at - 1} of the unpacked project are not known"
            )
            raise FormatError(message, path=cursor.path)
        cursor.block()  # a small picture
        start, width, channels = cursor.numbers("ddI")
        spectrum = self._counts(1, (channels,), (start, width))
        settings = self._settings()
        for _ in range(3):  # elements that are there, perhaps, and excluded, by their numbers
            cursor.listed(lambda: cursor.numbers("B"))
        cursor.listed(lambda: cursor.numbers("3B"))
        _, number = cursor.numbers("BI")
        found = cursor.listed(lambda: cursor.numbers("2B"))
        settings["elements"] = [element for element, _ in found]
        cursor.take(self.after_elements)
        dataset = Dataset(kind, number, spectrum, settings)
        self._place(dataset)
        return dataset

    def _place(self, dataset: Dataset) -> None:
        """Read where a spectrum is from, and the counts of lines and maps."""
        cursor = self.cursor
        if dataset.kind == SPOT:
            dataset.place = cursor.numbers("2d")
        elif dataset.kind == REGION:
            dataset.place = cursor.numbers("4d")
        elif dataset.kind == DIFFERENCE:
            dataset.of = cursor.numbers("2I")
        elif dataset.kind in (LINE, MAP):
            dataset.place = cursor.numbers("4d")
            columns, rows = 1, 1
            if dataset.kind == MAP:
                cursor.listed(lambda: cursor.numbers("d"))
                columns, rows = cursor.numbers("2I")
            else:
                rows = cursor.count()
            channels, start, width = cursor.numbers("Idd")
            self._settings()
            cursor.take(2)
            shape = (columns, channels) if dataset.kind == MAP else (channels,)
            dataset.counts = self._counts(rows, shape, (start, width))
            cursor.take(rows * columns * 16)  # real time and live time of each pixel
            cursor.take(1 if dataset.kind == LINE else 0)

    def _settings(self) -> dict[str, Any]:
        cursor = self.cursor
        settings: dict[str, Any] = dict(zip(_SETTINGS, cursor.numbers("8d"), strict=True))
        settings["instrument"] = cursor.text()
        settings |= dict(zip(_MORE_SETTINGS, cursor.numbers("3d"), strict=True))
        cursor.take(self.after_settings)
        return settings

    def _counts(self, rows: int, inner: tuple[int, ...], energies: tuple[float, float]) -> Counts:
        """Pass counts; a single row is no dimension."""
        cursor = self.cursor
        length = int(np.prod([int(size) for size in inner], dtype=object))
        if rows < 1 or length < 1 or inner[-1] > _MOST_CHANNELS:
            message = f"{rows} rows of {inner} counts at {cursor.at} make no sense"
            raise FormatError(message, path=cursor.path)
        starts = find_rows(cursor.path, cursor.content, cursor.at, rows, length)
        cursor.at = int(starts[-1])
        shape = inner if rows == 1 and len(inner) == 1 else (rows, *inner)
        return Counts(tuple(starts.tolist()), shape, energies)
