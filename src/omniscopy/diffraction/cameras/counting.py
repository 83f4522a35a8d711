"""Electrons counted one by one in sparse frames."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_work
from omniscopy.diffraction.reductions.kernels import compiled
from omniscopy.model import DataError, labelled, operation, require_plane, require_real

# A pixel without an electron is below the median by less than so many deviations of the noise.
_NOISE = 6.0
# From the median of the distances from the median to the standard deviation of a Gaussian.
_DEVIATION = 1.4826


@operation(example={"data": "diffraction_4d"})
def count_electrons(
    data: xr.DataArray,
    *,
    threshold: float | None = None,
    most: float | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Count electrons in frames where they are so few that each is a peak of its own.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Frames with the dark subtracted; lazy or in memory.
    threshold : float, units of `data`
        What the brightest pixel of an electron is above. Otherwise six standard deviations of the
        noise above the median of each frame, from the distances of all pixels from the median.
    most : float, units of `data`
        Peaks above that are X-rays, and are not counted.
    dims : (str, str)
        The dimensions of the frames; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray, shape of `data`, electrons
        1 (uint8) where an electron came in, else 0: at a pixel that is above the threshold and
        above the eight around it; of equal ones the first along ky, then kx, counts. NaN is no
        electron.

    Raises
    ------
    DataError
        There are no two reciprocal dimensions, or `most` is not above the threshold.

    Notes
    -----
    The noise is that of a normal distribution with the same median of distances from the median,
    :math:`\sigma = 1.4826\, \mathrm{MAD}`. For counting as such see [1]_.

    References
    ----------
    .. [1] X. Li et al., Nature Methods 10, 584 (2013).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.count_electrons(om.samples.diffraction_4d()).attrs["units"]
    'electrons'
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    if most is not None and threshold is not None and not most > threshold:
        message = f"most must be above the threshold {threshold!r}, got {most!r}"
        raise DataError(message)
    (made,) = map_signal(
        _counted, data, dim=plane, output_dims=[{dim: data.sizes[dim] for dim in plane}],
        dtypes=[np.uint8], parameters={"threshold": threshold, "most": most},
    )  # fmt: skip
    made = made.assign_coords({dim: data.coords[dim] for dim in plane}).transpose(*data.dims)
    return labelled(made, units="electrons", long_name="Electrons", quantity="counts")


def _counted(values: np.ndarray, *, threshold: float | None, most: float | None) -> np.ndarray:
    frames = values.reshape(-1, *values.shape[-2:])
    made = np.zeros(frames.shape, dtype=np.uint8)

    def work(number: int) -> None:
        frame = np.ascontiguousarray(frames[number], dtype=np.float64)
        limit = _limit(frame) if threshold is None else threshold
        if np.isfinite(limit):
            mark_peaks(frame, limit, np.inf if most is None else most, made[number])

    share_work(work, range(len(frames)), title="Electrons", things="frames")
    return made.reshape(values.shape)


def _limit(frame: np.ndarray) -> float:
    known = frame[np.isfinite(frame)]
    if not known.size:
        return np.nan
    middle = float(np.median(known))
    spread = float(np.median(np.abs(known - middle)))
    if spread == 0.0:  # most pixels are one value: that of no electron
        above = known[known > middle]
        return (middle + float(above.min())) / 2 if above.size else np.nan
    return middle + _NOISE * _DEVIATION * spread


@compiled
def mark_peaks(frame: np.ndarray, threshold: float, most: float, found: np.ndarray) -> None:
    """Mark pixels above a threshold that are the brightest of the nine around them."""
    rows, columns = frame.shape
    for y in range(rows):
        for x in range(columns):
            value = frame[y, x]
            if not (value > threshold and value <= most):
                continue
            peak = True
            for v in range(max(y - 1, 0), min(y + 2, rows)):
                for u in range(max(x - 1, 0), min(x + 2, columns)):
                    before = v < y or (v == y and u < x)
                    if frame[v, u] > value or (before and frame[v, u] == value):
                        peak = False
            if peak:
                found[y, x] = 1
