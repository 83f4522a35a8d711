"""Where to measure next: how much a measurement promises, from what is predicted of it."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, labelled, require_choice

_KINDS = (
    "expected_improvement", "upper_confidence_bound", "probability_of_improvement",
    "thompson", "uncertainty",
)  # fmt: skip


def expected_improvement(
    predicted: xr.Dataset, best: float, *, maximise: bool = True, margin: float = 0.0
) -> xr.DataArray:
    r"""Return by how much the best value is expected to be surpassed.

    Parameters
    ----------
    predicted : Dataset, shape (...)
        ``value`` and ``value_std``, such as `GaussianProcess.predict` gives.
    best : float, units of the values
        The best one that was measured.
    maximise : bool
        Whether high values are wanted.
    margin : float, units of the values
        By which more is wanted than the best: larger ones explore.

    Returns
    -------
    DataArray, shape (...), units of the values
        0 where nothing is unsure and nothing is better; NaN where nothing is predicted.

    Notes
    -----
    :math:`\sigma (u \Phi(u) + \phi(u))` with :math:`u = (\mu - f_{best} - \xi)/\sigma` [1]_.

    References
    ----------
    .. [1] D. R. Jones, M. Schonlau and W. J. Welch, *Efficient global optimization of expensive
       black-box functions*, J. Global Optim. 13, 455 (1998).
    """
    from scipy.stats import norm

    mean, std = _told(predicted)
    gain = _gain(mean, best, margin, maximise=maximise)
    u = gain / np.where(std > 0, std, 1.0)
    found = np.where(std > 0, std * (u * norm.cdf(u) + norm.pdf(u)), np.maximum(gain, 0.0))
    return _like(predicted, found, predicted["value"].attrs.get("units"))


def probability_of_improvement(
    predicted: xr.Dataset, best: float, *, maximise: bool = True, margin: float = 0.0
) -> xr.DataArray:
    r"""Return how probable it is that the best value is surpassed by `margin`.

    Parameters
    ----------
    predicted : Dataset, shape (...)
        ``value`` and ``value_std``.
    best, margin : float, units of the values
    maximise : bool
        Whether high values are wanted.

    Returns
    -------
    DataArray, shape (...)
        :math:`\Phi((\mu - f_{best} - \xi)/\sigma)`.
    """
    from scipy.stats import norm

    mean, std = _told(predicted)
    gain = _gain(mean, best, margin, maximise=maximise)
    sure = np.where(gain > 0, 1.0, 0.0) + 0.0 * gain
    u = gain / np.where(std > 0, std, 1.0)
    return _like(predicted, np.where(std > 0, norm.cdf(u), sure), "1")


def upper_confidence_bound(
    predicted: xr.Dataset, *, beta: float = 2.0, maximise: bool = True
) -> xr.DataArray:
    r"""Return the bound that values are below with some confidence: :math:`\mu + \beta\sigma`.

    Parameters
    ----------
    predicted : Dataset, shape (...)
        ``value`` and ``value_std``.
    beta : float
        Standard deviations; larger ones explore.
    maximise : bool
        Whether high values are wanted; else it is the negative of the lower bound.

    Returns
    -------
    DataArray, shape (...), units of the values
    """
    mean, std = _told(predicted)
    found = (mean if maximise else -mean) + beta * std
    return _like(predicted, found, predicted["value"].attrs.get("units"))


def thompson(drawn: xr.DataArray, *, maximise: bool = True) -> xr.DataArray:
    """Return one function that is as likely as what was measured allows, to be followed.

    Parameters
    ----------
    drawn : DataArray, shape (sample_number, ...)
        Such as `GaussianProcess.sample` gives; the first one is taken.
    maximise : bool
        Whether high values are wanted; else it is the negative.

    Returns
    -------
    DataArray, shape (...)
    """
    if "sample_number" not in drawn.dims:
        message = f"expected functions along 'sample_number', got {drawn.dims}"
        raise DataError(message)
    one = drawn.isel(sample_number=0, drop=True)
    return labelled(one if maximise else -one, units=drawn.attrs.get("units"))


def distance_penalty(
    promised: xr.DataArray, points: np.ndarray, last: np.ndarray, *, cost: float
) -> xr.DataArray:
    """Lower what is promised by the cost of going there.

    Parameters
    ----------
    promised : DataArray, one dimension
    points : array, shape (points, inputs)
        Where values are promised.
    last : array, shape (inputs,)
        Where the instrument is.
    cost : float, units of `promised` for each unit of distance

    Returns
    -------
    DataArray
    """
    away = np.linalg.norm(np.asarray(points, np.float64) - np.asarray(last, np.float64), axis=-1)
    return _like(promised, promised.values - cost * away, promised.attrs.get("units"))


def require_acquisition(name: str) -> None:
    """Raise unless there is such a promise."""
    require_choice("acquisition", name, _KINDS)


def _told(predicted: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    missing = [name for name in ("value", "value_std") if name not in predicted]
    if missing:
        message = f"the prediction has no {missing}; give what `GaussianProcess.predict` returns"
        raise DataError(message)
    return predicted["value"].values, predicted["value_std"].values


def _gain(mean: np.ndarray, best: float, margin: float, *, maximise: bool) -> np.ndarray:
    return (mean - best if maximise else best - mean) - margin


def _like(
    template: xr.Dataset | xr.DataArray, values: np.ndarray, units: str | None
) -> xr.DataArray:
    first = template["value"] if isinstance(template, xr.Dataset) else template
    return labelled(first.copy(data=values), units=units)
