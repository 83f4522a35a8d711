"""Images as points, and points along a line."""

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, require_choice
from omniscopy.signal.companions import Labelled, change_each, require_labelled
from omniscopy.signal.folding import fold
from omniscopy.signal.positions import place_dims, require_same_places, with_positions


@operation(example={"data": "spectrum_image"})
def to_points(
    data: Labelled, dims: Sequence[str] | None = None, *, mask: xr.DataArray | None = None
) -> Labelled:
    """Take an image apart into points with their positions.

    Parameters
    ----------
    data : DataArray or Dataset, shape (..., y, x)
        Lazy or in memory.
    dims : sequence of str
        The dimensions of the image; its spatial ones otherwise, or else the reciprocal ones.
    mask : DataArray of bool, shape (y, x)
        Which pixels become points, such as those that were scanned: ``data.notnull()``; all
        otherwise. It is computed if it is lazy.

    Returns
    -------
    DataArray or Dataset, shape (..., point), units of `data`
        With the positions as coordinates. `unfold` brings results of the points back to the
        image, `to_grid` to any other.

    Raises
    ------
    DataError
        There are no such dimensions, or the mask does not fit to them.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.surface()
    >>> high = om.signal.to_points(image, mask=image > 4.0)
    >>> high.dims, high["y"].dims
    (('point',), ('point',))
    """
    require_labelled(data)
    if dims is None:
        dims = place_dims(data, "spatial", "reciprocal")
    made = fold(data, list(dims))
    if mask is None:
        return made
    if mask.dtype.kind != "b" or {*mask.dims} != {*dims}:
        message = (
            f"the mask must be of bool along {tuple(dims)}, got {mask.dtype} along "
            f"{tuple(map(str, mask.dims))}"
        )
        raise DataError(message)
    require_same_places(mask, data, dims, "the mask")
    chosen = np.flatnonzero(mask.transpose(*dims).values.ravel())
    return cast("Labelled", made.isel(point=chosen))


@operation(example={"points": "point_cloud", "along": "path"})
def to_line(
    points: Labelled,
    *,
    along: Literal["line", "path"] = "line",
    places: Sequence[str] | None = None,
) -> Labelled:
    r"""Order points by their distance along the line or path on which they were measured.

    Parameters
    ----------
    points : DataArray or Dataset, shape (..., point)
        With the positions of the points along their dimension. Lazy or in memory; the
        positions are needed.
    along : {"line", "path"}
        "line" is the straight line that is nearest to all points, from the end of the first
        point on; "path" goes from point to point in the order that they have.
    places : sequence of str
        Names of the positions; ``("y", "x")`` or ``("ky", "kx")`` otherwise.

    Returns
    -------
    DataArray or Dataset, shape (..., distance), units of `points`
        In the order of the distance, which begins at zero; the steps are those of the points
        (`interpolate` makes them equal). Positions stay as coordinates, with ``deviation``
        from the line. Points without a position are left out.

    Raises
    ------
    DataError
        There are no positions, or their units cannot be compared.

    Notes
    -----
    Along a path :math:`s_i = \sum_{j \le i} |r_j - r_{j-1}|`; on the line through the mean, whose
    direction is the principal axis t of the places, :math:`s_i = (r_i - r_0) \cdot t` from the
    outermost point :math:`r_0` on.

    Examples
    --------
    >>> import omniscopy as om
    >>> line = om.signal.to_line(om.samples.point_cloud(), along="path")
    >>> line.dims, line["distance"].attrs["units"]
    (('distance',), 'nm')
    """
    require_choice("along", along, ("line", "path"))
    points, scatter = with_positions(points, places)
    if "distance" in points.dims or "distance" in points.coords:
        message = "there is a coordinate 'distance' already; rename it with `data.rename`"
        raise DataError(message)
    known = np.flatnonzero(np.isfinite(scatter.positions).all(axis=1))
    if not known.size:
        message = "no point has a position; there is no line"
        raise DataError(message)
    positions = (scatter.positions * scatter.factors())[known]
    units = scatter.attrs[scatter.names[0]].get("units")
    further: dict[str, Any] = {}
    if along == "path":
        steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
        distance, order = np.concatenate([[0.0], np.cumsum(steps)]), np.arange(known.size)
    else:
        distance, deviation = _projected(positions)
        order = np.argsort(distance, kind="stable")
        about = {"units": units} if units else {}
        further["deviation"] = ("distance", deviation[order], about)
    found = coordinate("distance", distance[order], units, kind="spatial", quantity="length")
    line = points.isel({scatter.dim: known[order]}).drop_vars(scatter.dim, errors="ignore")
    line = line.rename({scatter.dim: "distance"}).assign_coords(distance=found, **further)

    def change(values: xr.DataArray, *_: object) -> xr.DataArray:
        return values

    return change_each(cast("Labelled", line), change, dims={"distance"})


def _projected(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far along the nearest straight line positions are, and how far beside it."""
    from_middle = positions - positions.mean(axis=0)
    direction = np.linalg.svd(from_middle, full_matrices=False)[2][0]
    if direction @ (positions[-1] - positions[0]) < 0:
        direction = -direction
    along = from_middle @ direction
    beside = from_middle - along[:, None] * direction
    deviation = np.linalg.norm(beside, axis=1)
    if positions.shape[1] == 2:
        deviation = from_middle @ np.array([direction[1], -direction[0]])
    return along - along.min(), deviation
