"""Read what TopoStats keeps of an image: the image, how it was before, masks, traced molecules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_groups import read_group
from omniscopy.io.storage.hdf5_numbers import (
    is_array,
    member,
    number_at,
    numbers_of,
    small_value,
    text_at,
)
from omniscopy.io.topostats.probe import VERSIONS

_IMAGES = {"image": "Height", "image_original": "Height as measured"}
_MASKS = "full_mask_tensor"
_MAPS = {"grain_masks": "Grain mask", "full_image_plots": ""}
_DESCRIBED = ("config", "image_statistics")


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Read a file of TopoStats.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        The levelled image and the one that was measured, (y, x) in nm with row 0 on top; masks of
        the grains, (y, x) or (y, x, channel) of classes, of which the first is the background;
        and the maps of traced molecules. Parts cut out for each grain are listed under
        ``not_read``, settings and statistics are in `original_metadata`.

    Raises
    ------
    FormatError
        The file is damaged; `UnsupportedFormatError` where it holds no image.
    """
    with open_hdf5(path) as file:
        shape = next((s for name in _IMAGES if (s := _plane(member(file, name)))), None)
        if shape is None:
            message = "the file holds no image"
            raise UnsupportedFormatError(message, path=path, key="image")
        axes = _axes(shape, number_at(file, "pixel_to_nm_scaling"))
        channels = list(_channels(file, axes, shape))
        read_of = {*_IMAGES, *_MAPS, _MASKS, *_DESCRIBED}
        others = [name for name, found in members(file) if name not in read_of]
        about = {name: read_group(member(file, name)) for name in _DESCRIBED if name in file}
        about |= {
            name: value for name in others if (value := small_value(member(file, name))) is not None
        }
        version = next((v for name in VERSIONS if (v := _text(file, name))), None)
        title = text_at(file, "filename") or text_at(file, "image_name")
    left = [name for name in others if name not in about]
    return Measurement(
        channels=channels,
        metadata=stated(
            {
                "technique": "AFM",
                "title": title,
                "instrument": {"software": f"TopoStats {version}" if version else None},
            }
        ),
        original_metadata=about,
        attrs={"not_read": left} if left else {},
    )


def _channels(file: Any, axes: list[Axis], shape: tuple[int, ...]) -> Iterator[Channel]:
    for name, title in _IMAGES.items():
        dataset = member(file, name)
        if _plane(dataset) == shape:
            yield _channel(title, dataset, axes, quantity="height", units="nm")
    masks = member(file, _MASKS)
    if is_array(masks, least=3) and masks.ndim == 3 and masks.shape[:2] == shape:
        classes = Axis(name="channel", size=masks.shape[2])
        yield _channel("Grain masks", masks, [*axes, classes], quantity="mask", units="1")
    for folder, word in _MAPS.items():
        group = member(file, folder)
        for name, dataset in members(group) if hasattr(group, "keys") else ():
            if _plane(dataset) == shape:
                title = f"{word} {name}".strip().replace("_", " ")
                title = title[:1].upper() + title[1:]
                yield _channel(title, dataset, axes, quantity="label", units="1")


def _channel(title: str, dataset: Any, axes: list[Axis], *, quantity: str, units: str) -> Channel:
    return Channel(
        title=title, data=numbers_of(dataset), axes=axes, quantity=quantity, units=units,
        modality="AFM", source="TopoStats",
    )  # fmt: skip


def _plane(dataset: Any) -> tuple[int, ...] | None:
    return tuple(dataset.shape) if is_array(dataset, least=2) and dataset.ndim == 2 else None


def _axes(shape: tuple[int, ...], pixel: float | None) -> list[Axis]:
    if pixel is None or pixel <= 0:
        return [Axis(name=dim, size=size) for dim, size in zip("yx", shape, strict=True)]
    return [
        Axis(name=dim, size=size, scale=pixel, units="nm")
        for dim, size in zip("yx", shape, strict=True)
    ]


def _text(file: Any, name: str) -> str | None:
    value = small_value(member(file, name))
    return None if value is None else str(value)
