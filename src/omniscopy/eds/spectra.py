"""What spectra must be, and what is known of how they were measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError, require_dim, require_real, require_uniform, require_units
from omniscopy.physics import xray
from omniscopy.physics.electron import require_voltage

_COUNTS = (None, "1", "counts", "count", "electrons")


def require_spectra(data: xr.DataArray, dim: str) -> np.ndarray:
    """Return the middles of the channels in keV; raise where these are no spectra of X-rays."""
    require_dim(data, dim, units="keV", at_least=16)
    require_real(data)
    require_uniform(data, dim)
    units = data.attrs.get("units")
    if units not in _COUNTS:
        message = f"spectra must be counts, whose noise is known, got {units!r}"
        raise DataError(message)
    energy = data[dim].values.astype(np.float64) * require_units(data[dim], "keV")
    if energy[-1] > 500:
        message = (
            f"coordinate {dim!r} reaches {energy[-1]:g} keV, which is no spectrum of X-rays; "
            "state its units as 'eV' if it is in eV"
        )
        raise DataError(message)
    return energy


def voltage_of(data: xr.DataArray | xr.Dataset, given: float | None) -> float:
    """Return the voltage of the electrons in V: what is given, else what the metadata say."""
    found: Any = given
    if found is None:
        found = data.attrs.get("metadata", {}).get("beam", {}).get("voltage")
    if found is None:
        message = (
            "the voltage of the electrons is not known: give `voltage=` in V, or set "
            "data.attrs['metadata']['beam']['voltage']"
        )
        raise DataError(message)
    return float(require_voltage(found))


def bounds_of(energy: np.ndarray) -> np.ndarray:
    """Return the ends of channels with these middles, one more than there are."""
    step = (energy[-1] - energy[0]) / (len(energy) - 1)
    return np.append(energy - step / 2, energy[-1] + step / 2)


def families_in(
    energy: np.ndarray, elements: Sequence[str], voltage: float
) -> tuple[xray.Family, ...]:
    """Return the families of elements that a spectrum shows; raise where one has none.

    Elements may be named by the families that are wanted of them (`"Pt_La"`).
    """
    if isinstance(elements, str) or not len(elements):
        message = f"elements must be a list such as ['Fe', 'Pt'], got {elements!r}"
        raise DataError(message)
    low, high = max(float(energy[0]), 0.05), float(energy[-1])
    found: list[xray.Family] = []
    for name in elements:
        wanted = [xray.find_family(name)] if "_" in name else list(xray.families(name))
        seen = [
            family
            for family in wanted
            if low < family.energy < high and family.edge < voltage * 1e-3
        ]
        if not seen:
            message = (
                f"{name} has no line between {low:g} and {high:g} keV that electrons of "
                f"{voltage * 1e-3:g} kV excite"
            )
            raise DataError(message)
        found += [family for family in seen if family not in found]
    return tuple(found)
