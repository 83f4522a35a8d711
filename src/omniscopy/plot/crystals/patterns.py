"""Simulated patterns: labelled spots, Kikuchi and HOLZ lines, rings."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from omniscopy.model import DataError, require_dim
from omniscopy.plot.crystals.indices import plane_label
from omniscopy.plot.labels import with_units
from omniscopy.plot.style import (
    COLOURS,
    FAINT,
    INK,
    NOTE,
    TICK,
    label_axes,
    new_page,
    style_axes,
)

_UNITS = "1/Å"


def spot_pattern(
    spots: xr.Dataset,
    *,
    lines: xr.Dataset | None = None,
    disc_radius: float | None = None,
    labels: int = 20,
    hexagonal: bool = False,
    field: float | None = None,
    title: str | None = None,
    width: float = 5.5,
) -> Figure:
    """Draw the spots of a crystal with their indices, and lines over them.

    Parameters
    ----------
    spots : Dataset, dimension reflection
        As of `simulate.spot_pattern`.
    lines : Dataset, dimension line, optional
        As of `simulate.kikuchi_lines` or `simulate.holz_lines`.
    disc_radius : float, 1/Å, optional
        Draw discs of a convergent beam with this radius in place of spots.
    labels : int
        How many of the brightest spots are labelled.
    hexagonal : bool
        Write four indices.
    field : float, 1/Å, optional
        Half the width of the figure; by default all spots are on it.
    title : str, optional
        What to write above it; by default the crystal and its zone axis.
    width : float
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        The area of a spot is that of the square root of its intensity; colours tell Laue zones
        apart, and rings mark what double diffraction alone brings.

    Raises
    ------
    DataError
        The tables are not of such simulations.
    """
    _require_table(spots, "reflection", ("ky", "kx", "hkl", "intensity", "laue_zone"))
    ky, kx = spots["ky"].values, spots["kx"].values
    half = field if field is not None else _reach(np.hypot(ky, kx), disc_radius)
    page = new_page(width, width + 0.15)
    ax = page.figure.subplots()
    if lines is not None:
        _draw_lines(ax, lines, half)
    _draw_spots(ax, spots, half, disc_radius)
    shown = np.flatnonzero((np.abs(ky) < 0.98 * half) & (np.abs(kx) < 0.98 * half))[:labels]
    lift = disc_radius if disc_radius is not None else 0.0
    for row in shown:
        ax.annotate(
            plane_label(spots["hkl"].values[row], hexagonal=hexagonal), (kx[row], ky[row] + lift),
            xytext=(0, -7), textcoords="offset points", ha="center", va="top", fontsize=NOTE,
            color=INK,
        )  # fmt: skip
    ax.annotate(
        "000", (0.0, lift), xytext=(0, -7), textcoords="offset points", ha="center", va="top",
        fontsize=NOTE, color=INK,
    )  # fmt: skip
    _finish_plane(ax, half)
    _zone_legend(ax, spots)
    left = len(ky) - len(shown)
    page.note(f"{len(ky)} reflections", f"{left} without label" if left else "")
    return page.finish(_title(spots) if title is None else title)


def line_pattern(
    lines: xr.Dataset,
    *,
    over: xr.DataArray | None = None,
    disc_radius: float | None = None,
    labels: int = 12,
    field: float | None = None,
    title: str | None = None,
    width: float = 5.5,
) -> Figure:
    """Draw Kikuchi lines, or the deficient HOLZ lines in the central disc.

    Parameters
    ----------
    lines : Dataset, dimension line
        As of `simulate.kikuchi_lines` or `simulate.holz_lines`.
    over : DataArray, shape (ky, kx), optional
        A disc or pattern that they are drawn over, in 1/Å.
    disc_radius : float, 1/Å, optional
        Of the disc that HOLZ lines are in; by default what the lines say.
    labels : int
        How many of the strongest lines are labelled.
    field : float, 1/Å, optional
        Half the width of the figure.
    title : str, optional
        What to write above it; by default the crystal and its zone axis.
    width : float
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Deficient lines are dark, excess lines are orange.

    Raises
    ------
    DataError
        The table is not of such a simulation.
    """
    _require_table(lines, "line", ("normal_ky", "normal_kx", "deficient", "excess", "intensity"))
    radius = disc_radius if disc_radius is not None else lines.attrs.get("disc_radius")
    inner = float(np.abs(lines["excess"].values).max(initial=0.3))
    half = field if field is not None else (1.12 * radius if radius is not None else 1.3 * inner)
    page = new_page(width, width + 0.15)
    ax = page.figure.subplots()
    if over is not None:
        steps = [float(over[dim][1] - over[dim][0]) / 2 for dim in ("ky", "kx")]
        y, x = over["ky"].values, over["kx"].values
        ax.imshow(
            over.transpose("ky", "kx").values, cmap="gray", interpolation="nearest",
            extent=(x[0] - steps[1], x[-1] + steps[1], y[-1] + steps[0], y[0] - steps[0]),
        )  # fmt: skip
    _draw_lines(ax, lines, half, radius=radius, labels=labels, light=over is not None)
    if radius is not None:
        ax.add_patch(Circle((0, 0), radius, fill=False, edgecolor=FAINT, linewidth=0.9))
    _finish_plane(ax, half)
    shift = lines.attrs.get("wave_shift")
    page.note(f"{lines.sizes['line']} lines", f"Bloch wave {shift:.2g} 1/Å longer" if shift else "")
    return page.finish(_title(lines) if title is None else title)


def ring_pattern(
    rings: xr.Dataset,
    *,
    over: xr.DataArray | None = None,
    labels: int = 12,
    hexagonal: bool = False,
    title: str | None = None,
    width: float = 7.0,
) -> Figure:
    """Draw the rings of a powder: half of the pattern, and the profile with labelled lines.

    Parameters
    ----------
    rings : Dataset, dimensions reflection and k
        As of `simulate.ring_pattern`.
    over : DataArray, shape (k), optional
        A measured profile in 1/Å, drawn to the same height.
    labels : int
        How many of the strongest rings are labelled.
    hexagonal : bool
        Write four indices.
    title : str, optional
        What to write above it; by default the crystal.
    width : float
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        The table is not of such a simulation, or a measured profile has no dimension `k`.
    """
    _require_table(rings, "reflection", ("radius", "intensity", "hkl"))
    if "profile" not in rings:
        message = "the rings have no profile; `simulate.ring_pattern` makes one"
        raise DataError(message)
    page = new_page(width, 0.75 * width)
    above, below = page.figure.subplots(2, 1, sharex=True, height_ratios=(1.1, 1.0))
    k, profile = rings["k"].values, rings["profile"].values
    x = np.linspace(-k[-1], k[-1], 801)
    y = np.linspace(0.0, 0.32 * k[-1], 221)
    picture = np.interp(np.hypot(x, y[:, None]), k, profile, right=0.0) ** 0.5
    above.imshow(
        picture, extent=(x[0], x[-1], y[-1], y[0]), cmap="gray_r", aspect="equal",
        origin="upper",
    )  # fmt: skip
    above.set_xlim(0.0, k[-1])
    below.plot(k, profile, color=COLOURS[0], linewidth=1.1, label="simulated")
    if over is not None:
        require_dim(over, "k", units=_UNITS)
        measured = over / float(over.max()) * float(profile.max())
        below.plot(over["k"].values, measured.values, color=COLOURS[1], linewidth=1.0,
                   label="measured")  # fmt: skip
        below.legend(fontsize=TICK, frameon=False)
    order = np.argsort(-rings["intensity"].values, kind="stable")[:labels]
    _label_rings(below, rings, np.sort(order), hexagonal=hexagonal)
    style_axes(above)
    style_axes(below, grid=True)
    label_axes(above, y=with_units("ky", _UNITS))
    label_axes(below, with_units("k", _UNITS), "intensity")
    page.note("contrast of the picture: square root", f"{rings.sizes['reflection']} rings")
    return page.finish(_title(rings) if title is None else title)


def _label_rings(ax: Axes, rings: xr.Dataset, rows: Any, *, hexagonal: bool) -> None:
    """Write indices above rings, a step higher where they would lie on each other."""
    top = float(rings["profile"].max())
    ax.set_ylim(0.0, 1.45 * top)
    last, below = -np.inf, 0.0
    level = 0
    span = float(rings["k"][-1])
    for row in rows:
        radius = float(rings["radius"][row])
        height = float(np.interp(radius, rings["k"].values, rings["profile"].values))
        near = radius - last < 0.035 * span
        level = (level + 1) % 4 if near else 0
        # A lower peak beside a higher one: its label is above that of the other all the same.
        height = max(height, below) if near and level else height
        last, below = radius, height
        ax.annotate(
            plane_label(rings["hkl"].values[row], hexagonal=hexagonal), (radius, height),
            xytext=(0, 5 + 10 * level), textcoords="offset points", ha="center", fontsize=NOTE,
            color=INK,
        )  # fmt: skip


def _require_table(table: Any, dim: str, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in getattr(table, "data_vars", {})]
    if missing or dim not in table.dims:
        message = f"expected a table along {dim!r} with {', '.join(names)}; {missing} are missing"
        raise DataError(message)


def _reach(radii: Any, disc_radius: float | None) -> float:
    return 1.08 * float(np.max(radii, initial=0.1)) + (disc_radius or 0.0)


def _draw_spots(ax: Axes, spots: xr.Dataset, half: float, disc_radius: float | None) -> None:
    """Draw discs of one size, shaded by intensity; or spots whose size tells it."""
    ky, kx, zone = (spots[name].values for name in ("ky", "kx", "laue_zone"))
    strength = np.sqrt(spots["intensity"].values / spots["intensity"].values.max(initial=1e-300))
    doubled = spots.get("double_diffraction", xr.zeros_like(spots["laue_zone"])).values > 0
    if disc_radius is not None:
        for y, x, order, part in zip(ky, kx, zone, strength, strict=True):
            shade = to_rgba(_zone_colour(order), 0.1 + 0.8 * float(part))
            ax.add_patch(Circle((x, y), disc_radius, facecolor=shade, edgecolor=FAINT, lw=0.5))
        ax.add_patch(Circle((0, 0), disc_radius, facecolor="none", edgecolor=INK, linewidth=1.0))
        return
    size = 3.0 + 110.0 * strength
    colours = np.array([_zone_colour(order) for order in zone])
    ax.scatter(kx[~doubled], ky[~doubled], s=size[~doubled], c=colours[~doubled], linewidth=0)
    ax.scatter(
        kx[doubled], ky[doubled], s=size[doubled] + 8, facecolor="none",
        edgecolor=colours[doubled], linewidth=0.9,
    )  # fmt: skip
    ax.scatter([0], [0], s=150, color=INK, linewidth=0)
    circle = spots.attrs.get("laue_circle")
    if circle is not None and np.hypot(*circle) > 0.02 * half:
        ax.add_patch(
            Circle((circle[1], circle[0]), float(np.hypot(*circle)), fill=False, linestyle=":",
                   edgecolor=FAINT, linewidth=0.9)
        )  # fmt: skip


def _draw_lines(
    ax: Axes, lines: xr.Dataset, half: float, *, radius: float | None = None, labels: int = 0,
    light: bool = False,
) -> None:  # fmt: skip
    """Draw each deficient line, and the excess line where the whole pattern is seen."""
    strength = np.sqrt(lines["intensity"].values)
    normal = np.stack([lines["normal_kx"].values, lines["normal_ky"].values], axis=1)
    dark = COLOURS[5] if light else INK
    kinds = [("deficient", dark)] if radius is not None else [
        ("deficient", dark), ("excess", COLOURS[1]),
    ]  # fmt: skip
    reach = radius if radius is not None else 1.5 * half
    for name, colour in kinds:
        place = lines[name].values
        length = np.sqrt(np.maximum(reach**2 - place**2, 0.0))
        foot = normal * place[:, None]
        along = np.stack([-normal[:, 1], normal[:, 0]], axis=1) * length[:, None]
        ends = np.stack([foot - along, foot + along], axis=1)
        shades = [to_rgba(colour, 0.2 + 0.7 * float(part)) for part in strength]
        ax.add_collection(LineCollection(list(ends), colors=shades, linewidths=0.9, zorder=1))
        if name == "deficient":
            _label_lines(ax, lines, ends[:labels], half)


def _label_lines(ax: Axes, lines: xr.Dataset, ends: Any, half: float) -> None:
    """Write indices where lines leave the picture, to the right or at the top, if there is room."""
    taken: list[Any] = []
    for row, (first, last) in enumerate(ends):
        along = first + np.linspace(0.0, 1.0, 401)[:, None] * (last - first)
        seen = along[(np.abs(along) <= 0.94 * half).all(axis=1)]
        if len(seen) < 2 or np.hypot(*(seen[-1] - seen[0])) < 0.2 * half:
            continue
        at = max(seen[0], seen[-1], key=lambda place: place[0] - 0.1 * place[1])
        if any(np.hypot(*(at - other)) < 0.09 * half for other in taken):
            continue
        taken.append(at)
        ax.text(
            at[0], at[1], plane_label(lines["hkl"].values[row]), fontsize=NOTE - 0.5, color=INK,
            ha="center", va="center",
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
        )  # fmt: skip


def _finish_plane(ax: Axes, half: float) -> None:
    ax.set_xlim(-half, half)
    ax.set_ylim(half, -half)
    ax.set_aspect("equal")
    style_axes(ax)
    label_axes(ax, with_units("kx", _UNITS), with_units("ky", _UNITS))


def _zone_colour(order: float) -> str:
    return COLOURS[0] if order == 0 else COLOURS[1 + (abs(int(order)) - 1) % (len(COLOURS) - 2)]


def _zone_legend(ax: Axes, spots: xr.Dataset) -> None:
    orders = np.unique(spots["laue_zone"].values)
    handles = [
        Line2D([], [], linestyle="none", marker="o", color=_zone_colour(order), markersize=5,
               label=f"Laue zone {int(order)}")
        for order in orders
    ]  # fmt: skip
    if "double_diffraction" in spots and (spots["double_diffraction"].values > 0).any():
        handles.append(
            Line2D([], [], linestyle="none", marker="o", markerfacecolor="none", markersize=6,
                   markeredgecolor=COLOURS[0], label="double diffraction")
        )  # fmt: skip
    if len(handles) > 1:
        ax.legend(handles=handles, fontsize=NOTE, loc="upper right", framealpha=0.85,
                  edgecolor="none")  # fmt: skip


def _title(table: xr.Dataset) -> str:
    formula = str(table.attrs.get("formula", ""))
    zone = table.attrs.get("zone")
    words = [formula]
    if zone is not None:
        words.append("[" + " ".join(f"{step:g}" for step in zone) + "]")
    if "voltage" in table.attrs:
        words.append(f"{table.attrs['voltage'] / 1e3:g} kV")
    return ", ".join(word for word in words if word)
