"""Images over the distance from a centre and the direction."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.geometry.planes import pixel_of, require_any_plane, sampled
from omniscopy.image.topography import (
    directions_of,
    like,
    require_positive_length,
    steps_of,
)
from omniscopy.model import (
    DataError,
    coordinate,
    kind_of_dim,
    operation,
    units_of,
)

# No image has more in it.
_MOST_POINTS = 2.0**28


@operation(example={"image": "surface", "angle_step": 5.0})
def polar(
    image: xr.DataArray,
    centre: tuple[float, float] | None = None,
    *,
    radius_step: float | None = None,
    angle_step: float = 1.0,
    max_radius: float | None = None,
    order: int = 1,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Transform every image to polar coordinates around a centre.

    Parameters
    ----------
    image : DataArray, shape (..., y, x) or (..., ky, kx), any units
        Lazy or in memory, on a uniform grid.
    centre : (y, x), units of the coordinates
        The middle of the image otherwise.
    radius_step : float, units of the coordinates
        A pixel otherwise.
    angle_step : float, degrees
        Of directions, from 0 to 360; a whole number of them makes a turn.
    max_radius : float, units of the coordinates
        That of the farthest corner otherwise.
    order : int
        Of the splines between pixels: 1 linear, 3 cubic.
    dims : (str, str)
        The dimensions of the images; the last two spatial, or reciprocal, ones otherwise.

    Returns
    -------
    DataArray, shape (..., radius, angle), units of `image`
        ``angle`` is in degrees from +x towards +y. NaN outside of the image
        and beside missing pixels.

    Raises
    ------
    DataError
        A step or `max_radius` is not above 0, a turn is no whole number of steps, or y and x are
        not in units that convert.

    Notes
    -----
    :math:`P(r, \vartheta) = I(c_y + r \sin\vartheta,\; c_x + r \cos\vartheta)` about the centre
    c.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.polar(om.samples.surface(), angle_step=5.0).sizes["angle"]
    72
    """
    dims = require_any_plane(image, dims)
    steps = steps_of(image, dims)
    step = require_positive_length(
        "radius_step", min(steps) if radius_step is None else radius_step
    )
    turns = 360.0 / angle_step if angle_step > 0 else 0.5
    if abs(turns - round(turns)) > 1e-6 * turns or round(turns) < 1:
        message = f"angle_step must be above 0 and part a turn evenly, got {angle_step!r} degrees"
        raise DataError(message)
    if order not in range(6):
        message = f"order must be 0 to 5, got {order!r}"
        raise DataError(message)
    sizes = np.array([image.sizes[dim] for dim in dims])
    at = (sizes - 1) / 2 if centre is None else np.array(pixel_of(image, dims, centre))
    far = np.maximum(np.abs(at), np.abs(sizes - 1 - at)) * steps
    reach = float(np.hypot(*far)) if max_radius is None else max_radius
    reach = require_positive_length("max_radius", reach)
    points = (reach / step + 1.0) * turns
    if points > _MOST_POINTS:
        message = (
            f"radius_step {step:g} and angle_step {angle_step:g} degrees make {points:.3g} points; "
            f"at most {_MOST_POINTS:.3g} are made. Pixels are {min(steps):g} apart"
        )
        raise DataError(message)
    radii = step * np.arange(int(reach / step + 1e-9) + 1)
    angles = angle_step * np.arange(round(turns))
    turn = np.radians(angles)
    # Directions are those of the coordinates, which may fall from row to row.
    down, right = np.array(steps) * directions_of(image, dims)
    pixels = np.stack([
        at[0] + radii[:, None] * np.sin(turn) / down,
        at[1] + radii[:, None] * np.cos(turn) / right,
    ])  # fmt: skip
    (made,) = map_signal(
        _sampled, image, dim=dims, output_dims=[{"radius": len(radii), "angle": len(angles)}],
        parameters={"pixels": pixels, "order": order},
    )  # fmt: skip
    kind = kind_of_dim(image, dims[0]) or "spatial"
    quantity = "reciprocal length" if kind == "reciprocal" else "length"
    made = made.assign_coords(
        radius=coordinate("radius", radii, units_of(image, dims[0]), kind=kind, quantity=quantity),
        angle=coordinate("angle", angles, "deg", kind="parameter", quantity="angle"),
    )
    made = like(made, image)
    made.attrs.pop("signal_type", None)
    return made


def _sampled(block: np.ndarray, *, pixels: np.ndarray, order: int) -> np.ndarray:
    outer = block.shape[:-2]
    made = np.empty((*outer, *pixels.shape[1:]))
    for place in np.ndindex(*outer):
        made[place] = sampled(np.asarray(block[place], dtype=np.float64), pixels, order)
    return made
