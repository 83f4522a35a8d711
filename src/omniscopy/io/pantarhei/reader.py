"""Read images, spectra and spectrum images of PantaRhei."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Transposed
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.jpk.archive import list_members, member
from omniscopy.io.numpy_files.members import read_array
from omniscopy.io.pantarhei.members import read_text
from omniscopy.io.quantities import known_units, measures, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement

_TEXTS = ("meta_data_json.npy", "data_model_json.npy")
_MILLI = 1e3


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - an archive opens whole
    """Read a file of PantaRhei.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Has no effect: an archive that is cut short cannot be opened.

    Returns
    -------
    Measurement
        One channel: an image (y, x), or (ky, kx) of diffraction; a spectrum along `energy_loss`;
        or a stack, with the spectra of a spectrum image last.

    Raises
    ------
    FormatError
        The archive or the array is damaged.
    UnsupportedFormatError
        It is another archive, or the array holds Python objects, which are never unpickled.
        Metadata that only are pickled, as in the first files, are left out.
    """
    path = Path(path)
    members = list_members(path)
    texts = {name: read_text(path, members[name]) for name in _TEXTS if name in members}
    if not any(name.startswith(("meta_data", "data_model")) for name in members):
        message = "the archive has no metadata of PantaRhei"
        raise UnsupportedFormatError(message, path=path)
    data = read_array(path, member(members, "data.npy", path))
    said, model = (_first(texts.get(name)) for name in _TEXTS)
    axes, data = _displayed(_axes(said, data.shape), data)
    title = str(said.get("repo_id") or "").partition(".")[0] or path.stem
    channel = Channel(
        title=title,
        data=data,
        axes=axes,
        quantity="intensity",
        modality=_word(said, "condenser.mode"),
        source="PantaRhei",
        metadata=_metadata(said),
        original_metadata=stated({"meta_data": said, "data_model": model}),
        attrs={} if said else {"not_read": "metadata that are pickled or damaged"},
    )
    return Measurement(channels=[channel])


def _first(said: Any) -> dict[str, Any]:
    first = said[0] if isinstance(said, list) and said else said
    return first if isinstance(first, dict) else {}


def _axes(said: Mapping[str, Any], shape: Sequence[int]) -> list[Axis]:
    """Return the axes in the order of the array: calibrations begin with its last dimension."""
    listed = said.get("device.calib")
    rules = list(reversed(listed[: len(shape)])) if isinstance(listed, list) else []
    rules = [None] * (len(shape) - len(rules)) + rules
    names: list[str] = []
    axes = []
    for number, (size, rule) in enumerate(zip(shape, rules, strict=True)):
        scale, offset, units = _line(rule)
        name = _name(units, len(shape) - number - 1, len(shape))
        # Two dimensions of one name are told apart by their number.
        names.append(name)
        name = name if names.count(name) == 1 else f"{name}_{names.count(name)}"
        axes.append(Axis(name=name, size=size, scale=scale, offset=offset, units=units))
    return axes


def _line(rule: Any) -> tuple[float, float, str | None]:
    """Return scale, offset and units of a dimension, of pixels where it is not calibrated."""
    rule = rule if isinstance(rule, dict) else {}
    value, factor = _number(rule, "value"), _number(rule, "pixel_factor")
    units = known_units(str(rule.get("unit") or ""))
    if not value or units is None:
        return 1.0, 0.0, None
    return value * (factor or 1.0), _number(rule, "offset") or 0.0, units


def _name(units: str | None, from_last: int, count: int) -> str:
    if units is not None and measures(units, "eV"):
        return "energy_loss"
    if units is not None and measures(units, "s"):
        return "time"
    if from_last > 1:
        return "frame"
    if count == 1:
        return "x" if units is not None and measures(units, "m") else "sample"
    letter = "xy"[from_last]
    reciprocal = units is not None and (measures(units, "1/m") or measures(units, "rad"))
    return f"k{letter}" if reciprocal else letter


def _displayed(axes: list[Axis], data: LazyArray) -> tuple[list[Axis], LazyArray]:
    """Put energies last, and name the positions that are left before them."""
    energies = [number for number, axis in enumerate(axes) if axis.name == "energy_loss"]
    if not energies or energies == [len(axes) - 1]:
        return axes, data
    order = [number for number in range(len(axes)) if number != energies[0]] + energies[:1]
    return [axes[number] for number in order], Transposed(data, tuple(order))


def _metadata(said: Mapping[str, Any]) -> dict[str, Any]:
    convergence = _number(said, "condenser.convergence_semi_angle")
    return stated(
        {
            "comment": _word(said, "comment"),
            "instrument": {"vendor": "CEOS", "software": "PantaRhei"},
            "beam": {
                "voltage": _number(said, "electron_gun.voltage"),
                "magnification": _number(said, "scan_driver.magnification"),
                "mode": _word(said, "condenser.mode"),
                "convergence_angle": None if convergence is None else convergence * _MILLI,
            },
            "detector": {
                "name": _word(said, "scan_generator.detector") or _word(said, "source.name"),
                "camera_length": _number(said, "projector.camera_length"),
                "exposure_time": _number(said, "camera.exposure"),
            },
            "scan": {"dwell_time": _number(said, "scan_generator.dwell_time")},
        }
    )


def _number(said: Mapping[str, Any], name: str) -> float | None:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if np.isfinite(value) else None


def _word(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None
