"""Intensities of atomic columns: what of an image belongs to each."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.atoms.neighbourhoods.distances import usual_distance
from omniscopy.atoms.tables import (
    ATOM,
    require_length,
    require_positions,
    with_coordinates,
)
from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_choice,
    require_plane,
    require_real,
    require_uniform,
    require_units,
    result,
    units_of,
)
from omniscopy.model.units import product

Method = Literal["voronoi", "disc"]


@operation(example={"image": "atom_image", "positions": "column_positions"})
def measure_intensities(
    image: xr.DataArray,
    positions: xr.Dataset,
    *,
    method: Method = "voronoi",
    radius: float | None = None,
    background: float = 0.0,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Integrate the intensity of each atomic column.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    positions : Dataset, shape (atom) or (..., atom)
        ``y`` and ``x`` of the columns, in units that those of the image's coordinates convert to.
    method : {"voronoi", "disc"}
        Over the pixels that are nearer to the column than to any other and within `radius`; or
        over all pixels within `radius`, which may count for two columns.
    radius : float, units of the positions
        Otherwise the usual distance of columns for cells, half of it for discs.
    background : float, units of the image
        Taken from each pixel.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., atom)
        ``intensity``, the integral over the area (units of the image times those of both
        coordinates), with ``intensity_std`` for an image of counts; ``mean_intensity`` and
        ``area``; ``touches_edge``, where cell or disc is cut by the edge of the image; ``y`` and
        ``x`` as they are given. NaN with `status` 4 (no data) for columns outside of the image,
        or without a finite pixel.

    Raises
    ------
    DataError
        There are no images or positions, they are in different units, or the radius is not
        above 0.

    Notes
    -----
    A cell is independent of the width of the probe as far as that is the same for all [1]_.
    A pixel counts as a whole. The standard deviation of counts is the root of their sum.

    References
    ----------
    .. [1] H. E et al., *Ultramicroscopy* 133, 109 (2013).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.atoms.measure_intensities(om.samples.atom_image(), om.samples.column_positions())
    >>> found["intensity"].attrs["units"]
    'counts nm^2'
    """
    dims = require_plane(image, dims, kind="spatial")
    require_real(image)
    require_choice("method", method, get_args(Method))
    units = require_positions(positions)
    factors = [_factor(image, dim, units) for dim in dims]
    require_length("radius", radius)
    first = [float(image[dim][0]) * factor for dim, factor in zip(dims, factors, strict=True)]
    steps = [
        require_uniform(image, dim) * factor for dim, factor in zip(dims, factors, strict=True)
    ]
    columns = [("intensity", np.float64), ("intensity_std", np.float64),
               ("mean_intensity", np.float64), ("area", np.float64), ("touches_edge", bool),
               ("status", np.uint8)]  # fmt: skip
    sizes = {ATOM: positions.sizes[ATOM]}
    made = map_signal(
        _integrated, image, dim=dims, also=[positions["y"], positions["x"]], whole=[ATOM],
        output_dims=[sizes] * len(columns), dtypes=[each for _, each in columns],
        parameters={
            "first": first, "steps": steps, "radius": radius, "background": background,
            "shared": method == "disc",
        },
    )  # fmt: skip
    found = dict(zip((name for name, _ in columns), made, strict=True))
    of_values = image.attrs.get("units")
    area = product((units, 2))
    if of_values != "counts":
        del found["intensity_std"]
    stated = {
        "intensity": product((of_values, 1), (units, 2)), "mean_intensity": of_values,
        "intensity_std": product((of_values, 1), (units, 2)), "area": area,
    }  # fmt: skip
    table = result(
        None, y=(positions["y"].drop_vars(ATOM, errors="ignore"), units),
        x=(positions["x"].drop_vars(ATOM, errors="ignore"), units),
        **{name: (values, stated.get(name, "1")) for name, values in found.items()},
    )  # fmt: skip
    return with_coordinates(table, positions)


def _factor(image: xr.DataArray, dim: str, units: str | None) -> float:
    """Return what brings a coordinate of the image to the units of the positions."""
    own = units_of(image, dim)
    if own == units:
        return 1.0
    if units is None or own is None:
        message = f"coordinate {dim!r} is in {own!r} and positions are in {units!r}; state both"
        raise DataError(message)
    return require_units(image.coords[dim], units, what=f"coordinate {dim!r}")


def _integrated(
    block: np.ndarray, y: np.ndarray, x: np.ndarray, *, first: list[float], steps: list[float],
    radius: float | None, background: float, shared: bool,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    outer = np.broadcast_shapes(block.shape[:-2], y.shape[:-1], x.shape[:-1])
    block = np.broadcast_to(block, (*outer, *block.shape[-2:]))
    y, x = (np.broadcast_to(each, (*outer, each.shape[-1])) for each in (y, x))
    made = [np.full(y.shape, np.nan) for _ in range(4)]
    edge, status = np.zeros(y.shape, dtype=bool), np.full(y.shape, Status.NO_DATA, np.uint8)
    area = abs(steps[0] * steps[1])
    for place in np.ndindex(*outer):
        points = np.stack([y[place], x[place]], axis=-1).astype(np.float64)
        rows = np.flatnonzero(np.isfinite(points).all(axis=-1))
        if not len(rows):
            continue
        values = block[place].astype(np.float64)
        atoms, pixels, cut = _owned(points[rows], values.shape, first, steps, radius, shared=shared)
        inside = values.ravel()[pixels]
        finite = np.isfinite(inside)
        atoms, inside = atoms[finite], inside[finite]
        count = np.bincount(atoms, minlength=len(rows)).astype(np.float64)
        total = np.bincount(atoms, inside, len(rows))
        count[count == 0] = np.nan
        net = total - background * count
        for column, numbers in zip(
            made, (net * area, np.sqrt(np.maximum(total, 0)) * area, net / count, count * area),
            strict=True,
        ):  # fmt: skip
            column[place][rows] = np.where(np.isfinite(count), numbers, np.nan)
        edge[place][rows] = cut
        status[place][rows] = np.where(np.isfinite(count), Status.CONVERGED, Status.NO_DATA)
    return (*made, edge, status)


def _owned(
    points: np.ndarray, shape: tuple[int, ...], first: list[float], steps: list[float],
    radius: float | None, *, shared: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return atoms and pixels that belong together, and which atoms reach over the edge."""
    from scipy.spatial import KDTree

    axes = [
        start + step * np.arange(size)
        for start, step, size in zip(first, steps, shape, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    low = np.array([min(axis[0], axis[-1]) for axis in axes]) - np.abs(steps) / 2
    high = np.array([max(axis[0], axis[-1]) for axis in axes]) + np.abs(steps) / 2
    usual = usual_distance(points) if radius is None else radius
    if not np.isfinite(usual):
        usual = float(np.hypot(*(high - low)))
    reach = usual / 2 if shared and radius is None else usual
    out = np.any((points < low) | (points > high), axis=1)
    if shared:
        near = KDTree(grid).query_ball_point(points, reach)
        atoms = np.repeat(np.arange(len(points)), [len(each) for each in near])
        pixels = np.concatenate([np.array(each, dtype=np.int64) for each in near])
        cut = np.any((points - reach < low) | (points + reach > high), axis=1)
    else:
        distance, owner = KDTree(points).query(grid, distance_upper_bound=reach)
        pixels = np.flatnonzero(np.isfinite(distance))
        atoms = owner[pixels]
        row, column = np.divmod(pixels, shape[1])
        border = (row == 0) | (row == shape[0] - 1) | (column == 0) | (column == shape[1] - 1)
        cut = np.bincount(atoms[border], minlength=len(points)) > 0
    kept = np.logical_not(np.asarray(out)[atoms])
    return atoms[kept], pixels[kept], np.asarray(cut)


@operation(example={"positions": "fitted_columns"})
def measure_volumes(positions: xr.Dataset) -> xr.Dataset:
    r"""Calculate the volumes of fitted Gaussian columns.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        Such as `refine_atoms` gives: ``y``, ``x``, ``amplitude``, ``sigma_y`` and ``sigma_x``,
        perhaps with ``_std``; lazy or in memory.

    Returns
    -------
    Dataset, shape (..., atom)
        ``intensity`` :math:`2 \pi A \sigma_y \sigma_x`, with ``intensity_std`` where the three
        have one, in units of the amplitude times those of the widths squared; ``y`` and ``x`` as
        they are given.

    Raises
    ------
    DataError
        A variable is missing.

    Notes
    -----
    The uncertainty is that of three numbers that do not depend on each other. Amplitude and
    widths of one fit do, negatively: it is an upper bound.

    The volume under a column's peak is what its atoms scatter into the detector [1]_.

    References
    ----------
    .. [1] S. Van Aert, J. Verbeeck, R. Erni, S. Bals, M. Luysberg, D. Van Dyck, G. Van Tendeloo,
       *Ultramicroscopy* 109, 1236 (2009).

    Examples
    --------
    >>> import omniscopy as om
    >>> volumes = om.atoms.measure_volumes(om.samples.fitted_columns())
    >>> bool((volumes["intensity"] > 0).all())
    True
    """
    factors = ("amplitude", "sigma_y", "sigma_x")
    units = require_positions(positions, needs=factors)
    amplitude, sigma_y, sigma_x = (positions[name] for name in factors)
    volume = 2 * np.pi * amplitude * sigma_y * sigma_x
    of_volume = product((amplitude.attrs.get("units"), 1), (units, 2))
    made = {"y": (positions["y"], units), "x": (positions["x"], units),
            "intensity": (volume, of_volume)}  # fmt: skip
    if all(f"{name}_std" in positions for name in factors):
        relative = sum((positions[f"{name}_std"] / positions[name]) ** 2 for name in factors)
        made["intensity_std"] = (abs(volume) * relative**0.5, of_volume)
    return with_coordinates(result(None, **made), positions)
