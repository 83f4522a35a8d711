"""Relaxations, and responses along biases of reading and writing, of ferroelectric surfaces."""

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive


@operation(example={"shape": (2, 3), "points": 32}, lazy=False)
def relaxation(
    shape: tuple[int, int] = (3, 4),
    *,
    points: int = 64,
    duration: float = 2.0,
    exponent: float = 1.0,
    noise: float = 1e-5,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate how the response of a surface relaxes after a pulse.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    points : int
        Times, from `duration` / `points` on in equal steps.
    duration : float, s
        The last time.
    exponent : float
        Of a stretched exponential; 1 is an exponential.
    noise : float, V
        Standard deviation of the noise.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, time), V
        :math:`a e^{-(t / \tau)^\beta} + c` with :math:`a` of 1 mV, :math:`c` of 0.2 mV and
        :math:`\tau` that rises from 0.2 to 0.6 s with x.

    Raises
    ------
    DataError
        The shape has no points, or `points`, `duration` or `exponent` is not positive.
    """
    require_positive(points=points, duration=duration, exponent=exponent)
    coords = grid(shape, 20.0, "nm", ("y", "x"))
    x = xr.DataArray(np.linspace(0, 1, shape[1]), {"x": coords["x"]}, dims="x")
    y = xr.DataArray(np.zeros(shape[0]), {"y": coords["y"]}, dims="y")
    values = duration * np.arange(1, points + 1) / points
    t = xr.DataArray(values, {"time": coordinate("time", values, "s")})
    tau = 0.2 + 0.4 * x + y
    left: xr.DataArray = xr.apply_ufunc(np.exp, -((t / tau) ** exponent))
    exact = (1e-3 * left + 2e-4).transpose("y", "x", "time")
    noisy = exact + noise * np.random.default_rng(rng).standard_normal(exact.shape)
    return measurement(
        noisy, title="Relaxation", quantity="response", units="V", modality="AFM",
        truth={"amplitude": 1e-3, "offset": 2e-4, "exponent": exponent, "noise": noise},
    )  # fmt: skip


@operation(example={"shape": (2, 3), "write_steps": 8}, lazy=False)
def contact_kpfm(
    shape: tuple[int, int] = (3, 4),
    *,
    write_steps: int = 16,
    read_steps: int = 7,
    noise: float = 1e-6,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate responses at biases of reading, after pulses of a bias of writing.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    write_steps, read_steps : int
        Biases of writing, a triangle of 8 V, and of reading, from -2 to 2 V.
    noise : float, V
        Standard deviation of the noise.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, write_bias, read_bias), V
        :math:`s (V_\mathrm{read} - \mathrm{CPD})`: the slope falls from -0.1 to -0.3 mV/V with
        y, the contact potential rises from 0.2 to 0.6 V with x, and by 0.1 V for 8 V of writing.

    Raises
    ------
    DataError
        The shape has no points, or `write_steps` or `read_steps` is not positive.
    """
    require_positive(write_steps=write_steps, read_steps=read_steps)
    coords = grid(shape, 20.0, "nm", ("y", "x"))
    y, x = (
        xr.DataArray(np.linspace(0, 1, size), {dim: coords[dim]}, dims=dim)
        for dim, size in zip(("y", "x"), shape, strict=True)
    )
    place = np.mod(4.0 * np.arange(write_steps) / write_steps + 1.0, 4.0)
    biases = {"write_bias": 8.0 * (1.0 - np.abs(place - 2.0)),
              "read_bias": np.linspace(-2.0, 2.0, read_steps)}  # fmt: skip
    write, read = (
        xr.DataArray(
            values, {dim: coordinate(dim, values, "V", quantity="bias", kind="spectral")}, dims=dim
        )
        for dim, values in biases.items()
    )
    slope, potential = -1e-4 * (1.0 + 2.0 * y), 0.2 + 0.4 * x + 0.1 * write / 8.0
    exact = (slope * (read - potential)).transpose("y", "x", "write_bias", "read_bias")
    noisy = exact + noise * np.random.default_rng(rng).standard_normal(exact.shape)
    return measurement(
        noisy, title="Contact Kelvin probe", quantity="response", units="V", modality="AFM",
        truth={"noise": noise},
    )  # fmt: skip
