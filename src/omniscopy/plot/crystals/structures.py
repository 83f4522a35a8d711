"""Structures: balls and sticks, and columns in projection."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Polygon

from omniscopy import crystal
from omniscopy.model import DataError
from omniscopy.plot.labels import with_units
from omniscopy.plot.style import FAINT, INK, TICK, label_axes, new_page, style_axes

_BALL = 0.45  # of the covalent radius


def structure(  # noqa: PLR0913 - each is an option of the drawing
    atoms: Any,
    *,
    zone: Sequence[float] = (0, 0, 1),
    up: Sequence[float] | None = None,
    tilt: tuple[float, float] = (12.0, -16.0),
    repeats: int | Sequence[int] = 1,
    bonds: bool = True,
    cell: bool = True,
    title: str | None = None,
    width: float = 5.0,
) -> Figure:
    """Draw a structure as balls and sticks, without perspective.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name.
    zone : three numbers
        Direction [uvw] that points at the viewer before it is tilted.
    up : three numbers, optional
        Plane whose normal points up; see `crystal.orientation_matrix`.
    tilt : (alpha, beta), degrees
        By which it is turned then, about x and y.
    repeats : int or three integers
        Cells along the vectors.
    bonds : bool
        Draw sticks between nearest neighbours.
    cell : bool
        Draw the edges of the cell.
    title : str, optional
        What to write above it; by default the title of the structure.
    width : float
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Colours are those of Jmol; nearer atoms are drawn over farther ones.

    Raises
    ------
    DataError
        It is no structure with a cell, or `zone` and `up` are along each other.
    """
    known = _structure_of(atoms)
    turn = crystal.stage_rotation(*tilt) @ crystal.orientation_matrix(known, zone, up=up)
    shown = crystal.filled_cell(crystal.supercell(known, repeats))
    places = shown.positions @ turn.T
    corners = _corners(np.asarray(shown.cell)) @ turn.T
    page = new_page(width, width)
    ax = page.figure.subplots()
    depth = places[:, 2]
    span = max(float(np.ptp(depth)), 1e-9)
    shade = 0.45 * (depth.max() - depth) / span
    if cell:
        edges = [(corners[i, :2], corners[j, :2]) for i, j in _EDGES]
        ax.add_collection(LineCollection(edges, colors=FAINT, linewidths=0.7, zorder=0.5))
    if bonds:
        _draw_sticks(ax, shown, places, shade)
    _draw_balls(ax, shown, places, shade)
    everything = np.concatenate([places[:, :2], corners[:, :2]])
    margin = 0.9
    ax.set_xlim(everything[:, 0].min() - margin, everything[:, 0].max() + margin)
    ax.set_ylim(everything[:, 1].min() - margin, everything[:, 1].max() + margin)
    ax.set_aspect("equal")
    ax.set_axis_off()
    _elements(ax, shown)
    page.note("seen along " + "[" + " ".join(f"{step:g}" for step in zone) + "]"
              + (f", tilted by {tilt[0]:g}° and {tilt[1]:g}°" if any(tilt) else ""))  # fmt: skip
    return page.finish(_title(known) if title is None else title)


def projection(
    atoms: Any,
    zone: Sequence[float],
    *,
    up: Sequence[float] | None = None,
    repeats: tuple[int, int] = (3, 3),
    title: str | None = None,
    width: float = 5.0,
) -> Figure:
    """Draw the columns of atoms along a zone axis, and a cell of the projection.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name.
    zone : three integers
        Direction [uvw] that points at the viewer.
    up : three numbers, optional
        Plane whose normal points up; see `crystal.orientation_matrix`.
    repeats : (int, int)
        Cells of the projection along its vectors.
    title : str, optional
        What to write above it; by default the title of the structure.
    width : float
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        The area of a dot tells the atomic numbers in a column, its colours the elements.

    Raises
    ------
    DataError
        As of `crystal.project`.
    """
    from ase.data import atomic_numbers
    from ase.data.colors import jmol_colors

    known = _structure_of(atoms)
    columns = crystal.project(known, zone, up=up, repeats=repeats)
    page = new_page(width, width)
    ax = page.figure.subplots()
    y, x = columns["y"].values, columns["x"].values
    number = columns["atomic_number"].values
    size = 160.0 * number / number.max() + 15.0
    parts = [str(names).split() for names in columns["elements"].values]
    for at_x, at_y, area, names in zip(x, y, size, parts, strict=True):
        heaviest = sorted(names, key=lambda name: -atomic_numbers[name])
        for place, name in enumerate(heaviest):
            scale = (1.0 - 0.5 * place / len(heaviest)) ** 2
            ax.scatter(
                [at_x], [at_y], s=area * scale, color=[jmol_colors[atomic_numbers[name]]],
                edgecolor=INK, linewidth=0.5, zorder=2 + place,
            )  # fmt: skip
    a, b = columns["cell"].values[:, ::-1]
    ax.add_patch(Polygon([0 * a, a, a + b, b], fill=False, edgecolor=INK, linewidth=1.0, zorder=1))
    ax.set_aspect("equal")
    ax.margins(0.08)
    style_axes(ax)
    label_axes(ax, with_units("x", "Å"), with_units("y", "Å"))
    _elements(ax, known)
    words = "[" + " ".join(f"{int(step)}" for step in columns.attrs["zone"]) + "]"
    page.note(f"along {words}, period {columns.attrs['period']:.4g} Å")
    return page.finish(_title(known) if title is None else title)


_EDGES = [
    (i, i | 1 << axis) for i in range(8) for axis in range(3) if not i & 1 << axis
]  # fmt: skip


def _corners(cell: Any) -> Any:
    return np.array([[(i >> axis) & 1 for axis in range(3)] for i in range(8)]) @ cell


def _structure_of(atoms: Any) -> Any:
    if isinstance(atoms, str):
        return crystal.structure(atoms)
    if not hasattr(atoms, "get_scaled_positions"):
        message = f"a structure is ase.Atoms or a name, got {type(atoms).__name__}"
        raise DataError(message)
    return atoms


def _colour(symbol: str, fade: float) -> tuple[float, float, float]:
    from ase.data import atomic_numbers
    from ase.data.colors import jmol_colors

    red, green, blue = (float(part) for part in jmol_colors[atomic_numbers[symbol]])
    return tuple(part + (1.0 - part) * fade for part in (red, green, blue))  # type: ignore[return-value]


def _draw_balls(ax: Axes, atoms: Any, places: Any, shade: Any) -> None:
    """Draw circles with a bright spot towards the light, the farthest first."""
    from ase.data import covalent_radii

    symbols = atoms.get_chemical_symbols()
    for row in np.argsort(places[:, 2], kind="stable"):
        radius = _BALL * float(covalent_radii[atoms.numbers[row]])
        x, y, z = places[row]
        colour = np.array(_colour(symbols[row], float(shade[row])))
        order = 2.0 + float(z - places[:, 2].min()) * 1e-2
        ax.add_patch(
            Circle((x, y), radius, facecolor=colour * 0.8, edgecolor=to_rgb(INK), lw=0.5,
                   zorder=order)
        )  # fmt: skip
        for part, light in ((0.8, 0.1), (0.55, 0.3), (0.28, 0.6)):
            shift = 0.32 * radius * (1.0 - part)
            ax.add_patch(
                Circle((x - shift, y + shift), part * radius, lw=0, zorder=order,
                       facecolor=colour * (1.0 - 0.5 * light) + 0.5 * light)
            )  # fmt: skip


def _draw_sticks(ax: Axes, atoms: Any, places: Any, shade: Any) -> None:
    """Draw each bond in two halves of the colours of its atoms, behind the nearer atom."""
    found = _nearest_bonds(atoms)
    symbols = atoms.get_chemical_symbols()
    low = places[:, 2].min()
    for first, second in zip(found["first"].values, found["second"].values, strict=True):
        middle = 0.5 * (places[first] + places[second])
        for end in (first, second):
            order = 2.0 + float(middle[2] - low) * 1e-2 - 1e-3
            ax.plot(
                [places[end, 0], middle[0]], [places[end, 1], middle[1]], linewidth=4.0,
                color=np.array(_colour(symbols[end], float(shade[end]))) * 0.85, zorder=order,
                solid_capstyle="butt",
            )  # fmt: skip


def _nearest_bonds(atoms: Any) -> Any:
    """Return the bonds that are about as short as the shortest one of each of their atoms."""
    found = crystal.bonds(atoms)
    length = found["length"].values
    shortest = np.full(len(atoms), np.inf)
    for name in ("first", "second"):
        np.minimum.at(shortest, found[name].values, length)
    limit = np.minimum(shortest[found["first"].values], shortest[found["second"].values])
    return found.isel(bond=length <= 1.15 * limit)


def _elements(ax: Axes, atoms: Any) -> None:
    symbols = list(dict.fromkeys(atoms.get_chemical_symbols()))
    handles = [
        Line2D([], [], linestyle="none", marker="o", markersize=7, markeredgecolor=INK,
               markeredgewidth=0.5, markerfacecolor=_colour(symbol, 0.0), label=symbol)
        for symbol in symbols
    ]  # fmt: skip
    ax.legend(handles=handles, fontsize=TICK, loc="upper left", bbox_to_anchor=(1.0, 1.0),
              frameon=False, borderaxespad=0.0)  # fmt: skip


def _title(atoms: Any) -> str:
    return str(atoms.info.get("title") or atoms.symbols)
