"""Images and volumes of a Gwyddion file."""

from dataclasses import replace
from typing import Any

import numpy as np

from omniscopy.io.arrays import Transposed
from omniscopy.io.gwyddion.objects import Block, Object
from omniscopy.io.gwyddion.parts import axis_of, map_values, size_of, units_of
from omniscopy.io.quantities import dimension_of, quantity_of
from omniscopy.io.records import Axis, Channel, Variable


def image_channel(
    field: Object, title: str, *, mask: Object | None, shown: Object | None, is_old: bool
) -> Channel:
    """Return an image with its mask and with what is shown in its place."""
    values = map_values(field, "data", _plane(field))
    across = units_of(field, "si_unit_xy", is_old=is_old)
    units = units_of(field, "si_unit_z", is_old=is_old)
    further = {
        "mask": (mask, {"long_name": "mask", "units": "1"}),
        "presentation": (shown, {"long_name": "presentation"}),
    }
    return Channel(
        title=title or "Image",
        data=values.data,
        axes=(axis_of(field, "y", units=across), axis_of(field, "x", units=across)),
        quantity=quantity_of(title or "height", units),
        units=units,
        variables={
            name: Variable(dims=("y", "x"), data=map_values(other, "data", _plane(field)).data,
                           attrs=attrs)
            for name, (other, attrs) in further.items()
            if other is not None and _plane(other) == _plane(field)
        },
        attrs=values.attrs,
    )  # fmt: skip


def brick_channel(brick: Object, title: str, *, is_spectral: bool | None, is_old: bool) -> Channel:
    """Return a volume: spectra at every pixel, or planes one above the other."""
    shape = tuple(size_of(brick, f"{letter}res") for letter in "zyx")
    values = map_values(brick, "data", shape)
    units = units_of(brick, "si_unit_w", is_old=is_old)
    y, x = (
        axis_of(brick, letter, units=units_of(brick, f"si_unit_{letter}", is_old=is_old))
        for letter in "yx"
    )
    z = _depth(brick, shape[0], is_old=is_old)
    if is_spectral is None:
        is_spectral = z.name != "z"
    return Channel(
        title=title or "Volume",
        data=Transposed(values.data, (1, 2, 0)) if is_spectral else values.data,
        axes=(y, x, z) if is_spectral else (z, y, x),
        quantity=quantity_of(title, units),
        units=units,
        attrs=values.attrs,
    )


def _plane(field: Object) -> tuple[int, int]:
    return size_of(field, "yres"), size_of(field, "xres")


def _depth(brick: Object, size: int, *, is_old: bool) -> Axis:
    """Return the third axis: by its calibration, which need not be even, or as it is stored."""
    calibration = brick.get("calibration", Object)
    block = None if calibration is None else calibration.get("data", Block)
    if calibration is not None and block is not None and block.count == block.there == size:
        values = block.values()
        units = units_of(calibration, "si_unit_y", is_old=is_old)
        if np.isfinite(values).all():
            found: dict[str, Any] = {"size": size, "units": units, "values": values}
            return Axis(name=dimension_of(units, "z"), **found)
    units = units_of(brick, "si_unit_z", is_old=is_old)
    return replace(axis_of(brick, "z", units=units), name=dimension_of(units, "z"))
