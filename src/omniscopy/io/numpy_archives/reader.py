"""Read archives of arrays: each is a channel, and none is ever unpickled."""

from pathlib import Path

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.jpk.archive import list_members
from omniscopy.io.numpy_files.headers import default_dims
from omniscopy.io.numpy_files.members import read_array
from omniscopy.io.records import Axis, Channel, Measurement

_SUFFIX = ".npy"
_MOST_ARRAYS = 4096


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - an archive opens whole
    """Read an archive of arrays of NumPy.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: the directory of an archive is at its end.

    Returns
    -------
    Measurement
        A channel for every array of numbers, called as in the archive, with the dimensions y and
        x where it has two and `dim_0`, `dim_1`, ... otherwise. Arrays of Python objects or of
        text, and other members, are listed under ``not_read``.

    Raises
    ------
    FormatError
        The archive is cut short or damaged.
    UnsupportedFormatError
        It holds no array of numbers.
    """
    path = Path(path)
    channels: list[Channel] = []
    not_read: list[str] = []
    for name, member in list_members(path).items():
        if not name.endswith(_SUFFIX) or len(channels) >= _MOST_ARRAYS:
            not_read.append(name)
            continue
        try:
            data = read_array(path, member)
        except UnsupportedFormatError as error:
            not_read.append(f"{name}: {error.message}")
            continue
        dims = default_dims(len(data.shape))
        axes = [Axis(name=dim, size=size) for dim, size in zip(dims, data.shape, strict=True)]
        channels.append(Channel(title=name.removesuffix(_SUFFIX), data=data, axes=axes))
    if not channels:
        held = "; ".join(not_read[:20]) or "nothing"
        message = f"the archive has no array of numbers; it holds {held}"
        raise UnsupportedFormatError(message, path=path)
    return Measurement(channels=channels, attrs={"not_read": not_read} if not_read else {})
