"""Measurements that several races are run on."""

from pathlib import Path

import numpy as np
import xarray as xr

from omniscopy.model import coordinate


def labelled(values):
    coords = {
        dim: coordinate(dim, np.arange(size) - (size // 2 if dim[0] == "k" else 0.0), unit)
        for dim, size, unit in zip(
            ("y", "x", "ky", "kx"), values.shape, ("nm", "nm", "1/nm", "1/nm"), strict=True
        )
    }
    return xr.DataArray(values, coords, dims=tuple(coords), attrs={"units": "counts"})


def image_of_columns():
    """Return 32 by 32 columns of two heights, sigma 3 pixels, with noise; and their places."""
    rng = np.random.default_rng(0)
    i, j = np.mgrid[:32, :32]
    places = np.stack([i.ravel(), j.ravel()], 1) * 16.0 + 16.0 + rng.normal(0, 0.25, (1024, 2))
    height = np.where((i + j).ravel() % 2 == 0, 1.0, 0.6)
    axis = np.arange(528.0)
    along = [np.exp(-0.5 * ((axis - places[:, n, None]) / 3.0) ** 2) for n in (0, 1)]
    values = np.einsum("n,ny,nx->yx", height, *along, optimize=True)
    values += 0.1 + rng.normal(0, 0.02, values.shape)
    coords = {dim: (dim, axis, {"units": "nm"}) for dim in ("y", "x")}
    return xr.DataArray(values, coords, dims=("y", "x")), places


def own_peak():
    """Return the peak of memory of this process: that of `getrusage` begins with the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
