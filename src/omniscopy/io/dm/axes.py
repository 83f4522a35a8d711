"""Which dimension of an image is what: from Gatan's own tags and the units of calibrations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from omniscopy.io.dimension_units import dimension_units
from omniscopy.io.dm.images import Calibration, Image
from omniscopy.io.dm.tags import find_tag
from omniscopy.io.records import Axis
from omniscopy.model.units import is_unit, parse

Signal = Literal["EELS", "X-ray", "CL"]
Role = str

SPATIAL, RECIPROCAL, TIME, FRAME, ENERGY = "spatial", "reciprocal", "time", "frame", "energy"

_SPECTRAL = ("energy_loss", "energy", "wavelength", "wavenumber")
_GROUPS = ((TIME, FRAME), (SPATIAL,), (RECIPROCAL,), _SPECTRAL)
_NAMES = {SPATIAL: ("x", "y", "z"), RECIPROCAL: ("kx", "ky")}


@dataclass(frozen=True)
class Layout:
    """The axes in displayed order, and the order of file dimensions that gives it."""

    axes: tuple[Axis, ...]
    transposition: tuple[int, ...]


def lay_out(image: Image) -> Layout:
    """Return the axes of the image as they are displayed: ``(..., y, x, ky, kx, energy)``."""
    units = [dimension_units(one.units) for one in image.calibrations]
    roles = decide_roles(image, units)
    shown: list[tuple[int, str]] = []
    for group in _GROUPS:
        members = [index for index, role in enumerate(roles) if role in group]
        names = [_name(roles[index], number) for number, index in enumerate(members)]
        shown += reversed(list(zip(members, _unique(names), strict=True)))
    axes = tuple(
        _axis(name, image.shape[index], _true_origin(image, index), units[index])
        for index, name in shown
    )
    last = len(image.shape) - 1
    return Layout(axes, tuple(last - index for index, _ in shown))


def decide_roles(image: Image, units: Sequence[str | None]) -> list[Role]:
    """Return what every dimension of the file is, the fastest first."""
    roles = [_role_of(one) for one in units]
    spectral = _spectral_dimension(image, roles)
    if spectral is not None:
        # A second axis of energies is a setting that was stepped.
        roles = [FRAME if role == ENERGY else role for role in roles]
        roles[spectral] = _spectral_name(signal_of(image), units[spectral])
    else:
        for index in _detector_dimensions(image, roles):
            roles[index] = RECIPROCAL
    is_scan = spectral is not None or len(roles) == 4 or _is_diffraction(image)
    plane = roles.count(SPATIAL) + (0 if is_scan else roles.count(RECIPROCAL))
    decided: list[Role] = []
    for role in roles:
        if role is None and plane < 2:
            plane += 1
            decided.append(SPATIAL)
        else:
            decided.append(role or FRAME)
    return decided


def signal_of(image: Image) -> Signal | None:
    """Return what was recorded, from Gatan's meta data or from the groups of tags present."""
    stated = find_tag(image.tags, "Meta Data:Signal")
    if stated in ("EELS", "X-ray", "CL"):
        return stated
    groups: dict[Signal, str] = {"EELS": "EELS", "X-ray": "EDS", "CL": "CL"}
    present = [signal for signal, group in groups.items() if group in image.tags]
    return present[0] if len(present) == 1 else None


def _role_of(units: str | None) -> Role | None:
    if units is None or not is_unit(units):
        return None
    known: dict[tuple[tuple[str, float], ...], Role] = {
        (("m", 1.0),): SPATIAL,
        (("m", -1.0),): "wavenumber" if units == "1/cm" else RECIPROCAL,
        (("rad", 1.0),): FRAME if units == "deg" else RECIPROCAL,
        (("s", 1.0),): TIME,
    }
    energy = parse("eV").powers
    return ENERGY if parse(units).powers == energy else known.get(parse(units).powers)


def _spectral_dimension(image: Image, roles: Sequence[Role | None]) -> int | None:
    """Return the dimension of the spectra; Gatan puts it last in maps, first in line scans."""
    energies = [index for index, role in enumerate(roles) if role in (ENERGY, "wavenumber")]
    if len(energies) == 1:
        return energies[0]
    signal = signal_of(image)
    is_spectrum = str(find_tag(image.tags, "Meta Data:Format")).lower().startswith("spectrum")
    if signal is None or image.is_packed_transform:
        return None
    if not (is_spectrum or (signal == "CL" and len(roles) == 1)):
        return None
    last = len(roles) - 1
    usual = 0 if last < 2 or _is_swapped(image) else last
    fits = roles[usual] in (None, ENERGY) or (signal == "CL" and roles[usual] == SPATIAL)
    return usual if fits else None


def _spectral_name(signal: Signal | None, units: str | None) -> Role:
    if units == "1/cm":
        return "wavenumber"
    if units is not None and _role_of(units) == SPATIAL:
        return "wavelength"
    if units is None:
        return {"EELS": "energy_loss", "X-ray": "energy", "CL": "wavelength"}[signal or "EELS"]
    if signal is None:
        return "energy" if units == "keV" else "energy_loss"
    return "energy_loss" if signal == "EELS" else "energy"


def _detector_dimensions(image: Image, roles: Sequence[Role | None]) -> Sequence[int]:
    """Return the dimensions of a diffraction pattern or transform that units do not tell."""
    if image.is_packed_transform:
        return (0, 1)
    is_diffraction, swapped = _is_diffraction(image), _is_swapped(image)
    if len(roles) == 4:
        return _detector_pair(roles, swapped=swapped, is_diffraction=is_diffraction)
    if is_diffraction and RECIPROCAL not in roles and len(roles) in (2, 3):
        pair = (1, 2) if len(roles) == 3 and swapped is False else (0, 1)
        return [index for index in pair if roles[index] is None]
    return ()


def _detector_pair(
    roles: Sequence[Role | None], *, swapped: bool | None, is_diffraction: bool
) -> tuple[int, int]:
    """Return the two detector dimensions of 4-D data.

    Units decide where they can. Otherwise the tag "Data Order Swapped" of newer versions says
    that the detector comes first; files that lack it have the scan first.
    """
    first, last = set(roles[:2]), set(roles[2:])
    for sign, opposite in ((RECIPROCAL, False), (SPATIAL, True)):
        if (sign in first) != (sign in last):
            return (0, 1) if (sign in first) is not opposite else (2, 3)
    if swapped is None:
        swapped = not is_diffraction
    return (0, 1) if swapped else (2, 3)


def _is_diffraction(image: Image) -> bool:
    return find_tag(image.tags, "Meta Data:Format") == "Diffraction image"


def _is_swapped(image: Image) -> bool | None:
    value = find_tag(image.tags, "Meta Data:Data Order Swapped")
    if isinstance(value, str):
        return value.strip().lower() in ("1", "true")
    return None if value is None else value in (1, True)


def _name(role: Role, number: int) -> str:
    names = _NAMES.get(role, (role,))
    return names[min(number, len(names) - 1)]


def _unique(names: Sequence[str]) -> list[str]:
    """Return the names, numbered where they come again."""
    return [
        name if names.index(name) == at else f"{name}_{names[:at].count(name)}"
        for at, name in enumerate(names)
    ]


def _true_origin(image: Image, index: int) -> Calibration:
    """Return the calibration, with k = 0 on the pixel where a transform has it.

    DigitalMicrograph centres a transform on the middle of that pixel, half a pixel further
    than its own rule ``(i - origin) * scale`` would have it.
    """
    calibration = image.calibrations[index]
    if not image.is_packed_transform or calibration.origin == 0:
        return calibration
    return Calibration(image.shape[index] // 2, calibration.scale, calibration.units)


def _axis(name: str, size: int, calibration: Calibration, units: str | None) -> Axis:
    offset = -calibration.origin * calibration.scale
    is_angle = units is not None and _role_of(units) == RECIPROCAL and units.endswith("rad")
    return Axis(
        name=name,
        size=size,
        scale=calibration.scale,
        offset=offset + 0.0,  # never -0.0
        units=units,
        quantity="angle" if is_angle else None,
    )
