"""Read the images, spectra, EELS spectrum images and EDS streams of a Velox EMD file.

Lengths, kept in m in the file, are given in nm and 1/nm. A Fourier transform stays the
half-plane that the file has: kx from 0 upwards, ky first from 0 upwards and then the negative
frequencies, as its coordinate says.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Hdf5Array, Transposed
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.spectrum_images import require_frames, require_rebin
from omniscopy.io.storage.hdf5 import linked, open_hdf5
from omniscopy.io.velox import metadata as meta
from omniscopy.io.velox.arrays import ComplexFields, OneFrame, Written
from omniscopy.io.velox.container import (
    data_groups,
    display_labels,
    read_frame_json,
    read_json,
    require_stored,
)
from omniscopy.io.velox.spectra import read_eels_image, read_spectrum, read_stream
from omniscopy.model.units import is_unit, spell

# unit in the file: unit here, factor
_UNITS = {"m": ("nm", 1e9), "1/m": ("1/nm", 1e-9)}


def read(
    path: Path,
    *,
    partial: bool = False,  # noqa: ARG001 - HDF5 is whole or not
    rebin_energy: int = 1,
    sum_frames: bool = False,
    frames: tuple[int, int] | None = None,
) -> Measurement:
    """Read a Velox file.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: images of which blocks were never written hold NaN there, whole
        numbers zeros, and are marked either way; an HDF5 file that is cut short cannot be opened.
    rebin_energy : int
        Channels of EDS spectrum images that are taken together.
    sum_frames : bool
        Count the EDS events of all frames together, at once: the time of one pass.
    frames : (first, stop), optional
        Frames of EDS spectrum images that are read.

    Returns
    -------
    Measurement
        A channel for every image: (y, x), (time, y, x) or (frame, y, x), or (ky, kx) for
        diffraction and Fourier transforms; for every spectrum, along `energy` or `energy_loss`;
        for every EELS spectrum image, (y, x, energy_loss); and for the EDS stream of every
        detector, (time, y, x, energy), or (y, x, energy) of a single frame.
        What is none of these is listed under ``not_read`` of `attrs`.

    Raises
    ------
    FormatError
        The container is damaged or cut short, or an option does not fit.
    """
    path = Path(path)
    require_rebin(path, rebin_energy)
    require_frames(path, frames)
    channels, scanned, not_read = [], [], []
    with open_hdf5(path) as file:
        labels = display_labels(file)
        about = {name: read_json(file, name) for name in ("Version", "Info", "Experiment")}
        application = meta.text(about["Info"], "applicationVersion")
        for kind, group in data_groups(file):
            data = linked(group, "Data")
            if kind == "Image" and _is_image(data):
                title = labels.get(group.name)
                channels.append(_read_image(group, title, application))
            elif kind in ("SpectrumStream", "EelsSpectrumImage"):
                scanned.append((kind, group))
            elif data is not None:
                label = labels.get(group.name)
                found = read_spectrum(group, label, application) if kind == "Spectrum" else None
                channels += [found] if found else []
                not_read += [] if found else [group.name]
        images = list(channels)
        for kind, group in scanned:
            about_it = labels.get(group.name), application, images
            if kind == "SpectrumStream":
                found = read_stream(
                    group, *about_it, rebin=rebin_energy, sum_frames=sum_frames, frames=frames
                )
            else:
                found = read_eels_image(group, *about_it)
            channels += [found] if found else []
            not_read += [] if found else [group.name]
    if not channels and not not_read:
        message = "there are no data under '/Data'; the file is damaged or not of Velox"
        raise FormatError(message, path=path, key="/Data")
    return Measurement(
        channels=channels,
        metadata=meta.shared_by_all([dict(channel.metadata) for channel in channels]),
        original_metadata={name: tree for name, tree in about.items() if tree},
        attrs={"not_read": not_read} if not_read else {},
    )


def _is_image(data: Any) -> bool:
    shape = getattr(data, "shape", ())
    if len(shape) != 3 or min(shape) == 0:
        return False
    return data.dtype.kind in "iuf" or _is_complex(data.dtype)


def _is_complex(dtype: np.dtype[Any]) -> bool:
    names = dtype.names or ()
    if [name[:4] for name in names] != ["real", "imag"] or dtype[0].kind != "f":
        return False
    return dtype == np.dtype([(name, dtype[0]) for name in names])


def _read_image(group: Any, title: str | None, application: str | None) -> Channel:
    data = linked(group, "Data")
    unwritten = require_stored(data)
    frames = data.shape[2]
    first = read_frame_json(group, 0)
    last = read_frame_json(group, -1) if frames > 1 else first
    transform = any("Half" in name for name in data.dtype.names or ())
    axes = _frame_axes(first, last, frames) + _image_axes(first, data.shape[:2])
    detector = meta.text(first, "BinaryResult.Detector")
    attrs: dict[str, Any] = {}
    if unwritten:
        attrs["incomplete"] = {"missing_from": None, "reason": unwritten}
    if transform:
        axes = _transform_axes(axes)
        attrs["full_width"] = _full_width(data)
    return Channel(
        title=title or _untitled(detector, transform=transform) or group.name.split("/")[-1],
        data=_handle(data, is_whole=unwritten is None),
        axes=axes,
        quantity="Fourier amplitude" if transform else "intensity",
        modality=meta.modality(first),
        source=meta.source(first),
        metadata=meta.common_metadata(first, application),
        original_metadata=first,
        attrs=attrs,
    )


def _handle(data: Any, *, is_whole: bool) -> LazyArray:
    stored: LazyArray = Hdf5Array.of(data)
    if not is_whole and data.dtype.kind == "f":
        count = data.id.get_num_chunks()
        blocks = (data.id.get_chunk_info(number).chunk_offset for number in range(count))
        stored = Written(stored, tuple(blocks))
    if _is_complex(data.dtype):
        stored = ComplexFields(stored)
    return OneFrame(stored) if data.shape[2] == 1 else Transposed(stored, (2, 0, 1))


def _frame_axes(first: Mapping[str, Any], last: Mapping[str, Any], frames: int) -> list[Axis]:
    if frames == 1:
        return []
    interval = meta.frame_interval(first, last, frames)
    if interval is None:
        return [Axis(name="frame", size=frames)]
    return [Axis(name="time", size=frames, scale=interval, units="s")]


def _image_axes(tree: Mapping[str, Any], shape: tuple[int, ...]) -> list[Axis]:
    axes = []
    sides = zip("yx", ("height", "width"), shape, strict=True)
    for letter, side, size in sides:
        scale = meta.number(tree, f"BinaryResult.PixelSize.{side}")
        stated = meta.text(tree, f"BinaryResult.PixelUnit{letter.upper()}")
        name = f"k{letter}" if stated is not None and stated.startswith("1/") else letter
        if scale is None or scale <= 0 or stated is None or not is_unit(stated):
            axes.append(Axis(name=name, size=size))
            continue
        units, factor = _UNITS.get(stated, (spell(stated), 1.0))
        offset = meta.number(tree, f"BinaryResult.Offset.{letter}") or 0.0
        axes.append(
            Axis(name=name, size=size, scale=scale * factor, offset=offset * factor, units=units)
        )
    return axes


def _transform_axes(axes: list[Axis]) -> list[Axis]:
    """Put zero frequency at the first pixel, where the transform has it.

    The offset in the file is half a pixel less: it is the edge of that pixel. Rows past the
    middle are negative frequencies.
    """
    *frames, rows, columns = axes
    ky = Axis(
        name="ky",
        size=rows.size,
        scale=rows.scale,
        units=rows.units,
        values=np.fft.fftfreq(rows.size, 1 / (rows.size * rows.scale)),
    )
    return [
        *frames,
        ky,
        Axis(name="kx", size=columns.size, scale=columns.scale, units=columns.units),
    ]


def _full_width(data: Any) -> int:
    """Return the columns of the whole transform; its name tells if they are an even number."""
    half = 2 * (int(data.shape[1]) - 1)
    return half + 1 if "Odd" in data.dtype.names[0] else half


def _untitled(detector: str | None, *, transform: bool) -> str | None:
    return f"FFT({detector})" if transform and detector else detector
