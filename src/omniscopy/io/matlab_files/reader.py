"""Read MATLAB files."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.matlab import Cells, read_variables
from omniscopy.io.matlab_files.currents import forc_currents, line_currents
from omniscopy.io.matlab_files.stacks import stacked_channels
from omniscopy.io.matlab_files.sweeps import swept_records
from omniscopy.io.records import Axis, Channel, Measurement


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - is whole or not
    """Read a MATLAB file of version 5 or 7.3.

    Parameters
    ----------
    path : Path
        The file; or a folder of lines (`line_1.mat`, ...) or points (`result_r1_c1.mat`,
        `fSweep_r1_c1.mat`, ...), whose arrays are stacked along y, and x.
    partial : bool
        Has no effect: a file that is cut short is refused. Lines and points that are not there
        are NaN, and marked.

    Returns
    -------
    Measurement
        Currents of reversal curves (FORC-IV) and of lines of general-mode current-voltage
        measurements with their axes; responses along time to sweeps of the drive (general mode,
        voltage spectroscopy), of their spectra in `fSweep_r1_c1.mat`. Of any other file a
        channel for each array of numbers, with numbered axes; text, structures and small
        numbers are metadata.

    Raises
    ------
    FormatError
        The file is damaged, of an older version, or holds no array of numbers.
    """
    path = Path(path)
    if path.is_dir():
        channels = stacked_channels(path, read_channels)
        return Measurement(channels=channels, metadata={"title": path.name})
    variables = read_variables(path)
    return Measurement(
        channels=_channels(path, variables),
        metadata={"title": path.stem},
        original_metadata={key: _small(value) for key, value in variables.items()},
    )


def read_channels(path: Path) -> list[Channel]:
    """Return the arrays of a file."""
    return _channels(path, read_variables(path))


def _channels(path: Path, variables: dict[str, Any]) -> list[Channel]:
    channels = forc_currents(path, variables) or line_currents(variables)
    channels = channels or swept_records(path, variables)
    if not channels:
        channels = [
            _plain(name, value)
            for name, value in variables.items()
            if isinstance(value, np.ndarray) and value.size > 1 and value.dtype.kind in "biufc"
        ]
    if not channels:
        kinds = ", ".join(sorted(variables)) or "nothing"
        message = f"the file holds no array of numbers; it holds {kinds}"
        raise FormatError(message, path=path)
    return channels


def _plain(name: str, value: np.ndarray) -> Channel:
    """Return an array with numbered axes, those of one row or column left out."""
    values = np.ascontiguousarray(np.squeeze(value))
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    axes = [
        Axis(name=f"axis_{number}", size=size, kind="parameter", quantity="index", units="1")
        for number, size in enumerate(values.shape)
    ]
    return Channel(title=name, data=values, axes=axes, source="MATLAB")


def _small(value: Any) -> Any:
    """Return a value as plain metadata; large arrays only by their shape."""
    if isinstance(value, np.ndarray):
        if value.size == 1 and value.dtype.kind in "biuf":
            return value.ravel()[0].item()
        if value.size <= 64 and value.dtype.kind in "biuf":
            return value.ravel().tolist()
        return f"array of shape {value.shape}"
    if isinstance(value, Cells):
        return f"cells of shape {value.shape}"
    if isinstance(value, dict):
        return {key: _small(each) for key, each in value.items()}
    return [_small(each) for each in value[:64]] if isinstance(value, list) else value
