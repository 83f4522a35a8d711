"""Tapers."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    operation,
    require_choice,
    require_numbers,
    require_uniform,
    units_of,
)
from omniscopy.signal.frequencies import floating_type, frequency_units, transformed_dims
from omniscopy.signal.sums import described

Taper = Literal[
    "hann", "hamming", "blackman", "blackmanharris", "flattop", "bartlett", "cosine",
    "tukey", "kaiser",
]  # fmt: skip
Correction = Literal["amplitude", "power"]

_SHAPES = {"tukey": 0.5, "kaiser": 14.0}


@operation(example={"data": "spectrum_image", "kind": "hann", "dim": "energy_loss"})
def window(
    data: xr.DataArray,
    kind: Taper = "hann",
    dim: str | Sequence[str] | None = None,
    *,
    shape: float | None = None,
    correct: Correction | None = None,
) -> xr.DataArray:
    r"""Taper data to both ends, so that a Fourier transform does not see a step there.

    Parameters
    ----------
    data : DataArray, shape (..., dim), real or complex
        Lazy or in memory, on a uniform coordinate.
    kind : str
        The taper, with the period of the data [1]_: "hann", "hamming", "blackman",
        "blackmanharris", "flattop", "bartlett", "cosine", "tukey" or "kaiser".
    dim : str or sequence of str
        Dimensions that are tapered; the only one of the signal otherwise.
    shape : float
        Of "tukey" the part of the length that is tapered (0.5 if left out), of "kaiser" the
        parameter beta (14 if left out).
    correct : {"amplitude", "power"}, optional
        Divide by the coherent gain, so that peaks of a spectrum keep their height, or by the
        root of the mean square, so that noise keeps its power.

    Returns
    -------
    DataArray, shape and units of `data`
        With ``attrs["window"]``: for each dimension `kind`, ``coherent_gain`` (the mean of the
        taper) and ``noise_bandwidth`` (of white noise, in ``noise_bandwidth_units``).

    Raises
    ------
    DataError
        The taper is unknown, or a coordinate is missing or not uniform.

    Notes
    -----
    The noise bandwidth of weights w is :math:`\sum w^2 / (\sum w)^2 / \Delta t`.

    References
    ----------
    .. [1] F. J. Harris, *Proc. IEEE* 66, 51 (1978).

    Examples
    --------
    >>> import omniscopy as om
    >>> tapered = om.signal.window(om.samples.spectrum(), "hann")
    >>> tapered.attrs["window"]["energy"]["coherent_gain"]
    0.5
    """
    require_numbers(data)
    require_choice("kind", kind, get_args(Taper))
    if correct is not None:
        require_choice("correct", correct, get_args(Correction))
    if shape is not None and (kind not in _SHAPES or not shape >= 0):
        message = f"only {tuple(_SHAPES)} have a shape, which is not negative; got {shape!r}"
        raise DataError(message)
    done = dict(data.attrs.get("window", {}))
    tapered = data.astype(floating_type(data.dtype))
    for each in transformed_dims(data, dim):
        step = abs(require_uniform(data, each))
        weights = _taper(kind, data.sizes[each], shape)
        mean, square = float(weights.mean()), float((weights**2).mean())
        done[each] = {
            "kind": kind,
            "coherent_gain": mean,
            "noise_bandwidth": square / mean**2 / (step * weights.size),
            "noise_bandwidth_units": frequency_units(units_of(data, each)),
        }
        weights /= {None: 1.0, "amplitude": mean, "power": square**0.5}[correct]
        # In the type of the data: weights in double precision would make all of them double.
        tapered = tapered * xr.DataArray(weights.astype(tapered.real.dtype), dims=each)
    tapered = tapered.transpose(*data.dims)
    return described(tapered, data, units=data.attrs.get("units")).assign_attrs(window=done)


def _taper(kind: Taper, size: int, shape: float | None) -> np.ndarray:
    from scipy.signal.windows import get_window

    chosen = (kind, _SHAPES[kind] if shape is None else shape) if kind in _SHAPES else kind
    return np.asarray(get_window(chosen, size, fftbins=True), dtype=np.float64)
