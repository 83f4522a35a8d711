"""From a result to the notebook that makes it again, run where it is wanted with its figures."""

from pathlib import Path
from typing import Any

import xarray as xr

from omniscopy.io.atomic import atomic_target
from omniscopy.io.libraries import import_library
from omniscopy.io.opening import open, signals
from omniscopy.io.saving import from_tree
from omniscopy.model.analyses import analyses_for
from omniscopy.model.errors import DataError
from omniscopy.model.provenance import CHANGE, DATA, records
from omniscopy.model.scripts import script
from omniscopy.report.contents import is_measurement, results_of

Labelled = xr.DataArray | xr.Dataset | xr.DataTree
_PURPOSE = "running a notebook"
_SECONDS = 3600  # for one cell


class NotebookError(RuntimeError):
    """A cell of a notebook failed."""


def to_notebook(
    obj_or_path: Labelled | str | Path,
    path: str | Path | None = None,
    *,
    execute: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write the notebook that makes a result again: each step with its explanation and figure.

    Parameters
    ----------
    obj_or_path : DataArray, Dataset, DataTree, str or Path
        A result with a history; or a file: saved results, or a measurement, of which the default
        analyses are written down.
    path : str or Path, optional
        The notebook; by default the file with the extension ``.ipynb``.
    execute : bool
        Run it, in a process of its own, so that it holds its figures.
    overwrite : bool
        Replace a notebook that is there.

    Returns
    -------
    Path
        The notebook.

    Raises
    ------
    DataError
        There is no history; no `path` is given for data that are not a file; or, with `execute`,
        some of it cannot be run again.
    NotebookError
        A cell failed; the message says which, and nothing is written.
    FileExistsError
        The notebook is there and `overwrite` is false.
    MissingDependencyError
        With `execute`, where the extra ``notebook`` is not installed.
    """
    if isinstance(obj_or_path, str | Path):
        path = Path(obj_or_path).with_suffix(".ipynb") if path is None else path
        obj = _results_in(from_tree(open(obj_or_path)))
    else:
        obj = obj_or_path
    if path is None:
        message = "give the `path` of the notebook"
        raise DataError(message)
    place = Path(path)
    if place.exists() and not overwrite:
        message = f"{place} is there already; give `overwrite=True` to replace it"
        raise FileExistsError(message)
    text = script(obj, format="ipynb")
    if execute:
        _require_repeatable(obj)
        text = run_notebook(text, folder=place.absolute().parent)
    with atomic_target(place, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return place


def _results_in(obj: Labelled) -> Any:
    """Return what a file holds; of a measurement the results of its default analyses too."""
    if not isinstance(obj, xr.DataTree):
        return obj
    found: list[Any] = []
    for data in signals(obj).values():
        analyses = analyses_for(data) if is_measurement(data) else []
        made = [results_of(each, data)[0] for each in analyses]
        found += [result for results in made for result in results.values()] or [data]
    return found


def run_notebook(text: str, *, folder: Path) -> str:
    """Return a notebook with what its cells print and draw, run in `folder`."""
    reading = import_library("nbformat", purpose=_PURPOSE, extra="notebook")
    running = import_library("nbclient", purpose=_PURPOSE, extra="notebook")
    import_library("ipykernel", purpose=_PURPOSE, extra="notebook")
    book = reading.reads(text, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    client = running.NotebookClient(
        book, timeout=_SECONDS, kernel_name="python3", resources=resources
    )
    try:
        client.execute()
    except running.exceptions.CellExecutionError as error:
        message = f"the notebook cannot be run: {error.ename}: {error.evalue}"
        raise NotebookError(message) from error
    # The display name of the kernel and the like are of this machine.
    book.metadata["language_info"] = {"name": "python"}
    _drop_times(book)
    return str(reading.writes(book))


def _drop_times(book: Any) -> None:
    for cell in book.cells:
        cell.metadata.pop("execution", None)


def _require_repeatable(obj: Any) -> None:
    for step in records(obj):
        if step["operation"] == DATA:
            message = (
                "the history begins with an array that was in memory, which a notebook does not "
                "have: save the array with `om.save`, open it, and begin there"
            )
            raise DataError(message)
        if step["operation"] == CHANGE:
            message = "the values were changed by code that was not recorded, and cannot be again"
            raise DataError(message)
