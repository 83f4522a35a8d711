"""Images and masks that networks learn from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.atoms.finding.images import factor_to, grid_of
from omniscopy.model import DataError, labelled


def masks_from_positions(
    image: xr.DataArray, positions: xr.Dataset, radius: float, *, kind: str | None = "kind"
) -> xr.DataArray:
    """Draw discs about atoms: what a network should make of an image.

    Parameters
    ----------
    image : DataArray, shape (y, x)
        Whose grid is drawn on.
    positions : Dataset, dimension atom
        ``y`` and ``x``; those with NaN are left out.
    radius : float, units of the coordinates
        Of a disc.
    kind : str, optional
        Variable of the kinds of atoms, from 0 on; otherwise all are of one.

    Returns
    -------
    DataArray, shape (y, x)
        0 for the background, 1 for the first kind, and so on. What is within the radius of two
        atoms belongs to the nearer one.

    Raises
    ------
    DataError
        The image has no two uniform spatial dimensions, or the radius is not above 0.
    """
    from scipy.spatial import cKDTree

    grid = grid_of(image, None, at_least=1)
    if not radius > 0:
        message = f"radius must be above 0, in the units of the coordinates, got {radius!r}"
        raise DataError(message)
    factor = factor_to(positions, grid) if positions.sizes.get("atom", 1) else 1.0
    places = np.stack([factor * positions["y"].values, factor * positions["x"].values], axis=1)
    there = np.isfinite(places).all(axis=1)
    kinds = np.zeros(len(places), np.int64)
    if kind is not None and kind in positions:
        kinds = np.asarray(positions[kind].fillna(0).values, np.int64)
    size = [image.sizes[dim] for dim in grid.dims]
    made = np.zeros(size, np.int64)
    if there.any():
        y, x = (grid.places(np.arange(n), axis) for axis, n in enumerate(size))
        pixels = np.stack(np.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)
        distance, nearest = cKDTree(places[there]).query(pixels, distance_upper_bound=radius)
        near = np.isfinite(distance)
        flat = made.reshape(-1)
        flat[near] = 1 + kinds[there][nearest[near]]
    plane = image.transpose(*grid.dims)
    return labelled(plane.copy(data=made), units="1", long_name="Kind", quantity="label")


def renumber(labels: Any) -> tuple[Any, dict[int, int]]:
    """Return labels numbered from 0 on without gaps, and which number each old one got.

    Parameters
    ----------
    labels : array or DataArray of int
        Their order is kept: the smallest becomes 0.

    Returns
    -------
    (array or DataArray of int, dict of int to int)
        Labels as they were given, renumbered; and the new number of each old one.

    Raises
    ------
    DataError
        Labels are not integers.
    """
    values = _whole(labels)
    old, new = np.unique(values, return_inverse=True)
    return _like(labels, new.reshape(values.shape)), {int(each): n for n, each in enumerate(old)}


def combine(labels: Any, groups: Sequence[Sequence[int]]) -> Any:
    """Return labels in which those of a group are one: 1 for the first group, 0 for the rest.

    Parameters
    ----------
    labels : array or DataArray of int
    groups : sequence of sequences of int
        No label is in two of them.

    Returns
    -------
    array or DataArray of int
        Of the shape of `labels`.

    Raises
    ------
    DataError
        Labels are not integers, or one is in two groups.
    """
    values = _whole(labels)
    listed = [each for group in groups for each in group]
    if len(set(listed)) != len(listed):
        message = f"each label may be in one group, got {[list(group) for group in groups]}"
        raise DataError(message)
    made = np.zeros_like(values)
    for number, group in enumerate(groups, start=1):
        made[np.isin(values, list(group))] = number
    return _like(labels, made)


def random_patches(
    images: np.ndarray | xr.DataArray,
    masks: np.ndarray | xr.DataArray,
    size: int | tuple[int, int],
    *,
    count: int = 100,
    least: Mapping[int, float] | None = None,
    rng: int | np.random.Generator = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut parts out of images and masks at random places.

    Parameters
    ----------
    images, masks : array, shape (images, y, x), or (y, x)
    size : int or (int, int)
        Rows and columns of a part.
    count : int
        How many parts.
    least : mapping of int to float, optional
        Part of the pixels that must have a label; fewer parts are returned if such are too rare.
    rng : int or Generator

    Returns
    -------
    images, masks : array, shape (count, rows, columns)

    Raises
    ------
    DataError
        Images and masks differ in shape, a part does not fit into them, or none has as much of the
        labels as `least` asks for.
    """
    pictures, labels = np.asarray(images), np.asarray(masks)
    pictures, labels = (each[None] if each.ndim == 2 else each for each in (pictures, labels))
    rows, columns = (size, size) if isinstance(size, int) else size
    if pictures.shape != labels.shape or pictures.ndim != 3:
        message = (
            "images and masks must have the same shape (images, y, x), got "
            f"{pictures.shape} and {labels.shape}"
        )
        raise DataError(message)
    if not (1 <= rows <= pictures.shape[1] and 1 <= columns <= pictures.shape[2]) or count < 1:
        message = f"{count} parts of {rows} by {columns} pixels cannot be cut of {pictures.shape}"
        raise DataError(message)
    generator = np.random.default_rng(rng)
    found: list[tuple[int, slice, slice]] = []
    for _ in range(count * (20 if least else 1)):
        number = int(generator.integers(len(pictures)))
        top = int(generator.integers(pictures.shape[1] - rows + 1))
        left = int(generator.integers(pictures.shape[2] - columns + 1))
        place = number, slice(top, top + rows), slice(left, left + columns)
        own = labels[place]
        if all(np.mean(own == label) >= part for label, part in (least or {}).items()):
            found.append(place)
        if len(found) == count:
            break
    if not found:
        message = f"no part of {rows} by {columns} pixels has as much of the labels as {least}"
        raise DataError(message)
    return np.stack([pictures[each] for each in found]), np.stack([labels[each] for each in found])


def _whole(labels: Any) -> np.ndarray:
    values = np.asarray(labels)
    if values.dtype.kind == "b":
        return values.astype(np.int64)
    if values.dtype.kind not in "iu":
        message = f"labels must be integers, got {values.dtype}"
        raise DataError(message)
    return values.astype(np.int64)


def _like(labels: Any, values: np.ndarray) -> Any:
    return labels.copy(data=values) if isinstance(labels, xr.DataArray) else values
