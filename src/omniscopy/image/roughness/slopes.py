"""Slopes and curvatures of surfaces."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.topography import are_lengths, require_image, require_lengths, steps_of
from omniscopy.model import labelled, operation, require_uniform, result, units_of
from omniscopy.model.units import product


@operation(example={"image": "surface"})
def measure_slopes(image: xr.DataArray, *, dims: tuple[str, str] | None = None) -> xr.Dataset:
    r"""Measure the slope of every surface at every point.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``gradient_y`` and ``gradient_x``, along ascending y and x, and their ``magnitude``,
        without units where heights and coordinates are lengths; ``azimuth`` of the steepest
        ascent in degrees from +x towards +y (down in the image), -180 to 180; and for lengths
        only ``inclination`` in degrees, 0 for a level surface.
        NaN beside missing values.

    Raises
    ------
    DataError
        A coordinate is not uniform, or y and x are not in units that convert.

    Notes
    -----
    The azimuth is :math:`\operatorname{atan2}(\partial z / \partial y, \partial z / \partial x)`,
    the inclination :math:`\arctan |\nabla z|`, with central differences, exact for a parabola; at
    the edges one-sided ones over three points.

    Examples
    --------
    >>> import omniscopy as om
    >>> slopes = om.image.measure_slopes(om.samples.surface())
    >>> slopes["inclination"].attrs["units"], slopes["magnitude"].attrs["units"]
    ('deg', '1')
    """
    dims = require_image(image, dims, at_least=3)
    factor, steps, lengths = _scale(image, dims)
    sizes = {dim: image.sizes[dim] for dim in dims}

    def run(block: np.ndarray) -> tuple[np.ndarray, ...]:
        heights = factor * _known(block)
        down = np.gradient(heights, steps[0], axis=-2, edge_order=2)
        across = np.gradient(heights, steps[1], axis=-1, edge_order=2)
        size = np.hypot(down, across)
        azimuth = np.rad2deg(np.arctan2(down, across))
        return down, across, size, azimuth, np.rad2deg(np.arctan(size))

    names = ("gradient_y", "gradient_x", "magnitude", "azimuth", "inclination")
    found = _found(run, image, dims, names, sizes)
    units = (
        "1" if lengths else product((image.attrs.get("units"), 1), (units_of(image, dims[0]), -1))
    )
    stated = dict.fromkeys(names[:3], units) | {"azimuth": "deg", "inclination": "deg"}
    kept = names if lengths else names[:-1]
    return result(**{name: (found[name], stated[name]) for name in kept})


@operation(example={"image": "surface"})
def measure_curvature(image: xr.DataArray, *, dims: tuple[str, str] | None = None) -> xr.Dataset:
    r"""Measure the curvature of every surface at every point.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid. Noise counts as its second differences: filter it
        before.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``laplacian``, the sum of the second derivatives, in units of `image` over those of the
        coordinates squared; and where heights and coordinates are
        lengths, in one over them (squared), ``mean_curvature``, ``gaussian_curvature``,
        ``largest_curvature`` and ``smallest_curvature`` (of all directions), negative on tops
        and positive in hollows.
        NaN along the edges and beside missing values.

    Raises
    ------
    DataError
        A coordinate is not uniform, or y and x are not in units that convert.

    Notes
    -----
    With derivatives p, q and r, s, t of the heights along x and y [1]_,

    .. math::
        H = \frac{(1 + q^2) r - 2 p q s + (1 + p^2) t}{2 (1 + p^2 + q^2)^{3/2}}, \qquad
        K = \frac{r t - s^2}{(1 + p^2 + q^2)^2}

    and :math:`H \pm \sqrt{H^2 - K}`, from differences over 3 x 3 points.

    References
    ----------
    .. [1] M. P. do Carmo, *Differential Geometry of Curves and Surfaces* (1976), section 3-3.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.measure_curvature(om.samples.surface())["mean_curvature"].attrs["units"]
    '1/nm'
    """
    dims = require_image(image, dims, at_least=3)
    factor, steps, lengths = _scale(image, dims)
    sizes = {dim: image.sizes[dim] for dim in dims}

    def run(block: np.ndarray) -> tuple[np.ndarray, ...]:
        return curvatures(factor * _known(block), steps)

    names = (
        "laplacian", "mean_curvature", "gaussian_curvature", "largest_curvature",
        "smallest_curvature",
    )  # fmt: skip
    found = _found(run, image, dims, names, sizes)
    base = units_of(image, dims[0])
    above = base if lengths else image.attrs.get("units")
    one, two = product((above, 1), (base, -2)), product((base, -2))
    stated = dict.fromkeys(names, one) | {"gaussian_curvature": two}
    kept = names if lengths else names[:1]
    return result(**{name: (found[name], stated[name]) for name in kept})


def _known(block: np.ndarray) -> np.ndarray:
    """Return heights, NaN where they are not finite."""
    heights = np.asarray(block, dtype=np.float64)
    return np.where(np.isfinite(heights), heights, np.nan)


def curvatures(z: np.ndarray, steps: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Return the Laplacian, and mean, Gaussian, largest and smallest curvature of surfaces."""
    made = np.full((5, *z.shape), np.nan)
    middle = z[..., 1:-1, 1:-1]
    up, down = z[..., :-2, 1:-1], z[..., 2:, 1:-1]
    left, right = z[..., 1:-1, :-2], z[..., 1:-1, 2:]
    p, q = (right - left) / (2 * steps[1]), (down - up) / (2 * steps[0])
    r, t = (right - 2 * middle + left) / steps[1] ** 2, (down - 2 * middle + up) / steps[0] ** 2
    corners = z[..., 2:, 2:] - z[..., 2:, :-2] - z[..., :-2, 2:] + z[..., :-2, :-2]
    s = corners / (4 * steps[0] * steps[1])
    metric = 1.0 + p**2 + q**2
    mean = ((1 + q**2) * r - 2 * p * q * s + (1 + p**2) * t) / (2 * metric**1.5)
    gaussian = (r * t - s**2) / metric**2
    spread = np.sqrt(np.maximum(mean**2 - gaussian, 0.0))
    for number, values in enumerate((r + t, mean, gaussian, mean + spread, mean - spread)):
        made[number][..., 1:-1, 1:-1] = values
    return tuple(made)


def _scale(image: xr.DataArray, dims: tuple[str, str]) -> tuple[float, tuple[float, float], bool]:
    """Return the factor of heights, signed steps in the units of the rows, and if all are so."""
    lengths = are_lengths(image, dims)
    factor = require_lengths(image, dims, why="the slope") if lengths else 1.0
    signs = [np.sign(require_uniform(image, dim)) for dim in dims]
    first, second = steps_of(image, dims)
    return factor, (float(signs[0] * first), float(signs[1] * second)), lengths


def _found(
    run: object,
    image: xr.DataArray,
    dims: tuple[str, str],
    names: tuple[str, ...],
    sizes: dict[str, int],
) -> dict[str, xr.DataArray]:
    """Return maps by name, with the coordinates of the image."""
    maps = map_signal(run, image, dim=dims, output_dims=[sizes] * len(names))  # type: ignore[arg-type]
    kept = {name: each for name, each in image.coords.items() if {*each.dims} <= {*image.dims}}
    made = (labelled(each.assign_coords(kept), units=None).transpose(*image.dims) for each in maps)
    return dict(zip(names, made, strict=True))
