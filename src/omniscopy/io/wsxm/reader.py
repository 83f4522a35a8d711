"""Read WSxM files: images, movies, volumes of spectra, and curves."""

from pathlib import Path

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.records import Channel, Measurement
from omniscopy.io.wsxm.curves import curve_channels, text_channels
from omniscopy.io.wsxm.header import Header, read_header
from omniscopy.io.wsxm.images import image_channel, movie_channel, volume_channels
from omniscopy.io.wsxm.metadata import common_metadata


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the WSxM file at `path`.

    Parameters
    ----------
    path : Path
        A file of WSxM; each channel and direction of a measurement is a file of its own.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        An image (y, x) with row 0 on top, a movie (frame, y, x), a volume (y, x, ramp) beside
        its topography, or curves: along their abscissa where they are text, else
        (point, sample) with the abscissa of every curve as a coordinate.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    UnsupportedFormatError
        The values are of a type, or the file of a kind, that is not known.
    """
    path = Path(path)
    header = read_header(path)
    return Measurement(
        channels=_read_channels(header, partial=partial),
        metadata=common_metadata(header),
        original_metadata=header.sections,
    )


def _read_channels(header: Header, *, partial: bool) -> list[Channel]:
    if header.has("Number of Frames"):
        return [movie_channel(header, partial=partial)]
    if header.has("Number of points per ramp"):
        return volume_channels(header, partial=partial)
    if header.has("Number of rows"):
        image = image_channel(header, partial=partial)
        if image.data is None or "incomplete" in image.attrs:
            return [image]
        rows, columns = image.data.shape
        end = header.end + rows * columns * header.dtype.itemsize
        if header.path.suffix.lower() != ".curves" and not _is_header(header.path, end):
            return [image]
        return [image, *curve_channels(header, end, partial=partial)]
    if header.has("Number of lines"):
        return text_channels(header, partial=partial)
    message = "the header announces neither an image nor curves"
    raise UnsupportedFormatError(message, path=header.path, key="General Info")


def _is_header(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(4) == b"WSxM"
