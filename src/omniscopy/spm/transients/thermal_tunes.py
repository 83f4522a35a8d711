"""What a cantilever answers to a force, from its thermal motion alone."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_choice,
    require_dim,
    require_real,
    require_uniform,
    require_units,
    require_window,
    result,
)
from omniscopy.model.units import product
from omniscopy.physics import calibration
from omniscopy.spm.force.thermal_peaks import OUTPUTS, fit_thermal_peaks, to_square_metres


@operation(example={"data": "thermal_spectrum"})
def thermal_transfer_function(
    data: xr.DataArray,
    *,
    windows: Sequence[tuple[float, float]] | None = None,
    deflection: xr.DataArray | None = None,
    temperature: float = 298.15,
    detection: Literal["angle", "deflection"] = "angle",
    tilt: float = 0.0,
    sensitivity: float | None = None,
    dim: str = "frequency",
) -> xr.Dataset:
    r"""Find how a cantilever answers a force at its tip, from its thermal spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., frequency), m²/Hz or V²/Hz
        One-sided power density of the deflection, lazy or in memory.
    windows : sequence of (low, high), units of the frequency, optional
        Where the first mode of the cantilever is, the second, and so on, one resonance in each;
        the first, in all of the spectrum, if left out.
    deflection : DataArray, shape (..., time), optional
        Traces whose forces are wanted: the answer is given at the frequencies of their spectra.
        At those of `data` if left out.
    temperature : float, K
        Of the cantilever.
    detection : {"angle", "deflection"}
        What the detector sees, as in `calibrate_spring`.
    tilt : float, degrees
        Of the cantilever against the surface on which the sensitivity was measured.
    sensitivity : float, m/V
        For data in V²/Hz, on a hard surface.
    dim : str
        Dimension of the spectra.

    Returns
    -------
    Dataset, shape (..., frequency)
        ``response``: complex deflection for a unit of force along the normal of the lever, m/N,
        or V/N for data in V²/Hz; along ``mode`` what it is made of: ``spring_constant`` (N/m) of
        the mode, ``resonance_frequency`` and ``quality_factor``, each with its ``_std``, and
        ``status``. The response is NaN where the fit of a mode has not converged
        (3, at bound, is a spectrum without a floor).

    Raises
    ------
    DataError
        The units are not those of a power density of a deflection, a window holds fewer than 8
        values, or a number does not fit.

    Notes
    -----
    :math:`H = \sum_n \frac{\sigma_n}{k_n} \frac{f_n^2}{f_n^2 - f^2 + i f f_n / Q_n}` for modes
    that hold :math:`k_B T / 2` each: :math:`k_n = \sigma_n^2 k_B T / \langle z_n^2 \rangle`, where
    :math:`\sigma_n` is what the detector sees of the mode, relative to a static deflection [1]_:
    1 for the deflection, :math:`0.918, 3.19, 5.23` for the angle of the first three. The law of
    fluctuation and dissipation holds for each: :math:`-\mathrm{Im} H = \pi f S / (2 k_B T \sigma)`.
    Spectra are fitted as `calibrate_spring` does it. Unlike `transfer_function` this needs no
    excitation of known force; it knows nothing of delays of the electronics.

    References
    ----------
    .. [1] H.-J. Butt, M. Jaschke, *Nanotechnology* 6, 1 (1995).
    .. [2] L. Collins, A. Belianinov, S. Somnath et al., *Sci. Rep.* 6, 30557 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> answer = om.spm.thermal_transfer_function(om.samples.thermal_spectrum())
    >>> answer["response"].attrs["units"]
    'm/N'
    """
    require_dim(data, dim, units="Hz", at_least=8)
    require_real(data)
    require_choice("detection", detection, ("angle", "deflection"))
    if not (-90.0 < tilt < 90.0 and temperature > 0):
        message = (
            "tilt must be between -90 and 90 degrees and temperature above 0 K, got "
            f"{tilt!r} and {temperature!r}"
        )
        raise DataError(message)
    if windows is not None and len(windows) == 0:
        message = "windows must hold one (low, high) for each mode, got none"
        raise DataError(message)
    metres = to_square_metres(data, sensitivity)
    hertz = require_units(data.coords[dim], "Hz")
    parts = [data] if windows is None else [
        require_window(data, dim, window, at_least=8) for window in windows
    ]  # fmt: skip
    fitted = xr.concat([_fitted(part, dim, hertz) for part in parts], "mode")
    seen = xr.DataArray([_seen(number + 1, detection) for number in range(len(parts))], dims="mode")
    square, f0, q, _, square_std, f0_std, q_std, _, status, _ = (
        fitted.isel(parameter=number, drop=True) for number in range(OUTPUTS)
    )
    cosine = np.cos(np.radians(tilt))
    spring = (seen * cosine) ** 2 * calibration.BOLTZMANN * temperature / (square * metres)
    # A spectrum without a floor is at the bound of the floor alone.
    good = (status == int(Status.CONVERGED)) | (
        (status == int(Status.AT_BOUND)) & np.isfinite(square_std + f0_std + q_std)
    )
    height = (seen * cosine / metres**0.5 / spring).where(good)
    at = data.coords[dim] * hertz if deflection is None else _frequencies(deflection)
    (response,) = map_signal(
        answers, xr.concat([height, f0, q], "parameter").transpose(..., "parameter", "mode"),
        dim=["parameter", "mode"], output_dims=[{dim: at.size}], dtypes=[np.complex128],
        parameters={"frequency": np.asarray(at.values, np.float64)},
    )  # fmt: skip
    where = data.coords[dim].variable if deflection is None else coordinate(dim, at.values, "Hz")
    axis = data[dim].attrs.get("units")
    modes = np.arange(1, len(parts) + 1)
    numbers = {"mode": coordinate("mode", modes, "1", quantity="mode", kind="parameter")}
    made = {
        "spring_constant": (spring, "N/m"),
        "spring_constant_std": (spring * square_std / square, "N/m"),
        "resonance_frequency": (f0 / hertz, axis),
        "resonance_frequency_std": (f0_std / hertz, axis),
        "quality_factor": (q, "1"),
        "quality_factor_std": (q_std, "1"),
        "status": (status.astype(np.uint8), "1"),
    }
    return result(
        {},
        response=(
            response.assign_coords({dim: where}),
            product((data.attrs.get("units"), 0.5), ("Hz", 0.5), ("N", -1.0)),
        ),
        **{name: (each.assign_coords(numbers), units) for name, (each, units) in made.items()},
    )


def answers(modes: np.ndarray, *, frequency: np.ndarray) -> np.ndarray:
    """Return what modes, shape (..., parameter, mode), answer together at frequencies (Hz)."""
    height, f0, q = (modes[..., n, :, None] for n in range(3))
    with np.errstate(all="ignore"):
        made = height * f0**2 / (f0**2 - frequency**2 + 1j * frequency * f0 / q)
    return np.asarray(made.sum(axis=-2))


def _fitted(part: xr.DataArray, dim: str, hertz: float) -> xr.DataArray:
    parameters = {
        "frequency": np.asarray(part[dim].values, np.float64) * hertz,
        "threads": None if part.chunks is None else 1,
    }
    return map_signal(
        fit_thermal_peaks, part, dim=dim, output_dims=[{"parameter": OUTPUTS}],
        parameters=parameters,
    )[0]  # fmt: skip


def _seen(mode: int, detection: str) -> float:
    """Return what is seen of a mode, relative to what is seen of a static deflection."""
    deflection, angle = calibration.beam_shares(mode)
    return (angle / deflection) ** 0.5 if detection == "angle" else 1.0


def _frequencies(deflection: xr.DataArray) -> xr.DataArray:
    """Return the frequencies (Hz) of the spectra of traces along time."""
    step = require_uniform(deflection, "time")
    second = require_units(deflection.coords["time"], "s", what="coordinate 'time'")
    found = np.fft.rfftfreq(deflection.sizes["time"], abs(step) * second)
    return xr.DataArray(found, dims="frequency")
