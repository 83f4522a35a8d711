"""Band-excitation spectra of a cantilever in contact with a surface."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, require_units, result
from omniscopy.physics import resonance
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive

_PARAMETERS = ("amplitude", "resonance_frequency", "quality_factor", "phase")


@operation(example={"shape": (3, 4)}, lazy=False)
def oscillator_maps(shape: tuple[int, int] = (8, 10), *, sampling: float = 20.0) -> xr.Dataset:
    r"""Simulate maps of a contact resonance on two ferroelectric domains.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    sampling : float, nm
        Distance of the points.

    Returns
    -------
    Dataset, shape (y, x)
        ``amplitude`` (V), ``resonance_frequency`` (Hz), ``quality_factor`` and ``phase``
        (rad). The frequency rises with x, the quality factor falls with y, the phase is -pi/2
        left of the middle and +pi/2 from there on.

    Notes
    -----
    With x and y from 0 to 1, :math:`A = 1 + \frac12 \sin 2 \pi y \cos \pi x` mV, :math:`f_0 = 335
    + 10 x` kHz, :math:`Q = 120 - 40 y`.
    """
    coords = grid(shape, sampling, "nm", ("y", "x"))
    y, x = (
        xr.DataArray(np.linspace(0, 1, size), {dim: coords[dim]}, dims=dim)
        for dim, size in zip(("y", "x"), shape, strict=True)
    )
    zero = 0.0 * y + 0.0 * x
    amplitude = zero + 1e-3 * (1 + 0.5 * np.sin(2 * np.pi * y) * np.cos(np.pi * x))
    frequency = zero + 335e3 + 10e3 * x
    quality = zero + 120.0 - 40.0 * y
    phase = zero + np.pi * ((x >= 0.5) - 0.5)
    return result(
        amplitude=(amplitude, "V"),
        resonance_frequency=(frequency, "Hz"),
        quality_factor=(quality, "1"),
        phase=(phase, "rad"),
    )


@operation(example={"shape": (2, 3), "points": 16}, lazy=False)
def band_excitation(
    shape: tuple[int, int] = (8, 10),
    *,
    centre: float = 340e3,
    band: float = 40e3,
    points: int = 81,
    maps: xr.Dataset | None = None,
    noise: float = 1e-3,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate complex band-excitation spectra of a contact resonance.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    centre, band : float, Hz
        Middle and width of the band of frequencies; both ends are measured.
    points : int
        Frequencies in the band.
    maps : Dataset
        ``amplitude`` (V), ``resonance_frequency`` (Hz), ``quality_factor`` and ``phase``
        (radians, or the units that it states) over any dimensions; `oscillator_maps` otherwise,
        which then takes `shape`.
    noise : float, V
        Standard deviation of the noise of the real part, and of the imaginary part.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, frequency), V, complex
        The truth is what `oscillator_maps` returns for the same shape.

    Raises
    ------
    DataError
        `band` or `points` is not positive, the band begins at or below 0, or `maps` lack a
        parameter or hold a phase that is no angle.

    Notes
    -----
    :math:`h(f) = A e^{i\varphi} f_0^2 / (f^2 - i f f_0 / Q - f_0^2)`.

    A harmonic oscillator, in the convention of [1]_.

    References
    ----------
    .. [1] S. Jesse, S. V. Kalinin, R. Proksch, A. P. Baddorf, B. J. Rodriguez, *Nanotechnology*
       18, 435503 (2007).
    """
    require_positive(band=band, lowest=centre - band / 2, points=points)
    maps = oscillator_maps(shape) if maps is None else maps
    missing = [name for name in _PARAMETERS if name not in maps]
    if missing:
        message = f"maps must hold {_PARAMETERS}; {missing} missing"
        raise DataError(message)
    values = np.linspace(centre - band / 2, centre + band / 2, points)
    frequency = xr.DataArray(values, {"frequency": coordinate("frequency", values, "Hz")})
    amplitude, f0, quality, phase = (maps[name] for name in _PARAMETERS)
    if "units" in phase.attrs:
        phase = phase * require_units(phase, "rad", what="phase")
    response = resonance.oscillator(frequency, amplitude, f0, quality, phase)
    response = response.transpose(..., "frequency")
    parts = np.random.default_rng(rng).standard_normal((2, *response.shape))
    return measurement(
        response + noise * (parts[0] + 1j * parts[1]), title="Band excitation",
        quantity="response", units="V", modality="AFM", truth={"noise": noise},
    )  # fmt: skip
