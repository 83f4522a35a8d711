"""Notes in files of one array that bring it back as it was saved."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np

from omniscopy.io.records import Axis, Channel
from omniscopy.model.errors import DataError

# What comes before a note in the free text of a file.
NOTE_MARK = "OMNISCOPY "


def restore_array(channel: Channel, note: str) -> tuple[Channel, dict[str, Any]]:
    """Return a channel as it was saved, and the attributes of the root.

    A note that cannot be read, or is not of an array of this shape, is left out of account.
    """
    # Loaded here: few files have a note, and looking at the others must cost nothing.
    from omniscopy.io.storage.attributes import decode_attrs

    try:
        said = decode_attrs(note)
        axes = [
            _restored(axis, each) for axis, each in zip(channel.axes, said["axes"], strict=True)
        ]
        attrs, root, name = dict(said["attrs"]), dict(said["root"]), str(said["name"])
    except (ValueError, KeyError, TypeError, DataError):
        return channel, {}
    restored = replace(
        channel, name=name, title=str(attrs.get("long_name", "")), axes=axes,
        attrs={**channel.attrs, **attrs}, metadata={},
        original_metadata={}, source=None, quantity=None, units=None, modality=None,
    )  # fmt: skip
    return restored, root


def split_shape_note(text: str, *, size: int) -> tuple[tuple[int, ...] | None, str]:
    """Return the shape before a note, `None` where it is damaged or not of `size` values."""
    said, _, note = text.rstrip("\0 ").partition(" ")
    if not re.fullmatch(r"\d{1,15}(x\d{1,15}){0,15}", said):
        return None, ""
    shape = tuple(int(part) for part in said.split("x"))
    return (shape, note) if math.prod(shape) == size else (None, "")


def _restored(axis: Axis, said: dict[str, Any]) -> Axis:
    attrs = dict(said.get("attrs", {}))
    known = {key: attrs.pop(key, None) for key in ("units", "quantity", "kind", "role")}
    values = said.get("values")
    if values is not None and np.shape(values) != (axis.size,):
        message = f"{np.shape(values)} places were noted for {axis.size} values"
        raise ValueError(message)
    return Axis(
        name=str(said["name"]),
        size=axis.size,
        scale=float(said.get("scale", 1.0)),
        offset=float(said.get("offset", 0.0)),
        values=values,
        attrs=attrs,
        **known,
    )
