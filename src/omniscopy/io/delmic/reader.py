"""Read what Odemis acquired: electrons, light, spectra, angles, each as it lies in the sample."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Transposed
from omniscopy.io.delmic.axes import axes_of, labels_of
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import Squeezed, Stacked
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_numbers import (
    is_array,
    member,
    number_at,
    numbers_of,
    small_value,
    text_at,
)

_ACQUISITION = re.compile(r"Acquisition(\d+)")
_MOST = 100_000
_LIGHT = ("cl ", "spectrum", "angle", "temporal", "monochromator", "polari")


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Read a file of Odemis, the program of Delmic SPARC.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        A channel for each acquisition: (y, x), (frame, y, x), (y, x, wavelength), or with a
        `time` of its own; dimensions of one point are left out. Angle-resolved images of the
        camera are (ky, kx), those of many positions (point, ky, kx). x and y are in m from the
        centre of the stage, y upwards, so that it descends from row to row.

    Raises
    ------
    FormatError
        The file is damaged, or holds no acquisition.
    """
    with open_hdf5(path) as file:
        found = [
            (int(match[1]), group)
            for name, group in members(file)
            if (match := _ACQUISITION.fullmatch(name)) and hasattr(group, "keys")
        ]
        groups = [group for _, group in sorted(found, key=lambda pair: pair[0])][:_MOST]
        groups = [group for group in groups if _is_read(member(group, "ImageData/Image"))]
        channels = [_channel(same) for same in _of_the_same_camera(groups)]
    if not channels:
        raise FormatError("the file holds no acquisition", path=path, key="Acquisition0")  # noqa: EM101
    return Measurement(channels=channels)


def _of_the_same_camera(groups: list[Any]) -> list[list[Any]]:
    """Return acquisitions one by one, but those of angles at many positions together."""
    series: dict[Any, list[Any]] = {}
    for group in groups:
        key: Any = group.name
        if _is_angular(group):
            key = (text_at(group, "PhysicalData/Title"), member(group, "ImageData/Image").shape)
        series.setdefault(key, []).append(group)
    return list(series.values())


def _is_read(dataset: Any) -> bool:
    return is_array(dataset, least=2) and dataset.ndim <= 5


def _is_angular(group: Any) -> bool:
    return member(group, "PhysicalData/PolePosition") is not None


def _channel(groups: list[Any]) -> Channel:
    group = groups[0]
    physical, image = member(group, "PhysicalData"), member(group, "ImageData")
    dataset = member(image, "Image")
    letters = labels_of(dataset)
    axes, order = axes_of(image, letters, dataset.shape, on_camera=_is_angular(group))
    parts = [_values(member(each, "ImageData/Image"), order) for each in groups]
    data = parts[0]
    coordinates = {}
    if len(groups) > 1:
        data, axes = Stacked(tuple(parts)), [Axis(name="point", size=len(groups)), *axes]
        coordinates = {letter.lower(): _positions(groups, letter) for letter in "YX"}
    title = text_at(physical, "Title") or text_at(physical, "ChannelDescription") or "image"
    modality = "CL" if title.lower().startswith(_LIGHT) else "SEM"
    return Channel(
        title=title,
        data=data,
        axes=axes,
        quantity="intensity",
        units="counts",
        modality=modality,
        source=text_at(group, "SVIData/Company"),
        metadata=_metadata(group, physical, image, modality),
        original_metadata=_described(physical, image),
        coordinates=coordinates,
        attrs={"path": dataset.name},
    )


def _values(dataset: Any, order: list[int]) -> LazyArray:
    """Return the dimensions `order` of a dataset, whose others have one point."""
    data: LazyArray = numbers_of(dataset)
    kept = sorted(order)
    if len(kept) < len(data.shape):
        data = Squeezed(data, tuple(kept))
    places = tuple(kept.index(number) for number in order)
    return data if places == tuple(range(len(places))) else Transposed(data, places)


def _positions(groups: list[Any], letter: str) -> Variable:
    places = [number_at(group, f"ImageData/{letter}Offset") for group in groups]
    values = np.array([np.nan if place is None else place for place in places])
    attrs = {"units": "m", "quantity": "length", "kind": "spatial"}
    return Variable(dims=("point",), data=values, attrs=attrs)


def _metadata(group: Any, physical: Any, image: Any, modality: str) -> dict[str, Any]:
    seconds = number_at(image, "TOffset")
    exposure = number_at(physical, "IntegrationTime")
    scanned = max(member(image, "Image").shape[-2:]) > 1 and not _is_angular(group)
    return stated(
        {
            "title": text_at(physical, "Title"),
            "started": _moment(seconds),
            "instrument": {
                "vendor": text_at(group, "SVIData/Company"),
                "software": text_at(group, "SVIData/WriterVersion"),
            },
            "beam": {
                "voltage": number_at(physical, "AccelerationVoltage"),
                "current": number_at(physical, "EmissionCurrent"),
                # That of light is of the way from the sample to the camera.
                "magnification": number_at(physical, "Magnification")
                if modality == "SEM"
                else None,
            },
            "detector": {
                "name": text_at(physical, "HardwareName"),
                "exposure_time": exposure,
            },
            "scan": {"dwell_time": exposure if scanned else None},
        }
    )


def _moment(seconds: float | None) -> str | None:
    if seconds is None or not 0 < seconds < 1e11:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _described(physical: Any, image: Any) -> dict[str, Any]:
    """Return what the file says of an acquisition, its settings as the JSON that they are."""
    tree = {name: small_value(found) for name, found in members(physical)}
    places = {name: small_value(found) for name, found in members(image) if name != "Image"}
    settings = tree.get("ExtraSettings")
    text = settings[0] if isinstance(settings, list) and len(settings) == 1 else settings
    if isinstance(text, str):
        tree["ExtraSettings"] = _parsed(text)
    found = {"PhysicalData": tree, "ImageData": places}
    return {name: _known(part) for name, part in found.items()}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _known(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if value is not None}
