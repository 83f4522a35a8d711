"""Whether an object keeps the contract, and every place where it does not."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model.units import is_unit
from omniscopy.model.vocabulary import KINDS, ROLES, SIGNAL_TYPES, kind_of

SIGNAL = "signal"


def validate(obj: xr.DataArray | xr.Dataset | xr.DataTree) -> list[str]:
    """Return every breach of the data contract in `obj`, each as a sentence; empty if none.

    Parameters
    ----------
    obj : DataArray, Dataset or DataTree
        Anything that Omniscopy reads, makes or is given. Nothing is computed.

    Returns
    -------
    list of str
        Each says where the breach is, what was found and what was expected.
    """
    if isinstance(obj, xr.DataTree):
        return [
            f"{node.path}: {breach}"
            for node in obj.subtree
            for breach in validate(node.to_dataset(inherit=False))
        ]
    if isinstance(obj, xr.Dataset):
        breaches = [
            f"{name!r}: {breach}"
            for name, variable in obj.data_vars.items()
            for breach in _value_breaches(variable)
        ]
        coordinates = (breach for dim in obj.dims for breach in _coordinate_breaches(obj, str(dim)))
        return [*breaches, *coordinates, *_companion_breaches(obj), *_tree_breaches(obj.attrs)]
    found = [breach for dim in obj.dims for breach in _coordinate_breaches(obj, str(dim))]
    return [*_value_breaches(obj), *found, *_tree_breaches(obj.attrs)]


def _value_breaches(data: xr.DataArray) -> Iterator[str]:
    units = data.attrs.get("units")
    if units is not None and not isinstance(units, str):
        yield f"units must be text, got {units!r}"
    elif units == "":
        yield "units are empty; use '1' for a pure number, or leave them out where unknown"
    elif units is not None and not is_unit(units):
        yield f"units {units!r} are not readable; use units such as 'nm', 'counts' or 'pm/V'"
    signal_type = data.attrs.get("signal_type")
    if signal_type is not None and signal_type not in SIGNAL_TYPES:
        yield f"signal_type {signal_type!r} is not one of {SIGNAL_TYPES}"
    for key in ("long_name", "quantity", "modality", "source"):
        if not isinstance(data.attrs.get(key, ""), str):
            yield f"{key} must be text, got {data.attrs[key]!r}"
    if data.dtype.names:
        yield f"values are compound records {data.dtype.names}; use one variable for each field"
    if data.dtype.kind == "O":
        yield "values are Python objects; use numbers or text"


def _coordinate_breaches(obj: xr.DataArray | xr.Dataset, dim: str) -> Iterator[str]:
    if dim not in obj.coords:
        yield f"dimension {dim!r} has no coordinate"
        return
    coordinate = obj.coords[dim]
    kind, role = coordinate.attrs.get("kind", kind_of(dim)), coordinate.attrs.get("role")
    if kind is None:
        yield f"dimension {dim!r} has no kind and its name is not in the vocabulary"
    elif kind not in KINDS:
        yield f"coordinate {dim!r} is of kind {kind!r}; kinds are {KINDS}"
    if role is not None and role not in ROLES:
        yield f"coordinate {dim!r} has role {role!r}; roles are {ROLES}"
    units = coordinate.attrs.get("units")
    if units is not None and not is_unit(units):
        yield f"coordinate {dim!r} has units {units!r}, which are not readable"
    values = np.asarray(coordinate.values)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        yield f"coordinate {dim!r} holds values that are not finite"


def _companion_breaches(obj: xr.Dataset) -> Iterator[str]:
    for name in map(str, obj.data_vars):
        if name.endswith("_std") and name.removesuffix("_std") not in obj.data_vars:
            yield f"{name!r} is an uncertainty, but there is no {name.removesuffix('_std')!r}"
    if "status" in obj.data_vars and "flag_meanings" not in obj["status"].attrs:
        yield "'status' has no flag_meanings"


def _tree_breaches(attrs: dict[Any, Any]) -> Iterator[str]:
    for key in ("metadata", "original_metadata"):
        if not isinstance(attrs.get(key, {}), dict):
            yield f"{key} must be a nested dictionary, got {type(attrs[key]).__name__}"
    steps = attrs.get("provenance", [])
    if not isinstance(steps, list) or not all(isinstance(s, dict) and "id" in s for s in steps):
        yield "provenance must be a list of records with ids"
