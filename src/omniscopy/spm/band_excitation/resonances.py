"""Resonances of a cantilever in contact, from complex spectra."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.fitting.problem import Loss
from omniscopy.compute.fitting.solving import require_options
from omniscopy.compute.passes import read_again
from omniscopy.model import (
    DataError,
    operation,
    require_array,
    require_choice,
    require_dim,
    require_units,
    require_window,
    result,
)
from omniscopy.model.units import product
from omniscopy.signal.preparation import prepare_weights
from omniscopy.signal.start_searches import sampled
from omniscopy.spm.band_excitation.oscillator_fits import (
    AMPLITUDE,
    BACKGROUND,
    DTYPES,
    FREQUENCY,
    PHASE,
    QUALITY,
    OscillatorFit,
    Oscillators,
    turns_backwards,
)

Background = Literal["none", "constant", "linear"]
Bounds = Mapping[str, tuple[float | None, float | None]]
_BACKGROUNDS: tuple[Background, ...] = ("none", "constant", "linear")
_BOUNDED = ("resonance_frequency", "quality_factor")
# Spectra that say which way spectra turn.
_ASKED = 1024
_PARAMETER = "parameter"


@operation(example={"data": "band_excitation"})
def fit_oscillator(  # noqa: PLR0913 - options of the field
    data: xr.DataArray,
    *,
    dim: str = "frequency",
    window: tuple[float, float] | None = None,
    weights: xr.DataArray | None = None,
    background: Background = "none",
    shared: str | Sequence[str] | None = None,
    conjugate: Literal["auto"] | bool = "auto",
    start: xr.Dataset | None = None,
    bounds: Bounds | None = None,
    loss: Loss = "linear",
    loss_scale: float | None = None,
    max_steps: int = 100,
) -> xr.Dataset:
    r"""Fit a driven, damped oscillator to every complex spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., dim), complex
        Lazy or in memory. Bins that are not finite are left out.
    dim : str
        Dimension of the frequency; its coordinate is in Hz and ascends.
    window : (low, high), units of the coordinate
        The frequencies that are fitted, both ends included.
    weights : DataArray, shape (..., dim) or (dim)
        Relative weights of the squared residuals, such as one over the variance of the noise of
        a bin. Bins of weight 0 are left out.
    background : {"none", "constant", "linear"}
        What is added to the response: nothing, a complex constant, or one that is linear in the
        frequency.
    shared : str or sequence of str
        Dimensions along which the quality factor is one number, such as ``"bias"``.
    conjugate : {"auto"} or bool
        Fit the conjugate of the data, as for those of the opposite convention of time, in which
        the quality factor were negative. "auto" asks up to about 1024 spectra, evenly spread.
    start : Dataset
        ``resonance_frequency`` (Hz) and ``quality_factor`` to start from, such as an earlier
        result; estimated from the spectra otherwise.
    bounds : mapping of name to (low, high)
        Bounds of ``resonance_frequency`` (Hz), else half a band beyond the band, and of
        ``quality_factor``, else above 0.
    loss : {"linear", "soft_l1", "huber", "cauchy"}
        What a residual costs: its square, or less where it is large, to withstand outliers.
    loss_scale : float, units of `data` times root of `weights`
        Residual from which on the loss is less than its square; 1.345 times the noise otherwise,
        estimated from neighbouring bins of every spectrum.
    max_steps : int
        Evaluations of the model for a spectrum, at most.

    Returns
    -------
    Dataset, shape (...)
        ``amplitude`` (units of `data`; that at rest, the peak is about `Q` times higher),
        ``resonance_frequency`` (Hz), ``quality_factor``, ``phase`` (degrees, above -180 to 180)
        and their ``_std``; with a background its complex ``background`` in the middle of the
        band, and ``background_slope`` (per Hz), with the deviation of each of their parts;
        ``r_squared``, ``reduced_chi_square`` (units of data squared), ``steps``, ``conjugated``
        (1 if the conjugate was fitted) and ``status``: 0 converged, 1 stopped after `max_steps`,
        2 parameters that the spectrum does not determine, 3 at a bound (that parameter's std is
        NaN), 4 too few finite bins, or nothing but zeros, and 5 clipped: 3 or more bins have the
        very largest real or imaginary part. All are NaN for 4 and 5.

    Raises
    ------
    DataError
        The data are not complex, the frequency is missing, not in Hz, not above 0, or differs
        between steps; options do not fit.

    Notes
    -----
    :math:`h(f) = A e^{i\varphi} f_0^2 / (f^2 - i f f_0 / Q - f_0^2)`: at resonance it is
    :math:`i A Q e^{i\varphi}`. Real and imaginary parts have normal noise, the same in all bins
    unless weights say otherwise; least squares from the start of `estimate_oscillator`.

    References
    ----------
    .. [1] S. Jesse, S. V. Kalinin, R. Proksch, A. P. Baddorf and B. J. Rodriguez,
       *Nanotechnology* 18, 435503 (2007).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.fit_oscillator(om.samples.band_excitation())
    >>> found["resonance_frequency"].attrs["units"], found["phase"].attrs["units"]
    ('Hz', 'deg')
    """
    require_options("gaussian", loss, 1.0 if loss_scale is None else loss_scale, max_steps)
    return _fitted(
        data, dim, window=window, weights=weights, background=background, shared=shared,
        conjugate=conjugate, start=start, bounds=bounds, loss=loss, loss_scale=loss_scale,
        max_steps=max_steps, refined=True,
    )  # fmt: skip


@operation(example={"data": "band_excitation"})
def estimate_oscillator(
    data: xr.DataArray,
    *,
    dim: str = "frequency",
    window: tuple[float, float] | None = None,
    weights: xr.DataArray | None = None,
    background: Background = "none",
    conjugate: Literal["auto"] | bool = "auto",
) -> xr.Dataset:
    r"""Estimate a driven, damped oscillator for every complex spectrum, by linear equations.

    Parameters
    ----------
    data : DataArray, shape (..., dim), complex
        Lazy or in memory. Bins that are not finite are left out.
    dim : str
        Dimension of the frequency; its coordinate is in Hz and ascends.
    window : (low, high), units of the coordinate
        The frequencies that count, both ends included.
    weights : DataArray, shape (..., dim) or (dim)
        Relative weights of the bins.
    background : {"none", "constant", "linear"}
        What is added to the response.
    conjugate : {"auto"} or bool
        Take the conjugate of the data, as for those of the opposite convention of time.

    Returns
    -------
    Dataset, shape (...)
        What `fit_oscillator` returns, without standard deviations; the status is 0 unless it is
        4 (no data) or 5 (clipped), where all are NaN.

    Raises
    ------
    DataError
        As for `fit_oscillator`.

    Notes
    -----
    Five passes of weighted linear least squares of :math:`f^2 y = f_0^2 y + i f (f_0 / Q) y + C`
    give resonance and quality factor, without a number to tune; amplitude and phase follow
    linearly. Where the equations have no solution in the band, the best of five quality factors
    at the largest bin is taken.

    References
    ----------
    .. [1] C. K. Sanathanan and J. Koerner, *IEEE Trans. Autom. Control* 8, 56 (1963).
    """
    found = _fitted(
        data, dim, window=window, weights=weights, background=background, shared=None,
        conjugate=conjugate, start=None, bounds=None, loss="linear", loss_scale=None, max_steps=100,
        refined=False,
    )  # fmt: skip
    return found.drop_vars([name for name in found if str(name).endswith("_std")])


def _fitted(  # noqa: PLR0913
    data: xr.DataArray,
    dim: str,
    *,
    window: tuple[float, float] | None,
    weights: xr.DataArray | None,
    background: Background,
    shared: str | Sequence[str] | None,
    conjugate: Literal["auto"] | bool,
    start: xr.Dataset | None,
    bounds: Bounds | None,
    loss: Loss,
    loss_scale: float | None,
    max_steps: int,
    refined: bool,
) -> xr.Dataset:
    require_choice("background", background, _BACKGROUNDS)
    require_choice("conjugate", conjugate, ("auto", True, False))
    data, frequency = prepared(data, dim, window)
    together = [] if shared is None else [shared] if isinstance(shared, str) else [*shared]
    wrong = [each for each in together if each not in data.dims or each == dim]
    if wrong:
        message = f"shared={wrong} are not dimensions of the spectra, {tuple(data.dims)}"
        raise DataError(message)
    lower, upper = _bounds(frequency, bounds or {})
    starts = None if start is None else _starts(start, data)
    fit = OscillatorFit(
        frequency=frequency, degree=_BACKGROUNDS.index(background) - 1, lower=lower, upper=upper,
        weighted=weights is not None, started=starts is not None, shared=len(together),
        refined=refined, loss=loss, loss_scale=loss_scale, max_steps=max_steps,
        threads=None if data.chunks is None else 1,
    )  # fmt: skip
    turned = _turned(data, dim, frequency, conjugate=conjugate)
    also = [] if weights is None else [prepare_weights(weights, data, [dim])]
    also += [] if starts is None else [starts]
    if together:
        also = [each.broadcast_like(data.isel({dim: 0}, drop=True)) for each in also]
        ends = [dim if dim in each.dims else _PARAMETER for each in also]
        also = [each.transpose(..., *together, end) for each, end in zip(also, ends, strict=True)]
    sizes = {each: data.sizes[each] for each in together}
    wide = {**sizes, _PARAMETER: fit.parameters}
    found = Oscillators(*map_signal(
        fit.run, read_again(data, turned), dim=[*together, dim], also=[*also, turned],
        whole=[_PARAMETER], output_dims=[wide, wide] + [sizes] * 4, dtypes=list(DTYPES),
    ))  # fmt: skip
    kept = {each: data.coords[each] for each in together if each in data.coords}
    found = Oscillators(*(each.assign_coords(kept) for each in found))
    return _labelled(found, data, weights, fit, turned)


def prepared(
    data: xr.DataArray, dim: str, window: tuple[float, float] | None
) -> tuple[xr.DataArray, np.ndarray]:
    """Return what is fitted, and its frequencies in Hz."""
    require_array(data)
    if dim not in data.dims and dim in data.coords and data.coords[dim].ndim > 1:
        message = (
            f"the frequencies differ between spectra: coordinate {dim!r} has the dimensions "
            f"{tuple(data.coords[dim].dims)}. Select the spectra of one set of bins, make {dim!r} "
            "their dimension with `swap_dims`, and fit each set on its own"
        )
        raise DataError(message)
    require_dim(data, dim, units="Hz", at_least=3)
    if data.dtype.kind != "c":
        message = f"expected complex spectra, got {data.dtype}: amplitude and phase are fitted"
        raise DataError(message)
    if window is not None:
        data = require_window(data, dim, window, at_least=3)
    frequency = np.asarray(data.coords[dim].values, np.float64)
    frequency = frequency * require_units(data.coords[dim], "Hz")
    if not (np.isfinite(frequency).all() and frequency[0] > 0 and (np.diff(frequency) > 0).all()):
        message = f"coordinate {dim!r} must be above 0 and hold each frequency once"
        raise DataError(message)
    return data, frequency


def _bounds(
    frequency: np.ndarray, bounds: Bounds
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the lower and upper bounds of resonance and quality factor."""
    unknown = set(bounds) - set(_BOUNDED)
    if unknown:
        message = f"bounds of {sorted(unknown)}; they can be given for {_BOUNDED}"
        raise DataError(message)
    half = 0.5 * (frequency[-1] - frequency[0])
    known = {
        "resonance_frequency": (
            max(frequency[0] - half, 1e-3 * frequency[0]),
            frequency[-1] + half,
        ),
        "quality_factor": (0.0, np.inf),
    }
    lower, upper = [], []
    for name, (low, high) in known.items():
        least, most = bounds.get(name, (None, None))
        lower.append(float(low if least is None else least))
        upper.append(float(high if most is None else most))
        if not 0 <= lower[-1] < upper[-1]:
            message = f"bounds of {name} must be (low, high) from 0 on, got {bounds[name]!r}"
            raise DataError(message)
    return (lower[0], lower[1]), (upper[0], upper[1])


def _starts(start: xr.Dataset, data: xr.DataArray) -> xr.DataArray:
    """Return maps of resonance and quality factor, stacked."""
    missing = [name for name in _BOUNDED if name not in start]
    if missing:
        message = f"start must hold {_BOUNDED}; {missing} missing"
        raise DataError(message)
    factor = require_units(start["resonance_frequency"], "Hz", what="resonance_frequency")
    maps = [start["resonance_frequency"] * factor, start["quality_factor"]]
    for each in maps:
        foreign = [str(d) for d in each.dims if d not in data.dims]
        if foreign:
            message = f"start has the dimensions {foreign}, which the data have not"
            raise DataError(message)
    rows = xr.concat(
        [each.drop_attrs(deep=False).reset_coords(drop=True) for each in maps], _PARAMETER,
        coords="minimal", compat="override", join="exact",
    )  # fmt: skip
    return rows.transpose(..., _PARAMETER)


def _turned(
    data: xr.DataArray, dim: str, frequency: np.ndarray, *, conjugate: Literal["auto"] | bool
) -> xr.DataArray:
    """Return whether the conjugate is fitted, one number for all spectra."""
    if conjugate != "auto":
        return xr.DataArray(np.bool_(conjugate))
    others = [str(each) for each in data.dims if each != dim]

    def ask(block: np.ndarray) -> np.ndarray:
        return np.asarray(turns_backwards(frequency, block.reshape(-1, len(frequency))))

    asked = sampled(data, others, _ASKED)
    (made,) = map_signal(ask, asked, dim=[*others, dim], dtypes=[np.bool_])
    return made


def _labelled(
    found: Oscillators, data: xr.DataArray, weights: xr.DataArray | None, fit: OscillatorFit,
    turned: xr.DataArray,
) -> xr.Dataset:  # fmt: skip
    """Return the parameters by name, with their units."""
    units = data.attrs.get("units")
    names = {
        "amplitude": (AMPLITUDE, units), "resonance_frequency": (FREQUENCY, "Hz"),
        "quality_factor": (QUALITY, "1"), "phase": (PHASE, "deg"),
    }  # fmt: skip
    made: dict[str, tuple[xr.DataArray, str | None]] = {}
    for name, (number, unit) in names.items():
        made[name] = found.parameters.isel({_PARAMETER: number}), unit
        made[f"{name}_std"] = found.std.isel({_PARAMETER: number}), unit
    slopes = product((units, 1), ("Hz", -1))
    for power, name, unit in ((0, "background", units), (1, "background_slope", slopes)):
        if power > fit.degree:
            continue
        first = BACKGROUND + 2 * power
        real, imaginary = (found.parameters.isel({_PARAMETER: first + n}) for n in (0, 1))
        made[name] = real + 1j * imaginary, unit
        made[f"{name}_std"] = found.std.isel({_PARAMETER: first}), unit
    squares = (units, 2.0), *([] if weights is None else [(weights.attrs.get("units"), 1.0)])
    return result(
        None, **made, r_squared=(found.r_squared, "1"),
        reduced_chi_square=(found.reduced_chi_square, product(*squares)), steps=(found.steps, "1"),
        conjugated=(turned.astype(np.uint8), "1"), status=(found.status, "1"),
    )  # fmt: skip
