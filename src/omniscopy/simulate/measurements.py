"""How a synthetic measurement is labelled."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, kind_of_dim, labelled, signal_type_of

Random = int | np.random.Generator


def grid(shape: Sequence[int], step: float, units: str, dims: Sequence[str]) -> dict[str, Any]:
    """Return coordinates that start at 0 and go in equal steps."""
    for dim, size in zip(dims, shape, strict=True):
        if size < 1:
            message = f"dimension {dim!r} needs at least 1 point, got {size}"
            raise DataError(message)
    require_positive(step=step)
    return {
        dim: coordinate(dim, step * np.arange(size), units)
        for dim, size in zip(dims, shape, strict=True)
    }


def require_positive(**values: float) -> None:
    """Raise unless all of these lengths, widths and numbers are positive."""
    for name, value in values.items():
        if not value > 0:
            message = f"{name} must be positive, got {value!r}"
            raise DataError(message)


def measurement(
    values: xr.DataArray,
    *,
    title: str,
    quantity: str,
    units: str | None,
    modality: str,
    truth: Mapping[str, Any],
) -> xr.DataArray:
    """Return `values` with the attributes of a measurement and the truth in its metadata."""
    return labelled(
        values,
        units=units,
        long_name=title,
        quantity=quantity,
        signal_type=signal_type_of([kind_of_dim(values, dim) for dim in values.dims]),
        modality=modality,
        source="omniscopy.simulate",
        metadata={"title": title, "technique": modality, "truth": dict(truth)},
    ).rename(None)


def counted(mean: xr.DataArray, *, noise: bool, rng: Random) -> xr.DataArray:
    """Return counts with Poisson noise as float32, or their exact mean as float64."""
    if not noise:
        return mean.astype(np.float64)
    drawn = np.random.default_rng(rng).poisson(mean.values)
    return mean.copy(data=drawn.astype(np.float32))
