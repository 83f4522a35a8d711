"""Contact Kelvin probe force microscopy: responses along biases of reading and of writing."""

from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_choice,
    require_dim,
    require_real,
    require_units,
    result,
)
from omniscopy.model.units import product
from omniscopy.physics.hysteresis import falls

Branch = Literal["all", "falling", "rising"]
_LEAST = 3


@operation(example={"data": "contact_kpfm"})
def analyse_contact_kpfm(
    data: xr.DataArray | xr.Dataset,
    *,
    read_dim: str = "read_bias",
    write_dim: str = "write_bias",
    branch: Branch = "all",
    phase_offset: float = 0.0,
) -> xr.Dataset:
    r"""Find the contact potential of every point, from responses at several biases of reading.

    Parameters
    ----------
    data : DataArray or Dataset, shape (..., write_dim, read_dim)
        Real responses; complex ones; or ``amplitude`` and ``phase``, as of `fit_oscillator`.
        What is not finite is left out.
    read_dim, write_dim : str
        Biases of reading and of writing, in V. There may be none of writing.
    branch : {"all", "falling", "rising"}
        Which biases of writing are taken: all, or those where it falls from the highest to the
        lowest one, or rises.
    phase_offset : float, degrees
        Phase of the instrument, by which complex responses are turned back.

    Returns
    -------
    Dataset, shape (..., write_dim)
        ``slope`` (units of the response per V) and ``response`` at a bias of 0 with their
        ``_std``; ``contact_potential`` (V), the bias of reading at which there is no response,
        with its ``_std``; ``r_squared``; ``status``: 2 where the response does not depend on
        the bias (slope within its deviation of 0; the potential is NaN), 4 with fewer than 3
        finite responses (all NaN).

    Raises
    ------
    DataError
        A bias is missing or not in V, the phase is no angle, or the branch is unknown.

    Notes
    -----
    A straight line :math:`s V + r_0` by least squares; :math:`V_0 = -r_0 / s`, with the
    deviation from the covariance of both.

    References
    ----------
    .. [1] N. Balke et al., *ACS Nano* 8, 10229 (2014).
    """
    require_choice("branch", branch, ("all", "falling", "rising"))
    values, units = _responses(data, phase_offset)
    require_dim(values, read_dim, units="V", ascending=False, at_least=_LEAST)
    read = np.asarray(values.coords[read_dim].values, np.float64)
    read = read * require_units(values.coords[read_dim], "V")
    if branch != "all":
        require_dim(values, write_dim, units="V", ascending=False, at_least=2)
        down = falls(np.asarray(values.coords[write_dim].values, np.float64))
        values = values.isel({write_dim: np.flatnonzero(down == (branch == "falling"))})
    names = ("slope", "slope_std", "response", "response_std", "contact_potential",
             "contact_potential_std", "r_squared", "status")  # fmt: skip
    columns = map_signal(
        _lines, values.drop_attrs(deep=False), dim=read_dim, output_dims=[{}] * len(names),
        dtypes=[*[np.float64] * 7, np.uint8], parameters={"bias": read},
    )  # fmt: skip
    of = {"slope": product((units, 1), ("V", -1)), "response": units, "contact_potential": "V"}
    made = {
        name: (column, of.get(name.removesuffix("_std"), "1"))
        for name, column in zip(names, columns, strict=True)
    }
    return result(None, **made)


def _responses(
    data: xr.DataArray | xr.Dataset, phase_offset: float
) -> tuple[xr.DataArray, str | None]:
    """Return real responses and their units."""
    if not isinstance(data, xr.Dataset):
        if getattr(data, "dtype", np.dtype(float)).kind == "c":
            turned = data.drop_attrs(deep=False) * np.exp(-1j * np.radians(phase_offset))
            return turned.real, data.attrs.get("units")
        require_real(data)
        return data, data.attrs.get("units")
    missing = [name for name in ("amplitude", "phase") if name not in data]
    if missing:
        message = f"expected amplitude and phase, as of `fit_oscillator`: {missing} missing"
        raise DataError(message)
    amplitude, phase = data["amplitude"], data["phase"]
    angle = phase.drop_attrs(deep=False) * require_units(phase, "rad", what="the phase")
    made = amplitude.drop_attrs(deep=False) * np.cos(angle - np.radians(phase_offset))
    return made, amplitude.attrs.get("units")


def _lines(values: np.ndarray, *, bias: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return lines through responses, with their deviations, and what became of them."""
    good = np.isfinite(values)
    count = good.sum(axis=-1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = np.where(good, values, 0.0).astype(np.float64)
        middle, level = (good * bias).sum(axis=-1) / count, y.sum(axis=-1) / count
        x = np.where(good, bias - middle[..., None], 0.0)
        y = np.where(good, y - level[..., None], 0.0)
        spread = (x * x).sum(axis=-1)
        slope = (x * y).sum(axis=-1) / spread
        rest = ((y - slope[..., None] * x) ** 2).sum(axis=-1)
        variance = rest / (count - 2.0)
        of_slope, of_level = variance / spread, variance / count
        start = level - slope * middle
        start_std = np.sqrt(of_level + middle**2 * of_slope)
        zero = middle - level / slope
        # Level and slope at the middle are independent.
        zero_std = np.sqrt(of_level + (level / slope) ** 2 * of_slope) / np.abs(slope)
        explained = 1.0 - rest / (y * y).sum(axis=-1)
        flat = ~(np.abs(slope) > np.sqrt(of_slope))
    few = (count < _LEAST) | ~(spread > 0.0)
    status = np.where(few, int(Status.NO_DATA), np.where(flat, int(Status.SINGULAR), 0))
    lines = (slope, np.sqrt(of_slope), start, start_std)
    found = [np.where(few, np.nan, each) for each in lines]
    found += [np.where(few | flat, np.nan, each) for each in (zero, zero_std)]
    return (*found, np.where(few, np.nan, explained), status.astype(np.uint8))
