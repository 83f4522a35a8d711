"""Fits of models to every spectrum, or to every image."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute.fitting.solving import require_options
from omniscopy.model import DataError, operation, result, units_of
from omniscopy.model.units import product
from omniscopy.signal.block_fits import BlockFit, Found, Likelihood, Loss, Scatter
from omniscopy.signal.components import Component, Sum
from omniscopy.signal.layout import Layout, lay_out, require_inside
from omniscopy.signal.models import Exponential, Gaussian
from omniscopy.signal.pixel_fits import PixelFit
from omniscopy.signal.preparation import prepare_data, prepare_starts, prepare_weights
from omniscopy.signal.start_searches import SEARCHES, Search

# What a result says of the units that its parameters belong to, and of how it was fitted.
MODEL_AXES, FIT = "model_axes", "fit"
EXAMPLE = Gaussian() + Exponential()


@operation(example={"data": "spectrum_image", "model": EXAMPLE})
def fit_model(  # noqa: PLR0913 - options of the field
    data: xr.DataArray,
    model: Component | Sum,
    *,
    dim: str | Sequence[str] | None = None,
    window: tuple[float, float] | None = None,
    start: xr.Dataset | Mapping[str, float] | Search | None = None,
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    weights: xr.DataArray | None = None,
    loss: Loss = "linear",
    loss_scale: float | None = None,
    likelihood: Likelihood = "gaussian",
    max_steps: int = 100,
    restarts: int = 0,
    bootstrap: int = 0,
    rng: int = 0,
) -> xr.Dataset:
    r"""Fit a model to every spectrum (or image), each on its own.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory; real, or complex for models with complex values. What is not finite is
        left out of the fit.
    model : component or sum of components
        Such as ``Gaussian() + PowerLaw()``, or ``Expression("a*exp(-x/b) + c")``.
    dim : str or sequence of str
        Dimension of the spectra, or the two of the images (rows, columns) for models of images;
        those of the signal otherwise.
    window : (low, high), units of the coordinate
        The part of the spectra that is fitted, both ends included.
    start : mapping of name to number, Dataset, or "neighbours", "clusters" or "pyramid"
        Where parameters start, by their names in the result; a Dataset (such as an earlier
        result) has a number for every pixel. Others start where the model says, or where the
        spectra themselves suggest. Where that fails for some pixels, three words let them learn
        from others, and keep the better of two fits: "neighbours" starts pixels from their best
        neighbour, again and again, also farther away; "clusters" from fits of the means of alike
        spectra; "pyramid" from fits of averages over 16 x 16 and 4 x 4 pixels. They take two to
        five times as long as a plain fit; numbers to start from go into the model then.
    bounds : mapping of name to (low, high)
        Bounds of parameters, `None` where there is none, besides those that the model has.
    weights : DataArray, shape (..., dim) or (dim)
        Relative weights of the squared residuals, such as one over the variance. Values of
        weight 0 are left out.
    loss : {"linear", "soft_l1", "huber", "cauchy"}
        What a residual costs: its square, or less where it is large, to withstand outliers.
    loss_scale : float, units of `data` times root of `weights`
        Residual from which on the loss is less than its square; 1.345 times the noise otherwise,
        estimated from neighbouring values of every spectrum.
    likelihood : {"gaussian", "poisson"}
        Least squares, or the most likely model of counts (for which weights are an exposure).
    max_steps : int
        Evaluations of the model for a spectrum, at most.
    restarts : int
        Fit again from that many other starts around the first, and keep the best.
    bootstrap : int
        Resample every spectrum that many times, and fit it again each time: for standard
        deviations that hold near bounds and for few or odd values too. 200 are usual.
    rng : int
        Seed of the resampling.

    Returns
    -------
    Dataset, shape (...)
        ``<component>_<parameter>`` and its ``_std`` in units that follow from those of data and
        coordinate; ``reduced_chi_square``, ``r_squared``, ``degrees_of_freedom``; ``aic`` and
        ``bic``, by which models of the same data compare (the lower the better); ``steps`` and
        ``status``: 0 converged, 1 stopped after `max_steps`, 2 parameters that the spectrum does
        not determine (their std is NaN), 3 at a bound (that parameter's std is NaN), 4 fewer
        values than free parameters and 5 no finite start (all NaN). With `bootstrap`, ``_std`` is
        that of the resampled fits, and ``_low`` and ``_high`` hold 68 % of them between them.

    Raises
    ------
    DataError
        Dimensions, units or options do not fit; a start is outside its bounds, or bounds are
        crossed; complex data for a real model.

    Notes
    -----
    Bounded Levenberg-Marquardt in double precision, with analytic derivatives. Standard deviations
    are :math:`\sqrt{s^2 (J^T W J)^{-1}_{kk}}` with the reduced chi square :math:`s^2`: the noise
    is measured by the residuals. For counts they come from the Fisher information. Criteria are
    :math:`n \ln(\chi^2 / \chi^2_0) + k p` (deviance :math:`+ k p` for counts) with `n` values,
    :math:`\chi^2_0` of a constant, `p` free parameters, and `k` = 2 or :math:`\ln n`.

    Lazy data are read once, and once more for `bootstrap`, for "clusters", for each of the two
    averages of "pyramid", and 7 times for every 22 pixels of the longest side (28 at most) for
    "neighbours". Maps of parameters are kept in memory between, spectra are not, but for up to
    4096 of them (64 MB), evenly spread, in which "clusters" are looked for.

    A bootstrap draws residuals with replacement, counts from Poisson distributions about the
    fitted model [1]_.

    References
    ----------
    .. [1] A. C. Davison and D. V. Hinkley, *Bootstrap Methods and their Application*, Cambridge
       (1997), chapter 6.

    Examples
    --------
    >>> import omniscopy as om
    >>> from omniscopy.signal import Exponential, Gaussian
    >>> spectra = om.samples.spectrum_image()
    >>> found = om.signal.fit_model(spectra, Gaussian() + Exponential())
    >>> found["gaussian_centre"].dims
    ('y', 'x')
    """
    require_options(likelihood, loss, 1.0 if loss_scale is None else loss_scale, max_steps)
    _require_counts(max_steps=max_steps, restarts=restarts, bootstrap=bootstrap, rng=rng)
    layout = lay_out(model, bounds)
    data, dims = prepare_data(data, layout, dim, window)
    axes = [np.asarray(data.coords[each].values, dtype=np.float64) for each in dims]
    mesh = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    for component in layout.components:
        component.require_axes(mesh)
    search = SEARCHES.get(start) if isinstance(start, str) else None
    numbers, maps = prepare_starts(layout, None if search else start, data, dims)  # type: ignore[arg-type]
    weighed = None if weights is None else prepare_weights(weights, data, dims)
    require_inside(numbers, layout.lower, layout.upper, layout.names)
    fit = BlockFit(
        layout=layout, shape=tuple(len(axis) for axis in axes), mesh=tuple(mesh),
        columns=layout.columns(mesh), starts=numbers, weighted=weighed is not None,
        started=maps is not None, loss=loss, loss_scale=loss_scale, likelihood=likelihood,
        max_steps=max_steps, restarts=restarts, threads=None if data.chunks is None else 1,
    )  # fmt: skip
    pixels = PixelFit(fit, data, tuple(dims), weighed, maps)
    found = search(pixels) if search else pixels.first()
    scatter = pixels.bootstrap(found, bootstrap, rng) if bootstrap else None
    squares = _units_of_squares(data, weights) if likelihood == "gaussian" else "1"
    free = int(np.sum(layout.free))
    settings = {"likelihood": likelihood, "loss": loss, "free_parameters": free}
    return _result(layout, found, scatter, data, dims, squares, settings)


def _require_counts(**counts: Any) -> None:
    for name, count in counts.items():
        if isinstance(count, bool) or not (isinstance(count, int | np.integer) and count >= 0):
            message = f"{name} must be a whole number from 0 on, got {count!r}"
            raise DataError(message)
    if counts["bootstrap"] == 1:
        message = "bootstrap=1 has no scatter; 200 or more resamples are usual"
        raise DataError(message)


def _units_of_squares(data: xr.DataArray, weights: xr.DataArray | None) -> str | None:
    """Return the units of weighted squares of the data."""
    factors = [(data.attrs.get("units"), 2.0)]
    if weights is not None:
        factors.append((weights.attrs.get("units"), 1.0))
    return product(*factors)


def _result(  # noqa: PLR0917
    layout: Layout,
    found: Found,
    scatter: Scatter | None,
    data: xr.DataArray,
    dims: Sequence[str],
    squares: str | None,
    settings: dict[str, Any],
) -> xr.Dataset:
    """Return the columns by name, with their units."""
    values, axes = data.attrs.get("units"), [units_of(data, each) for each in dims]
    # Variables without their coordinates, which all share: to cut arrays with them takes longer.
    made: dict[str, tuple[xr.Variable, str | None]] = {}
    for number, (name, info) in enumerate(zip(layout.names, layout.infos, strict=True)):
        columns = {name: found.parameters, f"{name}_std": found.std}
        if scatter is not None:
            columns |= {f"{name}_{end}": getattr(scatter, end) for end in Scatter._fields}
        units = info.units(values, axes)
        for each, column in columns.items():
            # Not by the variable, which would lay lazy arrays out anew for each.
            made[each] = xr.Variable(column.dims[:-1], column.data[..., number]), units
    figures = (
        "status",
        "steps",
        "degrees_of_freedom",
        "reduced_chi_square",
        "r_squared",
        "aic",
        "bic",
    )
    for name in figures:
        made[name] = getattr(found, name).variable, squares if name == "reduced_chi_square" else "1"
    fitted = {"values": values, "dims": dict(zip(dims, axes, strict=True))}
    return result({MODEL_AXES: fitted, FIT: settings}, found.status.coords, **made)
