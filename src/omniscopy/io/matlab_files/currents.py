"""Currents under a bias that programs of scanning probes keep in MATLAB files."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.matlab import Cells
from omniscopy.io.quantities import number_in
from omniscopy.io.records import Axis, Channel, Variable

_BIASES = ("dc_amp_cell3", "VS_amp_vec")
_CURRENTS = ("current_cell3", "IV_dat")


def forc_currents(path: Path, variables: Mapping[str, Any]) -> list[Channel]:
    """Return the currents of reversal curves; none in a file of another kind."""
    bias = next((variables[name] for name in _BIASES if name in variables), None)
    current = next((variables[name] for name in _CURRENTS if name in variables), None)
    if bias is None or current is None:
        return []
    applied = _dense(path, bias).ravel()
    values = _dense(path, current)
    along = [axis for axis, size in enumerate(values.shape) if size == applied.size]
    if not along or values.ndim > 4 or applied.dtype.kind not in "iuf":
        message = f"currents of shape {values.shape} have no dimension of the {applied.size} biases"
        raise FormatError(message, path=path, key="/".join(_CURRENTS))
    values = np.moveaxis(values, along[-1], -1)
    names = [["cycle"], ["y", "x"], ["y", "x", "cycle"]]
    others = names[values.ndim - 2] if values.ndim > 1 else []
    axes = [Axis(name=name, size=size) for name, size in zip(others, values.shape, strict=False)]
    axes.append(Axis(name="bias", size=applied.size, values=applied.astype(float), units="V"))
    return [
        Channel(
            title="Current",
            data=np.ascontiguousarray(values),
            axes=axes,
            quantity="current",
            units="nA",
            modality="AFM",
            source="FORC-IV",
        )
    ]


def line_currents(variables: Mapping[str, Any]) -> list[Channel]:
    """Return the inputs along a line of a general-mode measurement; none of another kind."""
    data, parameters = variables.get("data"), variables.get("parms")
    if not isinstance(parameters, dict) or not isinstance(data, np.ndarray) or data.ndim != 2:
        return []
    rate, frequency = (number_in(parameters.get(name)) for name in ("samp_rate", "frequency"))
    if rate is None or rate <= 0 or data.dtype.kind not in "iuf":
        return []
    count = data.shape[0]
    time = Axis(name="time", size=count, scale=1.0 / rate, units="s", role="signal")
    coordinates = {}
    wave: Any = parameters.get("excit_wfm")
    numbers = isinstance(wave, np.ndarray) and wave.dtype.kind in "iuf"
    if numbers and wave.size and count % wave.size == 0:
        applied = np.tile(wave.ravel().astype(float), count // wave.size)
        attrs = {"units": "V", "quantity": "bias"}
        coordinates["bias"] = Variable(dims=("time",), data=applied, attrs=attrs)
    gain = number_in(parameters.get("amp_gain"))
    metadata = {}
    if frequency is not None and frequency > 0:
        # What the generator can make: whole periods in a record.
        duration = count / rate
        metadata["probe"] = {"drive_frequency": max(math.floor(duration * frequency), 1) / duration}
    made = []
    for number in range(data.shape[1]):
        # A gain is in V/A; small numbers are powers of ten of some programs, and left alone.
        known = number == 0 and gain is not None and gain >= 1e3
        values = np.ascontiguousarray(data[:, number], np.float64)
        made.append(
            Channel(
                title=f"Input {number}",
                data=values / gain if known and gain else values,
                axes=[time],
                quantity="current" if known else "voltage",
                units="A" if known else "V",
                modality="AFM",
                source="General mode",
                metadata=metadata,
                coordinates=coordinates,
            )
        )
    return made


def _dense(path: Path, value: Any) -> np.ndarray:
    """Return numbers, or cells of equally many numbers, as one array without single places."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufc":
        return np.squeeze(value)
    if isinstance(value, Cells):
        items = [np.squeeze(each) for each in value.items if isinstance(each, np.ndarray)]
        if len(items) == len(value.items) and len({each.shape for each in items}) == 1:
            return np.squeeze(np.stack(items).reshape(*value.shape, *items[0].shape))
    message = "cells of numbers of one length were expected; the scan may not be finished"
    raise FormatError(message, path=path)
