"""The Abbott-Firestone curve: how much of a surface lies above a height."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.tapers import Detrend, flattened, require_choice
from omniscopy.image.topography import Masking, require_image, used_points
from omniscopy.model import DataError, coordinate, labelled, operation

# The equivalent line goes through this part of the material (ISO 25178-2, 4.3).
_CORE = 0.4
# It is looked for from so many places of the curve, or up to twice as many.
_BEGINS = 10_000


@operation(example={"image": "surface"})
def bearing_curve(
    image: xr.DataArray,
    *,
    points: int = 101,
    detrend: Detrend = "mean",
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    """Calculate the height above which a part of every surface lies (Abbott-Firestone curve).

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory. Values that are not finite are left out.
    points : int
        Material ratios, evenly spaced from 0 to 100 %, both included.
    detrend : {"mean", "plane", "none"}
        What is subtracted before: the mean, or the plane that fits best.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., material_ratio), units of `image`
        Falls from the highest point (0 %) to the lowest (100 %). NaN where no point counts.

    Raises
    ------
    DataError
        There are fewer than 2 points, or the mask does not fit.

    Notes
    -----
    The height that is exceeded at a given part of the points [1]_.

    References
    ----------
    .. [1] E. J. Abbott, F. A. Firestone, *Mech. Eng.* 55, 569 (1933).

    Examples
    --------
    >>> import omniscopy as om
    >>> curve = om.image.bearing_curve(om.samples.surface())
    >>> bool(curve[0] > curve[50] > curve[100])
    True
    """
    dims = require_image(image, dims)
    require_choice(detrend=detrend)
    if points < 2:
        message = f"points must be at least 2, got {points!r}"
        raise DataError(message)
    used = used_points(image, mask, masking, dims)
    ratio = np.linspace(0.0, 1.0, points)

    def run(block: np.ndarray, *masks: np.ndarray) -> np.ndarray:
        made = np.full((*block.shape[:-2], points), np.nan)
        for place, heights in detrended(block, masks, detrend):
            found = heights[np.isfinite(heights)]
            if found.size:
                made[place] = Bearing.of(found).height(ratio)
        return made

    (curve,) = map_signal(
        run, image, dim=dims, output_dims=[{"material_ratio": points}],
        also=[] if used is None else [used],
    )  # fmt: skip
    across = coordinate(
        "material_ratio", 100.0 * ratio, "%", kind="spectral", quantity="material ratio"
    )
    return labelled(
        curve.assign_coords(material_ratio=across), units=image.attrs.get("units"),
        long_name="Bearing curve", quantity=image.attrs.get("quantity", "height"),
    )  # fmt: skip


def detrended(
    block: np.ndarray, masks: tuple[np.ndarray, ...], detrend: Detrend
) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """Return the place of every image of a block, and its heights: NaN where it does not count."""
    made = []
    used = np.broadcast_to(masks[0], block.shape) if masks else None
    for place in np.ndindex(*block.shape[:-2]):
        values = np.array(block[place], dtype=np.float64)
        if used is not None:
            values[~used[place]] = np.nan
        finite = np.isfinite(values)
        if detrend == "plane":
            heights, _ = flattened(values, "none", detrend)
        else:
            centre = values.mean(where=finite) if detrend == "mean" and finite.any() else 0.0
            heights = values - centre
        # What is left of a plane is rounding, which has no shape to be measured.
        if detrend != "none" and _largest(heights, finite) <= 1e-13 * _largest(values, finite):
            heights = np.zeros_like(heights)
        made.append((place, heights if finite.all() else np.where(finite, heights, np.nan)))
    return made


def _largest(values: np.ndarray, known: np.ndarray) -> float:
    """Return the largest absolute value of those that are known."""
    high, low = (one(values, where=known, initial=0.0) for one in (np.max, np.min))
    return float(max(high, -low))


class Bearing:
    """The curve of heights, falling, over the part of the material above them, from 0 to 1.

    Point i of n in falling order lies at the ratio (i - 1/2)/n; between points the curve is
    straight, beyond the first and the last level.
    """

    def __init__(self, ratio: np.ndarray, heights: np.ndarray) -> None:
        self.ratio = ratio
        self.heights = heights
        areas = 0.5 * np.diff(ratio) * (heights[1:] + heights[:-1])
        self._area = np.concatenate([[0.0], np.cumsum(areas)])

    @classmethod
    def of(cls, heights: np.ndarray) -> "Bearing":
        """Return the curve of some heights in any order."""
        falling = np.sort(heights)[::-1]
        inside = (np.arange(falling.size) + 0.5) / falling.size
        ratio = np.concatenate([[0.0], inside, [1.0]])
        return cls(ratio, np.concatenate([falling[:1], falling, falling[-1:]]))

    def height(self, ratio: np.ndarray | float) -> np.ndarray:
        """Return the height at a material ratio."""
        return np.interp(ratio, self.ratio, self.heights)

    def median(self) -> float:
        """Return the median of the heights the curve was made of."""
        inside = self.heights[1:-1]
        return float(inside[(inside.size - 1) // 2] + inside[inside.size // 2]) / 2

    def ratio_at(self, height: float) -> float:
        """Return the part of the material above a height."""
        return float(np.interp(-height, -self.heights, self.ratio))

    def area(self, ratio: float) -> float:
        """Return the integral of the height from 0 to a material ratio."""
        place = min(int(np.searchsorted(self.ratio, ratio)), len(self.ratio) - 1)
        before = max(place - 1, 0)
        width = ratio - self.ratio[before]
        mean = 0.5 * (self.heights[before] + float(self.height(ratio)))
        return float(self._area[before] + width * mean)

    def material(self, ratio: float) -> float:
        """Return the volume of material above the height at a ratio, over the area."""
        return self.area(ratio) - ratio * float(self.height(ratio))

    def void(self, ratio: float) -> float:
        """Return the volume of void below the height at a ratio, over the area."""
        return (1.0 - ratio) * float(self.height(ratio)) - (self.area(1.0) - self.area(ratio))

    def core(self) -> dict[str, float]:
        """Return the core, the peaks and the valleys: sk, spk, svk, smr1 and smr2.

        The equivalent line fits best, by least squares, the 40 % of the material over which the
        curve falls least. It is the height of the core between the ratios 0 and 1. Peaks and
        valleys are triangles with the area of what stands out of the core.
        """
        if self.heights[0] == self.heights[-1]:
            return {"sk": 0.0, "spk": 0.0, "svk": 0.0, "smr1": 0.0, "smr2": 1.0}
        begins = self.ratio[self.ratio <= 1.0 - _CORE + 1e-12]
        begins = begins[:: max(1, len(begins) // _BEGINS)]
        falls = self.height(begins) - self.height(begins + _CORE)
        # Of equal ones the first, whatever their rounding.
        least = falls <= falls.min() + 1e-12 * (self.heights[0] - self.heights[-1])
        begin = float(begins[np.argmax(least)])
        inside = (self.ratio > begin) & (self.ratio < begin + _CORE)
        q = np.concatenate([[begin], self.ratio[inside], [begin + _CORE]])
        slope, offset = _line(q, self.height(q))
        top, bottom = offset, offset + slope
        smr1 = self.ratio_at(top) if self.heights[0] > top else 0.0
        smr2 = self.ratio_at(bottom) if self.heights[-1] < bottom else 1.0
        peaks = self.area(smr1) - smr1 * top
        valleys = (1.0 - smr2) * bottom - (self.area(1.0) - self.area(smr2))
        return {
            "sk": top - bottom,
            "spk": 2.0 * peaks / smr1 if smr1 > 0 else 0.0,
            "svk": 2.0 * valleys / (1.0 - smr2) if smr2 < 1 else 0.0,
            "smr1": smr1,
            "smr2": smr2,
        }


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return slope and offset of the line of least squares along a curve straight between points.

    Integrals over the curve, not sums over its points: these need not be even.
    """
    width = np.diff(x)
    middle, mean = 0.5 * (x[1:] + x[:-1]), 0.5 * (y[1:] + y[:-1])
    length = width.sum()
    centre = (width * middle).sum() / length
    level = (width * mean).sum() / length
    # Exact for a curve straight in each piece: the product of two lines has a term of width^3.
    rise = np.diff(y)
    mixed = (width * (middle - centre) * (mean - level) + width**2 * rise / 12.0).sum()
    spread = (width * (middle - centre) ** 2 + width**3 / 12.0).sum()
    slope = mixed / spread
    return float(slope), float(level - slope * centre)
