"""Waves whose frequencies change: what a signal is made of in windows along it."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_work
from omniscopy.model import (
    DataError,
    coordinate,
    operation,
    require_real,
    require_uniform,
    result,
    units_of,
)
from omniscopy.signal.frequencies import frequency_units
from omniscopy.spm.transients.mode_kernel import COLUMNS, fit_windows, make_room

# Spectra of windows are this much finer than the windows themselves, for a start.
_FINER = 8


@operation(example={"data": "transients", "length": 200, "stride": 500})
def decompose_modes(
    data: xr.DataArray,
    n_modes: int = 1,
    *,
    length: int = 40,
    stride: int = 1,
    dim: str = "time",
    start: tuple[float, ...] | None = None,
    mean: bool = True,
    max_steps: int = 20,
) -> xr.Dataset:
    r"""Fit waves to windows along a signal: their frequencies and amplitudes as they change.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Real, on a uniform coordinate; lazy or in memory.
    n_modes : int
        Number of waves.
    length : int
        Samples of a window, more than 3 for each wave and 1.
    stride : int
        Samples from one window to the next.
    dim : str
        Dimension along which the waves are.
    start : sequence of float, Hz (one over the units of `dim`), optional
        Frequencies to start from, one for each wave; otherwise the highest peaks of the spectrum
        of the first window, one after another.
    mean : bool
        Fit a constant to each window too.
    max_steps : int
        Steps of a window, at most.

    Returns
    -------
    Dataset, shape (..., component, dim)
        ``frequency`` (one over the units of `dim`), ``amplitude`` and ``phase`` (degrees, of a
        cosine) in the middle of each window, with ``frequency_std`` and ``amplitude_std`` for
        white noise; the ``mean``; ``residual``, the root mean square of what is left; ``status``
        of each window: 0 converged, 1 stopped after `max_steps`, 2 waves that cannot be told
        apart and 4 values that are not finite (both NaN). Waves are in the order of their start.

    Raises
    ------
    DataError
        The signal is not real or not uniform, or a number does not fit to it.

    Notes
    -----
    The non-stationary Fourier mode decomposition [1]_: in each window :math:`\sum_k a_k \cos 2\pi
    f_k t + b_k \sin 2\pi f_k t`, started from what the window before has found. Not by descent
    along gradients, but by Gauss-Newton steps with variable projection [2]_: amplitudes and steps
    of frequencies come from one linear least squares, which takes 2 to 4 of them.

    References
    ----------
    .. [1] D. E. Shea, R. Giridharagopal, D. S. Ginger, S. L. Brunton, J. N. Kutz, *IEEE Access* 9,
       83453 (2021).
    .. [2] L. Kaufman, *BIT* 15, 49 (1975).

    Examples
    --------
    >>> import omniscopy as om
    >>> modes = om.spm.decompose_modes(om.samples.cantilever(), length=200, stride=100)
    >>> modes["frequency"].attrs["units"]
    'Hz'
    """
    step = require_uniform(data, dim)
    require_real(data)
    samples = data.sizes[dim]
    if not (n_modes >= 1 and 3 * n_modes + 1 < length <= samples):
        message = (
            f"length must be above {3 * n_modes + 1} for {n_modes} modes, and within the "
            f"{samples} samples; got {length!r}"
        )
        raise DataError(message)
    if not (stride >= 1 and max_steps >= 1):
        message = f"stride and max_steps must be 1 or more, got {stride!r} and {max_steps!r}"
        raise DataError(message)
    if start is not None and len(start) != n_modes:
        message = f"start must hold {n_modes} frequencies, one for each mode; got {start!r}"
        raise DataError(message)
    begins = np.arange(0, samples - length + 1, stride)
    starts = None if start is None else np.asarray(start, np.float64) * step
    parameters = {
        "count": n_modes, "begins": begins, "length": length, "level": mean, "starts": starts,
        "max_steps": max_steps, "threads": None if data.chunks is None else 1,
    }  # fmt: skip
    windows = {dim: len(begins)}
    found, figures, status = map_signal(
        find_modes, data, dim=dim, parameters=parameters,
        output_dims=[
            {"component": n_modes, **windows, "column": len(COLUMNS)}, {**windows, "figure": 2},
            windows,
        ],
        dtypes=[np.float64, np.float64, np.uint8],
    )  # fmt: skip
    place = data.coords[dim].values[0] + step * (begins + 0.5 * (length - 1))
    coords = {
        dim: (dim, place, dict(data.coords[dim].attrs)),
        "component": coordinate("component", np.arange(n_modes), "1"),
    }
    found, figures, status = (
        each.assign_coords({name: c for name, c in coords.items() if name in each.dims})
        for each in (found, figures, status)
    )
    wave = {name: found.isel(column=n) for n, name in enumerate(COLUMNS)}
    per = frequency_units(units_of(data, dim))
    values = data.attrs.get("units")
    return result(
        frequency=(wave["frequency"] / abs(step), per),
        frequency_std=(wave["frequency_std"] / abs(step), per),
        amplitude=(wave["amplitude"], values),
        amplitude_std=(wave["amplitude_std"], values),
        phase=(wave["phase"], "deg"),
        mean=(figures.isel(figure=0), values),
        residual=(figures.isel(figure=1), values),
        status=(status, "1"),
    )


def find_modes(
    values: np.ndarray, *, count: int, begins: np.ndarray, length: int, level: bool,
    starts: np.ndarray | None, max_steps: int, threads: int | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return what waves signals of shape (..., samples) are made of, in cycles a sample."""
    outer = values.shape[:-1]
    rows = np.require(values.reshape(-1, values.shape[-1]), np.float64, ["C", "W"])
    found = np.empty((len(rows), len(begins), count, len(COLUMNS)))
    figures = np.empty((len(rows), len(begins), 2))
    codes = np.empty((len(rows), len(begins)), dtype=np.int64)
    begins = np.array(begins, dtype=np.int64)

    def work(begin: int) -> None:
        part = slice(begin, begin + 1)
        first = _peaks(rows[begin, :length], count) if starts is None else starts
        fit_windows(
            rows[part], begins, length, np.array(first, np.float64)[None], level, max_steps,
            found[part], figures[part], codes[part], make_room(count, length),
        )  # fmt: skip

    share_work(work, range(len(rows)), threads)
    shape = (*outer, len(begins))
    return (
        np.moveaxis(found, 2, 1).reshape(*outer, count, len(begins), len(COLUMNS)),
        figures.reshape(*shape, 2),
        codes.reshape(shape).astype(np.uint8),
    )


def _peaks(values: np.ndarray, count: int) -> np.ndarray:
    """Return frequencies of the highest peaks, one after another, in cycles a sample."""
    size = _FINER * len(values)
    t = np.arange(len(values))
    left = values - values.mean()
    columns: list[np.ndarray] = [np.ones(len(values))]
    found = []
    for _ in range(count):
        spectrum = np.abs(np.fft.rfft(left, size))
        # Beside frequency 0 a constant could not be told from a wave.
        place = _FINER // 2 + int(np.argmax(np.nan_to_num(spectrum[_FINER // 2 : -1])))
        found.append(place / size)
        angle = 2.0 * np.pi * found[-1] * t
        columns += [np.cos(angle), np.sin(angle)]
        basis = np.stack(columns, axis=-1)
        if np.isfinite(values).all():
            left = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    return np.array(found)
