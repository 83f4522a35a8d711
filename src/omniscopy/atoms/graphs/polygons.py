"""Polygons whose corners are atoms: their areas, angles and shapes, and the table of them."""

from collections.abc import Sequence

import numpy as np

from omniscopy.atoms.tables import COUNT, Arrays, Column
from omniscopy.model.units import product


def polygon_columns(dim: str, units: str | None) -> dict[str, Column]:
    """Return what the table of polygons along `dim` holds."""
    along, corners = (dim,), (dim, "corner")
    return {
        "y": Column(units, along), "x": Column(units, along), "size": Column("1", along),
        "area": Column(product((units, 2)), along), "perimeter": Column(units, along),
        "inner_angle_deviation": Column("deg", along), "roundness": Column("1", along),
        "corner_y": Column(units, corners), "corner_x": Column(units, corners),
        "corner_atom": Column("1", corners), "count": COUNT,
    }  # fmt: skip


def measure_polygons(
    points: np.ndarray, rows: np.ndarray, polygons: np.ndarray, sizes: np.ndarray,
    **further: np.ndarray,
) -> Arrays:  # fmt: skip
    """Return the table of polygons, in the order of their centres, with `further` columns.

    Parameters
    ----------
    points, rows : array, shapes (atoms, 2), (atoms,)
        Positions, and the numbers of the atoms.
    polygons : array of int, shape (polygons, corners)
        Corners in order, as rows of `points`; what is after the last does not count.
    sizes : array of int, shape (polygons,)
        How many corners each has.
    """
    if not len(polygons):
        return {}
    inside = np.arange(polygons.shape[1]) < sizes[:, None]
    filled = np.where(inside, polygons, polygons[:, :1])  # the polygon closes on its first corner
    corners = points[filled]
    area, centre = areas_and_centres(corners)
    following = np.roll(corners, -1, axis=1)
    perimeter = np.hypot(*np.moveaxis(following - corners, -1, 0)).sum(axis=1)
    angles = inner_angles(points, polygons, sizes)
    # A deviation from the angle of the regular polygon of as many corners.
    off = np.where(inside, angles - (180.0 - 360.0 / sizes)[:, None], 0.0)
    order = np.lexsort((centre[:, 1], centre[:, 0]))
    with np.errstate(invalid="ignore", divide="ignore"):
        roundness = 4 * np.pi * np.abs(area) / perimeter**2
    missing = np.where(inside, 0.0, np.nan)
    table = {
        "y": centre[:, 0], "x": centre[:, 1], "size": sizes.astype(np.float64),
        "area": np.abs(area), "perimeter": perimeter,
        "inner_angle_deviation": np.sqrt((off**2).sum(axis=1) / sizes), "roundness": roundness,
        "corner_y": corners[..., 0] + missing, "corner_x": corners[..., 1] + missing,
        "corner_atom": rows[filled] + missing, **further,
    }  # fmt: skip
    return {
        **{name: values[order] for name, values in table.items()},
        "count": np.asarray(len(polygons)),
    }


def areas_and_centres(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return signed areas and centroids of polygons (..., corners, 2) that close by themselves.

    The area is positive where the corners go from +x towards +y.
    """
    start = corners[..., :1, :]
    here = corners - start  # from a corner, so that far from the origin nothing is lost
    there = np.roll(here, -1, axis=-2)
    cross = here[..., 1] * there[..., 0] - here[..., 0] * there[..., 1]
    area = cross.sum(axis=-1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = ((here + there) * cross[..., None]).sum(axis=-2) / (6 * area[..., None])
    flat = ~np.isfinite(centre)
    return area, np.where(flat, here.mean(axis=-2), centre) + start[..., 0, :]


def inner_angles(points: np.ndarray, polygons: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the angle inside at each corner in degrees, NaN after the last corner."""
    column = np.arange(polygons.shape[1])
    inside = column < sizes[:, None]
    row = np.arange(len(polygons))[:, None]
    before = polygons[row, (column - 1) % sizes[:, None]]
    after = polygons[row, (column + 1) % sizes[:, None]]
    here = points[polygons]
    arriving, leaving = here - points[before], points[after] - here
    cross = arriving[..., 1] * leaving[..., 0] - arriving[..., 0] * leaving[..., 1]
    turn = np.degrees(np.arctan2(cross, (arriving * leaving).sum(axis=-1)))
    sign = np.sign(np.where(inside, turn, 0.0).sum(axis=1))[:, None]
    return np.where(inside, 180.0 - sign * turn, np.nan)


def padded(polygons: Sequence[np.ndarray], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return polygons of several sizes as one array, and their sizes."""
    sizes = np.array([len(each) for each in polygons], dtype=np.int64)
    table = np.zeros((len(polygons), width), dtype=np.int64)
    for number, each in enumerate(polygons):
        table[number, : len(each)] = each
    return table, sizes
