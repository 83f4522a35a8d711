"""Lines and circles in images, by votes of their edges."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.cleaning.filling import filled
from omniscopy.image.topography import directions_of, require_image, steps_of
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_choice,
    require_uniform,
    result,
    units_of,
)

Of = Literal["edges", "bright", "dark"]
_LINES = ("y", "x", "angle", "angle_std", "offset", "offset_std", "length", "coverage")
_CIRCLES = ("y", "x", "radius", "y_std", "x_std", "radius_std", "coverage")
# Gaussians before slopes, in pixels; edges are so much steeper than the median of noise.
_SMOOTH, _STEEP = 1.5, 4.0 / 1.1774
# Votes are counted in cells of so many pixels and degrees; what is nearer belongs to a shape.
_CELL, _DEGREE, _NEAR = 1.0, 0.5, 1.5
_ANGLES = round(180.0 / _DEGREE)


@operation(example={"image": "surface_mask", "min_coverage": 0.1, "max_lines": 4})
def find_lines(
    image: xr.DataArray,
    *,
    of: Of = "edges",
    min_coverage: float = 0.4,
    min_length: float | None = None,
    max_lines: int = 32,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find straight lines in every image by Hough's transform.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; both coordinates in units that convert.
    of : {"edges", "bright", "dark"}
        What makes the lines: edges between two brightnesses, or bright or dark ridges.
    min_coverage : float, 1
        Part of a line across the image that is seen, at least.
    min_length : float, units of y
        Of what is seen, at least; a quarter of the shorter side otherwise.
    max_lines : int
        Only the longest are returned.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., peak)
        The longest first: ``angle`` of the line, from +x towards +y, from 0 to below 180
        degrees, with ``_std``; ``offset``, the distance from the middle of the image along the
        normal (turned by 90 degrees from the line), with ``_std``; ``y`` and ``x``, the
        middle of what is seen of it, its ``length`` and ``coverage``, the part of the line across
        the image. ``count`` before the limit, and ``status``: 4 (no data) without a finite pixel.
        Of a single image in memory as many lines as there are; otherwise `max_lines`.

    Raises
    ------
    DataError
        The image has fewer than 16 pixels along a side, or an option is out of its range.

    Notes
    -----
    Pixels of edges vote for the lines through them whose normal is along their slope within 10
    degrees [1]_. The line with most votes is fitted by orthogonal least squares to the pixels
    near to it, placed by parabolas through the slopes; they are taken away, and the next is
    looked for.

    References
    ----------
    .. [1] R. O. Duda, P. E. Hart, *Commun. ACM* 15, 11 (1972).

    Examples
    --------
    >>> import omniscopy as om
    >>> grating = om.simulate.patterned_surface(kind="gratings", angle=30.0, period=250.0)
    >>> lines = om.image.find_lines(grating)
    >>> round(float(lines["angle"].median()))
    120
    """
    dims = require_image(image, dims, at_least=16)
    # Directions are those of the coordinates, which may fall from row to row.
    falling = [dim for dim, way in zip(dims, directions_of(image, dims), strict=True) if way < 0]
    image = image.isel(dict.fromkeys(falling, slice(None, None, -1)))
    steps = steps_of(image, dims)
    _require(of, min_coverage, max_lines, "max_lines")
    sides = [image.sizes[dim] * step for dim, step in zip(dims, steps, strict=True)]
    least = 0.25 * min(sides) if min_length is None else float(min_length)
    if not least > 0:
        message = f"min_length must be above 0, in the units of {dims[0]!r}, got {min_length!r}"
        raise DataError(message)
    search = _Search(of, steps, min_coverage, max_lines, least=least)
    return _table(search.lines, image, dims, _LINES, max_lines, steps)


@operation(example={"image": "grainy_surface", "radius_range": (30.0, 80.0), "max_circles": 16})
def find_circles(
    image: xr.DataArray,
    radius_range: tuple[float, float],
    *,
    of: Of = "edges",
    min_coverage: float = 0.5,
    max_circles: int = 64,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find circles in every image by Hough's transform.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; both coordinates in units that convert.
    radius_range : (low, high), units of y
        Of the circles.
    of : {"edges", "bright", "dark"}
        What makes the circles: edges between two brightnesses, or bright or dark ridges.
    min_coverage : float, 1
        Part of a circle that is seen, at least.
    max_circles : int
        Only those of the most coverage are returned.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., peak)
        The most complete first: the middle ``y``, ``x`` and the ``radius``, each with ``_std``,
        and ``coverage``, the part of the circle (within the image) that is seen. ``count`` before
        the limit, and ``status``: 4 (no data) without a finite pixel. Of a single image in
        memory as many circles as there are; otherwise `max_circles`.

    Raises
    ------
    DataError
        The image has fewer than 16 pixels along a side, radii are below 3 pixels or beyond the
        image, or an option is out of its range.

    Notes
    -----
    Pixels of edges vote for the middles on both sides along their slope, at all radii [1]_;
    the radius of a middle is that of most edges around it. Circles are fitted to
    the pixels near to them by least squares of their distances; those of one circle are taken
    away before the next is looked for. Smoothing draws edges of a disc inwards by
    :math:`\sigma^2 / 2 r`, which is put right.

    References
    ----------
    .. [1] D. H. Ballard, *Pattern Recognit.* 13, 111 (1981).

    Examples
    --------
    >>> import omniscopy as om
    >>> discs = om.simulate.grainy_surface(kind="discs", count=6, rng=3)
    >>> found = om.image.find_circles(discs, (30.0, 80.0))
    >>> int(found["count"])
    6
    """
    dims = require_image(image, dims, at_least=16)
    steps = steps_of(image, dims)
    _require(of, min_coverage, max_circles, "max_circles")
    low, high = radius_range
    farthest = max(image.sizes[dim] * step for dim, step in zip(dims, steps, strict=True))
    if not 3.0 * max(steps) <= low <= high <= farthest:
        message = (
            f"radius_range {radius_range} must be (low, high), from 3 pixels ({3 * max(steps):g}) "
            f"to the length of the image ({farthest:g})"
        )
        raise DataError(message)
    search = _Search(of, steps, min_coverage, max_circles, radii=(float(low), float(high)))
    return _table(search.circles, image, dims, _CIRCLES, max_circles, steps)


def _require(of: Of, min_coverage: float, most: int, name: str) -> None:
    require_choice("of", of, get_args(Of))
    if not 0.0 < min_coverage <= 1.0:
        message = f"min_coverage must be a part, above 0 and up to 1, got {min_coverage!r}"
        raise DataError(message)
    if most < 1:
        message = f"{name} must be at least 1, got {most!r}"
        raise DataError(message)


def _table(  # noqa: PLR0917
    find: Any, image: xr.DataArray, dims: tuple[str, str], names: tuple[str, ...], most: int,
    steps: tuple[float, float],
) -> xr.Dataset:  # fmt: skip
    """Return what is found in every image, with places as coordinates."""

    def run(block: np.ndarray) -> tuple[np.ndarray, ...]:
        outer = block.shape[:-2]
        columns = np.full((len(names), *outer, most), np.nan)
        count, status = np.zeros(outer, np.int64), np.zeros(outer, np.uint8)
        for place in np.ndindex(*outer):
            values = np.array(block[place], dtype=np.float64)
            used = np.isfinite(values)
            if not used.any():
                status[place] = Status.NO_DATA
                continue
            rows = find(filled(values, used), used)
            count[place] = len(rows)
            columns[(slice(None), *place, slice(min(most, len(rows))))] = rows[:most].T
        return (*columns, count, status)

    made = map_signal(
        run, image, dim=dims, output_dims=[{"peak": most}] * len(names) + [{}, {}],
        dtypes=[np.float64] * len(names) + [np.int64, np.uint8],
    )  # fmt: skip
    columns = dict(zip((*names, "count", "status"), made, strict=True))
    units = units_of(image, dims[0])
    per_row = {"angle": "deg", "angle_std": "deg", "coverage": "1", "count": "1", "status": "1"}
    variables: dict[str, tuple[Any, str | None]] = {}
    for name, column in columns.items():
        variables[name] = (column, per_row.get(name, units))
    for dim, name, step in zip(dims, ("y", "x"), steps, strict=True):
        own = require_uniform(image, dim)
        place = float(image[dim][0]) + own / step * columns[name]
        variables.pop(name)
        variables[dim] = (place, units_of(image, dim))
        if f"{name}_std" in variables:
            variables.pop(f"{name}_std")
            variables[f"{dim}_std"] = (abs(own) / step * columns[f"{name}_std"],
                                       units_of(image, dim))  # fmt: skip
    found = result(None, **variables)
    found = found.assign_coords(peak=coordinate("peak", np.arange(most), "1"))
    single = image.ndim == 2 and image.chunks is None
    return found.isel(peak=slice(min(int(found["count"]), most))) if single else found


@dataclass(frozen=True)
class _Edges:
    """Points (y, x) of edges, in the units of y, and the angle of what crosses them."""

    places: np.ndarray
    normal: np.ndarray

    def without(self, taken: np.ndarray) -> "_Edges":
        """Return the points that are not taken."""
        return _Edges(self.places[~taken], self.normal[~taken])


@dataclass(frozen=True)
class _Search:
    """What is looked for; lengths are in the units of y."""

    of: Of
    steps: tuple[float, float]
    min_coverage: float
    most: int
    least: float = 0.0
    radii: tuple[float, float] = (0.0, 0.0)

    @property
    def pixel(self) -> float:
        """Return the longer distance of two pixels."""
        return max(self.steps)

    def edges(self, values: np.ndarray, used: np.ndarray) -> _Edges:
        """Return the points of edges, or of ridges, between pixels."""
        from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates

        def slope(of: np.ndarray, order: tuple[int, int]) -> np.ndarray:
            wide = [_SMOOTH * self.pixel / step for step in self.steps]
            per = self.steps[0] ** order[0] * self.steps[1] ** order[1]
            return np.asarray(gaussian_filter(of, wide, order=order, mode="nearest") / per)

        if self.of == "edges":
            y, x = slope(values, (1, 0)), slope(values, (0, 1))
            strength, angle = np.hypot(y, x), np.arctan2(y, x)
        else:
            sign = 1.0 if self.of == "bright" else -1.0
            yy, xx, yx = (slope(sign * values, order) for order in ((2, 0), (0, 2), (1, 1)))
            angle = 0.5 * np.arctan2(2.0 * yx, xx - yy)
            c, s = np.cos(angle), np.sin(angle)
            bends = np.stack([
                -(c * c * xx + s * s * yy + 2 * c * s * yx),
                -(s * s * xx + c * c * yy - 2 * c * s * yx),
            ])  # fmt: skip
            across = bends.argmax(axis=0)
            angle, strength = angle + 0.5 * np.pi * across, np.maximum(bends.max(axis=0), 0.0)
        inside = binary_erosion(used, iterations=3, border_value=1)
        rows, columns = np.indices(values.shape).astype(np.float64)
        along = np.stack([np.sin(angle) * self.pixel / self.steps[0],
                          np.cos(angle) * self.pixel / self.steps[1]])  # fmt: skip
        beside = [
            map_coordinates(strength, [rows + n * along[0], columns + n * along[1]], order=1,
                            mode="nearest")
            for n in (-1, 1)
        ]  # fmt: skip
        quiet = strength[inside] if inside.any() else strength
        floor = max(_STEEP * float(np.median(quiet)), 0.1 * float(quiet.max(initial=0.0)), 1e-300)
        top = inside & (strength > floor) & (strength >= beside[0]) & (strength > beside[1])
        bend = beside[0] - 2.0 * strength + beside[1]
        shift = np.where(bend < 0, 0.5 * (beside[0] - beside[1]) / np.where(bend < 0, bend, -1), 0)
        shift = np.clip(shift, -0.6, 0.6)
        places = np.stack([rows + shift * along[0], columns + shift * along[1]], axis=-1)[top]
        return _Edges(places * self.steps, angle[top])

    def lines(self, values: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Return a row of columns for each line, the longest first."""
        edges = self.edges(values, used)
        middle = 0.5 * (np.array(values.shape) - 1.0) * self.steps
        corner = float(np.hypot(*middle)) + self.pixel
        votes = self.votes(edges, middle, corner)
        rows = []
        for _ in range(4 * self.most):
            found = self.next_line(edges, votes, middle, corner)
            if found is None:
                break
            row, taken = found
            edges, votes = edges.without(taken), votes[~taken]
            if row is not None:
                rows.append(row)
        table = np.array(rows).reshape(-1, len(_LINES))
        return table[np.argsort(-table[:, _LINES.index("length")], kind="stable")]

    def votes(self, edges: _Edges, middle: np.ndarray, corner: float) -> np.ndarray:
        """Return the cells of offset and angle that each edge votes for."""
        at, cell = edges.places - middle, _CELL * self.pixel
        turns = np.deg2rad(np.arange(-10.0, 10.0 + _DEGREE, _DEGREE))
        theta = edges.normal[:, None] + turns
        rho = at[:, :1] * np.sin(theta) + at[:, 1:] * np.cos(theta)
        # A line is the same with its normal the other way round.
        turned = np.floor(theta / np.pi)
        theta, rho = theta - turned * np.pi, np.where(turned % 2 == 0, rho, -rho)
        offsets, angles = np.rint((rho + corner) / cell), np.rint(np.rad2deg(theta) / _DEGREE)
        return np.asarray(offsets.astype(int) * _ANGLES + angles.astype(int) % _ANGLES)

    def next_line(
        self, edges: _Edges, votes: np.ndarray, middle: np.ndarray, corner: float
    ) -> tuple[np.ndarray | None, np.ndarray] | None:
        """Return the line of most votes and which edges make it; `None` if there is none."""
        if len(edges.places) * self.pixel < self.least:
            return None
        at, cell = edges.places - middle, _CELL * self.pixel
        best = int(np.bincount(votes.ravel()).argmax())
        angle = np.deg2rad(best % _ANGLES * _DEGREE)
        offset = best // _ANGLES * cell - corner
        near = np.zeros(len(at), dtype=bool)
        spread = 0.0
        for width in (3.0 * _NEAR, 2.0 * _NEAR, _NEAR, _NEAR):
            normal = np.array([np.sin(angle), np.cos(angle)])
            tilt = np.abs(np.sin(edges.normal - angle))
            near = (np.abs(at @ normal - offset) < width * self.pixel) & (tilt < 0.3)
            if near.sum() < 5:
                # No line: its cell votes no more.
                taken = (votes == best).any(axis=1)
                return None, taken if taken.any() else np.ones(len(at), dtype=bool)
            centre = at[near].mean(axis=0)
            axes = np.linalg.eigh(np.cov((at[near] - centre).T, bias=True))
            spread, normal = float(max(axes[0][0], 0.0)), axes[1][:, 0]
            angle = float(np.arctan2(normal[0], normal[1])) % np.pi
            normal = np.array([np.sin(angle), np.cos(angle)])
            offset = float(centre @ normal)
        return self.line_of(at[near], angle, offset, spread, middle), near

    def line_of(
        self, at: np.ndarray, angle: float, offset: float, spread: float, middle: np.ndarray
    ) -> np.ndarray | None:
        """Return the columns of a line; `None` where too little of it is seen."""
        normal = np.array([np.sin(angle), np.cos(angle)])
        along = np.array([normal[1], -normal[0]])
        run = at @ along
        cells = np.unique(np.floor(run / self.pixel))
        length = len(cells) * self.pixel
        ends = _across(middle, normal * offset, along)
        whole = max(ends, self.pixel)
        if length < self.least or length < self.min_coverage * whole:
            return None
        # Smoothed slopes are alike over their width: so many points are one.
        free = max(len(at) * self.pixel / (2.0 * np.sqrt(np.pi) * _SMOOTH * self.pixel), 3.0)
        place = float(np.sqrt(spread / (free - 2.0 + 1e-9))) if free > 2.5 else np.sqrt(spread)
        lever = float(run.std())
        angle_std = place / max(lever, self.pixel)
        offset_std = float(np.hypot(place, angle_std * run.mean()))
        at_middle = normal * offset + along * 0.5 * (run.min() + run.max()) + middle
        # The line is at right angles to its normal.
        direction = (np.rad2deg(angle) + 90.0) % 180.0
        turned = np.deg2rad(direction + 90.0)
        sign = np.sign(normal @ np.array([np.sin(turned), np.cos(turned)]))
        return np.array([
            *at_middle, direction, np.rad2deg(angle_std), sign * offset, offset_std, length,
            min(length / whole, 1.0),
        ])  # fmt: skip

    def circles(self, values: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Return a row of columns for each circle, the most complete first."""
        edges = self.edges(values, used)
        rows: list[np.ndarray] = []
        misses = 0
        while len(edges.places) >= 8 and len(rows) < self.most and misses < 4:
            row, taken = self.next_circle(edges, values.shape)
            edges = edges.without(taken)
            if row is None:
                misses += 1
            else:
                rows.append(row)
                misses = 0
        table = np.array(rows).reshape(-1, len(_CIRCLES))
        return table[np.argsort(-table[:, _CIRCLES.index("coverage")], kind="stable")]

    def next_circle(  # noqa: PLR0915 - votes, the radius, the fit
        self, edges: _Edges, shape: tuple[int, ...]
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """Return the circle of most votes, `None` if it is none, and which edges it takes."""
        from scipy.ndimage import gaussian_filter

        low, high = self.radii
        cell = _CELL * self.pixel
        radii = np.arange(low, high + 0.5 * cell, cell)
        way = np.stack([np.sin(edges.normal), np.cos(edges.normal)], axis=-1)
        margin = int(np.ceil(high / cell))
        size = [int(np.ceil(n * step / cell)) + 2 * margin + 1
                for n, step in zip(shape, self.steps, strict=True)]  # fmt: skip
        votes = np.zeros(size[0] * size[1])
        for side in (-1.0, 1.0):
            middles = edges.places[:, None] + side * radii[:, None] * way[:, None]
            at = np.rint(middles / cell).astype(int) + margin
            votes += np.bincount(
                (at[..., 0] * size[1] + at[..., 1]).ravel(), np.tile(1.0 / radii, len(at)),
                minlength=votes.size,
            )  # fmt: skip
        best = int(gaussian_filter(votes.reshape(size), 1.0).argmax())
        centre = (np.array(divmod(best, size[1])) - margin) * cell
        reach = np.hypot(*(edges.places - centre).T)
        numbers, bins = np.histogram(reach, np.append(radii - 0.5 * cell, high + 2.0 * cell))
        crowd = (numbers[:-1] + numbers[1:]) / (bins[:-2] + 2.0 * cell)
        if not crowd.max(initial=0.0) > 0:
            return None, np.ones(len(reach), dtype=bool)
        radius = float(bins[int(crowd.argmax()) + 1])
        near = np.zeros(len(reach), dtype=bool)
        normal = np.eye(3)
        for width in (3.0 * _NEAR, 2.0 * _NEAR, _NEAR, _NEAR):
            away = edges.places - centre
            reach = np.hypot(*away.T)
            facing = np.abs((away * way).sum(axis=1)) > 0.9 * reach
            near = (np.abs(reach - radius) < width * self.pixel) & facing
            if near.sum() < 8:
                return None, near | (np.abs(reach - radius) < 3.0 * _NEAR * self.pixel)
            out = away[near] / reach[near, None]
            design = np.column_stack([out, np.ones(len(out))])
            normal = design.T @ design
            step = np.linalg.lstsq(design, reach[near] - radius, rcond=None)[0]
            centre, radius = centre + step[:2], radius + float(step[2])
        away = edges.places[near] - centre
        coverage = self.coverage(away, centre, radius, shape)
        wide = near | (np.abs(np.hypot(*(edges.places - centre).T) - radius) < 2 * _NEAR * cell)
        inside = low - cell <= radius <= high + cell
        if coverage < self.min_coverage or not inside:
            return None, wide
        left = np.hypot(*away.T) - radius
        alike = 2.0 * np.sqrt(np.pi) * _SMOOTH
        variance = float(left @ left) / max(len(left) / alike - 3.0, 1.0) * np.linalg.pinv(normal)
        spread = np.sqrt(np.diag(variance))
        # Slopes of a smoothed disc are highest nearer to its middle than its edge, as ridges are.
        radius += (_SMOOTH * self.pixel) ** 2 / (2.0 * radius)
        return np.array([*centre, radius, *spread, coverage]), wide

    def coverage(
        self, away: np.ndarray, centre: np.ndarray, radius: float, shape: tuple[int, ...]
    ) -> float:
        """Return which part of a circle within the image is seen."""
        count = max(int(np.pi * radius / self.pixel), 12)
        turn = 2.0 * np.pi / count
        seen = np.zeros(count, dtype=bool)
        seen[np.floor(np.arctan2(away[:, 0], away[:, 1]) / turn).astype(int) % count] = True
        angle = turn * (np.arange(count) + 0.5)
        places = centre + radius * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
        last = (np.array(shape) - 1.0) * self.steps
        within = ((places >= 0) & (places <= last)).all(axis=1)
        return float((seen & within).sum() / count) if within.any() else 0.0


def _across(middle: np.ndarray, foot: np.ndarray, along: np.ndarray) -> float:
    """Return the length of a line within a rectangle of half the sides `middle`."""
    low, high = -np.inf, np.inf
    for half, start, way in zip(middle, foot, along, strict=True):
        if abs(way) < 1e-12:
            if abs(start) > half:
                return 0.0
            continue
        ends = sorted(((-half - start) / way, (half - start) / way))
        low, high = max(low, ends[0]), min(high, ends[1])
    return max(float(high - low), 0.0)
