"""Read projects of Phenom microscopes."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.phenom.arrays import PackedCounts, PackedImage
from omniscopy.io.phenom.content import unpack
from omniscopy.io.phenom.images import describe_image, image_metadata, pixel_size
from omniscopy.io.phenom.project import (
    DIFFERENCE,
    KINDS,
    LINE,
    MAP,
    Counts,
    Dataset,
    Image,
    parse_project,
)
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.spectrum_images import energy_axis, require_rebin

_KILO = 1e-3
_COLOURS = ("red", "green", "blue", "alpha")


def read(path: Path, *, partial: bool = False, rebin_energy: int = 1) -> Measurement:
    """Read a project of a Phenom microscope.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read a file that is cut short, as far as it goes.
    rebin_energy : int
        Channels of lines and maps that are taken together.

    Returns
    -------
    Measurement
        A channel for each image, (y, x) or with colours (y, x, channel), and for what was measured
        on it: spectra along `energy`, lines (x, energy) along their length, and maps
        (y, x, energy) where they are on their image. Energies are in keV, lengths in µm. The
        places of maps are those in the field of view, whose middle is that of the image.

    Raises
    ------
    FormatError
        The file is cut short or damaged, or unpacks to absurdly much.
    UnsupportedFormatError
        It is a packed file of another kind, or of an unknown version.
    """
    path = Path(path).absolute()
    require_rebin(path, rebin_energy)
    content, is_whole = unpack(str(path))
    if not is_whole and not partial:
        message = "the packed project ends too early; the file is cut short"
        raise FormatError(message, path=path, offset=path.stat().st_size)
    images, are_all = parse_project(str(path), content, partial=partial)
    channels: list[Channel] = []
    for image in images:
        channels += _channels(path, content, image, rebin_energy)
    not_read = {} if are_all and is_whole else {"not_read": "the end of the project"}
    return Measurement(channels=channels, attrs=not_read)


def _channels(path: Path, content: bytes, image: Image, rebin: int) -> list[Channel]:
    start, size = image.tiff
    shape, dtype, tree = describe_image(str(path), content[start : start + size])
    pixel = pixel_size(tree)
    metadata = image_metadata(tree)
    axes = _image_axes(shape, pixel)
    found = [
        Channel(
            title=image.name or path.stem,
            data=PackedImage(str(path), image.tiff, shape, dtype),
            axes=axes,
            quantity="intensity",
            modality="SEM",
            source=metadata.get("instrument", {}).get("model") or "Phenom",
            metadata=metadata,
            original_metadata=tree,
        )
    ]
    field = (shape[0] * pixel[0], shape[1] * pixel[1]) if pixel is not None else None
    return found + [
        _dataset(path, image, dataset, field, metadata, rebin) for dataset in image.datasets
    ]


def _image_axes(shape: tuple[int, ...], pixel: tuple[float, float] | None) -> list[Axis]:
    axes = [Axis(name=name, size=size) for name, size in zip("yx", shape, strict=False)]
    if pixel is not None:
        axes = [
            Axis(name=axis.name, size=axis.size, scale=step, units="µm")
            for axis, step in zip(axes, pixel, strict=True)
        ]
    if len(shape) == 3:
        words = np.array(_COLOURS[: shape[2]]) if shape[2] <= 4 else None
        axes.append(Axis(name="channel", size=shape[2], values=words))
    return axes


def _dataset(  # noqa: PLR0917 - all that a spectrum is described by
    path: Path,
    image: Image,
    dataset: Dataset,
    field: tuple[float, float] | None,
    metadata: dict[str, Any],
    rebin: int,
) -> Channel:
    counts = dataset.counts or dataset.spectrum
    rebin = rebin if dataset.counts is not None else 1
    start, width = (value * _KILO for value in counts.energies)
    known = math.isfinite(start) and math.isfinite(width) and width > 0
    axes = [
        *_place_axes(dataset, counts, field),
        energy_axis(counts.shape[-1], (width, start) if known else None, rebin),
    ]
    single = len(counts.rows) == 2 and len(counts.shape) == 1
    return Channel(
        title=_title(image, dataset),
        data=PackedCounts(
            str(path),
            counts.rows,
            counts.shape if single else counts.shape[1:],
            np.dtype(np.int64 if dataset.counts is None else np.uint32),
            rebin,
        ),
        axes=axes,
        quantity="intensity",
        units="counts",
        modality="EDS",
        source=metadata.get("instrument", {}).get("model") or "Phenom",
        metadata=_spectrum_metadata(dataset, metadata, width if known else None),
        original_metadata={**dataset.settings, "place": list(dataset.place)},
    )


def _title(image: Image, dataset: Dataset) -> str:
    numbers = dataset.of if dataset.kind == DIFFERENCE else (dataset.number,)
    return f"{image.name}, {KINDS[dataset.kind]} {' - '.join(map(str, numbers))}"


def _place_axes(dataset: Dataset, counts: Counts, field: tuple[float, float] | None) -> list[Axis]:
    """Return the axes of a line or a map.

    Places are in parts of the width of the field of view from its middle, along y too.
    """
    sizes = counts.shape[:-1]
    if dataset.kind not in (LINE, MAP):
        return []
    names = "yx" if dataset.kind == MAP else "x"
    left, top, right, bottom = dataset.place
    height_width = bottom - top, right - left
    lengths = [*height_width] if dataset.kind == MAP else [math.hypot(*height_width)]
    usable = all(math.isfinite(length) and length > 0 for length in lengths)
    if field is None or not usable:
        return [Axis(name=name, size=size) for name, size in zip(names, sizes, strict=True)]
    height, width = field
    offsets = [top * width + height / 2, (left + 0.5) * width] if names == "yx" else [0.0]
    return [
        Axis(name=name, size=size, scale=length * width / size, offset=offset, units="µm")
        for name, size, length, offset in zip(names, sizes, lengths, offsets, strict=True)
    ]


def _spectrum_metadata(
    dataset: Dataset, metadata: dict[str, Any], width: float | None
) -> dict[str, Any]:
    settings = dataset.settings
    live, real = settings["live_time"], settings["real_time"]
    # Of maps, the time that is kept as that of the whole is of a pixel.
    timed = 0 < live <= real
    voltage = settings["high_voltage"]
    geometry = {
        "elevation_angle": math.degrees(settings["detector_elevation"]),
        "azimuth_angle": math.degrees(settings["detector_azimuth"]),
        "energy_resolution": settings["detector_resolution"],
    }
    return stated(
        {
            "technique": "EDS",
            "started": metadata.get("started"),
            "instrument": metadata.get("instrument", {}),
            "beam": {"voltage": voltage if math.isfinite(voltage) and voltage > 0 else None},
            "detector": {
                "live_time": live if timed else None,
                "real_time": real if timed else None,
                "dispersion": width / _KILO if width is not None else None,
                **{name: value for name, value in geometry.items() if math.isfinite(value)},
            },
        }
    )
