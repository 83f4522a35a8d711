"""Which of two models the data ask for."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, operation, result
from omniscopy.signal.fitting import FIT


@operation(example={"simple": "line_fit", "full": "line_fit"})
def compare_models(simple: xr.Dataset, full: xr.Dataset) -> xr.Dataset:
    r"""Compare fits of two models to the same data, pixel by pixel.

    Parameters
    ----------
    simple, full : Dataset
        What `fit_model` returned for the same data, window, weights and likelihood; lazy or in
        memory. For the test the simple model is a special case of the full one, such as the same
        without a peak.

    Returns
    -------
    Dataset, shape (...)
        ``aic_difference`` and ``bic_difference``: those of the full model less those of the simple
        one, below 0 where the data ask for the full one. ``statistic`` and ``p_value`` of the
        test: F, or the difference of deviances for counts, and how probable at least that much is
        if the simple model is right; NaN where the full model has no more free parameters, the
        fits are of different numbers of values, or one of them has failed.

    Raises
    ------
    DataError
        One of the two is no result of `fit_model`, they differ in their likelihood, or a loss is
        not linear.

    Notes
    -----
    .. math:: F = \frac{(\chi_1^2 - \chi_2^2) / (\nu_1 - \nu_2)}{\chi_2^2 / \nu_2}

    with the degrees of freedom :math:`\nu`, for even normal noise of unknown size [1]_; for counts
    the deviances' difference has a :math:`\chi^2` distribution with :math:`\nu_1 - \nu_2` degrees
    of freedom. Exact for models that are linear in their parameters. Where a parameter is at a
    bound, or has no meaning in the simple model (as the place of a peak without height), p-values
    are approximate.

    References
    ----------
    .. [1] P. R. Bevington and D. K. Robinson, *Data Reduction and Error Analysis for the Physical
       Sciences*, 3rd ed., McGraw-Hill (2003), section 11.4.

    Examples
    --------
    >>> import omniscopy as om
    >>> from omniscopy.signal import Exponential, Gaussian, compare_models, fit_model
    >>> spectra = om.samples.spectrum_image()
    >>> without, with_line = (
    ...     fit_model(spectra, model) for model in (Exponential(), Gaussian() + Exponential())
    ... )
    >>> bool((compare_models(without, with_line)["p_value"] < 0.01).any())
    True
    """
    poisson = _require_comparable(simple, full)
    try:
        xr.align(simple, full, join="exact", copy=False)
    except ValueError as error:
        message = "both fits must be of the same pixels"
        raise DataError(message) from error
    extra = full.attrs[FIT]["free_parameters"] - simple.attrs[FIT]["free_parameters"]
    fewer, left = simple["degrees_of_freedom"], full["degrees_of_freedom"]
    misfits = [each["reduced_chi_square"] * each["degrees_of_freedom"] for each in (simple, full)]
    # A fit that ended above that of the simple model shows no improvement.
    gone = (misfits[0] - misfits[1]).clip(min=0.0)
    valid = (fewer - left == extra) & (left > 0) & (extra > 0)
    statistic = gone if poisson else gone * left / (max(extra, 1) * misfits[1])
    statistic = statistic.where(valid)
    p_value = xr.apply_ufunc(
        _probability, statistic, left, kwargs={"extra": extra, "poisson": poisson},
        dask="parallelized", output_dtypes=[np.float64],
    )  # fmt: skip
    return result(
        statistic=(statistic, "1"),
        p_value=(p_value, "1"),
        aic_difference=(full["aic"] - simple["aic"], "1"),
        bic_difference=(full["bic"] - simple["bic"], "1"),
    )


def _require_comparable(*fits: xr.Dataset) -> bool:
    """Raise unless both are fits that can be compared; return whether they are of counts."""
    for each in fits:
        if not isinstance(each, xr.Dataset) or FIT not in each.attrs:
            message = "models are compared by what `fit_model` returned for them"
            raise DataError(message)
        if each.attrs[FIT]["loss"] != "linear":
            message = f"fits with loss={each.attrs[FIT]['loss']!r} have no chi square to compare"
            raise DataError(message)
    likelihoods = [each.attrs[FIT]["likelihood"] for each in fits]
    if likelihoods[0] != likelihoods[1]:
        message = f"fits with the likelihoods {likelihoods} cannot be compared; use one for both"
        raise DataError(message)
    return bool(likelihoods[0] == "poisson")


def _probability(
    statistic: np.ndarray, left: np.ndarray, *, extra: int, poisson: bool
) -> np.ndarray:
    """Return how probable a statistic of at least this size is by chance."""
    import scipy.special

    if extra < 1:
        return np.full(np.shape(statistic), np.nan)
    if poisson:
        return np.asarray(scipy.special.chdtrc(extra, statistic))
    return np.asarray(scipy.special.fdtrc(extra, left, statistic))
