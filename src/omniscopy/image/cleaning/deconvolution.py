"""Images without the blur of a known point-spread function."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.cleaning.edge_preserving import known_noise
from omniscopy.image.cleaning.filling import filled
from omniscopy.image.fourier.periodic import periodic_and_smooth
from omniscopy.image.topography import (
    Dims,
    like,
    listed_like,
    require_image,
    require_positive_length,
    steps_of,
)
from omniscopy.model import (
    DataError,
    operation,
    require_choice,
    require_conversion,
    require_real,
    require_uniform,
    units_of,
)
from omniscopy.signal.precision import single_or_double

Method = Literal["richardson_lucy", "wiener"]
Ends = Literal["open", "periodic"]
# Standard deviations of a Gaussian of unit full width at half maximum.
_PER_WIDTH = 1.0 / np.sqrt(8.0 * np.log(2.0))
# Pixels beyond the edges that less than this part of their light comes in from are not known.
_SEEN = 1e-2
# Frequencies that the blur leaves less than this of are lost.
_LOST = 1e-3
_TINY = 1e-300
# Power over that of noise, at least, which smoothed noise seldom has.
_STANDS_OUT = 2.0


@operation(example={"image": "atom_image", "resolution": 0.1, "max_steps": 5})
def deconvolve(  # noqa: PLR0913 - two methods
    image: xr.DataArray,
    psf: xr.DataArray | None = None,
    method: Method = "richardson_lucy",
    *,
    resolution: float | None = None,
    ends: Ends = "open",
    max_steps: int = 50,
    tolerance: float = 1e-6,
    noise: float | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Take the blur of a point-spread function out of every image.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid. For "richardson_lucy" without what was added to
        the signal (an offset): values below 0 count as 0.
    psf : DataArray, shape (..., y, x)
        The image of a point, with the steps of `image` and odd numbers of pixels: the point is in
        the middle one. It is divided by its sum.
    method : {"richardson_lucy", "wiener"}
        The image nowhere negative that is most likely for counts, approached in steps; or the
        linear filter of the least error for white noise.
    resolution : float, units of the coordinates
        Full width at half maximum of a Gaussian, in place of `psf`.
    ends : {"open", "periodic"}
        Whether something unknown lies beyond the edges, whose blur comes in, or the image goes
        on from the other edge.
    max_steps : int
        Of "richardson_lucy": noise is amplified more with each.
    tolerance : float
        It ends where the sum of squared changes is less than this part of the sum of squares.
    noise : float, units of `image`
        Standard deviation, for "wiener"; estimated from each image otherwise.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape and units of `image`
        With its sum. "richardson_lucy" leaves missing pixels out and finds values there too;
        "wiener" returns NaN there. All NaN where an image has no finite pixel.

    Raises
    ------
    DataError
        Neither or both of `psf` and `resolution` are given; the point-spread function has other
        steps or units, an even number of pixels, more than the image, or no positive sum.

    Notes
    -----
    Richardson and Lucy: :math:`u \leftarrow \frac{u}{H^T w} H^T \frac{w z}{H u}` with w = 1 on
    known pixels and 0 elsewhere, on a field larger than the image by the point-spread function
    [1]_. Wiener: :math:`\frac{H^*}{|H|^2 + \sigma^2 / s^2} \frac{P - N}{P}` with the variances
    of noise and image and, where P is more than 2 N, its smoothed spectrum P and that of the
    noise, N; steps at the edges are left out of what is transformed ("open").

    References
    ----------
    .. [1] M. Bertero and P. Boccacci, *Astron. Astrophys.* 437, 369 (2005).

    Examples
    --------
    >>> import omniscopy as om
    >>> sharp = om.image.deconvolve(om.samples.atom_image(), resolution=0.08, max_steps=10)
    >>> bool(sharp.max() > om.samples.atom_image().max())
    True
    """
    require_choice("method", method, get_args(Method))
    require_choice("ends", ends, get_args(Ends))
    dims = require_image(image, dims)
    steps = steps_of(image, dims)
    if max_steps < 1 or not tolerance >= 0:
        message = f"max_steps must be 1 at least and tolerance 0, got {max_steps}, {tolerance}"
        raise DataError(message)
    if (psf is None) == (resolution is None):
        message = "give either the point-spread function `psf`, or `resolution`, its width"
        raise DataError(message)
    inner = (f"psf_{dims[0]}", f"psf_{dims[1]}")
    if psf is None:
        width = require_positive_length("resolution", resolution)
        field = min(image.sizes[dim] * step for dim, step in zip(dims, steps, strict=True))
        if width > field:
            message = (
                f"resolution {width:g} is larger than the image ({field:g}, in the units of the "
                "coordinates)"
            )
            raise DataError(message)
        blur = xr.DataArray(gaussian_psf(width, steps), dims=inner)
    else:
        require_psf(psf, image, dims)
        turned = listed_like(psf, image, dims)
        blur = turned.rename(dict(zip(dims, inner, strict=True)))
        blur = blur.drop_vars([name for name in inner if name in blur.coords])
    too_large = [
        dim for dim, name in zip(dims, inner, strict=True) if blur.sizes[name] > image.sizes[dim]
    ]
    if too_large:
        message = f"the point-spread function is larger than the image along {too_large}; crop it"
        raise DataError(message)
    kind = np.dtype(single_or_double(image.dtype))
    (made,) = map_signal(
        _deconvolved, image, dim=dims, also=[blur], whole=list(inner), dtypes=[kind],
        output_dims=[{dim: image.sizes[dim] for dim in dims}],
        parameters={
            "method": method, "open_ends": ends == "open", "max_steps": max_steps,
            "tolerance": tolerance, "noise": noise, "kind": kind,
        },
    )  # fmt: skip
    kept = {name: each for name, each in image.coords.items() if {*each.dims} <= {*made.dims}}
    return like(made.assign_coords(kept).transpose(..., *dims), image)


def gaussian_psf(width: float, steps: tuple[float, float]) -> np.ndarray:
    """Return a Gaussian of a full width at half maximum, out to four standard deviations."""
    along = []
    for step in steps:
        sigma = max(_PER_WIDTH * width / step, 1e-3)
        reach = max(1, int(np.ceil(4 * sigma)))
        along.append(np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2))
    made = np.multiply.outer(*along)
    return np.asarray(made / made.sum())


def require_psf(psf: xr.DataArray, image: xr.DataArray, dims: Dims) -> None:
    """Raise unless a point-spread function has the steps of the image, and a middle pixel."""
    require_image(psf, dims, at_least=3)
    require_real(psf)
    for dim in dims:
        if psf.sizes[dim] % 2 == 0:
            message = (
                f"the point-spread function has {psf.sizes[dim]} pixels along {dim!r} and so no "
                "middle one; crop it to an odd number"
            )
            raise DataError(message)
        own, other = (units_of(each, dim) for each in (psf, image))
        factor = require_conversion(own, other, what=f"{dim!r} of psf", of="the image")
        steps = abs(require_uniform(psf, dim)) * factor, abs(require_uniform(image, dim))
        if abs(steps[0] / steps[1] - 1) > 0.01:
            message = (
                f"the point-spread function has steps of {steps[0]:.4g} along {dim!r}, the image "
                f"of {steps[1]:.4g}; resample it with `signal.interpolate`"
            )
            raise DataError(message)


def _deconvolved(
    block: np.ndarray, blur: np.ndarray, *, method: Method, open_ends: bool, max_steps: int,
    tolerance: float, noise: float | None, kind: np.dtype,
) -> np.ndarray:  # fmt: skip
    outer = block.shape[:-2]
    wide = np.broadcast_to(blur, (*outer, *blur.shape[-2:]))
    made = np.full(block.shape, np.nan, dtype=kind)
    for place in np.ndindex(*outer):
        values = np.array(block[place], dtype=np.float64)
        used = np.isfinite(values)
        own = np.where(np.isfinite(wide[place]), wide[place], 0.0).astype(np.float64)
        if not used.any() or not own.sum() > 0:
            continue
        own = own / own.sum()
        if method == "wiener":
            made[place] = wiener_inverse(values, used, own, noise=noise, open_ends=open_ends)
        else:
            made[place] = richardson_lucy(
                values, used, own, open_ends=open_ends, max_steps=max_steps, tolerance=tolerance
            )
    return made


def richardson_lucy(
    values: np.ndarray, used: np.ndarray, blur: np.ndarray, *, open_ends: bool, max_steps: int,
    tolerance: float,
) -> np.ndarray:  # fmt: skip
    """Return the image that is most likely to give these counts where they are known."""
    from scipy import fft

    reach = [size // 2 if open_ends else 0 for size in blur.shape]
    size = tuple(n + 2 * r for n, r in zip(values.shape, reach, strict=True))
    if open_ends:
        size = tuple(fft.next_fast_len(n, real=True) for n in size)
    place = tuple(slice(r, r + n) for r, n in zip(reach, values.shape, strict=True))
    counts, weight = np.zeros(size), np.zeros(size)
    counts[place] = np.where(used, np.maximum(values, 0.0), 0.0)
    weight[place] = used
    transfer = _transfer(blur, size)

    def blurred(estimate: np.ndarray, by: np.ndarray) -> np.ndarray:
        return np.asarray(fft.irfft2(by * fft.rfft2(estimate), size))

    seen = blurred(weight, transfer.conj())
    known = seen > _SEEN
    estimate = np.where(known, counts.sum() / weight.sum(), 0.0)
    for _ in range(max_steps):
        expected = np.maximum(blurred(estimate, transfer), _TINY + 1e-12 * counts.max())
        ratio = np.where(weight > 0, counts / expected, 0.0)
        factor = np.where(known, blurred(ratio, transfer.conj()) / np.where(known, seen, 1.0), 0.0)
        change = estimate * np.maximum(factor, 0.0) - estimate
        estimate = estimate + change
        if (change**2).sum() <= tolerance * (estimate**2).sum():
            break
    return np.asarray(estimate[place])


def wiener_inverse(
    values: np.ndarray, used: np.ndarray, blur: np.ndarray, *, noise: float | None, open_ends: bool
) -> np.ndarray:
    """Return the image whose mean squared error is least, for white noise."""
    from scipy import fft
    from scipy.ndimage import gaussian_filter

    sigma = known_noise(values, used, noise)
    whole = filled(values, used)
    periodic, smooth = periodic_and_smooth(whole) if open_ends else (whole, 0.0)
    spectrum = fft.rfft2(periodic)
    power = gaussian_filter(np.abs(fft.fft2(periodic)) ** 2, 1.0, mode="wrap")
    power = power[:, : spectrum.shape[1]]
    level = (sigma if np.isfinite(sigma) else 0.0) ** 2 * values.size
    transfer = _transfer(blur, values.shape)
    strength = np.abs(transfer) ** 2
    # By chance the power of noise is above its mean: where blur is strong, 1 / H would show it.
    kept = np.where(power > _STANDS_OUT * level, 1.0 - level / np.maximum(power, _TINY), 0.0)
    # What leaks from strong spots to where the blur is strong is no signal: the ratio for a white
    # object bounds what 1 / H makes of it.
    variance = float(periodic.var())
    ratio = min(level / values.size / variance, 1.0) if variance > 0 else 1.0
    gain = transfer.conj() / (strength + max(ratio, _LOST**2)) * kept
    gain[0, 0] = 1.0
    made = fft.irfft2(gain * spectrum, values.shape) + smooth
    return np.where(used, made, np.nan)


def _transfer(blur: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return the transform of a point-spread function whose middle is at the first pixel."""
    from scipy import fft

    whole = np.zeros(size)
    whole[: blur.shape[0], : blur.shape[1]] = blur
    shift = (-(blur.shape[0] // 2), -(blur.shape[1] // 2))
    return np.asarray(fft.rfft2(np.roll(whole, shift, axis=(0, 1))))
