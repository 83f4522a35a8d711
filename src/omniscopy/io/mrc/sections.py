"""Tilt and stage of each section, in the extended headers of SerialEM and of Agard's programs.

Two numbers say how these are made: of SerialEM the bytes of a section, and flags of what is in
them, as short integers; of Agard's format how many integers and how many real numbers a section
has (IMOD, *The MRC file format*).
"""

import struct
from pathlib import Path

import numpy as np

from omniscopy.io.mrc.header import HEADER_BYTES, Header
from omniscopy.io.records import Variable

_AT, _SHORT, _WORD = 128, 2, 4
# flag of SerialEM: how many short integers it stands for
_FLAGS = {1: 1, 2: 3, 4: 2, 8: 1, 16: 1, 32: 2}
_TILT, _STAGE = 1, 4
_TILT_STEPS, _STAGE_STEPS = 100.0, 25.0  # counts of a degree, and of a micrometre
_AGARD_REALS = 32
_KINDS = ("", "SERI", "AGAR")
_DEGREES = {"units": "deg", "quantity": "angle"}
_PLACE = {"units": "µm", "quantity": "length"}


def section_coordinates(path: Path, header: Header, count: int) -> dict[str, Variable]:
    """Return `alpha_tilt`, and `beta_tilt` or `stage_x` and `stage_y`, of `count` sections.

    Nothing is returned where the extended header is of another kind or too short.
    """
    if header.extended_type.strip() not in _KINDS or header.extended_bytes < 1:
        return {}
    with path.open("rb") as file:
        file.seek(_AT)
        first, second = struct.unpack(f"{header.byte_order}2h", file.read(2 * _SHORT))
        file.seek(HEADER_BYTES)
        raw = file.read(header.extended_bytes)
    found: dict[str, np.ndarray] = {}
    shorts = sum(number for flag, number in _FLAGS.items() if second & flag)
    if 0 < second < 2 * max(_FLAGS) and first == _SHORT * shorts and len(raw) >= first * count:
        table = np.frombuffer(raw, f"{header.byte_order}i2", shorts * count).reshape(count, shorts)
        at = 0
        for flag, number in _FLAGS.items():
            if not second & flag:
                continue
            if flag == _TILT:
                found["alpha_tilt"] = table[:, at] / _TILT_STEPS
            elif flag == _STAGE:
                found["stage_x"], found["stage_y"] = table[:, at : at + number].T / _STAGE_STEPS
            at += number
    elif first >= 0 and second >= _AGARD_REALS and len(raw) >= _WORD * (first + second) * count:
        words = np.frombuffer(raw, f"{header.byte_order}f4", (first + second) * count)
        table = words.reshape(count, first + second)[:, first : first + 2].astype(np.float64)
        # A stack that is no tilt series has zeros.
        if np.isfinite(table).all() and (np.abs(table) <= 180).all():
            found = {
                name: column
                for name, column in zip(("alpha_tilt", "beta_tilt"), table.T, strict=True)
                if column.any()
            }
    return {
        name: Variable(
            dims=("frame",), data=values, attrs=_PLACE if name.startswith("stage") else _DEGREES
        )
        for name, values in found.items()
    }
