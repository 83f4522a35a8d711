"""Read data of JEOL Analysis Station: a project with its files, or one of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.jeol.images import read_image
from omniscopy.io.jeol.lines import BEGINNING, read_line
from omniscopy.io.jeol.maps import MapOptions, read_map
from omniscopy.io.jeol.projects import read_project
from omniscopy.io.jeol.spectra import is_spectrum, read_spectrum
from omniscopy.io.records import Channel, Measurement
from omniscopy.io.spectrum_images import require_frames, require_rebin

_HEAD_BYTES = 512


def read(
    path: Path,
    *,
    partial: bool = False,
    rebin_energy: int = 1,
    sum_frames: bool = False,
    frames: tuple[int, int] | None = None,
) -> Measurement:
    """Read a project of JEOL Analysis Station (.asw), or one of its files.

    Parameters
    ----------
    path : Path
        The file: a project, an image or element map (.img, .map), a stream of events (.pts), a
        spectrum (.eds) or spectra along a line (.pln). The files that a project names are found in
        the folders below it, those of a line beside it.
    partial : bool
        Read a stream of events that is cut short, as far as it goes.
    rebin_energy : int
        Channels of spectrum images that are taken together.
    sum_frames : bool
        Count the events of all frames together.
    frames : (first, stop), optional
        Frames of spectrum images that are read.

    Returns
    -------
    Measurement
        A channel (y, x) for each image and element map, and for each stream of events one
        (time, y, x, energy), or (y, x, energy) of one frame, and its spectrum; of a spectrum of an
        area or a spot one along `energy`, of a line (point, energy). Energies are in
        keV, lengths in µm. All channels of the detector are there, those below zero energy too.
        Files of a project that are not there or of other kinds are listed under ``not_read``.

    Raises
    ------
    FormatError
        A file is cut short or damaged, or an option does not fit.
    """
    path = Path(path).absolute()
    require_rebin(path, rebin_energy)
    require_frames(path, frames)

    missing: list[str] = []

    def read_file(file: Path) -> list[Channel]:
        head = _head(file)
        if b"JxImageForm" in head[:64]:
            return [read_image(file)]
        if head[4:12] == b"PTTDFILE":
            return read_map(file, MapOptions(rebin_energy, sum_frames, frames), partial=partial)
        if head.startswith(BEGINNING):
            found, absent = read_line(file)
            missing.extend(absent)
            return found
        if is_spectrum(head):
            return [read_spectrum(file, head)]
        message = f"a file of JEOL that starts with {head[:12]!r} is not read"
        raise UnsupportedFormatError(message, path=file, offset=0)

    if b"Analysis Station" in _head(path)[:64]:
        return _read_project(path, read_file, missing)
    channels = read_file(path)
    return Measurement(channels=channels, attrs={"not_read": missing} if missing else {})


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _read_project(
    path: Path, read_file: Callable[[Path], list[Channel]], not_read: list[str]
) -> Measurement:
    tree, companions = read_project(path)
    several = len({each.view for each in companions}) > 1
    channels: list[Channel] = []
    for companion in companions:
        if companion.path is None:
            not_read.append(f"{companion.name} (not there)")
            continue
        try:
            found = read_file(companion.path)
        except UnsupportedFormatError:
            not_read.append(companion.name)
            continue
        group = companion.view if several else ""
        channels += [replace(channel, group=group) for channel in found]
    if not channels:
        message = f"none of the files of the project can be read: {', '.join(not_read)}"
        raise FormatError(message, path=path, key="SampleInfo")
    return Measurement(
        channels=channels,
        original_metadata=tree.described() or {},
        attrs={"not_read": not_read} if not_read else {},
    )
