"""Creep: compliances of a viscoelastic material from curves of force and depth along time."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_dim,
    require_real,
    require_uniform,
    require_units,
    result,
)
from omniscopy.physics.viscoelasticity import creep_histories

# Depths below this part of the deepest count as if they were it, in the weights.
_SHALLOW = 0.05
# Times are looked for between a sample and so many times the length of a curve.
_LONGEST = 3.0
_EVALUATIONS = 200


@operation(example={"data": "force_creep", "radius": 2.5e-6, "elements": 1})
def fit_force_creep(
    data: xr.DataArray,
    *,
    radius: float,
    indentation: xr.DataArray | str = "indentation",
    elements: int = 1,
    flows: bool = False,
    poisson_ratio: float = 0.5,
    dim: str = "time",
) -> xr.Dataset:
    r"""Fit Voigt elements in series to the depth of a sphere under a force.

    Parameters
    ----------
    data : DataArray, shape (..., time), force
        In N or units that convert to it, lazy or in memory, without its baseline; from before
        the contact on, and as long as the contact grows.
    radius : float, m
        Of the sphere.
    indentation : DataArray or str
        Depth of the tip along the same time, in m or units that convert to it: an array, or the
        name of a coordinate of `data`.
    elements : int
        Springs with dashpots beside them, in series with each other and with a spring alone.
    flows : bool
        Whether there is a dashpot alone in series, too.
    poisson_ratio : float
        Of the sample, constant in time.
    dim : str
        Dimension of the time, in s or units that convert to it, in equal steps.

    Returns
    -------
    Dataset, shape (...)
        ``glassy_compliance`` (1/Pa) of the spring alone; along ``element``, by their times,
        ``compliance`` (1/Pa) and ``retardation_time`` (s); ``fluidity`` (1/(Pa s)) where it
        `flows`; each with ``_std``. ``r_squared`` and ``status``: 0 converged, 1 stopped, 2 not
        determined, 3 a compliance is 0 or a time at its bound (its std is NaN), 4 no contact or
        values that are not finite (all are NaN).

    Raises
    ------
    DataError
        Units, times or the depth do not fit, or a number is out of its range.

    Notes
    -----
    :math:`\frac{8 \sqrt R}{3 (1 - \nu)} \delta^{3/2} = \int J(t - s)\, \mathrm{d}F(s)` [1]_ with
    :math:`J(t) = J_g + \sum_i J_i (1 - e^{-t/\tau_i}) + \phi t` in shear, and with a force that is
    straight between samples. Compliances, which are not below 0, follow linearly from the times.
    Weights are those of white noise of the depth.

    References
    ----------
    .. [1] E. H. Lee, J. R. M. Radok, *J. Appl. Mech.* 27, 438 (1960).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.fit_force_creep(om.samples.force_creep(), radius=2.5e-6)
    >>> found["compliance"].dims, found["compliance"].attrs["units"]
    (('element',), '1/Pa')
    """
    require_real(data)
    require_dim(data, dim)
    step = require_uniform(data, dim) * require_units(data.coords[dim], "s")
    newton = require_units(data, "N", what="the forces")
    if not (radius > 0 and elements >= 1 and 0 <= poisson_ratio < 1 and step > 0):
        message = (
            "radius must be above 0 m, elements at least 1 and poisson_ratio from 0 to below 1; "
            f"got {radius!r}, {elements!r} and {poisson_ratio!r}"
        )
        raise DataError(message)
    depth = _depth(data, indentation, dim)
    metre = require_units(depth, "m", what="the indentation")
    along = {"element": elements}
    outputs = [{}, {}, along, along, along, along, {}, {}, {}, {}]
    found = map_signal(
        _fitted, data, dim=dim, also=[depth], output_dims=outputs,
        dtypes=[*[np.float64] * 9, np.uint8],
        parameters={
            "step": step, "newton": newton, "metre": metre, "elements": elements, "flows": flows,
            "factor": 8.0 * radius**0.5 / (3.0 * (1.0 - poisson_ratio)),
        },
    )  # fmt: skip
    names = {
        "glassy_compliance": "1/Pa", "glassy_compliance_std": "1/Pa", "compliance": "1/Pa",
        "compliance_std": "1/Pa", "retardation_time": "s", "retardation_time_std": "s",
        "fluidity": "1/(Pa s)", "fluidity_std": "1/(Pa s)", "r_squared": "1", "status": "1",
    }  # fmt: skip
    numbers = coordinate("element", np.arange(elements), "1", kind="parameter", quantity="element")
    made = {
        name: (each.assign_coords(element=numbers) if "element" in each.dims else each, unit)
        for (name, unit), each in zip(names.items(), found, strict=True)
    }
    if not flows:
        del made["fluidity"], made["fluidity_std"]
    return result({}, **made)


def _depth(data: xr.DataArray, indentation: xr.DataArray | str, dim: str) -> xr.DataArray:
    """Return the depth along the time of the data."""
    if isinstance(indentation, str):
        if indentation not in data.coords:
            message = f"there is no coordinate {indentation!r}; got {list(map(str, data.coords))}"
            raise DataError(message)
        depth = data.coords[indentation]
    else:
        depth = indentation
    if depth.sizes.get(dim) != data.sizes[dim]:
        message = (
            f"the indentation must have the {data.sizes[dim]} values of the force along {dim!r}"
        )
        raise DataError(message)
    return depth.reset_coords(drop=True)


def _fitted(
    force: np.ndarray, depth: np.ndarray, *, step: float, newton: float, metre: float,
    elements: int, flows: bool, factor: float,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return what is found for a block of curves."""
    outer, samples = force.shape[:-1], force.shape[-1]
    forces = np.asarray(force, np.float64).reshape(-1, samples) * newton
    depths = np.broadcast_to(depth, force.shape).astype(np.float64).reshape(-1, samples) * metre
    width = 2 * elements + 1 + int(flows)
    values, spread = (np.full((len(forces), width), np.nan) for _ in range(2))
    squared, status = np.full(len(forces), np.nan), np.full(len(forces), int(Status.NO_DATA))
    for n, (one, other) in enumerate(zip(forces, depths, strict=True)):
        inside = other > 0
        if np.isfinite(one).all() and np.isfinite(other).all() and inside.sum() > width:
            curve = _Curve(one, other, step, factor, flows=flows)
            values[n], spread[n], squared[n], status[n] = curve.fit(elements)
    fluid = [each[:, -1] if flows else np.full(len(each), np.nan) for each in (values, spread)]
    columns = [values[:, 0], spread[:, 0]]
    for first in (1, elements + 1):
        columns += [each[:, first : first + elements] for each in (values, spread)]
    columns += [*fluid, squared, status.astype(np.uint8)]
    return tuple(each.reshape((*outer, *each.shape[1:])) for each in columns)


class _Curve:
    """Force and depth of one curve, as equations for compliances once times are known."""

    def __init__(
        self, force: np.ndarray, depth: np.ndarray, step: float, factor: float, *, flows: bool
    ) -> None:
        self.force, self.step, self.flows = force, step, flows
        self.inside = depth > 0
        deep = np.maximum(depth[self.inside], _SHALLOW * depth.max())
        self.weight = 1.0 / (1.5 * factor * np.sqrt(deep))
        self.right = factor * depth[self.inside] ** 1.5 * self.weight

    def matrix(self, logs: np.ndarray) -> np.ndarray:
        """Return the columns of the spring, the elements and the dashpot, weighted."""
        columns = creep_histories(self.force, self.step, np.exp(logs), flows=self.flows)
        return np.asarray(columns[:, self.inside].T * self.weight[:, None])

    def compliances(self, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the compliances of least squares, none below 0, and what they leave."""
        from scipy.optimize import nnls

        matrix = self.matrix(logs)
        size = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
        found = nnls(matrix / size, self.right)[0] / size
        return found, matrix @ found - self.right

    def fit(self, elements: int) -> tuple[np.ndarray, np.ndarray, float, int]:
        """Return parameters by their times, deviations, R² and the outcome."""
        from scipy.optimize import least_squares

        length = self.step * len(self.force)
        low, high = np.log(self.step), np.log(_LONGEST * length)
        begin = np.linspace(np.log(3.0 * self.step), np.log(length / 3.0), elements + 2)[1:-1]
        size = np.linalg.norm(self.right) or 1.0
        made = least_squares(
            lambda logs: self.compliances(logs)[1] / size, np.clip(begin, low, high),
            bounds=(low, high), max_nfev=_EVALUATIONS, xtol=1e-12, ftol=1e-14, gtol=1e-14,
        )  # fmt: skip
        logs = np.sort(made.x)
        found, left = self.compliances(logs)
        spread, free = self.deviations(logs, found, left, (low, high))
        total = float(((self.right - self.right.mean()) ** 2).sum())
        explained = 1.0 - float(left @ left) / total if total > 0 else np.nan
        times = slice(1, elements + 1)
        values = np.concatenate([found[: elements + 1], np.exp(logs), found[elements + 1 :]])
        columns = len(found)
        late = np.exp(logs) * spread[columns:]
        deviation = np.concatenate([spread[: elements + 1], late, spread[elements + 1 : columns]])
        status = Status.CONVERGED if made.status > 0 else Status.MAX_STEPS
        if not free.all() or (found[times] <= 0).any():
            status = Status.AT_BOUND
        elif not np.isfinite(spread).all():
            status = Status.SINGULAR
        return values, deviation, explained, int(status)

    def deviations(
        self, logs: np.ndarray, found: np.ndarray, left: np.ndarray, bounds: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return deviations of compliances and logarithms of times, and which are at no bound."""
        slopes = []
        for number in range(len(logs)):
            step = np.zeros(len(logs))
            step[number] = 1e-4
            slopes.append((self.matrix(logs + step) - self.matrix(logs - step)) @ found / 2e-4)
        jacobian = np.column_stack([self.matrix(logs), *slopes])
        inside = (logs > bounds[0] + 1e-6) & (logs < bounds[1] - 1e-6)
        free = np.concatenate([found > 0, inside & (found[1 : len(logs) + 1] > 0)])
        spread = np.full(len(free), np.nan)
        degrees = len(left) - int(free.sum())
        size = np.linalg.norm(jacobian[:, free], axis=0)
        if degrees > 0 and free.any() and (size > 0).all():
            scaled = jacobian[:, free] / size
            normal = scaled.T @ scaled
            if np.linalg.cond(normal) < 1e13:
                variance = np.diag(np.linalg.inv(normal)) * float(left @ left) / degrees
                spread[free] = np.sqrt(variance) / size
        return spread, free
