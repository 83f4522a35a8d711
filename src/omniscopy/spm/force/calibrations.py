"""Spring constants of cantilevers from their thermal motion."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    operation,
    require_choice,
    require_dim,
    require_real,
    require_units,
    require_window,
    result,
)
from omniscopy.model.units import product
from omniscopy.physics import calibration
from omniscopy.spm.force.thermal_peaks import OUTPUTS, fit_thermal_peaks, to_square_metres

_NUMBERS = ("length", "width", "density", "viscosity")


@operation(example={"data": "thermal_spectrum"})
def calibrate_spring(  # noqa: PLR0913 - options of the field
    data: xr.DataArray,
    *,
    method: Literal["thermal", "sader"] = "thermal",
    dim: str = "frequency",
    window: tuple[float, float] | None = None,
    temperature: float = 298.15,
    detection: Literal["angle", "deflection"] = "angle",
    tilt: float = 0.0,
    sensitivity: float | None = None,
    length: float | None = None,
    width: float | None = None,
    density: float = 1.184,
    viscosity: float = 1.849e-5,
) -> xr.Dataset:
    r"""Fit the resonance in thermal spectra, and find the spring constant of the cantilever.

    Parameters
    ----------
    data : DataArray, shape (..., frequency), m²/Hz or V²/Hz
        One-sided power density of the deflection, lazy or in memory, with one resonance in the
        window; for "sader" in any units.
    method : {"thermal", "sader"}
        From the mean square of the motion, or from resonance and quality factor of a rectangular
        beam in a fluid.
    dim : str
        Dimension of the spectra.
    window : (low, high), units of the frequency
        The part that is fitted.
    temperature : float, K
        Of the cantilever.
    detection : {"angle", "deflection"}
        What the detector sees. Light that is reflected sees the angle, and less of the first mode
        than of a static deflection.
    tilt : float, degrees
        Of the cantilever against the surface on which the sensitivity was measured.
    sensitivity : float, m/V
        For data in V²/Hz, on a hard surface.
    length, width : float, m
        Of the cantilever, for "sader".
    density, viscosity : float, kg/m³ and Pa s
        Of the fluid, for "sader"; those of air at 25 °C otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``spring_constant`` [N/m] along the normal of the lever, ``spring_constant_vertical``
        (along the normal of the surface, :math:`k / \cos^2\theta`), ``resonance_frequency``,
        ``quality_factor``, ``mean_square`` (the area of the resonance) and ``floor``, each with its
        ``_std``, and ``status``.

    Raises
    ------
    DataError
        The units are not those of a power density of a deflection, or a number is missing.

    Notes
    -----
    Thermal: :math:`k = c\, k_B T \cos^2\theta / \langle z^2 \rangle` with :math:`c` = 0.971 for
    the deflection of the first mode of a beam and 0.817 for its angle [1]_; a tilted lever bends
    by :math:`1/\cos\theta` more than the surface rises. Sader: [2]_. The spectrum is
    fitted by an oscillator in a white force and a white floor, with weights of one over the square
    of the fit, which is repeated: the most likely fit of averaged spectra.

    References
    ----------
    .. [1] H.-J. Butt, M. Jaschke, Nanotechnology 6, 1 (1995).
    .. [2] J. E. Sader, J. W. M. Chon, P. Mulvaney, Rev. Sci. Instrum. 70, 3967 (1999).
    """
    require_dim(data, dim, units="Hz", at_least=8)
    require_real(data)
    require_choice("method", method, ("thermal", "sader"))
    require_choice("detection", detection, ("angle", "deflection"))
    if not -90.0 < tilt < 90.0:
        message = f"tilt must be between -90 and 90 degrees, got {tilt!r}"
        raise DataError(message)
    part = data if window is None else require_window(data, dim, window, at_least=8)
    scale = to_square_metres(data, sensitivity) if method == "thermal" else 1.0
    hertz = require_units(data.coords[dim], "Hz")
    frequency = np.asarray(part[dim].values, np.float64) * hertz
    made = map_signal(
        fit_thermal_peaks, part, dim=dim, output_dims=[{"parameter": OUTPUTS}],
        parameters={"frequency": frequency, "threads": None if data.chunks is None else 1},
    )[0]  # fmt: skip
    column = [made.isel(parameter=number, drop=True) for number in range(OUTPUTS)]
    square, f0, q, floor, square_std, f0_std, q_std, floor_std, status, together = column
    cosine = np.cos(np.radians(tilt)) ** 2
    if method == "thermal":
        share = calibration.ANGLE if detection == "angle" else calibration.DEFLECTION
        spring = share * calibration.BOLTZMANN * temperature * cosine / (square * scale)
        spring_std = spring * square_std / square
    else:
        if length is None or width is None or min(length, width, density, viscosity) <= 0:
            message = (
                "method 'sader' needs length= and width= of the cantilever in m, and a density "
                f"and a viscosity above 0; got {length!r}, {width!r}, {density!r}, {viscosity!r}"
            )
            raise DataError(message)
        numbers = dict(zip(_NUMBERS, (length, width, density, viscosity), strict=True))
        spring = _in_fluid(calibration.sader, f0, q, numbers)
        spring_std = _std_in_fluid(calibration.sader, (f0, q), (f0_std, q_std, together), numbers)
    units, axis = data.attrs.get("units"), data[dim].attrs.get("units")
    area = product((units, 1.0), ("Hz", 1.0))
    return result(
        {},
        spring_constant=(spring, "N/m"),
        spring_constant_std=(spring_std, "N/m"),
        spring_constant_vertical=(spring / cosine, "N/m"),
        spring_constant_vertical_std=(spring_std / cosine, "N/m"),
        resonance_frequency=(f0 / hertz, axis),
        resonance_frequency_std=(f0_std / hertz, axis),
        quality_factor=(q, "1"),
        quality_factor_std=(q_std, "1"),
        mean_square=(square, area),
        mean_square_std=(square_std, area),
        floor=(floor, units),
        floor_std=(floor_std, units),
        status=(status, "1"),
    )


@operation(example={"data": "thermal_spectrum", "length": 225e-6, "width": 30e-6})
def calibrate_lateral(
    data: xr.DataArray,
    *,
    length: float,
    width: float,
    tip_height: float | None = None,
    dim: str = "frequency",
    window: tuple[float, float] | None = None,
    density: float = 1.184,
    viscosity: float = 1.849e-5,
) -> xr.Dataset:
    r"""Calibrate how stiff a rectangular cantilever is against torsion, from its thermal motion.

    Parameters
    ----------
    data : DataArray, shape (..., frequency), any units of a power density
        The lateral signal, lazy or in memory, with the first torsional resonance in the window.
    length, width : float, m
        Of the cantilever.
    tip_height : float, m
        From the middle of the cantilever to the end of the tip, for the lateral stiffness.
    dim : str
        Dimension of the spectra.
    window : (low, high), units of the frequency
        The part that is fitted.
    density, viscosity : float, kg/m³ and Pa s
        Of the fluid; those of air at 25 °C otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``torsional_spring_constant`` (torque over the twist of the end, N m), with `tip_height`
        ``lateral_spring_constant`` (force at the tip over its motion, N/m), ``resonance_frequency``
        and ``quality_factor`` of the torsion, each with its ``_std``, and ``status``.

    Raises
    ------
    DataError
        There is no frequency in Hz, or a number is not above 0.

    Notes
    -----
    :math:`k_\phi = 0.1592\, \rho b^4 L Q_t \Gamma_i^t(\omega_t)\, \omega_t^2` [1]_ and
    :math:`k_l = k_\phi / h^2`. The hydrodynamic function is that of a thin ribbon. The spectrum
    is fitted as `calibrate_spring` does it.

    References
    ----------
    .. [1] C. P. Green, H. Lioe, J. P. Cleveland, R. Proksch, P. Mulvaney, J. E. Sader, *Rev. Sci.
       Instrum.* 75, 1988 (2004).
    """
    require_dim(data, dim, units="Hz", at_least=8)
    require_real(data)
    given = {"length": length, "width": width, "density": density, "viscosity": viscosity}
    if tip_height is not None:
        given["tip_height"] = tip_height
    wrong = {name: value for name, value in given.items() if not value > 0}
    if wrong:
        message = f"numbers of the cantilever and of the fluid must be above 0, got {wrong}"
        raise DataError(message)
    part = data if window is None else require_window(data, dim, window, at_least=8)
    hertz = require_units(data.coords[dim], "Hz")
    made = map_signal(
        fit_thermal_peaks, part, dim=dim, output_dims=[{"parameter": OUTPUTS}],
        parameters={
            "frequency": np.asarray(part[dim].values, np.float64) * hertz,
            "threads": None if data.chunks is None else 1,
        },
    )[0]  # fmt: skip
    column = [made.isel(parameter=number, drop=True) for number in range(OUTPUTS)]
    _, f0, q, _, _, f0_std, q_std, _, status, together = column
    numbers = dict(zip(_NUMBERS, (length, width, density, viscosity), strict=True))
    spring = _in_fluid(calibration.sader_torsional, f0, q, numbers)
    std = _std_in_fluid(calibration.sader_torsional, (f0, q), (f0_std, q_std, together), numbers)
    axis = data[dim].attrs.get("units")
    found: dict[str, tuple[xr.DataArray, str | None]] = {
        "torsional_spring_constant": (spring, "N m"), "torsional_spring_constant_std": (std, "N m"),
    }  # fmt: skip
    if tip_height is not None:
        found["lateral_spring_constant"] = (spring / tip_height**2, "N/m")
        found["lateral_spring_constant_std"] = (std / tip_height**2, "N/m")
    return result(
        {},
        **found,
        resonance_frequency=(f0 / hertz, axis),
        resonance_frequency_std=(f0_std / hertz, axis),
        quality_factor=(q, "1"),
        quality_factor_std=(q_std, "1"),
        status=(status, "1"),
    )


def _in_fluid(
    formula: Callable[..., Any], f0: xr.DataArray, q: xr.DataArray, numbers: dict[str, float]
) -> xr.DataArray:
    """Return the stiffness that resonance and quality factor in a fluid stand for."""
    made: xr.DataArray = xr.apply_ufunc(
        formula, f0, q, kwargs=numbers, dask="parallelized", output_dtypes=[np.float64]
    )
    return made


def _std_in_fluid(
    formula: Callable[..., Any],
    fitted: tuple[xr.DataArray, xr.DataArray],
    spread: tuple[xr.DataArray, xr.DataArray, xr.DataArray],
    numbers: dict[str, float],
) -> xr.DataArray:
    """Return its standard deviation, of those of resonance and quality factor, and covariance."""
    (f0, q), (f0_std, q_std, together) = fitted, spread
    spring = _in_fluid(formula, f0, q, numbers)
    # k ~ Q g(f0): the slope along f0 from a small change.
    along = (_in_fluid(formula, f0 * (1 + 1e-5), q, numbers) / spring - 1.0) / 1e-5
    parts = (q_std / q) ** 2 + (along * f0_std / f0) ** 2
    both: xr.DataArray = parts + 2.0 * along * together / (f0 * q)
    return spring * np.sqrt(both.clip(min=0.0))
