"""What it costs to bring many channels of the same points to a grid."""

import numpy as np
import pytest
import scipy.interpolate
import xarray as xr
from threadpoolctl import threadpool_limits

from omniscopy.model import coordinate
from omniscopy.signal import to_grid

pytestmark = pytest.mark.benchmark
POINTS, CHANNELS = 2000, 16


def spectra():
    rng = np.random.default_rng(0)
    y, x = rng.uniform(0.0, 60.0, (2, POINTS))
    coords = {
        "energy": coordinate("energy", np.arange(CHANNELS), "eV"),
        "y": ("point", y, {"units": "nm"}),
        "x": ("point", x, {"units": "nm"}),
    }
    values = rng.standard_normal((POINTS, CHANNELS))
    return xr.DataArray(values, coords, dims=("point", "energy"))


@pytest.mark.parametrize("method", ["linear", "natural"])
def test_channels_of_points_against_a_loop(method, measured, best_time):
    data = spectra()
    positions = data["y"].values, data["x"].values
    image = to_grid(data, method=method, spacing=1.0)
    places = tuple(np.meshgrid(image["y"], image["x"], indexing="ij"))

    @threadpool_limits.wrap(1, "blas")  # many threads make it ten times slower
    def loop():
        return [scipy.interpolate.griddata(positions, each, places) for each in data.values.T]

    if method == "linear":
        np.testing.assert_allclose(image.transpose("energy", "y", "x"), loop(), atol=1e-9)
    ratio = best_time(loop, 1) / best_time(lambda: to_grid(data, method=method, spacing=1.0), 3)
    measured(f"16 channels of points to a grid, {method}: for one `griddata` each", ratio, "> 3")
    assert ratio > 3
