"""What became of every pixel: one code for each outcome, readable through CF flag attributes."""

from enum import IntEnum
from typing import Any


class Status(IntEnum):
    """The outcome of a calculation at one pixel."""

    CONVERGED = 0
    MAX_STEPS = 1
    SINGULAR = 2
    AT_BOUND = 3
    NO_DATA = 4
    INVALID = 5


def status_attrs() -> dict[str, Any]:
    """Return the attributes of a `status` variable (CF conventions 1.11, section 3.5).

    Returns
    -------
    dict
        ``flag_values`` and ``flag_meanings`` of `Status`, with name and units.
    """
    return {
        "long_name": "outcome",
        "units": "1",
        "flag_values": [int(code) for code in Status],
        "flag_meanings": " ".join(code.name.lower() for code in Status),
    }
