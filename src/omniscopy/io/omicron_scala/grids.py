"""Spectra on a grid of SCALA: images at one value of the ramp after another."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Mapped, Scaled, Transposed
from omniscopy.io.errors import FormatError
from omniscopy.io.omicron_scala.curves import QUANTITIES, ramp_axis
from omniscopy.io.omicron_scala.parameters import Parameters, linear
from omniscopy.io.quantities import known_units, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray

_STEPS = ("Spectroscopy Grid Value in Y", "Spectroscopy Grid Value in X")
_COUNTS = ("Spectroscopy Lines in Y", "Spectroscopy Points in X")


def grid_channel(said: Parameters, block: dict[str, str], file: Path) -> Channel:
    """Return the spectra of a channel (y, x, ramp), row 0 on top.

    Raises
    ------
    FormatError
        The ramp is no number, or the file is not as long as a grid of the image needs.
    """
    ramp = ramp_axis(block, file)
    image = (said.size("Image Size in Y"), said.size("Image Size in X"))
    steps = [max(int(said.number(key) or 1), 1) for key in _STEPS]
    # A spectrum is taken at the first pixel of a line, and at every so many after it.
    shape = tuple((size - 1) // step + 1 for size, step in zip(image, steps, strict=True))
    there = file.stat().st_size
    if there != 2 * shape[0] * shape[1] * ramp.size:
        counted = [int(said.number(key) or 0) for key in _COUNTS]
        message = (
            f"a grid of {shape[0]} by {shape[1]} spectra of {ramp.size} points was expected (the "
            f"header counts {counted}), the file has {there} bytes"
        )
        raise FormatError(message, path=file, offset=there)
    stored = Mapped(str(file), 0, (ramp.size, *shape), np.dtype(">i2"))
    data: LazyArray = Flipped(Transposed(Scaled(stored, *linear(block)), (1, 2, 0)), (0,))
    title = f"{QUANTITIES.get(block['channel'], block['channel'])} map"
    units = known_units(block["units"])
    lengths = [said.number(f"Field {name} Size in nm") for name in "YX"]
    direction = block["direction"].lower()
    return Channel(
        title=f"{title} {direction}",
        data=data,
        axes=[
            *(
                _place(name, shape[n], image[n], steps[n], lengths[n])
                for n, name in enumerate("yx")
            ),
            ramp,
        ],
        quantity=quantity_of(title, units),
        units=units,
        source="Omicron",
        metadata={"scan": {"direction": direction}},
        original_metadata=block,
    )


def _place(name: str, count: int, size: int, step: int, length: float | None) -> Axis:
    """Return where the spectra are in the image: its lines go up, and its labels down."""
    pixel = None if not length else length / size
    known: dict[str, Any] = {"units": "nm"} if pixel else {}
    first = size - 1 - (count - 1) * step if name == "y" else 0
    return Axis(
        name=name, size=count, scale=step * (pixel or 1.0), offset=first * (pixel or 1.0), **known
    )
