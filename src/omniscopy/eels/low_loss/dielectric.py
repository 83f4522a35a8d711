"""Dielectric functions from single scattering."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.eels.axes import DIM, LossAxis, loss_axis, require_zero
from omniscopy.eels.beams import Beam, beam_of
from omniscopy.model import DataError, Status, operation, result
from omniscopy.physics.energy_loss.kramers_kronig import dielectric


@operation(example={"data": "low_loss", "refractive_index": 3.0})
def kramers_kronig(  # noqa: PLR0913 - numbers of sample and microscope
    data: xr.DataArray,
    *,
    refractive_index: float | None = None,
    thickness: float | xr.DataArray | None = None,
    zero_loss_intensity: float | xr.DataArray | None = None,
    surface_steps: int = 0,
    voltage: float | None = None,
    convergence_mrad: float | None = None,
    collection_mrad: float | None = None,
    dim: str = DIM,
) -> xr.Dataset:
    r"""Find the dielectric function from single-scattering distributions.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Single scattering (see `deconvolve`), without the zero loss, on a uniform axis that holds
        0 eV; lazy or in memory.
    refractive_index : float
        Of visible light, which sets the scale; `numpy.inf` for metals.
    thickness : float or DataArray, nm
        Sets the scale in place of the refractive index, together with `zero_loss_intensity`.
    zero_loss_intensity : float or DataArray, units of `data`
        The sum of the zero-loss peak. Without it a refractive index gives no thickness, and
        no losses at surfaces.
    surface_steps : int
        How often losses at both surfaces of a clean slab are found and taken off, half of the way
        each time: 10 are enough for samples of 50 nm. Low losses of metals are not to be trusted.
    voltage : float, V
        Accelerating voltage; what the metadata say otherwise.
    convergence_mrad, collection_mrad : float, mrad
        Half angles; what the metadata say otherwise.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    Dataset, shape (..., energy_loss) and (...)
        ``permittivity_real`` and ``permittivity_imaginary``, ``loss_function``
        (:math:`\mathrm{Im}(-1/\varepsilon)`), ``surface`` (what surfaces lost, units of the data):
        NaN at 0 eV and below. ``thickness`` in nm, NaN without the zero loss. ``status``:
        ``no_data`` where a value above 0 eV is missing, ``invalid`` where there is no loss; NaN.

    Raises
    ------
    DataError
        The axis is not in eV or does not hold 0 eV; neither or both of refractive index and
        thickness are given; surfaces or a thickness without the zero loss; the beam is not known.

    Notes
    -----
    Egerton's way [1]_, with an exact Hilbert transform of lines between the channels and a tail
    of :math:`E^{-3}` beyond the last.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       3rd ed., Springer (2011), section 4.2.

    Examples
    --------
    >>> import omniscopy as om
    >>> single = om.eels.deconvolve(om.samples.low_loss(), method="fourier_log")
    >>> found = om.eels.kramers_kronig(single, refractive_index=float("inf"))
    >>> found["permittivity_real"].dims
    ('y', 'x', 'energy_loss')
    """
    axis = loss_axis(data, dim, at_least=8, uniform=True)
    require_zero(axis, dim, what="the relation of Kramers and Kronig")
    beam = beam_of(data, voltage, convergence_mrad, collection_mrad)
    _require_scale(refractive_index, thickness, zero_loss_intensity, surface_steps)
    size = data.sizes[dim]
    known: dict[str, xr.DataArray] = {}
    for name, value in (("intensity", zero_loss_intensity), ("thickness", thickness)):
        if value is not None:
            known[name] = value if isinstance(value, xr.DataArray) else xr.DataArray(float(value))
    *curves, reached, status = map_signal(
        _block, data, dim=dim, also=[*known.values()], output_dims=[{dim: size}] * 4 + [{}, {}],
        dtypes=[np.float64] * 5 + [np.uint8],
        parameters={
            "names": tuple(known), "axis": axis, "beam": beam, "index": refractive_index,
            "steps": surface_steps,
        },
    )  # fmt: skip
    real, imaginary, loss, surface = (
        each.assign_coords({dim: data.coords[dim]}) for each in curves
    )  # fmt: skip
    return result(
        {}, permittivity_real=(real, "1"), permittivity_imaginary=(imaginary, "1"),
        loss_function=(loss, "1"), surface=(surface, data.attrs.get("units")),
        thickness=(reached, "nm"), status=(status, "1"),
    )  # fmt: skip


def _require_scale(
    index: float | None,
    thickness: float | xr.DataArray | None,
    intensity: float | xr.DataArray | None,
    steps: int,
) -> None:
    """Raise unless one number sets the scale, and all that it needs is there."""
    if (index is None) == (thickness is None):
        message = "give either refractive_index= (numpy.inf for metals) or thickness= in nm"
        raise DataError(message)
    if index is not None and not index > 1.0:
        message = f"refractive_index must be above 1, got {index!r}"
        raise DataError(message)
    if intensity is None and (thickness is not None or steps > 0):
        message = "zero_loss_intensity= is needed with a thickness or surface_steps"
        raise DataError(message)
    if not steps >= 0:
        message = f"surface_steps must be from 0 on, got {steps!r}"
        raise DataError(message)


def _block(
    block: np.ndarray, *maps: np.ndarray, names: tuple[str, ...], axis: LossAxis, beam: Beam,
    index: float | None, steps: int,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return dielectric functions of a block of spectra."""
    outer = np.broadcast_shapes(block.shape[:-1], *(each.shape for each in maps))
    size = block.shape[-1]
    rows = np.broadcast_to(block, (*outer, size)).reshape(-1, size).astype(np.float64)
    known = {
        name: np.broadcast_to(each, outer).reshape(-1).astype(np.float64)
        for name, each in zip(names, maps, strict=True)
    }
    from_zero = -axis.energy[0] / axis.step
    first = int(np.floor(from_zero + 1e-9))
    share = max(from_zero - first, 0.0)
    share = 0.0 if share < 1e-6 else share
    single = (1.0 - share) * rows[:, first : size - 1] + share * rows[:, first + 1 :]
    single[:, 0] = 0.0
    good = np.asarray(np.isfinite(single).all(axis=1))
    lossy = good & (np.where(good[:, None], single, 0.0).sum(axis=1) > 0)
    for each in known.values():
        lossy = lossy & np.isfinite(each) & (each > 0)
    status = np.where(good, np.where(lossy, Status.CONVERGED, Status.INVALID), Status.NO_DATA)
    intensity = known.get("intensity", np.full(len(rows), np.nan))
    thickness = known.get("thickness")
    curves = np.full((4, len(rows), size), np.nan)
    reached = np.full(len(rows), np.nan)
    which = np.flatnonzero(lossy)
    if len(which):
        with np.errstate(all="ignore"):
            found = dielectric(
                single[which], axis.step, intensity=intensity[which], voltage=beam.voltage,
                collection=beam.collection, index=index,
                thickness=None if thickness is None else thickness[which], surface_steps=steps,
            )  # fmt: skip
        parts = (found.permittivity.real, found.permittivity.imag, found.loss, found.surface)
        for curve, part in zip(curves, parts, strict=True):
            # Back from multiples of a step to the channels, none of which is at 0 eV or below.
            own = part if share == 0.0 else np.concatenate(
                [np.zeros((len(part), 0)), (1.0 - share) * part[:, 1:] + share * part[:, :-1]],
                axis=1,
            )  # fmt: skip
            begin = first + 1
            values = own[:, 1:] if share == 0.0 else own
            curve[np.ix_(which, np.arange(begin, begin + values.shape[1]))] = values
        reached[which] = found.thickness
    shapes = [each.reshape(*outer, size) for each in curves]
    return (*shapes, reached.reshape(outer), status.astype(np.uint8).reshape(outer))
