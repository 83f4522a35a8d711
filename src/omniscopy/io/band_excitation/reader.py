"""Read folders of the band-excitation system."""

from pathlib import Path

from omniscopy.io.band_excitation.lines import read_lines
from omniscopy.io.band_excitation.matlab_parameters import (
    find_matlab_parameters,
    read_matlab_parameters,
)
from omniscopy.io.band_excitation.new_format import is_new, read_new
from omniscopy.io.band_excitation.old_format import read_old
from omniscopy.io.band_excitation.parameters import read_parameters
from omniscopy.io.band_excitation.probe import files_of, find_parameters
from omniscopy.io.band_excitation.time_resolved import find_time_resolved, read_time_resolved
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Measurement


def read(path: Path, *, partial: bool = False, repeats: int | None = None) -> Measurement:
    """Read the data set that a folder, or one of its files, belongs to.

    Parameters
    ----------
    path : Path
        The folder, or any of its files.
    partial : bool
        Read what is before a point that is cut short. A scan that was not finished is read either
        way: points that are not there are NaN.
    repeats : int, optional
        Spectra taken one after the other at each step of a relaxation: its spectrograms have
        the bins first. Nothing in the folder says so.

    Returns
    -------
    Measurement
        Band excitation in the old data format: complex spectra (y, x, …, frequency), with the
        steps of the bias as the parameters say; the current of the second input where there is
        one. In the new data format: a channel for each kind of excitation. General mode: the
        record of each line, or of each point of a tune. Time-resolved Kelvin probe: complex
        transients (y, x, bias, field, time) of each harmonic.

    Raises
    ------
    FormatError
        Parameters or data are missing or contradict each other.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    parameters = find_parameters(folder)
    if parameters is None:
        return _read_without_text(path, files_of(folder), partial=partial, repeats=repeats)
    groups = read_parameters(parameters)
    files = files_of(parameters.parent)
    if is_new(files):
        return read_new(parameters, groups, files, partial=partial)
    if any(each.name.lower().startswith("bigtime") for each in files):
        return read_lines(parameters, groups, files, partial=partial)
    return read_old(parameters, groups, files, partial=partial, repeats=repeats)


def _read_without_text(
    path: Path, files: list[Path], *, partial: bool, repeats: int | None
) -> Measurement:
    """Read a data set whose parameters are in a MATLAB file alone."""
    waves = find_time_resolved(files)
    if waves is not None:
        return read_time_resolved(waves, files, partial=partial)
    oldest = find_matlab_parameters(files)
    if oldest is None:
        message = "no parameters (a file `*parm*.txt`) are in the folder of the data"
        raise FormatError(message, path=path)
    known = read_matlab_parameters(oldest)
    return read_old(oldest, known.groups, files, partial=partial, repeats=repeats, known=known)
