"""Writing a tree as a Zarr store of version 3."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.remote import Place, RemotePath
from omniscopy.io.storage.attributes import plain_attrs
from omniscopy.io.storage.stored import (
    ENCODING,
    KEY,
    RESERVED,
    ChunkedTarget,
    StoredNode,
    StoredVariable,
    native_chunks,
    stored_nodes,
    stream,
)
from omniscopy.io.zarr_store.ome import describe_image
from omniscopy.model.errors import DataError


def write(
    tree: xr.DataTree,
    path: Place,
    *,
    compression: str | None = "zstd",
    level: int = 1,
    shards: bool = False,
) -> None:
    """Write a tree as a Zarr store (version 3), streaming lazy values chunk by chunk.

    Parameters
    ----------
    tree : DataTree
        Any nodes; images get OME-Zarr metadata besides.
    path : Path or RemotePath
        The folder to write, or a place behind a URL: there the root, with the descriptions of all
        arrays, is written when everything else is.
    compression : {"zstd", "blosc", "gzip"} or None
        Blosc shuffles bytes first, which suits floating point.
    level : int
        Of the compression.
    shards : bool
        Keep all chunks of a block of the data in one file: fewer files, more memory.
    """
    from omniscopy.io.zarr_store.stores import UnfinishedStore, store_at

    store = store_at(path, read_only=False)
    if isinstance(path, RemotePath):
        store = UnfinishedStore(store, path)
    laid = lay_out(tree, store, compression=compression, level=level, shards=shards)
    stream([(each.values, each.target) for each in laid])
    if isinstance(path, RemotePath):
        store.finish()


@dataclass(frozen=True)
class LaidOut:
    """A variable of a tree, and the array that was made for its values; `node` is a path."""

    node: str
    name: str
    dims: tuple[str, ...]
    values: Any
    target: ChunkedTarget


def lay_out(
    tree: xr.DataTree,
    store: Any,
    *,
    compression: str | None = "zstd",
    level: int = 1,
    shards: bool = False,
    again: bool = False,
) -> list[LaidOut]:
    """Write all of a store but the values, and return these with the places for them.

    With `again`, the store is one that was laid out for the same tree before, and keeps its
    values. Other parameters are those of `write`.
    """
    import zarr

    codecs = {"compressors": _compressors(compression, level), "shards": shards}
    root = zarr.open_group(store, mode="r+" if again else "w", zarr_format=3)
    laid: list[LaidOut] = []
    for node in stored_nodes(tree):
        group = root if node.path == "/" else root.require_group(node.path.strip("/"))
        if not again:
            group.update_attributes(_node_attrs(node))
        for name, variable in node.variables.items():
            made = (_find if again else _create)(group, variable, codecs)
            laid.append(LaidOut(node.path, name, variable.dims, *made))
    return laid


def _create(
    group: Any, variable: StoredVariable, codecs: Mapping[str, Any]
) -> tuple[Any, ChunkedTarget]:
    """Return the values of a variable and the array that was made for them."""
    values, chunks = native_chunks(variable.values)
    target = chunks
    shards = None
    if codecs["shards"] and values.ndim and not variable.is_text:
        shards = target = _shard(values, chunks)
    array = group.create_array(
        variable.name,
        shape=values.shape,
        dtype=np.dtypes.StringDType() if variable.is_text else values.dtype,
        chunks=chunks,
        shards=shards,
        compressors=codecs["compressors"],
        dimension_names=variable.dims,
        attributes=_variable_attrs(variable),
        config={"write_empty_chunks": True},
    )
    return values, ChunkedTarget(array, target)


def _find(
    group: Any,
    variable: StoredVariable,
    codecs: Mapping[str, Any],  # noqa: ARG001 - those that it was made with are kept
) -> tuple[Any, ChunkedTarget]:
    """Return the values of a variable and the array that was made for them before."""
    import zarr

    with zarr.config.set({"array.write_empty_chunks": True}):
        array = group[variable.name]
    return native_chunks(variable.values)[0], ChunkedTarget(array, array.shards or array.chunks)


def _compressors(compression: str | None, level: int) -> list[Any]:
    """Return the codecs; each finds out bytes that changed on the disk."""
    from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

    match compression:
        case "zstd":
            return [ZstdCodec(level=level, checksum=True)]
        case "blosc":
            return [BloscCodec(cname="zstd", clevel=level, shuffle="shuffle"), Crc32cCodec()]
        case "gzip":
            return [GzipCodec(level=level)]
        case None:
            return [Crc32cCodec()]
    message = f"compression must be 'zstd', 'blosc', 'gzip' or None, got {compression!r}"
    raise DataError(message)


def _shard(values: Any, chunks: tuple[int, ...]) -> tuple[int, ...]:
    """Return the block of the data that goes into one file: whole chunks of it."""
    blocks = getattr(values, "chunks", None)
    lengths = values.shape if blocks is None else [max(each) for each in blocks]
    return tuple(max(-(-n // chunk), 1) * chunk for n, chunk in zip(lengths, chunks, strict=True))


def _node_attrs(node: StoredNode) -> dict[str, Any]:
    attrs = _split_attrs(node.attrs, {**(ENCODING if node.path == "/" else {})}, {})
    further = [name for name, each in node.coordinates.items() if each.dims != (name,)]
    if further and not any(" " in name for name in further):
        attrs["coordinates"] = " ".join(further)
    image = describe_image(node)
    return attrs | ({"ome": image} if image else {})


def _variable_attrs(variable: StoredVariable) -> dict[str, Any]:
    return _split_attrs(variable.attrs, variable.note, variable.hints)


def _split_attrs(
    attrs: Mapping[str, Any], note: Mapping[str, Any], hints: Mapping[str, Any]
) -> dict[str, Any]:
    """Return attributes as plain JSON, with those that other tools would act on set apart."""
    plain = plain_attrs(attrs)
    apart = {key: value for key, value in plain.items() if key in RESERVED or key in hints}
    shown = {key: value for key, value in plain.items() if key not in apart}
    own = {**note, **({"attrs": apart} if apart else {}), **({"hints": [*hints]} if hints else {})}
    return {**shown, **hints, **({KEY: own} if own else {})}
