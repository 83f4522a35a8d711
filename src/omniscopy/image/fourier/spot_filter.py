"""Lattices filtered out of images by masks around the spots of their spectra."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.cleaning.filling import filled
from omniscopy.image.geometry.planes import in_units
from omniscopy.image.topography import (
    like,
    require_image,
    require_positive_length,
    steps_of,
)
from omniscopy.model import DataError, operation, require_choice, units_of
from omniscopy.model.units import reciprocal
from omniscopy.signal.precision import single_or_double

Edge = Literal["gaussian", "cosine", "step"]
Kept = Literal["spots", "rest"]
# Without a radius: this part of the distance of the spot nearest to the middle.
_PART = 0.25


@operation(example={"image": "atom_image", "spots": "fourier_spots"})
def filter_fourier_spots(
    image: xr.DataArray,
    spots: xr.Dataset,
    *,
    radius: float | None = None,
    low_pass: float | None = None,
    keep: Kept = "spots",
    edge: Edge = "gaussian",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Keep the waves of some spots of the spectrum of every image, or take them away.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; both coordinates in the same units.
    spots : Dataset, shape (..., peak)
        ``ky`` and ``kx``, as `find_fourier_spots` returns them; each stands for the spot
        opposite to it too.
    radius : float, units of the frequencies of the image
        Of the mask around each spot, where half of the amplitude is left; a quarter of the
        distance of the nearest spot from the middle otherwise.
    low_pass : float, units of the frequencies of the image
        Of the mask around the middle; `radius` otherwise. The mean is kept in any case.
    keep : {"spots", "rest"}
        What is inside of the masks, or what is outside (and the mean).
    edge : {"gaussian", "cosine", "step"}
        Of the masks: falling all the way, over half of the radius to each side, or at once,
        which makes the lattice ring far around each of its faults.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape and units of `image`
        NaN where the image is; the nearest values stand in for such ones. All NaN where there
        is no spot.

    Raises
    ------
    DataError
        `spots` has no ``ky`` and ``kx`` along ``peak``, their units do not convert to those of
        the image, or a radius is not above 0.

    Notes
    -----
    :math:`F^{-1}[M(k) F(z)]`, where M is the largest of the masks at each k, for a Gaussian
    :math:`2^{-|k - g|^2 / r^2}`. Detail of the lattice finer than about :math:`1 / 2r` is what
    the filter makes, not the image: a mask that is too narrow heals every fault.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.atom_image()
    >>> lattice = om.image.filter_fourier_spots(image, om.image.find_fourier_spots(image))
    >>> lattice.attrs["units"]
    'counts'
    """
    require_choice("keep", keep, get_args(Kept))
    require_choice("edge", edge, get_args(Edge))
    dims = require_image(image, dims)
    for name, value in (("radius", radius), ("low_pass", low_pass)):
        if value is not None:
            require_positive_length(name, value)
    steps = steps_of(image, dims)
    own = reciprocal(units_of(image, dims[0]))
    ky, kx = (spots_of(spots, f"k{dim}", own) for dim in dims)
    kind = np.dtype(single_or_double(image.dtype))
    (made,) = map_signal(
        _filtered, image, dim=dims, output_dims=[{dim: image.sizes[dim] for dim in dims}],
        dtypes=[kind], also=[ky, kx], whole=["peak"],
        parameters={
            "steps": steps, "radius": radius, "low_pass": low_pass, "keep": keep, "edge": edge,
        },
    )  # fmt: skip
    kept = {name: each for name, each in image.coords.items() if {*each.dims} <= {*made.dims}}
    return like(made.assign_coords(kept).transpose(..., *dims).astype(kind), image)


def spots_of(spots: xr.Dataset, name: str, units: str | None) -> xr.DataArray:
    """Return a coordinate of spots in these units, with those that are no spot as NaN."""
    if not isinstance(spots, xr.Dataset) or name not in spots or "peak" not in spots[name].dims:
        message = (
            f"spots must be a Dataset with {name!r} along 'peak', as `find_fourier_spots` returns"
        )
        raise DataError(message)
    return in_units(spots[name].drop_vars(["peak"], errors="ignore"), units)


def _filtered(
    block: np.ndarray, ky: np.ndarray, kx: np.ndarray, *, steps: tuple[float, float],
    radius: float | None, low_pass: float | None, keep: Kept, edge: Edge,
) -> np.ndarray:  # fmt: skip
    from scipy import fft

    outer = block.shape[:-2]
    spots = np.stack(np.broadcast_arrays(ky, kx), axis=-1)
    spots = np.broadcast_to(spots, (*outer, *spots.shape[-2:]))
    made = np.full(block.shape, np.nan)
    axes = np.fft.fftfreq(block.shape[-2], steps[0]), np.fft.rfftfreq(block.shape[-1], steps[1])
    for place in np.ndindex(*outer):
        own = spots[place][np.isfinite(spots[place]).all(axis=-1)]
        values = np.asarray(block[place], dtype=np.float64)
        used = np.isfinite(values)
        if not len(own) or not used.any():
            continue
        mask = mask_of(own, axes, radius, low_pass, edge)
        if keep == "rest":
            mask = 1.0 - mask
        mask[0, 0] = 1.0
        whole = fft.irfft2(mask * fft.rfft2(filled(values, used)), values.shape)
        made[place] = np.where(used, whole, np.nan)
    return made


def mask_of(
    spots: np.ndarray,
    axes: tuple[np.ndarray, np.ndarray],
    radius: float | None,
    low_pass: float | None,
    edge: Edge,
) -> np.ndarray:
    """Return the mask around spots (ky, kx), those opposite to them, and the middle."""
    ky, kx = axes
    away = np.hypot(*spots.T)
    wide = radius if radius is not None else _PART * float(away[away > 0].min(initial=np.inf))
    mask = np.zeros((len(ky), len(kx)))
    centres = np.concatenate([np.zeros((1, 2)), spots, -spots])
    radii = np.full(len(centres), wide)
    radii[0] = low_pass if low_pass is not None else wide
    for centre, reach in zip(centres, radii, strict=True):
        if not np.isfinite(reach):
            continue
        squares = (ky[:, None] - centre[0]) ** 2 + (kx - centre[1]) ** 2
        mask = np.maximum(mask, _edged(squares / reach**2, edge))
    return mask


def _edged(squares: np.ndarray, edge: Edge) -> np.ndarray:
    """Return a mask by the squared distance from its middle, 1 where half is left."""
    if edge == "gaussian":
        return np.asarray(2.0**-squares)
    distance = np.sqrt(squares)
    if edge == "step":
        return (distance <= 1.0).astype(np.float64)
    return 0.5 * (1.0 + np.sin(np.pi * np.clip(1.0 - distance, -0.5, 0.5)))
