"""What can be asked of one read, and what is made of the sums that it gives."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.diffraction.detectors import Annulus, Centre, Detector, Disk, Segment
from omniscopy.diffraction.reductions.engine import Item
from omniscopy.diffraction.reductions.places import Labels, Places, unchecked
from omniscopy.model import DataError, Status, coordinate, spell, units_of

Simple = Literal["sum", "mean", "max", "variance", "com", "radial_profile"]
# Without coordinates: comparing labels would take longer than the sums of a small block.
Outputs = Mapping[str, xr.Variable]
Made = dict[str, tuple[xr.Variable | xr.DataArray, str | None, str]]

COUNTS = ("counts", "electrons")
_PATTERNS = ("mean", "max", "variance")


@dataclass(frozen=True)
class CentreOfMass:
    """The centre of mass of every pattern.

    Parameters
    ----------
    mask : detector
        The part of the patterns that counts; all of it otherwise.
    """

    mask: Detector | None = None


@dataclass(frozen=True)
class RadialProfile:
    """The mean of every pattern in rings around a centre.

    Parameters
    ----------
    step : float, units of the coordinates
        Width of a ring; that of a pixel otherwise (the larger side).
    outer : float, units of the coordinates
        Where the last ring ends, at the latest; half the diagonal of the patterns otherwise.
    centre : (ky, kx) or "auto", units of the coordinates
        Where they are; "auto" for the middle of the disc in the mean pattern.
    """

    step: float | None = None
    _: KW_ONLY
    outer: float | None = None
    centre: Centre = "auto"

    def __post_init__(self) -> None:
        if not all(each is None or each > 0 for each in (self.step, self.outer)):
            message = (
                f"step and outer of a profile must be positive, got {self.step!r} and "
                f"{self.outer!r}"
            )
            raise DataError(message)


@dataclass(frozen=True)
class SquaredProfile(RadialProfile):
    """The mean of the squares in the same rings; its units are those of the data, squared."""


Wanted = Simple | CentreOfMass | RadialProfile | Detector
Asked = Sequence[Wanted] | Mapping[str, Wanted] | Wanted


def named(operations: Asked) -> dict[str, Wanted]:
    """Return what is asked by the name that it will have, after all checks."""
    if isinstance(operations, Mapping):
        asked = {str(name): wanted for name, wanted in operations.items()}
    else:
        given: Any = operations
        listed = [given] if _is_wanted(given) else list(given)
        asked = {}
        for wanted in listed:
            name, number = _name_of(wanted), 0
            while (unique := f"{name}_{number}" if number else name) in asked:
                number += 1
            asked[unique] = wanted
    if not asked:
        message = f"nothing is asked: give detectors, {_choices()}"
        raise DataError(message)
    for wanted in asked.values():
        if not _is_wanted(wanted):
            message = (
                f"operations must be detectors (a Disk, an Annulus, a Segment, a Polygon, a Mask), "
                f"{_choices()}, got {wanted!r}"
            )
            raise DataError(message)
    return asked


def _is_wanted(wanted: object) -> bool:
    if isinstance(wanted, str):
        return wanted in get_args(Simple)
    # The classes first: to ask for the attributes of a detector takes longer.
    return isinstance(wanted, CentreOfMass | RadialProfile | Disk | Annulus | Detector)


def _choices() -> str:
    return f"a CentreOfMass, a RadialProfile or any of {get_args(Simple)}"


def _name_of(wanted: object) -> str:
    if isinstance(wanted, str):
        return f"{wanted}_pattern" if wanted in _PATTERNS else wanted
    names = {CentreOfMass: "com", RadialProfile: "radial_profile"}
    return names.get(type(wanted), type(wanted).__name__.lower())


@dataclass(frozen=True)
class Question:
    """One thing that is asked: the item of the read, its plane of pixels, and what it is for."""

    name: str
    wanted: Wanted
    item: Item | None = None
    plane: xr.Variable | None = None
    known: xr.Variable | None = None
    radii: np.ndarray | None = None

    def answer(self, outputs: Outputs, labels: Labels) -> Made:
        """Return the variables that are made of the outputs of a read."""
        units = labels.units
        if isinstance(self.wanted, str) and self.wanted in _PATTERNS:
            return {self.name: _pattern(self.wanted, outputs, labels)}
        if isinstance(self.wanted, CentreOfMass) or self.wanted == "com":
            return self._com(outputs[self.name], labels)
        sums, count = outputs[self.name], outputs[f"{self.name}/count"]
        if self.radii is not None:
            mean = self._where_known(sums / _where(count, count > 0))
            radii = coordinate(
                "k", self.radii, labels.of_dims[0],
                quantity="reciprocal length", kind="reciprocal",
            )  # fmt: skip
            units = squared(units) if isinstance(self.wanted, SquaredProfile) else units
            return {self.name: (xr.DataArray(mean, {"k": radii}), units, "Radial profile")}
        title = "Total" if self.wanted == "sum" else f"Virtual image, {self._detector(labels)}"
        moving = self.item is not None and self.item.kind in ("around", "moved")
        # No pixel may be on a detector around a centre that was found.
        if labels.missing or moving or getattr(self.wanted, "centre", None) == "auto":
            sums = _where(sums, count > 0)
        return {self.name: (self._where_known(sums), units, title)}

    def _detector(self, labels: Labels) -> str:
        """Return which detector it is, its radii with the units that both axes share."""
        if isinstance(self.wanted, Disk | Annulus | Segment) and len(set(labels.of_dims)) == 1:
            return self.wanted.describe(labels.of_dims[0] or "")
        return str(self.wanted)

    def _where_known(self, values: xr.Variable) -> xr.Variable:
        return values if self.known is None else _where(values, self.known)

    def _com(self, moments: xr.Variable, labels: Labels) -> Made:
        dims, values, known = moments.dims[:-1], moments.data, None
        if self.known is not None:
            there: Any = self.known
            known = there.set_dims(dict(zip(dims, values.shape[:-1], strict=True))).values
        columns = _centres(values, known, middles=labels.middles, counted=labels.units in COUNTS)
        made: Made = {}
        for n, (axis, dim, units) in enumerate(
            zip("yx", labels.dims, labels.of_dims, strict=True)
        ):  # fmt: skip
            named, title = f"{self.name}_{axis}", f"Centre of mass along {dim}"
            made[named] = (unchecked(dims, columns[2 * n]), units, title)
            made[f"{named}_std"] = (unchecked(dims, columns[2 * n + 1]), units, "")
        status = "status" if self.name == "com" else f"{self.name}_status"
        made[status] = (unchecked(dims, columns[4].astype(np.uint8)), "1", "")
        return made


def _centres(
    moments: np.ndarray, known: np.ndarray | None, *, middles: tuple[float, float], counted: bool
) -> np.ndarray:
    """Return y and its deviation, x and its deviation, and status, shape (5, ...)."""
    rows = np.ascontiguousarray(np.moveaxis(moments, -1, 0))
    # A sum is finite where all that is summed is.
    with np.errstate(invalid="ignore"):
        usable = (rows[0] > 0) & np.isfinite(rows.sum(axis=0))
    if known is not None:
        usable = usable & known
    total = np.where(usable, rows[0], np.nan)
    made = np.empty((5, *total.shape))
    for n, middle in enumerate(middles):
        mean = rows[1 + 2 * n] / total
        made[2 * n] = mean + middle
        if counted:
            spread = rows[2 + 2 * n] / total - mean**2
            made[2 * n + 1] = (np.maximum(spread, 0) / total) ** 0.5
        else:
            made[2 * n + 1] = np.nan
    made[4] = np.where(usable, 0, int(Status.NO_DATA))
    return made


def own_dims(name: str, questions: Sequence[Question]) -> tuple[str, ...]:
    """Return the dimensions that an output of positions has after those of the scan."""
    stem = name.removesuffix("/count")
    for each in questions:
        if each.item is not None and each.name == stem:
            if each.item.kind in ("area", "moved_area"):
                return ("moment",)
            return ("k",) if each.radii is not None else ()
    return ()


def question(name: str, wanted: Wanted, places: Places) -> Question:
    """Return what the read is asked for."""
    if isinstance(wanted, str) and wanted in _PATTERNS:
        return Question(name, wanted)
    if wanted == "sum":
        return Question(name, wanted, Item(name, "mask"), places.used)
    if wanted == "com":
        wanted = CentreOfMass()
    if wanted == "radial_profile":
        wanted = RadialProfile()
    if isinstance(wanted, RadialProfile):
        return _profile(name, wanted, places)
    detector = wanted.mask if isinstance(wanted, CentreOfMass) else wanted
    area = isinstance(wanted, CentreOfMass)
    if detector is None:
        return Question(name, wanted, Item(name, "area"), places.used)
    assert not isinstance(detector, str)
    places.require_reach(detector)
    known = places.known(detector.centre)
    if places.moving(detector.centre):
        edges = _edges(detector)
        if edges is not None and not area:
            item = Item(name, "around", edges=edges)
        else:
            item = Item(
                name, "moved_area" if area else "moved", contains=detector.contains
            )  # fmt: skip
        return Question(name, wanted, item, places.used, known)
    pixels = places.pixels(detector)
    if pixels.dtype != bool and area:
        message = "the mask of a centre of mass must be pixels, not weights"
        raise DataError(message)
    kind: Literal["mask", "weights", "area"] = "mask" if pixels.dtype == bool else "weights"
    return Question(name, wanted, Item(name, "area" if area else kind), pixels, known)


def _edges(detector: Detector) -> tuple[float, ...] | None:
    """Return the radii of a round detector."""
    if isinstance(detector, Disk):
        return (0.0, float(detector.radius))
    if isinstance(detector, Annulus):
        return (float(detector.inner), float(detector.outer))
    return None


def _profile(name: str, wanted: RadialProfile, places: Places) -> Question:
    steps, reach, squares = [], 0.0, isinstance(wanted, SquaredProfile)
    units = {units_of(places.data, dim) for dim in places.dims}
    if len(units) > 1:
        message = (
            f"coordinates {places.dims} must have the same units, got {sorted(map(str, units))}"
        )
        raise DataError(message)
    for dim in places.dims:
        values = np.asarray(places.data.coords[dim].values, dtype=np.float64)
        steps.append(float(np.abs(np.diff(values)).mean()) if values.size > 1 else 0.0)
        reach = float(np.hypot(reach, np.ptp(values) / 2))
    step = wanted.step or max(steps) or 1.0
    outer = wanted.outer or reach + step
    rings = max(1, int(np.floor(outer / step + 1e-9)))
    radii = (np.arange(rings) + 0.5) * step
    known = places.known(wanted.centre)
    if places.moving(wanted.centre):
        edges = tuple((np.arange(rings + 1) * step).tolist())
        item = Item(name, "around", edges=edges, squares=squares)
        return Question(name, wanted, item, places.used, known, radii)
    dy, dx = places.distances(wanted.centre)
    ring: Any = np.floor((dy**2 + dx**2) ** 0.5 / step)
    ring = ring.where(places.used & (ring < rings), rings).astype(np.int32)
    if wanted.centre != "auto" and not bool((ring < rings).any()):
        message = f"no pixel is in the rings of {wanted!r}"
        raise DataError(message)
    return Question(name, wanted, Item(name, "rings", rings, squares=squares), ring, known, radii)


def _pattern(
    wanted: str, outputs: Outputs, labels: Labels
) -> tuple[xr.Variable, str | None, str]:  # fmt: skip
    count, units = outputs["scan/count"], labels.units
    if wanted == "max":
        largest = outputs["scan/largest"]
        if largest.dtype.kind == "f":
            largest = _where(largest, count > 0)
        return _used(largest, labels), units, "Maximum pattern"
    mean = unchecked(
        count.dims, outputs["scan/total"].data / np.where(count.data > 0, count.data, np.nan)
    )
    if wanted == "mean":
        return _used(mean, labels), units, "Mean pattern"
    square = outputs["scan/squares"] / _where(count, count > 0)
    variance = _used(_not_below_0(square - mean**2), labels)
    return variance, squared(units), "Variance of the patterns"


def squared(units: str | None) -> str | None:
    """Return the units of squares."""
    if units is None:
        return None
    return spell(f"{units} {units}" if "/" in units else f"{units}^2")


def _where(values: xr.Variable, there: xr.Variable) -> xr.Variable:
    """Return values with NaN where there are none."""
    if values.dims == there.dims and values.shape == there.shape:
        return unchecked(values.dims, np.where(there.data, values.data, np.nan))
    found: xr.Variable = values.where(there)  # type: ignore[no-untyped-call]
    return found


def _not_below_0(values: xr.Variable) -> xr.Variable:
    found: xr.Variable = values.clip(min=0.0)  # type: ignore[no-untyped-call]
    return found


def _used(pattern: xr.Variable, labels: Labels) -> xr.Variable:
    return pattern if labels.used is None else _where(pattern, labels.used)
