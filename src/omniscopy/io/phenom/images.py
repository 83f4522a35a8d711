"""Images of a project: small TIFF files with an XML text of how they were taken."""

import io
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, MissingDependencyError
from omniscopy.io.quantities import finite_number, stated
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree
from omniscopy.model.units import conversion_factor, is_unit

_XML_TAG = 34683
_DAMAGE = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, OverflowError,
    RuntimeError, MemoryError, ArithmeticError,
)  # fmt: skip
# No packing of TIFF that Phenom uses makes more of a byte.
_MOST_UNPACKED = 2800


def describe_image(path: str, raw: bytes) -> tuple[tuple[int, ...], np.dtype[Any], dict[str, Any]]:
    """Return shape and type of an image, and how it was taken."""
    with _page(path, io.BytesIO(raw)) as page:
        shape, dtype = tuple(page.shape), np.dtype(page.dtype)
        wanted = math.prod(shape) * dtype.itemsize
        if len(shape) not in (2, 3) or min(shape) < 1 or wanted > _MOST_UNPACKED * len(raw):
            message = f"an image {shape} of {dtype} cannot be in {len(raw)} bytes"
            raise FormatError(message, path=path)
        tag = page.tags.get(_XML_TAG)
        value = tag.value if tag is not None else ""
    text = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
    element = parse_xml(text) if text.strip() else None
    tree = xml_tree(element) if element is not None else {}
    return shape, dtype.newbyteorder("="), tree if isinstance(tree, dict) else {}


def decode_image(path: str, file: io.BytesIO) -> np.ndarray:
    """Return the pixels of an image."""
    with _page(path, file) as page:
        return np.asarray(page.asarray())


def pixel_size(tree: dict[str, Any]) -> tuple[float, float] | None:
    """Return the height and width of a pixel in µm."""
    found = [_quantity(tree, f"pixel{side}", "µm") for side in ("Height", "Width")]
    if found[0] is None or found[1] is None or min(found[0], found[1]) <= 0:
        return None
    return found[0], found[1]


def image_metadata(tree: dict[str, Any]) -> dict[str, Any]:
    """Return what the common schema has of an image."""
    scan = tree.get("acquisition", {})
    scan = scan.get("scan", {}) if isinstance(scan, dict) else {}
    voltage = _quantity(scan, "highVoltage", "V")
    place = tree.get("samplePosition")
    model = look_up(tree, "instrument", "type")
    return stated(
        {
            "started": look_up(tree, "time"),
            "instrument": {
                "vendor": "Thermo Fisher Scientific (Phenom-World)",
                "model": model,
                "software": look_up(tree, "instrument", "softwareVersion"),
            },
            "beam": {"voltage": abs(voltage) if voltage else None},
            "detector": {"name": look_up(scan, "detector")},
            "scan": {
                "dwell_time": _quantity(scan, "dwellTime", "s"),
                "rotation": finite_number(look_up(scan, "rotation")),
            },
            "stage": {name: finite_number(look_up(place, name)) for name in "xy"},
        }
    )


def _quantity(tree: Any, name: str, units: str) -> float | None:
    """Return a number with its unit, in `units`."""
    found = tree.get(name) if isinstance(tree, dict) else None
    value, unit = finite_number(look_up(found, "text")), look_up(found, "unit")
    if value is None or not is_unit(unit):
        return None
    try:
        return value * conversion_factor(unit, units)
    except ValueError:
        return None


@contextmanager
def _page(path: str, file: io.BytesIO) -> Iterator[Any]:
    import tifffile

    try:
        with tifffile.TiffFile(file) as tiff:
            yield tiff.pages[0]
    except FormatError:
        raise
    except (*_DAMAGE, OSError, tifffile.TiffFileError) as error:
        if "imagecodecs" in str(error):
            package, purpose = "imagecodecs", f"decoding images of {path}"
            raise MissingDependencyError(package, extra="codecs", purpose=purpose) from error
        message = f"an image of the project is damaged ({type(error).__name__}: {error})"
        raise FormatError(message, path=path) from error
