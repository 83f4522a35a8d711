"""Patterns over the distance from their middle and the direction, also from an ellipse."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.diffraction.dead import without_dead
from omniscopy.diffraction.detectors import Centre
from omniscopy.diffraction.discs.templates import require_grid
from omniscopy.diffraction.reductions.reading import places_of
from omniscopy.model import (
    DataError,
    coordinate,
    kind_of_dim,
    labelled,
    operation,
    require_uniform,
    signal_type_of,
    units_of,
)


@operation(example={"data": "nanobeam_4d", "angle_step": 6.0, "centre": (0.15, -0.25)})
def transform_polar(  # noqa: PLR0913 - a grid, its middle, and what is known
    data: xr.DataArray,
    *,
    centre: Centre = "auto",
    centres: xr.Dataset | None = None,
    distortion: xr.Dataset | None = None,
    radius_step: float | None = None,
    angle_step: float = 2.0,
    outer: float | None = None,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Transform every pattern to polar coordinates around its middle.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory, on a uniform grid.
    centre : (ky, kx) or "auto", units of the coordinates
        The middle; "auto" for that of the disc in the mean pattern.
    centres : Dataset, shape (y, x) or less
        Where it is at each position, when the centre is "auto": ``ky`` and ``kx``, or ``com_y``
        and ``com_x``.
    distortion : Dataset
        What `image.measure_distortion` found on a ring: rings of such a shape become straight.
    radius_step : float, units of the coordinates
        A pixel otherwise.
    angle_step : float, degrees
        A whole number of them makes a turn.
    outer : float, units of the coordinates
        The largest radius; half of the longer side of the patterns otherwise.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray, shape (..., k, angle), units of `data`
        ``angle`` in degrees from +kx towards +ky. Linear between pixels; NaN beyond the edge
        and beside missing pixels.

    Raises
    ------
    DataError
        The coordinates are not uniform or have different units, a step is not above 0 or does
        not part a turn, or `distortion` is none.

    Notes
    -----
    :math:`P(k, \vartheta) = I(c_y + k s \sin\vartheta,\; c_x + k s \cos\vartheta)` about the middle
    c, with :math:`s = 1 + \sum_n (a_n \cos n\vartheta + b_n \sin n\vartheta)` of a distortion.

    Examples
    --------
    >>> import omniscopy as om
    >>> polar = om.diffraction.transform_polar(om.samples.nanobeam_4d(), angle_step=6.0)
    >>> polar.dims
    ('y', 'x', 'k', 'angle')
    """
    dims, steps = require_grid(data, dims, at_least=2)
    data = without_dead(data, dead, dims)
    step = min(steps) if radius_step is None else float(radius_step)
    most = max(data.sizes[dim] * size for dim, size in zip(dims, steps, strict=True)) / 2
    reach = most if outer is None else float(outer)
    turns = 360.0 / angle_step if angle_step > 0 else 0.5
    if not 0 < step <= reach < np.inf:
        message = f"radius_step {step} and outer {reach} must be above 0, the first not larger"
        raise DataError(message)
    if abs(turns - round(turns)) > 1e-6 * turns or round(turns) < 1:
        message = f"angle_step must be above 0 and part a turn evenly, got {angle_step!r} degrees"
        raise DataError(message)
    radii = step * np.arange(int(reach / step + 1e-9) + 1)
    angles = angle_step * np.arange(round(turns))
    scale = np.ones(len(angles))
    if distortion is not None:
        if not {"cosine", "sine", "order"} <= {*distortion.variables}:
            message = "distortion must be what `image.measure_distortion` returned"
            raise DataError(message)
        order = np.atleast_1d(distortion["order"].values)[:, None] * np.radians(angles)
        parts = [np.atleast_1d(distortion[name].squeeze().values) for name in ("cosine", "sine")]
        scale = 1 + parts[0] @ np.cos(order) + parts[1] @ np.sin(order)
    places = places_of(data, dims, centres=centres)
    middle = (
        places.auto if centre == "auto" else tuple(xr.DataArray(float(each)) for each in centre)
    )
    sampler = _Sampler(
        tuple(float(data[dim][0]) for dim in dims),
        tuple(require_uniform(data, dim) for dim in dims),
        (data.sizes[dims[0]], data.sizes[dims[1]]), radii, np.radians(angles), scale,
    )  # fmt: skip
    also = [each.drop_vars(list(each.coords)) for each in middle]
    (made,) = map_signal(
        sampler.run, data, dim=dims, also=also,
        output_dims=[{"k": len(radii), "angle": len(angles)}],
    )  # fmt: skip
    made = made.assign_coords(
        k=coordinate(
            "k", radii, units_of(data, dims[0]), quantity="reciprocal length", kind="reciprocal"
        ),
        angle=coordinate("angle", angles, "deg", kind="parameter", quantity="angle"),
    )
    return labelled(
        made, units=data.attrs.get("units"), quantity=data.attrs.get("quantity", "intensity"),
        long_name="Patterns in polar coordinates",
        signal_type=signal_type_of([kind_of_dim(made, dim) for dim in made.dims]),
    )  # fmt: skip


@dataclass(frozen=True)
class _Sampler:
    """Where patterns are sampled, and the grid that they are on."""

    first: tuple[float, ...]
    own: tuple[float, ...]
    shape: tuple[int, int]
    radii: np.ndarray
    angles: np.ndarray
    scale: np.ndarray

    def run(self, block: np.ndarray, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Return the patterns of a block in polar coordinates."""
        outer = block.shape[:-2]
        middle = np.stack(
            [
                np.broadcast_to(each.reshape((1,) * (len(outer) - each.ndim) + each.shape), outer)
                for each in (ky, kx)
            ],
            -1,
        ).reshape(-1, 2)
        patterns = block.reshape(-1, self.shape[0] * self.shape[1])
        made = np.full((len(patterns), len(self.radii) * len(self.angles)), np.nan)
        known, which = np.unique(middle, axis=0, return_inverse=True)
        for number, at in enumerate(known):
            if not np.isfinite(at).all():
                continue
            mine = np.flatnonzero(which.ravel() == number)
            made[mine] = self.sampled(patterns[mine], at)
        return made.reshape(*outer, len(self.radii), len(self.angles))

    def sampled(self, patterns: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return patterns, shape (patterns, pixels), sampled around one middle."""
        from scipy import sparse

        away = self.radii[:, None] * self.scale
        rows = ((at[0] + away * np.sin(self.angles) - self.first[0]) / self.own[0]).ravel()
        columns = ((at[1] + away * np.cos(self.angles) - self.first[1]) / self.own[1]).ravel()
        inside = (rows >= 0) & (rows <= self.shape[0] - 1) & (columns >= 0)
        inside &= columns <= self.shape[1] - 1
        i = np.clip(np.floor(rows).astype(int), 0, max(self.shape[0] - 2, 0))
        j = np.clip(np.floor(columns).astype(int), 0, max(self.shape[1] - 2, 0))
        y, x = rows - i, columns - j
        number = np.arange(len(rows))
        corners = (
            (0, 0, (1 - y) * (1 - x)),
            (1, 0, y * (1 - x)),
            (0, 1, (1 - y) * x),
            (1, 1, y * x),
        )
        pixels = [(i + down) * self.shape[1] + j + right for down, right, _ in corners]
        weights = np.concatenate([np.where(inside, part, 0.0) for *_, part in corners])
        matrix = sparse.csr_matrix(
            (weights, (np.tile(number, 4), np.concatenate(pixels))),
            shape=(len(rows), self.shape[0] * self.shape[1]),
        )
        matrix.eliminate_zeros()
        values = patterns.T.astype(np.float64)
        finite = np.isfinite(values)
        made = matrix @ np.where(finite, values, 0.0)
        if not finite.all():
            made[(matrix @ (~finite).astype(np.float64)) > 1e-9] = np.nan
        made[~inside] = np.nan
        return np.asarray(made.T)
