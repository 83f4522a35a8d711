"""Read pictures of Semper: images, volumes and spectra, real or complex."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.quantities import known_units, stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.semper.arrays import RecordRows
from omniscopy.io.semper.records import FORMS, Head, read_head

_FOURIER = "fourier"


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - nothing of a cut one
    """Read a picture of Semper.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: what is cut short is refused.

    Returns
    -------
    Measurement
        One channel, (y, x) or (z, y, x) with row 0 on top, (ky, kx) of a Fourier transform.
        Real coordinates of the label are taken to be those of the first pixel.

    Raises
    ------
    FormatError
        The file is cut short or damaged.
    """
    path = Path(path)
    head = read_head(path)
    sizes = {"z": head.shape[0], "y": head.shape[1], "x": head.shape[2]}
    kept = {letter: size for letter, size in sizes.items() if size > 1 or letter != "z"}
    # A single row is a line.
    if head.shape[:2] == (1, 1):
        kept = {"x": sizes["x"]}
    dtype = np.dtype(FORMS[head.form]).newbyteorder(head.order)
    shape = tuple(kept.values())
    label = head.label
    channel = Channel(
        title=(label.title if label else "") or head.title or path.stem,
        data=RecordRows(str(path), head.offset, shape, dtype, head.order),
        axes=[_axis(head, letter, size) for letter, size in kept.items()],
        quantity="intensity",
        source="Semper",
        metadata=stated({"title": head.title, "started": label.started if label else None}),
        original_metadata=_original(head),
    )
    return Measurement(channels=[channel])


def _axis(head: Head, letter: str, size: int) -> Axis:
    name = f"k{letter}" if head.kind == _FOURIER and letter != "z" else letter
    step, origin, text = (head.label.scales if head.label else {}).get(letter, (0.0, 0.0, ""))
    if not (math.isfinite(step) and step != 0 and math.isfinite(origin)):
        return Axis(name=name, size=size)
    return Axis(name=name, size=size, scale=step, offset=origin, units=known_units(text))


def _original(head: Head) -> dict[str, Any]:
    found: dict[str, Any] = {"class": head.kind, "form": head.form, "title": head.title}
    if head.label is not None:
        found["label"] = dict(head.label.fields)
        for letter, (step, origin, units) in head.label.scales.items():
            found["label"][f"scale_{letter}"] = {"step": step, "origin": origin, "units": units}
    return found
