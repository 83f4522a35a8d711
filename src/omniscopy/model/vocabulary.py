"""The words of the data contract: dimensions, kinds, signal types, metadata and their units."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

# The attribute in which data keep their history.
PROVENANCE = "provenance"

Kind = Literal["spatial", "reciprocal", "spectral", "temporal", "channel", "point", "parameter"]
Role = Literal["navigation", "signal"]

KINDS: tuple[str, ...] = get_args(Kind)
ROLES: tuple[str, ...] = get_args(Role)
DEFAULT_ROLE: dict[str, Role] = {
    "spatial": "navigation",
    "temporal": "navigation",
    "channel": "navigation",
    "point": "navigation",
    "parameter": "navigation",
    "spectral": "signal",
    "reciprocal": "signal",
}


@dataclass(frozen=True)
class Dimension:
    """What a dimension of the vocabulary stands for."""

    kind: Kind
    quantity: str
    units: str | None = None


DIMENSIONS: dict[str, Dimension] = {
    "y": Dimension("spatial", "length"),
    "x": Dimension("spatial", "length"),
    "z": Dimension("spatial", "length"),
    "ky": Dimension("reciprocal", "reciprocal length"),
    "kx": Dimension("reciprocal", "reciprocal length"),
    "energy_loss": Dimension("spectral", "energy loss", "eV"),
    "energy": Dimension("spectral", "energy", "keV"),
    "frequency": Dimension("spectral", "frequency", "Hz"),
    "bias": Dimension("spectral", "bias", "V"),
    "wavelength": Dimension("spectral", "wavelength", "nm"),
    "wavenumber": Dimension("spectral", "wavenumber", "1/cm"),
    "mass_to_charge": Dimension("spectral", "mass-to-charge ratio", "1"),
    "indentation": Dimension("spectral", "indentation", "m"),
    "time": Dimension("temporal", "time", "s"),
    "frame": Dimension("temporal", "frame", "1"),
    "cycle": Dimension("parameter", "cycle", "1"),
    "field": Dimension("parameter", "field", "1"),
    "forc": Dimension("parameter", "first-order reversal curve", "1"),
    "channel": Dimension("channel", "channel", "1"),
    "component": Dimension("parameter", "component", "1"),
    "parameter": Dimension("parameter", "parameter", "1"),
    "atom": Dimension("point", "atom", "1"),
    "peak": Dimension("point", "peak", "1"),
    "grain": Dimension("point", "grain", "1"),
    "point": Dimension("point", "point", "1"),
    "sample": Dimension("spectral", "sample", "1"),
}

SIGNAL_TYPES: tuple[str, ...] = (
    "spectrum",
    "line_plot",
    "image",
    "image_stack",
    "image_map",
    "spectral_image",
    "image_4d",
    "point_cloud",
    "diffraction",
    "unknown",
)

METADATA: dict[str, str | None] = {
    # path in the nested dictionary -> units of the value, None for text
    "title": None,
    "started": None,  # ISO 8601, with the zone where the file knows it
    "technique": None,
    "operator": None,
    "comment": None,
    "sample.name": None,
    "instrument.vendor": None,
    "instrument.model": None,
    "instrument.software": None,
    "beam.voltage": "V",
    "beam.current": "A",
    "beam.convergence_angle": "mrad",
    "beam.magnification": "1",
    "beam.mode": None,
    "detector.name": None,
    "detector.collection_angle": "mrad",
    "detector.inner_angle": "mrad",
    "detector.outer_angle": "mrad",
    "detector.camera_length": "m",
    "detector.dispersion": "eV",
    "detector.exposure_time": "s",
    "detector.accumulations": "1",
    "detector.time_range": None,
    "detector.temperature": "K",
    "detector.gain": "1",
    "detector.mode": None,
    "detector.elevation_angle": "deg",  # above the plane of the sample: the take-off untilted
    "detector.azimuth_angle": "deg",
    "detector.energy_resolution": "eV",  # full width at half maximum of Mn Kα
    "detector.live_time": "s",
    "detector.real_time": "s",
    "scan.dwell_time": "s",
    "scan.frame_time": "s",
    "scan.line_rate": "Hz",
    "scan.rotation": "deg",
    "scan.direction": None,
    "scan.mode": None,
    "stage.x": "m",
    "stage.y": "m",
    "stage.z": "m",
    "stage.alpha": "deg",
    "stage.beta": "deg",
    "laser.wavelength": "nm",
    "spectrometer.model": None,
    "spectrometer.grating": None,
    "spectrometer.centre_wavelength": "nm",
    "optics.objective": None,
    "probe.spring_constant": "N/m",
    "probe.sensitivity": "m/V",
    "probe.drive_amplitude": "V",
    "probe.drive_frequency": "Hz",
    "probe.bias": "V",
    "stimulus.trigger": "s",  # of light or voltage, from the start of a record
    "feedback.setpoint": None,
    "feedback.mode": None,
}


def kind_of(name: str) -> Kind | None:
    """Return the kind of a dimension of the vocabulary; numbered names (`x_1`) count too."""
    stem, _, number = name.rpartition("_")
    known = DIMENSIONS.get(name) or (DIMENSIONS.get(stem) if number.isdigit() else None)
    return None if known is None else known.kind


def signal_type_of(kinds: Sequence[str | None]) -> str:
    """Return the signal type that dimensions of these kinds make.

    Parameters
    ----------
    kinds : sequence of str or None
        Kind of each dimension, in any order.

    Returns
    -------
    str
        A word of the contract, such as ``"image_stack"``; ``"unknown"`` where a kind is unknown or
        no word fits.
    """
    count = {kind: sum(1 for other in kinds if other == kind) for kind in KINDS}
    images = ("image", "image_stack", "image_stack")
    further = count["temporal"] + count["channel"] + count["parameter"]
    if None in kinds or not kinds:
        return "unknown"
    if count["point"]:
        return "point_cloud"
    if count["spectral"]:
        return "spectral_image" if count["spatial"] or count["reciprocal"] else "spectrum"
    if count["reciprocal"] == 2:
        return "image_4d" if count["spatial"] else ("image_stack" if further else "diffraction")
    if count["spatial"] >= 2:
        if count["parameter"] and not count["temporal"] and not count["channel"]:
            return "image_map"
        if count["channel"] == 1 and further == 1 and count["spatial"] == 2:
            return "image"
        return images[min(further + count["spatial"] - 2, 2)]
    return "line_plot" if len(kinds) - count["channel"] <= 2 else "unknown"
