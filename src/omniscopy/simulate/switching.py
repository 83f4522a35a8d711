"""Switching spectroscopy of ferroelectrics: band-excitation spectra along hysteresis loops."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, result
from omniscopy.physics import hysteresis, waveforms
from omniscopy.simulate.measurements import Random, grid, require_positive
from omniscopy.simulate.resonance import band_excitation

_NAMES = ("a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3")
_UNITS = ("V", "V", "V", "V", "1", "V", "V", "V", "V")


@operation(example={"shape": (3, 4)}, lazy=False)
def loop_maps(shape: tuple[int, int] = (3, 4), *, sampling: float = 20.0) -> xr.Dataset:
    """Simulate maps of the nine parameters of hysteresis loops.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    sampling : float, nm
        Distance of the points.

    Returns
    -------
    Dataset, shape (y, x)
        ``a0`` to ``a3`` and ``b0`` to ``b3`` in V, ``a4`` in V of response per V of bias, as
        `spm.fit_loops` finds them. The imprint rises with x from -0.5 to 0.5 V, the width of the
        loop with y.

    Notes
    -----
    See `physics.hysteresis.loop` for what they are parameters of. With x and y from 0 to 1,
    :math:`a_2 = -2.5 - y/2 + x`, :math:`a_3 = 2 + y/2 + x`.
    """
    coords = grid(shape, sampling, "nm", ("y", "x"))
    y, x = (
        xr.DataArray(np.linspace(0, 1, size), {dim: coords[dim]}, dims=dim)
        for dim, size in zip(("y", "x"), shape, strict=True)
    )
    zero = 0.0 * y + 0.0 * x
    values: tuple[Any, ...] = (
        -1.0e-3 - 2e-4 * y, 2.1e-3 + 2e-4 * x, -2.5 - 0.5 * y + x, 2.0 + 0.5 * y + x, 5e-6,
        0.7, 1.2, 0.9, 1.6,
    )  # fmt: skip
    maps = {
        name: (zero + value, units)
        for name, value, units in zip(_NAMES, values, _UNITS, strict=True)
    }
    return result(None, **maps)


@operation(example={"shape": (2, 3), "steps": 16}, lazy=False)
def switching_maps(
    shape: tuple[int, int] = (3, 4),
    *,
    steps: int = 32,
    amplitude: float = 8.0,
    cycles: int = 1,
    fields: int = 1,
    curves: int = 0,
    loops: xr.Dataset | None = None,
    phase: float = 40.0,
) -> xr.Dataset:
    """Simulate maps of the contact resonance at every step of hysteresis loops.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    steps : int
        Steps of the bias in a cycle, a triangle that rises from 0 first.
    amplitude : float, V
        Highest bias.
    cycles : int
        How often a loop is measured; with more than one there is a dimension ``cycle``.
    fields : {1, 2}
        1: measured at rest after every step; 2: with the bias on (``field`` 0), where
        electrostatic forces add to the response, and at rest (``field`` 1).
    curves : int
        Reversal curves of rising bias, the last one up to `amplitude`; none if it is 0. Then the
        steps are along ``sample``, and ``bias`` is a coordinate of ``forc`` and ``sample``.
    loops : Dataset
        The nine parameters over any dimensions; `loop_maps` otherwise, which then takes `shape`.
    phase : float, degrees
        Angle of the response in the complex plane.

    Returns
    -------
    Dataset, shape (forc, cycle, field, y, x, bias)
        ``amplitude`` (V), ``resonance_frequency`` (Hz), ``quality_factor`` and ``phase``
        (degrees), as `band_excitation` takes them.

    Raises
    ------
    DataError
        `steps`, `amplitude` or `cycles` is not positive, `fields` is neither 1 nor 2, `curves` is
        negative, or `loops` lack a parameter.

    Notes
    -----
    The response is that of `physics.hysteresis.loop` along the phase, and a small constant
    across it. Of a reversal curve, the loop is as high as the major loop has switched at both of
    its ends.
    """
    require_positive(steps=steps, amplitude=amplitude, cycles=cycles)
    if fields not in (1, 2) or curves < 0:
        message = f"fields must be 1 or 2 and curves 0 or more, got {fields} and {curves}"
        raise DataError(message)
    loops = loop_maps(shape) if loops is None else loops
    bias = _bias(steps, amplitude, curves)
    response = _response(bias, loops)
    if cycles > 1:
        number = xr.DataArray(
            np.arange(cycles), {"cycle": coordinate("cycle", np.arange(cycles), "1")}
        )
        response = response * (1.0 + 0.02 * number)
    if fields == 2:
        force = xr.DataArray(
            [1e-4, 0.0], {"field": coordinate("field", np.arange(2), "1")}, dims="field"
        )
        response = response + force * bias.drop_attrs(deep=False)
    order = [each for each in ("forc", "cycle", "field") if each in response.dims]
    response = response.transpose(*order, ..., bias.dims[-1])
    turned = (response + 2e-4j) * np.exp(1j * np.radians(phase))
    quality = 0.0 * response + 120.0
    frequency = 0.0 * response + 335e3 + 20.0 * abs(bias.drop_attrs(deep=False))
    return result(
        None,
        amplitude=(abs(turned), "V"),
        resonance_frequency=(frequency.transpose(*response.dims), "Hz"),
        quality_factor=(quality, "1"),
        phase=(xr.apply_ufunc(np.angle, turned, kwargs={"deg": True}), "deg"),
    )


@operation(example={"shape": (2, 2), "steps": 16, "points": 16}, lazy=False)
def switching_spectroscopy(  # noqa: PLR0913 - numbers of the measurement
    shape: tuple[int, int] = (3, 4),
    *,
    steps: int = 32,
    amplitude: float = 8.0,
    cycles: int = 1,
    fields: int = 1,
    curves: int = 0,
    points: int = 41,
    noise: float = 1e-3,
    rng: Random = 0,
) -> xr.DataArray:
    """Simulate complex band-excitation spectra along hysteresis loops.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    steps : int
        Steps of the bias in a cycle.
    amplitude : float, V
        Highest bias.
    cycles, fields, curves : int
        As `switching_maps` takes them.
    points : int
        Frequencies in the band.
    noise : float, V
        Standard deviation of the noise of the real part, and of the imaginary part.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (forc, cycle, field, y, x, bias, frequency), V, complex
        The truth is what `switching_maps` and `loop_maps` return for the same arguments.
    """
    maps = switching_maps(
        shape, steps=steps, amplitude=amplitude, cycles=cycles, fields=fields, curves=curves
    )
    return band_excitation(maps=maps, centre=335e3, points=points, noise=noise, rng=rng)


def _bias(steps: int, amplitude: float, curves: int) -> xr.DataArray:
    """Return the bias along a cycle, or along every reversal curve."""
    if curves == 0:
        values = waveforms.triangle(steps, amplitude)
        return xr.DataArray(values, {"bias": coordinate("bias", values, "V")})
    first = amplitude / curves
    values = waveforms.reversal_curves(steps, (first, amplitude), (-first, -amplitude), curves)
    made = xr.DataArray(
        values,
        {
            "forc": coordinate("forc", np.arange(curves), "1"),
            "sample": coordinate("sample", np.arange(steps), "1"),
        },
        dims=("forc", "sample"),
    )
    return made.assign_coords(
        bias=(("forc", "sample"), values, {"units": "V", "quantity": "bias", "kind": "spectral"})
    )


def _response(bias: xr.DataArray, loops: xr.Dataset) -> xr.DataArray:
    """Return the response of every loop at every bias."""
    missing = [name for name in _NAMES if name not in loops]
    if missing:
        message = f"loops must hold {_NAMES}; {missing} missing"
        raise DataError(message)
    falling = xr.DataArray(
        np.apply_along_axis(hysteresis.falls, -1, bias.values), bias.coords, bias.dims
    )
    numbers = [loops[name].drop_attrs(deep=False) for name in _NAMES]

    def value(at: xr.DataArray, down: xr.DataArray | float, *parameters: object) -> xr.DataArray:
        made: xr.DataArray = xr.apply_ufunc(
            lambda *given: hysteresis.loop(*given)[0], at, down, *parameters
        )
        return made

    if bias.ndim > 1:
        along = str(bias.dims[-1])
        unit: list[object] = [0.0, 1.0, *numbers[2:4], 0.0, *numbers[5:]]
        switched = value(bias.max(along), -1.0, *unit) * (1.0 - value(bias.min(along), 1.0, *unit))
        numbers[0] = numbers[0] + 0.5 * numbers[1] * (1.0 - switched)
        numbers[1] = numbers[1] * switched
    return value(bias, falling * 2.0 - 1.0, *numbers)
