"""Thickness by the logarithm of all electrons over those that lost nothing."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.eels.axes import DIM, is_counted, loss_axis, require_zero
from omniscopy.eels.beams import voltage_of
from omniscopy.eels.zero_loss.elastic import ELASTIC, Elastic, elastic_parts
from omniscopy.model import DataError, Status, operation, require_choice, result
from omniscopy.physics.energy_loss.mean_free_paths import iakoubovskii

# Part of the losses that says how the spectrum goes on beyond its end, and how steep it must be.
_TAIL, _LEAST = 0.2, 1.2


@operation(example={"data": "low_loss"})
def measure_thickness(  # noqa: PLR0913 - options of the field
    data: xr.DataArray,
    *,
    elastic: Elastic = "mirrored",
    threshold: float | None = None,
    extrapolate: bool = True,
    mean_free_path: float | None = None,
    density: float | None = None,
    voltage: float | None = None,
    convergence_mrad: float | None = None,
    collection_mrad: float | None = None,
    dim: str = DIM,
) -> xr.Dataset:
    r"""Measure the thickness in inelastic mean free paths.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Low-loss spectra, lazy or in memory, that begin below 0 eV.
    elastic : {"mirrored", "threshold"}
        What lost nothing: the zero-loss peak whose right tail is that of its left, or all up to
        `threshold`.
    threshold : float, eV
        Where the zero loss ends; the first minimum otherwise. It implies ``"threshold"``.
    extrapolate : bool
        Add the power law that the last fifth of the losses shows, beyond the end of the axis.
    mean_free_path : float, nm
        For a thickness in nm.
    density : float, g/cm³
        For a mean free path after Iakoubovskii, with voltage and angles.
    voltage : float, V
        Accelerating voltage; what the metadata say otherwise.
    convergence_mrad, collection_mrad : float, mrad
        Half angles; what the metadata say otherwise; without a collection angle all is collected.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    Dataset, shape (...)
        ``t_over_lambda`` and ``_std``; ``elastic_intensity`` and ``total_intensity`` in units of
        the data; ``thickness`` in nm and ``_std`` (that of the counts alone) where a mean free
        path is known. Deviations are those of counts, NaN of other data. ``status``:
        ``no_data`` where a value is missing or none is positive, ``invalid`` where the detector
        is saturated, or the peak does not have both flanks; NaN.

    Raises
    ------
    DataError
        The axis is not in eV, not uniform or has no zero loss; a density without a voltage.

    Notes
    -----
    :math:`t / \lambda = \ln(I_t / I_0)`, of all and of the zero loss [1]_; Poisson noise gives
    :math:`\sigma^2 = \mathrm{var}\,I_0 / I_0^2 - 1 / I_t`. The variance of :math:`I_0` is itself
    where a threshold ends the zero loss; of a mirrored one the left tail counts twice, and its
    centre is uncertain, so that it is about 1.6 times as large.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       3rd ed., Springer (2011), section 5.1.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.eels.measure_thickness(om.samples.low_loss(), density=2.33)
    >>> found["thickness"].attrs["units"]
    'nm'
    """
    require_choice("elastic", elastic, ELASTIC)
    axis = loss_axis(data, dim, at_least=8, uniform=True)
    require_zero(axis, dim, what="the log-ratio thickness")
    if threshold is not None and not 0.0 < threshold < axis.energy[-1]:
        message = (
            f"threshold must lie between 0 and the end of {dim!r} at {axis.energy[-1]:g} eV, got "
            f"{threshold!r}"
        )
        raise DataError(message)
    path = _path(data, mean_free_path, density, voltage, convergence_mrad, collection_mrad)
    ratio, std, zero, total, status = map_signal(
        _log_ratio, data, dim=dim, output_dims=[{}] * 5, dtypes=[np.float64] * 4 + [np.uint8],
        parameters={
            "energy": axis.energy, "elastic": elastic if threshold is None else "threshold",
            "threshold": threshold, "extrapolate": extrapolate, "counted": is_counted(data),
        },
    )  # fmt: skip
    units = data.attrs.get("units")
    made = {
        "t_over_lambda": (ratio, "1"), "t_over_lambda_std": (std, "1"),
        "elastic_intensity": (zero, units), "total_intensity": (total, units),
    }  # fmt: skip
    if path is not None:
        made |= {"thickness": (path * ratio, "nm"), "thickness_std": (path * std, "nm")}
    return result({}, **made, status=(status, "1"))


def _path(  # noqa: PLR0917
    data: xr.DataArray, path: float | None, density: float | None, voltage: float | None,
    convergence: float | None, collection: float | None,
) -> float | None:  # fmt: skip
    """Return the mean free path in nm, if it is given or follows."""
    for name, value in (("mean_free_path", path), ("density", density)):
        if value is not None and not (np.isfinite(value) and value > 0):
            message = f"{name} must be above 0, got {value!r}"
            raise DataError(message)
    if path is not None or density is None:
        return path
    metadata = data.attrs.get("metadata") or {}
    if collection is None:
        collection = (metadata.get("detector") or {}).get("collection_angle")
    if convergence is None:
        convergence = (metadata.get("beam") or {}).get("convergence_angle")
    collected = np.inf if collection is None else 1e-3 * float(collection)
    return iakoubovskii(
        density, voltage_of(data, voltage), 1e-3 * float(convergence or 0.0), collected
    )


def _log_ratio(
    block: np.ndarray, *, energy: np.ndarray, elastic: Elastic, threshold: float | None,
    extrapolate: bool, counted: bool,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return the thickness of a block of spectra, its deviation, and what it is made of."""
    rows = np.asarray(block.reshape(-1, block.shape[-1]), np.float64)
    parts = elastic_parts(rows, energy, elastic, threshold)
    zero, total = parts.zero_loss.sum(axis=1), rows.sum(axis=1)
    status = parts.status
    if extrapolate:
        total = total + beyond(rows, energy)
    lost = (status == 0) & ~((zero > 0) & (total > 0))
    status = np.where(lost, Status.INVALID, status)
    with np.errstate(all="ignore"):
        ratio = np.log(total / zero)
        std = np.sqrt(np.maximum(parts.variance / zero**2 - 1.0 / total, 0.0))
    if not counted:
        std = np.full_like(std, np.nan)
    found = [np.where(status == 0, each, np.nan) for each in (ratio, std, zero, total)]
    shape = block.shape[:-1]
    return (*(each.reshape(shape) for each in found), status.astype(np.uint8).reshape(shape))


def beyond(rows: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Return what a power law through the last fifth of the losses holds beyond their end."""
    begin = int(np.searchsorted(energy, energy[-1] * (1.0 - _TAIL)))
    middle = (begin + len(energy)) // 2
    if energy[-1] <= 0 or len(energy) - begin < 8:
        return np.zeros(len(rows))
    step = (energy[-1] - energy[0]) / (len(energy) - 1)
    first, second = rows[:, begin:middle].sum(axis=1), rows[:, middle:].sum(axis=1)
    ends = energy[begin] - 0.5 * step, energy[middle] - 0.5 * step, energy[-1] + 0.5 * step
    with np.errstate(all="ignore"):
        means = first / (ends[1] - ends[0]), second / (ends[2] - ends[1])
        places = np.log(np.sqrt(ends[0] * ends[1])), np.log(np.sqrt(ends[1] * ends[2]))
        exponent = np.log(means[0] / means[1]) / (places[1] - places[0])
        # Integrals of E^-r over the second part and beyond it are as these differences.
        power = (ends[2] / ends[1]) ** (exponent - 1.0)
        more = second / (power - 1.0)
    good = (exponent > _LEAST) & np.isfinite(more)
    return np.where(good, more, 0.0)
