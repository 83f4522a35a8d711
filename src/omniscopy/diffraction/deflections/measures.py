"""Centres of mass as deflections: in reciprocal length, on a scan in nm, of a known voltage."""

from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    conversion_factor,
    is_unit,
    require_choice,
    require_plane,
    require_uniform,
    require_units,
)
from omniscopy.physics import electron

Background = Literal["mean", "plane", "none"]

_NAMES = (("com_y", "com_x"), ("deflection_y", "deflection_x"))


def components(
    com: object, dims: tuple[str, str] | None
) -> tuple[xr.DataArray, xr.DataArray, tuple[str, str], tuple[float, float]]:
    """Return the deflections along ky and kx, the dimensions of the scan and its steps in nm."""
    if not isinstance(com, xr.Dataset):
        message = f"expected the Dataset of `measure_com`, got {type(com).__name__}"
        raise DataError(message)
    for pair in _NAMES:
        if all(name in com for name in pair):
            along_y, along_x = (com[name] for name in pair)
            break
    else:
        message = f"expected variables com_y and com_x, got {sorted(map(str, com))}"
        raise DataError(message)
    plane = require_plane(along_y, dims, kind="spatial", at_least=3)
    if along_x.dims != along_y.dims:
        message = (
            f"both components must have the same dimensions, got {along_y.dims} and {along_x.dims}"
        )
        raise DataError(message)
    if along_x.attrs.get("units") != along_y.attrs.get("units"):
        message = (
            f"both components must have the same units, got {along_y.attrs.get('units')!r} along "
            f"ky and {along_x.attrs.get('units')!r} along kx: calibrate both coordinates"
        )
        raise DataError(message)
    steps = [
        require_uniform(along_y, dim)
        * require_units(along_y.coords[dim], "nm", what=f"coordinate {dim!r}")
        for dim in plane
    ]
    return along_y, along_x, plane, (steps[0], steps[1])


def per_nm(values: xr.DataArray, voltage: float | None) -> float:
    """Return what brings deflections to 1/nm; angles need the wavelength."""
    units = values.attrs.get("units")
    if is_unit(units):
        for wanted, factor in (("1/nm", 1.0), ("rad", None)):
            try:
                by = conversion_factor(str(units), wanted)
            except DataError:
                continue
            if factor is None:
                known = require_voltage(voltage, values)
                return by / (0.1 * float(electron.wavelength(known)))
            return by
    message = (
        f"deflections must be in '1/nm', 'mrad' or units that convert to them, got {units!r}: "
        "calibrate the coordinates ky and kx first, as in `data.assign_coords(ky=...)`"
    )
    raise DataError(message)


def require_voltage(voltage: float | None, *data: Any) -> float:
    """Return the voltage that was given, or that of the metadata."""
    if voltage is None:
        for each in data:
            metadata = each.attrs.get("metadata")
            beam = metadata.get("beam", {}) if isinstance(metadata, dict) else {}
            voltage = beam.get("voltage") if isinstance(beam, dict) else None
            if voltage is not None:
                break
    if voltage is None:
        message = "the voltage is not known: pass voltage= in V, such as voltage=200e3"
        raise DataError(message)
    return float(electron.require_voltage(voltage))


def require_background(background: str) -> None:
    """Raise unless this is a background of deflections."""
    require_choice("background", background, get_args(Background))


def finite(values: np.ndarray) -> np.ndarray:
    """Return values with 0 where they are not known."""
    return np.where(np.isfinite(values), values, 0.0)
