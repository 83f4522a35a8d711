"""Model shapes of the tips of scanning probes."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, labelled, operation, require_choice

TipShape = Literal["parabola", "sphere", "cone", "pyramid"]


@operation(example={"radius": 20.0, "extent": (60.0, 60.0), "step": (10.0, 10.0)}, lazy=False)
def model_tip(
    shape: TipShape = "parabola",
    *,
    radius: float = 10.0,
    half_angle: float = 20.0,
    sides: int = 4,
    rotation: float = 0.0,
    extent: tuple[float, float] | float = 100.0,
    step: tuple[float, float] | float = 1.0,
    units: str = "nm",
) -> xr.DataArray:
    r"""Model the tip of a scanning probe: heights of its surface, the apex at 0.

    Parameters
    ----------
    shape : {"parabola", "sphere", "cone", "pyramid"}
        A paraboloid; a ball alone; a cone whose apex is a ball that it touches without a kink
        (sharp where the radius is 0); a pyramid, each of whose faces has the profile of such a
        cone.
    radius : float, `units`
        Of the curvature at the apex.
    half_angle : float, degrees
        Between the axis and the side of a cone, or the faces of a pyramid.
    sides : int
        Faces of a pyramid.
    rotation : float, degrees
        Direction that the first face of a pyramid looks to, from +x towards +y (down in the
        image).
    extent : float or (float, float), `units`
        How far the tip is modelled along y and x, from side to side.
    step : float or (float, float), `units`
        Steps along y and x: those of the images that the tip is for.
    units : str
        Of the lengths, those here and those of the result.

    Returns
    -------
    DataArray, shape (y, x), `units`
        Looked at as the surface is, from above: 0 at the apex, which is at y = x = 0 in the
        middle, negative around it, by how much higher the tip is there. An odd number of points
        along both. A ball goes no further down than its equator; beyond it is NaN, which
        touches nothing.

    Raises
    ------
    DataError
        The shape is unknown, a length or an angle is out of range, or a pyramid has fewer than
        3 sides.

    Notes
    -----
    With :math:`\rho` the distance from the axis, :math:`-\rho^2/2R` (parabola),
    :math:`\sqrt{R^2 - \rho^2} - R` (sphere) and, where it leaves the ball,
    :math:`R (1/\sin\alpha - 1) - \rho \cot\alpha` (cone). For a pyramid :math:`\rho` is the
    largest distance along the directions that its faces look to.

    References
    ----------
    .. [1] J. S. Villarrubia, *J. Res. Natl. Inst. Stand. Technol.* 102, 425 (1997).

    Examples
    --------
    >>> import omniscopy as om
    >>> tip = om.image.model_tip("cone", radius=5.0, half_angle=30.0, extent=40.0)
    >>> float(tip.sel(y=0, x=0)), tip.shape
    (0.0, (41, 41))
    """
    require_choice("shape", shape, get_args(TipShape))
    steps, extents = _pair(step), _pair(extent)
    if not all(0 < each < np.inf for each in (*steps, *extents)):
        message = f"step and extent must be positive, got {step!r} and {extent!r}"
        raise DataError(message)
    sharp = shape in ("cone", "pyramid")
    if not radius >= 0 or (radius == 0 and not sharp):
        message = f"radius must be positive (0 for a sharp cone or pyramid), got {radius!r}"
        raise DataError(message)
    if not 0 < half_angle < 90 or sides < 3:
        message = (
            f"half_angle must lie between 0 and 90 degrees and sides be 3 at least, got "
            f"{half_angle!r} and {sides!r}"
        )
        raise DataError(message)
    y, x = (
        each * np.arange(-reach, reach + 1)
        for each, reach in zip(
            steps, (int(e / s / 2 + 1e-9) for e, s in zip(extents, steps, strict=True)), strict=True
        )
    )
    distance = np.hypot(y[:, None], x)
    alpha = np.deg2rad(half_angle)
    if shape == "parabola":
        heights = -(distance**2) / (2.0 * radius)
    elif shape == "cone":
        heights = _blunt(distance, radius, alpha)
    elif shape == "pyramid":
        turns = np.deg2rad(rotation + 360.0 * np.arange(sides) / sides)
        towards = [np.sin(turn) * y[:, None] + np.cos(turn) * x for turn in turns]
        heights = _blunt(np.max(towards, axis=0), radius, alpha)
    else:
        heights = _ball(distance, radius)
    coords = {name: coordinate(name, values, units) for name, values in (("y", y), ("x", x))}
    return labelled(
        xr.DataArray(heights, coords, dims=("y", "x")), units=units, long_name=f"Tip ({shape})",
        quantity="height", signal_type="image",
    )  # fmt: skip


def _pair(value: tuple[float, float] | float) -> tuple[float, float]:
    if isinstance(value, int | float):
        return float(value), float(value)
    first, second = value
    return float(first), float(second)


def _ball(distance: np.ndarray, radius: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.sqrt(radius**2 - distance**2) - radius


def _blunt(distance: np.ndarray, radius: float, alpha: float) -> np.ndarray:
    """Return a ball up to where a side that is inclined by `alpha` to the axis touches it."""
    sides = radius * (1.0 / np.sin(alpha) - 1.0) - distance / np.tan(alpha)
    touching = distance <= radius * np.cos(alpha)
    return np.where(touching, _ball(np.minimum(distance, radius), radius), sides)
