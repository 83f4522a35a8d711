"""What a disc looks like: the kernel that patterns are correlated with."""

from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.diffraction.centre import find_centre
from omniscopy.diffraction.patterns import mean_pattern
from omniscopy.diffraction.reductions.reading import scan_of
from omniscopy.model import (
    DataError,
    conversion_factor,
    coordinate,
    is_unit,
    labelled,
    operation,
    require_choice,
    require_plane,
    require_real,
    require_uniform,
    units_of,
)

Kernel = Literal["sigmoid", "gaussian", "flat"]
# How far a kernel reaches, and a measured disc is taken, in radii.
_OUTER = 1.6
_SMALLEST = 1.0


@operation(example={"data": "nanobeam_4d", "radius": 1.2}, lazy=False)
def make_template(
    data: xr.DataArray,
    *,
    radius: float | None = None,
    vacuum: xr.DataArray | None = None,
    edge: float | None = None,
    kernel: Kernel = "sigmoid",
    outer: float = _OUTER,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Make the kernel that finds discs in patterns.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        The patterns in which discs are to be found, for the size of their pixels.
    radius : float, units of the coordinates
        Of a synthetic disc. Otherwise that of the undiffracted disc in the mean of `data`, as
        `find_centre` finds it.
    vacuum : DataArray, shape (..., ky, kx)
        Patterns without a sample, with pixels as those of `data`: the disc as it is, moved to
        the middle, takes the place of a synthetic one.
    edge : float, units of the coordinates
        Over which distance a synthetic disc falls from 88 to 12 %; a pixel otherwise.
    kernel : {"sigmoid", "gaussian", "flat"}
        What is taken off: a ring with soft edges around the disc, so that the kernel answers to
        edges and not to what is smooth; a Gaussian as wide as `outer`; or nothing.
    outer : float
        How far the kernel reaches, in radii.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray, shape (ky, kx), no units
        An odd number of pixels around 0. What is positive sums to 1; all of it sums to 0 unless
        the kernel is "flat".

    Raises
    ------
    DataError
        The coordinates are not uniform or have different units; the radius is below a pixel or
        no disc was found (then give the radius); the pixels of `vacuum` are others.

    Notes
    -----
    A synthetic disc is :math:`\frac12 [1 - \tanh((k - R)/w)]` with twice the width w for `edge`.
    Kernels whose sum is 0, that answer to edges of discs, are those of [1]_.

    References
    ----------
    .. [1] B. H. Savitzky et al., *Microsc. Microanal.* 27, 712 (2021).

    Examples
    --------
    >>> import omniscopy as om
    >>> template = om.diffraction.make_template(om.samples.nanobeam_4d(), radius=1.2)
    >>> bool(abs(template.sum()) < 1e-12)
    True
    """
    dims, steps = require_grid(data, dims, at_least=1)
    units = units_of(data, dims[0])
    require_choice("kernel", kernel, ("sigmoid", "gaussian", "flat"))
    if not 1 < outer < np.inf:
        message = f"outer must be above 1, in radii of a disc, got {outer!r}"
        raise DataError(message)
    disc: np.ndarray | None = None
    if vacuum is not None:
        disc, radius = _measured(vacuum, dims, steps, units, outer)
    elif radius is None:
        radius = _radius_of(data, dims)
    _require_radius(radius, steps, data, dims)
    sides = [int(np.ceil(outer * radius / step)) for step in steps]
    ky, kx = (step * np.arange(-side, side + 1) for step, side in zip(steps, sides, strict=True))
    away = np.hypot(ky[:, None], kx)
    width = max(steps) / 2 if edge is None else edge / 2
    if not 0 < width < np.inf:
        message = f"edge must be above 0, in the units of the coordinates, got {edge!r}"
        raise DataError(message)
    if disc is None:
        disc = 0.5 * (1 - np.tanh((away - radius) / width))
    values = disc / disc.sum()
    values -= _taken_off(away, radius, width, outer, kernel)
    made = {
        dim: coordinate(
            dim, along, units, kind="reciprocal", quantity=str(data[dim].attrs.get("quantity", dim))
        )
        for dim, along in zip(dims, (ky, kx), strict=True)
    }  # fmt: skip
    return labelled(
        xr.DataArray(values, made, dims=dims), units="1", quantity="template",
        long_name="Template of a disc", signal_type="diffraction",
    )  # fmt: skip


def require_grid(
    data: xr.DataArray, dims: tuple[str, str] | None, *, at_least: int
) -> tuple[tuple[str, str], tuple[float, float]]:
    """Return the dimensions of patterns and their steps, both in the same units."""
    dims = require_plane(data, dims, kind="reciprocal", at_least=max(at_least, 2))
    require_real(data)
    first, second = (units_of(data, dim) for dim in dims)
    if first != second:
        message = (
            f"coordinates {dims} must have the same units, got {first!r} and {second!r}; convert "
            "one with `convert_units(data, units, dim=...)`"
        )
        raise DataError(message)
    row, column = (abs(require_uniform(data, dim)) for dim in dims)
    return dims, (row, column)


def _require_radius(
    radius: float, steps: tuple[float, float], data: xr.DataArray, dims: tuple[str, str]
) -> None:
    least = _SMALLEST * max(steps)
    most = max(data.sizes[dim] * step for dim, step in zip(dims, steps, strict=True)) / 2
    if not least <= radius <= most:
        message = (
            f"the radius of a disc must be from a pixel ({least:.4g}) to half of the pattern "
            f"({most:.4g}) in the units of {dims[0]!r}, got {radius!r}"
        )
        raise DataError(message)


def _radius_of(data: xr.DataArray, dims: tuple[str, str]) -> float:
    """Return the radius of the undiffracted disc in the mean of all patterns."""
    others = [str(dim) for dim in data.dims if dim not in dims]
    pattern = mean_pattern(data, others) if others else data
    if min(data.shape) == 0:
        message = "there are no patterns to measure a disc in; pass radius="
        raise DataError(message)
    radius = float(find_centre(pattern, dims=dims)["radius"])
    if not np.isfinite(radius):
        message = (
            "no disc was found in the mean pattern: pass radius= in the units of the "
            "coordinates, or vacuum="
        )
        raise DataError(message)
    return radius


def _measured(
    vacuum: xr.DataArray, dims: tuple[str, str], steps: tuple[float, float], units: str | None,
    outer: float,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """Return a disc that was seen, moved to the middle of a grid, and its radius."""
    from scipy import ndimage

    own, pixel = require_grid(vacuum, dims, at_least=5)
    found = units_of(vacuum, own[0])
    factor = 1.0
    if found != units:
        if not (is_unit(found) and is_unit(units)):
            message = f"vacuum is in {found!r} along {own[0]!r}, the patterns are in {units!r}"
            raise DataError(message)
        factor = conversion_factor(str(found), str(units))
    if not np.allclose(np.array(pixel) * factor, steps, rtol=1e-3):
        message = (
            f"pixels of vacuum are {tuple(factor * each for each in pixel)}, those of the "
            f"patterns {steps} {units or ''}; bring them to one size, as with `rebin`"
        )
        raise DataError(message)
    others = [*scan_of(vacuum, own)]
    others += [str(dim) for dim in vacuum.dims if dim not in (*own, *others)]
    pattern = mean_pattern(vacuum, others) if others else vacuum
    disc = find_centre(pattern, dims=own)
    radius = float(disc["radius"]) * factor
    if not np.isfinite(radius):
        message = "no disc was found in the vacuum pattern"
        raise DataError(message)
    sides = [int(np.ceil(outer * radius / step)) for step in steps]
    places = [
        (float(disc[name]) - float(pattern[dim][0])) / require_uniform(pattern, dim)
        + np.sign(require_uniform(pattern, dim)) * np.arange(-side, side + 1)
        for name, dim, side in zip(("ky", "kx"), own, sides, strict=True)
    ]
    values = np.nan_to_num(pattern.transpose(*own).values.astype(np.float64))
    grid = np.meshgrid(*places, indexing="ij")
    taken = ndimage.map_coordinates(values, grid, order=3, mode="nearest")
    away = np.hypot(
        *np.meshgrid(
            *(step * np.arange(-side, side + 1) for step, side in zip(steps, sides, strict=True)),
            indexing="ij",
        )
    )
    beyond = away > (1 + outer) / 2 * radius
    taken = np.where(beyond, 0.0, taken - np.median(taken[beyond]) if beyond.any() else taken)
    return np.maximum(taken, 0.0), radius


def _taken_off(
    away: np.ndarray, radius: float, width: float, outer: float, kernel: Kernel
) -> np.ndarray | float:
    if kernel == "flat":
        return 0.0
    if kernel == "gaussian":
        wide = np.exp(-0.5 * (away / (radius * outer / 2)) ** 2)
        return np.asarray(wide / wide.sum())
    inner, end = (0.5 * (1 - np.tanh((away - r) / width)) for r in (radius, outer * radius))
    ring = np.maximum(end - inner, 0.0)
    return np.asarray(ring / ring.sum())
