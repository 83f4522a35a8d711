"""Fits of models to the zero-loss peak."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.polynomial.legendre import leggauss

from omniscopy.compute import least_squares, map_signal
from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.compute.threads import blocks_of, share_work
from omniscopy.eels.axes import DIM, LossAxis, loss_axis, require_zero
from omniscopy.eels.zero_loss.positions import crossings, saturated, summits
from omniscopy.eels.zero_loss.shapes import SHAPES, Figures, Model, Shape, areas_of, figures_of
from omniscopy.model import DataError, Status, operation, require_choice, result, units_of
from omniscopy.model.units import product

# The part that is fitted, in full widths on either side of the top.
REACH = 1.0
# Nodes of the integral of a model.
_NODES = 64
_FIGURES = 5


@operation(example={"data": "low_loss"})
def fit_zero_loss(
    data: xr.DataArray,
    *,
    model: Model = "pseudo_voigt",
    window: tuple[float, float] | None = None,
    dim: str = DIM,
    max_steps: int = 100,
) -> xr.Dataset:
    r"""Fit a model to the zero-loss peak of every spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Low-loss spectra, lazy or in memory, that begin below 0 eV.
    model : {"pseudo_voigt", "gaussian", "lorentzian", "voigt", "split_voigt", "lorentzian_product"}
        The last two are asymmetric; the last is the product of two Lorentzians.
    window : (low, high), eV
        The part that is fitted, from the highest channel of each spectrum; one full width at half
        maximum on either side otherwise.
    dim : str
        Dimension of the energy loss.
    max_steps : int
        Evaluations of the model for a spectrum, at most.

    Returns
    -------
    Dataset, shape (...)
        ``centre`` (of the maximum) and ``fwhm`` in eV, ``intensity`` (the sum of the model over
        all channels), the parameters of the model, each with ``_std``; ``reduced_chi_square``,
        ``steps`` and ``status``: ``no_data`` without a positive value, ``invalid`` where the
        detector is saturated (3 equal largest values in a row), both NaN.

    Raises
    ------
    DataError
        The axis is not in eV or has no zero loss, or the model is unknown.

    Notes
    -----
    Least squares weighted by one over the counts (of a running mean of 3 channels, not below 1 %
    of the largest); the noise is measured by the residuals.

    The product is :math:`A / [(1 + u_1^2)(1 + u_2^2)]` with :math:`u_i = (E - c_i) / \gamma_i`;
    the others are those of `signal`.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.eels.fit_zero_loss(om.samples.low_loss(), model="gaussian")
    >>> found["centre"].dims
    ('y', 'x')
    """
    require_choice("model", model, SHAPES)
    axis = loss_axis(data, dim, at_least=8)
    require_zero(axis, dim, what="a fit of the zero loss")
    if window is not None and not window[0] < 0.0 < window[1]:
        message = f"window {window} is from the top of the peak, in eV, and must hold it"
        raise DataError(message)
    fit = ZeroLossFit(
        SHAPES[model], axis, window, max_steps, None if data.chunks is None else 1
    )  # fmt: skip
    (made,) = map_signal(fit.run, data, dim=dim, output_dims=[{"parameter": fit.columns}])
    return fit.named(made, data.attrs.get("units"), units_of(data, dim) or "eV")


@dataclass(frozen=True)
class ZeroLossFit:
    """How blocks of spectra are fitted."""

    shape: Shape
    axis: LossAxis
    window: tuple[float, float] | None
    max_steps: int
    threads: int | None

    @property
    def size(self) -> int:
        """Return how many parameters there are."""
        return len(self.shape.names)

    @property
    def columns(self) -> int:
        """Return how many numbers are found for a spectrum."""
        return 2 * self.size + 6 + 3

    def problem(self) -> Problem:
        """Return what is fitted."""
        shape, size = self.shape, self.size
        lower = np.array([-np.inf if name.startswith("centre") else 0.0 for name in shape.names])
        return Problem(
            (Term(shape.formula, (0,)),), lower, np.array(shape.upper), np.array(shape.positive),
            np.array(shape.linear), np.arange(size), np.ones(size), np.zeros(size),
        )  # fmt: skip

    def run(self, values: np.ndarray) -> np.ndarray:
        """Return parameters, their deviations and figures of every spectrum of a block."""
        rows = np.ascontiguousarray(values.reshape(-1, values.shape[-1]), np.float64)
        found = np.full((len(rows), self.columns), np.nan)
        # A peak is a small part of its spectrum.
        blocks = blocks_of(len(rows), max(rows.shape[1] // 8, 1))

        def work(begin: int) -> None:
            part = slice(begin, begin + blocks.step)
            self.fit(rows[part], found[part])

        share_work(work, blocks, self.threads)
        return found.reshape(*values.shape[:-1], self.columns)

    def fit(self, rows: np.ndarray, found: np.ndarray) -> None:
        """Fill in what is found for some spectra."""
        top, height = summits(rows)
        low, high = crossings(rows, top, height, self.axis.energy)
        status = np.where(top < 0, Status.NO_DATA, Status.CONVERGED)
        status = np.where((top >= 0) & saturated(rows, height), Status.INVALID, status)
        at = self.axis.energy[np.maximum(top, 0)]
        width = np.where(np.isfinite(high - low), high - low, 2.0 * np.fmin(high - at, at - low))
        status = np.where((status == 0) & ~(width > 0), Status.INVALID, status)
        found[:, -1] = status
        good = np.flatnonzero(status == 0)
        if len(good) == 0:
            return
        x, y, weights = self.gathered(rows[good], top[good], width[good])
        start = np.stack(self.shape.start(height[good], at[good], width[good]), axis=1)
        solved = least_squares(
            self.problem(), y, start, columns=x[:, None], weights=weights,
            max_steps=self.max_steps, covariance=True, threads=1,
        )  # fmt: skip
        figures = figures_of(
            self.shape, solved.parameters, solved.covariance, at[good], width[good]
        )
        area, area_std = self.areas(solved.parameters, solved.covariance, figures)
        points = np.where(solved.points > self.size, solved.points - self.size, np.nan)
        found[good] = np.column_stack([
            solved.parameters, solved.std, figures.centre, figures.centre_std, figures.fwhm,
            figures.fwhm_std, area, area_std, solved.chi_square / points, solved.steps,
            solved.status,
        ])  # fmt: skip

    def gathered(
        self, rows: np.ndarray, top: np.ndarray, width: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies, values and weights of the channels around the tops; NaN beyond."""
        energy, size = self.axis.energy, rows.shape[1]
        at = energy[top]
        if self.window is None:
            low, high = at - REACH * width, at + REACH * width
        else:
            low, high = at + self.window[0], at + self.window[1]
        first = np.searchsorted(energy, low - 1e-9)
        last = np.searchsorted(energy, high + 1e-9)
        # Narrow peaks are fitted on as many channels as the model needs, and two more.
        least = self.size + 2
        short = np.maximum(least - (last - first), 0)
        first, last = first - (short + 1) // 2, last + (short + 1) // 2
        reach = int((last - first).max())
        index = first[:, None] + np.arange(reach)
        outside = (index < 0) | (index >= size) | (index >= last[:, None])
        index = np.clip(index, 0, size - 1)
        y = np.take_along_axis(rows, index, axis=1)
        near = [np.take_along_axis(rows, np.clip(index + n, 0, size - 1), 1) for n in (-1, 1)]
        with np.errstate(invalid="ignore"):
            expected = np.where(np.isfinite(near[0] + near[1]), (y + near[0] + near[1]) / 3.0, y)
            floor = 0.01 * rows[np.arange(len(rows)), top][:, None]
            weights = 1.0 / np.maximum(expected, floor)
        y = np.where(outside, np.nan, y)
        return energy[index], y, np.where(np.isfinite(weights), weights, 0.0)

    def areas(
        self, parameters: np.ndarray, covariance: np.ndarray, figures: Figures
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the integral of the model over the axis, in channels, and its deviation."""
        energy, step = self.axis.energy, self.axis.step
        low, high = float(energy[0] - 0.5 * step), float(energy[-1] + 0.5 * step)
        with np.errstate(all="ignore"):
            if self.shape.pseudo_voigt is not None:
                area, slope = areas_of(self.shape, parameters, low, high)
            else:
                area, slope = self.integrals(parameters, figures, low, high)
        area, slope = area / step, slope / step
        known = np.where(np.isfinite(covariance), covariance, 0.0)
        variance = np.einsum("sp,spq,sq->s", slope, known, slope)
        lost = ~np.isfinite(covariance[:, 0, 0])
        return area, np.where(lost, np.nan, np.sqrt(np.maximum(variance, 0.0)))

    def integrals(
        self, parameters: np.ndarray, figures: Figures, low: float, high: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return integrals of the model and their slopes.

        By nodes that are dense at the peak and sparse in its tails, as a hyperbolic sine.
        """
        nodes, weights = leggauss(_NODES)
        centre, width = figures.centre, np.abs(figures.fwhm)
        first = np.arcsinh((low - centre) / width)
        half = 0.5 * (np.arcsinh((high - centre) / width) - first)
        place = first[:, None] + half[:, None] * (1.0 + nodes)
        x = centre[:, None] + width[:, None] * np.sinh(place)
        measure = weights * np.cosh(place) * (half * width)[:, None]
        value, slopes = self.shape.formula.evaluate([x], (), parameters)
        return (value * measure).sum(axis=-1), (slopes * measure[:, None]).sum(axis=-1)

    def named(self, made: xr.DataArray, values: str | None, _along: str) -> xr.Dataset:
        """Return the columns by name, with their units."""
        column = [made.isel(parameter=n, drop=True) for n in range(self.columns)]
        size = self.size
        spelled = {
            "y": values, "x": "eV", "1": "1",
            "xy": product((values, 1.0), ("eV", 1.0)),
        }  # fmt: skip
        named: dict[str, tuple[xr.DataArray, str | None]] = {}
        for n, (name, units) in enumerate(zip(self.shape.names, self.shape.units, strict=True)):
            named[name] = column[n], spelled[units]
            named[f"{name}_std"] = column[size + n], spelled[units]
        for n, (name, units) in enumerate([("centre", "x"), ("fwhm", "x"), ("intensity", "y")]):
            if name in named:
                continue  # the centre of a symmetric model is one of its parameters
            named[name] = column[2 * size + 2 * n], spelled[units]
            named[f"{name}_std"] = column[2 * size + 2 * n + 1], spelled[units]
        return result(
            {},
            **named,
            reduced_chi_square=(column[-3], values),
            steps=(column[-2].fillna(0.0).astype(np.int32), "1"),
            status=(column[-1], "1"),
        )


def model_of(shape: Shape, energy: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return the peak with these parameters, shape (..., channels)."""
    with np.errstate(all="ignore"):
        made: np.ndarray = shape.formula.evaluate([energy], (), parameters)[0]
    return made
