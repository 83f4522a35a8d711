"""Read JPK files: archives of force curves, and images."""

from pathlib import Path

from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.archive import list_members
from omniscopy.io.jpk.curves import read_curves
from omniscopy.io.jpk.images import read_images
from omniscopy.io.records import Measurement

_ZIP, _TIFF = b"PK\x03\x04", b"MM\x00*"


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - see below
    """Return the channels of the JPK file at `path`.

    Parameters
    ----------
    path : Path
        An archive of force curves (.jpk-force, .jpk-force-map, .jpk-qi-data) or an image.
    partial : bool
        Makes no difference: the directory of an archive is at its end, and so of a truncated
        one nothing can be read. A map that was stopped is always read; its missing curves are
        NaN.

    Returns
    -------
    Measurement
        A channel for each quantity of each segment (extend, pause, retract): along `time`, in a
        map (y, x, time), with the height of the probe as coordinate `z`; and for each page of
        an image, (y, x). Row 0 is on top; `y` descends, in the frame of the scanner before the
        grid is turned by its angle.

    Raises
    ------
    FormatError
        The file is cut short or damaged.
    UnsupportedFormatError
        The archive is encrypted or packed in an unknown way.
    """
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(4)
    if start == _ZIP:
        return read_curves(path, list_members(path))
    if start == _TIFF:
        return read_images(path)
    message = f"a JPK file is a ZIP archive or a TIFF image, this one starts with {start!r}"
    raise FormatError(message, path=path, offset=0)
