"""What pixels of a TIFF file measure, from the tags of the programs that wrote it.

Plain resolution tags are dots per inch for printing, no calibration; only ImageJ's mean one.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from omniscopy.io.quantities import measures
from omniscopy.io.sem_settings import (
    SemSettings,
    settings_beside,
    settings_of_fei_image,
    settings_of_fibics,
    settings_of_tescan,
)
from omniscopy.io.tiff.container import declares_entities
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree
from omniscopy.model.units import conversion_factor, is_unit, spell

FEI_TAGS = (34682, 34680)
ZEISS_TAG, OLYMPUS_TAG, TVIPS_TAG = 34118, 33560, 37706
_DM_UNITS = {"X": 65003, "Y": 65004, "Z": 65005}
_DM_OFFSETS = {"X": 65006, "Y": 65007, "Z": 65008}
_DM_SCALES = {"X": 65009, "Y": 65010, "Z": 65011}
# What tifffile calls the dimension of pages that follow each other.
_PAGES = "IQTZ"
_METRES_OF_RESOLUTION = {2: 0.0254, 3: 0.01}
# EM-MENU in the mode of diffraction.
TVIPS_DIFFRACTION = 3
# How far the size of a pixel in text may be from the number that it was made of.
_ROUNDING = 0.01
_LEAST_VOLTS = 1e3
_LONGEST_TEXT = 1 << 20
_SEM_TAGS: dict[int, Callable[[str], SemSettings | None]] = {
    34683: settings_of_fei_image, 50431: settings_of_tescan, 51023: settings_of_fibics,
}  # fmt: skip
_TABLE = re.compile(r"#(\d+),(\d+)")
_TIME_UNITS = ("fs", "ps", "ns", "µs", "ms", "s")


@dataclass(frozen=True)
class Scale:
    """The coordinate of pixel `i` is ``offset + i * step``, or `values[i]`, in `units`."""

    step: float
    units: str
    offset: float = 0.0
    name: str | None = None
    values: np.ndarray | None = None


Scales = dict[str, Scale]


def find_scales(file: Any, series: Any, number: int) -> Scales:
    """Return the scales of a series by tifffile's letter of the axis, {} where none is known."""
    page = series.keyframe
    finders: list[Callable[[], Scales]] = [
        lambda: _ome_scales(file, number),
        lambda: _fei_scales(page),
        lambda: _zeiss_scales(page),
        lambda: _olympus_scales(page),
        lambda: _tvips_scales(page),
        lambda: _dm_scales(page),
        lambda: _imagej_scales(file, page),
        lambda: _hamamatsu_scales(file, page),
        lambda: _sightx_scales(page),
        lambda: _sem_scales(page),
    ]
    for finder in finders:
        found = finder()
        if found:
            return found
    return {}


def tag_value(page: Any, code: int) -> Any:
    """Return the value of a tag, `None` where it is missing or cannot be read."""
    tag = page.tags.get(code)
    try:
        return None if tag is None else tag.value
    except (ValueError, TypeError, KeyError, IndexError, OSError, OverflowError):
        return None


def number_at(tree: Any, *names: str) -> float | None:
    """Return the finite number at a path of nested dictionaries."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return _number(tree)


def ome_pixels(file: Any, number: int) -> ElementTree.Element | None:
    """Return the `Pixels` element of an image of an OME-TIFF file."""
    text = file.ome_metadata
    if not text or declares_entities(text):
        return None
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError):
        return None
    pixels = [element for element in root.iter() if element.tag.endswith("}Pixels")]
    return pixels[number] if number < len(pixels) else None


def _number(value: Any) -> float | None:
    if isinstance(value, tuple) and len(value) == 2 and _number(value[1]):
        return float(value[0]) / float(value[1])
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _scale(step: Any, units: Any, offset: Any = 0.0, name: str | None = None) -> Scale | None:
    found, spelled = _number(step), spell(str(units or ""))
    if found is None or found <= 0 or not is_unit(spelled) or spelled in ("px", "1"):
        return None
    return Scale(found, spelled, _number(offset) or 0.0, name)


def _known(**scales: Scale | None) -> Scales:
    return {letter: scale for letter, scale in scales.items() if scale is not None}


def _fei_scales(page: Any) -> Scales:
    trees = [tag_value(page, code) for code in FEI_TAGS]
    tree = next((tree for tree in trees if isinstance(tree, Mapping)), None)
    if tree is None:
        return {}
    x, y = number_at(tree, "Scan", "PixelWidth"), number_at(tree, "Scan", "PixelHeight")
    beam = tree.get("Beam")
    source = beam.get("Beam") if isinstance(beam, Mapping) else None
    if (x is None or y is None) and isinstance(source, str):
        # The navigation camera states its field of view only.
        x = _ratio(number_at(tree, source, "HFW"), number_at(tree, "Image", "ResolutionX"))
        y = _ratio(number_at(tree, source, "VFW"), number_at(tree, "Image", "ResolutionY"))
    return _known(X=_scale(x, "m"), Y=_scale(y, "m"))


def sem_settings(page: Any) -> SemSettings | None:
    """Return what a tag of TESCAN, Thermo Fisher or Fibics, or a text beside the file, says."""
    for code, read in _SEM_TAGS.items():
        value = tag_value(page, code)
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        found = read(text) if isinstance(text, str) and len(text) <= _LONGEST_TEXT else None
        if found is not None:
            return found
    handle = getattr(getattr(page, "parent", None), "filehandle", None)
    name = getattr(handle, "path", "")
    return settings_beside(Path(name), page.imagewidth) if name else None


def _sem_scales(page: Any) -> Scales:
    found = sem_settings(page)
    if found is None or found.pixel is None:
        return {}
    x, y = found.pixel
    return _known(X=_scale(x, found.units), Y=_scale(y, found.units))


def _ratio(length: float | None, count: float | None) -> float | None:
    return length / count if length is not None and count else None


def _zeiss_scales(page: Any) -> Scales:
    tree = tag_value(page, ZEISS_TAG)
    if not isinstance(tree, Mapping):
        return {}
    entries = (tree.get(name) for name in ("ap_image_pixel_size", "ap_pixel_size"))
    said = next((one for one in entries if isinstance(one, tuple) and len(one) == 3), None)
    scale = None if said is None else _scale(said[1], said[2])
    # The fourth number without a name is that of an image 1024 pixels wide, in m.
    numbers: Any = tree.get("")
    has_it = isinstance(numbers, tuple) and len(numbers) > 3
    exact = number_at({"": numbers[3]}, "") if has_it else None
    step = exact * 1024 / page.imagewidth if exact is not None and exact > 0 else None
    if step is not None and scale is None:
        scale = _scale(step, "m")
    elif step is not None and scale is not None and measures(scale.units, "m"):
        step *= conversion_factor("m", scale.units)
        scale = _scale(step, scale.units) if abs(step / scale.step - 1) < _ROUNDING else scale
    return _known(X=scale, Y=scale)


def _olympus_scales(page: Any) -> Scales:
    tree = tag_value(page, OLYMPUS_TAG)
    x, y = number_at(tree, "pixelsizex"), number_at(tree, "pixelsizey")
    return _known(X=_scale(x, "m"), Y=_scale(y, "m"))


def _tvips_scales(page: Any) -> Scales:
    tree = tag_value(page, TVIPS_TAG)
    if number_at(tree, "TemMode") == TVIPS_DIFFRACTION:
        return {}
    x, y = number_at(tree, "PixelSizeX"), number_at(tree, "PixelSizeY")
    return _known(X=_scale(x, "nm"), Y=_scale(y, "nm"))


def _dm_scales(page: Any) -> Scales:
    found = {}
    for letter, code in _DM_SCALES.items():
        offset = tag_value(page, _DM_OFFSETS[letter])
        found[letter] = _scale(tag_value(page, code), tag_value(page, _DM_UNITS[letter]), offset)
    pages = found.pop("Z")
    if pages is not None:
        names = {"s": "time", "m": "z"}
        name = next((name for of, name in names.items() if measures(pages.units, of)), None)
        pages = replace(pages, name=name)
    return _known(**found, **dict.fromkeys(_PAGES, pages))


def _imagej_scales(file: Any, page: Any) -> Scales:
    tree = file.imagej_metadata if file.is_imagej else None
    if not isinstance(tree, Mapping):
        return {}
    units = str(tree.get("unit", "")).encode().decode("unicode_escape", "replace")
    found: dict[str, Scale | None] = {}
    for letter, code in (("X", 282), ("Y", 283)):
        per_unit = _number(tag_value(page, code))
        step = 1 / per_unit if per_unit else None
        origin = number_at(tree, f"{letter.lower()}origin") or 0.0
        axis_units = tree.get("yunit", units) if letter == "Y" else units
        found[letter] = _scale(step, axis_units, -origin * step if step else 0.0)
    if found["X"] is not None:
        found["Z"] = _scale(tree.get("spacing"), tree.get("zunit", units))
    rate = number_at(tree, "fps")
    interval = number_at(tree, "finterval") or (1 / rate if rate else None)
    found["T"] = _scale(interval, tree.get("tunit", "s"))
    return _known(**found)


def _hamamatsu_scales(file: Any, page: Any) -> Scales:
    """Return the scales of a streak camera: wavelength across, time down."""
    text = page.description
    if "ScalingXScale=" not in text and "ScalingXScalingFile=" not in text:
        return {}
    found_all = re.findall(r'(Scaling[XY]\w+)=(?:"([^"]*)"|([^",\]\r\n]*))', text)
    entries = {name: quoted or plain for name, quoted, plain in found_all}
    found: dict[str, Scale | None] = {}
    for letter, size in (("X", page.imagewidth), ("Y", page.imagelength)):
        units = spell(entries.get(f"Scaling{letter}Unit", ""))
        name = "time" if units in _TIME_UNITS else "wavelength" if units == "nm" else None
        if entries.get(f"Scaling{letter}Type", "1") == "1":
            found[letter] = _scale(entries.get(f"Scaling{letter}Scale"), units, name=name)
            continue
        values = _table(file, entries.get(f"Scaling{letter}ScalingFile", ""), size)
        if values is not None and (scale := _scale(1.0, units, name=name)) is not None:
            found[letter] = replace(scale, values=values)
    return _known(**found)


def _table(file: Any, place: str, size: int) -> np.ndarray | None:
    """Return the labels of a row or column at a place of the file, `None` where there are none."""
    match = _TABLE.fullmatch(place)
    if match is None or int(match[2]) < size:
        return None
    offset, needed = int(match[1]), 4 * size
    if offset + needed > file.filehandle.size:
        return None
    file.filehandle.seek(offset)
    values = np.frombuffer(file.filehandle.read(needed), "<f4").astype(np.float32)
    return values if np.isfinite(values).all() else None


def sightx_tree(page: Any) -> Mapping[str, Any]:
    """Return the description that JEOL SightX keeps of the microscope, {} where there is none."""
    maker = tag_value(page, 271)
    if not (isinstance(maker, str) and maker.startswith("JEOL")):
        return {}
    text = page.description.strip("\x00\x01 \r\n\t")
    root = None if declares_entities(text) else parse_xml(text)
    tree = {} if root is None else xml_tree(root)
    tree = tree.get("TemReporter", tree) if isinstance(tree, dict) else {}
    return tree if isinstance(tree, dict) else {}


def _sightx_scales(page: Any) -> Scales:
    """Return the pixels of the camera, over the magnification or the camera length."""
    tree = sightx_tree(page)
    imaging = "ImageFormingSystem"
    selected = number_at(tree, imaging, "SelectorValue")
    unit = _METRES_OF_RESOLUTION.get(tag_value(page, 296) or 2)
    if look_up(tree, "Eos", "EosMode") != "eosTEM" or not selected or unit is None:
        return {}
    x, y = (_number(tag_value(page, code)) for code in (282, 283))
    mode = look_up(tree, imaging, "ModeString")
    if not x or not y or x <= 0 or y <= 0:
        return {}
    if mode == "MAG":
        step = unit / selected * 1e9
        return _known(X=_scale(step / x, "nm"), Y=_scale(step / y, "nm"))
    length = sightx_camera_length(tree)
    volts = number_at(tree, "ElectronGun", "AccelerationVoltage")
    if mode != "DIFF" or not length or not volts or volts < _LEAST_VOLTS:
        return {}
    from omniscopy.physics.electron import wavelength

    step = unit / (length * wavelength(volts) * 1e-10) * 1e-9
    return _known(X=_scale(step / x, "1/nm", name="kx"), Y=_scale(step / y, "1/nm", name="ky"))


def sightx_camera_length(tree: Mapping[str, Any]) -> float | None:
    """Return the camera length in m, `None` where the mode is another."""
    imaging = "ImageFormingSystem"
    if look_up(tree, imaging, "ModeString") != "DIFF":
        return None
    selected = number_at(tree, imaging, "SelectorValue")
    units = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}.get(look_up(tree, imaging, "SelectorUnitString"))
    return selected * units if selected and units else None


def _ome_scales(file: Any, number: int) -> Scales:
    pixels = ome_pixels(file, number) if file.is_ome else None
    if pixels is None:
        return {}
    found = {
        letter: _scale(
            pixels.get(f"PhysicalSize{letter}"), pixels.get(f"PhysicalSize{letter}Unit", "µm")
        )
        for letter in "XYZ"
    }
    found["T"] = _scale(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    return _known(**found)
