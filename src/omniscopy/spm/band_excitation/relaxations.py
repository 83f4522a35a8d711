"""Relaxations of the response after the bias has changed."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    operation,
    require_choice,
    require_dim,
    require_real,
    require_units,
    result,
)
from omniscopy.physics import steps
from omniscopy.physics.formulas import Formula
from omniscopy.signal.block_fits import Loss
from omniscopy.signal.components import Column, Component, Info, Part, Role, Sum, height
from omniscopy.signal.fitting import fit_model
from omniscopy.signal.models import (
    Exponential,
    Logistic,
    Offset,
    PowerLaw,
    StretchedExponential,
    require_above,
)
from omniscopy.signal.parameters import Setting

Form = Literal["exponential", "double", "stretched", "power", "logarithmic", "logistic"]


@dataclass(frozen=True)
class Logarithm(Component):
    r"""A change :math:`b \ln t` of the logarithm of the axis, which is above 0."""

    slope: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "level"
    formula: ClassVar[Formula] = Formula(steps.scaled, 1)
    known: ClassVar[tuple[Info, ...]] = (height("slope"),)

    def parts(self) -> tuple[Part, ...]:
        """Return a multiple of the logarithm."""
        return (Part(self.formula, (Column("log"),)),)

    def require_axes(self, axes: tuple[np.ndarray, ...]) -> None:  # type: ignore[override]
        """Raise where the axis has values that are not above 0."""
        require_above(axes[0], "a logarithmic relaxation")


_MODELS: dict[str, Sum] = {
    "exponential": Exponential(name="e") + Offset(name="c"),
    "double": Exponential(name="e") + Exponential(name="f") + Offset(name="c"),
    "stretched": StretchedExponential(name="e") + Offset(name="c"),
    "power": PowerLaw(name="p") + Offset(name="c"),
    "logarithmic": Offset(name="c") + Logarithm(name="l"),
    "logistic": Logistic(name="s") + Offset(name="c"),
}
# What the parameters of the models are called.
_NAMES = {
    "e_amplitude": "amplitude", "e_decay": "time_constant", "e_exponent": "exponent",
    "c_value": "offset", "p_amplitude": "amplitude", "p_exponent": "exponent",
    "l_slope": "slope", "s_amplitude": "amplitude", "s_centre": "centre", "s_width": "width",
}  # fmt: skip
_DOUBLE = {
    "e_amplitude": "amplitude_1", "e_decay": "time_constant_1", "f_amplitude": "amplitude_2",
    "f_decay": "time_constant_2", "c_value": "offset",
}  # fmt: skip
_FIGURES = ("r_squared", "reduced_chi_square", "degrees_of_freedom", "aic", "bic", "steps")


@operation(example={"data": "relaxation"})
def fit_relaxation(
    data: xr.DataArray,
    model: Form = "exponential",
    *,
    dim: str = "time",
    window: tuple[float, float] | None = None,
    weights: xr.DataArray | None = None,
    loss: Loss = "linear",
    restarts: int = 2,
) -> xr.Dataset:
    r"""Fit how every response relaxes with time.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Real responses; what is not finite is left out.
    model : {"exponential", "double", "stretched", "power", "logarithmic", "logistic"}
        :math:`a e^{-t/\tau} + c`; two exponentials; :math:`a e^{-(t/\tau)^\beta} + c`;
        :math:`a (t / 1\,\mathrm{s})^{-n} + c`; :math:`c + b \ln (t / 1\,\mathrm{s})`; or
        :math:`a / (1 + e^{-(t - t_0) / w}) + c`.
    dim : str
        The time, in units that convert to s; above 0 for powers and logarithms, and from 0 on
        for stretched exponentials.
    window : (low, high), units of the coordinate
        The times that are fitted, both ends included.
    weights : DataArray, shape (..., dim) or (dim)
        Relative weights of the squared residuals.
    loss : {"linear", "soft_l1", "huber", "cauchy"}
        What a residual costs: its square, or less where it is large, to withstand outliers.
    restarts : int
        Fit again from that many other starts, and keep the best.

    Returns
    -------
    Dataset, shape (...)
        ``amplitude`` :math:`a`, ``time_constant`` :math:`\tau` (s), ``exponent`` :math:`\beta`
        or :math:`n`, ``slope`` :math:`b`, ``centre`` :math:`t_0` and ``width`` :math:`w` (s),
        ``offset`` :math:`c`, as the model has them, each with ``_std``. Two exponentials have
        ``amplitude_1``, ``time_constant_1``, ``amplitude_2`` and ``time_constant_2``, the
        faster one first. ``r_squared``, ``reduced_chi_square``, ``aic``, ``bic``, ``steps`` and
        ``status`` are those of `signal.fit_model`.

    Raises
    ------
    DataError
        The time is missing, not a time, or not above 0 where it must be; the data are complex.

    Notes
    -----
    Least squares with normal noise; amplitudes, offset and slope are solved for in closed form
    at the start.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.fit_relaxation(om.samples.relaxation())
    >>> found["time_constant"].attrs["units"]
    's'
    """
    require_choice("model", model, tuple(_MODELS))
    require_real(data)
    require_dim(data, dim, units="s", ascending=False, at_least=3)
    factor = require_units(data.coords[dim], "s")
    if not np.isfinite(np.asarray(data.coords[dim].values, np.float64)).all():
        message = f"coordinate {dim!r} has values that are not finite"
        raise DataError(message)
    seconds = data.assign_coords({dim: _in_seconds(data.coords[dim], factor)})
    if weights is not None and dim in weights.coords:
        weights = weights.assign_coords({dim: _in_seconds(weights.coords[dim], factor)})
    inside = None if window is None else (window[0] * factor, window[1] * factor)
    found = fit_model(
        seconds, _MODELS[model], dim=dim, window=inside, weights=weights, loss=loss,
        restarts=restarts,
    )  # fmt: skip
    found = found.drop_attrs(deep=False)
    names = _DOUBLE if model == "double" else _NAMES
    names = {name: said for name, said in names.items() if name in found}
    made = {
        f"{said}{end}": found[f"{name}{end}"]
        for name, said in names.items()
        for end in ("", "_std")
    }
    if model == "double":
        made = _faster_first(made)
    units = {name: each.attrs.get("units") for name, each in made.items()}
    if model == "power":
        # The amplitude is that at one second, whatever its powers.
        units |= {"exponent": "1", "exponent_std": "1"}
    figures = {name: (found[name], found[name].attrs.get("units")) for name in _FIGURES}
    return result(
        None, **{name: (each, units[name]) for name, each in made.items()}, **figures,
        status=(found["status"], "1"),
    )  # fmt: skip


def _in_seconds(times: xr.DataArray, factor: float) -> xr.Variable:
    values = np.asarray(times.values, np.float64) * factor
    return xr.Variable(times.dims, values, {**times.attrs, "units": "s"})


def _faster_first(made: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Return two exponentials in the order of their time constants."""
    swapped = made["time_constant_1"] > made["time_constant_2"]
    ordered = dict(made)
    for name in ("amplitude", "time_constant"):
        for end in ("", "_std"):
            one, other = made[f"{name}_1{end}"], made[f"{name}_2{end}"]
            ordered[f"{name}_1{end}"] = other.where(swapped, one).assign_attrs(one.attrs)
            ordered[f"{name}_2{end}"] = one.where(swapped, other).assign_attrs(one.attrs)
    return ordered
