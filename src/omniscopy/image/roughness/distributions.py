"""How heights and slopes of a surface are distributed."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.roughness.bearing import detrended
from omniscopy.image.roughness.slopes import measure_slopes
from omniscopy.image.topography import (
    Masking,
    are_lengths,
    require_image,
    require_lengths,
    used_points,
)
from omniscopy.model import DataError, coordinate, operation, result

# Width of classes for a normal distribution, in standard deviations, of a single point.
_SCOTT = 3.49


@operation(example={"image": "surface"})
def height_distribution(
    image: xr.DataArray,
    *,
    bins: int = 100,
    limit: float = 5.0,
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Calculate how the heights of every image are distributed.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory. Values that are not finite are left out.
    bins : int
        Number of classes of height.
    limit : float
        Heights up to that many times ``sq`` from the mean are counted, on both sides.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., deviation)
        ``density`` over the deviation from the mean divided by sq, without units: that of a
        normal distribution is :math:`e^{-u^2/2}/\sqrt{2\pi}`. Its integral is the part of the
        points within the limit. ``mean`` and ``sq`` in units of `image`, by which heights are
        mean + deviation sq.
        NaN where no point counts or all heights are equal.

    Raises
    ------
    DataError
        There is no class, the limit is not positive, or the mask does not fit.

    Notes
    -----
    :math:`p(u) = n(u) / N \Delta u` of N finite points with :math:`u = (z - \bar z)/S_q`.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.height_distribution(om.samples.surface())
    >>> round(float(found["density"].integrate("deviation")), 3)
    1.0
    """
    dims = require_image(image, dims)
    if bins < 1 or not 0 < limit < np.inf:
        message = f"bins must be 1 at least and limit positive, got {bins!r} and {limit!r}"
        raise DataError(message)
    used = used_points(image, mask, masking, dims)
    edges = np.linspace(-limit, limit, bins + 1)

    def run(block: np.ndarray, *masks: np.ndarray) -> tuple[np.ndarray, ...]:
        density = np.full((*block.shape[:-2], bins), np.nan)
        mean, sq = (np.full(block.shape[:-2], np.nan) for _ in range(2))
        raw = detrended(block, masks, "none")
        for (place, heights), (_, centred) in zip(
            raw, detrended(block, masks, "mean"), strict=True
        ):
            z = centred[np.isfinite(centred)]
            if z.size:
                mean[place] = heights[np.isfinite(heights)].mean()
                sq[place] = np.sqrt((z**2).mean())
            if z.size and sq[place] > 0:
                counts, _ = np.histogram(z / sq[place], edges)
                density[place] = counts / (z.size * np.diff(edges))
        return density, mean, sq

    density, mean, sq = map_signal(
        run, image, dim=dims, output_dims=[{"deviation": bins}, {}, {}],
        also=[] if used is None else [used],
    )  # fmt: skip
    across = coordinate(
        "deviation", 0.5 * (edges[1:] + edges[:-1]), "1", kind="spectral",
        quantity="deviation from the mean over sq",
    )  # fmt: skip
    units = image.attrs.get("units")
    density = density.assign_coords(deviation=across)
    return result(density=(density, "1"), mean=(mean, units), sq=(sq, units))


@operation(example={"image": "surface"})
def slope_distribution(
    image: xr.DataArray, *, bins: int = 90, dims: tuple[str, str] | None = None
) -> xr.Dataset:
    r"""Calculate how the slopes of every image are distributed, by angle.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    bins : int
        Number of classes of each angle.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., azimuth) and (..., inclination)
        ``azimuth_density``, of the direction of the steepest ascent from -180 to 180 degrees
        (from +x towards +y), in which a point counts by the square of its slope, so that level
        parts of a surface do not; and where heights and coordinates are lengths
        ``inclination_density`` from 0 to 90 degrees, in which all points count alike. Both in
        1/deg, with the integral 1.
        NaN where there is no slope.

    Raises
    ------
    DataError
        There is no class, a coordinate is not uniform, or y and x are not in units that convert.

    Notes
    -----
    Of the azimuth :math:`\vartheta` and the magnitude of the gradient, see `measure_slopes`,

    .. math::
        p(\vartheta) = \frac{\sum_i |\nabla z_i|^2 [\vartheta_i \in \text{class}]}
            {\Delta\vartheta \sum_i |\nabla z_i|^2}

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.slope_distribution(om.samples.surface(), bins=36)
    >>> found["azimuth_density"].attrs["units"]
    '1/deg'
    """
    dims = require_image(image, dims, at_least=3)
    if bins < 1:
        message = f"bins must be 1 at least, got {bins!r}"
        raise DataError(message)
    slopes = measure_slopes(image, dims=dims)
    azimuth = _density(
        slopes["azimuth"], slopes["magnitude"] ** 2, dims, np.linspace(-180.0, 180.0, bins + 1),
        "azimuth",
    )  # fmt: skip
    found = {"azimuth_density": (azimuth, "1/deg")}
    if are_lengths(image, dims):
        require_lengths(image, dims, why="the inclination")
        inclination = slopes["inclination"]
        found["inclination_density"] = (
            _density(
                inclination, xr.ones_like(inclination), dims, np.linspace(0.0, 90.0, bins + 1),
                "inclination",
            ),
            "1/deg",
        )  # fmt: skip
    return result(**found)


def _density(
    angles: xr.DataArray, weights: xr.DataArray, dims: tuple[str, str], edges: np.ndarray, name: str
) -> xr.DataArray:
    """Return the weighted distribution of angles of every image."""
    count = len(edges) - 1

    def run(block: np.ndarray, weight: np.ndarray) -> np.ndarray:
        made = np.full((*block.shape[:-2], count), np.nan)
        for place in np.ndindex(*block.shape[:-2]):
            good = np.isfinite(block[place]) & np.isfinite(weight[place])
            total = weight[place][good].sum()
            if total > 0:
                found, _ = np.histogram(block[place][good], edges, weights=weight[place][good])
                made[place] = found / (total * np.diff(edges))
        return made

    (made,) = map_signal(run, angles, dim=dims, output_dims=[{name: count}], also=[weights])
    middle = 0.5 * (edges[1:] + edges[:-1])
    return made.assign_coords(
        {name: coordinate(name, middle, "deg", kind="spectral", quantity=name)}
    )


def entropy_of(falling: np.ndarray, sq: float) -> float:
    """Return the differential entropy, in nats, of heights in falling order over their sq."""
    if not sq > 0:
        return float("nan")
    width = _SCOTT * falling.size ** (-1 / 3)
    rising = falling[::-1] / sq
    first = np.floor(rising[0] / width)
    edges = width * np.arange(first, np.floor(rising[-1] / width) + 2)
    counts = np.diff(np.searchsorted(rising, edges))
    part = counts[counts > 0] / falling.size
    found = -(part * np.log(part)).sum() + np.log(width) + (part.size - 1) / (2 * falling.size)
    return float(found)
