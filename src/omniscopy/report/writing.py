"""From a file to its report, with the open copy and the script beside it."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import xarray as xr

from omniscopy.io.atomic import atomic_target
from omniscopy.io.manifests import find_format
from omniscopy.io.names import slug
from omniscopy.io.opening import open, signals
from omniscopy.io.saving import save
from omniscopy.io.tree import SIGNAL
from omniscopy.model.errors import DataError
from omniscopy.model.provenance import environment, records, source_file
from omniscopy.model.scripts import script
from omniscopy.model.texts import readable
from omniscopy.report.contents import (
    ChannelPage,
    Failure,
    describe_channel,
    failure_of,
    readable_bytes,
)  # fmt: skip
from omniscopy.report.copies import AUTO, form_of_copy
from omniscopy.report.figures import Album
from omniscopy.report.metadata import conditions, metadata_tree, readable_rows
from omniscopy.report.pages import ReportPage, render_page

RESULTS = "results"
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class _Places:
    """Where the three files of a report go."""

    page: Path
    script: Path
    copy: Path | None


def report(
    path: str | Path,
    target: str | Path | None = None,
    *,
    channels: Sequence[str] | None = None,
    copy: str | None = AUTO,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Path:
    """Write up a file: what is in it, what it shows, a first analysis, and how to repeat it.

    Parameters
    ----------
    path : str or Path
        A file of any instrument, or saved results.
    target : str or Path, optional
        The HTML file to write; by default `path` with the extension `.html`. A script with
        the extension `.py` and the copy are written beside it.
    channels : sequence of str, optional
        Names of the channels to show; by default all.
    copy : str, optional
        Open format (`"nsid"`, `"zarr"`) in which all channels and results are saved beside the
        report; `None` for no copy. By default, `"auto"`, NSID, and no copy where all values are
        more than 4 GB, or more than is free on the disk, when they are written out: the report
        says so.
    overwrite : bool
        Replace files that are there.
    progress : callable, optional
        Called with (steps done, steps in all, what is being done).
    **options
        As for `omniscopy.open`.

    Returns
    -------
    Path
        The HTML file. It needs no other file and no network to be read.

    Raises
    ------
    FileExistsError
        One of the files is there and `overwrite` is false.
    DataError
        There is no channel of that name.
    FormatError
        The file cannot be read.

    Notes
    -----
    An analysis or a figure that fails is a note in the report; the others are not affected.
    """
    path = Path(path)
    tree = open(path, **options)
    chosen = _chosen(signals(tree), channels, path)
    album = Album()
    page_place = _page_place(path, target)
    form, too_large = form_of_copy(tree, copy, page_place)
    places = _places(path, page_place, form)
    _require_free(places, overwrite=overwrite)
    total, done = 2 * len(chosen) + 2, 0
    tell = progress or _silent

    def said(words: str) -> None:
        tell(done, total, words)

    pages = []
    for number, (name, data) in enumerate(chosen.items(), start=1):
        own = _own_attrs(tree, name, data)
        pages.append(describe_channel(name, data, number=number, own=own, album=album, said=said))
        done += 2
    parts = _parts(chosen, pages)
    source = script(parts) if parts else "import omniscopy as om\n"
    said("saving the open copy")
    copied, failure = _save_copy(tree, pages, places.copy, form, overwrite=overwrite)
    _write_text(source, places.script, overwrite=overwrite)
    done += 1
    said("writing the page")
    page = _page_of(path, tree, pages, source)
    page = replace(
        page,
        facts=_facts(path, tree, chosen),
        links=tuple(_links(replace(places, copy=copied))),
        notebook=_download(script(parts, format="ipynb")) if parts else "",
        failures=tuple(note for note in (too_large, failure) if note),
    )
    _write_text(readable(render_page(page)), places.page, overwrite=overwrite)
    tell(total, total, "done")
    return places.page


def _silent(done: int, total: int, words: str) -> None:
    """Tell nobody."""


def _chosen(
    found: Mapping[str, xr.DataArray], channels: Sequence[str] | None, path: Path
) -> dict[str, xr.DataArray]:
    if channels is None:
        return dict(found)
    wanted = [channels] if isinstance(channels, str) else list(channels)
    missing = [name for name in wanted if name not in found]
    if missing:
        message = f"{path} has no channel {missing[0]!r}; it has {', '.join(found)}"
        raise DataError(message)
    return {name: found[name] for name in wanted}


def _page_place(path: Path, target: str | Path | None) -> Path:
    page = path.with_suffix(".html") if target is None else Path(target)
    return page if page.suffix.lower() in (".html", ".htm") else page.with_name(f"{page.name}.html")


def _places(path: Path, page: Path, copy: str | None) -> _Places:
    copied = None
    if copy is not None:
        extension = find_format(copy).extensions[0]
        copied = page.with_suffix(extension)
        if copied.exists() and path.exists() and copied.samefile(path):
            copied = page.with_name(f"{page.stem}-report{extension}")
    beside = page.with_suffix(".py")
    if beside.exists() and beside.samefile(path):
        beside = page.with_name(f"{page.stem}-report.py")
    return _Places(page, beside, copied)


def _require_free(places: _Places, *, overwrite: bool) -> None:
    if overwrite:
        return
    for place in (places.page, places.script, places.copy):
        if place is not None and place.exists():
            message = f"{place} is there already; give `overwrite=True` to replace it"
            raise FileExistsError(message)


def _own_attrs(tree: xr.DataTree, name: str, data: xr.DataArray) -> dict[str, Any]:
    """Return the attributes of a channel without those of the whole file."""
    node = tree.get(name)
    if isinstance(node, xr.DataTree) and SIGNAL in node.data_vars:
        data = node.to_dataset(inherit=False)[SIGNAL]
    attrs = data.attrs
    return {
        key: _without(attrs.get(key, {}), tree.attrs.get(key, {}))
        for key in ("metadata", "original_metadata")
    }


def _without(own: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of `own` that the whole file does not have already."""
    left: dict[str, Any] = {}
    for key, value in own.items():
        other = whole.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            value = _without(value, other)  # noqa: PLW2901
            if value:
                left[key] = value
        elif key not in whole or str(value) != str(other):
            left[key] = value
    return left


def _parts(chosen: Mapping[str, xr.DataArray], pages: Sequence[ChannelPage]) -> list[Any]:
    """Return what is to be made again: every result, and every channel without one."""
    parts: list[Any] = []
    for data, page in zip(chosen.values(), pages, strict=True):
        parts += [made for made in page.results.values() if records(made)] or [data]
    return [part for part in parts if records(part)]


def _save_copy(
    tree: xr.DataTree,
    pages: Sequence[ChannelPage],
    place: Path | None,
    form: str | None,
    *,
    overwrite: bool,
) -> tuple[Path | None, Failure | None]:
    """Save all channels and results; a disk that is full costs the copy, not the report."""
    if place is None:
        return None, None
    try:
        return save(with_results(tree, pages), place, format=form, overwrite=overwrite), None
    except Exception as error:  # noqa: BLE001 - said in the report
        return None, failure_of("The open copy could not be saved", error)


def with_results(tree: xr.DataTree, pages: Sequence[ChannelPage]) -> xr.DataTree:
    """Return a tree with the results of each channel under `results/CHANNEL`."""
    nodes = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    for page in pages:
        for title, result in page.results.items():
            stem = f"/{RESULTS}/{slug(page.name)}/{slug(title)}"
            place, number = stem, 1
            while place in nodes:
                place, number = f"{stem}_{number}", number + 1
            nodes[place] = _as_dataset(result, title)
    return xr.DataTree.from_dict(nodes)


def _as_dataset(result: xr.DataArray | xr.Dataset, title: str) -> xr.Dataset:
    if isinstance(result, xr.Dataset):
        return result.assign_attrs({"long_name": title, **result.attrs})
    return result.assign_attrs({"long_name": title, **result.attrs}).rename(SIGNAL).to_dataset()


def _page_of(path: Path, tree: xr.DataTree, pages: list[ChannelPage], source: str) -> ReportPage:
    original, left_out = metadata_tree(tree.attrs.get("original_metadata", {}))
    versions = environment()
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return ReportPage(
        title=path.name,
        facts=(),
        channels=tuple(pages),
        metadata=tuple(readable_rows(tree.attrs.get("metadata", {}))),
        original=original,
        left_out=left_out,
        script=source,
        links=(),
        notebook="",
        versions=tuple(versions.items()),
        failures=(),
        made=f"Omniscopy {versions.get('omniscopy', '')}, {moment}",
    )


def _common(trees: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metadata in which all channels agree."""
    first, *others = trees or [{}]
    shared: dict[str, Any] = {}
    for key, value in first.items():
        found = [other.get(key) for other in others]
        if isinstance(value, Mapping):
            shared[key] = _common([value, *(f if isinstance(f, Mapping) else {} for f in found)])
        elif all(one == value for one in found):
            shared[key] = value
    return shared


def _facts(
    path: Path, tree: xr.DataTree, chosen: Mapping[str, xr.DataArray]
) -> tuple[tuple[str, str], ...]:
    source = source_file(path)
    form = find_format(str(tree.attrs.get("file", {}).get("format", "nsid")))
    metadata = _common([data.attrs.get("metadata", {}) for data in chosen.values()])
    instrument = metadata.get("instrument", {})
    made_by = (instrument.get(key) for key in ("vendor", "model", "software"))
    facts = {
        "Format": form.title,
        "Instrument": " ".join(str(word) for word in made_by if word),
        "Sample": metadata.get("sample", {}).get("name"),
        "Conditions": conditions(metadata),
        "Recorded": metadata.get("started"),
        "Operator": metadata.get("operator"),
        "Channels": str(len(chosen)),
        "Size": readable_bytes(source["size"]),
        "Fingerprint": source["digest"],
        "Folder": str(path.absolute().parent),
    }
    return tuple((words, str(text)) for words, text in facts.items() if text)


def _links(places: _Places) -> list[tuple[str, str, str]]:
    """Return (address, name, what it is) of the files beside the page."""
    found = []
    if places.copy is not None:
        words = "all channels and results, labelled, in an open format"
        found.append((_address(places.copy), places.copy.name, words))
    words = "the Python that makes every result here again"
    found.append((_address(places.script), places.script.name, words))
    return found


def _address(place: Path) -> str:
    return quote(place.name, errors="surrogateescape")


def _download(text: str) -> str:
    """Return the address of a text that is in the page itself."""
    return f"data:application/x-ipynb+json;base64,{b64encode(text.encode()).decode('ascii')}"


def _write_text(text: str, place: Path, *, overwrite: bool) -> None:
    with atomic_target(place, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
