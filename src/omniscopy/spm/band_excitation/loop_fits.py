"""Fits of hysteresis loops, and what they say of switching."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute.fitting.solving import require_options
from omniscopy.model import DataError, operation, require_choice, require_dims, require_real, result
from omniscopy.model.units import product
from omniscopy.signal.block_fits import Found, Loss
from omniscopy.signal.layout import lay_out, require_inside
from omniscopy.signal.pixel_fits import PixelFit
from omniscopy.signal.preparation import prepare_starts
from omniscopy.signal.start_searches import SEARCHES
from omniscopy.spm.band_excitation.bias_axes import for_each_bias, loop_axis
from omniscopy.spm.band_excitation.loop_covariances import loop_covariance
from omniscopy.spm.band_excitation.loop_models import NAMES, Loop, LoopFit
from omniscopy.spm.band_excitation.loops import projected

Bounds = Mapping[str, tuple[float | None, float | None]]
Start = Literal["loops", "neighbours", "clusters", "pyramid"]
# Widths of corners at least and at most, and how far coercive biases may lie outside, as parts
# of the range of the bias.
_NARROWEST, _WIDEST, _OUTSIDE = 5e-5, 10.0, 1.0


@operation(example={"data": "loops"})
def fit_loops(  # noqa: PLR0913 - options of the field
    data: xr.DataArray | xr.Dataset,
    *,
    dim: str = "bias",
    start: Start | xr.Dataset | Mapping[str, float] = "loops",
    bounds: Bounds | None = None,
    weights: xr.DataArray | None = None,
    loss: Loss = "linear",
    loss_scale: float | None = None,
    max_steps: int = 200,
    restarts: int = 3,
    covariance: bool = False,
) -> xr.Dataset:
    r"""Fit the nine parameters of a ferroelectric hysteresis loop to every loop.

    Parameters
    ----------
    data : DataArray or Dataset, shape (..., dim)
        Real responses, or what `project_loops` returns. What is not finite is left out.
    dim : str
        The bias, in V, in the order of the measurement: a dimension, or a coordinate of several
        where it differs between loops, as for reversal curves.
    start : {"loops", "neighbours", "clusters", "pyramid"}, Dataset or mapping
        Where coercive biases and widths start: at what the areas of both branches say; there,
        and from fits of neighbours, of the means of alike loops (a tree of clusters), or of
        averages over pixels too, keeping the better one; or at numbers or maps by name.
    bounds : mapping of name to (low, high)
        Bounds of parameters. Otherwise the coercive biases are at most one range of the bias
        outside of it, the widths 5e-5 to 10 ranges.
    weights : DataArray, shape (..., dim) or (dim)
        Relative weights of the squared residuals. Steps of weight 0 are left out.
    loss : {"linear", "soft_l1", "huber", "cauchy"}
        What a residual costs: its square, or less where it is large, to withstand outliers.
    loss_scale : float, units of `data` times root of `weights`
        Residual from which on the loss is less than its square; 1.345 times the noise otherwise.
    max_steps : int
        Evaluations of the model for a loop, at most.
    restarts : int
        Fit again from that many other starts, up to 6 different ones, and keep the best: along
        the valley in which a coercive bias and the widths of its corners make up for each other.
    covariance : bool
        Return the covariances of the parameters too, from which `switching_parameters` works out
        the errors of what depends on several.

    Returns
    -------
    Dataset, shape (...)
        ``a0``: lower level of the response, ``a1``: height, in units of `data`; ``a2`` and
        ``a3``: bias (V) at which the response switches where the bias falls and rises; ``a4``:
        slope, in units of `data` per V; ``b0``, ``b1`` (falling) and ``b2``, ``b3`` (rising):
        widths (V) of the corners below and above; each with ``_std``. ``r_squared``,
        ``reduced_chi_square``, ``degrees_of_freedom``, ``aic``, ``bic``, ``steps`` and
        ``status``, as of `signal.fit_model`. With `covariance` ``covariance``, along
        ``parameter`` and ``other_parameter``.

    Raises
    ------
    DataError
        The bias is missing, or not in V; the responses are complex; options do not fit.

    Notes
    -----
    :math:`r = a_0 + a_1 y + a_4 V` with :math:`y = (g\,\mathrm{erf}((V - c)/g) + b_l) / (b_l +
    b_h)` and :math:`g` either of both widths, on each branch [1]_. Least squares by variable
    projection: the model is linear in :math:`a_0`, :math:`a_1` and :math:`a_4`.

    References
    ----------
    .. [1] S. Jesse, H. N. Lee and S. V. Kalinin, *Rev. Sci. Instrum.* 77, 073702 (2006).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.fit_loops(om.samples.loops())
    >>> found["a2"].attrs["units"]
    'V'
    """
    if isinstance(start, str):
        require_choice("start", start, ("loops", *SEARCHES))
    require_options("gaussian", loss, 1.0 if loss_scale is None else loss_scale, max_steps)
    values = projected(data)
    along, bias = loop_axis(values, dim, at_least=len(NAMES))
    if weights is not None:
        _require_alike(weights, values, along)
    values = values.transpose(..., along)
    units = values.attrs.get("units")
    factors = () if weights is None else ((weights.attrs.get("units"), 1.0),)
    squares = product((units, 2.0), *factors)

    def fit(part: xr.DataArray, axis: np.ndarray) -> xr.Dataset:
        span = float(np.ptp(axis))
        layout = lay_out(Loop(name="loop"), _bounds(axis, bounds or {}))
        given = start if not isinstance(start, str) else None
        numbers, maps = prepare_starts(layout, _named(given, part), part, [along])
        require_inside(numbers, layout.lower, layout.upper, layout.names)
        own = None if weights is None else _of_part(weights, part, along)
        block = LoopFit(
            layout=layout, shape=axis.shape, mesh=(axis,), columns=layout.columns([axis]),
            starts=numbers, weighted=own is not None, started=maps is not None, loss=loss,
            loss_scale=loss_scale, likelihood="gaussian", max_steps=max_steps,
            restarts=restarts if span > 0 else 0, threads=None if part.chunks is None else 1,
        )  # fmt: skip
        pixels = PixelFit(block, part, (along,), own, maps)
        search = SEARCHES.get(start) if isinstance(start, str) else None
        found = search(pixels) if search else pixels.first()
        made = _labelled(found, units, squares)
        if covariance:
            made["covariance"] = loop_covariance(pixels, found, axis)
        return made

    return for_each_bias(values, along, bias, fit)


def _bounds(bias: np.ndarray, bounds: Bounds) -> dict[str, tuple[float | None, float | None]]:
    """Return bounds by the names of the model."""
    unknown = set(bounds) - set(NAMES)
    if unknown:
        message = f"bounds of {sorted(unknown)}; the parameters are {list(NAMES)}"
        raise DataError(message)
    low, high = float(bias.min()), float(bias.max())
    span = max(high - low, 1e-300)
    known: dict[str, tuple[float | None, float | None]] = dict.fromkeys(
        ("a2", "a3"), (low - _OUTSIDE * span, high + _OUTSIDE * span)
    )
    known |= dict.fromkeys(("b0", "b1", "b2", "b3"), (_NARROWEST * span, _WIDEST * span))
    return {f"loop_{name}": each for name, each in {**known, **bounds}.items()}


def _named(
    start: xr.Dataset | Mapping[str, float] | None, part: xr.DataArray
) -> xr.Dataset | dict[str, float] | None:
    """Return starts by the names of the model, those of the part of the data."""
    if start is None:
        return None
    unknown = set() if isinstance(start, xr.Dataset) else set(start) - set(NAMES)
    if unknown:
        message = f"start of {sorted(unknown)}; the parameters are {list(NAMES)}"
        raise DataError(message)
    if not isinstance(start, xr.Dataset):
        return {f"loop_{name}": value for name, value in start.items()}
    own = start[[name for name in NAMES if name in start]]
    own = own.sel({dim: part.coords[dim] for dim in own.dims if dim in part.coords})
    return own.rename({name: f"loop_{name}" for name in own})


def _require_alike(weights: xr.DataArray, values: xr.DataArray, along: str) -> None:
    """Raise unless weights have the steps of the loops: a bias that comes back is no label."""
    require_dims(weights, [along])
    require_real(weights)
    foreign = [str(dim) for dim in weights.dims if dim not in values.dims]
    if foreign:
        message = f"weights have the dimensions {foreign}, which the loops have not"
        raise DataError(message)
    try:
        xr.align(weights, values, join="exact", copy=False)
    except ValueError as error:
        message = "weights must have the coordinates of the loops"
        raise DataError(message) from error


def _of_part(weights: xr.DataArray, part: xr.DataArray, along: str) -> xr.DataArray:
    """Return the weights of some of the loops, the steps last."""
    dims = [dim for dim in weights.dims if dim != along and dim in part.coords]
    return weights.sel({dim: part.coords[dim] for dim in dims}).transpose(..., along)


def _labelled(found: Found, units: str | None, squares: str | None) -> xr.Dataset:
    """Return the parameters by name, with their units."""
    made: dict[str, tuple[xr.DataArray, str | None]] = {}
    for number, name in enumerate(NAMES):
        unit = "V" if name in ("a2", "a3") or name[0] == "b" else units
        unit = product((units, 1), ("V", -1)) if name == "a4" else unit
        made[name] = found.parameters.isel(parameter=number), unit
        made[f"{name}_std"] = found.std.isel(parameter=number), unit
    figures = ("status", "steps", "degrees_of_freedom", "r_squared", "aic", "bic")
    for name in figures:
        made[name] = getattr(found, name), "1"
    made["reduced_chi_square"] = found.reduced_chi_square, squares
    return result(None, **made)
