"""Spectra of light along wavelength, photon energy, wavenumber or Raman shift."""

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    conversion_factor,
    coordinate,
    operation,
    require_choice,
    require_numbers,
    units_of,
)
from omniscopy.model.units import product
from omniscopy.physics.light import (
    EV_PER_WAVENUMBER,
    MEDIA,
    SHORTEST,
    Medium,
    wavelength_of,
    wavenumber_of,
)
from omniscopy.signal.axes import require_sorted
from omniscopy.signal.companions import (
    Labelled,
    Nature,
    change_each,
    real_type,
    require_labelled,
)

LightAxis = Literal["wavelength", "energy", "wavenumber", "raman_shift"]
Values = Literal["per channel", "density", "unchanged"]

_RAMAN = "Raman shift"
# Of the wavenumber, for derivatives.
_STEP = 1e-4


class _Kind(NamedTuple):
    """A way to say where light is in a spectrum: dimension, units, and quantity if unusual."""

    dim: str
    units: str
    attrs: dict[str, Any]


_KINDS: dict[str, _Kind] = {
    "wavelength": _Kind("wavelength", "nm", {}),
    "energy": _Kind("energy", "eV", {}),
    "wavenumber": _Kind("wavenumber", "1/cm", {}),
    "raman_shift": _Kind("wavenumber", "1/cm", {"quantity": _RAMAN}),
}


@operation(example={"data": "spectrum", "to": "wavelength"})
def convert_light(
    data: Labelled,
    to: LightAxis,
    *,
    laser: float | None = None,
    medium: Medium = "air",
    values: Values = "per channel",
) -> Labelled:
    r"""Give spectra of light another axis: wavelength, photon energy, wavenumber, Raman shift.

    Parameters
    ----------
    data : DataArray or Dataset, along `wavelength`, `energy` or `wavenumber`, other dimensions
        Lazy or in memory. A wavenumber whose quantity is "Raman shift" is one. Of a Dataset each
        variable along the axis changes, variances and standard deviations (``*_std``) too.
    to : {"wavelength", "energy", "wavenumber", "raman_shift"}
        In nm, eV, 1/cm and 1/cm.
    laser : float, nm
        Wavelength that excites, in `medium`, for Raman shifts; that of the metadata
        (``laser.wavelength``) otherwise.
    medium : {"air", "vacuum"}
        In which wavelengths were or are to be measured. Spectrometers are calibrated in air,
        whose wavelengths are shorter by 0.03 %.
    values : {"per channel", "density", "unchanged"}
        What is in a channel: counts, which are divided by its width on the new axis; what is
        divided by its width already (per nm, say), which is multiplied by the derivative of the
        old axis; or something that needs no change, such as a transmittance, or spectra of which
        only places of lines are asked for.

    Returns
    -------
    DataArray or Dataset, units of `data` per nm, eV or 1/cm
        Along `wavelength`, `energy` or `wavenumber` (Raman shifts too), which ascends and is
        not uniform: `signal.interpolate` makes it so. "unchanged" has the units of `data`; so has
        "density", times those of the old axis over those of the new one.

    Raises
    ------
    DataError
        There is none or more than one of the dimensions, or its units are missing; places are not
        above 0, not sorted, or below 185 nm in air; a laser is missing.

    Notes
    -----
    In vacuum :math:`E = h c \sigma` and :math:`\lambda = 1 / \sigma`, in air :math:`\lambda = 1 /
    (n \sigma)` for its refractive index n [1]_; the Raman shift is :math:`\sigma_L - \sigma`.
    Energy is kept: :math:`I(E)\,|dE| = I(\lambda)\,|d\lambda|` [2]_, so that lines in spectra of
    energies have other heights, and broad ones other places of their maximum. The width of a
    channel is half the distance of its neighbours on the old axis, times the derivative.

    References
    ----------
    .. [1] E. R. Peck and K. Reeder, J. Opt. Soc. Am. 62, 958 (1972), equation 2.
    .. [2] J. Mooney and P. Kambhampati, J. Phys. Chem. Lett. 4, 3316 (2013), equation 3.

    Examples
    --------
    >>> import omniscopy as om
    >>> light = om.signal.convert_light(om.samples.spectrum(), "wavelength")
    >>> light.dims, light.attrs["units"], light["wavelength"].attrs["units"]
    (('wavelength',), 'counts/nm', 'nm')
    """
    require_labelled(data)
    require_choice("to", to, get_args(LightAxis))
    require_choice("medium", medium, MEDIA)
    require_choice("values", values, get_args(Values))
    dim = _dim_of(data)
    whole = data[dim]
    old = require_sorted(whole, dim)
    is_raman = dim == "wavenumber" and whole.attrs.get("quantity") == _RAMAN
    origin = "raman_shift" if is_raman else dim
    shifted = "raman_shift" in (origin, to)
    excited = _laser(data, laser, medium) if shifted else 0.0
    wanted = _KINDS[to]
    own = _factor(whole, dim, _KINDS[origin].units)
    light = _wavenumbers(old * own, origin, medium, excited)
    if to == "wavelength":
        _require_air(1e7 / light, medium)
    new = _places(light, to, medium, excited)
    backwards = len(new) > 1 and new[-1] < new[0]
    order = slice(None, None, -1) if backwards else slice(None)
    axis = coordinate(wanted.dim, new[order], wanted.units, **wanted.attrs)
    slopes = np.abs(_slopes(light, origin, medium) / _slopes(light, to, medium)) / own
    factor, units = _scale(values, old, slopes, (units_of(whole, dim), wanted.units))

    def change(part: xr.DataArray, nature: Nature, _: xr.DataArray) -> xr.DataArray:
        made = part
        if nature != "flag" and values != "unchanged":
            require_numbers(part)
            power = 2 if nature == "variance" else 1
            made = part * xr.DataArray((factor**power).astype(real_type(part)), dims=dim)
        made = made.isel({dim: order}).drop_vars(dim)
        return made.rename({dim: wanted.dim}).assign_coords({wanted.dim: axis})

    return change_each(data, change, dims={dim}, units=units)


def _dim_of(data: xr.DataArray | xr.Dataset) -> str:
    """Return the dimension along which light is; raise unless there is one with labels."""
    known = [dim for dim in ("wavelength", "energy", "wavenumber") if dim in data.dims]
    if len(known) != 1 or known[0] not in data.coords:
        message = (
            "expected one dimension with labels of 'wavelength', 'energy' or 'wavenumber', got "
            f"dimensions {[str(dim) for dim in data.dims]}; rename yours (`data.rename`)"
        )
        raise DataError(message)
    return known[0]


def _factor(axis: xr.DataArray, dim: str, units: str) -> float:
    """Return what labels are multiplied by to be in `units`."""
    own = units_of(axis, dim)
    if own is None:
        message = f"{dim!r} has no units; give it some: `data[{dim!r}].attrs['units'] = {units!r}`"
        raise DataError(message)
    return conversion_factor(own, units)


def _laser(data: xr.DataArray | xr.Dataset, laser: float | None, medium: Medium) -> float:
    """Return the wavenumber of the laser, 1/cm."""
    if laser is None:
        laser = data.attrs.get("metadata", {}).get("laser", {}).get("wavelength")
    if not (isinstance(laser, int | float) and 0 < laser < np.inf):
        message = (
            f"a Raman shift is relative to a laser, whose wavelength is {laser!r} nm; give it, "
            "such as `laser=532.0`"
        )
        raise DataError(message)
    return float(_wavenumbers(np.array([float(laser)]), "wavelength", medium, 0.0)[0])


def _wavenumbers(places: np.ndarray, origin: str, medium: Medium, excited: float) -> np.ndarray:
    """Return wavenumbers in vacuum, 1/cm, of places in the units of `_KINDS`."""
    light = places if origin != "raman_shift" else excited - places
    if not np.all(light > 0):
        what = "above 0" if origin != "raman_shift" else f"below that of the laser, {excited:.6g}"
        message = f"every {origin.replace('_', ' ')} of light is {what}; got {places.min():.6g} "
        message += f"to {places.max():.6g} {_KINDS[origin].units}"
        raise DataError(message)
    if origin == "energy":
        return light / EV_PER_WAVENUMBER
    if origin == "wavelength":
        _require_air(light, medium)
        return wavenumber_of(light, medium)
    return light


def _places(light: np.ndarray, to: str, medium: Medium, excited: float) -> np.ndarray:
    """Return places, in the units of `_KINDS`, of wavenumbers in vacuum."""
    if to == "energy":
        return light * EV_PER_WAVENUMBER
    if to == "wavelength":
        return wavelength_of(light, medium)
    return excited - light if to == "raman_shift" else light


def _slopes(light: np.ndarray, to: str, medium: Medium) -> np.ndarray:
    """Return derivatives of places with respect to the wavenumber in vacuum."""
    more, less = (_places(light * (1.0 + step), to, medium, 0.0) for step in (_STEP, -_STEP))
    made: np.ndarray = (more - less) / (2.0 * _STEP * light)
    return made


def _require_air(wavelengths: np.ndarray, medium: Medium) -> None:
    if medium == "air" and wavelengths.size and wavelengths.min() < SHORTEST:
        message = (
            f"the shortest wavelength is {wavelengths.min():.6g} nm; air is transparent, and its "
            f'refractive index known, from {SHORTEST:g} nm on: `medium="vacuum"`'
        )
        raise DataError(message)


def _scale(
    values: Values, old: np.ndarray, slopes: np.ndarray, units: tuple[str | None, str]
) -> tuple[np.ndarray, str | None]:
    """Return what values are multiplied by, and the units of that.

    `slopes` are of the old axis over the new one, `units` those of both.
    """
    if values == "unchanged":
        return np.ones_like(old), "1"
    if values == "density":
        return slopes, product((units[0], 1), (units[1], -1))
    if len(old) < 2:
        message = f"the width of a channel is that to its neighbours; got {len(old)} channel(s)"
        raise DataError(message)
    return slopes / np.abs(np.gradient(old)), product((units[1], -1))
