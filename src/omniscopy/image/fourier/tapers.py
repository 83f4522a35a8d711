"""What is done to an image before it is transformed: windows, and what is subtracted."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, kind_of_dim, units_of
from omniscopy.model.units import reciprocal

Window = Literal["hann", "hamming", "blackman", "none"]
Detrend = Literal["mean", "plane", "none"]
# F. J. Harris, Proc. IEEE 66, 51 (1978), section V.
_COSINES: dict[str, tuple[float, ...]] = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "none": (1.0,),
}


def require_choice(**chosen: str) -> None:
    """Raise unless the window, and what is to be subtracted, are among those there are."""
    for name, choice in chosen.items():
        known = get_args({"window": Window, "detrend": Detrend}[name])
        if choice not in known:
            message = f"{name} must be one of {known}, got {choice!r}"
            raise DataError(message)


def flattened(block: np.ndarray, window: Window, detrend: Detrend) -> tuple[np.ndarray, np.ndarray]:
    """Return windowed images without their mean or plane, and the weight of every pixel."""
    values = np.asarray(block, dtype=np.complex128 if block.dtype.kind == "c" else np.float64)
    finite = np.isfinite(values)
    weight = np.where(finite, window_of(window, values.shape[-2:]), 0.0)
    values = np.where(finite, values, 0.0)
    if detrend == "mean":
        total = weight.sum(axis=(-2, -1), keepdims=True)
        mean = (weight * values).sum(axis=(-2, -1), keepdims=True) / np.where(total > 0, total, 1)
        values = values - mean
    elif detrend == "plane":
        values = values - _plane(values, weight)
    return weight * values, weight


def window_of(window: Window, shape: tuple[int, ...]) -> np.ndarray:
    """Return the product of two windows, each a sum of cosines with the period of the image."""
    along = []
    for size in shape:
        turn = 2 * np.pi * np.arange(size) / size
        terms = enumerate(_COSINES[window])
        along.append(sum((-1) ** order * term * np.cos(order * turn) for order, term in terms))
    return np.multiply.outer(along[0], along[1])


def reciprocal_coordinates(
    image: xr.DataArray, dims: tuple[str, str], steps: Sequence[float]
) -> dict[str, xr.Variable]:
    """Return the coordinates of spatial frequency along two dimensions, zero at ``n // 2``."""
    across = {}
    for dim, step in zip(dims, steps, strict=True):
        name = f"k{dim}"
        if name in image.dims:
            message = (
                f"the result has a dimension {name!r}, which the data have already; "
                f"rename it with `data.rename({name}=...)`"
            )
            raise DataError(message)
        values = np.fft.fftshift(np.fft.fftfreq(image.sizes[dim], step))
        spatial = kind_of_dim(image, dim) == "spatial"
        across[name] = coordinate(
            name, values, reciprocal(units_of(image, dim)),
            kind="reciprocal", quantity="spatial frequency" if spatial else "frequency",
        )  # fmt: skip
    return across


def _plane(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the plane that fits each image best, with these weights."""
    rows, columns = (np.linspace(-1.0, 1.0, size) for size in values.shape[-2:])
    y, x = np.meshgrid(rows, columns, indexing="ij")
    terms = np.stack([np.ones_like(y), y, x])
    normal = np.einsum("...yx,iyx,jyx->...ij", weight, terms, terms, optimize=True)
    right = np.einsum("...yx,iyx->...i", weight * values, terms, optimize=True)
    found = np.einsum("...ij,...j->...i", np.linalg.pinv(normal, hermitian=True), right)
    return np.einsum("...i,iyx->...yx", found, terms)
