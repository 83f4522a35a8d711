"""Fits of models to every spectrum, or to every image."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.fitting.problem import Solution
from omniscopy.compute.fitting.solving import least_squares, require_options
from omniscopy.model import (
    DataError,
    dims_of_role,
    kind_of_dim,
    operation,
    require_array,
    require_dims,
    require_plane,
    require_real,
    require_window,
    result,
    units_of,
)
from omniscopy.model.units import product
from omniscopy.signal.components import Component, Sum
from omniscopy.signal.layout import Layout, lay_out, require_inside
from omniscopy.signal.models import Exponential, Gaussian
from omniscopy.signal.noise import noise_of, spectral_dim
from omniscopy.signal.plane_models import estimate_plane_starts
from omniscopy.signal.starts import estimate_starts, without_spikes

Likelihood = Literal["gaussian", "poisson"]
Loss = Literal["linear", "soft_l1", "huber", "cauchy"]
# Residuals up to which a robust loss is a square, in standard deviations of the noise: 95 % of
# the efficiency of least squares for the Huber loss and normal noise.
_TUNED = 1.345
# Values that are worked on at a time in memory.
_PIECE = 2**22
# What a result says of the units that its parameters belong to.
MODEL_AXES = "model_axes"
FIGURES = ("status", "steps", "reduced_chi_square", "r_squared", "aic", "bic")


EXAMPLE = Gaussian() + Exponential()


@operation(example={"data": "spectrum_image", "model": EXAMPLE})
def fit_model(  # noqa: PLR0913 - options of the field
    data: xr.DataArray,
    model: Component | Sum,
    *,
    dim: str | Sequence[str] | None = None,
    window: tuple[float, float] | None = None,
    start: xr.Dataset | Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    weights: xr.DataArray | None = None,
    loss: Loss = "linear",
    loss_scale: float | None = None,
    likelihood: Likelihood = "gaussian",
    max_steps: int = 100,
    restarts: int = 0,
) -> xr.Dataset:
    r"""Fit a model to every spectrum (or image), each on its own.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory; real. What is not finite is left out of the fit.
    model : component or sum of components
        Such as ``Gaussian() + PowerLaw()``; see `omniscopy.signal.models`.
    dim : str or sequence of str
        Dimension of the spectra, or the two of the images (rows, columns) for models of images;
        those of the signal otherwise.
    window : (low, high), units of the coordinate
        The part of the spectra that is fitted, both ends included.
    start : mapping of name to number, or Dataset
        Where parameters start, by their names in the result; a Dataset (such as an earlier
        result) has a number for every pixel. Others start where the model says, or where the
        spectra themselves suggest.
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

    Returns
    -------
    Dataset, shape (...)
        ``<component>_<parameter>`` and its ``_std`` in units that follow from those of data and
        coordinate; ``reduced_chi_square``, ``r_squared``; ``aic`` and ``bic``, by which models of
        the same data compare (the lower the better); ``steps`` and ``status``: 0 converged, 1
        stopped after `max_steps`, 2 parameters that the spectrum does not determine (their std is
        NaN), 3 at a bound (that parameter's std is NaN), 4 fewer values than free parameters and
        5 no finite start (all NaN).

    Raises
    ------
    DataError
        Dimensions, units or options do not fit; a start is outside its bounds, or bounds are
        crossed.

    Notes
    -----
    Bounded Levenberg-Marquardt in double precision, with analytic derivatives. Standard deviations
    are :math:`\sqrt{s^2 (J^T W J)^{-1}_{kk}}` with the reduced chi square :math:`s^2`: the noise
    is measured by the residuals. For counts they come from the Fisher information. Criteria are
    :math:`n \ln(\chi^2 / \chi^2_0) + k p` (deviance :math:`+ k p` for counts) with `n` values,
    :math:`\chi^2_0` of a constant, `p` free parameters, and `k` = 2 or :math:`\ln n`.
    """
    require_options(likelihood, loss, 1.0 if loss_scale is None else loss_scale, max_steps)
    _require_restarts(restarts)
    layout = lay_out(model, bounds)
    data, dims = _prepared(data, layout, dim, window)
    axes = [np.asarray(data.coords[each].values, dtype=np.float64) for each in dims]
    mesh = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    for component in layout.components:
        component.require_axes(mesh)
    given, maps = _given(layout, start, data, dims)
    weighed = [] if weights is None else [_weights(weights, data, dims)]
    require_inside(given, layout.lower, layout.upper, layout.names)
    _require_estimates(layout, given, [str(each.name) for each in maps])
    fit = _Fit(
        layout=layout, shape=tuple(len(axis) for axis in axes), mesh=tuple(mesh),
        columns=layout.columns(mesh), starts=given,
        mapped=tuple(layout.names.index(str(each.name)) for each in maps),
        weighted=bool(weighed), loss=loss, loss_scale=loss_scale, likelihood=likelihood,
        max_steps=max_steps, restarts=restarts, threads=None if data.chunks is None else 1,
    )  # fmt: skip
    count = len(layout.names)
    found = map_signal(
        fit.run, data, dim=dims, also=[*weighed, *maps],
        output_dims=[{"parameter": count}, {"parameter": count}, *([{}] * len(FIGURES))],
        dtypes=[np.float64, np.float64, np.uint8, np.int32, *([np.float64] * 4)],
    )  # fmt: skip
    squares = _units_of_squares(data, weights) if likelihood == "gaussian" else "1"
    return _result(layout, found, data, dims, squares)


def _prepared(
    data: xr.DataArray,
    layout: Layout,
    dim: str | Sequence[str] | None,
    window: tuple[float, float] | None,
) -> tuple[xr.DataArray, list[str]]:
    """Return what is fitted, and the dimensions of the model."""
    require_array(data)
    require_real(data)
    if layout.ndim == 1:
        if dim is not None and not isinstance(dim, str):
            message = f"a model of spectra has one dimension, got dim={dim!r}"
            raise DataError(message)
        dims = [spectral_dim(data, dim, at_least=1)]
        if window is not None:
            if not data.indexes[dims[0]].is_monotonic_increasing:
                data = data.sortby(dims[0])
            data = require_window(data, dims[0], window, at_least=1)
    else:
        if isinstance(dim, str) or window is not None:
            message = "a model of images needs two dimensions, as dim=('y', 'x'), and no window"
            raise DataError(message)
        dims = list(image_dims(data, dim))
    for each in dims:
        if not np.isfinite(np.asarray(data.coords[each].values, dtype=np.float64)).all():
            message = f"coordinate {each!r} has values that are not finite"
            raise DataError(message)
    return data, dims


def image_dims(data: xr.DataArray, dim: Sequence[str] | None) -> tuple[str, str]:
    """Return rows and columns of images: those given, of the signal, or of space."""
    if dim is None and len(dims_of_role(data, "signal")) != 2:
        return require_plane(data, None, kind="spatial")
    dims = list(dim) if dim is not None else dims_of_role(data, "signal")
    if len(dims) != 2:
        message = f"a model of images needs two dimensions, as dim=('y', 'x'), got {tuple(dims)}"
        raise DataError(message)
    kinds = {kind_of_dim(data, each) for each in dims if each in data.dims}
    kind = "reciprocal" if "reciprocal" in kinds else "spatial"
    rows, columns = require_plane(data, (dims[0], dims[1]) if dim else None, kind=kind)
    return rows, columns


def _require_restarts(restarts: int) -> None:
    if not (isinstance(restarts, int) and restarts >= 0):
        message = f"restarts must be 0 or more, got {restarts!r}"
        raise DataError(message)


def _weights(weights: xr.DataArray, data: xr.DataArray, dims: Sequence[str]) -> xr.DataArray:
    """Return weights of the part of the data that is fitted, its dimensions last."""
    require_dims(weights, dims)
    require_real(weights)
    missing = [str(each) for each in weights.dims if each not in data.dims]
    if missing:
        message = f"weights have the dimensions {missing}, which the data have not"
        raise DataError(message)
    try:
        part = weights.sel({each: data.coords[each] for each in dims})
        xr.align(part, data, join="exact", copy=False)
    except (KeyError, ValueError) as error:
        message = "weights must have the coordinates of the data"
        raise DataError(message) from error
    return part.transpose(..., *dims)


def _given(
    layout: Layout,
    start: xr.Dataset | Mapping[str, float] | None,
    data: xr.DataArray,
    dims: Sequence[str],
) -> tuple[np.ndarray, list[xr.DataArray]]:
    """Return the numbers that parameters start from, and maps of those of every pixel."""
    starts = layout.starts.copy()
    if start is None:
        return starts, []
    if isinstance(start, xr.Dataset):
        return starts, _maps(layout, start, data, dims)
    unknown = set(start) - set(layout.names)
    if unknown:
        message = f"start of {sorted(unknown)}; the parameters are {list(layout.names)}"
        raise DataError(message)
    for name, value in start.items():
        starts[layout.names.index(name)] = float(value)
    return starts, []


def _maps(
    layout: Layout, start: xr.Dataset, data: xr.DataArray, dims: Sequence[str]
) -> list[xr.DataArray]:
    maps = [start[name].reset_coords(drop=True) for name in layout.names if name in start]
    if not maps:
        message = (
            f"start holds {sorted(map(str, start.data_vars))}; the parameters are "
            f"{list(layout.names)}"
        )
        raise DataError(message)
    for each in maps:
        foreign = [str(d) for d in each.dims if d in dims or d not in data.dims]
        if foreign:
            message = f"start of {each.name} has the dimensions {foreign}; it needs one per pixel"
            raise DataError(message)
        try:
            xr.align(each, data, join="exact", copy=False)
        except ValueError as error:
            message = f"start of {each.name} must have the coordinates of the data"
            raise DataError(message) from error
    return maps


def _require_estimates(layout: Layout, given: np.ndarray, mapped: Sequence[str]) -> None:
    """Raise where a parameter has no start and none can be estimated."""
    for number, name in enumerate(layout.names):
        if not np.isnan(given[number]) or name in mapped:
            continue
        if layout.roots[number] == number and layout.source[number] < 0:
            message = f"{name} is fixed, but at no value: give one, as in `Fixed(1.0)` or `start`"
            raise DataError(message)
        owner = layout.components[int(np.searchsorted(layout.first, number, side="right")) - 1]
        if owner.role == "other" and layout.roots[number] == number:
            message = (
                f"{name} needs a number to start from, as in start={{{name!r}: 1.0}}; none can be "
                f"estimated for {type(owner).__name__}"
            )
            raise DataError(message)


def _units_of_squares(data: xr.DataArray, weights: xr.DataArray | None) -> str | None:
    """Return the units of weighted squares of the data."""
    factors = [(data.attrs.get("units"), 2.0)]
    if weights is not None:
        factors.append((weights.attrs.get("units"), 1.0))
    return product(*factors)


def _result(
    layout: Layout,
    found: Sequence[xr.DataArray],
    data: xr.DataArray,
    dims: Sequence[str],
    squares: str | None,
) -> xr.Dataset:
    """Return the columns by name, with their units."""
    parameters, stds, *figures = found
    values, axes = data.attrs.get("units"), [units_of(data, each) for each in dims]
    made: dict[str, tuple[xr.DataArray, str | None]] = {}
    for number, (name, info) in enumerate(zip(layout.names, layout.infos, strict=True)):
        units = info.units(values, axes)
        made[name] = parameters.isel(parameter=number), units
        made[f"{name}_std"] = stds.isel(parameter=number), units
    units_of_figures = dict.fromkeys(FIGURES, "1") | {"reduced_chi_square": squares}
    for name, figure in zip(FIGURES, figures, strict=True):
        made[name] = figure, units_of_figures[name]
    fitted = {"values": values, "dims": dict(zip(dims, axes, strict=True))}
    return result({MODEL_AXES: fitted}, **made)


@dataclass(frozen=True)
class _Fit:
    """How a block of spectra is fitted."""

    layout: Layout
    shape: tuple[int, ...]
    mesh: tuple[np.ndarray, ...]
    columns: np.ndarray
    starts: np.ndarray
    mapped: tuple[int, ...]
    weighted: bool
    loss: Loss
    loss_scale: float | None
    likelihood: Likelihood
    max_steps: int
    restarts: int
    threads: int | None

    def run(self, block: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return parameters, standard deviations and figures of every spectrum of a block."""
        points, count = self.columns.shape[1], len(self.starts)
        outer = block.shape[: block.ndim - len(self.shape)]
        spectra = np.asarray(block).reshape(-1, points)
        weights, starts = self.besides(others, outer)
        made: list[np.ndarray] = [np.full((len(spectra), count), np.nan) for _ in range(2)]
        made += [np.zeros(len(spectra), kind) for kind in (np.uint8, np.int32)]
        made += [np.zeros(len(spectra)) for _ in range(4)]
        size = max(1, _PIECE // max(points, 1))
        for begin in range(0, len(spectra), size):
            part = slice(begin, begin + size)
            weighed = weights[part] if weights is not None and len(weights) > 1 else weights
            columns = self.fit(spectra[part], weighed, starts[part])
            for values, column in zip(made, columns, strict=True):
                values[part] = column
        return tuple(values.reshape((*outer, *values.shape[1:])) for values in made)

    def besides(
        self, others: Sequence[np.ndarray], outer: tuple[int, ...]
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """Return weights of shape (1 or spectra, points), and the starts of every spectrum."""
        points = self.columns.shape[1]
        starts = np.broadcast_to(self.starts, (*outer, len(self.starts))).copy()
        maps = others[1:] if self.weighted else others
        for number, values in zip(self.mapped, maps, strict=True):
            starts[..., number] = np.broadcast_to(values, outer)
        weights = None
        if self.weighted:
            weights = np.asarray(others[0], dtype=np.float64)
            if weights.size != points:
                weights = np.broadcast_to(weights, (*outer, *self.shape))
            weights = weights.reshape(-1, points)
        return weights, starts.reshape(-1, len(self.starts))

    def fit(
        self, spectra: np.ndarray, weights: np.ndarray | None, given: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Return the columns of the result for some spectra."""
        spectra = np.asarray(spectra, dtype=np.float64)
        unit = np.ones(len(spectra))
        if self.loss != "linear" and self.loss_scale is None:
            noise = _TUNED * noise_of(spectra)
            unit = np.where(noise > 0, noise, 1.0)
            own = np.ones((1, spectra.shape[1])) if weights is None else weights
            weights = own / unit[:, None] ** 2
        seen = spectra if weights is None else np.where(weights > 0, spectra, np.nan)
        if self.loss == "linear" or len(self.shape) > 1:
            starts = self.layout.followed(self.estimate(seen, given))
        else:
            starts = self.start_without_spikes(seen, given)
        best = self.solve(spectra, weights, starts)
        for number in range(self.restarts):
            other = self.solve(spectra, weights, self.moved(starts, number))
            best = _better(best, other)
        return self.columns_of(best, unit)

    def estimate(self, spectra: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Return starts, estimated where they are not given."""
        needed = np.isnan(given) & (self.layout.roots == np.arange(given.shape[1]))
        nonlinear = ~self.layout.linear
        if not (needed & nonlinear).any():
            return given
        if len(self.shape) == 2:
            return estimate_plane_starts(self.layout, self.mesh, self.shape, spectra, given)
        return estimate_starts(self.layout, self.mesh[0], spectra, given)

    def start_without_spikes(self, spectra: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Return starts for a robust loss: least squares of what is left without spikes."""
        calm = without_spikes(spectra)
        starts = self.layout.followed(self.estimate(calm, given))
        squares = dataclasses.replace(self, loss="linear")
        found = squares.solve(calm, None, starts).parameters
        return np.where(np.isfinite(found), found, starts)

    def moved(self, starts: np.ndarray, number: int) -> np.ndarray:
        """Return other starts; the moves are the same for every spectrum."""
        rng = np.random.default_rng(number)
        made = starts.copy()
        for column, info in enumerate(self.layout.infos):
            draw = float(rng.standard_normal())
            if self.layout.source[column] != column:
                continue
            if info.positive:
                made[:, column] *= np.exp(0.8 * draw)
            elif np.isfinite(info.lower) and np.isfinite(info.upper):
                made[:, column] = info.lower + rng.random() * (info.upper - info.lower)
            elif info.axes and not info.data:
                axis = self.mesh[len(info.axes) - 1]
                made[:, column] += 0.1 * draw * np.ptp(axis)
            elif not self.layout.linear[column]:
                made[:, column] *= np.exp(0.3 * draw)
        made = np.clip(made, self.layout.lower, self.layout.upper)
        return self.layout.followed(made)

    def solve(
        self, spectra: np.ndarray, weights: np.ndarray | None, starts: np.ndarray
    ) -> Solution:
        """Return what the engine finds."""
        return least_squares(
            self.layout.problem(), spectra, starts, columns=self.columns, weights=weights,
            likelihood=self.likelihood, loss=self.loss, loss_scale=self.loss_scale or 1.0,
            max_steps=self.max_steps, threads=self.threads,
        )  # fmt: skip

    def columns_of(self, found: Solution, unit: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return parameters, standard deviations and figures; residuals are in `unit`."""
        free = int(np.sum(self.layout.source == np.arange(len(self.starts))))
        points = found.points
        with np.errstate(all="ignore"):
            reduced = np.where(points > free, found.chi_square * unit**2 / (points - free), np.nan)
            explained = 1.0 - found.chi_square / found.total
            misfit = points * np.log(found.chi_square / found.total)
            if self.likelihood == "poisson":
                explained = np.full(len(points), np.nan)
                misfit = found.chi_square
            aic, bic = misfit + 2.0 * free, misfit + np.log(points) * free
        empty = ~np.isfinite(found.cost)
        figures = [np.where(empty, np.nan, each) for each in (reduced, explained, aic, bic)]
        return found.parameters, found.std, found.status, found.steps, *figures


def _better(one: Solution, other: Solution) -> Solution:
    """Return for each spectrum the solution of less cost; the first one if they are alike."""
    least = np.where(np.isfinite(one.cost), one.cost, np.inf)
    lower = np.isfinite(other.cost) & (other.cost < least * (1 - 1e-9))
    fields = {
        field.name: np.where(
            lower.reshape(-1, *([1] * (getattr(one, field.name).ndim - 1))),
            getattr(other, field.name), getattr(one, field.name),
        )
        for field in dataclasses.fields(Solution)
    }  # fmt: skip
    return Solution(**fields)
