"""Backgrounds of core losses, extrapolated from a window before the edges."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.eels.axes import DIM, loss_axis
from omniscopy.eels.background.averaging import averaged
from omniscopy.eels.background.fits import Background, ExponentialFit, LinearFit, PowerLaws
from omniscopy.eels.background.power_laws import fit_power_law, power_law_fit
from omniscopy.model import DataError, labelled, operation, require_choice, result
from omniscopy.signal.precision import single_or_double

Method = Literal["power_law", "two_area", "poisson", "exponential", "lcpl", "power_law_sum"]
METHODS: tuple[Method, ...] = (
    "power_law", "two_area", "poisson", "exponential", "lcpl", "power_law_sum"
)  # fmt: skip
_RULES = {"power_law": "weighted", "two_area": "two_area", "poisson": "poisson"}
SUM_EXPONENTS = (1.0, 2.0, 3.0, 4.0, 5.0)
_KEPT = ("long_name", "quantity", "signal_type")


@operation(example={"data": "core_loss", "window": (395.0, 450.0)})
def fit_background(
    data: xr.DataArray,
    window: tuple[float, float],
    *,
    method: Method = "power_law",
    exponents: Sequence[float] | None = None,
    radius: float | None = None,
    dim: str = DIM,
) -> xr.Dataset:
    r"""Fit the background of core losses in a window, and extrapolate it beyond.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Core losses, lazy or in memory.
    window : (low, high), eV
        What is fitted, before the edges; at least 4 channels above 0 eV.
    method : {"power_law", "two_area", "poisson", "exponential", "lcpl", "power_law_sum"}
        Power laws as `fit_power_law` finds them (the first is "weighted" there); an exponential
        decay; a linear combination of two power laws with fixed exponents, those of 5 and 95 % of
        the spectra; a sum of power laws with exponents 1 to 5 that are not negative.
    exponents : sequence of float
        Of "lcpl" and "power_law_sum", in place of these.
    radius : float, units of the coordinates
        Fit the mean of all spectra that are this near along ``y`` and ``x`` (local background
        averaging); each spectrum on its own otherwise.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    Dataset, shape (..., energy_loss)
        ``background`` and ``background_std`` in units of the data, NaN at 0 eV and below; what
        neighbours add is not part of the deviation. ``status`` (...): ``no_data`` where a value
        of the window is not finite or a power law finds nothing; NaN.

    Raises
    ------
    DataError
        The axis is not in eV; the window holds too few channels or 0 eV; "lcpl" of one spectrum
        without exponents.

    Notes
    -----
    Least squares with weights of one over a smooth background, and the noise that the residuals
    show. Two fixed exponents [1]_ leave the tail less free than one that is fitted; sums of power
    laws that are not negative [2]_ are positive, convex and decrease everywhere.

    References
    ----------
    .. [1] P. Cueva, R. Hovden, J. A. Mundy, H. L. Xin, D. A. Muller, *Microsc. Microanal.* 18, 667
       (2012).
    .. [2] W. Van den Broek, D. Jannis, J. Verbeeck, *Ultramicroscopy* 254, 113830 (2023).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.eels.fit_background(om.samples.core_loss(), (395, 450))["background"].dims
    ('y', 'x', 'energy_loss')
    """
    background, fitted = _prepared(data, window, method, exponents, radius, dim)
    size = data.sizes[dim]
    values, std, status = map_signal(
        background.run, fitted, dim=dim, output_dims=[{dim: size}, {dim: size}, {}],
        dtypes=[np.float64, np.float64, np.uint8],
    )  # fmt: skip
    along = {dim: data.coords[dim]}
    units = data.attrs.get("units")
    return result(
        {},
        background=(values.assign_coords(along), units),
        background_std=(std.assign_coords(along), units),
        status=(status, "1"),
    )


@operation(example={"data": "core_loss", "window": (395.0, 450.0)})
def subtract_background(
    data: xr.DataArray,
    window: tuple[float, float],
    *,
    method: Method = "power_law",
    exponents: Sequence[float] | None = None,
    radius: float | None = None,
    dim: str = DIM,
) -> xr.DataArray:
    r"""Take the background off core losses.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Core losses, lazy or in memory.
    window : (low, high), eV
        What is fitted, before the edges; at least 4 channels above 0 eV.
    method : {"power_law", "two_area", "poisson", "exponential", "lcpl", "power_law_sum"}
        As in `fit_background`; "two_area" is the fastest.
    exponents : sequence of float
        Of "lcpl" and "power_law_sum".
    radius : float, units of the coordinates
        Of local averaging.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    DataArray, shape (..., energy_loss), units of `data`
        NaN where there is no background: at 0 eV and below, and in spectra without one.

    Raises
    ------
    DataError
        As `fit_background`.

    Notes
    -----
    :math:`I(E) - B(E)` at every energy above 0 eV, below and in the window too, with the
    background B of `fit_background`; negative values stay [1]_.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed.,
       Springer (2011), section 4.4.

    Examples
    --------
    >>> import omniscopy as om
    >>> edges = om.eels.subtract_background(om.samples.core_loss(), (395, 450))
    >>> bool(edges.sel(energy_loss=slice(470, 500)).mean() > 0)
    True
    """
    background, fitted = _prepared(data, window, method, exponents, radius, dim)
    kind = single_or_double(data.dtype)
    (made,) = map_signal(
        background.subtract, data, dim=dim, also=[] if fitted is data else [fitted],
        output_dims=[{dim: data.sizes[dim]}], dtypes=[kind], parameters={"kind": kind},
    )  # fmt: skip
    kept = {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    like = data if data.dims == made.dims else data.transpose(*made.dims)
    return labelled(like.copy(deep=False, data=made.data), units=data.attrs.get("units"), **kept)


def _prepared(  # noqa: PLR0917
    data: xr.DataArray, window: tuple[float, float], method: Method,
    exponents: Sequence[float] | None, radius: float | None, dim: str,
) -> tuple[Background, xr.DataArray]:  # fmt: skip
    """Return how backgrounds are fitted, and what they are fitted to."""
    require_choice("method", method, METHODS)
    axis = loss_axis(data, dim, at_least=4)
    part = axis.inside(window, at_least=4)
    if not axis.energy[part.start] > 0.0:
        message = f"window {tuple(window)} eV must lie above 0 eV"
        raise DataError(message)
    threads = None if data.chunks is None else 1
    fitted = data if radius is None else averaged(data, radius, dim)
    if method in _RULES:
        rule = power_law_fit(data, window, _RULES[method], dim)  # type: ignore[arg-type]
        return PowerLaws(axis.energy, part, threads, rule), fitted
    if method == "exponential":
        return ExponentialFit(axis.energy, part, threads), fitted
    if method == "power_law_sum":
        chosen = tuple(float(each) for each in exponents or SUM_EXPONENTS)
        return LinearFit(axis.energy, part, threads, chosen), fitted
    if exponents is None:
        pair = _quantiles(data, window, dim)
    elif len(exponents) == 2:
        pair = (float(exponents[0]), float(exponents[1]))
    else:
        message = f"method='lcpl' takes two exponents, got {tuple(exponents)}"
        raise DataError(message)
    return LinearFit(axis.energy, part, threads, pair), fitted


def _quantiles(data: xr.DataArray, window: tuple[float, float], dim: str) -> tuple[float, float]:
    """Return exponents that 5 and 95 % of the spectra are below; the data are read for them."""
    if data.size == data.sizes[dim]:
        message = (
            "method='lcpl' takes its exponents from many spectra, and there is one: give exponents="
        )
        raise DataError(message)
    found = fit_power_law(data, window, method="two_area", dim=dim)["exponent"].values
    found = found[np.isfinite(found)]
    if found.size == 0:
        message = "no spectrum has a power law in the window; give exponents="
        raise DataError(message)
    low, high = np.quantile(found, [0.05, 0.95])
    # The same exponent twice would be one power law.
    return float(low), float(max(high, low + 0.1))
