"""How the errors of the parameters of a loop go together."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.passes import read_again
from omniscopy.physics import hysteresis
from omniscopy.signal.block_fits import Found
from omniscopy.signal.pixel_fits import PARAMETER, PixelFit
from omniscopy.spm.band_excitation.loop_models import NAMES

OTHER = "other_parameter"


def loop_covariance(pixels: PixelFit, found: Found, bias: np.ndarray) -> xr.DataArray:
    r"""Return the covariances of the parameters of all loops, lazily.

    Parameters
    ----------
    pixels : PixelFit
        The fit of the loops.
    found : Found
        What it found.
    bias : array, shape (steps,), V
        In the order of the measurement.

    Returns
    -------
    DataArray, shape (..., parameter, other_parameter)
        :math:`\sigma_i \sigma_j \rho_{ij}`, with the standard deviations of the fit and the
        correlations of :math:`(J^T W J)^{-1}`; NaN where a standard deviation is, and 0 for
        parameters that are held.
    """
    count = len(NAMES)
    parameters, std = (pixels.cut(each) for each in (found.parameters, found.std))
    also = [each for each in (pixels.weights, parameters, std) if each is not None]
    (made,) = map_signal(
        covariances, read_again(pixels.data, parameters), dim=pixels.dims, also=also,
        whole=[PARAMETER], output_dims=[{PARAMETER: count, OTHER: count}],
        parameters={"bias": bias, "weighted": pixels.weights is not None},
    )  # fmt: skip
    return made.assign_coords({PARAMETER: list(NAMES), OTHER: list(NAMES)})


def covariances(
    loops: np.ndarray, *others: np.ndarray, bias: np.ndarray, weighted: bool
) -> np.ndarray:
    """Return covariances, shape (..., 9, 9), of the loops of a block."""
    *weights, parameters, std = others
    weight = np.isfinite(loops).astype(np.float64)
    if weighted:
        weight = weight * np.where(weights[0] > 0, weights[0], 0.0)
    known = np.isfinite(parameters).all(axis=-1, keepdims=True) & np.isfinite(std)
    values = np.where(known, parameters, 1.0)
    falling = hysteresis.falls(bias).astype(np.float64)
    with np.errstate(all="ignore"):
        _, *slopes = hysteresis.loop(bias, falling, *np.moveaxis(values, -1, 0)[..., None])
    jacobian = np.stack([np.broadcast_to(each, weight.shape) for each in slopes], axis=-2)
    # Those that are held have no error, and do not widen those of others.
    free = known & (std > 0)
    jacobian = np.where(free[..., None], jacobian, 0.0)
    normal = np.einsum("...ip,...p,...jp->...ij", jacobian, weight, jacobian)
    size = np.sqrt(np.diagonal(normal, axis1=-2, axis2=-1))
    size = np.where((size > 0) & np.isfinite(size), size, 1.0)
    scaled = normal / (size[..., :, None] * size[..., None, :])
    good = np.isfinite(scaled).all(axis=(-2, -1), keepdims=True)
    inverse = np.linalg.pinv(np.where(good, scaled, np.eye(len(NAMES))), hermitian=True)
    spread = np.sqrt(np.maximum(np.diagonal(inverse, axis1=-2, axis2=-1), 1e-300))
    correlation = inverse / (spread[..., :, None] * spread[..., None, :])
    correlation = np.where(free[..., :, None] & free[..., None, :], correlation, 0.0)
    error = np.where(known, std, np.nan)
    return np.where(good, correlation * error[..., :, None] * error[..., None, :], np.nan)
