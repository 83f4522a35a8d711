"""The numbers of one channel and segment, of one curve or of all curves of a map."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.archive import LONGEST_TEXT, Member
from omniscopy.io.jpk.properties import parse_properties
from omniscopy.io.jpk.scaling import Scaling, find_scaling
from omniscopy.io.records import Key


@dataclass(frozen=True)
class Curve:
    """Where the numbers of a curve are, and the header that says what they mean."""

    data: Member
    header: Member


@dataclass(frozen=True)
class Curves:
    """Curves on a grid of `lead`, each as long as it was measured; the rest is NaN."""

    path: str
    channel: str
    curves: tuple[Curve | None, ...]
    lead: tuple[int, ...]
    samples: int
    scalings: dict[str, Scaling]
    units: str | None

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.lead, self.samples)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return (*(1 for _ in self.lead), self.samples)

    @cached_property
    def _numbers(self) -> np.ndarray:
        return np.arange(math.prod(self.lead)).reshape(self.lead)

    def __getitem__(self, key: Key) -> np.ndarray:
        *lead, samples = full_key(key, self.shape)
        numbers = np.asarray(self._numbers[tuple(lead)])
        one = np.empty(self.samples)[samples]
        found = [self._curve(self.curves[int(number)])[samples] for number in numbers.ravel()]
        return np.array(found, self.dtype).reshape(numbers.shape + one.shape)

    def _curve(self, curve: Curve | None) -> np.ndarray:
        values = np.full(self.samples, np.nan)
        if curve is None:
            return values
        scaling = self._scaling(curve)
        raw = curve.data.read(self.path, most=(self.samples + 1) * scaling.dtype.itemsize)
        if scaling.units != self.units or len(raw) % scaling.dtype.itemsize:
            message = f"a curve in {self.units} was expected, one in {scaling.units} was found"
            raise FormatError(message, path=self.path, key=curve.data.name)
        numbers = np.frombuffer(raw, scaling.dtype)[: self.samples]
        values[: len(numbers)] = scaling.offset + scaling.scale * numbers.astype(np.float64)
        return values

    def _scaling(self, curve: Curve) -> Scaling:
        """Return the scaling of one curve: calibrations may change within a map."""
        own = parse_properties(curve.header.read(self.path, most=LONGEST_TEXT))
        reference = own.get(f"channel.{self.channel}.lcd-info.*")
        if reference is None:
            return find_scaling(own, {}, self.channel)
        if reference not in self.scalings:
            message = f"the calibration {reference!r} of {self.channel!r} is not among the shared"
            raise FormatError(message, path=Path(self.path), key=curve.header.name)
        return self.scalings[reference]
