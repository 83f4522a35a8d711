"""Any file in, labelled and lazy."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from omniscopy.io.reading import read_measurement
from omniscopy.io.remote import Place, RemotePath, locate
from omniscopy.io.tree import SIGNAL, grown, to_nodes
from omniscopy.model.errors import DataError
from omniscopy.model.parameters import encode
from omniscopy.model.provenance import PROVENANCE, Known, source_file, steps_to

OPEN_SIGNAL = "io.open_signal"


def open(
    path: str | Place,
    *,
    reader: str | None = None,
    chunks: Any = "auto",
    partial: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> xr.DataTree:
    """Open a file of any instrument as a lazy tree, one node a channel.

    Parameters
    ----------
    path : str or Path
        The file, or the folder of a Zarr store; or the URL of one in an object store, such as
        ``"s3://bucket/name.zarr"``. It is opened read-only.
    reader : str, optional
        Name of the format to read it as, instead of what its content says.
    chunks : "auto", dict or None
        How the lazy arrays are cut, by dimension; `None` loads them into memory.
    partial : bool
        Open a truncated file too; what is missing is NaN (zero for integers) and marked in
        `attrs["incomplete"]`. A measurement that was not finished opens either way, so marked.
    storage_options : mapping, optional
        Options of fsspec for a URL, such as keys; they are recorded nowhere.
    **options
        Further options of the reader.

    Returns
    -------
    DataTree
        Each child holds a Dataset with the variable `signal`; the root has the metadata of
        the whole file.

    Raises
    ------
    FormatError
        The file is damaged, empty, not there or may not be read; `UnsupportedFormatError`
        where no reader knows it.
    """
    # Handles go to processes that may run in other folders.
    place = locate(path, storage_options).absolute()
    with _collector_at_rest():
        return _opened(place, reader, chunks, partial=partial, **options)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Look for no garbage meanwhile.

    What is made stays, thousands of small things at once: to look through them again and again
    takes up to a quarter of the time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _opened(
    place: Place, reader: str | None, chunks: Any, *, partial: bool, **options: Any
) -> xr.DataTree:
    form, measurement = read_measurement(place, reader=reader, partial=partial, **options)
    nodes = to_nodes(measurement, chunks=chunks)
    said = {"reader": reader, "partial": partial, **options}
    new = {
        path: dataset
        for path, dataset in nodes.items()
        if any(PROVENANCE not in dataset.variables[key].attrs for key in dataset.data_vars)
    }
    # Looking at a whole folder costs something; a saved result has its history already.
    source = _source(place) if new else {}
    known: Known = {}
    for at, dataset in new.items():
        _note_source("/".join(at), dataset, source, said, known)
    tree = grown(nodes)
    tree.attrs.setdefault("file", {"path": str(place), "format": form.name})
    return tree


def open_signal(path: str | Path, channel: str | None = None, **options: Any) -> xr.DataArray:
    """Open one channel of a file as a lazy labelled array.

    Parameters
    ----------
    path : str or Path
        The file.
    channel : str, optional
        Name of the channel; may be left out where the file has just one.
    **options
        As for `open`.

    Returns
    -------
    DataArray
        Named after its channel, with the metadata of the file in its attributes.

    Raises
    ------
    DataError
        There is no such channel, or several and none was named; the message lists them.
    FormatError
        As for `open`.
    """
    found = signals(open(path, **options))
    if channel is None and len(found) == 1:
        return next(iter(found.values()))
    if channel in found:
        return found[channel]
    listed = "\n".join(
        f"  {name}: {data.attrs.get('signal_type', '')} {dict(data.sizes)} {data.dtype}"
        for name, data in found.items()
    )
    asked = "name one with `channel=`" if channel is None else f"there is no channel {channel!r}"
    message = f"{path} holds {len(found)} channels; {asked}:\n{listed}"
    raise DataError(message)


def signals(tree: xr.DataTree) -> dict[str, xr.DataArray]:
    """Return the channels of a tree by name.

    Parameters
    ----------
    tree : DataTree
        From `open`.

    Returns
    -------
    dict of str to DataArray
        The main variable of each node, renamed to its channel and with the metadata of the
        whole file beside its own. Variables of a node without a main one are called
        `node/variable`, and nodes below the first level are called by their path.
    """
    found: dict[str, xr.DataArray] = {}
    for node in tree.subtree:
        name = node.path.strip("/")
        dataset = node.to_dataset(inherit=False)
        if SIGNAL in dataset:
            found[name or SIGNAL] = _complete(dataset[SIGNAL].rename(name or SIGNAL), tree)
        else:
            for variable, values in dataset.data_vars.items():
                title = f"{name}/{variable}" if name else str(variable)
                found[title] = _complete(values.rename(str(variable)), tree)
    return found


def _source(place: Place) -> dict[str, Any]:
    if isinstance(place, RemotePath):
        return {"file": str(place), **place.digest()}
    return source_file(place)


def _complete(data: xr.DataArray, tree: xr.DataTree) -> xr.DataArray:
    """Return `data` with the metadata of the whole file, which its own overrule."""
    attrs = dict(data.attrs)
    metadata = _merged(tree.attrs.get("metadata", {}), attrs.get("metadata", {}))
    # The vendor's own tree is not mixed below its first level.
    original = {**tree.attrs.get("original_metadata", {}), **attrs.get("original_metadata", {})}
    found = {"metadata": metadata, "original_metadata": original}
    attrs |= {key: merged for key, merged in found.items() if merged}
    return data.copy(deep=False).assign_attrs(attrs)


def _merged(of_file: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, group by group: a direction of the scan does not hide its rate."""
    merged = {**of_file, **own}
    for key, value in own.items():
        other = of_file.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            merged[key] = _merged(other, value)
    return merged


def _note_source(
    name: str, dataset: xr.Dataset, source: dict[str, Any], said: dict[str, Any], known: Known
) -> None:
    """Write down with the values of a node the file that they came from.

    `known` holds what was found out about the coordinates that nodes share.
    """
    given = encode({key: value for key, value in said.items() if value not in (None, False)})
    for key, values in dataset.data_vars.items():
        if PROVENANCE in values.attrs:
            continue
        main = key == SIGNAL or SIGNAL in dataset
        channel = (name or SIGNAL) if main else "/".join(part for part in (name, str(key)) if part)
        parameters = {"channel": channel, **given}
        # The variable of a new node is nobody else's; to put in another would compare all axes.
        dataset.variables[key].attrs[PROVENANCE] = steps_to(
            values, OPEN_SIGNAL, parameters=parameters, inputs={"path": source}, known=known
        )
