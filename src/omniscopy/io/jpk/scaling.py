"""What the numbers of a channel mean: their type, and the chain of calibrations to a unit."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.properties import Properties
from omniscopy.io.quantities import finite_number, known_units

_LONGEST_CHAIN = 16
_ENCODERS = (
    # the start of an encoder's name: the type of its numbers
    ("signedshort", ">i2"),
    ("unsignedshort", ">u2"),
    ("signedinteger", ">i4"),
    ("unsignedinteger", ">u4"),
    ("signedlong", ">i8"),
    ("unsignedlong", ">u8"),
)
_TYPES = {
    "float-data": ">f4", "float": ">f4", "double-data": ">f8", "double": ">f8",
    "short-data": ">i2", "short": ">i2", "integer-data": ">i4", "integer": ">i4",
    "long-data": ">i8", "long": ">i8",
}  # fmt: skip


@dataclass(frozen=True)
class Scaling:
    """Values are ``offset + scale * number``, in `units`; `steps` are the calibrations used."""

    dtype: np.dtype[Any]
    scale: float
    offset: float
    units: str | None
    steps: tuple[tuple[str, float, str | None], ...] = ()


def find_scaling(own: Properties, shared: Properties, channel: str) -> Scaling:
    """Return the scaling of a channel, as its segment says it or refers to what is shared."""
    reference = own.get(f"channel.{channel}.lcd-info.*")
    if reference is not None:
        return _read_scaling(shared, f"lcd-info.{reference}")
    return _read_scaling(own, f"channel.{channel}")


def _read_scaling(properties: Properties, prefix: str) -> Scaling:
    encoder = properties.get(f"{prefix}.encoder.type") or properties.get(
        f"{prefix}.data.encoder.type", ""
    )
    kind = properties.get(f"{prefix}.type") or properties.get(f"{prefix}.data.type", "")
    plain = _TYPES.get(kind.removeprefix("memory-"))
    code = next((code for name, code in _ENCODERS if encoder.startswith(name)), plain)
    if code is None:
        message = f"numbers of the type {kind or 'unknown'!r} ({encoder!r}) are not read"
        raise FormatError(message, key=prefix)
    at = f"{prefix}.encoder.scaling"
    if f"{at}.multiplier" not in properties:
        at = f"{prefix}.data.encoder.scaling"
    scale, offset = _line(properties, at)
    units = properties.get(f"{at}.unit.unit") or properties.get(f"{at}.unit")
    units = units or properties.get(f"{prefix}.unit.unit")
    steps = []
    for name in _chain(properties, f"{prefix}.conversion-set"):
        at = f"{prefix}.conversion-set.conversion.{name}.scaling"
        further, zero = _line(properties, at)
        scale, offset = scale * further, offset * further + zero
        units = properties.get(f"{at}.unit.unit") or properties.get(f"{at}.unit") or units
        steps.append((name, further, known_units(units)))
    return Scaling(np.dtype(code), scale, offset, known_units(units), tuple(steps))


def _chain(properties: Properties, prefix: str) -> list[str]:
    """Return the calibrations from the encoded numbers to the one shown by default."""
    name = properties.get(f"{prefix}.conversions.default", "")
    base = properties.get(f"{prefix}.conversions.base", "")
    chain: list[str] = []
    while name and name != base and len(chain) < _LONGEST_CHAIN:
        at = f"{prefix}.conversion.{name}"
        if properties.get(f"{at}.defined") != "true":
            break
        chain.append(name)
        name = properties.get(f"{at}.base-calibration-slot", "")
    return chain[::-1]


def _line(properties: Properties, prefix: str) -> tuple[float, float]:
    """Return multiplier and offset; what has none stays as it is."""
    scale = finite_number(properties.get(f"{prefix}.multiplier", ""))
    offset = finite_number(properties.get(f"{prefix}.offset", ""))
    return (1.0 if scale is None else scale), (0.0 if offset is None else offset)
