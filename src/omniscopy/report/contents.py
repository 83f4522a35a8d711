"""What a report says: everything it shows, worked out before a page is made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dask
import numpy as np
import xarray as xr

from omniscopy.model.analyses import Analysis, analyses_for, signal_type
from omniscopy.model.dimensions import units_of
from omniscopy.model.provenance import history, records
from omniscopy.plot.labels import dim_words, number_with_units, prefix, pretty_units
from omniscopy.plot.labels import number as plain_number
from omniscopy.report.binning import bin_large
from omniscopy.report.captions import alternative_text, describe_figure
from omniscopy.report.figures import Album, Picture
from omniscopy.report.graphs import Graph, draw_graph
from omniscopy.report.metadata import Entry, metadata_tree, readable_rows
from omniscopy.report.previews import Preview
from omniscopy.report.statistics import Statistics, measure_statistics
from omniscopy.report.wording import Sentence, describe_history

# What leaves a measurement one: first words of names of operations, and steps beside them.
_PREPARATIONS = {
    "align", "calibrate", "clean", "correct", "crop", "data", "deconvolve", "denoise", "filter",
    "inpaint", "interpolate", "join", "level", "mend", "open", "rebin", "reconstruct", "remove",
    "rotate", "select", "simulate", "smooth", "stitch", "subtract", "to", "transform", "undistort",
}  # fmt: skip
# Results up to this size are computed once, for the figure and for the copy.
_KEPT_BYTES = 256 * 2**20

Labelled = xr.DataArray | xr.Dataset


@dataclass(frozen=True)
class Failure:
    """Something that could not be done, in words."""

    what: str
    kind: str
    message: str


@dataclass(frozen=True)
class Finding:
    """One result of an analysis: its figure, or why there is none, and how it was made."""

    title: str
    anchor: str
    caption: str
    alternative: str
    picture: Picture | None
    failure: Failure | None
    steps: tuple[Sentence, ...]


@dataclass(frozen=True)
class Section:
    """One default analysis of one channel."""

    title: str
    findings: tuple[Finding, ...]
    failure: Failure | None = None


@dataclass(frozen=True)
class AxisRow:
    """One dimension in the table of axes."""

    name: str
    words: str
    size: int
    start: str
    end: str
    step: str


@dataclass(frozen=True)
class ChannelPage:
    """All that is said of one channel."""

    name: str
    anchor: str
    title: str
    kind: str
    form: tuple[tuple[str, str], ...]
    axes: tuple[AxisRow, ...]
    values: tuple[tuple[str, str], ...]
    picture: Picture | None
    caption: str
    alternative: str
    small: str
    preview: Preview | None
    joined: str
    failures: tuple[Failure, ...]
    sections: tuple[Section, ...]
    graph: Graph | None
    metadata: tuple[tuple[str, str], ...]
    original: tuple[Entry, ...]
    left_out: int
    steps: tuple[Sentence, ...]
    results: Mapping[str, Labelled] = field(default_factory=dict, repr=False)


def describe_channel(
    name: str,
    data: xr.DataArray,
    *,
    number: int,
    own: Mapping[str, Any],
    album: Album,
    said: Callable[[str], None],
) -> ChannelPage:
    """Return all that is said of one channel.

    `own` are the attributes that the channel has beside those of the whole file; `album` makes
    the figures of the page; `said` is told what is being done.
    """
    failures: list[Failure] = []
    said(f"{name}: statistics")
    binned = _attempt(failures, "The sums of bins", lambda: bin_large(data))
    if binned is not None:
        seen, statistics = binned.data, binned.statistics
    else:
        seen = data
        statistics = _attempt(failures, "The statistics", lambda: measure_statistics(data))
    largest = None
    if statistics is not None:
        largest = max(abs(statistics.minimum), abs(statistics.maximum))
    said(f"{name}: figure")
    title, anchor = str(data.attrs.get("long_name") or name), f"channel-{number}"
    picture = _attempt(failures, "The figure", lambda: album.draw(seen, title=""))
    sections: tuple[Section, ...] = ()
    results: dict[str, Labelled] = {}
    if is_measurement(data):  # results in a file are shown as they are
        sections, results = _analyse(name, seen, anchor, album, said)
    said(f"{name}: numbers to click through")
    preview = _attempt(failures, "The preview", lambda: album.embed(seen))
    original, left_out = metadata_tree(own.get("original_metadata", {}))
    return ChannelPage(
        name=name,
        anchor=anchor,
        title=title,
        kind=signal_type(data).replace("_", " "),
        form=_form(data),
        axes=tuple(_axis_row(data, str(dim)) for dim in data.dims),
        values=_statistics_rows(statistics, data),
        picture=picture,
        caption=describe_figure(seen, largest=largest),
        alternative=alternative_text(title, seen, largest=largest),
        small=_attempt([], "", lambda: album.draw_small(seen)) if picture else "",
        preview=preview,
        joined=binned.words if binned else "",
        failures=tuple(failures),
        sections=sections,
        graph=_graph(data, anchor, sections, results),
        metadata=tuple(readable_rows(own.get("metadata", {}))),
        original=original,
        left_out=left_out,
        steps=tuple(describe_history(history(data))),
        results=results,
    )


def _graph(
    data: xr.DataArray,
    anchor: str,
    sections: tuple[Section, ...],
    results: Mapping[str, Labelled],
) -> Graph | None:
    """Return the steps of a channel and of all its results as one picture."""
    shown = {finding.title: finding.anchor for section in sections for finding in section.findings}
    anchors = {own[-1]["id"]: anchor for own in [records(data)] if len(own) > 1}
    anchors |= {records(made)[-1]["id"]: shown[title]
                for title, made in results.items() if title in shown and records(made)}  # fmt: skip
    return draw_graph(records([data, *results.values()]), anchors)


def failure_of(what: str, error: BaseException) -> Failure:
    """Return an error as something to read."""
    text = str(error).strip() or "no further explanation"
    return Failure(what, type(error).__name__, text)


def _attempt(failures: list[Failure], what: str, act: Callable[[], Any]) -> Any:
    """Return what `act` makes; where it fails, note so and go on."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - one part that fails must not take the report
        failures.append(failure_of(f"{what} could not be made", error))
        return None


def results_of(
    analysis: Analysis, data: xr.DataArray
) -> tuple[dict[str, Labelled], Failure | None]:  # fmt: skip
    """Return what an analysis makes of data, those that are not large computed; or its failure."""
    try:
        made = dict(analysis.function(data))
        small = {title: result for title, result in made.items() if result.nbytes <= _KEPT_BYTES}
        made |= computed(small)
    except Exception as error:  # noqa: BLE001 - as above
        return {}, failure_of("This analysis could not be made", error)
    return made, None


def computed(results: dict[str, Labelled]) -> dict[str, Labelled]:
    """Return results in memory, with one read of what they share.

    Dask loses tasks of a whole Dataset of which one variable is made from another; of the arrays
    in it it loses none.
    """
    made = {title: result.copy(deep=False) for title, result in results.items()}
    lazy = [values for result in made.values() for values in _lazy_variables(result)]
    arrays = dask.compute(*(values.data for values in lazy))  # type: ignore[attr-defined, no-untyped-call]
    for values, array in zip(lazy, arrays, strict=True):
        values.data = array
    return made


def _lazy_variables(result: Labelled) -> list[xr.Variable]:
    if isinstance(result, xr.Dataset):
        every = list(result.variables.values())
    else:
        every = [result.variable, *(each.variable for each in result.coords.values())]
    return [each for each in every if each.chunks is not None]


def _analyse(
    name: str, data: xr.DataArray, anchor: str, album: Album, said: Callable[[str], None]
) -> tuple[tuple[Section, ...], dict[str, Labelled]]:
    """Run the default analyses of a measurement."""
    sections, results = [], {}
    for number, analysis in enumerate(analyses_for(data), start=1):
        said(f"{name}: {analysis.title[:1].lower()}{analysis.title[1:]}")
        section, made = _run(analysis, data, f"{anchor}-{number}", album)
        if section.findings or section.failure:
            sections.append(section)
        results.update(made)
    return tuple(sections), results


def is_measurement(data: xr.DataArray) -> bool:
    """Return whether data are as measured or simulated, or only prepared, but not a result.

    The maps of a fit, for one, are a result: another default analysis of them says nothing.
    """
    steps = history(data)
    return len(steps) <= 1 or all(
        module.endswith("simulate") or name.partition("_")[0] in _PREPARATIONS
        for module, _, name in (step.operation.rpartition(".") for step in steps)
    )


def _run(
    analysis: Analysis, data: xr.DataArray, anchor: str, album: Album
) -> tuple[Section, dict[str, Labelled]]:
    made, failure = results_of(analysis, data)
    if failure:
        return Section(analysis.title, (), failure), {}
    findings, backgrounds = [], [data]
    for number, (title, result) in enumerate(made.items(), start=1):
        findings.append(_finding(title, result, backgrounds, album, f"{anchor}-{number}"))
        if isinstance(result, xr.DataArray):
            backgrounds.append(result)
    return Section(analysis.title, tuple(findings)), made


def _finding(
    title: str, result: Labelled, backgrounds: list[xr.DataArray], album: Album, anchor: str
) -> Finding:
    """Return the figure of a result, drawn over one of `backgrounds` where it can be.

    Points are drawn over the last one made before them, curves and images over the data
    themselves.
    """
    failures: list[Failure] = []
    over = backgrounds[-1] if isinstance(result, xr.Dataset) else backgrounds[0]
    picture = _attempt(failures, "The figure", lambda: album.draw(result, title="", over=over))
    return Finding(
        title=title,
        anchor=anchor,
        caption=describe_figure(result),
        alternative=alternative_text(title, result),
        picture=picture,
        failure=failures[0] if failures else None,
        steps=tuple(describe_history(history(result))),
    )


def _form(data: xr.DataArray) -> tuple[tuple[str, str], ...]:
    units = data.attrs.get("units")
    rows = {
        "Kind": signal_type(data).replace("_", " "),
        "Shape": " × ".join(f"{size}" for size in data.shape) or "single value",
        "Type": str(data.dtype),
        "Size": readable_bytes(data.nbytes),
        "Quantity": data.attrs.get("quantity"),
        "Units": "unknown" if units is None else ("none" if units == "1" else pretty_units(units)),
        "Modality": data.attrs.get("modality"),
        "Source": data.attrs.get("source"),
        "Incomplete": data.attrs.get("incomplete", {}).get("reason"),
    }
    return tuple((words, str(text)) for words, text in rows.items() if text)


def readable_bytes(size: int) -> str:
    """Return a number of bytes in words."""
    for exponent, name in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 1024**exponent:
            return f"{size / 1024**exponent:.3g} {name}"
    return f"{size} bytes"


def _axis_row(data: xr.DataArray, dim: str) -> AxisRow:
    size, units, words = data.sizes[dim], units_of(data, dim), dim_words(data, dim)
    words = "" if words == dim else words
    if dim not in data.coords or not size:
        return AxisRow(dim, words, size, "", "", "")
    values = np.asarray(data.coords[dim].values)
    if values.dtype.kind not in "iuf":
        return AxisRow(dim, words, size, str(values[0]), str(values[-1]), "")
    known = units if units != "1" else None
    factor, shown = prefix(values.astype(np.float64), known, below=1_000)
    ends = [_in_units(float(values[end]) * factor, shown) for end in (0, -1)]
    step = ""
    if size > 1:
        mean_step = float(values[-1] - values[0]) / (size - 1)
        even = np.allclose(np.diff(values.astype(np.float64)), mean_step, rtol=1e-3)
        step = number_with_units(mean_step, known) if even else "uneven"
    return AxisRow(dim, words, size, ends[0], ends[1], step)


def _in_units(value: float, units: str | None) -> str:
    return f"{plain_number(value)} {pretty_units(units)}" if units else plain_number(value)


def _statistics_rows(found: Statistics | None, data: xr.DataArray) -> tuple[tuple[str, str], ...]:
    if found is None:
        return ()
    units = data.attrs.get("units")
    of = " of the magnitude" if data.dtype.kind == "c" else ""
    rows = [
        (f"{words}{of}", number_with_units(value, units))
        for words, value in (
            ("Minimum", found.minimum),
            ("Maximum", found.maximum),
            ("Mean", found.mean),
            ("Standard deviation", found.std),
        )
    ]
    if found.missing:
        share = 100 * found.missing / found.size
        rows.append(("Missing (NaN)", f"{found.missing} of {found.size} ({share:.3g} %)"))
    else:
        rows.append(("Missing (NaN)", "none"))
    return tuple(rows)
