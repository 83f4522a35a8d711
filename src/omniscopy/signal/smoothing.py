"""Smooth spectra, and their derivatives."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_spectra
from omniscopy.model import DataError, labelled, operation, require_real, units_of
from omniscopy.model.units import product
from omniscopy.signal.axes import require_length, require_sorted, require_step
from omniscopy.signal.local_polynomials import (
    LocalPolynomial,
    windows_of_channels,
    windows_of_kernel,
    windows_of_length,
)
from omniscopy.signal.noise import spectral_dim
from omniscopy.signal.precision import single_or_double

Method = Literal["savgol", "gaussian", "whittaker", "median", "lowess"]

_CHANNELS, _DEGREE, _HIGHEST_DEGREE, _HIGHEST_ORDER = 7.0, 2, 6, 4
_KEPT = ("long_name", "quantity", "signal_type")
_NAMES = {1: "derivative", 2: "second derivative", 3: "third derivative", 4: "fourth derivative"}


@operation(example={"data": "spectrum_image"})
def smooth(
    data: xr.DataArray,
    dim: str | None = None,
    *,
    method: Method = "savgol",
    width: float | None = None,
    degree: int | None = None,
) -> xr.DataArray:
    r"""Smooth every spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory. The coordinate may descend and, but for "median", be uneven.
    dim : str
        Dimension of the spectra; the only one of the signal otherwise.
    method : {"savgol", "gaussian", "whittaker", "median", "lowess"}
        "savgol" keeps heights and widths of peaks best; "gaussian" has no ripples; "whittaker"
        is smoothest; "median" keeps steps and takes away what is narrow; "lowess" is a line
        fitted around each channel.
    width : float, units of the coordinate
        How much is smoothed: the whole window of "savgol", "median" and "lowess", the full width
        at half maximum of "gaussian", the period of a wave that "whittaker" halves. 7 channels
        otherwise.
    degree : int
        Of the polynomials of "savgol": 2 otherwise.

    Returns
    -------
    DataArray, shape (..., dim), units of `data`
        In single precision where `data` have it. NaN where `data` are; what is missing has no
        part in what is beside it.

    Raises
    ------
    DataError
        The dimension is missing, not sorted, or not uniform where it must be; `width` is more
        than the axis, or a window holds too few channels.

    Notes
    -----
    "savgol" [1]_, "gaussian" and "lowess" [2]_ (without robust iterations) are polynomials, of
    `degree` or straight, fitted in a window that is boxed, Gaussian or tricube. At the ends the
    first is moved inwards and the others are cut off: straight lines stay as they are to their
    ends. "whittaker" [3]_ minimises :math:`\int (y - z)^2 dx + \ell^4 \int z''^2 dx` with
    :math:`\ell = width / 2 \pi`. The window of "median" is made smaller at the ends.

    References
    ----------
    .. [1] A. Savitzky and M. J. E. Golay, *Anal. Chem.* 36, 1627 (1964).
    .. [2] W. S. Cleveland, *J. Am. Stat. Assoc.* 74, 829 (1979).
    .. [3] P. H. C. Eilers, *Anal. Chem.* 75, 3631 (2003).

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.samples.spectrum()
    >>> noise = om.signal.estimate_noise(om.signal.smooth(data, width=0.05))
    >>> bool(noise < 0.3 * om.signal.estimate_noise(data))
    True
    """
    require_real(data)
    dim = spectral_dim(data, dim, at_least=3)
    x = require_sorted(data, dim)
    if method not in get_args(Method):
        message = f"method must be one of {get_args(Method)}, got {method!r}"
        raise DataError(message)
    if degree is not None and method != "savgol":
        message = f"degree has no meaning for method {method!r}; leave it out"
        raise DataError(message)
    width = _width(data, dim, width)
    run: Callable[[np.ndarray], np.ndarray]
    if method == "whittaker":
        run = _whittaker(x, width)
    elif method == "median":
        step = require_step(data, dim, what="method 'median'")
        run = _median(int(width / 2 / abs(step) + 1e-9))
    else:
        degree = {"savgol": _DEGREE if degree is None else degree}.get(method, 1)
        run = _local(data, dim, x, method=method, width=width, degree=degree)
    kept = {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    return labelled(_mapped(run, data, dim), units=data.attrs.get("units"), **kept)


@operation(example={"data": "spectrum_image"})
def derivative(
    data: xr.DataArray,
    dim: str | None = None,
    *,
    order: int = 1,
    width: float | None = None,
    degree: int | None = None,
) -> xr.DataArray:
    r"""Differentiate every spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory. The coordinate may descend and need not be uniform.
    dim : str
        Dimension of the spectra; the only one of the signal otherwise.
    order : int
        1 for the slope, 2 for the curvature, up to 4.
    width : float, units of the coordinate
        Window in which a polynomial is fitted (Savitzky-Golay), against noise. As few channels
        as there must be otherwise.
    degree : int
        Of the polynomial: `order` + 1 otherwise.

    Returns
    -------
    DataArray, shape (..., dim), units of `data` over those of the coordinate to the power `order`
        NaN where `data` are. To the last channel at both ends.

    Raises
    ------
    DataError
        The dimension is missing or not sorted, `order` or `degree` are not what they must be,
        or a window holds too few channels.

    Notes
    -----
    The derivative, in the middle, of the polynomial that fits a window best [1]_: exact for
    polynomials of `degree` on any axis. Near the ends the window stays inside. Without `width`
    the first derivative is that of the parabola through three channels.

    References
    ----------
    .. [1] A. Savitzky and M. J. E. Golay, *Anal. Chem.* 36, 1627 (1964).

    Examples
    --------
    >>> import omniscopy as om
    >>> slope = om.signal.derivative(om.samples.spectrum(), width=0.05)
    >>> slope.attrs["units"]
    'counts/eV'
    """
    require_real(data)
    if not 1 <= order <= _HIGHEST_ORDER:
        message = f"order must be from 1 to {_HIGHEST_ORDER}, got {order!r}"
        raise DataError(message)
    degree = order + 1 if degree is None else degree
    if degree < order:
        message = f"degree must be at least order {order}, got {degree!r}"
        raise DataError(message)
    channels = degree + 1 + degree % 2
    dim = spectral_dim(data, dim, at_least=channels)
    x = require_sorted(data, dim)
    run: Callable[[np.ndarray], np.ndarray]
    if width is None:
        _require_degree(degree)
        run = LocalPolynomial.of(windows_of_channels(x, channels), degree, order).run
    else:
        width = _width(data, dim, width)
        run = _local(data, dim, x, method="savgol", width=width, degree=degree, order=order)
    units = product((data.attrs.get("units"), 1), (units_of(data, dim), -order))
    name = f"{_NAMES[order]} of {data.attrs.get('long_name') or 'the signal'}"
    return labelled(_mapped(run, data, dim), units=units, long_name=name)


def _mapped(run: Callable[[np.ndarray], np.ndarray], data: xr.DataArray, dim: str) -> xr.DataArray:
    size, kind = data.sizes[dim], single_or_double(data.dtype)
    (made,) = map_signal(
        lambda block: share_spectra(run, block, size=size, dtype=kind),
        data, dim=dim, output_dims=[{dim: size}], dtypes=[kind],
    )  # fmt: skip
    return made.assign_coords({dim: data.coords[dim]}).transpose(*data.dims)


def _width(data: xr.DataArray, dim: str, width: float | None) -> float:
    """Return the width that is given, if it is on the axis, or the default one."""
    if width is None:
        step = abs(float(data[dim][-1] - data[dim][0])) / (data.sizes[dim] - 1)
        return step * min(_CHANNELS, data.sizes[dim])
    require_length(data, dim, width, name="width", at_least=1)
    return float(width)


def _local(
    data: xr.DataArray,
    dim: str,
    x: np.ndarray,
    *,
    method: str,
    width: float,
    degree: int,
    order: int = 0,
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the polynomials around each channel; raise where a window has too few channels."""
    _require_degree(degree)
    if method == "savgol":
        windows = windows_of_length(x, width)
    else:
        kernel = "gaussian" if method == "gaussian" else "tricube"
        windows = windows_of_kernel(x, width, kernel)
    windows.require_points(degree + 1, dim=dim, units=units_of(data, dim) or "")
    return LocalPolynomial.of(windows, degree, order).run


def _require_degree(degree: int) -> None:
    if not 0 <= degree <= _HIGHEST_DEGREE:
        message = f"degree must be from 0 to {_HIGHEST_DEGREE}, got {degree!r}"
        raise DataError(message)


def _whittaker(x: np.ndarray, width: float) -> Callable[[np.ndarray], np.ndarray]:
    from omniscopy.signal import whittaker

    penalty, weights = whittaker.penalty_of(x, width), whittaker.cells_of(x)

    def run(spectra: np.ndarray) -> np.ndarray:
        made = whittaker.solve_whittaker(spectra, penalty, weights)
        return np.where(np.isfinite(spectra), made, np.nan)

    return run


def _median(reach: int) -> Callable[[np.ndarray], np.ndarray]:
    from omniscopy.signal.medians import running_median

    return lambda spectra: running_median(spectra, reach)
