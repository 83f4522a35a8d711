"""What the nine parameters of loops say of switching, and whether there is a loop at all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, Status, operation, result
from omniscopy.model.units import product
from omniscopy.signal.pixel_fits import PARAMETER
from omniscopy.spm.band_excitation.bias_axes import loop_axis
from omniscopy.spm.band_excitation.loop_covariances import OTHER
from omniscopy.spm.band_excitation.loop_fits import fit_loops
from omniscopy.spm.band_excitation.loop_models import NAMES
from omniscopy.spm.band_excitation.loops import projected

# Numbers that are fitted to a loop and to a line, the noise included.
_OF_LOOP, _OF_LINE = 10, 3


@operation(example={"data": "loop_fit"})
def switching_parameters(data: xr.Dataset, *, threshold: float = 0.03) -> xr.Dataset:
    r"""Work out what the parameters of hysteresis loops say of switching.

    Parameters
    ----------
    data : Dataset, shape (...)
        ``a0`` to ``a4`` and ``b0`` to ``b3``, as `fit_loops` returns them; and ``covariance``.
    threshold : float
        Part of the height of the loop that has switched where domains are said to nucleate.

    Returns
    -------
    Dataset, shape (...)
        ``positive_coercive_bias`` (:math:`a_3`), ``negative_coercive_bias`` (:math:`a_2`) and
        ``imprint``, their middle, in V; ``positive_remanence`` (:math:`a_0 + a_1`),
        ``negative_remanence`` (:math:`a_0`) and ``switchable_polarization`` (:math:`a_1`) in
        units of the response; ``work_of_switching`` (:math:`|a_3 - a_2| |a_1|`);
        ``positive_nucleation_bias`` and ``negative_nucleation_bias`` (V), at which `threshold`
        of the loop has switched where the bias rises and falls. ``_std`` of those that are
        parameters, where `data` hold it, and of all others where they hold ``covariance``;
        ``status``.

    Raises
    ------
    DataError
        A parameter is missing, or the threshold is not between 0 and 1.

    Notes
    -----
    The nucleation bias is where :math:`y` of `physics.hysteresis.loop` is the threshold on the
    rising branch, and one less the threshold on the falling one. It is NaN where a loop never
    comes there. Errors are :math:`\sqrt{g^T C g}`, with the gradient g and the covariance C.

    References
    ----------
    .. [1] S. Jesse, H. N. Lee and S. V. Kalinin, *Rev. Sci. Instrum.* 77, 073702 (2006).
    """
    missing = [name for name in NAMES if name not in data]
    if missing:
        message = f"expected the parameters {NAMES}, as `fit_loops` returns them: {missing} missing"
        raise DataError(message)
    if not 0.0 < threshold < 1.0:
        message = f"threshold must be between 0 and 1, got {threshold!r}"
        raise DataError(message)
    a0, a1, a2, a3, _, b0, b1, b2, b3 = (data[name].drop_attrs(deep=False) for name in NAMES)
    response, bias = data["a1"].attrs.get("units"), data["a3"].attrs.get("units")
    found: dict[str, tuple[xr.DataArray, str | None]] = {
        "positive_coercive_bias": (a3, bias),
        "negative_coercive_bias": (a2, bias),
        "imprint": (0.5 * (a2 + a3), bias),
        "positive_remanence": (a0 + a1, response),
        "negative_remanence": (a0, response),
        "switchable_polarization": (a1, response),
        "work_of_switching": (abs(a3 - a2) * abs(a1), product((response, 1), (bias, 1))),
        "positive_nucleation_bias": (_bias_at(threshold, a3, b2, b3), bias),
        "negative_nucleation_bias": (_bias_at(1.0 - threshold, a2, b0, b1), bias),
    }
    alike = {
        "positive_coercive_bias": "a3", "negative_coercive_bias": "a2",
        "negative_remanence": "a0", "switchable_polarization": "a1",
    }  # fmt: skip
    for name, parameter in alike.items():
        if f"{parameter}_std" in data:
            found[f"{name}_std"] = data[f"{parameter}_std"], found[name][1]
    if "covariance" in data:
        for name, gradient in _gradients(threshold, data).items():
            found[f"{name}_std"] = _spread(gradient, data["covariance"]), found[name][1]
    status = data["status"] if "status" in data else a1.isnull() * int(Status.NO_DATA)
    return result(None, **found, status=(status, "1"))


def _gradients(threshold: float, data: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Return by what each figure of several parameters changes with each of them."""
    names = ("a1", "a2", "a3", "b0", "b1", "b2", "b3")
    a1, a2, a3, b0, b1, b2, b3 = (data[name].drop_attrs(deep=False) for name in names)
    width, sign = abs(a3 - a2), np.sign(a3 - a2)
    return {
        "imprint": {"a2": 0.5, "a3": 0.5},
        "positive_remanence": {"a0": 1.0, "a1": 1.0},
        "work_of_switching": {
            "a1": np.sign(a1) * width, "a2": -sign * abs(a1), "a3": sign * abs(a1),
        },
        "positive_nucleation_bias": dict(
            zip(("a3", "b2", "b3"), (1.0, *_bias_slopes(threshold, b2, b3)), strict=True)
        ),
        "negative_nucleation_bias": dict(
            zip(("a2", "b0", "b1"), (1.0, *_bias_slopes(1.0 - threshold, b0, b1)), strict=True)
        ),
    }  # fmt: skip


def _spread(gradient: dict[str, Any], covariance: xr.DataArray) -> xr.DataArray:
    """Return the standard deviation of a function of parameters."""
    variance: Any = 0.0
    for one, slope in gradient.items():
        for other, further in gradient.items():
            both = covariance.sel({PARAMETER: one, OTHER: other}, drop=True)
            variance = variance + slope * further * both
    made: xr.DataArray = np.sqrt(variance.clip(min=0.0)).drop_attrs(deep=False)
    return made


def _bias_slopes(share: float, low: xr.DataArray, high: xr.DataArray) -> tuple[Any, Any]:
    """Return by what the bias at a share changes with both widths of its branch."""

    def slopes(b_low: np.ndarray, b_high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from scipy.special import erfinv

        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            left = share * (b_low + b_high) - b_low
            below = left < 0.0
            part = left / np.where(below, b_low, b_high)
            place = erfinv(part)
            steep = 0.5 * np.sqrt(np.pi) * np.exp(place**2)
            of_low = steep * (share - 1.0) + np.where(below, place - steep * part, 0.0)
            of_high = steep * share + np.where(below, 0.0, place - steep * part)
        good = np.isfinite(part) & (abs(part) < 1.0)
        return np.where(good, of_low, np.nan), np.where(good, of_high, np.nan)

    made: tuple[Any, Any] = xr.apply_ufunc(
        slopes, low, high, output_core_dims=[[], []], dask="parallelized",
        output_dtypes=[np.float64] * 2,
    )  # fmt: skip
    return made


def _bias_at(
    share: float, centre: xr.DataArray, low: xr.DataArray, high: xr.DataArray
) -> xr.DataArray:
    """Return the bias at which a branch has come to a share of its height."""

    def bias(c: np.ndarray, b_low: np.ndarray, b_high: np.ndarray) -> np.ndarray:
        from scipy.special import erfinv

        # g erf(u) of the branch there; below its centre where that is below 0.
        with np.errstate(invalid="ignore", divide="ignore"):
            left = share * (b_low + b_high) - b_low
            width = np.where(left < 0.0, b_low, b_high)
            found = c + width * erfinv(left / width)
        return np.where(np.isfinite(found), found, np.nan)

    made: xr.DataArray = xr.apply_ufunc(
        bias, centre, low, high, dask="parallelized", output_dtypes=[np.float64]
    )
    return made


@operation(example={"data": "loops"})
def compare_loop_line(
    data: xr.DataArray | xr.Dataset, *, dim: str = "bias", restarts: int = 3
) -> xr.Dataset:
    r"""Compare a hysteresis loop with a straight line, as descriptions of every loop.

    Parameters
    ----------
    data : DataArray or Dataset, shape (..., dim)
        Real responses, or what `project_loops` returns. What is not finite is left out.
    dim : str
        The bias, in V: a dimension, or a coordinate of several where it differs between loops.
    restarts : int
        Further starts of the fit of a loop.

    Returns
    -------
    Dataset, shape (...)
        ``aic_loop``, ``bic_loop``, ``aic_line`` and ``bic_line``, pure numbers, the lower the
        better; ``is_loop``: 1 where the loop has the lower ``bic``, 0 where a line says as much:
        there is no switching. ``status`` is that of the fit of the loop; NaN and 0 where there are
        too few finite steps for one.

    Raises
    ------
    DataError
        As of `fit_loops`.

    Notes
    -----
    :math:`-2 \ln L + k p` with the likelihood of normal noise of the standard deviation of the
    residuals, :math:`k` = 2 or :math:`\ln n` for `n` steps, and `p` = 10 numbers for the loop
    (nine and the noise), 3 for the line (two and the noise).

    References
    ----------
    .. [1] K. P. Burnham and D. R. Anderson, *Model Selection and Multimodel Inference*, 2nd ed.,
       Springer (2002), section 2.2.
    """
    values = projected(data)
    along, bias = loop_axis(values, dim, at_least=len(NAMES))
    loop = fit_loops(values, dim=dim, restarts=restarts)
    degrees = loop["degrees_of_freedom"].drop_attrs(deep=False)
    squares = loop["reduced_chi_square"].drop_attrs(deep=False) * degrees
    line, steps = map_signal(
        _squares_of_line, values.drop_attrs(deep=False), dim=along, also=[bias],
        output_dims=[{}, {}],
    )  # fmt: skip
    found: dict[str, xr.DataArray] = {}
    for name, rest, count in (("loop", squares, _OF_LOOP), ("line", line, _OF_LINE)):
        likelihood = steps * (_log(2.0 * np.pi * rest / steps) + 1.0)
        found[f"aic_{name}"] = likelihood + 2.0 * count
        found[f"bic_{name}"] = likelihood + count * _log(steps)
    known = squares.notnull()
    is_loop = (found["bic_loop"] < found["bic_line"]) & known
    return result(
        None, **{name: (each.where(known), "1") for name, each in found.items()},
        is_loop=(is_loop.astype(np.uint8), "1"), status=(loop["status"], "1"),
    )  # fmt: skip


def _log(values: xr.DataArray) -> xr.DataArray:
    def logarithm(x: np.ndarray) -> Any:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(x)

    return _applied(logarithm, values)


def _applied(function: Callable[..., Any], values: xr.DataArray) -> xr.DataArray:
    made: xr.DataArray = xr.apply_ufunc(
        function, values, dask="parallelized", output_dtypes=[np.float64]
    )
    return made


def _squares_of_line(values: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the squares that the best straight line leaves, and the finite steps."""
    good = np.isfinite(values)
    count = good.sum(axis=-1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = np.where(good, values, 0.0)
        x = np.where(good, bias - (good * bias).sum(axis=-1, keepdims=True) / count[..., None], 0.0)
        y = np.where(good, y - y.sum(axis=-1, keepdims=True) / count[..., None], 0.0)
        slope = (x * y).sum(axis=-1) / (x * x).sum(axis=-1)
        rest = ((y - slope[..., None] * x) ** 2).sum(axis=-1)
    return rest, count
