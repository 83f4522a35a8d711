"""Values between the points of an axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, operation, require_choice, require_dim, require_numbers
from omniscopy.signal.companions import Labelled, Nature, change_each, require_labelled
from omniscopy.signal.frequencies import floating_type

Method = Literal["linear", "nearest", "cubic"]
Labels = float | Sequence[float] | np.ndarray
# Labels this far beyond the ends, in steps of the axis, are taken for rounded ends.
_ROUNDING = 1e-9


@operation(example={"data": "spectrum_image", "axes": {"y": 0.4, "energy_loss": [430.0, 455.7]}})
def interpolate(
    data: Labelled, axes: Mapping[str, Labels], *, method: Method = "linear"
) -> Labelled:
    r"""Interpolate along dimensions, to another step or to any labels.

    Parameters
    ----------
    data : DataArray or Dataset, any dimensions
        Lazy or in memory; coordinates ascend or descend and need not be uniform. Of a Dataset
        every variable with one of the dimensions is interpolated.
    axes : mapping of dimension to float or sequence of float, units of the coordinates
        The step of a uniform axis that begins where the data begin, or the labels themselves.
    method : {"linear", "nearest", "cubic"}
        "cubic" is the spline through all points whose second derivative is continuous.

    Returns
    -------
    DataArray or Dataset, units of `data`
        NaN outside of the data (nothing is extrapolated) and between points of which one is
        missing. In floating point, except that "nearest" keeps integers if no label is outside.
        Other coordinates along the dimensions are left out.
        Densities and intensities keep their meaning; counts of each channel do not add up to
        the same sum on another step: `rebin` them, or divide by the step before.

    Raises
    ------
    DataError
        A coordinate is missing, repeats or turns, or all labels are outside of the data.

    Notes
    -----
    The uncertainty of a value :math:`\sum_i w_i y_i` is that of independent noise:
    ``variance`` becomes :math:`\sum_i w_i^2 \sigma_i^2`, and ``*_std`` the root of that. Values
    between the same points share their noise, which is not stated.

    Examples
    --------
    >>> import omniscopy as om
    >>> fine = om.signal.interpolate(om.samples.spectrum(), {"energy": 0.001})
    >>> fine["energy"].values[:3].round(3)
    array([1.5  , 1.501, 1.502])
    """
    require_labelled(data)
    require_choice("method", method, get_args(Method))
    plans = [_Plan.of(data, dim, labels, method) for dim, labels in axes.items()]

    def change(values: xr.DataArray, nature: Nature, _owner: xr.DataArray) -> xr.DataArray:
        require_numbers(values)
        made = values**2 if nature == "std" else values
        for plan in plans:
            if plan.dim in made.dims:
                made = plan.applied(made, nature)
        made = made**0.5 if nature == "std" else made
        return made.transpose(*values.dims)

    return change_each(data, change, dims=set(axes))


@dataclass(frozen=True)
class _Plan:
    """New labels on an axis, which ascends from `axis[0]` on."""

    dim: str
    axis: np.ndarray
    labels: np.ndarray
    method: Method
    descends: bool

    @classmethod
    def of(cls, data: Any, dim: str, labels: Labels, method: Method) -> "_Plan":
        """Return the plan for new labels; raise where they or the axis cannot be used."""
        if dim not in data.dims:
            message = f"expected a dimension {dim!r}, got {tuple(map(str, data.dims))}"
            raise DataError(message)
        require_dim(xr.DataArray(data.coords[dim]), dim, ascending=False, at_least=2)
        axis = np.asarray(data.coords[dim].values)
        if axis.dtype.kind not in "iuf":
            message = f"coordinate {dim!r} must be numbers, got {axis.dtype}"
            raise DataError(message)
        axis = axis.astype(np.float64)
        steps = np.diff(axis)
        if not (np.all(steps > 0) or np.all(steps < 0)):
            message = (
                f"coordinate {dim!r} must ascend or descend without repeating; sort it with "
                f"`data.sortby({dim!r})`"
            )
            raise DataError(message)
        new = _new_labels(axis, labels, dim)
        axis = axis[::-1] if steps[0] < 0 else axis
        ends = _ROUNDING * float(np.abs(steps).max())
        new = np.where(np.abs(new - axis[0]) <= ends, axis[0], new)
        new = np.where(np.abs(new - axis[-1]) <= ends, axis[-1], new)
        if not np.any((new >= axis[0]) & (new <= axis[-1])):
            message = (
                f"no new label of {dim!r} ({new.min():g} to {new.max():g}) lies within the data, "
                f"which span {axis[0]:g} to {axis[-1]:g}"
            )
            raise DataError(message)
        return cls(dim, axis, new, method, descends=bool(steps[0] < 0))

    def applied(self, values: xr.DataArray, nature: Nature) -> xr.DataArray:
        """Return values, or squares of uncertainties, at the new labels."""
        whole = np.all((self.labels >= self.axis[0]) & (self.labels <= self.axis[-1]))
        keeps = nature == "flag" or (self.method == "nearest" and whole)
        dtype = values.dtype if keeps else floating_type(values.dtype)
        (made,) = map_signal(
            self.run, values, dim=self.dim, output_dims=[{self.dim: self.labels.size}],
            dtypes=[dtype], parameters={"nature": nature, "dtype": dtype},
        )  # fmt: skip
        attrs = values.coords[self.dim].attrs
        return made.assign_coords({self.dim: (self.dim, self.labels, attrs)})

    def run(self, block: np.ndarray, *, nature: Nature, dtype: np.dtype) -> np.ndarray:
        """Return a block of lines at the new labels."""
        lines = block[..., ::-1] if self.descends else block
        axis, labels = self.axis, self.labels
        below = np.clip(np.searchsorted(axis, labels, "right") - 1, 0, axis.size - 2)
        part = (labels - axis[below]) / (axis[below + 1] - axis[below])
        low, high = lines[..., below], lines[..., below + 1]
        # Only points that weigh in can make a value missing.
        if nature == "flag":
            part = np.clip(part, 0.0, 1.0)
            return np.maximum(np.where(part < 1, low, high), np.where(part > 0, high, low))
        if self.method == "nearest":
            made = np.where(part <= 0.5, low, high)
        else:
            power = 1 if nature == "value" else 2
            with np.errstate(invalid="ignore"):  # infinities on both sides
                made = (1 - part) ** power * low + part**power * high
            made = np.where(part == 0, low, np.where(part == 1, high, made))
            if self.method == "cubic":
                spline = self.cubic(lines, nature)
                made = np.where(np.isfinite(made), spline, np.nan)
        outside = (labels < axis[0]) | (labels > axis[-1])
        made = made.astype(dtype, copy=False)
        if outside.any():
            made[..., outside] = np.nan
        return made

    def cubic(self, lines: np.ndarray, nature: Nature) -> np.ndarray:
        """Return the spline through all points, missing ones taken from a line."""
        from scipy.interpolate import CubicSpline

        if nature != "value":
            weights = CubicSpline(self.axis, np.eye(self.axis.size))(self.labels)
            return np.nan_to_num(lines) @ (weights**2).T
        wide = lines.astype(np.complex128 if lines.dtype.kind == "c" else np.float64)
        finite = np.isfinite(wide)
        for row in zip(*np.nonzero(~finite.all(-1)), strict=True):
            known = finite[row]
            filled = np.interp(self.axis, self.axis[known], wide[row][known]) if known.any() else 0
            wide[row] = filled
        return np.asarray(CubicSpline(self.axis, wide, axis=-1)(self.labels))


def _new_labels(axis: np.ndarray, labels: Labels, dim: str) -> np.ndarray:
    """Return the labels that are asked for, of a uniform axis where it is a step."""
    wanted = np.asarray(labels, dtype=np.float64)
    if wanted.ndim == 0:
        if not (wanted > 0 and np.isfinite(wanted)):
            message = f"the step of {dim!r} must be positive, got {labels!r}"
            raise DataError(message)
        step = float(wanted) * np.sign(axis[1] - axis[0])
        count = int(np.floor((axis[-1] - axis[0]) / step * (1 + _ROUNDING))) + 1
        return np.asarray(axis[0] + step * np.arange(count))
    if wanted.ndim != 1 or not wanted.size or not np.isfinite(wanted).all():
        message = f"the labels of {dim!r} must be a step or a list of finite numbers"
        raise DataError(message)
    return wanted
