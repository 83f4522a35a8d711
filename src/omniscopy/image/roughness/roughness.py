"""Roughness of areas, with the names of ISO 25178."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.tapers import Detrend, require_choice
from omniscopy.image.roughness.bearing import Bearing, detrended
from omniscopy.image.roughness.surface_slopes import cell_areas, mean_of_finite, slopes_along
from omniscopy.image.roughness.texture import decay_lengths, lay_direction
from omniscopy.image.topography import (
    Masking,
    are_lengths,
    require_image,
    require_lengths,
    steps_of,
    used_points,
)
from omniscopy.model import DataError, operation, result, units_of
from omniscopy.model.units import product

HEIGHTS = ("sa", "sq", "sp", "sv", "sz", "median", "sk", "spk", "svk", "vmp", "vmc", "vvc", "vvv")
_RATIOS = ("ssk", "sku", "smr1", "smr2", "str")
_LENGTHS_ONLY = ("sdr", "surface_area")
_ALL = (*HEIGHTS, *_RATIOS, "sal", "std", "sdq", "projected_area", *_LENGTHS_ONLY)


@operation(example={"image": "surface"})
def measure_roughness(
    image: xr.DataArray,
    *,
    detrend: Detrend = "mean",
    material_ratios: tuple[float, float] = (10.0, 80.0),
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure the roughness of every image, with the names of ISO 25178.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid. Values that are not finite are left out.
    detrend : {"mean", "plane", "none"}
        What is subtracted before: the mean, the plane that fits best by least squares, or
        nothing. The standard measures what filters have left of a surface: level it with
        `level` and cut its waviness off with `separate_waviness` before.
    material_ratios : (low, high), percent
        Where the peaks end and where the valleys begin, for the volumes.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        In units of height, ``sa`` (mean of the absolute value), ``sq`` (root mean square),
        ``sp``, ``sv`` and ``sz`` (highest, deepest, and their sum), ``median``; ``sk``, ``spk``
        and ``svk`` (core, peaks and valleys of the bearing curve); the volumes over the area
        ``vmp``, ``vmc`` (material of peaks and core), ``vvc`` and ``vvv`` (void of core and
        valleys).
        Without units, ``ssk`` (skewness), ``sku`` (kurtosis, not its excess: 3 for a normal
        distribution), ``smr1`` and ``smr2`` (parts of the material, from 0 to 1), ``str``
        (aspect ratio of the texture: 1 where it is alike in all directions).
        ``sal`` (shortest distance at which the autocorrelation falls to 0.2) in units of the
        coordinates; ``std`` (direction of the ridges, degrees from +x towards +y, 0 to 180);
        ``sdq`` (root mean square slope); ``projected_area``; and only where heights and
        coordinates are lengths ``surface_area`` and ``sdr`` (developed area ratio).
        NaN where no point counts, or a quantity has no meaning: ``ssk``, ``sku`` and ``std`` of
        a plane, ``sal`` and ``str`` where the autocorrelation falls less within half of the
        field of view.

    Raises
    ------
    DataError
        There is a single row, the material ratios are not in order, the mask does not fit, or
        y and x are not in units that convert.

    Notes
    -----
    Slopes are by the formula of 7 points of ISO 4287, which leaves out 3 points along each edge.
    The area is that of four triangles over each square of 2 x 2 points [2]_. The equivalent line
    of the bearing curve fits best, by least squares, the 40 % of the material over which the
    curve falls least. `sal` and `str` come from 180 directions. The autocorrelation is over the
    pairs of points that there are.

    References
    ----------
    .. [1] ISO 25178-2:2021, sections 4.1 to 4.4.
    .. [2] P. Klapetek, *Quantitative Data Processing in Scanning Probe Microscopy*, 2nd ed.,
       Elsevier (2018), section 5.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.measure_roughness(om.samples.surface(), detrend="plane")
    >>> bool(found["sq"] > found["sa"]), found["sq"].attrs["units"]
    (True, 'nm')
    """
    dims = require_image(image, dims)
    require_choice(detrend=detrend)
    low, high = (float(each) / 100.0 for each in material_ratios)
    if not 0 < low < high < 1:
        message = f"material_ratios must be (low, high) between 0 and 100, got {material_ratios!r}"
        raise DataError(message)
    steps = steps_of(image, dims)
    used = used_points(image, mask, masking, dims)
    lengths = are_lengths(image, dims)
    factor = require_lengths(image, dims, why="the area") if lengths else 1.0

    def run(block: np.ndarray, *masks: np.ndarray) -> tuple[np.ndarray, ...]:
        made = np.full((len(_ALL), *block.shape[:-2]), np.nan)
        for place, heights in detrended(block, masks, detrend):
            if np.isfinite(heights).any():
                found = _measured(heights, steps, factor, (low, high))
                for number, name in enumerate(_ALL):
                    made[(number, *place)] = found[name]
        return tuple(made)

    columns = map_signal(
        run, image, dim=dims, output_dims=[{}] * len(_ALL), also=[] if used is None else [used]
    )
    units, base = image.attrs.get("units"), units_of(image, dims[0])
    stated = dict.fromkeys(HEIGHTS, units) | dict.fromkeys(_RATIOS, "1") | {
        "sal": base, "std": "deg", "sdr": "1",
        "sdq": "1" if lengths else product((units, 1), (base, -1)),
        "projected_area": product((base, 2)), "surface_area": product((base, 2)),
    }  # fmt: skip
    kept = [name for name in _ALL if lengths or name not in _LENGTHS_ONLY]
    found = dict(zip(_ALL, columns, strict=True))
    return result(**{name: (found[name], stated[name]) for name in kept})


def _measured(
    heights: np.ndarray, steps: tuple[float, float], factor: float, ratios: tuple[float, float]
) -> dict[str, float]:
    """Return all that is measured of one image, in the units of heights and of steps."""
    z = heights[np.isfinite(heights)]
    mean_square = float((z**2).mean())
    sq = mean_square**0.5
    curve = Bearing.of(z)
    material = [curve.material(ratio) for ratio in ratios]
    void = [curve.void(ratio) for ratio in ratios]
    shortest, longest = decay_lengths(heights, steps)
    slopes = [slopes_along(heights, step, axis) for axis, step in enumerate(steps)]
    excess = mean_of_finite(cell_areas(factor * heights, steps)) - 1.0
    projected = z.size * steps[0] * steps[1]
    return {
        "sa": float(np.abs(z).mean()),
        "sq": sq,
        "ssk": float((z**3).mean()) / sq**3 if sq > 0 else np.nan,
        "sku": float((z**4).mean()) / sq**4 if sq > 0 else np.nan,
        "sp": float(z.max()),
        "sv": float(-z.min()),
        "sz": float(z.max() - z.min()),
        "median": float(np.median(z)),
        "sal": shortest,
        "str": shortest / longest,
        "std": lay_direction(heights, steps),
        "sdq": factor * mean_of_finite(slopes[0] ** 2 + slopes[1] ** 2) ** 0.5,
        "sdr": excess,
        "surface_area": projected * (1.0 + excess),
        "projected_area": projected,
        "vmp": material[0],
        "vmc": material[1] - material[0],
        "vvc": void[0] - void[1],
        "vvv": void[1],
        **curve.core(),
    }
