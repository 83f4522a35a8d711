"""Counts of what was simulated without noise."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, dims_of_kind, dims_of_role, labelled, operation, require_real
from omniscopy.simulate.measurements import Random

# What is below 0 by no more than this part of the largest value is 0.
_ROUNDING = 1e-6


@operation(example={"data": "diffraction_4d", "electrons": 0.5})
def electron_counts(data: xr.DataArray, electrons: float, *, rng: Random = 0) -> xr.DataArray:
    r"""Draw the counts of a measurement with so many electrons.

    Parameters
    ----------
    data : DataArray, any shape
        What is expected for one electron: parts of the beam, such as `stem` and `stem_4d` give,
        or an intensity over that of the incident wave, such as `tem_image`. Lazy or in memory.
    electrons : float
        Of each position of a probe; of each pixel of an image (the dose times the area of a
        pixel). Multiply the data where it is not the same everywhere.
    rng : int or Generator
        Seed of the counts.

    Returns
    -------
    DataArray, shape of `data`, counts
        In float32: whole numbers, NaN where `data` are, or are below 0.

    Raises
    ------
    DataError
        `data` are not real, or there are no electrons.

    Notes
    -----
    Poisson's distribution with the mean :math:`N I`: detectors that count each electron. Every
    position has random numbers of its own, so that counts depend neither on chunks nor on what
    part of the data is computed first.

    Examples
    --------
    >>> import omniscopy as om
    >>> expected = om.simulate.diffraction_4d(noise=False)
    >>> counts = om.simulate.electron_counts(expected, 2.0)
    >>> bool(abs(counts.mean() / expected.mean() - 2.0) < 0.01)
    True
    """
    require_real(data)
    if not electrons > 0:
        message = f"electrons must be above 0, of each position or pixel, got {electrons!r}"
        raise DataError(message)
    seed = rng if isinstance(rng, int) else int(np.random.default_rng(rng).integers(2**63))
    inner = dims_of_role(data, "signal") or dims_of_kind(data, "spatial") or data.dims[-1:]
    inner = sorted(map(str, inner))
    outer = sorted(str(dim) for dim in data.dims if dim not in inner)
    sizes = [data.sizes[dim] for dim in outer]
    # By the names of the dimensions: their order does not matter.
    number = xr.DataArray(np.arange(int(np.prod(sizes)), dtype=np.int64).reshape(sizes), dims=outer)
    expected = data.drop_attrs(deep=False) * float(electrons)
    (made,) = map_signal(
        _drawn, expected, dim=inner, also=[number],
        output_dims=[{dim: data.sizes[dim] for dim in inner}], dtypes=[np.float32],
        parameters={"seed": int(seed)},
    )  # fmt: skip
    made = made.assign_coords(data.coords).transpose(*data.dims)
    names = ("long_name", "quantity", "signal_type")
    kept = {name: data.attrs[name] for name in names if name in data.attrs}
    return labelled(made, units="counts", **kept)


def _drawn(expected: np.ndarray, number: np.ndarray, *, seed: int) -> np.ndarray:
    """Return counts of blocks (..., inner), each position drawn by its own number."""
    outer = expected.shape[: number.ndim]
    made = np.full(expected.shape, np.nan, np.float32)
    for place in np.ndindex(*outer):
        mean = np.asarray(expected[place], np.float64)
        # Transforms leave rounding below 0; more than that is no intensity.
        least = -_ROUNDING * float(np.max(mean, where=np.isfinite(mean), initial=0.0))
        known = np.isfinite(mean) & (mean >= least)
        bits = np.random.Philox(key=seed, counter=[0, 0, 0, int(number[place])])
        drawn = np.random.Generator(bits).poisson(np.where(known & (mean > 0), mean, 0.0))
        made[place] = np.where(known, drawn, np.nan)
    return made
