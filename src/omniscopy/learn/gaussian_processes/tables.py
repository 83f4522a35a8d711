"""Points and values as matrices, scaled, and predictions as labelled data."""

import math
from typing import Any

import numpy as np
import torch
import xarray as xr

from omniscopy.model import DataError, Status, require_real, result

Inputs = xr.DataArray | np.ndarray


def matrix_of(
    inputs: Inputs, dim: str | None
) -> tuple[np.ndarray, xr.DataArray | None, str | None]:
    """Return points as rows, a template of what is found for each, and the inputs' dimension.

    `dim` is that of the inputs of a point, the last one where it is not named.
    """
    if not isinstance(inputs, xr.DataArray):
        values = np.asarray(inputs, np.float64)
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2:
            message = f"expected points as rows, got an array of shape {values.shape}"
            raise DataError(message)
        return values, None, None
    require_real(inputs)
    name = str(inputs.dims[-1]) if dim is None else dim
    if name not in inputs.dims:
        message = f"there is no dimension {name!r}, only {inputs.dims}"
        raise DataError(message)
    outer = [each for each in inputs.dims if each != name]
    ordered = inputs.transpose(*outer, name)
    template = ordered.isel({name: 0}, drop=True)
    rows = np.asarray(ordered.values, np.float64).reshape(template.size, -1)
    return rows, template, name


def values_of(values: Inputs, count: int) -> tuple[np.ndarray, str | None, str | None]:
    """Return measured values, shape (outputs, points), their units and the outputs' dimension."""
    found = np.asarray(values, np.float64)
    units = values.attrs.get("units") if isinstance(values, xr.DataArray) else None
    if found.size == count:
        return found.reshape(1, count), units, None
    if found.ndim == 2 and found.shape[0] == count:
        name = str(values.dims[1]) if isinstance(values, xr.DataArray) else "output"
        return found.T.copy(), units, name
    message = f"expected a value for each of {count} points, got shape {found.shape}"
    raise DataError(message)


def usable(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return which points were measured; raise where there are fewer than two."""
    known = np.isfinite(points).all(1) & np.isfinite(values).all(0)
    if known.sum() < 2:
        message = f"of {len(known)} points {int(known.sum())} have values; at least 2 are needed"
        raise DataError(message)
    return known


def scaling(values: np.ndarray, axis: int) -> tuple[list[float], list[float]]:
    """Return means and standard deviations, 1 where there is no difference."""
    mean, std = values.mean(axis), values.std(axis)
    return np.atleast_1d(mean).tolist(), np.atleast_1d(np.where(std > 0, std, 1.0)).tolist()


def scaled(points: np.ndarray, facts: dict[str, Any]) -> torch.Tensor:
    """Return points in the units of the model."""
    if points.shape[1] != len(facts["input_mean"]):
        message = (
            f"points have {points.shape[1]} inputs; this model knows {facts['input_mean']!r:.0}"
        )
        message = f"this model knows {len(facts['input_mean'])} inputs, got {points.shape[1]}"
        raise DataError(message)
    return torch.from_numpy((points - np.array(facts["input_mean"])) / np.array(facts["input_std"]))


def predicted(
    mean: np.ndarray, std: np.ndarray, noise: np.ndarray, template: xr.DataArray | None,
    facts: dict[str, Any],
) -> xr.Dataset:  # fmt: skip
    """Return means and standard deviations (outputs, points) as labelled data."""
    dims: tuple[Any, ...] = ("point",) if template is None else template.dims
    shape = (mean.shape[1],) if template is None else template.shape
    scale = np.array(facts["value_std"])[:, None]
    level = np.array(facts["value_mean"])[:, None]
    last = () if facts["output"] is None else (facts["output"],)

    def put(values: np.ndarray) -> xr.Variable:
        return xr.Variable((*dims, *last), values.T.reshape(*shape, *((-1,) if last else ())))

    known = np.isfinite(mean[0])
    status = np.where(known, Status.CONVERGED, Status.NO_DATA).reshape(shape)
    units = facts["units"]
    noises = xr.Variable(last, (noise * scale[:, 0]).reshape((-1,) if last else ()))
    return result(
        {}, {} if template is None else template.coords,
        value=(put(mean * scale + level), units), value_std=(put(std * scale), units),
        noise_std=(noises, units), status=(xr.Variable(dims, status), "1"),
    )  # fmt: skip


def coordinates_of(image: xr.DataArray) -> xr.DataArray:
    """Return the coordinates of every value of an array as points, along ``axis``."""
    missing = [dim for dim in image.dims if dim not in image.coords]
    if missing:
        message = f"dimensions {missing} have no coordinates; assign them"
        raise DataError(message)
    lines = [np.asarray(image[dim].values, np.float64) for dim in image.dims]
    grid = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    coords = {dim: image[dim] for dim in image.dims}
    return xr.DataArray(grid, dims=(*image.dims, "axis"), coords=coords)


def normal_std(variance: np.ndarray) -> np.ndarray:
    """Return standard deviations."""
    return np.sqrt(np.maximum(variance, 0.0))


def blocks(count: int, kept: int) -> range:
    """Return where blocks of points begin whose covariances take 32 MiB."""
    return range(0, count, max(1, math.floor(2**22 / max(kept, 1))))
