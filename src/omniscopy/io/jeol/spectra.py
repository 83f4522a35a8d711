"""Spectra of an area or a spot (.eds): a head of fixed length, then the counts.

The head has neither a name nor a version. It is told by what is in it: a date of this time, and
a width and a number of channels that a detector can have.
"""

import struct
from pathlib import Path

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError
from omniscopy.io.jeol.tags import moment_of
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel

_DATE, _SAMPLE, _USER = struct.Struct("<10xd"), slice(18, 98), slice(98, 130)
_TIMES = struct.Struct("<250x4d")  # width of a channel in eV; live, real and dead time
_LINE = struct.Struct("<362x2d")  # width and first energy of the channels, keV
_STATE, _COUNT, DATA = slice(378, 410), struct.Struct("<454xI"), 458
_MOST_CHANNELS = 1 << 16


def is_spectrum(head: bytes) -> bool:
    """Return whether a file begins as a spectrum does."""
    if len(head) < DATA:
        return False
    ((days,), (width, first), (count,)) = (
        layout.unpack_from(head) for layout in (_DATE, _LINE, _COUNT)
    )
    fits = 2**15 <= days < 2**16 and 2**-10 <= width < 2**-3 and -10 < first < 10
    return fits and 256 <= count <= _MOST_CHANNELS and not count % 256


def read_spectrum(path: Path, head: bytes) -> Channel:
    """Return the spectrum that begins with `head`; raise where its counts are not all there."""
    (count,), (width, first) = _COUNT.unpack_from(head), _LINE.unpack_from(head)
    resolution, live, real, dead = _TIMES.unpack_from(head)
    sample, user, state = (_text(head[part]) for part in (_SAMPLE, _USER, _STATE))
    said = {
        "SpName": sample, "UserName": user, "State": state, "CHRes": resolution,
        "LiveTime": live, "RealTime": real, "DeadTime": dead, "CoefA": width, "CoefB": first,
        "NumCH": count,
    }  # fmt: skip
    if not np.isfinite([width, first]).all():
        message = "the energies of the channels are no numbers; the file is damaged"
        raise FormatError(message, path=path, offset=_LINE.size - 16)
    return Channel(
        title=path.stem,
        data=Mapped(str(path), DATA, (count,), np.dtype("<i4")),
        axes=[Axis(name="energy", size=count, scale=width, offset=first, units="keV")],
        quantity="intensity",
        units="counts",
        modality="EDS",
        source="JEOL",
        metadata=stated(
            {
                "started": moment_of(_DATE.unpack_from(head)[0]),
                "operator": user or None,
                "instrument": {"vendor": "JEOL"},
                "detector": {
                    "live_time": live if 0 < live < 1e7 else None,
                    "real_time": real if 0 < real < 1e7 else None,
                },
            }
        ),
        original_metadata={
            key: value
            for key, value in said.items()
            if not isinstance(value, float) or np.isfinite(value)
        },
    )


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("latin-1").strip()
