"""Axes of energy losses: in eV, whatever the units of the coordinate."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    require_array,
    require_dim,
    require_real,
    require_uniform,
    require_units,
)

DIM = "energy_loss"
_KEPT = ("quantity", "modality", "source", "metadata")


class LossAxis(NamedTuple):
    """Energy losses of the channels, in eV, and the step (of the mean, where it varies)."""

    energy: np.ndarray
    step: float

    def inside(self, window: tuple[float, float], *, at_least: int, what: str = "window") -> slice:
        """Return the channels of a window in eV, both ends included; raise where too few."""
        low, high = (float(end) for end in window)
        if not low < high:
            message = f"{what} {tuple(window)} must be (low, high) in eV, with low < high"
            raise DataError(message)
        begin, end = np.searchsorted(self.energy, [low - 1e-9, high + 1e-9])
        if end - begin < at_least:
            message = (
                f"{what} ({low:g}, {high:g}) eV holds {end - begin} channels of the energy loss "
                f"(which spans {self.energy[0]:g} to {self.energy[-1]:g} eV); at least {at_least} "
                "are needed"
            )
            raise DataError(message)
        return slice(int(begin), int(end))


def loss_axis(
    data: xr.DataArray, dim: str = DIM, *, at_least: int = 3, uniform: bool = False
) -> LossAxis:
    """Return the axis of spectra of real numbers; raise unless it is in eV and ascends."""
    require_array(data)
    require_real(data)
    require_dim(data, dim, units="eV", at_least=at_least)
    factor = require_units(data.coords[dim], "eV", what=f"coordinate {dim!r}")
    energy = np.asarray(data.coords[dim].values, dtype=np.float64) * factor
    if not (np.diff(energy) > 0).all():
        message = f"coordinate {dim!r} must ascend without equal or missing values"
        raise DataError(message)
    if uniform:
        require_uniform(data, dim)
    return LossAxis(energy, float(energy[-1] - energy[0]) / max(len(energy) - 1, 1))


def require_zero(axis: LossAxis, dim: str, *, what: str) -> None:
    """Raise unless the axis begins below the zero loss, and goes on beyond it."""
    if not axis.energy[0] < 0.0 < axis.energy[-1]:
        message = (
            f"{what} needs the zero loss, but {dim!r} spans {axis.energy[0]:g} to "
            f"{axis.energy[-1]:g} eV; give a low-loss spectrum that begins below 0 eV"
        )
        raise DataError(message)


def keep_beam(made: xr.Dataset, names: Sequence[str], data: xr.DataArray) -> None:
    """Let spectra in a result say what is known of beam and detector, as those they are made of."""
    kept = {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    for name in names:
        made[name].attrs.update(kept)


def is_counted(data: xr.DataArray) -> bool:
    """Return whether the values are counts, whose noise is known."""
    return data.attrs.get("units") in ("counts", "electrons")
