"""Beam energy and angles: as given, or as the metadata say."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from omniscopy.model import DataError
from omniscopy.physics.electron import require_voltage


class Beam(NamedTuple):
    """Voltage in V, half angles of probe and spectrometer in radians."""

    voltage: float
    convergence: float
    collection: float


def beam_of(
    data: xr.DataArray | None,
    voltage: float | None,
    convergence_mrad: float | None,
    collection_mrad: float | None,
) -> Beam:
    """Return the beam from options or metadata; raise where neither says, and say what to set."""
    parallel = _known(data, convergence_mrad, "convergence_mrad", "beam", "convergence_angle")
    collected = _known(data, collection_mrad, "collection_mrad", "detector", "collection_angle")
    if parallel is None:
        parallel = 0.0
    if collected is None:
        message = _unknown("collection angle", "collection_mrad=", "mrad", "detector",
                           "collection_angle")  # fmt: skip
        raise DataError(message)
    if not (np.isfinite(collected) and 0.0 < collected < 1000.0):
        message = f"collection_mrad must be from 0 to 1000 mrad, got {collected!r}"
        raise DataError(message)
    if not (np.isfinite(parallel) and 0.0 <= parallel < 1000.0):
        message = f"convergence_mrad must be from 0 to 1000 mrad, got {parallel!r}"
        raise DataError(message)
    return Beam(voltage_of(data, voltage), parallel * 1e-3, collected * 1e-3)


def voltage_of(data: xr.DataArray | None, voltage: float | None) -> float:
    """Return the accelerating voltage in V; raise where it is not known."""
    known = _known(data, voltage, "voltage", "beam", "voltage")
    if known is None:
        raise DataError(_unknown("beam energy", "voltage=", "V", "beam", "voltage"))
    return float(require_voltage(known))


def _known(
    data: xr.DataArray | None, given: float | None, option: str, group: str, name: str
) -> float | None:
    if given is None and data is not None:
        metadata: Any = data.attrs.get("metadata", {})
        part: Any = metadata.get(group, {}) if isinstance(metadata, dict) else {}
        given = part.get(name) if isinstance(part, dict) else None
    if given is None:
        return None
    try:
        return float(given)
    except (TypeError, ValueError):
        message = f"{option} must be a number, got {given!r}"
        raise DataError(message) from None


def _unknown(what: str, option: str, units: str, group: str, name: str) -> str:
    return (
        f"the {what} is not known: give {option} in {units}, or set "
        f"data.attrs['metadata'][{group!r}][{name!r}]"
    )
