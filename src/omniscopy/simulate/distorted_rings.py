"""Rings of a pattern that a distortion has made no circles."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.simulate.measurements import Random, counted, measurement, require_positive


@operation(example={"shape": (48, 44)}, lazy=False)
def distorted_rings(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (128, 120),
    *,
    sampling: float = 0.1,
    radii: Sequence[float] = (2.5, 4.0, 5.2),
    width: float = 0.15,
    centre: tuple[float, float] = (0.23, -0.31),
    cosine: Mapping[int, float] | None = None,
    sine: Mapping[int, float] | None = None,
    counts: float = 200.0,
    background: float = 10.0,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a pattern of rings with angular distortions.

    Parameters
    ----------
    shape : (int, int)
        Pixels along ky and kx.
    sampling : float, 1/nm
        Size of a pixel; 0 is in the middle of the pattern.
    radii : sequence of float, 1/nm
        Of the rings before they are distorted.
    width : float, 1/nm
        Standard deviation of a ring across.
    centre : (float, float), 1/nm
        Middle of the rings, as (ky, kx).
    cosine, sine : mapping of order to part
        Of :math:`r (1 + \sum_n c_n \cos n \varphi + s_n \sin n \varphi)`, with phi from +kx
        towards +ky; an ellipse with a ratio of axes of 1.06 otherwise.
    counts : float
        Counts on the first ring, above the background; others have less by their radius.
    background : float, counts
        Mean counts between the rings.
    noise : bool
        Draw Poisson counts (float32); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (ky, kx), counts
        The distortion is in ``attrs["metadata"]["truth"]``.

    Raises
    ------
    DataError
        `sampling`, `width` or `counts` is not positive.

    Notes
    -----
    A ring is :math:`N \frac{r_1}{r_i} e^{-(k/s - r_i)^2 / 2 w^2}` with the distortion
    :math:`s(\varphi)`.
    """
    require_positive(sampling=sampling, width=width, counts=counts)
    if cosine is None and sine is None:
        cosine, sine = {2: 0.015, 3: 0.004}, {2: 0.025}
    parts = [(dict(cosine or {}), np.cos), (dict(sine or {}), np.sin)]
    ky, kx = (sampling * (np.arange(size) - (size - 1) / 2) for size in shape)
    y, x = ky[:, None] - centre[0], kx - centre[1]
    angle, distance = np.arctan2(y, x), np.hypot(y, x)
    scale = np.ones(angle.shape)
    for orders, wave in parts:
        for order, part in orders.items():
            scale += part * wave(int(order) * angle)
    mean = np.full(shape, float(background))
    for radius in radii:
        height = counts * radii[0] / radius
        mean += height * np.exp(-0.5 * ((distance / scale - radius) / width) ** 2)
    coords = {"ky": coordinate("ky", ky, "1/nm"), "kx": coordinate("kx", kx, "1/nm")}
    truth = {
        "centre": [*centre], "radii": [*radii],
        "cosine": {str(order): part for order, part in parts[0][0].items()},
        "sine": {str(order): part for order, part in parts[1][0].items()},
    }  # fmt: skip
    return measurement(
        counted(xr.DataArray(mean, coords), noise=noise, rng=rng), title="Rings",
        quantity="intensity", units="counts", modality="TEM", truth=truth,
    )  # fmt: skip
