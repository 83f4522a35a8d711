"""Terraces: areas at different heights on one plane, and the steps between them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.levelling.facets import facet_slopes
from omniscopy.image.levelling.polynomial_surfaces import terms_of
from omniscopy.image.topography import like, require_image, steps_of
from omniscopy.model import DataError, Status, coordinate, operation, result, units_of
from omniscopy.model.units import product

_COLUMNS = ("height", "height_std", "area", "number")
_NUMBERS = ("step_height", "step_height_std", "roughness")
# Slopes are those of Gaussians of so many pixels; edges are wider than them by so many.
_SMOOTH, _EDGE = 1.5, 2
# Slopes of noise are this high at one of 3000 places, relative to their median.
_STEEP = 4.0 / 1.1774
_ROUNDS = 4
# Noise is like that of its neighbours: the mean of blocks of so many pixels says how much is left.
_BLOCK = 8
# Numbers of steps are whole to this.
_WHOLE = 0.1


@operation(example={"image": "grainy_surface", "max_terraces": 40})
def fit_terraces(
    image: xr.DataArray,
    *,
    degree: int = 1,
    min_area: float = 0.005,
    step_height: float | None = None,
    max_terraces: int = 64,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Level every image by its terraces, and measure how high they are.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Heights, lazy or in memory; what is not finite is left out.
    degree : int
        Of the polynomial in y and x that all terraces lie on, 0 to 6: 1 is a tilted plane.
    min_area : float, 1
        Terraces are at least this part of the image.
    step_height : float, units of `image`
        Roughly, the height of one atomic step; otherwise the largest that all terraces are
        nearly whole numbers of.
    max_terraces : int
        Only the largest are measured.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x) and (..., grain)
        ``levelled`` heights, 0 on average on the largest terrace; ``terraces``, the number of
        each point from 1 on, the largest first, 0 on edges, as `measure_grains` takes them. Along
        ``grain``: ``height`` above
        the largest with ``height_std``, ``area`` to the middle of its edges and ``number``, how
        many steps it is higher.
        ``step_height`` of one step with ``_std``, ``roughness``, the root mean square on the
        terraces, ``count`` of them, and ``status``: 4 (no data) where nothing is finite, 5
        (invalid) where no terrace is large enough. Then heights are NaN. Of one image in
        memory as many terraces as there are; otherwise `max_terraces`.

    Raises
    ------
    DataError
        The image is smaller than 16 pixels, or an option is out of its range.

    Notes
    -----
    Terraces are what hangs together where slopes, after the tilt that most of the surface has,
    are those of noise. Then :math:`z = p(y, x) + c_t` is fitted to all of them at once, the
    polynomial p without its constant [1]_, and terraces are looked for anew on what is level.
    Steps are whole numbers of the step height: it is fitted to the heights, weighted with their
    areas. Uncertainties are from means of blocks of 8 x 8 points, so that noise which is alike over
    less than that is taken for what it is.

    References
    ----------
    .. [1] D. Nečas, P. Klapetek, *Cent. Eur. J. Phys.* 10, 181 (2012).

    Examples
    --------
    >>> import omniscopy as om
    >>> steps = om.simulate.patterned_surface(kind="steps", period=250.0, height=0.4)
    >>> found = om.image.fit_terraces(steps)
    >>> int(found["count"]), round(float(found["step_height"]), 3)
    (4, 0.4)
    """
    dims = require_image(image, dims, at_least=16)
    if int(degree) != degree or not 0 <= degree <= 6:
        message = f"degree must be a whole number from 0 to 6, got {degree!r}"
        raise DataError(message)
    if not 0.0 < min_area < 1.0:
        message = f"min_area must be a part of the image, between 0 and 1, got {min_area!r}"
        raise DataError(message)
    if step_height is not None and not step_height > 0.0:
        message = f"step_height must be above 0, in the units of the image, got {step_height!r}"
        raise DataError(message)
    if max_terraces < 1:
        message = f"max_terraces must be at least 1, got {max_terraces!r}"
        raise DataError(message)
    steps = steps_of(image, dims)
    sizes = {dim: image.sizes[dim] for dim in dims}
    made = map_signal(
        _terraces_of, image, dim=dims,
        output_dims=[sizes, sizes, *[{"grain": max_terraces}] * len(_COLUMNS),
                     *[{}] * (len(_NUMBERS) + 2)],
        dtypes=[np.float64, np.int32, *[np.float64] * (len(_COLUMNS) + len(_NUMBERS)), np.int64,
                np.uint8],
        parameters={
            "steps": steps, "terms": [each for each in terms_of(int(degree)) if sum(each)],
            "min_area": min_area, "step_height": step_height, "most": max_terraces,
        },
    )  # fmt: skip
    levelled, terraces, *numbers, count, status = made
    columns = dict(zip((*_COLUMNS, *_NUMBERS), numbers, strict=True))
    places = {dim: image.coords[dim] for dim in dims}
    units = image.attrs.get("units")
    area = product((units_of(image, dims[0]), 2))
    found = result(
        None, {**made[0].coords, **places},
        levelled=(levelled.variable, units), terraces=(terraces.variable, "1"),
        height=(columns["height"], units), height_std=(columns["height_std"], units),
        area=(columns["area"], area), number=(columns["number"], "1"),
        step_height=(columns["step_height"], units),
        step_height_std=(columns["step_height_std"], units),
        roughness=(columns["roughness"], units), count=(count, "1"),
        status=(status, "1"),
    )  # fmt: skip
    found["levelled"] = like(found["levelled"], image)
    found = found.assign_coords(grain=coordinate("grain", np.arange(1, max_terraces + 1), "1"))
    single = image.ndim == 2 and image.chunks is None
    if not single:
        return found
    return found.isel(grain=slice(min(int(found["count"]), max_terraces)))


def _terraces_of(block: np.ndarray, *, most: int, **options: Any) -> tuple[np.ndarray, ...]:
    """Return levelled images, terraces, their columns, the numbers and the status of a block."""
    outer = block.shape[:-2]
    levelled, terraces = np.full(block.shape, np.nan), np.zeros(block.shape, np.int32)
    columns = np.full((len(_COLUMNS), *outer, most), np.nan)
    numbers = np.full((len(_NUMBERS), *outer), np.nan)
    count, status = np.zeros(outer, np.int64), np.zeros(outer, np.uint8)
    for place in np.ndindex(*outer):
        values = np.array(block[place], dtype=np.float64)
        used = np.isfinite(values)
        if not used.any():
            status[place] = Status.NO_DATA
            continue
        found = _fit(values, used, **options)
        if found is None:
            status[place] = Status.INVALID
            continue
        levelled[place], labels, table, own = found
        terraces[place] = np.where(labels <= most, labels, 0)
        count[place] = len(table)
        columns[(slice(None), *place, slice(min(most, len(table))))] = table[:most].T
        numbers[(slice(None), *place)] = own
    return (levelled, terraces, *columns, *numbers, count, status)


def _fit(  # noqa: PLR0917
    values: np.ndarray, used: np.ndarray, steps: tuple[float, float],
    terms: Sequence[tuple[int, int]], min_area: float, step_height: float | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[float]] | None:  # fmt: skip
    """Return the levelled image, the terraces, their table and the numbers of one image."""
    y, x = (np.linspace(-1.0, 1.0, size) for size in values.shape)
    shapes = [np.multiply.outer(y**n, x**m) for n, m in terms]
    slopes = np.nan_to_num(facet_slopes(values, used, *steps)) if terms else np.zeros(2)
    rows, columns = np.indices(values.shape)
    flat = values - slopes[0] * steps[0] * rows - slopes[1] * steps[1] * columns
    labels = np.zeros(values.shape, np.int32)
    heights, lever = np.zeros(1), np.zeros((1, 1))
    for _ in range(_ROUNDS):
        found = _level_areas(flat, used, min_area)
        if not found.any():
            return None
        same, labels = np.array_equal(found, labels), found
        if same:
            break
        on = labels > 0
        design = np.stack([shape[on] for shape in shapes], axis=1) if terms else None
        heights, background, lever = _plane_and_heights(values, labels, on, design, shapes)
        flat = values - background
    count, on = int(labels.max()), labels > 0
    pixels = np.bincount(labels[on], minlength=count + 1)[1:].astype(np.float64)
    left = flat - np.concatenate([[np.nan], heights])[labels]
    sigma = _scatter_of_means(left, on)
    rise = heights - heights[0]
    variance = lever + np.diag(1.0 / pixels)
    apart = np.diag(variance) + variance[0, 0] - 2.0 * variance[0]
    rise_std = sigma * np.sqrt(np.maximum(apart, 0.0))
    step, step_std, number = _common_step(rise, rise_std, pixels, labels, step_height)
    area = np.bincount(_grown(labels)[used], minlength=count + 1)[1:] * steps[0] * steps[1]
    table = np.stack([rise, rise_std, area, number], axis=1)
    rough = float(np.sqrt(np.mean(left[on] ** 2)))
    return flat - heights[0], labels, table, [step, step_std, rough]


def _level_areas(flat: np.ndarray, used: np.ndarray, min_area: float) -> np.ndarray:
    """Return the number of the terrace of each point, the largest first, 0 where there is none."""
    from scipy.ndimage import binary_dilation, gaussian_filter, label

    whole = np.where(used, flat, np.median(flat[used]))
    slope = np.hypot(*(
        gaussian_filter(whole, _SMOOTH, order=order, mode="nearest") for order in ((1, 0), (0, 1))
    ))  # fmt: skip
    least = 1e-9 * float(np.ptp(whole)) + 1e-300
    steep = slope > max(_STEEP * float(np.median(slope[used])), least)
    # Single points that noise made steep are no edge.
    numbers, count = label(steep, np.ones((3, 3)))
    large = np.bincount(numbers.ravel(), minlength=count + 1) > (4.0 * _SMOOTH) ** 2 / 4.0
    large[0] = False
    edge = binary_dilation(large[numbers] | ~used, iterations=_EDGE)
    numbers, count = label(~edge)
    pixels = np.bincount(numbers.ravel(), minlength=count + 1)
    pixels[0] = 0
    order = np.argsort(-pixels, kind="stable")
    order = order[pixels[order] >= min_area * flat.size]
    new = np.zeros(count + 1, np.int32)
    new[order] = np.arange(1, len(order) + 1)
    return np.asarray(new[numbers])


def _plane_and_heights(
    values: np.ndarray, labels: np.ndarray, on: np.ndarray, design: np.ndarray | None,
    shapes: list[np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return the heights of terraces, the common polynomial, and what it adds to their variance.

    That is a matrix, for noise of unit variance.
    """
    which = labels[on] - 1
    pixels = np.bincount(which)

    def means(each: np.ndarray) -> np.ndarray:
        return np.asarray(np.bincount(which, each) / pixels)

    heights = means(values[on])
    if design is None:
        return heights, np.zeros_like(values), np.zeros((len(heights), len(heights)))
    centres = np.stack([means(column) for column in design.T], axis=1)
    inner, about = design - centres[which], values[on] - heights[which]
    slopes = np.linalg.lstsq(inner, about, rcond=None)[0]
    background = sum(
        (slope * shape for slope, shape in zip(slopes, shapes, strict=True)),
        start=np.zeros_like(values),
    )
    lever = centres @ np.linalg.pinv(inner.T @ inner) @ centres.T
    return heights - centres @ slopes, background, lever


def _scatter_of_means(left: np.ndarray, on: np.ndarray) -> float:
    """Return the standard deviation of a mean times the root of how many points made it."""
    rows, columns = (size // _BLOCK * _BLOCK for size in left.shape)
    cut = (rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK)
    blocks = np.where(on, left, np.nan)[:rows, :columns].reshape(cut).mean(axis=(1, 3))
    blocks = blocks[np.isfinite(blocks)]
    single = float(np.std(left[on]))
    if len(blocks) < 8:
        return single
    return max(single, _BLOCK * float(np.sqrt(np.mean(blocks**2))))


def _common_step(
    rise: np.ndarray, std: np.ndarray, pixels: np.ndarray, labels: np.ndarray,
    step: float | None,
) -> tuple[float, float, np.ndarray]:  # fmt: skip
    """Return the height of one step, its deviation, and how many each terrace is up."""
    if len(rise) < 2:
        return np.nan, np.nan, np.zeros(len(rise))
    if step is None:
        pairs = _neighbours(labels)
        apart = np.abs(rise[pairs[:, 0]] - rise[pairs[:, 1]])
        certain = apart > 5.0 * np.hypot(std[pairs[:, 0]], std[pairs[:, 1]])
        if not certain.any():
            return np.nan, np.nan, np.full(len(rise), np.nan)
        step = _largest_step(apart[certain], rise, pixels / pixels.sum())
    weight = pixels / pixels.sum()
    number, offset = np.rint(rise / step), 0.0
    for _ in range(20):
        number = np.rint((rise - offset) / step)
        number -= number[0]
        design = np.stack([np.ones_like(number), number], axis=1)
        if np.ptp(number) == 0:
            return np.nan, np.nan, number
        normal = (design.T * weight) @ design
        offset, fitted = np.linalg.solve(normal, (design.T * weight) @ rise)
        if abs(fitted - step) < 1e-12 * abs(step):
            break
        step = float(fitted)
    spread = float(weight @ (rise - offset - number * step) ** 2)
    free = max(len(rise) - 2, 1)
    own = float(weight @ std**2)
    inverse = np.linalg.inv(normal)[1, 1]
    share = float((weight**2).sum())
    return step, float(np.sqrt(max(spread * len(rise) / free, own) * inverse * share)), number


def _largest_step(apart: np.ndarray, rise: np.ndarray, weight: np.ndarray) -> float:
    """Return the largest height that all terraces are nearly whole numbers of."""
    steps = np.unique(np.concatenate([apart, apart / 2.0, apart / 3.0]))[::-1]
    numbers = rise / steps[:, None]
    off = np.sqrt((numbers - np.rint(numbers)) ** 2 @ weight)
    whole = np.flatnonzero(off < _WHOLE)
    return float(steps[whole[0]] if whole.size else steps[off.argmin()])


def _grown(labels: np.ndarray) -> np.ndarray:
    """Return the number of the nearest terrace of each point."""
    from scipy.ndimage import distance_transform_edt

    _, nearest = distance_transform_edt(labels == 0, return_indices=True)
    return np.asarray(labels[tuple(nearest)])


def _neighbours(labels: np.ndarray) -> np.ndarray:
    """Return the pairs of terraces that lie on both sides of an edge."""
    grown = _grown(labels) - 1
    sides = [
        np.stack([grown[:-1].ravel(), grown[1:].ravel()], axis=1),
        np.stack([grown[:, :-1].ravel(), grown[:, 1:].ravel()], axis=1),
    ]
    pairs = np.concatenate(sides)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return np.unique(np.sort(pairs, axis=1), axis=0)
