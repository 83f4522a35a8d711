"""Images with pixels that are not square, which tests are made of."""

import numpy as np
import xarray as xr


def image(values, steps=(0.5, 2.0), units=("nm", "nm", "nm")):
    """Return values over y and x; units of values, y and x."""
    coords = {
        dim: (dim, step * np.arange(size), {"units": unit})
        for dim, step, size, unit in zip("yx", steps, np.shape(values), units[1:], strict=True)
    }
    return xr.DataArray(
        np.asarray(values, float), coords, dims=("y", "x"), attrs={"units": units[0]}
    )
