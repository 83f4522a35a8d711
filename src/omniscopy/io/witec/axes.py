"""Axes of a WITec project: where its pixels are, and what the bins of its spectra stand for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omniscopy.io.quantities import dimension_of, known_units
from omniscopy.io.records import Axis, Variable
from omniscopy.io.spectral_axes import spectral_axis
from omniscopy.io.witec.tags import Tag


@dataclass(frozen=True)
class Project:
    """What a file holds by its number, each with the name of its class, and whether it is cut."""

    entries: Mapping[int, tuple[str, Tag]]
    is_cut: bool

    def linked(self, number: int) -> tuple[str, Tag | None]:
        """Return the class and tag of a number, "" and `None` where there is none."""
        return self.entries.get(number, ("", None))


_UNITS = {
    # class of what the values are: the unit in which transformations give them
    "TDSpaceInterpretation": "µm",
    "TDSpectralInterpretation": "nm",
    "TDTimeInterpretation": "s",
    "TDFrequencyInterpretation": "Hz",
    "TDInverseSpaceInterpretation": "1/µm",
    "TDPhaseInterpretation": "rad",
}
_NM_EV = 1239.841984
_RELATIVE = {3, 6, 7}
_SPECTRAL_UNITS = ("nm", "µm", "1/cm", "1/cm", "eV", "meV", "eV", "meV")
_ALIGNED = 1e-6


@dataclass(frozen=True)
class Places:
    """Where pixels are: axes, coordinates along them, and what else there is to say."""

    axes: list[Axis]
    coordinates: dict[str, Variable] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


def find_places(project: Project, number: int, shape: tuple[int, int]) -> Places:
    """Return the places of pixels in rows and columns, by the transformation of a number.

    Parameters
    ----------
    project : Project
        Of the pixels.
    number : int
        Of the transformation.
    shape : (int, int)
        Rows and columns; one that is 1 gives no axis.
    """
    matrix, origin = _transformation(project, number)
    rows, columns = shape
    if matrix is None or origin is None:
        both = rows > 1 and columns > 1
        sizes = {"y": rows, "x": columns} if both else {"point": max(shape)}
        return Places([Axis(name=name, size=size) for name, size in sizes.items() if size > 1])
    if rows == columns == 1:
        stage = dict(zip("xyz", (origin * 1e-6).tolist(), strict=True))
        return Places([], metadata={"stage": stage})
    if rows > 1 and columns > 1:
        turned = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
        axes = [_edge(matrix, origin, along, size) for along, size in ((1, rows), (0, columns))]
        said = {"scan": {"rotation": turned}} if abs(turned) > _ALIGNED else {}
        return Places(axes, metadata=said)
    along, size = (0, columns) if columns > 1 else (1, rows)
    step = matrix[:, along]
    others = np.abs(np.delete(step, along))
    if step[along] and others.max() <= _ALIGNED * abs(step[along]):
        return Places([_edge(matrix * np.eye(3), origin, along, size)])
    places = origin + np.arange(size)[:, None] * step
    coordinates = {
        name: Variable(dims=("point",), data=places[:, number], attrs={"units": "µm"})
        for number, name in enumerate("xyz")
    }
    return Places([Axis(name="point", size=size)], coordinates)


def _transformation(project: Project, number: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return what a pixel (x, y, z) is multiplied with, and where the first one is, in µm."""
    kind, tag = project.linked(number)
    view = tag.at("TDSpaceTransformation", "ViewPort3D") if tag is not None else None
    if kind != "TDSpaceTransformation" or view is None:
        return None, None
    found = [view.numbers(name) for name in ("Scale", "Rotation", "ModelOrigin", "WorldOrigin")]
    sizes = [None if values is None else values.size for values in found]
    if sizes != [9, 9, 3, 3] or not all(np.isfinite(values).all() for values in found):  # type: ignore[arg-type]
        return None, None
    scale, rotation, model, world = (np.asarray(values, dtype=np.float64) for values in found)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file
        matrix = rotation.reshape(3, 3).T @ scale.reshape(3, 3).T
        origin = world - matrix @ model
    is_sound = np.isfinite(matrix).all() and np.isfinite(origin).all()
    return (matrix, origin) if is_sound else (None, None)


def _edge(matrix: np.ndarray, origin: np.ndarray, along: int, size: int) -> Axis:
    """Return the axis of columns (0) or rows (1): labels of the stage where it is along one."""
    step, other = matrix[:, along], matrix[:, 1 - along]
    lengths = math.hypot(*step), math.hypot(*other)
    for part in (along, 2):
        is_along = abs(step[part]) > _ALIGNED * lengths[0]
        if is_along and abs(other[part]) <= _ALIGNED * lengths[1]:
            scale, offset = float(step[part]), float(origin[part])
            return Axis(name="xyz"[part], size=size, scale=scale, offset=offset, units="µm")
    if not 0.0 < lengths[0] < math.inf:
        return Axis(name="xy"[along], size=size)
    return Axis(name="xy"[along], size=size, scale=lengths[0], units="µm")


def find_abscissa(project: Project, graph: Tag, size: int) -> tuple[Axis, float | None]:
    """Return the axis of the spectra of a graph, and the wavelength of the laser in nm."""
    kind, tag = project.linked(graph.integer("XTransformationID"))
    values = None if tag is None else _values(kind, tag, size)
    meaning, said = project.linked(graph.integer("XInterpretationID"))
    laser = said.number(meaning, "ExcitationWaveLength") if said is not None else None
    laser = laser if laser is not None and math.isfinite(laser) and laser > 0 else None
    if values is None or not np.isfinite(values).all():
        return Axis(name="sample", size=size), laser
    if kind == "TDSpectralTransformation" or meaning == "TDSpectralInterpretation":
        index = said.integer("TDInterpretation", "UnitIndex") if said is not None else 0
        return _spectral(values, index, laser), laser
    assert tag is not None
    units = _UNITS.get(meaning) or known_units(tag.text("TDTransformation", "StandardUnit"))
    name = dimension_of(units, "sample")
    return Axis(name=name, size=size, values=values, units=units), laser


def _spectral(values: np.ndarray, index: int, laser: float | None) -> Axis:
    """Return an axis of wavelengths in nm, in the unit that was shown where that is possible."""
    if not 0 <= index < len(_SPECTRAL_UNITS) or (index in _RELATIVE and laser is None):
        index = 0
    units = _SPECTRAL_UNITS[index]
    with np.errstate(all="ignore"):  # numbers of a damaged file
        inverse = 1 / values
    if index > 1 and np.isfinite(1e7 * inverse).all():
        if index == 3:
            return spectral_axis(1e7 * (1 / laser - inverse), units, quantity="Raman shift")  # type: ignore[operator]
        if index == 2:
            return spectral_axis(1e7 * inverse, units)
        from_line = inverse if index < 6 else inverse - 1 / laser  # type: ignore[operator]
        return spectral_axis(_NM_EV * from_line * (1e3 if units == "meV" else 1), units)
    if index == 1:
        return spectral_axis(values / 1e3, units)
    return spectral_axis(values, "nm")


def _values(kind: str, tag: Tag, size: int) -> np.ndarray | None:
    """Return the value of each bin in the unit of a transformation, `None` if it is not known."""
    below = tag.at(kind)
    bins = np.arange(size, dtype=np.float64)
    if below is None:
        return None
    with np.errstate(all="ignore"):  # numbers of a damaged file
        if kind == "TDLinearTransformation":
            model, world, scale = (
                _first(below, name) for name in ("ModelOrigin", "WorldOrigin", "Scale")
            )
            return None if scale is None else world + scale * (bins - model)
        if kind == "TDLUTTransformation":
            table = below.numbers("LUT")
            if table is None or not table.size:
                return None
            table = table[: below.integer("LUTSize") or table.size]
            return np.interp(bins, np.arange(table.size), table)
        if kind == "TDSpectralTransformation":
            return _wavelengths(below, bins)
    return None


def _first(tag: Tag, name: str) -> Any:
    """Return a number that newer files have in double precision too."""
    double = tag.number(f"{name}_D")
    return tag.number(name) if double is None else double


def _wavelengths(tag: Tag, bins: np.ndarray) -> np.ndarray | None:
    """Return wavelengths in nm: of a polynomial, of a grating, or of one within its bounds."""
    kind = tag.number("SpectralTransformationType")
    if kind == 0:
        terms = tag.numbers("Polynom")
        return None if terms is None else np.polynomial.polynomial.polyval(bins, terms[:3])
    if kind == 1:
        names = ("nC", "LambdaC", "Gamma", "Delta", "m", "d", "x", "f")
        found = [tag.number(name) for name in names]
        return None if None in found else _grating(bins, *found)  # type: ignore[arg-type]
    terms, order = tag.numbers("FreePolynom"), tag.integer("FreePolynomOrder")
    start, stop = tag.number("FreePolynomStartBin"), tag.number("FreePolynomStopBin")
    if kind != 2 or terms is None or start is None or stop is None:
        return None
    within = np.clip(bins, start, max(start, stop))
    return np.polynomial.polynomial.polyval(within, terms[: max(order, 0) + 1])


def _grating(
    bins: np.ndarray,
    centre: float,
    wavelength: float,
    included: float,
    tilt: float,
    *others: float,
) -> np.ndarray:
    """Return wavelengths by the grating equation, of a camera that is tilted about its centre.

    `others` are the order, the period of the grating in nm, and the width of a bin and the focal
    length in mm.
    """
    order, period, width, focal = others
    angle = np.arcsin(wavelength * order / period / (2 * np.cos(included / 2))) - included / 2
    across = width * (centre - bins) - focal * np.sin(tilt)
    leaving = included + angle - tilt - np.arctan2(across, focal * np.cos(tilt))
    return np.asarray(period / order * (np.sin(angle) + np.sin(leaving)))
