"""From times of first peaks to times of the sample."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_dim,
    require_units,
    result,
)

_TIME = "time_to_first_peak"


@operation(example={"data": "first_peaks", "simulated": "first_peaks_of_taus"})
def calibrate_tau(
    data: xr.Dataset | xr.DataArray, simulated: xr.Dataset, *, dim: str = "tau"
) -> xr.Dataset:
    r"""Find the times of the sample that make cantilevers peak when they do.

    Parameters
    ----------
    data : Dataset or DataArray, shape (...)
        Result of `fit_first_peak`, or times to first peaks (s); lazy or in memory.
    simulated : Dataset, shape (tau)
        The same fit of simulated cantilevers (`simulate.cantilever` with `maps` along `tau`), made
        with the same settings.
    dim : str
        Dimension of the times that were simulated; its coordinate is in s.

    Returns
    -------
    Dataset, shape (...)
        ``tau`` and ``tau_std`` (s), and ``status``: 0 found, 3 beyond what was simulated, 4 no
        time to the first peak, 5 a calibration without two points (all NaN).

    Raises
    ------
    DataError
        There are no times to first peaks, or they or the simulated times are not in seconds.

    Notes
    -----
    Monotone cubic interpolation (PCHIP) [1]_ of the logarithms of both times. Simulated points
    that do not rise above all before them are left out: there, times are too short to be told
    apart.

    References
    ----------
    .. [1] F. N. Fritsch, R. E. Carlson, *SIAM J. Numer. Anal.* 17, 238 (1980).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.calibrate_tau(om.samples.first_peaks(), om.samples.first_peaks_of_taus())
    >>> found["tau"].dims
    ('y', 'x')
    """
    times, spread = _times(data)
    known, _ = _times(simulated)
    require_dim(known, dim, at_least=2)
    tau = np.log(known.coords[dim].values * require_units(known.coords[dim], "s", what=dim))
    found, deviation, status = map_signal(
        read_off, times, dim=[], also=[spread, known], whole=[dim], output_dims=[{}] * 3,
        dtypes=[np.float64, np.float64, np.uint8], parameters={"tau": tau},
    )  # fmt: skip
    return result(tau=(found, "s"), tau_std=(deviation, "s"), status=(status, "1"))


def read_off(
    times: np.ndarray, spread: np.ndarray, known: np.ndarray, *, tau: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times of the sample, their deviations and outcomes.

    `known` are times to first peaks, shape (..., tau); `tau` are the logarithms of what made them.
    """
    shape = np.broadcast_shapes(times.shape, spread.shape, known.shape[:-1])
    found, deviation = np.full(shape, np.nan), np.full(shape, np.nan)
    status = np.full(shape, int(Status.NO_DATA), dtype=np.uint8)
    times, spread = np.broadcast_to(times, shape), np.broadcast_to(spread, shape)
    own = known.shape[:-1]
    padded = (1,) * (len(shape) - len(own)) + own
    for place in np.ndindex(*padded):
        curve = known.reshape(*padded, -1)[place]
        # A calibration that stands for a whole dimension is used once for all of it.
        where = tuple(
            slice(None) if size == 1 else n for n, size in zip(place, padded, strict=True)
        )
        made = _read_one(times[where], spread[where], curve, tau)
        found[where], deviation[where], status[where] = made
    return found, deviation, status


def _read_one(
    times: np.ndarray, spread: np.ndarray, curve: np.ndarray, tau: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy.interpolate import PchipInterpolator

    x, y = _rising(curve, tau)
    usable = np.isfinite(times) & (times > 0)
    if len(x) < 2:
        nothing = np.full(np.shape(times), np.nan)
        return nothing, nothing, np.full(np.shape(times), int(Status.INVALID))
    place = np.log(np.where(usable, times, 1.0))
    inside = usable & (place >= x[0]) & (place <= x[-1])
    line = PchipInterpolator(x, y)
    place = np.clip(place, x[0], x[-1])
    made = np.where(inside, np.exp(line(place)), np.nan)
    deviation = made * np.abs(line.derivative()(place)) * spread / np.where(usable, times, 1.0)
    outside = np.where(usable, int(Status.AT_BOUND), int(Status.NO_DATA))
    return made, deviation, np.where(inside, int(Status.CONVERGED), outside)


def _rising(curve: np.ndarray, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of times that rise with `tau`, and those of `tau`."""
    usable = np.isfinite(curve) & (curve > 0)
    order = np.argsort(tau[usable])
    x, y = np.log(curve[usable][order]), tau[usable][order]
    highest = np.concatenate([[-np.inf], np.maximum.accumulate(x)[:-1]]) if len(x) else x
    # Rises below a thousandth are rounding.
    kept = x > highest + 1e-3
    return x[kept], y[kept]


def _times(data: xr.Dataset | xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return times to first peaks and their deviations, in seconds."""
    if isinstance(data, xr.Dataset):
        if _TIME not in data:
            message = f"expected a variable {_TIME!r}, got {list(map(str, data.data_vars))}"
            raise DataError(message)
        times = data[_TIME]
        spread = data.get(f"{_TIME}_std", times * np.nan)
    else:
        times, spread = data, data * np.nan
    factor = require_units(times, "s", what="the time to the first peak")
    return times * factor, spread * factor
