"""Spectra brought to where the zero loss is at 0 eV."""

from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_spectra
from omniscopy.eels.axes import DIM, LossAxis, is_counted, keep_beam, loss_axis, require_zero
from omniscopy.eels.zero_loss.fits import fit_zero_loss
from omniscopy.eels.zero_loss.positions import of_centroids, of_parabolas, saturated, summits
from omniscopy.model import DataError, Status, operation, require_choice, result
from omniscopy.signal import align_signals
from omniscopy.signal.precision import single_or_double
from omniscopy.signal.splines import shift_back

Method = Literal["peak", "centroid", "cross_correlation", "model"]
METHODS: tuple[Method, ...] = ("peak", "centroid", "cross_correlation", "model")
_RULES = {"peak": of_parabolas, "centroid": of_centroids}


@operation(example={"data": "low_loss"})
def align_zero_loss(
    data: xr.DataArray,
    core_loss: xr.DataArray | None = None,
    *,
    method: Method = "peak",
    dim: str = DIM,
) -> xr.Dataset:
    r"""Shift spectra so that the zero-loss peak is at 0 eV, and core losses with them.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Low-loss spectra on a uniform axis that begins below 0 eV; lazy or in memory.
    core_loss : DataArray, shape (..., energy_loss)
        Spectra of the same points (dual EELS) on their own axis, which are shifted as well.
    method : {"peak", "centroid", "cross_correlation", "model"}
        A parabola through the logarithm of the upper half of the peak; the centre of mass of the
        peak's upper 70 %; the shift against an average of the data, and where that peaks; the
        centre of `fit_zero_loss`.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    Dataset, shape (...) and (..., energy_loss)
        ``shift`` and ``shift_std`` in eV: where the peak was. ``aligned``, and
        ``aligned_core_loss`` (along ``energy_loss_core``) where there is one: shifted back by
        cubic splines, NaN where they do not reach. ``status``: ``no_data`` without a positive
        value, ``invalid`` where the detector is saturated; both NaN. The deviations of the first
        two methods are those of Poisson noise, NaN where the data are not counts.

    Raises
    ------
    DataError
        The axis is not in eV, not uniform, or does not hold 0 eV.

    Notes
    -----
    "peak": least squares of :math:`\ln I = a + b E + c E^2` over the channels above half of the
    top, with weights I since :math:`\mathrm{var} \ln I = 1 / I` for counts; the place is
    :math:`-b / 2 c`. "centroid": :math:`\sum (I - 0.3\, I_\mathrm{max}) E / \sum (I - 0.3\,
    I_\mathrm{max})` over the channels around the top that are above, with :math:`\sigma^2 =
    \sum I (E - \bar E)^2 / [\sum (I - 0.3\, I_\mathrm{max})]^2`. The first peak counts, not the
    highest: of thick samples that is a plasmon.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.eels.align_zero_loss(om.samples.low_loss())
    >>> abs(float(found["shift"].mean())) < 0.5
    True
    """
    require_choice("method", method, METHODS)
    axis = loss_axis(data, dim, at_least=8, uniform=True)
    require_zero(axis, dim, what="alignment of the zero loss")
    shift, std, status = _positions(data, method, axis, dim)
    kind = single_or_double(data.dtype)
    (aligned,) = map_signal(
        _shifted, data, dim=dim, also=[shift], output_dims=[{dim: data.sizes[dim]}],
        dtypes=[kind], parameters={"step": axis.step, "kind": kind},
    )  # fmt: skip
    aligned = aligned.assign_coords({dim: data.coords[dim]})
    named = {
        "shift": (shift, "eV"), "shift_std": (std, "eV"),
        "aligned": (aligned, data.attrs.get("units")), "status": (status, "1"),
    }  # fmt: skip
    if core_loss is not None:
        moved = _with_core(core_loss, shift, dim)
        named["aligned_core_loss"] = moved, core_loss.attrs.get("units")
    made = result({}, **named)
    keep_beam(made, ["aligned"], data)
    if core_loss is not None:
        keep_beam(made, ["aligned_core_loss"], core_loss)
    return made


def _positions(
    data: xr.DataArray, method: Method, axis: LossAxis, dim: str
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return where the zero loss is, in eV, its standard deviation and the outcome."""
    if method == "model":
        found = fit_zero_loss(data, model="gaussian", dim=dim)
        return found["centre"], found["centre_std"], found["status"]
    if method == "cross_correlation":
        others = [str(each) for each in data.dims if each != dim]
        if not others or all(data.sizes[each] == 1 for each in others):
            message = (
                "method='cross_correlation' compares spectra, and there is only one; use 'peak'"
            )
            raise DataError(message)
        found = align_signals(data, dim)
        mean = found["aligned"].mean(others)
        place, _, lost = _peaks(mean, "peak", axis, dim, counted=False)
        factor = axis.step / float(np.diff(data.coords[dim].values[[0, -1]])[0])
        scale = factor * (data.sizes[dim] - 1)
        return (
            found["shift"] * scale + place,
            found["shift_std"] * scale + 0.0 * place,
            found["status"].where(lost == 0, lost),
        )
    return _peaks(data, method, axis, dim, counted=is_counted(data))


def _peaks(
    data: xr.DataArray, method: Method, axis: LossAxis, dim: str, *, counted: bool
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return what a rule finds in every spectrum."""
    place, std, status = map_signal(
        _place, data, dim=dim, output_dims=[{}] * 3, dtypes=[np.float64, np.float64, np.uint8],
        parameters={"method": method, "energy": axis.energy, "counted": counted},
    )  # fmt: skip
    return place, std, status


def _place(
    block: np.ndarray, *, method: Method, energy: np.ndarray, counted: bool
) -> tuple[np.ndarray, ...]:
    """Return places of peaks, standard deviations and outcomes of a block."""
    rows = np.asarray(block.reshape(-1, block.shape[-1]), np.float64)
    top, height = summits(rows)
    status = np.where(top < 0, Status.NO_DATA, Status.CONVERGED)
    status = np.where((top >= 0) & saturated(rows, height), Status.INVALID, status)
    place, std = _RULES[method](rows, top, height, energy)
    lost = (status == 0) & ~np.isfinite(place)
    status = np.where(lost, Status.INVALID, status).astype(np.uint8)
    place, std = (np.where(status == 0, each, np.nan) for each in (place, std))
    if not counted:
        std = np.full_like(std, np.nan)
    shape = block.shape[:-1]
    return place.reshape(shape), std.reshape(shape), status.reshape(shape)


def _shifted(block: np.ndarray, shift: np.ndarray, *, step: float, kind: np.dtype) -> np.ndarray:
    """Return spectra that are shifted back, NaN where the shift is not known."""
    shape = np.broadcast_shapes(block.shape[:-1], shift.shape)
    spectra = np.broadcast_to(block, (*shape, block.shape[-1])).reshape(-1, block.shape[-1])
    channels = (np.broadcast_to(shift, shape) / step).reshape(-1, 1)
    made = share_spectra(shift_back, spectra, channels, size=block.shape[-1], dtype=kind)
    return made.reshape(*shape, block.shape[-1])


def _with_core(core_loss: xr.DataArray, shift: xr.DataArray, dim: str) -> xr.DataArray:
    """Return core losses shifted as the low losses are, along a dimension of their own."""
    own = f"{dim}_core"
    found = loss_axis(core_loss, dim, uniform=True)
    kind = single_or_double(core_loss.dtype)
    renamed = core_loss.rename({dim: own})
    (made,) = map_signal(
        _shifted, renamed, dim=own, also=[shift], output_dims=[{own: renamed.sizes[own]}],
        dtypes=[kind], parameters={"step": found.step, "kind": kind},
    )  # fmt: skip
    return made.assign_coords({own: renamed.coords[own]})
