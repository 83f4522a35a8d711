"""General-mode records: all that a fast digitiser takes while a bias oscillates."""

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive

# Resistance of the simulated surface below and above its switching bias, GOhm.
_OFF, _ON, _WIDTH = 4.0, 1.5, 0.5


@operation(example={"shape": (2, 3), "points": 64}, lazy=False)
def current_voltage(  # noqa: PLR0913 - what a measurement is made of
    shape: tuple[int, int] = (4, 6),
    *,
    amplitude: float = 6.0,
    frequency: float = 200.0,
    points: int = 256,
    capacitance: float = 5e-14,
    r_extra: float = 110.0,
    hysteresis: float = 0.5,
    noise: float = 0.02,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate the current through a surface under a sinusoidal bias.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    amplitude : float, V
        Of the bias, which begins at zero and rises.
    frequency : float, Hz
        Of the bias.
    points : int
        Samples in the period that is taken at each point.
    capacitance : float, F
        Between probe and surface.
    r_extra : float, 1/s
        Half of the current in phase with the bias through the capacitance, as a rate.
    hysteresis : float, V
        By how much the resistance switches later while the bias rises than while it falls.
    noise : float, nA
        Standard deviation of the noise of the current.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, time), nA
        With the coordinate ``bias`` along time.

    Raises
    ------
    DataError
        The shape has no points, or `amplitude`, `frequency` or `points` is not positive.

    Notes
    -----
    :math:`I = V / R(V) + C\, (dV/dt + 2 r_{extra} V)`. R falls from 4 to 1.5 GOhm around a
    switching bias, as a logistic function of width 0.5 V. That bias is in the metadata
    (``truth``, V): the same for all y, rising with x from a sixth to a half of the amplitude, in
    the middle of both branches.

    The circuit is that of [1]_.

    References
    ----------
    .. [1] S. Somnath et al., *Nature Commun.* 9, 513 (2018).
    """
    require_positive(amplitude=amplitude, frequency=frequency, points=points)
    coords = grid(shape, 20.0, "nm", ("y", "x"))
    time = np.arange(points) / (points * frequency)
    phase = 2 * np.pi * frequency * time
    bias, slope = amplitude * np.sin(phase), 2 * np.pi * frequency * amplitude * np.cos(phase)
    switching = amplitude * np.linspace(1 / 6, 1 / 2, shape[1])
    later = np.where(slope >= 0, 0.5, -0.5) * hysteresis
    part = 1.0 / (1.0 + np.exp((bias - switching[:, None] - later) / _WIDTH))
    current = bias / (_ON + (_OFF - _ON) * part) + capacitance * 1e9 * (slope + 2 * r_extra * bias)
    drawn = noise * np.random.default_rng(rng).standard_normal((*shape, len(time)))
    coords["time"] = coordinate("time", time, "s")
    coords["bias"] = ("time", bias, {"units": "V", "quantity": "bias"})
    values = xr.DataArray(current + drawn, coords, dims=("y", "x", "time"))
    return measurement(
        values, title="Current", quantity="current", units="nA", modality="AFM",
        truth={
            "noise": noise, "capacitance": capacitance, "frequency": frequency,
            "r_extra": r_extra, "switching_bias": switching.tolist(), "hysteresis": hysteresis,
        },
    )  # fmt: skip
