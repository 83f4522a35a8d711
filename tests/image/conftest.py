"""Images that tests are made of."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import coordinate


@pytest.fixture(scope="session")
def image_of():
    """Return a function that labels an array as an image, or a stack of images."""

    def labelled(values, dy=2.0, dx=0.5, units="nm", y0=100.0, x0=-30.0, length="nm"):  # noqa: PLR0917
        values = np.asarray(values, dtype=float)
        coords = {
            "y": coordinate("y", y0 + dy * np.arange(values.shape[-2]), length),
            "x": coordinate("x", x0 + dx * np.arange(values.shape[-1]), length),
        }
        dims = ("frame", "y", "x")[3 - values.ndim :]
        return xr.DataArray(values, coords, dims, attrs={"units": units, "long_name": "Height"})

    return labelled
