"""HDF5 as a place for trees: what netCDF and NeXus files of ours have in common.

Every group and dataset has an attribute `omniscopy`, a JSON text with all that is needed to
restore it. What other programs read (units, axes, names) stands beside it.
"""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Hdf5Array, full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key, Measurement, Node, Variable
from omniscopy.io.storage.attributes import plain_attrs, restore_attrs
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import handle_of, members, walk_groups
from omniscopy.io.storage.hdf5_heaps import require_sound_values
from omniscopy.io.storage.hdf5_plain import checked_attribute
from omniscopy.io.storage.restored import chunks_touched, restored, to_measurement
from omniscopy.io.storage.stored import (
    ENCODING,
    KEY,
    RESERVED,
    StoredNode,
    StoredVariable,
    require_version,
)
from omniscopy.model.errors import DataError

# Object headers have checksums from HDF5 1.8 on, the places of chunks from 1.10 on.
VERSION = ("v110", "v114")

_NAME = re.compile(r"[A-Za-z][\w.@+ -]*")
_OF_HDF5 = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "NX_class"}


@dataclass(frozen=True)
class WrittenArray(Hdf5Array):
    """A dataset of which every chunk was written: one that is not there was lost, not left out.

    HDF5 keeps no checksum of where chunks are, and gives zeros for those that it cannot find.
    """

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        with open_hdf5(self.path, attributes=self.dtype.hasobject) as file:
            dataset = file[self.key]
            if self.chunks is not None:
                self._require_chunks(dataset, full_key(key, self.shape), self.chunks)
            if self.dtype.hasobject:
                require_sound_values(dataset)
            return np.asarray(dataset[key], dtype=self.dtype)

    def _require_chunks(self, dataset: Any, key: Key, chunks: tuple[int, ...]) -> None:
        for place in chunks_touched(key, chunks):
            start = tuple(n * length for n, length in zip(place, chunks, strict=True))
            chunk = dataset.id.get_chunk_info_by_coord(start)
            if chunk.byte_offset is None or chunk.filter_mask:
                message = f"the chunk at {start} is damaged or missing"
                raise FormatError(message, path=self.path, key=self.key)


def root_note() -> str:
    """Return the JSON text by which a file is known as one of ours."""
    return _text(ENCODING)


def node_note(node: StoredNode) -> str:
    """Return the JSON text that restores the attributes of a node."""
    encoding = ENCODING if node.path == "/" else {}
    return _text({**encoding, "path": node.path, "attrs": plain_attrs(node.attrs)})


def variable_note(variable: StoredVariable) -> str:
    """Return the JSON text that restores a variable."""
    form = {"name": variable.name, "dims": list(variable.dims)}
    return _text({**variable.note, **form, "attrs": plain_attrs(variable.attrs)})


def shown_attrs(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return those attributes that HDF5 holds as they are, for other programs to read."""
    return {
        key: value
        for key, value in attrs.items()
        if key not in RESERVED | _OF_HDF5 and _NAME.fullmatch(key) and _is_simple(value)
    }


def storage_options(
    variable: StoredVariable, chunks: tuple[int, ...], compression: str | None, level: int
) -> dict[str, Any]:
    """Return how the values of a variable are laid out: in chunks that have checksums."""
    if compression not in (None, "gzip"):
        message = f"compression must be 'gzip' or None, got {compression!r}"
        raise DataError(message)
    if variable.is_text or 0 in variable.values.shape or not variable.dims:
        return {}
    packed = {} if compression is None else {"compression_opts": level, "shuffle": True}
    return {"chunks": chunks, "fletcher32": True, "compression": compression, **packed}


def read_stored(path: Path) -> Measurement | None:
    """Return the records of a tree that Omniscopy stored, `None` for any other file."""
    with open_hdf5(path) as file:
        if KEY not in file.attrs:
            return None
        root = _note(file)
        if root.get("encoding") != ENCODING["encoding"]:
            return None
        require_version(path, root)
        nodes: dict[str, Node] = {}
        for group in walk_groups(file):
            note = _note(group) if KEY in group.attrs else {}
            if "path" in note:
                nodes[str(note["path"])] = _node(group, note)
        return to_measurement(nodes)


def _node(group: Any, note: Mapping[str, Any]) -> Node:
    import h5py

    variables: dict[str, Variable] = {}
    coordinates: dict[str, Variable] = {}
    for _, member in members(group):
        if not isinstance(member, h5py.Dataset) or KEY not in member.attrs:
            continue
        said = _note(member)
        name = str(said["name"])
        data = WrittenArray(**vars(handle_of(member)))
        dims = tuple(str(dim) for dim in said["dims"])
        is_coordinate, variable = restored(name, dims, data, restore_attrs(said["attrs"]), said)
        (coordinates if is_coordinate else variables)[name] = variable
    return Node(variables=variables, coordinates=coordinates, attrs=restore_attrs(note["attrs"]))


def _note(thing: Any) -> dict[str, Any]:
    found = json.loads(checked_attribute(thing, KEY))
    if not isinstance(found, dict):
        message = "the notes of Omniscopy are no JSON object"
        raise FormatError(message, path=thing.file.filename, key=thing.name)
    checksum = found.pop("crc32", None)
    if checksum is not None and checksum != _checksum(found):
        message = "the attributes are damaged: their checksum is another"
        raise FormatError(message, path=thing.file.filename, key=thing.name)
    return found


def _text(plain: Mapping[str, Any]) -> str:
    """Return JSON with a checksum, which HDF5 does not keep of text."""
    return json.dumps({"crc32": _checksum(plain), **plain}, allow_nan=False)


def _checksum(plain: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(plain, sort_keys=True).encode())


def _is_simple(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    if isinstance(value, str):
        return "\0" not in value and len(value) < 2**14 and _is_unicode(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, list | tuple):
        kinds = {type(item) for item in value}
        return 0 < len(value) < 1000 and kinds <= {int, float} and all(map(_is_simple, value))
    return isinstance(value, float | np.integer | np.floating) and not isinstance(
        value, np.longdouble | np.float16
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
