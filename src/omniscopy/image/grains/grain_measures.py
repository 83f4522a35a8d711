"""The table of grains: sizes, shapes, heights, volumes."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_work
from omniscopy.image.cleaning.inpainting import laplace_surface
from omniscopy.image.grains.grains import require_grains
from omniscopy.image.topography import (
    Dims,
    are_lengths,
    directions_of,
    require_image,
    require_lengths,
    steps_of,
)
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_uniform,
    result,
    units_of,
)
from omniscopy.model.units import product

MAX_GRAINS = 4096
_PART = 32


@operation(example={"image": "grainy_surface", "grains": "grains"})
def measure_grains(
    image: xr.DataArray,
    grains: xr.DataArray,
    *,
    max_grains: int = MAX_GRAINS,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure the size, the shape, the heights and the volume of every grain.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory: heights, or what else was measured at the places of the grains.
    grains : DataArray of int or bool, shape (y, x) or (..., y, x)
        Numbers of grains from 1 on, 0 outside, such as `find_grains` gives; a mask is one grain.
    max_grains : int
        Grains of higher numbers are not measured.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., grain)
        Along ``grain``, its number. ``y``, ``x``: the centre; ``pixels``; ``area`` (projected)
        and, where heights are lengths, ``surface_area`` and ``inclination`` of the mean plane
        in degrees; ``perimeter``; ``equivalent_radius`` of a disc of the area; ``circularity``
        :math:`4 \pi A / P^2`; ``major_axis``, ``minor_axis`` and ``orientation`` of the ellipse of
        the same moments, and their ratio ``aspect_ratio``; ``feret_min``, ``feret_max`` and
        their angles: the smallest and largest distance of parallels around the grain;
        ``inscribed_radius``, ``circumscribed_radius`` and centres of these discs;
        ``height_min``, ``_max``, ``_mean``, ``_median``, ``_rms`` (about the mean);
        ``boundary_min`` and ``_max``, the heights at its edge; ``volume_zero`` above 0,
        ``volume_min`` above its lowest point and ``volume_laplace`` above the soap film
        through its surroundings; ``slope_y``, ``slope_x`` of its plane, ``azimuth`` in which
        that climbs; ``curvature_min``, ``curvature_max`` of the quadratic through it, positive
        on a hill; ``touches_edge``. Angles in degrees from +x towards +y.
        NaN for numbers that no grain has. ``count`` of all grains, and ``status``: 4 (no data)
        of an image without one. Of images in memory as many rows as the highest number;
        otherwise `max_grains`, with NaN after the last.

    Raises
    ------
    DataError
        The image has a single row, the grains are of other places, or y and x are not in units
        that convert.

    Notes
    -----
    Pixels are squares that reach half a step to each side: Feret distances and discs are those
    of their outline. The perimeter is that of Crofton's formula in eight directions,
    :math:`P = \tfrac{1}{2} \int N\,\mathrm{d}p\,\mathrm{d}\theta`, within about 1 % for a disc of
    more than ten pixels and 3 % for a rectangle; twice that where pixels are far from square.
    The surface is summed over :math:`\sqrt{1 + |\nabla z|^2}` by central differences. Grains
    that touch share one film.

    Crofton's formula is in [1]_.

    References
    ----------
    .. [1] L. A. Santaló, *Integral Geometry and Geometric Probability*, Addison-Wesley (1976).

    Examples
    --------
    >>> import omniscopy as om
    >>> table = om.image.measure_grains(om.samples.grainy_surface(), om.samples.grains())
    >>> table["equivalent_radius"].attrs["units"], int(table["count"])
    ('nm', 12)
    """
    dims = require_image(image, dims)
    if max_grains < 1:
        message = f"max_grains must be at least 1, got {max_grains!r}"
        raise DataError(message)
    numbers = require_grains(grains, image, dims)
    steps = steps_of(image, dims)
    lengths = are_lengths(image, dims)
    scale = require_lengths(image, dims, why="the surface of grains") if lengths else 1.0
    rows = max_grains
    if numbers.chunks is None and image.chunks is None:
        rows = min(max(int(np.nan_to_num(numbers.values.astype(float)).max(initial=0)), 0), rows)
    from omniscopy.image.grains.grain_kernel import COLUMNS

    table, count, status = map_signal(
        _table_of, image, dim=dims, also=[numbers],
        output_dims=[{"column": len(COLUMNS), "grain": rows}, {}, {}],
        dtypes=[np.float64, np.int64, np.uint8],
        parameters={"steps": steps, "scale": scale, "rows": rows},
    )  # fmt: skip
    columns = {name: table.isel(column=number) for number, name in enumerate(COLUMNS)}
    variables = _with_units(columns, image, dims, steps, scale if lengths else None)
    found = result(None, **variables, count=(count, "1"), status=(status, "1"))
    return found.assign_coords(grain=coordinate("grain", np.arange(1, rows + 1), "1"))


_ANGLES = ("orientation", "feret_min_angle", "feret_max_angle")


def _with_units(
    columns: dict[str, xr.DataArray], image: xr.DataArray, dims: Dims,
    steps: tuple[float, float], scale: float | None,
) -> dict[str, tuple[xr.DataArray, str | None]]:  # fmt: skip
    """Return the columns and what follows from them, with units."""
    length, height = units_of(image, dims[0]), image.attrs.get("units")
    area, volume = product((length, 2)), product((height, 1), (length, 2))
    slope, bend = product((height, 1), (length, -1)), product((height, 1), (length, -2))
    kinds = {
        "height": height, "boundary": height, "volume": volume, "slope": slope,
        "curvature": bend, "feret": length, "inscribed": length, "circumscribed": length,
    }  # fmt: skip
    exact: dict[str, str | None] = {
        "pixels": "1", "touches_edge": "1", "area": area, "surface_area": area,
        "perimeter": length, "major_axis": length, "minor_axis": length, "orientation": "deg",
        "feret_min_angle": "deg", "feret_max_angle": "deg",
    }  # fmt: skip
    # The kernel counts rows and columns; the results are along the coordinates, which may fall.
    down, right = directions_of(image, dims)
    columns |= {"slope_y": down * columns["slope_y"], "slope_x": right * columns["slope_x"]}
    if down != right:
        columns |= {name: (180.0 - columns[name]) % 180.0 for name in _ANGLES}
    made: dict[str, tuple[xr.DataArray, str | None]] = {}
    for name, values in columns.items():
        if name in exact:
            made[name] = (values, exact[name])
        elif name.rpartition("_")[2] in ("y", "x") and not name.startswith("slope"):
            axis = "yx".index(name[-1])
            first = float(image[dims[axis]][0])
            step = require_uniform(image, dims[axis])
            made[name] = (first + values * (step / steps[axis]), units_of(image, dims[axis]))
        else:
            made[name] = (values, kinds[name.partition("_")[0]])
    made["equivalent_radius"] = ((columns["area"] / np.pi) ** 0.5, length)
    made["circularity"] = (4 * np.pi * columns["area"] / columns["perimeter"] ** 2, "1")
    made["aspect_ratio"] = (columns["major_axis"] / columns["minor_axis"], "1")
    azimuth: Any = xr.apply_ufunc(
        np.arctan2, columns["slope_y"], columns["slope_x"], dask="allowed"
    )
    made["azimuth"] = (azimuth * (180.0 / np.pi), "deg")
    if scale is None:
        del made["surface_area"]
    else:
        steepest = (columns["slope_y"] ** 2 + columns["slope_x"] ** 2) ** 0.5
        inclination: Any = xr.apply_ufunc(np.arctan, scale * steepest, dask="allowed")
        made["inclination"] = (inclination * (180.0 / np.pi), "deg")
    return made


def _table_of(
    block: np.ndarray, grains: np.ndarray, *, steps: tuple[float, float], scale: float, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns of the grains of each image, how many there are, and the outcome."""
    from omniscopy.image.grains.grain_kernel import COLUMNS

    outer = block.shape[:-2]
    table = np.full((*outer, len(COLUMNS), rows), np.nan)
    count = np.zeros(outer, dtype=np.int64)
    status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
    numbers = np.broadcast_to(grains, block.shape)
    for place in np.ndindex(*outer):
        own = np.where(numbers[place] > 0, numbers[place], 0).astype(np.int32)  # NaN is 0
        present = np.bincount(own.ravel())
        count[place] = np.count_nonzero(present[1:])
        if count[place]:
            status[place] = Status.CONVERGED
            values = np.array(block[place], dtype=np.float64, order="C")
            made = grain_table(values, own, steps, scale, rows)
            table[place] = made.T
    return table, count, status


def grain_table(
    values: np.ndarray, labels: np.ndarray, steps: tuple[float, float], scale: float, rows: int
) -> np.ndarray:
    """Return the columns of `grain_kernel.COLUMNS` for grains 1 to `rows` of one image.

    Parameters
    ----------
    values, labels : array, shape (y, x)
        Heights, and numbers of grains.
    steps : (float, float)
        Distances of rows and of columns.
    scale : float
        Brings heights to the units of the steps.
    rows : int
        How many grains.

    Returns
    -------
    array, shape (rows, columns)
        NaN where there is no such grain.
    """
    from scipy import ndimage

    from omniscopy.image.grains import grain_kernel

    boxes = np.zeros((rows, 4), dtype=np.int64)
    for number, box in enumerate(ndimage.find_objects(labels, max_label=rows)):
        if box is not None:
            boxes[number] = (box[0].start, box[0].stop, box[1].start, box[1].stop)
    base = laplace_surface(values, labels > 0, steps)
    out = np.full((rows, len(grain_kernel.COLUMNS)), np.nan)

    def work(begin: int) -> None:
        end = min(begin + _PART, rows)
        grain_kernel.measure(values, base, labels, boxes, *steps, scale, begin, end, out)

    share_work(work, range(0, rows, _PART))
    return out
