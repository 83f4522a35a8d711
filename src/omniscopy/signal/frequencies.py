"""Coordinates of frequency, and what the way back from them has to know."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    conversion_factor,
    coordinate,
    is_unit,
    kind_of_dim,
    require_uniform,
    units_of,
)
from omniscopy.model.units import reciprocal
from omniscopy.model.vocabulary import DIMENSIONS
from omniscopy.signal.noise import spectral_dim

Scaling = Literal["integral", "mean"]

# Where a coordinate keeps what its inverse transform has to know.
TRANSFORM = "transform"
_ACROSS = {
    "time": "frequency", "frequency": "time", "y": "ky", "x": "kx", "z": "kz",
    "ky": "y", "kx": "x", "kz": "z",
}  # fmt: skip
_KINDS = {"spatial": "reciprocal", "reciprocal": "spatial", "temporal": "spectral"}
_SINGLE = (np.float16, np.float32, np.complex64)
_HERTZ = ("Hz", "kHz", "MHz", "GHz", "THz", "mHz", "s", "ms", "µs", "ns", "ps")


def frequency_units(units: str | None) -> str | None:
    """Return one over `units`, in hertz where they are times and in seconds where hertz."""
    inverse = reciprocal(units)
    if inverse is not None and is_unit(inverse):
        for name in _HERTZ:
            try:
                if conversion_factor(inverse, name) == 1:
                    return name
            except DataError:
                continue
    return inverse


def frequency_name(dim: str) -> str:
    """Return what the dimension of the frequencies along `dim` is called, and back."""
    if dim in _ACROSS:
        return _ACROSS[dim]
    return dim.removesuffix("_frequency") if dim.endswith("_frequency") else f"{dim}_frequency"


def complex_type(dtype: np.dtype) -> np.dtype:
    """Return the complex numbers in which values of this type are transformed."""
    return np.dtype(np.complex64 if dtype.newbyteorder("=") in _SINGLE else np.complex128)


def floating_type(dtype: np.dtype) -> np.dtype:
    """Return the floating-point numbers in which values of this type are filtered."""
    if dtype.kind == "c":
        return complex_type(dtype)
    return np.dtype(np.float32 if dtype.newbyteorder("=") in _SINGLE else np.float64)


def workers_for(data: xr.DataArray) -> int:
    """Return the threads of one transform: all of them, unless chunks are on threads already."""
    return -1 if data.chunks is None else 1


def transformed_dims(data: xr.DataArray, dim: str | Sequence[str] | None) -> list[str]:
    """Return the dimensions to be transformed: `dim`, or the only one of the signal."""
    dims = [dim] if isinstance(dim, str) else [*(dim or [spectral_dim(data, None, at_least=2)])]
    if len(set(dims)) < len(dims):
        message = f"dimensions {dims} hold one twice"
        raise DataError(message)
    return dims


@dataclass(frozen=True)
class Axis:
    """A uniform coordinate that is transformed, in the direction that it has."""

    dim: str
    across: str
    start: float
    step: float
    size: int
    kind: str | None
    attrs: dict[str, Any]

    @classmethod
    def of(cls, data: xr.DataArray, dim: str) -> "Axis":
        """Return the coordinate of `dim`; raise unless it is uniform."""
        step = require_uniform(data, dim)
        return cls(
            dim=dim, across=frequency_name(dim), start=float(data.coords[dim][0]), step=step,
            size=data.sizes[dim], kind=kind_of_dim(data, dim), attrs=dict(data.coords[dim].attrs),
        )  # fmt: skip

    @property
    def least(self) -> float:
        """Return the label where the ascending data begin."""
        return min(self.start, self.start + self.step * (self.size - 1))

    def numbers(self, *, one_sided: bool) -> np.ndarray:
        """Return which multiples of the frequency step there are."""
        if one_sided:
            return np.arange(self.size // 2 + 1)
        return np.arange(self.size) - self.size // 2

    def frequencies(self, *, one_sided: bool, scaling: Scaling) -> xr.Variable:
        """Return the coordinate of the frequencies, which knows the way back."""
        known = DIMENSIONS.get(self.across)
        kept = {"units", "quantity", "kind", "role"} & set(self.attrs)
        back = {
            "dim": self.dim, "start": self.start, "step": self.step, "size": self.size,
            "one_sided": one_sided, "scaling": scaling,
            "attrs": {key: self.attrs[key] for key in sorted(kept)},
        }  # fmt: skip
        return coordinate(
            self.across,
            self.numbers(one_sided=one_sided) / (self.size * abs(self.step)),
            frequency_units(self.attrs.get("units")),
            kind=known.kind if known else _KINDS.get(str(self.kind), "spectral"),
            quantity=known.quantity if known else "frequency",
            **{TRANSFORM: back},
        )

    def turn(self, *, one_sided: bool) -> np.ndarray:
        """Return the phase factors that move the origin from the first label to label zero."""
        return turns(-self.least / (self.size * abs(self.step)), self.numbers(one_sided=one_sided))


@dataclass(frozen=True)
class Back:
    """The way from frequencies to what was transformed."""

    dim: str
    name: str
    first: float  # frequency, in periods per unit of the result's coordinate
    step: float  # of the frequencies
    size: int  # of the result
    start: float  # least label of the result
    one_sided: bool
    descends: bool  # the frequencies do
    scaling: str
    attrs: dict[str, Any]
    exact: tuple[float, float] | None  # first label and step of what was transformed

    @classmethod
    def of(cls, spectra: xr.DataArray, dim: str, start: float | None) -> "Back":
        """Return the way back along `dim`, to the first label `start` where it is given."""
        found = require_uniform(spectra, dim)
        known = spectra.coords[dim].attrs.get(TRANSFORM, {})
        attrs = dict(known.get("attrs", {}))
        units = units_of(spectra, dim)
        if not known:
            attrs["units"] = frequency_units(units)
        factor = _factor(units, frequency_units(attrs.get("units")))
        values = np.asarray(spectra.coords[dim].values, dtype=np.float64) * factor
        step, size, whole = abs(found) * factor, values.size, False
        one_sided = bool(known.get("one_sided"))
        if known:
            wanted = 1 / (known["size"] * abs(known["step"]))
            size_wanted = known["size"] // 2 + 1 if one_sided else known["size"]
            whole = size == size_wanted and np.isclose(step, wanted, rtol=1e-6)
        if one_sided and not (whole and abs(values.min()) < 1e-6 * step):
            message = (
                f"the one-sided spectra along {dim!r} are not whole any more: {known['size']} "
                f"points have {known['size'] // 2 + 1} frequencies from zero on; set what is "
                "not wanted to zero, or transform without `one_sided=True`"
            )
            raise DataError(message)
        exact = (known["start"], known["step"]) if whole and start is None else None
        if start is None and known:
            start = min(known["start"], known["start"] + known["step"] * (known["size"] - 1))
        first = 0.0 if one_sided else float(values.min())
        return cls(
            dim=dim, name=known.get("dim", frequency_name(dim)), first=first, step=step,
            size=known["size"] if one_sided else size, start=start or 0.0,
            one_sided=one_sided, descends=found < 0, scaling=known.get("scaling", "integral"),
            attrs=attrs, exact=exact,
        )  # fmt: skip

    @property
    def units(self) -> str | None:
        """Return the units of the result's coordinate."""
        return self.attrs.get("units")

    @property
    def turned(self) -> bool:
        """Return whether the data descended before they were transformed."""
        return self.exact is not None and self.exact[1] < 0

    def coordinate(self) -> xr.Variable:
        """Return the ascending coordinate of the result."""
        number: np.ndarray = np.arange(self.size)
        if self.exact is None:
            labels: np.ndarray = self.start + number / (self.size * self.step)
        else:
            labels = self.exact[0] + self.exact[1] * (number[::-1] if self.turned else number)
        known = DIMENSIONS.get(self.name)
        stated = {"kind": known.kind if known else "spectral", **self.attrs}
        return coordinate(self.name, labels, stated.pop("units", None), **stated)


def turns(count: float, numbers: np.ndarray) -> np.ndarray:
    """Return e^(2 pi i count n); the whole turns are left out first, for their rounding."""
    return np.exp(2j * np.pi * np.mod(np.mod(count, 1.0) * numbers, 1.0))


def _factor(units: str | None, target: str | None) -> float:
    if units is None or target is None or units == target:
        return 1.0
    return conversion_factor(units, target)
