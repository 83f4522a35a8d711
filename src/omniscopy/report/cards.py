"""A summary of anything that a notebook shows, and that reads as text elsewhere."""

import base64
import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from omniscopy.io.opening import open, signals
from omniscopy.io.saving import from_tree
from omniscopy.model.analyses import signal_type
from omniscopy.model.errors import DataError
from omniscopy.model.explanations import explain
from omniscopy.model.provenance import history
from omniscopy.plot import thumbnail
from omniscopy.plot.labels import pretty_units
from omniscopy.plot.results import variables_of
from omniscopy.report.captions import describe_figure

_MOST_ROWS, _MOST_STEPS = 40, 12
_STYLE = (
    "border-collapse:collapse;font-size:.92em;margin:.3em 0",
    "text-align:left;padding:.25em .9em .25em 0;vertical-align:middle;background:none",
)


@dataclass(frozen=True)
class Row:
    """One array of a summary: a small picture, what it is called, and what it is."""

    picture: bytes | None
    name: str
    kind: str
    sizes: str
    units: str


@dataclass(frozen=True)
class Summary:
    """What data are: shown as a table with small pictures in a notebook, printed as text.

    `title` and `words` head it, `rows` are its variables, of which `left_out` are not listed, and
    `steps` those of the history.
    """

    title: str
    words: str
    rows: tuple[Row, ...]
    left_out: int
    steps: tuple[str, ...]

    def __repr__(self) -> str:
        width = max((len(row.name) for row in self.rows), default=0)
        lines = [self.title, *filter(None, [self.words])]
        for row in self.rows:
            units = f" [{row.units}]" if row.units else ""
            lines.append(f"  {row.name:<{width}}  {row.kind}, {row.sizes}{units}")
        lines += [f"  … and {self.left_out} more"] if self.left_out else []
        lines += [f"  {number}. {step}" for number, step in enumerate(self.steps, start=1)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return "".join(self._html())

    def _html(self) -> Iterator[str]:
        table, cell = _STYLE
        yield f"<div><b>{html.escape(self.title)}</b>"
        if self.words:
            yield f"<p style='margin:.2em 0'>{html.escape(self.words)}</p>"
        yield f"<table style='{table}'><tbody>"
        for row in self.rows:
            yield f"<tr><td style='{cell}'>{_image(row)}</td>"
            yield f"<th scope='row' style='{cell}'>{html.escape(row.name)}</th>"
            for text in (row.kind, row.sizes, row.units):
                yield f"<td style='{cell}'>{html.escape(text)}</td>"
            yield "</tr>"
        yield "</tbody></table>"
        if self.left_out:
            yield f"<p>… and {self.left_out} more</p>"
        if self.steps:
            yield f"<details><summary>{len(self.steps)} steps</summary><ol>"
            yield from (f"<li>{html.escape(step)}</li>" for step in self.steps)
            yield "</ol></details>"
        yield "</div>"


def show(obj_or_path: Any, *, pictures: bool = True) -> Summary:
    """Summarise a file, a tree, data or results: what is in it, small pictures, how it was made.

    Parameters
    ----------
    obj_or_path : DataArray, Dataset, DataTree, str or Path
        Lazy data stay lazy: for the pictures a little of them is read.
    pictures : bool
        Draw small pictures.

    Returns
    -------
    Summary
        A notebook shows it as a table; printed, it is text.

    Raises
    ------
    DataError
        It is nothing of these.
    FormatError
        The file cannot be read.

    Examples
    --------
    >>> import omniscopy as om
    >>> print(om.show(om.samples.spectrum(), pictures=False))  # doctest: +ELLIPSIS
    ...
    """
    title = ""
    if isinstance(obj_or_path, str | Path):
        title = Path(obj_or_path).name
        obj_or_path = from_tree(open(obj_or_path))
    if isinstance(obj_or_path, xr.DataTree):
        found: dict[str, Any] = dict(signals(obj_or_path))
        words = f"{len(found)} channels" if len(found) != 1 else "1 channel"
    elif isinstance(obj_or_path, xr.Dataset):
        found = {str(name): obj_or_path[name] for name in _variables(obj_or_path)}
        words = describe_figure(obj_or_path)
    elif isinstance(obj_or_path, xr.DataArray):
        found = {str(obj_or_path.name or "values"): obj_or_path}
        words = describe_figure(obj_or_path)
    else:
        message = f"expected data, results, a tree or a file, got {type(obj_or_path).__name__}"
        raise DataError(message)
    shown = list(found.items())[:_MOST_ROWS]
    steps = [] if isinstance(obj_or_path, xr.DataTree) else history(obj_or_path)
    return Summary(
        title=title or _title(obj_or_path),
        words=words,
        rows=tuple(_row(name, data, pictures=pictures) for name, data in shown),
        left_out=len(found) - len(shown),
        steps=tuple(f"{explain(step)} ({step.operation})" for step in steps[-_MOST_STEPS:]),
    )


def _variables(results: xr.Dataset) -> list[str]:
    """Return results first, each with its uncertainty after it."""
    known = variables_of(results)
    return [*known, *(str(name) for name in results.data_vars if name not in known)]


def _title(obj: Any) -> str:
    named = obj.attrs.get("long_name") or getattr(obj, "name", None)
    kind = {xr.DataTree: "Tree", xr.Dataset: "Results", xr.DataArray: "Data"}[type(obj)]
    return str(named) if named else kind


def _row(name: str, data: xr.DataArray, *, pictures: bool) -> Row:
    units = data.attrs.get("units")
    return Row(
        picture=_picture(data) if pictures else None,
        name=name,
        kind=signal_type(data).replace("_", " "),
        sizes=" × ".join(f"{dim} {size}" for dim, size in data.sizes.items()) or "one value",
        units="" if units in (None, "1") else pretty_units(str(units)),
    )


def _picture(data: xr.DataArray) -> bytes | None:
    try:
        return thumbnail(data, size=64)
    except DataError:
        return None


def _image(row: Row) -> str:
    if row.picture is None:
        return ""
    coded = base64.b64encode(row.picture).decode("ascii")
    return (
        f"<img alt='' src='data:image/png;base64,{coded}' "
        "style='max-width:64px;max-height:48px;margin:0'>"
    )
