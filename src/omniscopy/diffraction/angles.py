"""Detectors in mrad, as microscopes have them."""

import xarray as xr

from omniscopy.diffraction.detectors import Annulus, Disk
from omniscopy.diffraction.virtual_images import virtual_image
from omniscopy.model import (
    DataError,
    conversion_factor,
    is_unit,
    operation,
    require_array,
    require_plane,
    units_of,
)
from omniscopy.physics import electron


@operation(example={"data": "phase_grating_4d"})
def bright_field_image(
    data: xr.DataArray,
    outer: float | None = None,
    *,
    inner: float = 0.0,
    voltage: float | None = None,
    centres: xr.Dataset | None = None,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Sum the part of every pattern that is scattered by less than an angle.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory; ky and kx are angles or reciprocal lengths.
    outer : float, mrad
        The angle; the convergence angle of the metadata otherwise.
    inner : float, mrad
        Where the detector begins, for an annular bright field.
    voltage : float, V
        Accelerating voltage, to bring angles to reciprocal lengths; that of the metadata
        otherwise.
    centres : Dataset, shape (y, x) or less
        The middle of the pattern at each position; that of the mean pattern otherwise.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `data`
        As of `virtual_image`.

    Raises
    ------
    DataError
        An angle or the voltage is not known, or ky and kx are not calibrated.

    Notes
    -----
    :math:`S = \sum I(k)` over the pixels with :math:`\theta_\mathrm{in} \le \theta <
    \theta_\mathrm{out}`; lengths are brought to angles by :math:`\theta = \lambda k`.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.bright_field_image(om.samples.phase_grating_4d(), 20.0).dims
    ('y', 'x')
    """
    if outer is None:
        outer = _beam(data).get("convergence_angle")
    if outer is None:
        message = "the convergence angle is not known: pass outer= in mrad"
        raise DataError(message)
    return _ring(data, (inner, outer), voltage, (centres, dead), dims)


@operation(example={"data": "phase_grating_4d", "inner": 25.0})
def dark_field_image(
    data: xr.DataArray,
    inner: float,
    outer: float | None = None,
    *,
    voltage: float | None = None,
    centres: xr.Dataset | None = None,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Sum the part of every pattern that is scattered by more than an angle.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory; ky and kx are angles or reciprocal lengths.
    inner : float, mrad
        Where the detector begins.
    outer : float, mrad
        Where it ends; beyond the corners otherwise.
    voltage : float, V
        Accelerating voltage, to bring angles to reciprocal lengths; that of the metadata
        otherwise.
    centres : Dataset, shape (y, x) or less
        The middle of the pattern at each position; that of the mean pattern otherwise.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `data`
        As of `virtual_image`.

    Raises
    ------
    DataError
        The voltage is not known, or ky and kx are not calibrated.

    Notes
    -----
    :math:`S = \sum I(k)` over the pixels with :math:`\theta_\mathrm{in} \le \theta <
    \theta_\mathrm{out}`; lengths are brought to angles by :math:`\theta = \lambda k`.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.dark_field_image(om.samples.phase_grating_4d(), 25.0).dims
    ('y', 'x')
    """
    ends = (inner, float("inf") if outer is None else outer)
    return _ring(data, ends, voltage, (centres, dead), dims)


def _ring(
    data: xr.DataArray, ends: tuple[float, float], voltage: float | None,
    places: tuple[xr.Dataset | None, xr.DataArray | None], dims: tuple[str, str] | None,
) -> xr.DataArray:  # fmt: skip
    inner, outer = ends
    plane = require_plane(data, dims, kind="reciprocal", at_least=1)
    scale = of_a_mrad(data, plane, voltage)
    detector = Annulus(inner * scale, outer * scale) if inner else Disk(outer * scale)
    image = virtual_image(data, detector, centres=places[0], dead=places[1], dims=plane)
    kind = "Bright field" if inner == 0 else "Annular image"
    end = "" if outer == float("inf") else f" to {outer:g}"
    return image.assign_attrs(long_name=f"{kind}, {inner:g}{end} mrad")


def of_a_mrad(data: xr.DataArray, plane: tuple[str, str], voltage: float | None) -> float:
    """Return what a mrad is in the units of the patterns."""
    units = units_of(data, plane[0])
    if units != units_of(data, plane[1]):
        message = f"coordinates {plane} must have the same units"
        raise DataError(message)
    if is_unit(units):
        for known in ("mrad", "1/nm"):
            try:
                factor = conversion_factor(known, str(units))
            except DataError:
                continue
            if known == "mrad":
                return factor
            volts = _beam(data).get("voltage") if voltage is None else voltage
            if volts is None:
                message = "the voltage is not known: pass voltage= in V, such as voltage=200e3"
                raise DataError(message)
            return factor * 1e-3 / (0.1 * float(electron.wavelength(volts)))
    message = (
        f"coordinates {plane} are in {units!r}: calibrate them to mrad or 1/nm first, as in "
        f"`data.assign_coords({plane[0]}=...)`"
    )
    raise DataError(message)


def _beam(data: xr.DataArray) -> dict[str, float]:
    require_array(data)
    metadata = data.attrs.get("metadata")
    beam = metadata.get("beam") if isinstance(metadata, dict) else None
    return beam if isinstance(beam, dict) else {}
