"""Amorphous films, as a test of lenses."""

import numpy as np
import xarray as xr

from omniscopy.model import operation
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive


@operation(example={"shape": (32, 36)}, lazy=False)
def amorphous_film(
    shape: tuple[int, int] = (256, 256),
    *,
    sampling: float = 1.0,
    strength: float = 0.05,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate the exit wave of a thin amorphous film: a phase without correlations.

    Parameters
    ----------
    shape : (int, int)
        Pixels along y and x.
    sampling : float, Å
        Length of a pixel.
    strength : float, rad
        Standard deviation of the phase.
    rng : int or Generator
        Seed of the phase.

    Returns
    -------
    DataArray, shape (y, x), complex, 1
        :math:`e^{i\varphi}`, for `tem_image`.

    Raises
    ------
    DataError
        The shape has no points, or `strength` or `sampling` is not positive.
    """
    require_positive(strength=strength)
    coords = grid(shape, sampling, "Å", ("y", "x"))
    phase = strength * np.random.default_rng(rng).standard_normal(shape)
    return measurement(
        xr.DataArray(np.exp(1j * phase), coords, ("y", "x")), title="Exit wave of a film",
        quantity="wave", units="1", modality="TEM", truth={"strength": strength},
    )  # fmt: skip
