"""Reading Zarr stores: our own, those of xarray, OME-Zarr images, and any other arrays."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.records import Channel, Measurement, Node, Variable
from omniscopy.io.remote import Place
from omniscopy.io.storage.attributes import restore_attrs
from omniscopy.io.storage.foreign import Group, GroupVariable, to_channels
from omniscopy.io.storage.restored import restored, to_measurement
from omniscopy.io.storage.stored import ENCODING, KEY, require_version
from omniscopy.io.zarr_store.arrays import ZarrArray
from omniscopy.io.zarr_store.ome import read_image

_MANY = 10_000


def read(path: Place, *, partial: bool = False) -> Measurement:
    """Return the records of a Zarr store of version 2 or 3.

    Parameters
    ----------
    path : Path or RemotePath
        The folder of the store, or where it lies behind a URL.
    partial : bool
        Read chunks that are missing as zero instead of refusing them.

    Returns
    -------
    Measurement
        A store that Omniscopy wrote comes back as it was. In others each array is a channel;
        of an OME-Zarr image the level of full resolution is read.

    Raises
    ------
    FormatError
        The metadata of the store are damaged; `UnsupportedFormatError` where a newer version
        wrote it.
    """
    with warnings.catch_warnings(record=True) as strange:
        warnings.simplefilter("always")
        groups = _groups(path)
    own = groups[0][1].get(KEY) if groups else None
    if isinstance(own, dict) and own.get("encoding") == ENCODING["encoding"]:
        require_version(path, own)
        if strange:
            message = f"the store is damaged: {strange[0].message}"
            raise FormatError(message, path=path)
        nodes = {
            name: _node(path, attrs, arrays, complete=not partial) for name, attrs, arrays in groups
        }
        return to_measurement(nodes)
    return _foreign(path, groups)


def _groups(path: Place) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return path, attributes and arrays of every group, parents first."""
    import zarr
    from zarr.errors import BaseZarrError

    from omniscopy.io.zarr_store.stores import store_at, version_at

    try:
        opened = zarr.open(store_at(path), mode="r", zarr_format=version_at(path))
        if isinstance(opened, zarr.Array):
            return [("/", {}, {opened.name.strip("/") or path.stem: opened})]
        return list(_walk(opened))
    except (BaseZarrError, OSError, ValueError, KeyError, TypeError) as error:
        message = f"the metadata of the store cannot be read ({error})"
        raise FormatError(message, path=path) from error


def _walk(root: Any) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    groups, seen = [root], 0
    while groups:
        group = groups.pop(0)
        arrays, children = {}, []
        for name, member in group.members():
            seen += 1
            if hasattr(member, "members"):
                children.append(member)
            else:
                arrays[name] = member
        if seen > _MANY:
            message = f"the store has more than {_MANY} arrays"
            raise FormatError(message)
        yield group.name, dict(group.attrs), dict(sorted(arrays.items()))
        groups += sorted(children, key=lambda child: child.name)


def _node(
    path: Place, attrs: Mapping[str, Any], arrays: Mapping[str, Any], *, complete: bool
) -> Node:
    """Return a node that Omniscopy stored."""
    variables: dict[str, Variable] = {}
    coordinates: dict[str, Variable] = {}
    for name, array in arrays.items():
        own, said = _parted(dict(array.attrs))
        handle = ZarrArray.of(array, path, complete=complete)
        dims = tuple(array.metadata.dimension_names or ())
        is_coordinate, variable = restored(name, dims, handle, said, own)
        (coordinates if is_coordinate else variables)[name] = variable
    shown = {key: value for key, value in attrs.items() if key not in ("coordinates", "ome")}
    return Node(variables=variables, coordinates=coordinates, attrs=_parted(shown)[1])


def _parted(attrs: dict[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return what we noted of a variable or node, and the attributes that it had."""
    own = attrs.pop(KEY, {})
    own = own if isinstance(own, dict) else {}
    for hint in own.get("hints", []):
        attrs.pop(hint, None)
    return own, restore_attrs({**attrs, **own.get("attrs", {})})


def _foreign(path: Place, groups: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> Measurement:
    channels: list[Channel] = []
    levels: set[str] = set()
    for name, attrs, arrays in groups:
        image = read_image(path, name, attrs, arrays)
        if image is not None:
            channels.append(image)
            levels.add(name)
        if any(name == level or name.startswith(f"{level.rstrip('/')}/") for level in levels):
            continue
        variables = {
            key: GroupVariable(
                dims=_dims(array),
                data=ZarrArray.of(array, path, complete=False),
                attrs=_attrs(array),
            )
            for key, array in arrays.items()
        }
        channels += to_channels(Group(path=name, attrs=attrs, variables=variables), path)
    if not channels:
        raise FormatError("the store has no arrays", path=path)  # noqa: EM101
    root = groups[0][1]
    return Measurement(channels=channels, original_metadata=root)


def _dims(array: Any) -> tuple[str, ...]:
    """Return the names of dimensions: of version 3, or those that xarray notes in version 2."""
    named = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    if not isinstance(named, list | tuple) or not all(isinstance(name, str) for name in named):
        return ()
    return tuple(named)


def _attrs(array: Any) -> dict[str, Any]:
    """Return attributes with the mark of missing values as a number."""
    attrs = dict(array.attrs)
    packed = attrs.get("_FillValue")
    if isinstance(packed, str):  # the bytes of a float, as xarray writes them to version 3
        attrs.pop("_FillValue")
    elif "_ARRAY_DIMENSIONS" in attrs and array.fill_value and array.dtype.kind in "iuf":
        attrs["_FillValue"] = array.fill_value
    return attrs
