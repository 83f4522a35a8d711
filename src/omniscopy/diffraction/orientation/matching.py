"""Orientations of crystals from their patterns."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_work
from omniscopy.diffraction.dead import without_dead
from omniscopy.diffraction.orientation.matching_kernel import Templates, correlate, to_polar
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_plane,
    require_real,
    require_uniform,
    require_units,
    result,
)

Floats = npt.NDArray[np.float64]
_NEEDED = {"ky", "kx", "intensity", "matrix"}
# Crystals on top of each other at most, and how far around a spot what is there belongs to it:
# 0.36 of the radius within which nothing counts, a quarter of the shortest vector.
_MOST, _BESIDE = 16, 0.36
_TURNED = np.cos(np.deg2rad(5.0))  # directions nearer than that are no other answer


class Grid(NamedTuple):
    """Where a polar grid meets the pixels of a pattern."""

    rows: Floats
    columns: Floats
    origin: tuple[float, float]
    step: float
    """Distance of rings, in units of the coordinates."""
    inner: float | None


@operation(example={"data": "orientation_4d", "library": "pattern_library"})
def match_orientation(  # noqa: PLR0913 - a match, and what it leaves out
    data: xr.DataArray,
    library: xr.Dataset,
    *,
    centre: tuple[float, float] = (0.0, 0.0),
    power: float = 0.3,
    angle_step: float = 1.0,
    inner: float | None = None,
    matches: int = 1,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find the orientation whose spots are brightest in every pattern.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory, on a uniform grid of reciprocal lengths; ky downwards.
    library : Dataset, dimensions orientation and spot
        As of `simulate.pattern_library`: ``ky``, ``kx``, ``intensity`` and ``matrix``.
    centre : (ky, kx), units of the coordinates
        Middle of the patterns.
    power : float
        To which intensities are raised on both sides, so that strong spots do not rule alone.
    angle_step : float, degrees
        Between the turns about the beam that are tried.
    inner : float, units of the coordinates, optional
        What is nearer to the middle is left out; 0.7 of the shortest vector in the library
        otherwise.
    matches : int
        How many crystals that lie on top of each other are looked for in every pattern: each in
        what is left beside the spots of those before it. More than 1 makes a dimension `match`.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``matrix`` (along `row` and `column`), the rotation from the frame of the structure to
        that of the microscope (x to the right, y upwards, z at the source); ``entry`` of the
        library; ``in_plane`` (degrees), by which it is turned about the beam, counterclockwise as
        seen; ``correlation``, which would be 1 for spots as sharp as a pixel and nothing else;
        ``reliability``, by which part the best entry is ahead of the best one more than 5
        degrees away, all along `match` where several are looked for, NaN behind the last one;
        ``status``, 4 (no data) and NaN where a pattern has nothing in it, is the same
        all around, as a saturated one. Pixels that are NaN are left out.

    Raises
    ------
    DataError
        The data have no reciprocal plane of at least 4 x 4 pixels, the units are none of a
        reciprocal length, the library is none, or a number is not positive.

    Notes
    -----
    With :math:`P(k, \varphi)` the pattern in polar coordinates, the largest of
    :math:`\sum_i w_i P(k_i, \varphi_i + \varphi_0) / (\sum_i w_i^2)^{1/2}` over entries and turns
    [1]_, and a parabola through the turns next to it. Directions of the beam are those of entries;
    `match_phases` of one library finds them between the entries, to about a tenth of a degree.

    References
    ----------
    .. [1] E. F. Rauch and L. Dupuy, Arch. Metall. Mater. 50, 87 (2005).

    Examples
    --------
    >>> import omniscopy as om
    >>> patterns = om.samples.orientation_4d()
    >>> found = om.diffraction.match_orientation(patterns, om.samples.pattern_library())
    >>> found.matrix.dims
    ('y', 'x', 'row', 'column')
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=4)
    require_real(data)
    data = without_dead(data, dead, plane)
    require_library(library)
    for name, value, most in (("power", power, 4.0), ("angle_step", angle_step, 30.0)):
        if not 0.0 < value <= most:
            message = f"{name} must be above 0 and at most {most:g}, got {value!r}"
            raise DataError(message)
    if not (isinstance(matches, int | np.integer) and 1 <= matches <= _MOST):
        message = f"matches must be a whole number from 1 to {_MOST}, got {matches!r}"
        raise DataError(message)
    grid = polar_grid(data, plane, centre, angle_step, inner)
    scale = require_units(library["kx"], str(data[plane[1]].attrs.get("units")), what="spots")
    several = {"match": int(matches)} if matches > 1 else {}
    matrix, entry, turn, correlation, ahead = map_signal(
        _match,
        data,
        dim=plane,
        output_dims=({**several, "row": 3, "column": 3}, *4 * (several,)),
        parameters={"grid": grid, "power": power, "scale": scale, "matches": matches},
        also=[library[name] for name in ("ky", "kx", "intensity", "matrix")],
        whole=("orientation", "spot", "row", "column"),
    )
    first = correlation.isel(match=0, drop=True) if several else correlation
    status = first.isnull() * int(Status.NO_DATA)
    axes = np.array(["x", "y", "z"])
    found = result(
        matrix=(matrix, "1"),
        entry=(entry, "1"),
        in_plane=(turn, "deg"),
        correlation=(correlation, "1"),
        reliability=(ahead, "1"),
        status=(status, None),
    ).assign_coords(
        row=coordinate("row", axes, kind="parameter", quantity="axis of the microscope"),
        column=coordinate("column", axes, kind="parameter", quantity="axis of the crystal"),
    )
    if not several:
        return found
    return found.assign_coords(
        match=coordinate("match", np.arange(matches), "1", kind="parameter", quantity="match")
    )


def require_library(library: xr.Dataset) -> None:
    """Raise unless these are spots of orientations."""
    missing = sorted(_NEEDED - {*library.data_vars})
    if missing or set(library["kx"].dims) != {"orientation", "spot"}:
        message = (
            f"the library lacks {', '.join(missing) or 'its dimensions orientation and spot'}; "
            "`simulate.pattern_library` makes one"
        )
        raise DataError(message)
    sizes = dict(library["matrix"].sizes)
    if not library["kx"].size or (sizes.get("row"), sizes.get("column")) != (3, 3):
        message = "the library holds no orientation of spots with a matrix of 3 rows and columns"
        raise DataError(message)


def polar_grid(
    data: xr.DataArray,
    plane: tuple[str, str],
    centre: tuple[float, float],
    angle_step: float,
    inner: float | None,
) -> Grid:
    """Return a polar grid about the centre, its rings a pixel apart, as far as the pattern goes."""
    steps = [require_uniform(data, dim) for dim in plane]
    for dim in plane:
        require_units(data[dim], "1/nm", what=f"coordinate {dim!r}")
    if inner is not None and not inner >= 0.0:
        message = f"inner must be 0 or more, got {inner!r}"
        raise DataError(message)
    values = [data[dim].values for dim in plane]
    radius = min(abs(step) for step in steps)
    reach = max(
        np.hypot(a - centre[0], b - centre[1])
        for a in values[0][[0, -1]]
        for b in values[1][[0, -1]]
    )
    origin = [
        (middle - own[0]) / step
        for middle, own, step in zip(centre, values, steps, strict=True)
    ]  # fmt: skip
    if not all(0 <= place <= len(own) - 1 for place, own in zip(origin, values, strict=True)):
        message = f"the centre {centre} is not on the patterns"
        raise DataError(message)
    count = round(360.0 / angle_step)
    angle = 2.0 * np.pi * np.arange(count) / count
    ring = radius * np.arange(int(reach / radius) + 2)
    return Grid(
        np.outer(ring, np.sin(angle)) / steps[0], np.outer(ring, np.cos(angle)) / steps[1],
        (float(origin[0]), float(origin[1])), float(radius), inner,
    )  # fmt: skip


def templates_of(ky: Floats, kx: Floats, intensity: Floats, grid: Grid, power: float) -> Templates:
    """Return the spots of a library on a polar grid, those of each orientation with a norm of 1."""
    rings, steps = grid.rows.shape
    radius = np.hypot(ky, kx)
    # The coordinate may descend: the grid is in units, so angles are those of the labels.
    angle = np.arctan2(ky, kx)
    inner = nearest_of(radius, grid)
    place = radius / grid.step
    usable = np.isfinite(intensity) & (radius >= inner) & (place < rings - 1)
    # Usable spots first, so that a list ends with its first empty place.
    order = np.argsort(~usable, axis=1, kind="stable")
    usable, place, angle, intensity = (
        np.take_along_axis(each, order, axis=1) for each in (usable, place, angle, intensity)
    )
    most = max(1, int(usable.sum(axis=1).max(initial=1)))
    usable, place, angle, intensity = (
        each[:, :most] for each in (usable, place, angle, intensity)
    )  # fmt: skip
    weight = np.where(usable, intensity, 0.0) ** power
    norm = np.sqrt(np.square(weight).sum(axis=1, keepdims=True))
    weight = weight / np.where(norm > 0.0, norm, 1.0)
    place = np.where(usable, place, 0.0)
    first = np.floor(place)
    share = place - first
    turn = np.round(np.where(usable, angle, 0.0) / (2.0 * np.pi) * steps).astype(np.int64) % steps
    return Templates(
        np.where(usable, first, -1).astype(np.int32), turn.astype(np.int32),
        (weight * (1.0 - share)).astype(np.float32), (weight * share).astype(np.float32),
    )  # fmt: skip


def nearest_of(radius: Floats, grid: Grid) -> float:
    """Return within which distance of the middle nothing counts."""
    if grid.inner is not None:
        return grid.inner
    return 0.7 * float(np.min(radius, initial=grid.step * len(grid.rows), where=radius > 0.0))


def _match(  # noqa: PLR0913, PLR0917 - patterns and a library
    patterns: np.ndarray,
    ky: Floats,
    kx: Floats,
    intensity: Floats,
    matrix: Floats,
    grid: Grid,
    power: float,
    scale: float,
    matches: int,
) -> tuple[np.ndarray, ...]:
    """Return orientation, entry, turn, correlation and reliability of every pattern."""
    templates = templates_of(scale * ky, scale * kx, intensity, grid, power)
    nearest = nearest_of(np.hypot(scale * ky, scale * kx), grid)
    shape = patterns.shape[:-2]
    flat = patterns.reshape(-1, *patterns.shape[-2:])
    found = np.full((len(flat), matches, 4), np.nan)
    turns = np.full((len(flat), matches, 3, 3), np.nan)

    def work(begin: int) -> None:
        polar = polar_of(flat[begin], grid, power, nearest)
        for number in range(matches):
            answer = None if polar is None else match_polar(polar, templates, matrix[:, 2])
            if answer is None or polar is None:
                return
            found[begin, number] = answer
            # Rows are counted downwards and y goes up, so that a turn is the other way round.
            turns[begin, number] = about_z(answer[1]) @ matrix[int(answer[0])]
            if number + 1 < matches:
                _take_off(polar, templates, answer, _BESIDE * nearest / grid.step)

    share_work(work, range(len(flat)), title="Orientations")
    shape = (*shape, matches) if matches > 1 else shape
    columns = (found[..., number].reshape(shape) for number in range(4))
    return (turns.reshape(*shape, 3, 3), *columns)


def match_one(
    pattern: np.ndarray, templates: Templates, ways: Floats, settings: tuple[Grid, float, float]
) -> tuple[float, float, float, float] | None:
    """Return entry, turn (degrees), correlation and reliability of a pattern; None without any."""
    polar = polar_of(pattern, *settings)
    return None if polar is None else match_polar(polar, templates, ways)


def match_polar(
    polar: np.ndarray, templates: Templates, ways: Floats
) -> tuple[float, float, float, float] | None:
    """Return the same of a pattern on the polar grid."""
    count, steps = len(templates.ring), polar.shape[1] // 2
    scores, places = np.empty(count, np.float32), np.empty(count, np.int64)
    best = np.zeros(3, np.float32)
    correlate(polar, *templates, scores, places, best)
    entry = int(scores.argmax())
    if not scores[entry] > 0.0:
        return None
    bend = float(best[0] - 2.0 * best[1] + best[2])
    part = 0.5 * float(best[0] - best[2]) / bend if bend < 0.0 else 0.0
    angle = 360.0 / steps * (places[entry] + part)
    other = scores[ways @ ways[entry] < _TURNED]
    ahead = 1.0 - float(other.max()) / float(scores[entry]) if len(other) else np.nan
    turn = (180.0 - angle) % 360.0 - 180.0
    return entry, turn, float(scores[entry]), ahead


def _take_off(
    polar: np.ndarray, templates: Templates, answer: tuple[float, ...], radius: float
) -> None:  # fmt: skip
    """Leave nothing of a pattern within so many rings of the spots of an orientation."""
    steps = polar.shape[1] // 2
    rings, entry = np.arange(len(polar)), int(answer[0])
    there = templates.ring[entry] >= 0
    middle = templates.ring[entry, there] + np.where(
        templates.outer[entry, there] > templates.inner[entry, there], 1, 0
    )
    # Spots are turned as the pattern is, by the opposite of the answer.
    turn = templates.turn[entry, there] - round(answer[1] / 360.0 * steps)
    for ring, at in zip(middle, turn, strict=True):
        for row in rings[max(0, int(ring - radius)) : int(ring + radius) + 2]:
            room = radius**2 - (row - ring) ** 2
            if room < 0.0 or row == 0:
                continue
            wide = int(np.sqrt(room) / row * steps / (2.0 * np.pi))
            which = (at + np.arange(-wide, wide + 1)) % steps
            polar[row, which] = polar[row, which + steps] = 0.0


def best_entries(
    pattern: np.ndarray, templates: Templates, settings: tuple[Grid, float, float], most: int
) -> list[tuple[int, float]]:  # fmt: skip
    """Return the best entries and their turns in degrees; those far behind the best are none."""
    grid, power, nearest = settings
    polar = polar_of(pattern, grid, power, nearest)
    if polar is None:
        return []
    count, steps = len(templates.ring), polar.shape[1] // 2
    scores, places = np.empty(count, np.float32), np.empty(count, np.int64)
    best = np.zeros(3, np.float32)
    correlate(polar, *templates, scores, places, best)
    order = np.argsort(-scores, kind="stable")[:most]
    if not scores[order[0]] > 0.0:
        return []
    order = order[scores[order] >= 0.7 * scores[order[0]]]
    turns = (180.0 - 360.0 / steps * (places[order] + _part(best, order))) % 360.0 - 180.0
    return [(int(entry), float(turn)) for entry, turn in zip(order, turns, strict=True)]


def _part(best: np.ndarray, order: np.ndarray) -> Floats:
    """Return the part of a step that the best entry is away from its turn, 0 for others."""
    bend = float(best[0] - 2.0 * best[1] + best[2])
    part = 0.5 * float(best[0] - best[2]) / bend if bend < 0.0 else 0.0
    return np.where(np.arange(len(order)) == 0, part, 0.0)


def polar_of(pattern: np.ndarray, grid: Grid, power: float, nearest: float) -> Any:
    """Return a pattern on the polar grid, each ring twice; None where there is nothing in it."""
    image = np.asarray(pattern, np.float64)
    known = np.isfinite(image)
    if not known.any():
        return None
    polar = np.empty((len(grid.rows), 2 * grid.rows.shape[1]), np.float32)
    to_polar(np.where(known, image, 0.0), *grid.origin, grid.rows, grid.columns, polar)
    inside = _inside(grid, image.shape)
    if not known.all():
        # Points next to a pixel that is not known are as if beyond the edge.
        share = np.empty_like(polar)
        to_polar(known.astype(np.float64), *grid.origin, grid.rows, grid.columns, share)
        inside &= share[:, : inside.shape[1]] > 1.0 - 1e-6
        polar[np.tile(~inside, (1, 2))] = 0.0
    polar[: int(np.ceil(nearest / grid.step))] = 0.0
    # What is the same all around, such as what is scattered diffusely, is in no spot; of rings
    # that leave the detector that is what is on it.
    top = float(np.abs(polar).max(initial=0.0))
    whole = inside.all(axis=1)
    polar[whole] -= np.median(polar[whole], axis=1, keepdims=True)
    for ring in np.flatnonzero(~whole & inside.any(axis=1)):
        there = np.tile(inside[ring], 2)
        polar[ring] = np.where(there, polar[ring] - np.median(polar[ring, there]), 0.0)
    polar[np.abs(polar) <= 1e-6 * top] = 0.0
    np.maximum(polar, 0.0, out=polar)
    np.power(polar, np.float32(power), out=polar)
    # In the mean over pixels; a spot is weighed by what it has in the plane.
    radius = np.arange(len(polar))[:, None]
    norm = np.sqrt((np.square(polar[:, : polar.shape[1] // 2]) * radius).sum())
    if not norm > 0.0:
        return None
    polar /= np.float32(norm * np.sqrt(2.0 * np.pi / (polar.shape[1] // 2)))
    return polar


def _inside(grid: Grid, shape: tuple[int, ...]) -> np.ndarray:
    """Return which points of a polar grid are on the pixels of patterns of this shape."""
    row, column = grid.rows + grid.origin[0], grid.columns + grid.origin[1]
    found = (row >= 0) & (row <= shape[0] - 1) & (column >= 0) & (column <= shape[1] - 1)
    return np.asarray(found)


def about_z(turn: float) -> Floats:
    """Return the rotation about z by an angle in degrees."""
    a = np.deg2rad(turn)
    return np.array([[np.cos(a), -np.sin(a), 0.0], [np.sin(a), np.cos(a), 0.0], [0.0, 0.0, 1.0]])
