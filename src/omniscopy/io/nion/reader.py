"""Read a data item of Nion Swift: one array, and the properties that say what it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.identification import is_hdf5, read_head
from omniscopy.io.jpk.archive import list_members, member
from omniscopy.io.nion.probe import PROPERTIES
from omniscopy.io.nion.properties import (
    axes_of,
    calibration_of,
    colours_in,
    common_metadata,
    parse_properties,
    signal_of,
)
from omniscopy.io.numpy_files.members import read_array
from omniscopy.io.records import Channel, LazyArray, Measurement
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_numbers import attribute, numbers_of
from omniscopy.io.storage.hdf5_numbers import member as hdf5_member
from omniscopy.model.units import is_unit

_ARRAY, _TEXT = "data.npy", "metadata.json"
_LONGEST_TEXT = 2**26


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - both are whole or not
    """Read a data item of Nion Swift.

    Parameters
    ----------
    path : Path
        An .ndata file or an HDF5 file of one item.
    partial : bool
        Makes no difference: of a truncated file the directory is missing.

    Returns
    -------
    Measurement
        One channel: dimensions of a sequence first, then those of the scan, then those of what
        was measured at each place. Values are as they were stored; a calibration of intensity
        that changes them is in `attrs`, as for DigitalMicrograph.

    Raises
    ------
    FormatError
        The file is damaged; `UnsupportedFormatError` where it holds no numbers.
    """
    path = Path(path)
    data, said = _from_hdf5(path) if is_hdf5(read_head(path)) else _from_archive(path)
    shape = tuple(data.shape)
    if not shape:
        raise FormatError("the array has no dimensions", path=path, key="data")  # noqa: EM101
    has_colours = len(shape) > 1 and colours_in(said, shape, data.dtype)
    axes = axes_of(said, shape, has_colours=has_colours)
    title = said.get("title")
    title = title.strip() if isinstance(title, str) else ""
    units, attrs = _intensity(said)
    signal = signal_of(said) or ("EELS" if axes[-1].name == "energy_loss" else "")
    channel = Channel(
        title=title or path.stem,
        data=data,
        axes=axes,
        quantity="intensity",
        units=units,
        modality=signal or None,
        source="Nion",
        original_metadata=said,
        metadata=common_metadata(said),
        attrs=attrs,
    )
    return Measurement(channels=[channel])


def _from_hdf5(path: Path) -> tuple[LazyArray, dict[str, Any]]:
    with open_hdf5(path) as file:
        dataset = hdf5_member(file, "data")
        if dataset is None or not hasattr(dataset, "dtype"):
            raise FormatError("there is no array", path=path, key="data")  # noqa: EM101
        return numbers_of(dataset), parse_properties(attribute(dataset, PROPERTIES))


def _from_archive(path: Path) -> tuple[LazyArray, dict[str, Any]]:
    members = list_members(path)
    data = read_array(path, member(members, _ARRAY, path))
    text = members.get(_TEXT)
    if text is None or text.size > _LONGEST_TEXT:
        return data, {}
    return data, parse_properties(text.read(path, most=_LONGEST_TEXT))


def _intensity(said: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return the units of the values, or the calibration that would change them."""
    calibration = calibration_of(said.get("intensity_calibration"))
    units = calibration.units if calibration.units and is_unit(calibration.units) else None
    if (calibration.offset, calibration.scale) == (0.0, 1.0):
        return units, {}
    stored = {
        "offset": calibration.offset,
        "scale": calibration.scale,
        "units": calibration.units,
    }
    return None, {"intensity_calibration": stored}
