"""Units of the field as text: how they are spelled, and how one is turned into another.

Units stay text in attributes, readable by pint and UDUNITS; numbers stay plain arrays.
"""

import functools
import math
import re
from collections import Counter
from dataclasses import dataclass

from omniscopy.model.errors import DataError

_PREFIXES = {
    "q": -30, "r": -27, "y": -24, "z": -21, "a": -18, "f": -15, "p": -12, "n": -9, "µ": -6,
    "m": -3, "c": -2, "d": -1, "": 0, "da": 1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15,
    "E": 18,
}  # fmt: skip

# symbol: (factor, powers of the base units), after the SI brochure, 9th ed. (2019);
# eV is exact since 2019.
_UNITS: dict[str, tuple[float, dict[str, float]]] = {
    "m": (1.0, {"m": 1}),
    "g": (1e-3, {"kg": 1}),
    "s": (1.0, {"s": 1}),
    "A": (1.0, {"A": 1}),
    "K": (1.0, {"K": 1}),
    "mol": (1.0, {"mol": 1}),
    "rad": (1.0, {"rad": 1}),
    "sr": (1.0, {"rad": 2}),
    "deg": (math.pi / 180, {"rad": 1}),
    "Hz": (1.0, {"s": -1}),
    "N": (1.0, {"kg": 1, "m": 1, "s": -2}),
    "Pa": (1.0, {"kg": 1, "m": -1, "s": -2}),
    "bar": (1e5, {"kg": 1, "m": -1, "s": -2}),
    "J": (1.0, {"kg": 1, "m": 2, "s": -2}),
    "eV": (1.602176634e-19, {"kg": 1, "m": 2, "s": -2}),
    "W": (1.0, {"kg": 1, "m": 2, "s": -3}),
    "C": (1.0, {"A": 1, "s": 1}),
    "V": (1.0, {"kg": 1, "m": 2, "s": -3, "A": -1}),
    "F": (1.0, {"kg": -1, "m": -2, "s": 4, "A": 2}),
    "Ohm": (1.0, {"kg": 1, "m": 2, "s": -3, "A": -2}),
    "S": (1.0, {"kg": -1, "m": -2, "s": 3, "A": 2}),
    "T": (1.0, {"kg": 1, "s": -2, "A": -1}),
    "Å": (1e-10, {"m": 1}),
    "min": (60.0, {"s": 1}),
    "h": (3600.0, {"s": 1}),
    "barn": (1e-28, {"m": 2}),
    "counts": (1.0, {"counts": 1}),
    "electrons": (1.0, {"electrons": 1}),
    "px": (1.0, {"px": 1}),
    "%": (0.01, {}),
    "1": (1.0, {}),
}
_NO_PREFIX = {"min", "h", "deg", "Å", "%", "1", "counts", "electrons", "px"}
_SPELLINGS = {
    "Angstrom": "Å", "angstrom": "Å", "Ang": "Å", "\u212b": "Å", "A°": "Å",
    "°": "deg", "º": "deg", "degree": "deg", "degrees": "deg", "Deg": "deg",
    "count": "counts", "Counts": "counts", "ct": "counts", "cts": "counts",
    "e": "electrons", "e-": "electrons", "electron": "electrons",
    "pixel": "px", "pixels": "px", "Ω": "Ohm", "ohm": "Ohm", "sec": "s", "Sec": "s",
    "mRad": "mrad", "EV": "eV", "ev": "eV", "KeV": "keV", "kev": "keV", "KEV": "keV",
    "Cnt": "counts", "Cnts": "counts", "cnts": "counts", "secs": "s", "msec": "ms",
    "usec": "µs", "µsec": "µs", "nsec": "ns", "psec": "ps",
}  # fmt: skip
# Names of units in full, of one or several, with prefixes in full.
_NAMES = {
    "meter": "m", "metre": "m", "second": "s", "volt": "V", "amp": "A", "ampere": "A", "ohm": "Ohm",
    "watt": "W", "hertz": "Hz", "newton": "N", "pascal": "Pa", "kelvin": "K", "radian": "rad",
    "electronvolt": "eV", "angstrom": "Å", "ångström": "Å", "tesla": "T", "joule": "J",
    "count": "counts", "electron": "electrons", "pixel": "px", "degree": "deg", "micron": "µm",
    "minute": "min", "hour": "h",
}  # fmt: skip
_PREFIX_NAMES = {
    "femto": "f", "pico": "p", "nano": "n", "micro": "µ", "milli": "m", "centi": "c",
    "kilo": "k", "mega": "M", "giga": "G",
}  # fmt: skip
_SHORTEST_NAME = 3
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_HIGHEST_POWER = 12  # beyond it factors leave the range of numbers
_FACTOR = re.compile(r"^([^\d^*/\s.-]+|1)(?:(?:\^|\*\*)?([+-]?\d+(?:\.\d+)?))?$")


@dataclass(frozen=True)
class Unit:
    """A unit as a factor times powers of the base units."""

    factor: float
    powers: tuple[tuple[str, float], ...]


def spell(text: str) -> str:
    """Return the usual spelling of a unit: `um` → `µm`, `Angstrom` → `Å`, `nm^-1` → `1/nm`.

    Parameters
    ----------
    text : str
        Units as a file or a person writes them.

    Returns
    -------
    str
        Text that is no unit of the table is unchanged, without blanks around it.
    """
    text = text.strip()
    try:
        factors = _split(text)
    except DataError:
        return text
    above = [_power(symbol, power) for symbol, power in factors if power > 0 and symbol != "1"]
    below = [_power(symbol, -power) for symbol, power in factors if power < 0 and symbol != "1"]
    top = " ".join(above) or "1"
    return top if not below else f"{top}/{below[0]}" + "".join(f"/{part}" for part in below[1:])


def is_unit(text: object) -> bool:
    """Return whether `text` can be read as a unit of the field.

    Parameters
    ----------
    text : object
        Anything; what is not text is no unit.

    Returns
    -------
    bool
        True for units of the table with prefixes and powers, such as ``"pm/V"``.
    """
    try:
        parse(str(text))
    except DataError:
        return False
    return isinstance(text, str)


@functools.cache
def parse(text: str) -> Unit:
    """Return the meaning of `text`, such as `"nm"`, `"1/Å"`, `"pm/V"` or `"counts s^-1"`."""
    factor, powers = 1.0, Counter[str]()
    for symbol, power in _split(text):
        if abs(power) > _HIGHEST_POWER:
            message = f"{text!r} is not a unit: its powers are too high"
            raise DataError(message)
        prefix, base = _prefix_and_base(symbol)
        unit_factor, unit_powers = _UNITS[base]
        factor *= (unit_factor * 10.0 ** _PREFIXES[prefix]) ** power
        for name, unit_power in unit_powers.items():
            powers[name] += unit_power * power  # type: ignore[assignment]
    return Unit(factor, tuple(sorted((name, float(p)) for name, p in powers.items() if p)))


def conversion_factor(units: str, target: str) -> float:
    """Return what a value in `units` is multiplied by to be in `target`.

    Parameters
    ----------
    units, target : str
        Units of the same quantity.

    Returns
    -------
    float
        Exact for powers of ten.

    Raises
    ------
    DataError
        One of them is no unit, or they measure different things.
    """
    if units == target:
        return 1.0
    here, there = parse(units), parse(target)
    if here.powers != there.powers:
        message = f"{units!r} cannot be converted to {target!r}: they measure different things"
        raise DataError(message)
    ratio = here.factor / there.factor
    # Powers of ten come out exact, so that 1 µm is 1000 nm and not 999.9999999999999.
    exponent = round(math.log10(ratio))
    if math.isclose(ratio, 10.0**exponent, rel_tol=1e-12):
        return float(f"1e{exponent}")
    return ratio


def readable(value: float, units: str) -> tuple[float, str]:
    """Return `value` in the prefix of `units` in which it lies between 1 and 1000.

    Lengths, times, voltages and the like change their prefix; units without one
    (`counts`, `deg`, `1/nm`) are left as they are.
    """
    factors = _split(units) if is_unit(units) else []
    if len(factors) != 1 or factors[0][1] != 1 or not math.isfinite(value) or value == 0:
        return value, units
    prefix, base = _prefix_and_base(factors[0][0])
    if base in _NO_PREFIX:
        return value, units
    exponent = _PREFIXES[prefix] + math.floor(math.log10(abs(value)) + 1e-9)
    wanted = min(max(3 * (exponent // 3), -30), 18)
    for symbol, power in _PREFIXES.items():
        if power == wanted:
            target = symbol + base
            return value * conversion_factor(units, target), target
    return value, units


def reciprocal(units: str | None) -> str | None:
    """Return the units of one over a value in `units`; unknown stays unknown."""
    if units is None:
        return None
    return spell(f"1/({units})") if not is_unit(units) else spell(_inverted(units))


def product(*factors: tuple[str | None, float]) -> str | None:
    """Return the units of a product of powers: ``product(("V", 2), ("nm", -1))`` is `V^2/nm`.

    Unknown where one of them is unknown or no unit.
    """
    powers: Counter[str] = Counter()
    for units, power in factors:
        if units is None or not is_unit(units):
            return None
        for symbol, own in _split(units):
            powers[symbol] += own * power  # type: ignore[assignment]
    kept = [_power(symbol, power) for symbol, power in powers.items() if power and symbol != "1"]
    return spell(" ".join(kept) or "1")


def without_prefixes(units: str) -> tuple[float, str]:
    """Return `units` without prefixes, and what values are multiplied by to be in them.

    `"nm"` is `(1e-9, "m")`, `"mV/Å"` is `(1e7, "V/m")`.
    """
    powers: Counter[str] = Counter()
    for symbol, power in _split(units):
        base = "m" if symbol == "Å" else _prefix_and_base(symbol)[1]
        powers[base] += power  # type: ignore[assignment]
    plain = product(*powers.items()) or "1"
    return conversion_factor(units, plain), plain


def _inverted(units: str) -> str:
    parts = [f"{symbol}^{-power:g}" for symbol, power in _split(units)]
    return " ".join(parts) or "1"


def _power(symbol: str, power: float) -> str:
    return symbol if power == 1 else f"{symbol}^{power:g}"


def _split(text: str) -> list[tuple[str, float]]:
    """Return the symbols of `text`, spelled the usual way, with their powers."""
    plain = text.strip().translate(_SUPERSCRIPTS).replace("μ", "µ").replace("·", " ")
    plain = plain.replace("**", "^")
    factors: list[tuple[str, float]] = []
    for position, part in enumerate(plain.split("/")):
        symbols = part.replace("*", " ").replace("(", " ").replace(")", " ").split()
        if not symbols:
            message = f"{text!r} is not a unit; give one such as 'nm', '1/nm', 'eV' or 'pm/V'"
            raise DataError(message)
        for symbol in symbols:
            name, power = _symbol_and_power(symbol, text)
            factors.append((name, power if position == 0 else -power))
    return [factor for factor in factors if factor[0] != "1"] or [("1", 1.0)]


def _symbol_and_power(symbol: str, text: str) -> tuple[str, float]:
    if symbol in _SPELLINGS:
        return _SPELLINGS[symbol], 1.0
    match = _FACTOR.match(symbol)
    if match is not None:
        name = _spelled(match[1])
        if _known(name):
            return name, float(match[2] or 1)
    message = f"{text!r} is not a unit: {symbol!r} is unknown"
    raise DataError(message)


def _spelled(name: str) -> str:
    if name in _SPELLINGS:
        return _SPELLINGS[name]
    if len(name) >= _SHORTEST_NAME and (symbol := _named(name.lower())) is not None:
        return symbol
    if name.startswith("u") and not _known(name) and _known("µ" + name[1:]):
        return "µ" + name[1:]
    return name


def _named(word: str) -> str | None:
    """Return the symbol of a unit whose name is written in full, `None` where it is none."""
    one = word if word in _NAMES or word == "hertz" else word.removesuffix("s")
    if one in _NAMES:
        return _NAMES[one]
    for prefix, symbol in _PREFIX_NAMES.items():
        rest = one.removeprefix(prefix)
        base = _NAMES.get(rest) if rest != one else None
        if base is not None and base not in _NO_PREFIX and base != "µm":
            return symbol + base
    return None


def _known(symbol: str) -> bool:
    try:
        _prefix_and_base(symbol)
    except KeyError:
        return False
    return True


def _prefix_and_base(symbol: str) -> tuple[str, str]:
    """Return the prefix and the base unit; the whole symbol is tried first (`min`, `Pa`)."""
    if symbol in _UNITS:
        return "", symbol
    for length in (1, 2):
        prefix, base = symbol[:length], symbol[length:]
        if prefix in _PREFIXES and base in _UNITS and base not in _NO_PREFIX:
            return prefix, base
    raise KeyError(symbol)
