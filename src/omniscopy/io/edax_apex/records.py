"""What APEX says of its data: attributes, and records of settings."""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from omniscopy.io.quantities import stated
from omniscopy.io.storage.hdf5 import DAMAGE
from omniscopy.io.storage.hdf5_numbers import member
from omniscopy.io.storage.hdf5_plain import plain, read_attributes
from omniscopy.io.storage.hdf5_values import load

_LARGEST_RECORD = 2**20


def record_of(dataset: Any) -> dict[str, Any]:
    """Return the first record of a dataset without its long fields, {} for anything else."""
    import h5py

    names = getattr(getattr(dataset, "dtype", None), "names", None) or ()
    if not names or dataset.shape != (1,) or dataset.dtype.itemsize > _LARGEST_RECORD:
        return {}
    with suppress(*DAMAGE):
        if not dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype)):
            return {}
        record = load(dataset)[0]
        return {name: plain(record[name], dataset) for name in names if record[name].size <= 64}
    return {}


def settings_of(group: Any, *names: str) -> dict[str, Any]:
    """Return the attributes and records of datasets in a group, by the names of datasets."""
    found = {}
    for name in names:
        dataset = member(group, name)
        if dataset is not None:
            found[name] = {**read_attributes(dataset), **record_of(dataset)}
    return {name: said for name, said in found.items() if said}


def number(said: Mapping[str, Any], *names: str) -> float | None:
    """Return the first finite number under one of some names, in whatever letters."""
    lower = {key.lower(): value for key, value in said.items()}
    for name in names:
        value = lower.get(name.lower())
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if math.isfinite(value):
            return float(value)
    return None


def common_metadata(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the common schema has of settings, times in s and voltages in kV there."""
    said = {key: value for part in settings.values() for key, value in part.items()}
    kilovolts = number(said, "KV", "kV", "AcceleratingVoltage")
    return stated(
        {
            "instrument": {"vendor": "EDAX", "software": "APEX"},
            "beam": {
                "voltage": kilovolts * 1e3 if kilovolts and kilovolts < 1e3 else kilovolts,
                "magnification": number(said, "Mag", "Magnification"),
            },
            "detector": {
                "live_time": number(said, "LiveTime"),
                "real_time": number(said, "RealTime", "ClockTime", "ElapsedTime"),
            },
        }
    )
