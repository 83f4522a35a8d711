"""What Omniscopy keeps of its data beside what Gwyddion knows of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from omniscopy.io.gwyddion.arrays import Unmasked
from omniscopy.io.gwyddion.objects import Object
from omniscopy.io.records import Axis, Channel, Variable
from omniscopy.model.errors import DataError


@dataclass(frozen=True)
class Notes:
    """Attributes of the tree and of each channel, and the names of its dimensions."""

    KEY: ClassVar[str] = "/omniscopy"

    root: dict[str, Any] = field(default_factory=dict)
    channels: dict[str, Any] = field(default_factory=dict)

    def is_spectral(self, key: str) -> bool | None:
        """Return whether the third axis of a volume was its last, `None` where it is unknown."""
        note = self.channels.get(key)
        return note.get("is_spectral") if isinstance(note, dict) else None

    def restore(self, key: str, channel: Channel) -> Channel:
        """Return a channel as it was saved, unchanged where there is no note of it."""
        note = self.channels.get(key)
        if not isinstance(note, dict) or len(note.get("axes", ())) != len(channel.axes):
            return channel
        axes = [
            _restored(axis, said) for axis, said in zip(channel.axes, note["axes"], strict=True)
        ]
        variables, data = dict(channel.variables), channel.data
        mask = variables.get("mask")
        if note.get("masked") and mask is not None and data is not None:
            data = Unmasked(data, mask.data)  # type: ignore[arg-type]
            del variables["mask"]
        renamed = {old.name: new.name for old, new in zip(channel.axes, axes, strict=True)}
        return replace(
            channel,
            name=note.get("name"),
            data=data,
            axes=axes,
            variables=_renamed(variables, renamed),
            coordinates=_renamed(channel.coordinates, renamed),
            group=note.get("group", ""),
            source=None,
            metadata={},
            original_metadata={},
            attrs=channel.attrs | note.get("attrs", {}),
        )


def read_notes(container: Object) -> Notes:
    """Return the notes of a file, none where another program has saved it since."""
    # Gwyddion puts this key into every file that it saves.
    if container.text("/filename") or not container.text(Notes.KEY):
        return Notes()
    from omniscopy.io.storage.attributes import decode_attrs

    try:
        found = decode_attrs(container.text(Notes.KEY))
    except (ValueError, DataError):
        return Notes()
    root, channels = found.get("root"), found.get("channels")
    if not isinstance(root, dict) or not isinstance(channels, dict):
        return Notes()
    return Notes(root, channels)


def _renamed(variables: Mapping[str, Variable], names: dict[str, str]) -> dict[str, Variable]:
    return {
        key: replace(each, dims=tuple(names[dim] for dim in each.dims))
        for key, each in variables.items()
    }


def _restored(axis: Axis, said: Any) -> Axis:
    """Return an axis with its name and attributes, turned back where it descends."""
    if axis.values is None and said.get("descends"):
        axis = replace(axis, scale=-axis.scale, offset=-axis.offset)
    attrs = dict(said.get("attrs", {}))
    known = {key: attrs.pop(key, None) for key in ("units", "quantity", "kind", "role")}
    return replace(axis, name=said["name"], attrs=attrs, **known)
