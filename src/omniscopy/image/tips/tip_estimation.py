"""Blind estimation of the tip of a scanning probe from the image that it made."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.tips.tip_kernel import blind_kernel, dilate_kernel, erode_kernel
from omniscopy.image.topography import directions_of, require_image, steps_of
from omniscopy.model import DataError, coordinate, operation, result, units_of

# Of the field of view, where no extent is given.
_PART = 8
# Heights that differ by less than this part of their range are equal.
_ROUNDING = 1e-12
# Points of an image that a tip is lowered by before the others are looked at again.
_AT_ONCE = 1024


@operation(example={"image": "surface"})
def estimate_tip(
    image: xr.DataArray,
    extent: tuple[float, float] | float | None = None,
    *,
    threshold: float = 0.0,
    max_steps: int = 1000,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Estimate the bluntest tip that can have made every image, without knowing the surface.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), length (or any units)
        Lazy or in memory, on a uniform grid. NaN tells nothing.
    extent : float or (float, float), units of the coordinates
        How far the tip is estimated along y and x, from side to side; an eighth of the field of
        view otherwise.
    threshold : float, units of `image`
        Differences in the image lower than this are no evidence: the largest that noise makes,
        or the estimate is that of its spikes.
    max_steps : int
        Times that the tip is lowered by some points and the others looked at again, at most.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``tip``, in units of `image`, as in `model_tip`: 0 at the apex in the middle. It is an
        upper bound: the tip is at least as sharp, and equal where features of the surface are
        sharper than it. ``steps`` and ``status``: 0 converged, 1 stopped after
        `max_steps`, 4 no finite value (NaN).

    Raises
    ------
    DataError
        The extent or the threshold is out of range, or y and x are not in units that convert.

    Notes
    -----
    Wherever the tip touches, at every position r of the image by an unknown point u of itself,
    no other point d of it may cut into what it touches. So

    .. math:: t(d) \le \max_u \, [I(r + u - d) - I(r) + t(u)]

    over those u of which the apex could be at the height of the contact,
    :math:`I(r + u) - I(r) + t(u) \ge 0`. (Both may be missed by the threshold.) From a flat tip
    on this is repeated, for those r that the tip cannot have made, until nothing changes [1]_;
    the order of the points does not matter for what is found then.

    References
    ----------
    .. [1] J. S. Villarrubia, *J. Res. Natl. Inst. Stand. Technol.* 102, 425 (1997), section 5.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.estimate_tip(om.samples.surface(), 60.0)
    >>> float(found["tip"].max()), found["tip"].attrs["units"]
    (0.0, 'nm')
    """
    dims = require_image(image, dims)
    reaches, steps = _reaches(image, dims, extent), steps_of(image, dims)
    if not 0 <= threshold < np.inf or max_steps < 1:
        message = (
            f"threshold must not be negative and max_steps be 1 at least, got {threshold!r} and "
            f"{max_steps!r}"
        )
        raise DataError(message)
    sizes = {dim: 2 * reach + 1 for dim, reach in zip(dims, reaches, strict=True)}

    def run(block: np.ndarray) -> tuple[np.ndarray, ...]:
        outer = block.shape[:-2]
        tips = np.full((*outer, *sizes.values()), np.nan)
        passes, status = np.zeros(outer, np.int64), np.full(outer, 4, np.uint8)
        for place in np.ndindex(*outer):
            values = np.array(block[place], dtype=np.float64)
            if np.isfinite(values).any():
                found = blind_tip(values, reaches, threshold=threshold, max_steps=max_steps)
                tips[place], passes[place], status[place] = found
        return tips, passes, status

    tip, passes, status = map_signal(
        run, image, dim=dims, output_dims=[sizes, {}, {}],
        dtypes=[np.float64, np.int64, np.uint8],
    )  # fmt: skip
    base = units_of(image, dims[0])
    across = {
        dim: coordinate(dim, way * step * np.arange(-reach, reach + 1), base, kind="spatial")
        for dim, way, step, reach in zip(
            dims, directions_of(image, dims), steps, reaches, strict=True
        )
    }
    return result(
        tip=(tip.assign_coords(across), image.attrs.get("units")), steps=(passes, "1"),
        status=(status, "1"),
    )  # fmt: skip


def _reaches(
    image: xr.DataArray, dims: tuple[str, str], extent: tuple[float, float] | float | None
) -> tuple[int, int]:
    """Return how many points the tip has on both sides of its apex."""
    steps = steps_of(image, dims)
    if extent is None:
        found = [max(image.sizes[dim] // (2 * _PART), 1) for dim in dims]
    else:
        pair = (extent, extent) if isinstance(extent, int | float) else extent
        found = [int(each / step / 2 + 1e-9) for each, step in zip(pair, steps, strict=True)]
    for dim, reach in zip(dims, found, strict=True):
        if reach < 1 or 2 * reach + 1 > max(image.sizes[dim], 3):
            message = (
                f"extent along {dim!r} must be between two steps and the field of view, got "
                f"{2 * reach + 1} points of {image.sizes[dim]}"
            )
            raise DataError(message)
    return found[0], found[1]


def blind_tip(
    image: np.ndarray, reaches: tuple[int, int], *, threshold: float, max_steps: int
) -> tuple[np.ndarray, int, int]:
    """Return the tip of one image, the number of passes, and the outcome."""
    padded, places = padded_image(image, reaches)
    tip = np.zeros((2 * reaches[0] + 1, 2 * reaches[1] + 1))
    room = np.empty((tip.size, 2), np.int64)
    apex = np.array(reaches, np.int64)
    finite = image[np.isfinite(image)]
    limits = (float(threshold), _ROUNDING * float(np.ptp(finite)))
    for step in range(1, max_steps + 1):
        left = places[_unexplained(image, tip, apex, sum(limits))[tuple((places - 2 * apex).T)]]
        for begin in range(0, len(left), _AT_ONCE):
            # A tip that is lower explains many of the points that are left.
            part = left[begin : begin + _AT_ONCE]
            if blind_kernel(padded, tip, apex, limits, part, room):
                break
        else:
            return tip, step, 0
    return tip, max_steps, 1


def _unexplained(image: np.ndarray, tip: np.ndarray, apex: np.ndarray, slack: float) -> np.ndarray:
    """Return the points of an image that a tip cannot have made; only these lower it further.

    At all others the opening is the image: some point of the tip touches what no other cuts.
    """
    surface, again = np.empty(image.shape), np.empty(image.shape)
    erode_kernel(image, tip, int(apex[0]), int(apex[1]), surface)
    dilate_kernel(surface, tip, int(apex[0]), int(apex[1]), again)
    return np.asarray(again < image - slack)


def padded_image(image: np.ndarray, reaches: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return an image with margins of infinity, and the places of its finite points there.

    Margins are twice as wide as the reach of the tip: a contact, and the apex beside it.
    """
    margins = tuple(2 * reach for reach in reaches)
    finite = np.isfinite(image)
    values = np.where(finite, image, np.inf)
    padded = np.pad(values, tuple((m, m) for m in margins), constant_values=np.inf)
    places = np.argwhere(finite) + margins
    # From the highest on: sharp tops tell most, and what they tell makes all others quick.
    order = np.argsort(-padded[tuple(places.T)], kind="stable")
    return padded, np.ascontiguousarray(places[order])
