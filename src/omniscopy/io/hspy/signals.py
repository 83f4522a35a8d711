"""A signal of HyperSpy as a channel, from whatever it is stored in."""

import re
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from omniscopy.io.array_notes import restore_array
from omniscopy.io.errors import FormatError
from omniscopy.io.hspy.arrays import COMPONENTS, Colours
from omniscopy.io.hspy.conventions import axis_names, axis_of, common_metadata, nested
from omniscopy.io.records import Axis, Channel, LazyArray, Variable
from omniscopy.model.units import spell

NOTE = "omniscopy"
# Where the variance of each value is, below the group of a signal.
VARIANCE = "metadata/Signal/Noise_properties/_sig_variance/data"
# How the name of an entry says of what Python type it was.
_TYPED = re.compile(r"_(list|tuple)_(?:\d+_)?(.*)|_(?:sig|hspy_AxesManager|datetime)_(.*)")
_PICKLED = "_bs_"


def plain_key(name: str) -> tuple[str, bool]:
    """Return the key of an entry of metadata, and whether its name says that it is a list."""
    match = _TYPED.fullmatch(name)
    if match is None:
        return name, False
    return next((part for part in match.groups()[1:] if part), name), match[1] is not None


def plain_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes without what was pickled, which is never unpickled."""
    return {
        key: None if value == "_None_" else value
        for key, value in attributes.items()
        if not key.startswith(_PICKLED)
    }


def stored_axes(
    described: Sequence[tuple[Mapping[str, Any], np.ndarray | None]],
    shape: tuple[int, ...],
    said: Mapping[str, Any],
) -> list[Any]:
    """Return axes with the attributes that they have in HyperSpy.

    `described` are what is stored of each axis, and its places where it is uneven.
    """
    record_by = nested(said, "Signal.record_by") or said.get("record_by")
    inner = {"spectrum": 1, "image": 2}.get(str(record_by), len(shape))
    made = []
    for number, (size, (about, places)) in enumerate(zip(shape, described, strict=True)):
        axis = SimpleNamespace(
            name=_text(about.get("name")),
            units=_text(about.get("units")),
            navigate=bool(about.get("navigate", number < len(shape) - inner)),
            size=size,
        )
        if places is not None and places.shape == (size,) and places.dtype.kind in "iuf":
            axis.axis = places
        else:
            axis.scale = _number(about.get("scale"), 1.0) or 1.0
            axis.offset = _number(about.get("offset"), 0.0)
        made.append(axis)
    return made


def channel_of(
    data: LazyArray | np.ndarray,
    axes: Sequence[Any],
    said: Mapping[str, Any],
    original: Mapping[str, Any],
    *,
    name: str,
    variance: LazyArray | None = None,
    further: Sequence[Axis] = (),
) -> tuple[Channel, dict[str, Any]]:
    """Return a signal, and the attributes of the root that were saved with it.

    `name` is that of its group, `said` and `original` are its metadata, `further` are axes of the
    values at every place where these are of any shape.
    """
    original = dict(original)
    note = original.pop(NOTE, None)
    colours: list[Axis] = []
    if data.dtype.names and not isinstance(data, np.ndarray):
        if not set(data.dtype.names) <= set(COMPONENTS):
            message = f"records of {data.dtype.names} are not known; colours were expected"
            raise FormatError(message, key=name)
        words = np.array([COMPONENTS[field] for field in data.dtype.names])
        colours = [Axis(name="channel", size=len(words), values=words)]
        data = Colours(data)
    signal_type = str(nested(said, "Signal.signal_type") or said.get("signal_type") or "")
    inner = sum(not axis.navigate for axis in axes)
    named = [
        axis_of(axis, word, inner=inner)
        for axis, word in zip(axes, axis_names(axes, signal_type), strict=True)
    ]
    quantity, _, units = str(nested(said, "Signal.quantity") or "").partition("(")
    title = str(nested(said, "General.title") or said.get("title") or said.get("name") or name)
    channel = Channel(
        title="signal" if title == "__unnamed__" else title.strip() or "signal",
        data=data,
        axes=[*named, *further, *colours],
        quantity=quantity.strip().lower() or None,
        units=spell(units.rstrip(") ")) or None,
        modality=signal_type.partition("_")[0] or None,
        metadata=common_metadata(said),
        original_metadata={"metadata": said, "original_metadata": original},
        variables=(
            {}
            if variance is None
            else {"variance": Variable(dims=tuple(axis.name for axis in named), data=variance)}
        ),
    )
    return restore_array(channel, str(note)) if note is not None else (channel, {})


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in ("", "_None_", "<undefined>") else None


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else default
