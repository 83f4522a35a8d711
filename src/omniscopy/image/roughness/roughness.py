"""Roughness of areas, with the names of ISO 25178."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.tapers import Detrend, require_choice
from omniscopy.image.roughness.bearing import Bearing, detrended
from omniscopy.image.roughness.distributions import entropy_of
from omniscopy.image.roughness.stratified import stratified
from omniscopy.image.roughness.surface_slopes import mean_slopes, slope_and_area
from omniscopy.image.roughness.texture import decay_lengths, lay
from omniscopy.image.topography import (
    Masking,
    are_lengths,
    directions_of,
    require_image,
    require_lengths,
    steps_of,
    used_points,
)
from omniscopy.model import DataError, operation, result, units_of
from omniscopy.model.units import product

HEIGHTS = (
    "sa", "sq", "sp", "sv", "sz", "median", "sxp", "sk", "spk", "svk", "vmp", "vmc", "vvc", "vvv",
    "spq", "svq",
)  # fmt: skip
_RATIOS = ("ssk", "sku", "smr1", "smr2", "smq", "str", "entropy")
_LENGTHS_ONLY = ("sdr", "surface_area", "inclination")
_ALL = (
    *HEIGHTS, *_RATIOS, "sal", "std", "ssw", "sdq", "projected_area", "azimuth", *_LENGTHS_ONLY,
)  # fmt: skip
# Material ratios between which the peaks lie that count as extreme (ISO 25178-2, 4.4.8).
_EXTREME = (0.025, 0.5)
_TILTS = ("inclination", "azimuth")
_STRATIFIED = ("spq", "svq", "smq")
_OF_CURVE = (
    "sxp", "vmp", "vmc", "vvc", "vvv", "entropy", "sk", "spk", "svk", "smr1", "smr2",
)  # fmt: skip


@operation(example={"image": "surface"})
def measure_roughness(
    image: xr.DataArray,
    *,
    detrend: Detrend = "mean",
    material_ratios: tuple[float, float] = (10.0, 80.0),
    quantities: Sequence[str] | None = None,
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
    quantities : sequence of str
        Names of what is measured, as they are below; everything otherwise. ``sal``, ``str``,
        ``std`` and ``ssw`` take most of the time.
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
        ``sp``, ``sv`` and ``sz`` (highest, deepest, and their sum), ``median``, ``sxp`` (from the
        material ratio of 2.5 % to that of 50 %); ``sk``, ``spk``
        and ``svk`` (core, peaks and valleys of the bearing curve); the volumes over the area
        ``vmp``, ``vmc`` (material of peaks and core), ``vvc`` and ``vvv`` (void of core and
        valleys); ``spq`` and ``svq`` (root mean square of plateaus and of valleys: slopes of the
        material probability curve).
        Without units, ``ssk`` (skewness), ``sku`` (kurtosis, not its excess: 3 for a normal
        distribution), ``smr1`` and ``smr2`` (parts of the material, from 0 to 1), ``smq``
        (that at which plateaus turn into valleys), ``str``
        (aspect ratio of the texture: 1 where it is alike in all directions), ``entropy`` (of the
        distribution of heights over sq, in nats: 1.419 of a normal one, less of all others).
        ``sal`` (shortest distance at which the autocorrelation falls to 0.2) and ``ssw``
        (wavelength with the most power) in units of the coordinates; ``std`` (direction of the
        ridges, degrees from +x towards +y, 0 to 180); ``sdq`` (root mean square slope);
        ``projected_area``; ``azimuth`` (in which the plane of least squares through the heights
        before `detrend` rises, -180 to 180 degrees); and only where heights and coordinates are
        lengths the ``inclination`` of this plane in degrees, ``surface_area`` and ``sdr``
        (developed area ratio).
        NaN where no point counts, or a quantity has no meaning: ``ssk``, ``sku``, ``entropy``,
        ``std``, ``ssw``, ``spq`` and ``svq`` of a plane, ``smq`` where plateaus and valleys are
        one, ``azimuth`` of a level one, ``sal`` and ``str`` where the
        autocorrelation falls less within half of the field of view.

    Raises
    ------
    DataError
        There is a single row, the material ratios are not in order, a quantity is not known or
        needs heights that are lengths, the mask does not fit, or y and x are not in units that
        convert.

    Notes
    -----
    Slopes are by the formula of 7 points of ISO 4287, which leaves out 3 points along each edge.
    The area is that of four triangles over each square of 2 x 2 points [2]_. The equivalent line
    of the bearing curve fits best, by least squares, the 40 % of the material over which the
    curve falls least. `spq` and `svq` are the slopes of lines through the heights over the
    normal quantile of the material ratio, within 3 standard deviations, where a hyperbola that
    fits the whole is straight: its slope is within an eighth of that of its asymptotes. `sal`
    and `str` come from 180 directions. The autocorrelation is over the
    pairs of points that there are. The entropy is :math:`-\sum p \ln (p / w)` over classes of
    the width :math:`w = 3.49 / N^{1/3}` [3]_, with the correction of Miller for their number.

    References
    ----------
    .. [1] ISO 25178-2:2021, sections 4.1 to 4.4.
    .. [2] P. Klapetek, *Quantitative Data Processing in Scanning Probe Microscopy*, 2nd ed.,
       Elsevier (2018), section 5.
    .. [3] D. W. Scott, *Biometrika* 66, 605 (1979).

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

    wanted = _wanted(quantities, lengths=lengths)
    given = [] if used is None else [used]
    directions = directions_of(image, dims)

    def run(block: np.ndarray, *masks: np.ndarray) -> tuple[np.ndarray, ...]:
        made = np.full((len(wanted), *block.shape[:-2]), np.nan)
        flat = detrended(block, masks, detrend)
        # Heights without their mean are as tilted as they were.
        raw = detrended(block, masks, "none") if detrend == "plane" else flat
        for (place, heights), (_, before) in zip(flat, raw, strict=True):
            if np.isfinite(heights).any():
                found = _measured(heights, steps, factor, (low, high), wanted)
                if {*wanted} & {*_TILTS}:
                    found |= _tilted(before, steps, factor, directions)
                if "std" in found and directions[0] != directions[1]:
                    found["std"] = (180.0 - found["std"]) % 180.0
                for row, name in enumerate(wanted):
                    made[(row, *place)] = found[name]
        return tuple(made)

    columns = map_signal(run, image, dim=dims, output_dims=[{}] * len(wanted), also=given)
    units, base = image.attrs.get("units"), units_of(image, dims[0])
    stated = dict.fromkeys(HEIGHTS, units) | dict.fromkeys(_RATIOS, "1") | {
        "sal": base, "ssw": base, "std": "deg", "sdr": "1", "azimuth": "deg",
        "inclination": "deg", "sdq": "1" if lengths else product((units, 1), (base, -1)),
        "projected_area": product((base, 2)), "surface_area": product((base, 2)),
    }  # fmt: skip
    found = zip(wanted, columns, strict=True)
    return result(**{name: (column, stated[name]) for name, column in found})


def _wanted(quantities: Sequence[str] | None, *, lengths: bool) -> list[str]:
    """Return the names of what is measured."""
    known = [name for name in _ALL if lengths or name not in _LENGTHS_ONLY]
    if quantities is None:
        return known
    wrong = [name for name in quantities if name not in known]
    if wrong or isinstance(quantities, str) or not quantities:
        message = f"quantities must be a list of some of {known}, got {quantities!r}"
        if {*wrong} & {*_LENGTHS_ONLY}:
            message += f"; {_LENGTHS_ONLY} need heights and coordinates that are lengths"
        raise DataError(message)
    return list(quantities)


def _measured(
    heights: np.ndarray, steps: tuple[float, float], factor: float, ratios: tuple[float, float],
    wanted: Sequence[str],
) -> dict[str, float]:  # fmt: skip
    """Return what is measured of one image, in the units of heights and of steps."""
    z = heights[np.isfinite(heights)]
    square = z * z
    sq = float(square.mean()) ** 0.5
    curve = Bearing.of(z)
    highest, lowest = float(curve.heights[0]), float(curve.heights[-1])
    projected = z.size * steps[0] * steps[1]
    found = {
        "sa": float(np.abs(z).mean()),
        "sq": sq,
        "ssk": float(np.dot(square, z)) / z.size / sq**3 if sq > 0 else np.nan,
        "sku": float(np.dot(square, square)) / z.size / sq**4 if sq > 0 else np.nan,
        "sp": highest,
        "sv": -lowest,
        "sz": highest - lowest,
        "median": curve.median(),
        "projected_area": projected,
    }
    if {*wanted} & {*_OF_CURVE}:
        material = [curve.material(ratio) for ratio in ratios]
        void = [curve.void(ratio) for ratio in ratios]
        found |= {
            "sxp": float(curve.height(_EXTREME[0]) - curve.height(_EXTREME[1])),
            "vmp": material[0],
            "vmc": material[1] - material[0],
            "vvc": void[0] - void[1],
            "vvv": void[1],
            "entropy": entropy_of(curve.heights[1:-1], sq),
            **curve.core(),
        }
    if {*wanted} & {*_STRATIFIED}:
        found |= stratified(curve)
    if {*wanted} & {"sal", "str"}:
        shortest, longest = decay_lengths(heights, steps)
        found |= {"sal": shortest, "str": shortest / longest}
    if {*wanted} & {"std", "ssw"}:
        found["std"], found["ssw"] = lay(heights, steps)
    if {*wanted} & {"sdq", "sdr", "surface_area"}:
        mean_square, ratio = slope_and_area(heights, steps, factor)
        found |= {
            "sdq": factor * mean_square**0.5, "sdr": ratio - 1.0, "surface_area": projected * ratio,
        }  # fmt: skip
    return found


def _tilted(
    heights: np.ndarray, steps: tuple[float, float], factor: float, directions: tuple[float, float]
) -> dict[str, float]:
    """Return which way the plane of least squares through heights rises, and how steeply."""
    down, across = np.array(mean_slopes(heights, steps)) * directions
    # What rounding leaves of a level surface has no direction.
    known = np.isfinite(heights)
    size = float(np.max(np.abs(heights), where=known, initial=0.0))
    reach = [step * count for step, count in zip(steps, heights.shape, strict=True)]
    level = abs(down) * reach[0] + abs(across) * reach[1] <= 1e-13 * size
    return {
        "inclination": 0.0
        if level
        else float(np.rad2deg(np.arctan(factor * np.hypot(down, across)))),
        "azimuth": np.nan if level else float(np.rad2deg(np.arctan2(down, across))),
    }
