"""Figures that explain: rays through lenses, and where Kikuchi and HOLZ lines come from."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Ellipse

from omniscopy.model import DataError
from omniscopy.plot.style import COLOURS, FAINT, INK, NOTE, label_axes, new_page, style_axes

Pairs = Sequence[tuple[float, float]]


def ray_diagram(
    lenses: Pairs = ((100.0, 60.0), (330.0, 45.0)),
    apertures: Pairs = ((160.0, 9.0),),
    *,
    heights: Sequence[float] = (-5.0, 0.0, 5.0),
    angles: Sequence[float] = (-0.08, 0.0, 0.08),
    length: float = 460.0,
    title: str | None = None,
    width: float = 7.0,
) -> Figure:
    """Draw rays from an object through thin lenses and apertures, from the left to the right.

    Parameters
    ----------
    lenses : sequence of (position, focal length), mm
        Behind the object, in order.
    apertures : sequence of (position, radius), mm
        Rays that meet one end there.
    heights : sequence of float, mm
        Of the points of the object; each has a colour.
    angles : sequence of float, radians
        Of the rays from each point.
    length : float, mm
        Where the diagram ends.
    title : str, optional
        What to write above it.
    width : float
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Dashed lines mark images of the object, dotted ones the planes where rays of one angle
        meet (diffraction patterns).

    Raises
    ------
    DataError
        A focal length or a radius is not positive, or a position is not in the diagram.
    """
    for position, size in (*lenses, *apertures):
        if not (0.0 < position < length and size > 0.0):
            message = (
                f"lenses and apertures are (position, focal length or radius) between 0 and "
                f"{length:g} and above 0, got {(position, size)}"
            )
            raise DataError(message)
    page = new_page(width, 0.55 * width)
    ax = page.figure.subplots()
    top = _draw_rays(ax, lenses, apertures, (heights, angles, length))
    for position, focal in lenses:
        ax.add_patch(
            Ellipse((position, 0.0), 0.018 * length, 2.0 * top, facecolor=COLOURS[5], alpha=0.35,
                    edgecolor=COLOURS[0], zorder=3)
        )  # fmt: skip
        ax.text(position, 1.06 * top, f"f = {focal:g}", ha="center", fontsize=NOTE, color=INK)
    for position, radius in apertures:
        for side in (-1, 1):
            ax.plot([position] * 2, [side * radius, side * 1.0 * top], color=INK, linewidth=3.0,
                    solid_capstyle="butt", zorder=4)  # fmt: skip
    for place, times in conjugate_planes(lenses, length):
        ax.axvline(place, color=FAINT, linestyle="--", linewidth=0.9, zorder=1)
        ax.text(place, -1.1 * top, f"image {times:+.2g}×", ha="center", fontsize=NOTE, color=FAINT)
    for place in pattern_planes(lenses, length):
        ax.axvline(place, color=COLOURS[1], linestyle=":", linewidth=1.0, zorder=1)
        ax.text(place, -1.22 * top, "pattern", ha="center", fontsize=NOTE, color=COLOURS[1])
    ax.axhline(0.0, color=FAINT, linewidth=0.6, zorder=0)
    ax.set_xlim(-0.01 * length, length)
    ax.set_ylim(-1.3 * top, 1.2 * top)
    style_axes(ax)
    label_axes(ax, "Distance from the object (mm)", "Height (mm)")
    return page.finish("Rays through lenses" if title is None else title)


def _draw_rays(
    ax: Axes, lenses: Pairs, apertures: Pairs, rays: tuple[Sequence[float], Sequence[float], float]
) -> float:
    """Draw every ray to its end, and return the largest height of one, with some room."""
    heights, angles, length = rays
    top = 0.0
    for number, height in enumerate(heights):
        for angle in angles:
            z, y = trace_ray(lenses, apertures, height, angle, length)
            ax.plot(z, y, color=COLOURS[number % len(COLOURS)], linewidth=0.9, zorder=2)
            top = max(top, float(np.abs(y).max()))
            if z[-1] < length:
                ax.plot(z[-1], y[-1], "x", color=INK, markersize=4, zorder=5)
    return 1.1 * max(top, 1e-9)


def trace_ray(
    lenses: Pairs, apertures: Pairs, height: float, angle: float, length: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners (z, y) of a ray through thin lenses, to its end or an aperture."""
    stops = sorted(
        [(place, "lens", focal) for place, focal in lenses]
        + [(place, "aperture", radius) for place, radius in apertures]
    )
    z, y = [0.0], [float(height)]
    for place, kind, size in stops:
        y.append(y[-1] + angle * (place - z[-1]))
        z.append(place)
        if kind == "lens":
            angle -= y[-1] / size
        elif abs(y[-1]) > size:
            return np.array(z), np.array(y)
    y.append(y[-1] + angle * (length - z[-1]))
    z.append(length)
    return np.array(z), np.array(y)


def conjugate_planes(lenses: Pairs, length: float) -> list[tuple[float, float]]:
    """Return the real images of the object in the diagram, and how much larger each is."""
    planes: list[tuple[float, float]] = []
    source, times = 0.0, 1.0
    ordered = sorted(lenses)
    ends = [*[place for place, _ in ordered[1:]], length]
    for (place, focal), end in zip(ordered, ends, strict=True):
        distance = place - source
        if abs(distance - focal) < 1e-9:
            return planes
        image = focal * distance / (distance - focal)
        source, times = place + image, -times * image / distance
        if place < source <= end:
            planes.append((source, times))
    return planes


def pattern_planes(lenses: Pairs, length: float) -> list[float]:
    """Return where rays that leave the object at one angle meet."""
    planes: list[float] = []
    ordered = sorted(lenses)
    ends = [*[place for place, _ in ordered[1:]], length]
    height, angle, z = 1.0, 0.0, 0.0
    for (place, focal), end in zip(ordered, ends, strict=True):
        height += angle * (place - z)
        z = place
        angle -= height / focal
        if angle != 0.0 and z < z - height / angle <= end:
            planes.append(z - height / angle)
    return planes


def holz_geometry(
    *,
    wave_number: float = 10.0,
    spacing: float = 1.0,
    tilt: float = 0.0,
    laue_zone: int = 1,
    wave_shift: float = 0.0,
    title: str | None = None,
    width: float = 7.0,
) -> Figure:
    """Draw how a reflection of a higher Laue zone makes a deficient and an excess line.

    Parameters
    ----------
    wave_number : float
        Of the electrons, over the distance of the layers of the reciprocal lattice; true ones are
        some hundreds, with which nothing could be seen.
    spacing : float
        Of the reflections in a layer, over the distance of the layers.
    tilt : float, degrees
        Of the incident beam that is drawn.
    laue_zone : int
        Which layer the line is of.
    wave_shift : float
        How much longer the Bloch wave is, over the distance of the layers: it moves the line.
    title : str, optional
        What to write above it.
    width : float
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Above the Ewald sphere and the layers; below where the lines are in the discs.

    Raises
    ------
    DataError
        No reflection of the layer can be reached.
    """
    k, height = wave_number, float(laue_zone)
    if not (k > 2.0 * height > 0.0 and spacing > 0.0 and abs(tilt) < 45.0):
        message = (
            "the wave number must be more than twice the height of the layer, and all positive"
        )
        raise DataError(message)
    radius = np.sqrt(2.0 * k * height - height**2)
    g = np.array([spacing * np.round(radius / spacing), height])
    # Angle of the incident wave for which the tip of k + g is on the sphere.
    length = float(np.hypot(*g))
    bragg = np.arctan2(g[1], g[0]) - np.arcsin(length / (2.0 * k)) - wave_shift / g[0]
    page = new_page(width, 0.85 * width)
    above, below = page.figure.subplots(2, 1, height_ratios=(2.6, 1.0))
    _draw_sphere(above, k, float(np.deg2rad(tilt)), 1.25 * g[0])
    _draw_layers(above, spacing, laue_zone, 1.25 * g[0])
    _draw_bragg(above, k, g, float(bragg))
    beam = float(np.sin(np.deg2rad(tilt))) * k
    line = float(np.sin(bragg)) * k
    edge = min(max(0.45 * spacing, 1.3 * abs(line), 1.15 * abs(beam)), float(g[0]) / 2.2)
    _draw_discs(below, k, (float(g[0]), line, beam), edge)
    page.note("blue: the Ewald sphere of the tilted beam; orange: the beam in the Bragg condition")
    return page.finish("Lines of a higher Laue zone" if title is None else title)


def _draw_sphere(ax: Axes, k: float, tilt: float, half: float) -> None:
    """Draw the part of the Ewald sphere near the origin; its middle is towards the source."""
    middle = np.array([-np.sin(tilt), np.cos(tilt)]) * k
    ax.add_patch(
        Arc(tuple(middle), 2 * k, 2 * k, theta1=180, theta2=360, color=COLOURS[0], linewidth=1.2)
    )
    _draw_wave(ax, middle, np.zeros(2), COLOURS[0])
    ax.set_xlim(-half, half)
    ax.set_ylim(-0.09 * half - 0.4, 0.75 * half)
    ax.set_aspect("equal")
    style_axes(ax)
    label_axes(ax, "Across the beam (layers)", "Against the beam (layers)")


def _draw_wave(ax: Axes, start: np.ndarray, stop: np.ndarray, colour: str) -> None:
    """Draw a wave vector that begins above the picture, with a head at its end."""
    ax.plot([start[0], stop[0]], [start[1], stop[1]], color=colour, linewidth=1.2)
    near = stop + 0.04 * (start - stop)
    ax.annotate("", tuple(stop), tuple(near), arrowprops={"arrowstyle": "-|>", "color": colour})


def _draw_layers(ax: Axes, spacing: float, laue_zone: int, half: float) -> None:
    for layer in range(laue_zone + 1):
        places = spacing * np.arange(-np.floor(half / spacing), np.floor(half / spacing) + 1)
        ax.plot(places, np.full(len(places), float(layer)), "o", color=INK, markersize=2.6)
        ax.text(half, layer + 0.12, f"Laue zone {layer}", ha="right", fontsize=NOTE, color=FAINT)


def _draw_bragg(ax: Axes, k: float, g: np.ndarray, angle: float) -> None:
    """Draw the wave in the Bragg condition, and what it becomes."""
    start = np.array([-np.sin(angle), np.cos(angle)]) * k
    _draw_wave(ax, start, np.zeros(2), COLOURS[1])
    _draw_wave(ax, start, g, COLOURS[1])
    ax.annotate("", tuple(g), (0, 0), arrowprops={"arrowstyle": "->", "color": INK})
    ax.text(0.6 * g[0] + 0.15, 0.6 * g[1] - 0.32, "g", fontsize=NOTE + 1, color=INK, ha="center")
    ax.add_patch(
        Arc(tuple(start), 2 * k, 2 * k, theta1=180, theta2=360, color=COLOURS[1], linewidth=0.8,
            linestyle="--")
    )  # fmt: skip


def _draw_discs(ax: Axes, k: float, places: tuple[float, float, float], radius: float) -> None:
    """Draw the central disc with the deficient line, and that of g with the excess line."""
    g, line, beam = places
    for middle, colour, words in ((0.0, INK, "deficient"), (g, COLOURS[1], "excess")):
        ax.add_patch(
            Ellipse((middle, 0), 2 * radius, 2 * radius, facecolor="#eef0f3", edgecolor=FAINT)
        )
        at = middle + line
        if abs(line) < radius:
            high = np.sqrt(radius**2 - line**2)
            ax.plot([at, at], [-high, high], color=colour, linewidth=1.6)
        ax.text(middle, -1.35 * radius, words, ha="center", fontsize=NOTE, color=colour)
    ax.plot([beam], [0.0], "o", color=COLOURS[0], markersize=4)
    ax.set_xlim(-1.25 * g, 1.25 * g)
    ax.set_ylim(-1.7 * radius, 1.25 * radius)
    ax.set_aspect("equal")
    ax.set_yticks([])
    style_axes(ax)
    label_axes(ax, f"Direction of the beam (layers; wave number {k:g})")


def kikuchi_geometry(
    *,
    bragg_angle: float = 12.0,
    tilt: float = 0.0,
    spread: float = 25.0,
    contrast: float = 0.5,
    title: str | None = None,
    width: float = 7.0,
) -> Figure:
    """Draw how lattice planes take from what is scattered diffusely to make a pair of lines.

    Parameters
    ----------
    bragg_angle : float, degrees
        Of the planes; true ones are less than a degree, with which nothing could be seen.
    tilt : float, degrees
        Of the planes away from the incident beam; the lines go with them, the spots do not.
    spread : float, degrees
        Width of what is scattered diffusely.
    contrast : float
        Which part of it the planes reflect.
    title : str, optional
        What to write above it.
    width : float
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Above the rays from a point in the crystal; below the intensity against the angle. The
        line farther from the incident beam is bright, the nearer one dark.

    Raises
    ------
    DataError
        An angle or the contrast is out of its range.
    """
    if not (0.0 < bragg_angle < 40.0 and spread > 0.0 and 0.0 <= contrast <= 1.0):
        message = (
            "the Bragg angle is above 0 and below 40 degrees, the spread positive and the "
            f"contrast 0 to 1, got {bragg_angle}, {spread} and {contrast}"
        )
        raise DataError(message)
    angle = np.linspace(-60.0, 60.0, 2401)
    page = new_page(width, 0.9 * width)
    above, below = page.figure.subplots(2, 1, height_ratios=(1.9, 1.0))
    lines = (tilt - bragg_angle, tilt + bragg_angle)
    profile = kikuchi_profile(angle, lines, spread, contrast)
    _draw_planes(above, tilt, lines, spread)
    below.plot(angle, _diffuse(angle, spread), color=FAINT, linewidth=0.9, linestyle="--",
               label="without planes")  # fmt: skip
    below.plot(angle, profile, color=COLOURS[0], linewidth=1.2, label="with planes")
    for place, words in ((0.0, "000"), (2.0 * bragg_angle, "g")):
        below.plot([place], [0.03], "^", color=INK, markersize=5)
        below.text(place, 0.07, words, ha="center", fontsize=NOTE, color=INK)
    below.set_xlim(-60, 60)
    below.set_ylim(0, 1.35)
    below.legend(fontsize=NOTE, frameon=False, loc="upper right")
    style_axes(below, grid=True)
    label_axes(below, "Angle to the incident beam (°)", "Intensity")
    return page.finish("A pair of Kikuchi lines" if title is None else title)


def _diffuse(angle: np.ndarray, spread: float) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * np.square(angle / spread)))


def kikuchi_profile(
    angle: np.ndarray, lines: tuple[float, float], spread: float, contrast: float
) -> np.ndarray:
    """Return diffuse intensity of which each line takes a part to the other one."""
    profile = _diffuse(angle, spread)
    given = [float(_diffuse(np.array(place), spread)) for place in lines]
    for place, own, other in zip(lines, given, given[::-1], strict=True):
        profile = profile + contrast * (other - own) * np.exp(
            -0.5 * np.square((angle - place) / 0.5)
        )
    return np.asarray(profile)


def _draw_planes(ax: Axes, tilt: float, lines: tuple[float, float], spread: float) -> None:
    """Draw planes, the incident beam, and the two directions in which the planes reflect."""
    turn = np.deg2rad(tilt)
    along = np.array([np.sin(turn), -np.cos(turn)])
    across = np.array([np.cos(turn), np.sin(turn)])
    for number in range(-3, 4):
        ends = [0.16 * number * across + part * 0.42 * along for part in (-1, 1)]
        ax.plot(*zip(*ends, strict=True), color=FAINT, linewidth=0.9)
    ax.annotate("", (0, 0), (0, 1.1), arrowprops={"arrowstyle": "->", "color": INK, "lw": 1.4})
    ax.text(0.04, 0.95, "incident beam", fontsize=NOTE, color=INK)
    fan = np.deg2rad(np.linspace(-55, 55, 23))
    for way, bright in zip(fan, _diffuse(np.rad2deg(fan), spread), strict=True):
        ax.plot([0, 1.3 * bright * np.sin(way)], [0, -1.3 * bright * np.cos(way)], color=COLOURS[5],
                linewidth=0.7, alpha=0.7)  # fmt: skip
    strong = [float(_diffuse(np.array(place), spread)) for place in lines]
    for place, own, other in zip(lines, strong, strong[::-1], strict=True):
        way = np.deg2rad(place)
        gains = other > own + 1e-9
        colour = COLOURS[1] if gains else INK
        words = "excess" if gains else "deficient" if own > other + 1e-9 else "neither"
        end = np.array([np.sin(way), -np.cos(way)]) * 1.45
        ax.plot([0, end[0]], [0, end[1]], color=colour, linewidth=1.4,
                linestyle="-" if gains else "--")  # fmt: skip
        ax.text(
            1.07 * end[0], 1.07 * end[1], words, ha="center", va="top", fontsize=NOTE, color=colour
        )
    ax.text(-1.5, -0.05, f"planes tilted by {tilt:g}°", fontsize=NOTE, color=FAINT)
    ax.set_xlim(-1.7, 1.7)
    ax.set_ylim(-1.7, 1.12)
    ax.set_aspect("equal")
    ax.set_axis_off()
