"""Fits of the correlation length of rough surfaces, in Fourier space."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.tapers import Detrend, Window, flattened, window_of
from omniscopy.image.fourier.tapers import require_choice as require_window
from omniscopy.image.roughness.bearing import detrended
from omniscopy.image.topography import Masking, require_image, steps_of, used_points
from omniscopy.model import DataError, coordinate, operation, require_choice, result, units_of
from omniscopy.model.units import product, reciprocal
from omniscopy.signal import Bounded, Expression, evaluate_model, fit_model

Shape = Literal["gaussian", "exponential", "self_affine"]

# Below this part of the largest density, others do not weigh more: leaks through the window.
_FAINTEST = 1e-4
_ROUNDS = 3
_NAME = "surface"


@operation(example={"image": "surface"})
def fit_correlation_length(
    image: xr.DataArray,
    shape: Shape = "gaussian",
    *,
    k_range: tuple[float, float] | None = None,
    window: Window = "hann",
    detrend: Detrend = "mean",
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Fit the roughness and the correlation length of every image to its power spectrum.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid: a surface that is alike in all directions.
    shape : {"gaussian", "exponential", "self_affine"}
        The autocorrelation is :math:`\sigma^2 e^{-r^2/\xi^2}`, :math:`\sigma^2 e^{-r/\xi}`, or
        that of the last density below, with a Hurst exponent H (exponential is that of 1/2).
    k_range : (low, high), periods per unit of the coordinates
        Spatial frequencies fitted; otherwise all from the second ring of the spectrum up to the
        highest one along both axes.
    window : {"hann", "hamming", "blackman", "none"}
        Falls off to the edges; "none" is for surfaces that go on periodically.
    detrend : {"mean", "plane", "none"}
        What is subtracted before.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`). Few may be: they
        blur the spectrum.
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``rms`` in units of height, ``correlation_length`` in those of the coordinates,
        ``hurst_exponent`` ("self_affine"), ``noise_density`` (of white noise, in units of
        heights squared times those of the coordinates squared), each with ``_std``;
        ``reduced_chi_square``, about 1 without a window, less with one, and far above 1 where
        the shape is not right; and ``status`` as that of `signal.fit_model`.

    Raises
    ------
    DataError
        The image is too small, y and x are not in units that convert, or the range holds fewer
        than 5 rings.

    Notes
    -----
    Least squares of the density over rings of the plane to

    .. math::
        P = \pi \sigma^2 \xi^2 e^{-\pi^2 \xi^2 k^2} + c
        \qquad \text{or} \qquad
        P = \frac{4 \pi H \sigma^2 \xi^2}{(1 + 4 \pi^2 \xi^2 k^2)^{1 + H}} + c

    The values of a spectrum are independent and scatter as much as they are high, so that the
    mean over m of them has the standard deviation :math:`P/\sqrt m`. This is the weight, with P
    from the fit itself; m is half the number of pixels of a ring, because the image is real,
    over :math:`N \sum w^4 / (\sum w^2)^2` of the window. Unlike those of an autocorrelation,
    whose points depend on each other, the standard deviations are therefore right.

    The last density is the K-correlation model [1]_.

    References
    ----------
    .. [1] G. Palasantzas, *Phys. Rev. B* 48, 14472 (1993).

    Examples
    --------
    >>> import omniscopy as om
    >>> rough = om.simulate.surface(step_height=0.0, correlation_length=30.0)
    >>> fit = om.image.fit_correlation_length(rough)
    >>> bool(abs(fit["correlation_length"] - 30) < 3 * fit["correlation_length_std"])
    True
    """
    dims = require_image(image, dims, at_least=8)
    require_choice("shape", shape, get_args(Shape))
    require_window(window=window, detrend=detrend)
    used = used_points(image, mask, masking, dims)
    rings = Rings.of((image.sizes[dims[0]], image.sizes[dims[1]]), steps_of(image, dims), k_range)
    base, units = units_of(image, dims[0]), image.attrs.get("units")

    def run(block: np.ndarray, *masks: np.ndarray) -> tuple[np.ndarray, ...]:
        made = np.full((3, *block.shape[:-2], rings.k.size), np.nan)
        for place, heights in detrended(block, masks, detrend):
            density = rings.density(heights, window, detrend)
            rms, length = rings.start(density, shape)
            made[(0, *place)] = density
            made[(1, *place)], made[(2, *place)] = rms, length
        return tuple(made)

    sizes = [{"k": rings.k.size}] * 3
    density, rms, length = map_signal(
        run, image, dim=dims, output_dims=sizes, also=[] if used is None else [used]
    )
    across = coordinate("k", rings.k, reciprocal(base), kind="spectral", quantity="frequency")
    density = density.assign_coords(k=across)
    starts = {f"{_NAME}_rms": rms.isel(k=0), f"{_NAME}_length": length.isel(k=0)}
    found = _fitted(density, _model(shape), starts, rings.modes(window))
    stated: Mapping[str, tuple[str, str | None]] = {
        "rms": ("rms", units),
        "correlation_length": ("length", base),
        **({"hurst_exponent": ("hurst", "1")} if shape == "self_affine" else {}),
        "noise_density": ("noise", product((units, 2), (base, 2))),
    }
    return result(
        **{
            f"{name}{std}": (found[f"{_NAME}_{own}{std}"], unit)
            for name, (own, unit) in stated.items()
            for std in ("", "_std")
        },
        reduced_chi_square=(found["reduced_chi_square"], "1"),
        status=(found["status"], "1"),
    )


def _model(shape: Shape) -> Expression:
    above = Bounded(0.0, np.inf)
    if shape == "gaussian":
        text = "pi*rms**2*length**2*exp(-(pi*length*x)**2) + noise"
        return Expression(text, rms=above, length=above, noise=0.0, name=_NAME)
    if shape == "exponential":
        text = "2*pi*rms**2*length**2/(1 + (2*pi*length*x)**2)**1.5 + noise"
        return Expression(text, rms=above, length=above, noise=0.0, name=_NAME)
    text = "4*pi*hurst*rms**2*length**2/(1 + (2*pi*length*x)**2)**(1 + hurst) + noise"
    hurst = Bounded(0.01, 2.0, start=0.7)
    return Expression(text, rms=above, length=above, hurst=hurst, noise=0.0, name=_NAME)


def _fitted(
    density: xr.DataArray, model: Expression, starts: dict[str, xr.DataArray], modes: np.ndarray
) -> xr.Dataset:
    """Return the fit with weights that follow from it: those of the density itself at first."""
    count = xr.DataArray(modes, dims="k")
    level = density
    start = xr.Dataset(starts)
    for number in range(_ROUNDS):
        floor = _FAINTEST * density.max("k")
        # Relative to the largest density, so that weights are numbers without units.
        weights = count * (density.max("k") / np.maximum(level, floor)) ** 2
        weights = weights.where(np.isfinite(weights), 0.0)
        found = fit_model(
            density, model, dim="k", start=start, weights=weights.transpose(*density.dims)
        )
        if number < _ROUNDS - 1:
            level = evaluate_model(model, found, density["k"])
            names = [f"{_NAME}_{name}" for name in model.program.names]
            start = found[names].drop_attrs(deep=True)
    # The weights are known, not only their ratios: the residuals do not scale the uncertainties.
    excess = found["reduced_chi_square"] / density.max("k") ** 2
    for name in model.program.names:
        std = f"{_NAME}_{name}_std"
        found[std] = found[std] / np.sqrt(excess.where(excess > 0))
    found["reduced_chi_square"] = excess
    return found


@dataclass(frozen=True)
class Rings:
    """Rings of the plane of spatial frequencies, one step of the coarser axis wide.

    `number` is the ring of each pixel, -1 where it is in none; `k` the mean frequency of each,
    by its square.
    """

    number: np.ndarray
    k: np.ndarray
    pixels: np.ndarray
    steps: tuple[float, float]

    @classmethod
    def of(
        cls,
        shape: tuple[int, int],
        steps: tuple[float, float],
        k_range: tuple[float, float] | None,
    ) -> "Rings":
        """Return the rings in a range of frequencies; raise where they are too few."""
        ky, kx = (np.fft.fftfreq(n, step) for n, step in zip(shape, steps, strict=True))
        k = np.hypot(ky[:, None], kx)
        width = max(1.0 / (n * step) for n, step in zip(shape, steps, strict=True))
        low, high = (1.5 * width, 0.5 / max(steps)) if k_range is None else k_range
        if not low < high:
            message = f"k_range must be (low, high) with low < high, got {k_range!r}"
            raise DataError(message)
        number = np.round(k / width).astype(np.int64)
        number[(k < low) | (k > high) | (k == 0)] = -1
        there, number = np.unique(number, return_inverse=True)
        number = number.reshape(shape) - int(there[0] == -1)
        count = int(number.max()) + 1
        if count < 5:
            message = f"k_range {(low, high)} holds {count} rings of the spectrum; 5 are needed"
            raise DataError(message)
        inside = number >= 0
        pixels = np.bincount(number[inside], minlength=count)
        square = np.bincount(number[inside], weights=k[inside] ** 2, minlength=count)
        return cls(number, np.sqrt(square / pixels), pixels, steps)

    def modes(self, window: Window) -> np.ndarray:
        """Return of how many independent values each ring is the mean."""
        w = window_of(window, self.number.shape)
        return self.pixels / 2.0 / (w.size * (w**4).sum() / (w**2).sum() ** 2)

    def density(self, heights: np.ndarray, window: Window, detrend: Detrend) -> np.ndarray:
        """Return the mean density over each ring, NaN for an image without a finite pixel."""
        values, weight = flattened(heights, window, detrend)
        total = (weight**2).sum()
        if not total > 0:
            return np.full(self.k.shape, np.nan)
        power = np.abs(np.fft.fft2(values)) ** 2 * (self.steps[0] * self.steps[1] / total)
        inside = self.number >= 0
        sums = np.bincount(self.number[inside], weights=power[inside], minlength=self.k.size)
        return sums / self.pixels

    def start(self, density: np.ndarray, shape: Shape) -> tuple[float, float]:
        """Return a roughness and a correlation length to start from.

        Half of the power lies below a frequency that is that of the shape over the length.
        """
        power = np.maximum(density - density.min(), 0.0) * self.k * np.gradient(self.k)
        total = power.sum()
        if not total > 0:
            return np.nan, np.nan
        half = float(self.k[np.searchsorted(np.cumsum(power), 0.5 * total)])
        part = {"gaussian": np.log(2.0) ** 0.5 / np.pi}.get(shape, 3**0.5 / (2 * np.pi))
        return float(np.sqrt(2 * np.pi * total)), part / half
