"""Power spectra of images."""

from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.tapers import (
    Detrend,
    Window,
    flattened,
    reciprocal_coordinates,
    require_choice,
)
from omniscopy.model import (
    kind_of_dim,
    labelled,
    operation,
    require_numbers,
    require_plane,
    require_uniform,
    signal_type_of,
    units_of,
)
from omniscopy.model.units import product


@operation(example={"image": "surface"})
def power_spectrum(
    image: xr.DataArray,
    *,
    window: Window = "hann",
    detrend: Detrend = "mean",
    scaling: Literal["density", "amplitude"] = "density",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Calculate the power spectral density of every image.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units, real or complex
        Lazy or in memory, on a uniform grid.
    window : {"hann", "hamming", "blackman", "none"}
        Falls off to the edges, so that they do not make a cross.
    detrend : {"mean", "plane", "none"}
        What is subtracted before: the mean or the plane that fits best under the window.
    scaling : {"density", "amplitude"}
        The power density, or the amplitude that a cosine would have to peak there.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., ky, kx), float64
        Over spatial frequencies in periods per unit (1/nm, without 2 pi), zero in the middle:
        pixel ``n // 2``. In units of the image squared times those of its area ("density"), or
        of the image ("amplitude").
        NaN where an image has no finite pixel.

    Raises
    ------
    DataError
        There are no two spatial dimensions of at least 2 pixels, or a step is not uniform.

    Notes
    -----
    .. math::
        P(k) = \frac{\Delta y\,\Delta x}{\sum w^2}
               \left|\sum w\,(z - \bar z)\, e^{-2 \pi i k r}\right|^2

    so that :math:`\sum P\,\Delta k_y \Delta k_x` is the variance (that weighted by
    :math:`w^2`). A cosine of amplitude A has :math:`|\sum \dots| = A \sum w / 2`. A pixel that
    is not finite has the weight 0.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.power_spectrum(om.samples.surface()).attrs["units"]
    'nm^4'
    """
    dims = require_plane(image, dims, kind="spatial")
    require_numbers(image)
    require_choice(window=window, detrend=detrend)
    steps = [require_uniform(image, dim) for dim in dims]
    across = reciprocal_coordinates(image, dims, steps)
    sizes = {name: values.size for name, values in across.items()}
    (power,) = map_signal(
        _power_of,
        image,
        dim=dims,
        output_dims=[sizes],
        parameters={
            "window": window, "detrend": detrend, "scaling": scaling,
            "area": abs(steps[0] * steps[1]),
        },
    )  # fmt: skip
    units = image.attrs.get("units")
    if scaling == "density":
        units = product((units, 2), *((units_of(image, dim), 1) for dim in dims))
    titles = {"density": "Power spectral density", "amplitude": "Amplitude spectrum"}
    names = {"density": "power spectral density", "amplitude": "amplitude"}
    power = power.assign_coords(across)
    kinds = [kind_of_dim(power, dim) for dim in power.dims]
    return labelled(
        power, units=units, long_name=titles[scaling], quantity=names[scaling],
        signal_type=signal_type_of(kinds),
    )  # fmt: skip


def _power_of(
    block: np.ndarray, *, window: Window, detrend: Detrend, scaling: str, area: float
) -> np.ndarray:
    """Return the power spectra of a block of images."""
    values, weight = flattened(block, window, detrend)
    transformed = np.fft.fftshift(np.fft.fft2(values), axes=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        if scaling == "amplitude":
            total = weight.sum(axis=(-2, -1), keepdims=True)
            return 2.0 * np.abs(transformed) / np.where(total > 0, total, np.nan)
        total = (weight**2).sum(axis=(-2, -1), keepdims=True)
        return area * np.abs(transformed) ** 2 / np.where(total > 0, total, np.nan)
