"""Graphs, point spectra and point clouds of a Gwyddion file."""

from dataclasses import dataclass, replace

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.gwyddion.objects import Block, Object
from omniscopy.io.gwyddion.parts import axis_of, map_values, units_of
from omniscopy.io.pieces import Column, Lines
from omniscopy.io.quantities import dimension_of, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray, Variable

# Longer abscissae stay on disk, as a coordinate beside the numbers of the samples.
_LONGEST_AXIS = 1 << 20


@dataclass(frozen=True)
class _Abscissa:
    """The x values of a curve: an axis, and where they are no labels a coordinate."""

    axis: Axis
    coordinates: dict[str, Variable]


def graph_channels(graph: Object, *, is_old: bool) -> list[Channel]:
    """Return the curves of a graph, one channel each."""
    title = graph.text("title") or "Graph"
    across = units_of(graph, "x_unit", is_old=is_old)
    units = units_of(graph, "y_unit", is_old=is_old)
    channels = []
    for curve in graph.objects("curves"):
        block = curve.get("ydata", Block)
        if block is None or block.count == 0:
            continue
        values = map_values(curve, "ydata", (block.count,))
        abscissa = _abscissa(curve, block.count, across, graph.text("bottom_label"))
        channels.append(
            Channel(
                title=curve.text("description") or title,
                data=values.data,
                axes=(abscissa.axis,),
                coordinates=abscissa.coordinates,
                quantity=quantity_of(graph.text("left_label") or title, units),
                units=units,
                attrs=values.attrs | {"graph": title},
            )
        )
    return channels


def spectra_channels(spectra: Object, *, is_old: bool) -> list[Channel]:
    """Return point spectra: of one channel where they share an abscissa, else one channel each."""
    lines = spectra.objects("data")
    axes = [_line_axis(spectra, line, is_old=is_old) for line in lines]
    blocks = [line.get("data", Block) for line in lines]
    for line, axis, block in zip(lines, axes, blocks, strict=True):
        if block is None or block.count != axis.size or block.there != block.count:
            message = f"a spectrum of {axis.size} points has other numbers of values"
            raise FormatError(message, offset=line.offset, key="data")
    if not lines:
        return []
    places = _places(spectra, len(lines), is_old=is_old)
    units = units_of(lines[0], "si_unit_y", is_old=is_old)
    title = spectra.text("title") or "Spectra"
    whole = Channel(
        title=title,
        data=None,
        axes=(),
        quantity=quantity_of(spectra.text("spec_ylabel") or title, units),
        units=units,
    )
    if any(axis != axes[0] for axis in axes):
        return [
            replace(
                whole,
                title=f"{title} {number}",
                data=map_values(line, "data", (axis.size,)).data,
                axes=(axis,),
                coordinates={name: _point(variable, number) for name, variable in places.items()},
            )
            for number, (line, axis) in enumerate(zip(lines, axes, strict=True))
        ]
    found = [block for block in blocks if block is not None]
    data = Lines(
        path=str(found[0].path),
        offsets=tuple(block.offset for block in found),
        lengths=tuple(block.count for block in found),
        file_dtype=found[0].dtype,
        lead=(len(found),),
    )
    axis = Axis(name="point", size=len(lines))
    return [replace(whole, data=data, axes=(axis, axes[0]), coordinates=places)]


def surface_channel(surface: Object, title: str, *, is_old: bool) -> Channel:
    """Return a cloud of points: heights, with the places as coordinates."""
    block = surface.get("data", Block)
    values = map_values(surface, "data", ((block.count if block else 0) // 3, 3))
    table = values.data
    units = units_of(surface, "si_unit_z", is_old=is_old)
    across = units_of(surface, "si_unit_xy", is_old=is_old)
    return Channel(
        title=title or "XYZ",
        data=Column(table, 2),
        axes=(Axis(name="point", size=table.shape[0]),),
        coordinates={name: _place(Column(table, index), across) for index, name in enumerate("xy")},
        quantity=quantity_of(title or "height", units),
        units=units,
        attrs=values.attrs,
    )


def _abscissa(curve: Object, count: int, units: str | None, label: str) -> _Abscissa:
    block = curve.get("xdata", Block)
    if block is None or block.count != count:
        return _Abscissa(Axis(name="sample", size=count), {})
    name = dimension_of(units, "x")
    if count <= _LONGEST_AXIS and block.there == count:
        values = block.values()
        steps = np.diff(values)
        if np.isfinite(values).all() and (np.all(steps > 0) or np.all(steps < 0)):
            attrs = {"long_name": label} if label else {}
            return _Abscissa(
                Axis(name=name, size=count, units=units, values=values, attrs=attrs), {}
            )
    data = map_values(curve, "xdata", (count,)).data
    attrs = {"units": units} if units else {}
    return _Abscissa(
        Axis(name="sample", size=count), {name: Variable(dims=("sample",), data=data, attrs=attrs)}
    )


def _line_axis(spectra: Object, line: Object, *, is_old: bool) -> Axis:
    units = units_of(line, "si_unit_x", is_old=is_old)
    label = spectra.text("spec_xlabel")
    axis = axis_of(line, "", name=dimension_of(units, "z"), units=units)
    return replace(axis, attrs={"long_name": label} if label else {})


def _places(spectra: Object, number: int, *, is_old: bool) -> dict[str, Variable]:
    block = spectra.get("coords", Block)
    if block is None or block.count != 2 * number:
        return {}
    table = map_values(spectra, "coords", (number, 2)).data
    units = units_of(spectra, "si_unit_xy", is_old=is_old)
    return {name: _place(Column(table, index), units) for index, name in enumerate("xy")}


def _place(data: LazyArray, units: str | None) -> Variable:
    attrs = {"quantity": "length"} | ({"units": units} if units else {})
    return Variable(dims=("point",), data=data, attrs=attrs)


def _point(variable: Variable, number: int) -> Variable:
    return Variable(dims=(), data=np.asarray(variable.data[(number,)]), attrs=variable.attrs)
