"""Responses to sweeps of the drive that programs of scanning probes keep as spectra."""

import functools
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.matlab import read_variables
from omniscopy.io.records import Axis, Channel

_POINT = re.compile(r"fSweep_r\d+_c\d+\.mat", re.IGNORECASE)
_SPECTRA = "AI_mat"
_WANTED = (_SPECTRA, "freqArray", "IOparms")
_MOST_FILES = 1 << 16


def swept_records(path: Path, variables: Mapping[str, Any]) -> list[Channel]:
    """Return the response along time at each frequency of the drive; none in other files.

    The file has the spectra of the response, negative frequencies first, along its second axis.
    """
    spectra = variables.get(_SPECTRA)
    if not _POINT.fullmatch(path.name) or not isinstance(spectra, np.ndarray):
        return []
    if spectra.dtype.kind != "c" or spectra.ndim != 2 or not spectra.size:
        return []
    records = np.fft.ifft(np.fft.ifftshift(spectra, axes=1), axis=1).real
    drives, rate = _parameters(path.parent, path.parent.stat().st_mtime_ns)
    along: dict[str, Any] = {"scale": 1.0 / rate, "units": "s"} if rate else {}
    swept: dict[str, Any] = {"kind": "parameter"}
    if drives is not None and len(drives) == len(records):
        swept |= {"values": drives, "units": "Hz", "quantity": "drive frequency"}
    return [
        Channel(
            title="Response",
            data=np.ascontiguousarray(records),
            axes=[
                Axis(name="drive_frequency", size=len(records), **swept),
                Axis(name="time", size=records.shape[1], role="signal", **along),
            ],
            quantity="deflection",
            units="V",
            modality="AFM",
            source="General mode",
        )
    ]


# Each point of a scan asks again.
@functools.lru_cache(maxsize=16)
def _parameters(folder: Path, _age: int) -> tuple[np.ndarray | None, float | None]:
    """Return the frequencies of a sweep and the rate of the samples, as a file beside says."""
    for each in islice(sorted(folder.glob("*.mat")), _MOST_FILES):
        if not _POINT.fullmatch(each.name):
            found = _said(each)
            if found[0] is not None or found[1] is not None:
                return found
    return None, None


def _said(path: Path) -> tuple[np.ndarray | None, float | None]:
    try:
        said = read_variables(path, _WANTED)
    except FormatError:
        return None, None
    drives, settings = said.get("freqArray"), said.get("IOparms")
    rate = settings.get("downSampRate") if isinstance(settings, dict) else None
    known = isinstance(drives, np.ndarray) and drives.dtype.kind in "iuf"
    valid = isinstance(rate, np.ndarray) and rate.dtype.kind in "iuf" and rate.size == 1
    number = float(rate.ravel()[0]) if valid and isinstance(rate, np.ndarray) else 0.0
    return (
        drives.ravel().astype(np.float64) if known and isinstance(drives, np.ndarray) else None,
        number if np.isfinite(number) and number > 0 else None,
    )
