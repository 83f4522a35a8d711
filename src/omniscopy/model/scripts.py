"""The Python that makes a result again, from the raw file to the figure."""

import json
from collections.abc import Sequence
from typing import Literal

import xarray as xr

from omniscopy.model.errors import DataError
from omniscopy.model.notebooks import notebook_of
from omniscopy.model.provenance import records
from omniscopy.model.statements import Line, imports_of, lines_of

Labelled = xr.DataArray | xr.Dataset | xr.DataTree


def script(obj: Labelled | Sequence[Labelled], *, format: Literal["py", "ipynb"] = "py") -> str:
    """Return the Python script, or the notebook, that makes `obj` again.

    Parameters
    ----------
    obj : DataArray, Dataset or DataTree, or several of them
        Results with a history; steps that they share are written once.
    format : {"py", "ipynb"}
        A script, or a notebook (nbformat 4.5): each step with its explanation and its figure.

    Returns
    -------
    str
        Python source, or the JSON text of the notebook.

    Raises
    ------
    DataError
        `obj` has no history, or `format` is unknown.
    """
    steps = records(obj)
    if not steps:
        message = "there is no history to write a script from; open the data with `om.open_signal`"
        raise DataError(message)
    if format not in ("py", "ipynb"):
        message = f"format must be 'py' or 'ipynb', got {format!r}"
        raise DataError(message)
    lines = lines_of(steps)
    if format == "ipynb":
        return json.dumps(notebook_of(lines), indent=1, ensure_ascii=False)
    return _script(lines)


def _script(lines: Sequence[Line]) -> str:
    figures = [
        f"figure = om.plot.signal({line.name})\nfigure.savefig({line.name + '.png'!r})\n"
        for line in lines
        if line.last
    ]
    return "\n".join([imports_of(lines), *(line.statement for line in lines), *figures])
