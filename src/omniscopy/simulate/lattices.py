"""Positions of atoms in crystals of the plane, as they are and as they are measured."""

from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, require_choice, result
from omniscopy.simulate.images import lattice_points
from omniscopy.simulate.measurements import Random, require_positive

Structure = Literal["square", "hexagonal", "honeycomb", "perovskite", "dumbbell"]
# Lattice vectors (y, x) and atoms of a cell (fractions along a and b, brightness), in units of
# the spacing.
_ROOT = float(np.sqrt(3.0))
_CELLS: dict[str, tuple[Any, Any, Any]] = {
    "square": ((0.0, 1.0), (1.0, 0.0), ((0.0, 0.0, 1.0),)),
    "hexagonal": ((0.0, 1.0), (_ROOT / 2, 0.5), ((0.0, 0.0, 1.0),)),
    "honeycomb": ((0.0, _ROOT), (1.5, _ROOT / 2), ((0.0, 0.0, 1.0), (1 / 3, 1 / 3, 1.0))),
    "perovskite": ((0.0, 1.0), (1.0, 0.0), ((0.0, 0.0, 1.0), (0.5, 0.5, 0.5))),
    # Silicon along [110]: pairs a quarter of the cell apart along its long side.
    "dumbbell": (
        (0.0, 1 / np.sqrt(2.0)), (1.0, 0.0),
        ((0.0, 0.0, 1.0), (0.0, 0.25, 0.8), (0.5, 0.5, 1.0), (0.5, 0.75, 0.8)),
    ),
}  # fmt: skip


@operation(example={"structure": "hexagonal", "extent": (2.0, 2.0)}, lazy=False)
def atom_positions(  # noqa: PLR0913 - each is a physical parameter
    structure: Structure = "perovskite",
    *,
    spacing: float = 0.4,
    extent: tuple[float, float] = (4.0, 4.8),
    displacement: tuple[float, float] = (0.0, 0.0),
    strain: tuple[float, float, float] = (0.0, 0.0, 0.0),
    rotation: float = 0.0,
    vacancies: int = 0,
    interstitials: int = 0,
    only: int | None = None,
    noise: float = 0.0,
    rng: Random = 0,
) -> xr.Dataset:
    """Simulate the measured positions of the atoms of a crystal.

    Parameters
    ----------
    structure : {"square", "hexagonal", "honeycomb", "perovskite", "dumbbell"}
        Honeycombs have two atoms a cell, perovskites a second kind in the middle of the cells,
        dumbbells those of silicon along [110].
    spacing : float, nm
        Lattice constant; of honeycombs, the length of a bond.
    extent : (float, float), nm
        Lengths along y and x of the rectangle that the crystal fills before it is strained.
    displacement : (float, float), nm
        By which atoms of the second kind are away from where they belong, as (y, x).
    strain : (float, float, float)
        ``yy``, ``xx`` and ``xy`` of the crystal about its middle, before it is turned.
    rotation : float, degrees
        Turns the crystal, from +x towards +y.
    vacancies, interstitials : int
        Atoms taken away and put in, none of them at the edge or near another.
    only : int, optional
        Keep the atoms of this number in the cell alone.
    noise : float, nm
        Standard deviation of the measured positions along each axis.
    rng : int or Generator
        Seed of defects and noise.

    Returns
    -------
    Dataset, dimension atom
        ``y`` and ``x`` (nm) with ``y_std`` and ``x_std``, which are `noise`; ``intensity``, 1 for
        the first kind; ``kind``, the number of the atom in the cell. What is true is in
        ``attrs["metadata"]["truth"]``: lattice vectors ``a`` and ``b`` before strain, places of
        ``vacancies`` and ``interstitials``.

    Raises
    ------
    DataError
        The structure is unknown, `spacing` is not positive, `noise` is negative, or the extent
        has no room for so many vacancies or interstitials.

    Notes
    -----
    :math:`r' = m + R (1 + e) (r - m)` about the middle m, with the strain e and the rotation R.
    """
    require_choice("structure", structure, get_args(Structure))
    require_positive(spacing=spacing)
    if noise < 0:
        message = f"noise must not be below 0, got {noise!r}"
        raise DataError(message)
    generator = np.random.default_rng(rng)
    a, b, cell = _CELLS[structure]
    a, b = (tuple(spacing * float(part) for part in vector) for vector in (a, b))
    points, kinds = _crystal(cell, a, b, extent, displacement)
    level = np.array([each[2] for each in cell])[kinds]
    middle = np.array(extent) / 2
    turn = _turned(strain, rotation)
    taken = _apart(points, vacancies, extent, spacing, generator)
    lost = points[taken]
    points, kinds, level = (np.delete(each, taken, axis=0) for each in (points, kinds, level))
    added = _put_in(points, interstitials, extent, spacing, generator)
    points = np.concatenate([points, added])
    kinds = np.append(kinds, np.full(len(added), -1))
    level = np.append(level, np.ones(len(added)))
    bent = [(each - middle) @ turn.T + middle for each in (points, lost, added)]
    measured = bent[0] + noise * generator.standard_normal(points.shape)
    truth = {
        "structure": structure, "a": [*a], "b": [*b], "displacement": [*displacement],
        "strain": [*strain], "rotation": rotation, "vacancies": bent[1].tolist(),
        "interstitials": bent[2].tolist(),
    }  # fmt: skip
    kept = np.ones(len(kinds), dtype=bool) if only is None else kinds == only
    return _table(measured[kept], noise, level[kept], kinds[kept], truth)


@operation(example={"extent": (2.0, 2.0)}, lazy=False)
def bicrystal(
    structure: Structure = "hexagonal",
    *,
    spacing: float = 0.25,
    extent: tuple[float, float] = (4.0, 5.0),
    angles: tuple[float, float] = (0.0, 12.0),
    noise: float = 0.0,
    rng: Random = 0,
) -> xr.Dataset:
    """Simulate the positions of atoms of two grains side by side.

    Parameters
    ----------
    structure : {"square", "hexagonal", "honeycomb", "perovskite", "dumbbell"}
        Of both.
    spacing : float, nm
        Lattice constant; of honeycombs, the length of a bond.
    extent : (float, float), nm
        Lengths along y and x of the rectangle, of which each grain fills one half of x.
    angles : (float, float), degrees
        By which each is turned about the middle, from +x towards +y.
    noise : float, nm
        Standard deviation of the measured positions along each axis.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    Dataset, dimension atom
        As `atom_positions` gives, and ``grain``, 0 or 1. Of atoms of the two grains that are
        nearer than 0.6 spacings the second is left out.

    Raises
    ------
    DataError
        The structure is unknown or `spacing` is not positive.

    Notes
    -----
    :math:`r' = m + R_i (r - m)` with the rotation of each grain about the middle m.
    """
    require_choice("structure", structure, get_args(Structure))
    require_positive(spacing=spacing)
    a, b, cell = _CELLS[structure]
    a, b = (tuple(spacing * float(part) for part in vector) for vector in (a, b))
    size = float(np.hypot(*extent))
    points, kinds = _crystal(cell, a, b, (size, size), (0.0, 0.0))
    middle = np.array(extent) / 2
    sides: list[tuple[np.ndarray, np.ndarray]] = []
    for number, angle in enumerate(angles):
        turned = (points - size / 2) @ _turned((0.0, 0.0, 0.0), angle).T + middle
        inside = ((turned >= 0) & (turned < np.array(extent))).all(axis=1)
        inside &= (turned[:, 1] >= middle[1]) if number else (turned[:, 1] < middle[1])
        sides.append((turned[inside], kinds[inside]))
    (first, _), (second, _) = sides
    near = np.hypot(*np.moveaxis(second[:, None] - first[None], -1, 0)) < 0.6 * spacing
    kept = ~near.any(axis=1)
    places = np.concatenate([first, second[kept]])
    every = np.concatenate([sides[0][1], sides[1][1][kept]])
    level = np.array([each[2] for each in cell])[every]
    grain = np.repeat([0, 1], [len(first), int(kept.sum())])
    measured = places + noise * np.random.default_rng(rng).standard_normal(places.shape)
    truth = {"structure": structure, "a": [*a], "b": [*b], "angles": [*angles]}
    return _table(measured, noise, level, every, truth, grain=grain)


@operation(example={"structure": "hexagonal"}, lazy=False)
def crystal_lattice(structure: Structure = "perovskite", *, spacing: float = 0.4) -> xr.Dataset:
    """Return the lattice vectors of the crystals of `atom_positions`.

    Parameters
    ----------
    structure : {"square", "hexagonal", "honeycomb", "perovskite", "dumbbell"}
        Of the atoms.
    spacing : float, nm
        Lattice constant; of honeycombs, the length of a bond.

    Returns
    -------
    Dataset
        ``a_y``, ``a_x``, ``b_y`` and ``b_x`` in nm, of the crystal without strain.

    Raises
    ------
    DataError
        The structure is unknown or `spacing` is not positive.
    """
    require_choice("structure", structure, get_args(Structure))
    require_positive(spacing=spacing)
    a, b, _ = _CELLS[structure]
    names = zip(("a_y", "a_x", "b_y", "b_x"), (*a, *b), strict=True)
    attrs = {"source": "omniscopy.simulate", "metadata": {"title": "Lattice"}}
    return result(
        attrs, **{name: (xr.DataArray(spacing * float(part)), "nm") for name, part in names}
    )


@operation(example={"frames": 3, "extent": (1.6, 1.6)}, lazy=False)
def moving_atoms(
    frames: int = 6,
    *,
    spacing: float = 0.4,
    extent: tuple[float, float] = (2.0, 2.4),
    step: float = 0.03,
    missed: float = 0.05,
    rng: Random = 0,
) -> xr.Dataset:
    r"""Simulate atoms that walk at random, found again in each frame but for a few.

    Parameters
    ----------
    frames : int
        How many.
    spacing : float, nm
        Of the square lattice that they start from.
    extent : (float, float), nm
        Lengths along y and x of the rectangle that they start in.
    step : float, nm
        Standard deviation of a move along each axis from frame to frame.
    missed : float
        How often an atom is not found.
    rng : int or Generator
        Seed of the walk.

    Returns
    -------
    Dataset, shape (frame, atom)
        ``y`` and ``x`` (nm), in another order in each frame and NaN after the last, and
        ``state``, 0 or 1, which changes now and then. The walker of each row is in
        ``attrs["metadata"]["truth"]["walkers"]``, -1 for none.

    Notes
    -----
    The displacement along each axis has the variance :math:`n \sigma^2` after n frames.
    """
    start = lattice_points(
        extent=extent, a=(0.0, spacing), b=(spacing, 0.0), origin=(spacing / 2, spacing / 2)
    )
    generator = np.random.default_rng(rng)
    points = np.stack([start["y"].values, start["x"].values], axis=-1)
    moves = step * generator.standard_normal((frames, *points.shape))
    moves[:1] = 0.0
    places = points + np.cumsum(moves, axis=0)
    changes = generator.random((frames, len(points))) < 0.2
    states = np.cumsum(changes, axis=0) % 2
    walkers = np.full((frames, len(points)), -1)
    columns = np.full((3, frames, len(points)), np.nan)
    for frame in range(frames):
        seen = np.flatnonzero(generator.random(len(points)) >= missed)
        order = generator.permutation(seen)
        walkers[frame, : len(order)] = order
        columns[:2, frame, : len(order)] = places[frame, order].T
        columns[2, frame, : len(order)] = states[frame, order]
    coords = {
        "frame": coordinate("frame", np.arange(frames), "1"),
        "atom": coordinate("atom", np.arange(len(points)), "1"),
    }
    y, x, state = (xr.DataArray(column, coords, ("frame", "atom")) for column in columns)
    truth = {"walkers": walkers.tolist(), "step": step}
    attrs = {"source": "omniscopy.simulate", "metadata": {"title": "Atoms", "truth": truth}}
    return result(attrs, y=(y, "nm"), x=(x, "nm"), state=(state, "1"))


def _crystal(
    cell: Any, a: Any, b: Any, extent: tuple[float, float], displacement: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of all atoms of the cell in the rectangle, and their numbers in it."""
    # Off the edges, so that no row of the crystal is on one.
    origin = 0.25 * (np.array(a) + np.array(b)) + 1e-3
    points, kinds = [], []
    for number, (along_a, along_b, _) in enumerate(cell):
        start = origin + along_a * np.array(a) + along_b * np.array(b)
        made = lattice_points(extent=extent, a=a, b=b, origin=(float(start[0]), float(start[1])))
        away = np.array(displacement) if number % 2 else np.zeros(2)
        points.append(np.stack([made["y"].values, made["x"].values], axis=-1) + away)
        kinds.append(np.full(made.sizes["atom"], number))
    return np.concatenate(points), np.concatenate(kinds)


def _turned(strain: tuple[float, float, float], rotation: float) -> np.ndarray:
    """Return the deformation R (1 + e) of (y, x) vectors."""
    yy, xx, xy = strain
    turn = np.radians(rotation)
    # From +x towards +y: x of (0, 1) goes to y = sin.
    rotated = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(rotated @ np.array([[1 + yy, xy], [xy, 1 + xx]]))


def _apart(
    points: np.ndarray, count: int, extent: tuple[float, float], spacing: float,
    generator: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return atoms that are neither at the edge nor near each other."""
    edge = np.minimum(points, np.array(extent) - points).min(axis=1)
    chosen: list[int] = []
    for atom in generator.permutation(np.flatnonzero(edge > 2 * spacing)):
        if len(chosen) == count:
            break
        if all(np.hypot(*(points[atom] - points[other])) > 3 * spacing for other in chosen):
            chosen.append(int(atom))
    if len(chosen) < count:
        message = f"there is room for {len(chosen)} vacancies, not {count}; widen `extent`"
        raise DataError(message)
    return np.array(chosen, dtype=np.int64)


def _put_in(
    points: np.ndarray, count: int, extent: tuple[float, float], spacing: float,
    generator: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return places beside atoms that are neither at the edge nor near each other."""
    beside = _apart(points, count, extent, spacing, generator)
    angle = generator.uniform(0.0, 2 * np.pi, count)
    return np.asarray(
        points[beside] + 0.45 * spacing * np.stack([np.sin(angle), np.cos(angle)], -1)
    )


def _table(
    points: np.ndarray, noise: float, level: np.ndarray, kinds: np.ndarray,
    truth: dict[str, Any], **further: np.ndarray,
) -> xr.Dataset:  # fmt: skip
    order = np.lexsort((points[:, 1], points[:, 0]))
    atom = {"atom": coordinate("atom", np.arange(len(points)), "1")}
    y, x, intensity, kind = (
        xr.DataArray(column[order], atom) for column in (points[:, 0], points[:, 1], level, kinds)
    )
    std = xr.full_like(y, noise)
    attrs = {"source": "omniscopy.simulate", "metadata": {"title": "Atoms", "truth": truth}}
    more = {name: (xr.DataArray(column[order], atom), "1") for name, column in further.items()}
    return result(
        attrs, y=(y, "nm"), y_std=(std, "nm"), x=(x, "nm"), x_std=(std, "nm"),
        intensity=(intensity, "1"), kind=(kind, "1"), **more,
    )  # fmt: skip


@operation(example={"extent": (2.0, 2.0)}, lazy=False)
def fitted_columns(
    *,
    spacing: float = 0.4,
    extent: tuple[float, float] = (4.0, 4.8),
    most: int = 3,
    amplitude: float = 100.0,
    sigma: float = 0.06,
    noise: float = 0.03,
    rng: Random = 0,
) -> xr.Dataset:
    r"""Simulate the fits of columns of several atoms in an image.

    Parameters
    ----------
    spacing : float, nm
        Of the square lattice of columns.
    extent : (float, float), nm
        Lengths along y and x of the crystal.
    most : int
        Columns have 1 to so many atoms, at random.
    amplitude : float, counts
        Height of a column for each of its atoms.
    sigma : float, nm
        Standard deviation of a column along y and x.
    noise : float
        Scatter of amplitudes, over that of one atom.
    rng : int or Generator
        Seed of numbers of atoms and of the noise.

    Returns
    -------
    Dataset, dimension atom
        ``y``, ``x``, ``sigma_y``, ``sigma_x`` (nm) and ``amplitude`` (counts), with ``_std``. The
        numbers of atoms are in ``attrs["metadata"]["truth"]["counts"]``.

    Raises
    ------
    DataError
        `spacing`, `amplitude`, `sigma`, `most` or the extent is not positive.

    Notes
    -----
    A column of n atoms has the amplitude :math:`A (n + \epsilon)` with normal noise
    :math:`\epsilon`.
    """
    require_positive(spacing=spacing, amplitude=amplitude, sigma=sigma, most=most)
    generator = np.random.default_rng(rng)
    points = lattice_points(
        extent=extent, a=(0.0, spacing), b=(spacing, 0.0), origin=(spacing / 2, spacing / 2)
    )
    size = points.sizes["atom"]
    counts = generator.integers(1, most + 1, size)
    heights = amplitude * (counts + noise * generator.standard_normal(size))
    attrs = {
        "source": "omniscopy.simulate",
        "metadata": {"title": "Columns", "truth": {"counts": counts.tolist()}},
    }
    width = xr.full_like(points["y"], sigma)
    height = points["y"].copy(data=heights)
    return result(
        attrs, y=(points["y"], "nm"), x=(points["x"], "nm"),
        amplitude=(height, "counts"),
        amplitude_std=(xr.full_like(width, noise * amplitude), "counts"),
        sigma_y=(width, "nm"), sigma_y_std=(0.01 * width, "nm"),
        sigma_x=(width, "nm"), sigma_x_std=(0.01 * width, "nm"),
    )  # fmt: skip
