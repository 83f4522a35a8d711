"""Default analyses: what is done with data of a kind when nobody says what to do.

A technique registers them beside its operations; the report runs all that apply and draws
what they return, so that a new technique joins the report by being there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from omniscopy.model.dimensions import kind_of_dim
from omniscopy.model.operations import import_all
from omniscopy.model.vocabulary import signal_type_of

Results = Mapping[str, xr.DataArray | xr.Dataset]


@dataclass(frozen=True)
class Analysis:
    """A chain of operations for data of some `signal_types`, and for which `applies` is true.

    `function` takes the data and returns results by title; each carries its own history.
    """

    title: str
    signal_types: tuple[str, ...]
    function: Callable[[xr.DataArray], Results] = field(repr=False)
    applies: Callable[[xr.DataArray], bool] = field(repr=False)


_analyses: dict[str, Analysis] = {}


def analysis(
    title: str,
    *signal_types: str,
    applies: Callable[[xr.DataArray], bool] = lambda data: True,  # noqa: ARG005
) -> Callable[[Callable[[xr.DataArray], Results]], Callable[[xr.DataArray], Results]]:
    """Register a function as the default analysis `title` of data of these signal types.

    Parameters
    ----------
    title : str
        What the analysis is called in a report.
    *signal_types : str
        Signal types of the contract, such as ``"image"``.
    applies : callable
        Says of a DataArray of such a type whether the analysis has a meaning for it.

    Returns
    -------
    callable
        A decorator that registers the function and returns it unchanged; the function takes a
        DataArray and returns results by title.
    """

    def register(function: Callable[[xr.DataArray], Results]) -> Any:
        _analyses[f"{function.__module__}.{function.__qualname__}"] = Analysis(
            title, signal_types, function, applies
        )
        return function

    return register


def analyses_for(data: xr.DataArray) -> list[Analysis]:
    """Return the default analyses that apply to `data`.

    Parameters
    ----------
    data : DataArray
        One channel of a measurement, lazy or in memory; no value is read.

    Returns
    -------
    list of Analysis
        In the order in which they were registered.
    """
    import_all()
    found = signal_type(data)
    return [
        entry for entry in _analyses.values() if found in entry.signal_types and entry.applies(data)
    ]


def signal_type(data: xr.DataArray) -> str:
    """Return the signal type that `data` states, else the one that its dimensions make.

    Parameters
    ----------
    data : DataArray
        One channel of a measurement.

    Returns
    -------
    str
        A word of the contract, such as ``"spectral_image"``; ``"unknown"`` where no word fits.
    """
    made = signal_type_of([kind_of_dim(data, dim) for dim in data.dims])
    stated = data.attrs.get("signal_type")
    # A spectrum that was taken out of a map still states that it is one.
    if not stated or (made == "spectrum" and stated == "spectral_image"):
        return made
    return str(stated)
