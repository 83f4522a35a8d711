"""Losses of electrons to a slab of known permittivity."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.eels.axes import DIM, loss_axis
from omniscopy.eels.beams import Beam, beam_of
from omniscopy.model import DataError, coordinate, operation, require_units, result
from omniscopy.physics.energy_loss.slabs import collected_slab_losses, slab_losses


@operation(
    example={"permittivity": "permittivity", "thickness": 30.0, "voltage": 200e3,
             "collection_mrad": 5.0}
)  # fmt: skip
def simulate_slab(
    permittivity: xr.Dataset,
    *,
    thickness: float,
    voltage: float | None = None,
    collection_mrad: float | None = None,
    angles: Sequence[float] | None = None,
    outside: float = 1.0,
    retarded: bool = True,
    dim: str = DIM,
) -> xr.Dataset:
    r"""Compute what electrons lose to a slab: bulk, surfaces, guided light, Cherenkov radiation.

    Parameters
    ----------
    permittivity : Dataset, shape (..., energy_loss)
        Of the slab: ``permittivity_real`` and ``permittivity_imaginary``, the latter positive, as
        of `kramers_kronig` and `simulate_permittivity`; lazy or in memory.
    thickness : float, nm
        Of the slab, on which the electrons fall at right angles.
    voltage : float, V
        Accelerating voltage; what the metadata say otherwise.
    collection_mrad : float, mrad
        Half angle of the spectrometer; what the metadata say otherwise. The beam is parallel.
    angles : sequence of float, mrad
        Of scattering, for which the probability is wanted by itself.
    outside : float
        Permittivity on both sides of the slab.
    retarded : bool
        Whether light has its speed: without, there is no Cherenkov and no transition radiation.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    Dataset, shape (..., energy_loss)
        ``probability`` of a loss within the collection angle in 1/eV; ``bulk``, that of an
        endless medium of the same thickness, Cherenkov radiation with it; ``surface``, what the
        slab has beyond that, often negative (begrenzung). With `angles` also
        ``angular_probability`` and ``angular_bulk`` (..., energy_loss, angle) in 1/(eV sr). NaN
        at 0 eV and below, and where a permittivity is missing or has no positive imaginary part.

    Raises
    ------
    DataError
        The axis is not in eV, a part of the permittivity is missing, a number is not positive, or
        the beam is not known.

    Notes
    -----
    For one loss: fold its exponential for plural scattering, as `deconvolve` undoes. Kröger's
    result [1]_ at normal incidence, from fields that are continuous at both surfaces.

    References
    ----------
    .. [1] E. Kröger, *Z. Phys.* 216, 115 (1968); R. F. Egerton, *Electron Energy-Loss
       Spectroscopy in the Electron Microscope*, 3rd ed., Springer (2011), section 3.3.5.

    Examples
    --------
    >>> import omniscopy as om
    >>> metal = om.samples.permittivity()
    >>> found = om.eels.simulate_slab(metal, thickness=20.0, voltage=200e3, collection_mrad=5)
    >>> bool(found["surface"].sel(energy_loss=10.6, method="nearest").min() > 0)
    True
    """
    names = ("permittivity_real", "permittivity_imaginary")
    if not isinstance(permittivity, xr.Dataset) or any(n not in permittivity for n in names):
        message = f"permittivity must be a Dataset with {names[0]} and {names[1]}"
        raise DataError(message)
    factors = [require_units(permittivity[name], "1", what=name) for name in names]
    real, imaginary = (
        permittivity[name] * factor for name, factor in zip(names, factors, strict=True)
    )
    axis = loss_axis(real, dim, at_least=1)
    beam = beam_of(real, voltage, None, collection_mrad)
    if not (np.isfinite(outside) and outside > 0):
        message = f"outside must be a permittivity above 0, got {outside!r}"
        raise DataError(message)
    wanted = np.asarray([] if angles is None else angles, np.float64)
    if wanted.ndim != 1 or not (np.isfinite(wanted) & (wanted > 0)).all():
        message = f"angles must be numbers above 0 in mrad, got {angles!r}"
        raise DataError(message)
    if not (np.isfinite(thickness) and thickness > 0):
        message = f"thickness must be above 0 nm, got {thickness!r}"
        raise DataError(message)
    size = real.sizes[dim]
    each = [{dim: size}] * 2 + ([{dim: size, "angle": len(wanted)}] * 2 if len(wanted) else [])
    found = map_signal(
        _block, real, dim=dim, also=[imaginary], output_dims=each,
        parameters={
            "energy": axis.energy, "beam": beam, "angles": 1e-3 * wanted, "outside": outside,
            "retarded": retarded, "thickness": float(thickness),
        },
    )  # fmt: skip
    along = {dim: real.coords[dim]}
    total, bulk = (part.assign_coords(along) for part in found[:2])
    made = {
        "probability": (total, "1/eV"),
        "bulk": (bulk, "1/eV"),
        "surface": (total - bulk, "1/eV"),
    }
    if len(wanted):
        scattered = coordinate("angle", wanted, "mrad", quantity="angle", kind="reciprocal")
        both = (part.assign_coords({**along, "angle": scattered}) for part in found[2:])
        names = ("angular_probability", "angular_bulk")
        made |= {name: (part, "1/(eV*sr)") for name, part in zip(names, both, strict=True)}
    return result({}, **made)


def _block(
    block: np.ndarray, other: np.ndarray, *, energy: np.ndarray, beam: Beam, angles: np.ndarray,
    outside: float, retarded: bool, thickness: float,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return probabilities of a block of spectra."""
    outer, size = np.broadcast_shapes(block.shape, other.shape)[:-1], len(energy)
    rows = (block + 1j * other).reshape(-1, size)
    above = np.flatnonzero(energy > 0)
    sums = np.full((2, len(rows), size), np.nan)
    parts = np.full((2, len(rows), size, len(angles)), np.nan)
    given: dict[str, Any] = {
        "thickness": thickness, "voltage": beam.voltage, "outside": outside, "retarded": retarded,
    }  # fmt: skip
    for row, values in enumerate(rows):
        which = above[np.isfinite(values[above]) & (values[above].imag > 0)]
        sums[:, row, which] = collected_slab_losses(
            values[which], energy[which], beam.collection, **given
        )
        if len(angles):
            parts[:, row, which] = slab_losses(
                values[which, None], energy[which, None], angles, **given
            )
    made = [each.reshape(*outer, size) for each in sums]
    if len(angles):
        made += [each.reshape(*outer, size, len(angles)) for each in parts]
    return tuple(made)
