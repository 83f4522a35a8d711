"""Plural scattering taken out of spectra."""

from typing import Literal

import numpy as np
import xarray as xr
from scipy import fft

from omniscopy.compute import map_signal
from omniscopy.eels.axes import DIM, LossAxis, loss_axis, require_zero
from omniscopy.eels.zero_loss.elastic import elastic_parts
from omniscopy.model import DataError, labelled, operation, require_choice
from omniscopy.physics.line_shapes import FWHM_PER_SIGMA

Method = Literal["fourier_log", "fourier_ratio", "richardson_lucy"]
METHODS: tuple[Method, ...] = ("fourier_log", "fourier_ratio", "richardson_lucy")
_KEPT = ("long_name", "quantity", "signal_type")
# Part of the largest component of the zero loss below which its phase says nothing.
_FAINT = 1e-9


@operation(example={"data": "low_loss", "method": "fourier_log"})
def deconvolve(
    data: xr.DataArray,
    kernel: xr.DataArray | None = None,
    *,
    method: Method,
    resolution: float | None = None,
    iterations: int = 15,
    dim: str = DIM,
) -> xr.DataArray:
    r"""Take plural scattering, or the width of the zero loss, out of spectra.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Low losses for "fourier_log", core losses without their background for "fourier_ratio",
        either for "richardson_lucy"; lazy or in memory, on a uniform axis.
    kernel : DataArray, shape (..., energy_loss)
        For "fourier_log" the zero loss on the axis of the data (that of `subtract_zero_loss`
        otherwise); for "fourier_ratio" the low loss of the same points; for "richardson_lucy"
        what blurs, such as the zero loss (that of the data otherwise). In the same steps.
    method : {"fourier_log", "fourier_ratio", "richardson_lucy"}
        Single scattering from a low loss; a core loss without plasmons; sharpened.
    resolution : float, eV
        Full width of the Gaussian that a Fourier method folds its result with: the zero loss
        itself otherwise.
    iterations : int
        Of "richardson_lucy".
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    DataArray, shape (..., energy_loss), units of `data`
        "fourier_log": the single-scattering distribution, whose sum is :math:`I_0 t/\lambda`.
        "fourier_ratio": as a sample without plasmons would give, with as many electrons. NaN where
        a value of spectrum or kernel is missing, or there is no zero loss.

    Raises
    ------
    DataError
        Axes are not in eV, not uniform, of other steps, or without the zero loss that is needed.

    Notes
    -----
    :math:`J_1 = Z \ln(J / Z)` [1]_, with the phase of the logarithm followed from the lowest
    frequency on, so that samples of any thickness are right. :math:`K_1 = I_t Z K / (I_0 J)`, with
    :math:`I_0` and :math:`I_t` those of the low loss. Spectra are padded with zeros, ends of core
    losses brought to them by a cosine. Richardson and Lucy as in [2]_.

    References
    ----------
    .. [1] D. W. Johnson, J. C. H. Spence, *J. Phys. D* 7, 771 (1974).
    .. [2] A. Gloter, A. Douiri, M. Tencé, C. Colliex, *Ultramicroscopy* 96, 385 (2003).

    Examples
    --------
    >>> import omniscopy as om
    >>> single = om.eels.deconvolve(om.samples.low_loss(), method="fourier_log")
    >>> single.dims
    ('y', 'x', 'energy_loss')
    """
    require_choice("method", method, METHODS)
    axis = loss_axis(data, dim, at_least=8, uniform=True)
    if resolution is not None and not (np.isfinite(resolution) and resolution > 0):
        message = f"resolution must be above 0 eV, got {resolution!r}"
        raise DataError(message)
    if not iterations >= 1:
        message = f"iterations must be at least 1, got {iterations!r}"
        raise DataError(message)
    if kernel is None:
        if method == "fourier_ratio":
            message = "method='fourier_ratio' needs the low loss of the same points as kernel="
            raise DataError(message)
        require_zero(axis, dim, what=f"method={method!r} without a kernel")
        own, others = axis, []
    else:
        own = loss_axis(kernel, dim, at_least=2, uniform=True)
        if abs(own.step / axis.step - 1.0) > 1e-3:
            message = (
                f"the kernel has steps of {own.step:g} eV and the data of {axis.step:g} eV; bring "
                "it to the same with `signal.interpolate`"
            )
            raise DataError(message)
        require_zero(own, dim, what="the kernel")
        if method == "fourier_log" and (
            len(own.energy) != len(axis.energy) or abs(own.energy[0] - axis.energy[0]) > 1e-6
        ):
            message = "the zero loss must be on the axis of the data for method='fourier_log'"
            raise DataError(message)
        others = [kernel.rename({dim: "kernel"})]
    (made,) = map_signal(
        _deconvolved, data, dim=dim, also=others, whole=["kernel"] if others else [],
        output_dims=[{dim: data.sizes[dim]}],
        parameters={
            "method": method, "axis": axis, "own": own, "resolution": resolution,
            "iterations": iterations,
        },
    )  # fmt: skip
    kept = {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    return labelled(
        made.assign_coords({dim: data.coords[dim]}), units=data.attrs.get("units"), **kept
    )


def _deconvolved(
    block: np.ndarray, kernels: np.ndarray | None = None, *, method: Method, axis: LossAxis,
    own: LossAxis, resolution: float | None, iterations: int,
) -> np.ndarray:  # fmt: skip
    """Return a block of spectra, each deconvolved with its kernel."""
    outer = block.shape[:-1]
    if kernels is not None:
        outer = np.broadcast_shapes(outer, kernels.shape[:-1])
        kernels = np.broadcast_to(kernels, (*outer, kernels.shape[-1]))
        kernels = np.asarray(kernels.reshape(-1, kernels.shape[-1]), np.float64)
    rows = np.broadcast_to(block, (*outer, block.shape[-1])).reshape(-1, block.shape[-1])
    rows = np.asarray(rows, np.float64)
    if kernels is None:
        kernels = elastic_parts(rows, axis.energy, "mirrored", None).zero_loss
    good = np.isfinite(rows).all(axis=1) & np.isfinite(kernels).all(axis=1)
    good &= np.nan_to_num(kernels).sum(axis=1) > 0
    made = np.full(rows.shape, np.nan)
    if good.any():
        given = rows[good], kernels[good]
        if method == "fourier_log":
            made[good] = fourier_log(*given, step=axis.step, resolution=resolution)
        elif method == "fourier_ratio":
            made[good] = fourier_ratio(*given, own.energy, step=axis.step, resolution=resolution)
        else:
            made[good] = richardson_lucy(*given, own.energy, step=axis.step, iterations=iterations)
    return made.reshape(*outer, block.shape[-1])


def fourier_log(
    rows: np.ndarray, zero: np.ndarray, *, step: float, resolution: float | None
) -> np.ndarray:
    """Return single-scattering distributions; spectra and zero losses are on one axis."""
    size = rows.shape[1]
    length = fft.next_fast_len(2 * size, real=True)
    whole, elastic = fft.rfft(rows, length), fft.rfft(zero, length)
    strength = np.abs(elastic)
    with np.errstate(all="ignore"):
        ratio = np.where(strength > _FAINT * strength[:, :1], whole / elastic, 1.0)
        ratio = np.where(np.abs(ratio) > 0, ratio, 1.0)
        angle = np.angle(ratio)
        # From one frequency to the next the phase changes by less than half a turn; losses that
        # are wider than a channel bring it back to 0 before it is lost in noise.
        lost = np.cumsum(np.abs(whole) ** 2 < 9.0 * _noise_power(rows, zero)[:, None], axis=1) > 0
        order = np.log(np.abs(ratio)) + 1j * np.where(lost, angle, np.unwrap(angle, axis=1))
    if resolution is None:
        envelope = elastic
    else:
        turn = _gaussian(length, step, resolution) * strength[:, :1]
        envelope = turn * np.exp(1j * _phase(elastic))
    return np.asarray(fft.irfft(envelope * order, length)[:, :size])


def _noise_power(rows: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """Return the square of what noise adds to every frequency of spectra.

    The variance is taken for proportional to the values, as that of counts times a gain; how much
    it is, fourth differences of the losses tell, whose variance is 70 times that of a channel.
    """
    level, elastic = rows[:, 2:-2], zero[:, 2:-2]
    losses = (level > 0) & (elastic < 0.01 * level)
    square = np.where(losses, np.diff(rows, 4, axis=1) ** 2, np.nan)
    part = np.where(losses, square / (70.0 * np.where(losses, level, 1.0)), np.nan)
    some = losses.any(axis=1)
    gain = np.zeros(len(rows))
    # The median of the square of a normal value is 0.455 of its mean.
    gain[some] = np.nanmedian(part[some], axis=1) / 0.455
    return np.asarray(gain * np.maximum(rows.sum(axis=1), 0.0))


def fourier_ratio(
    rows: np.ndarray, low: np.ndarray, energy: np.ndarray, *, step: float, resolution: float | None
) -> np.ndarray:
    """Return core losses without plasmons; `energy` is the axis of the low losses."""
    size = rows.shape[1]
    length = fft.next_fast_len(2 * (size + low.shape[1]), real=True)
    padded = _tapered(rows, length)
    frequency = fft.rfftfreq(length)
    # The low loss is turned to where its first channel is at 0 eV, which need not be a channel.
    whole = fft.rfft(low, length) * np.exp(-2j * np.pi * frequency * energy[0] / step)
    zero = elastic_parts(low, energy, "mirrored", None).zero_loss
    elastic = fft.rfft(zero, length) * np.exp(-2j * np.pi * frequency * energy[0] / step)
    total, none = np.abs(whole[:, :1]), np.abs(elastic[:, :1])
    shape = elastic / none if resolution is None else _gaussian(length, step, resolution)
    with np.errstate(all="ignore"):
        good = np.abs(whole) > _FAINT * total
        turned = np.where(good, fft.rfft(padded) * shape * total / np.where(good, whole, 1.0), 0.0)
    return np.asarray(fft.irfft(turned, length)[:, :size])


def richardson_lucy(
    rows: np.ndarray, kernels: np.ndarray, energy: np.ndarray, *, step: float, iterations: int
) -> np.ndarray:
    """Return spectra that are sharpened so often; `energy` is the axis of the kernels."""
    size = rows.shape[1]
    length = fft.next_fast_len(size + 2 * kernels.shape[1], real=True)
    turn = np.exp(-2j * np.pi * fft.rfftfreq(length) * energy[0] / step)
    blur = fft.rfft(kernels / kernels.sum(axis=1, keepdims=True), length) * turn
    margin = kernels.shape[1]
    ends = [(0, 0), (margin, length - size - margin)]
    data = np.pad(np.maximum(rows, 0.0), ends, mode="edge")
    made = data.copy()
    tiny = 1e-12 * data.max(axis=1, keepdims=True, initial=1e-300)
    for _ in range(iterations):
        seen = np.maximum(fft.irfft(fft.rfft(made) * blur, length), tiny)
        made = made * fft.irfft(fft.rfft(data / seen) * np.conj(blur), length)
        made = np.maximum(made, 0.0)
    return made[:, margin : margin + size]


def _gaussian(length: int, step: float, fwhm: float) -> np.ndarray:
    """Return the transform of a Gaussian about 0 whose sum is 1."""
    sigma = fwhm / FWHM_PER_SIGMA / step
    made: np.ndarray = np.exp(-2.0 * (np.pi * sigma * fft.rfftfreq(length)) ** 2)
    return made


def _phase(transform: np.ndarray) -> np.ndarray:
    """Return the phase of the zero loss, a line through that of its lowest frequencies."""
    number = np.arange(transform.shape[1])
    angle = np.unwrap(np.angle(transform), axis=1)
    weight = np.abs(transform)
    slope = (weight * number * angle).sum(axis=1) / (weight * number**2).sum(axis=1)
    return slope[:, None] * number


def _tapered(rows: np.ndarray, length: int) -> np.ndarray:
    """Return spectra whose last value goes to zero along half of the room, as a cosine."""
    size = rows.shape[1]
    made = np.zeros((len(rows), length))
    made[:, :size] = rows
    more = (length - size) // 2
    last = rows[:, -min(8, size) :].mean(axis=1, keepdims=True)
    made[:, size : size + more] = last * 0.5 * (1.0 + np.cos(np.pi * np.arange(1, more + 1) / more))
    return made
