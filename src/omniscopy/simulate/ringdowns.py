"""Amplitudes of cantilevers that ring down."""

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive


@operation(example={"shape": (1, 2)}, lazy=False)
def ringdown(  # noqa: PLR0913 - the numbers of an experiment
    shape: tuple[int, int] = (2, 3),
    *,
    resonance_frequency: float = 60e3,
    quality_factor: tuple[float, float] = (200.0, 400.0),
    amplitude: float = 20e-9,
    duration: float = 16e-3,
    points: int = 800,
    sampling: float = 20.0,
    noise: float = 1e-11,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate amplitudes after a drive has ended, on a sample that damps less along x.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    resonance_frequency : float, Hz
    quality_factor : (float, float)
        At the first and at the last point along x.
    amplitude : float, m
        At the beginning.
    duration : float, s
    points : int
        Samples of the amplitude.
    sampling : float, nm
        Distance of the points.
    noise : float, m
        Standard deviation of every sample.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, time), m

    Raises
    ------
    DataError
        The shape has no points, or `sampling`, the resonance, a quality factor, `amplitude`,
        `duration` or `points` is not positive.

    Notes
    -----
    :math:`A e^{-t / \tau}` with :math:`\tau = 2 Q / \omega_0 = Q / \pi f_0`.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.simulate.ringdown().sizes["time"]
    800
    """
    require_positive(
        resonance_frequency=resonance_frequency, quality_factor=min(quality_factor),
        amplitude=amplitude, duration=duration, points=points,
    )  # fmt: skip
    coords = grid(shape, sampling, "nm", ("y", "x"))
    time = duration * np.arange(points) / points
    coords["time"] = coordinate("time", time, "s")
    tau = np.linspace(*quality_factor, shape[1]) / (np.pi * resonance_frequency)
    values = np.tile(amplitude * np.exp(-time / tau[:, None]), (shape[0], 1, 1))
    values = values + noise * np.random.default_rng(rng).standard_normal(values.shape)
    truth = {"quality_factor": list(quality_factor), "resonance_frequency": resonance_frequency}
    return measurement(
        xr.DataArray(values, coords, dims=("y", "x", "time")), title="Ringdown",
        quantity="amplitude", units="m", modality="AFM", truth=truth,
    )  # fmt: skip
