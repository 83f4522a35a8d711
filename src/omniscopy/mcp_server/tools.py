"""What a machine may ask for: each tool is a function of a bench, described by its signature."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from omniscopy.io import FormatError, identify, info, open, save, signals
from omniscopy.io.requests import require_arguments, require_request
from omniscopy.mcp_server.bench import Answer, Bench
from omniscopy.mcp_server.catalogue import (
    call_operation,
    describe_operation,
    find_operations,
    run_operation,
    tool_schema,
)
from omniscopy.mcp_server.pictures import draw_png
from omniscopy.model.errors import DataError
from omniscopy.model.facts import describe, numbers, part_of, plain, search_metadata
from omniscopy.model.operations import PACKAGES, Operation, all_operations
from omniscopy.model.provenance import history
from omniscopy.model.scripts import script
from omniscopy.report import report
from omniscopy.report.statistics import measure_statistics

MOST_FILES, MOST_ENTRIES, MOST_TEXT = 200, 100, 50_000


@dataclass(frozen=True)
class Tool:
    """A tool: `call` takes a bench and the arguments; `writes` says that it makes files."""

    name: str
    text: str
    schema: Mapping[str, Any]
    call: Callable[..., Answer]
    writes: bool = False


def list_files(bench: Bench, folder: str = ".") -> Answer:
    """List a folder below the root: files with their size and format, and folders.

    Parameters
    ----------
    folder : str
        Relative to the root; "." for the root itself.
    """
    place = bench.root.subfolder(folder)
    shown = [
        entry
        for entry in sorted(place.iterdir())
        if not entry.name.startswith(".") and not bench.root.leads_out(entry)
    ]
    files = [
        {
            "path": bench.root.shown(entry),
            "bytes": entry.stat().st_size if entry.is_file() else None,
            "format": _format_of(entry),
        }
        for entry in shown[:MOST_FILES]
        if entry.exists()
    ]
    facts: dict[str, Any] = {"folder": bench.root.shown(place), "entries": files}
    if len(shown) > MOST_FILES:
        facts["note"] = f"{len(shown)} entries; the first {MOST_FILES} are listed"
    return Answer(facts)


def inspect_file(bench: Bench, path: str) -> Answer:
    """Return what is in a file without reading its data: channels, shapes, units, axes, metadata.

    Parameters
    ----------
    path : str
        Relative to the root.
    """
    found = info(bench.root.existing(path))
    return Answer({**plain(found, longest=MOST_ENTRIES), "path": path})


def open_file(bench: Bench, path: str, channel: str | None = None) -> Answer:
    """Open a file of any instrument; each channel gets a handle. No data are read yet.

    Parameters
    ----------
    path : str
        Relative to the root.
    channel : str
        Only this channel.
    """
    found = signals(open(bench.root.existing(path)))
    if channel is not None and channel not in found:
        message = f"{path} has no channel {channel!r}; it has {', '.join(found)}"
        raise DataError(message)
    wanted = found if channel is None else {channel: found[channel]}
    return Answer({
        "path": path,
        "channels": [
            {"handle": bench.shelf.keep(data), **describe(data)} for data in wanted.values()
        ],
    })  # fmt: skip


def list_handles(bench: Bench) -> Answer:
    """List the data that are open or were made, by handle."""
    return Answer({
        "handles": [
            {"handle": handle, "name": plain(getattr(data, "name", None)),
             "sizes": {str(dim): size for dim, size in data.sizes.items()},
             "made_by": history(data)[-1].operation}
            for handle, data in bench.shelf.kept.items()
        ],
    })  # fmt: skip


def describe_data(bench: Bench, handle: str) -> Answer:
    """Return what data are: dimensions with units and ends, variables, type, size.

    Parameters
    ----------
    handle : str
        Such as "d1", or "d1.height" for one variable of results.
    """
    return Answer({"handle": handle, **describe(bench.shelf.get(handle))})


def find_metadata(bench: Bench, handle: str, words: str = "") -> Answer:
    """Search the metadata of data: common ones with their units, and those of the vendor.

    Parameters
    ----------
    handle : str
        Such as "d1".
    words : str
        All of them must occur in the name of an entry, such as "beam"; empty for all.
    """
    found = search_metadata(bench.shelf.get(handle), words)
    facts: dict[str, Any] = {"found": len(found), "entries": found[:MOST_ENTRIES]}
    if len(found) > MOST_ENTRIES:
        facts["note"] = f"only the first {MOST_ENTRIES} are listed; give more words"
    return Answer(facts)


def select_part(bench: Bench, handle: str, labels: dict[str, Any]) -> Answer:
    """Take a part of data by its coordinates; the part gets a handle of its own.

    Parameters
    ----------
    handle : str
        Such as "d1", or "d1.height" for one variable of results.
    labels : mapping
        By dimension, in the units of its coordinate: a number for the nearest point, or
        [low, high], of which one may be null. Such as {"energy_loss": [400, 600], "x": 2.5}.
    """
    part = part_of(bench.shelf.get(handle), labels)
    return Answer({"handle": bench.shelf.keep(part), **describe(part)})


def read_values(bench: Bench, handle: str, labels: dict[str, Any] | None = None) -> Answer:
    """Return numbers with their units and coordinates, evenly thinned to at most 1000.

    Parameters
    ----------
    handle : str
        Of one array: "d1", or "d1.height" for one variable of results.
    labels : mapping
        Only this part, as in `select`.
    """
    data = part_of(bench.shelf.array(handle), labels or {})
    return Answer({"handle": handle, **numbers(data)})


def read_statistics(bench: Bench, handle: str) -> Answer:
    """Return least, greatest, mean and standard deviation of an array; all of it is read.

    Parameters
    ----------
    handle : str
        Of one array: "d1", or "d1.height" for one variable of results.
    """
    data = bench.shelf.array(handle)
    found = measure_statistics(data)
    if found is None:
        message = f"{handle!r} holds {data.dtype}, not numbers"
        raise DataError(message)
    return Answer({
        "handle": handle, "units": data.attrs.get("units"), "count": found.count,
        "missing": found.missing, "minimum": plain(found.minimum),
        "maximum": plain(found.maximum), "mean": plain(found.mean), "std": plain(found.std),
    })  # fmt: skip


def draw_data(
    bench: Bench,
    handle: str,
    labels: dict[str, Any] | None = None,
    title: str | None = None,
    width: float = 7.0,
) -> Answer:
    """Draw data or results as a picture with calibrated axes, units, scale and colour bars.

    Parameters
    ----------
    handle : str
        Such as "d1"; of results all variables are drawn, or one, as in "d1.height".
    labels : mapping
        Only this part, as in `select`.
    title : str
        What to write above it.
    width : float
        Width in inches, 2 to 14.
    """
    if not 2 <= width <= 14:
        message = f"width must be from 2 to 14 inches, got {width}"
        raise DataError(message)
    data = part_of(bench.shelf.get(handle), labels or {})
    picture = draw_png(data, title=title, width=float(width))
    return Answer({"handle": handle, "format": "png", "bytes": len(picture)}, picture)


def list_history(bench: Bench, handle: str) -> Answer:
    """Return the steps that made data, from the file on, each as the call that it was.

    Parameters
    ----------
    handle : str
        Such as "d1".
    """
    steps = history(bench.shelf.get(handle))
    return Answer({"steps": [bench.root.hide(plain(repr(step))) for step in steps]})


def write_script(bench: Bench, handle: str, format: Literal["py", "ipynb"] = "py") -> Answer:
    """Return the Python, or the notebook, that makes data again; give it to the user.

    Parameters
    ----------
    handle : str
        Such as "d1".
    format : {"py", "ipynb"}
        A script or a notebook.
    """
    text = script(bench.shelf.get(handle), format=format)
    if len(text) > MOST_TEXT:
        message = f"the script has {len(text)} letters, and at most {MOST_TEXT} are sent"
        raise DataError(message)
    return Answer({"handle": handle, "script": text})


def release_handle(bench: Bench, handle: str) -> Answer:
    """Forget data that are not needed any more, and free their memory.

    Parameters
    ----------
    handle : str
        Such as "d1".
    """
    bench.shelf.release(handle)
    return Answer({"released": handle})


def save_data(bench: Bench, handle: str, path: str) -> Answer:
    """Save data with units, metadata and history into a new file; nothing is ever replaced.

    Parameters
    ----------
    handle : str
        Such as "d1".
    path : str
        Below the root, in a folder that is there. The extension says the format: .nxs, .h5
        (NSID), .zarr, .nc, .tif, .csv and others.
    """
    place = bench.root.new(path)
    save(bench.shelf.get(handle), place)
    return Answer({"saved": bench.root.shown(place)})


def write_report(
    bench: Bench, path: str, target: str, channels: list[str] | None = None
) -> Answer:  # fmt: skip
    """Write a file up as one HTML page with figures and first analyses, and a script beside it.

    Parameters
    ----------
    path : str
        The file, relative to the root.
    target : str
        The new page, ending in .html, in a folder below the root that is there.
    channels : list of str
        Only these; by default all.
    """
    source, place = bench.root.existing(path), bench.root.new(target)
    if place.suffix.lower() != ".html":
        message = f"the page must end in .html, got {target!r}"
        raise DataError(message)
    beside = bench.root.new(str(place.with_suffix(".py")))
    page = report(source, place, channels=channels, copy=None, progress=bench.watch.step)
    return Answer({"page": bench.root.shown(page), "script": bench.root.shown(beside)})


_READING: dict[str, Callable[..., Answer]] = {
    "list_files": list_files,
    "info": inspect_file,
    "open": open_file,
    "handles": list_handles,
    "describe": describe_data,
    "metadata": find_metadata,
    "select": select_part,
    "values": read_values,
    "statistics": read_statistics,
    "picture": draw_data,
    "find_operations": find_operations,
    "describe_operation": describe_operation,
    "run_operation": run_operation,
    "history": list_history,
    "script": write_script,
    "release": release_handle,
}
_WRITING: dict[str, Callable[..., Answer]] = {"save": save_data, "report": write_report}


def tools_of(bench: Bench) -> dict[str, Tool]:
    """Return the tools of a bench by name: those that write only where it may."""
    made = [_tool(name, function) for name, function in _READING.items()]
    if bench.allow_write:
        made += [_tool(name, function, writes=True) for name, function in _WRITING.items()]
    made += _operation_tools(bench.groups)
    return {tool.name: tool for tool in made}


def call_tool(bench: Bench, tools: Mapping[str, Tool], name: str, arguments: Any) -> Answer:
    """Return the answer of a tool; raise `DataError` where the call is not one it takes."""
    if name not in tools:
        known = ", ".join(tools)
        message = f"there is no tool {name!r}; there are {known}"
        if name in _WRITING:
            message = f"{name!r} writes files; the server was started without --allow-write"
        raise DataError(message)
    arguments = arguments or {}
    require_request(arguments)
    require_arguments(name, arguments, tools[name].schema)
    return tools[name].call(bench, **arguments)


def _tool(name: str, function: Callable[..., Answer], *, writes: bool = False) -> Tool:
    text = inspect.getdoc(function) or ""
    schema = Operation(name, function, text, {}, lazy=True).schema
    del schema["properties"]["bench"]
    schema["required"].remove("bench")
    return Tool(name, text, schema, function, writes)


def _operation_tools(groups: tuple[str, ...]) -> Iterator[Tool]:
    unknown = [group for group in groups if group not in (*PACKAGES, "all")]
    if unknown:
        message = f"there is no group {unknown[0]!r}; there are {', '.join(PACKAGES)}, all"
        raise DataError(message)
    if not groups:
        return
    for found in all_operations():
        if "all" in groups or found.name.partition(".")[0] in groups:
            # Many clients take no dots in names of tools.
            name = found.name.replace(".", "-")
            yield Tool(name, found.summary, tool_schema(found), partial(_call, found))


def _call(found: Operation, bench: Bench, **arguments: Any) -> Answer:
    return call_operation(bench, found, arguments)


def _format_of(entry: Any) -> str | None:
    try:
        return identify(entry)
    except FormatError:
        return "folder" if entry.is_dir() else None
