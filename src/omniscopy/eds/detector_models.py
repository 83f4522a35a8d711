"""Detectors of X-rays, and which part of them they count."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from omniscopy.model import DataError, labelled, operation, require_dim, require_units
from omniscopy.physics import xray


@dataclass(frozen=True)
class Detector(xray.Detector):
    """How a detector of X-rays is built.

    Attributes
    ----------
    layers : mapping of str to float, nm
        Thickness of each element of windows and contacts in front of the crystal.
    dead_layer : float, nm
        Part of the crystal that absorbs and does not count.
    thickness : float, mm
        Part of the crystal that counts.
    resolution : float, keV
        Full width at half maximum at manganese K alpha (5.895 keV).
    crystal : {"Si", "Ge"}
        What it is made of.
    tail : float
        Part of each peak whose charge is collected incompletely.
    tail_length : float, keV
        Energy in which the tail of such counts falls by 1/e.
    """


@operation(example={"data": "eds_map"})
def detector_efficiency(
    data: xr.DataArray, detector: Detector | None = None, *, dim: str = "energy"
) -> xr.DataArray:
    r"""Return which part of the X-rays that reach it a detector counts.

    Parameters
    ----------
    data : DataArray, shape (..., energy)
        Its energies are taken, the values are not.
    detector : Detector
        How it is built; 0.45 mm of silicon behind 50 nm of dead silicon otherwise.
    dim : str
        Dimension of the energy, in keV or units that convert to it.

    Returns
    -------
    DataArray, shape (energy), pure numbers
        NaN for energies that are not positive.

    Raises
    ------
    DataError
        `dim` is missing or is no energy, or the detector cannot be built.

    Notes
    -----
    :math:`\prod_i e^{-\mu_i t_i}\; e^{-\mu t_\mathrm{dead}} (1 - e^{-\mu t})`, where :math:`\mu`
    is that of the crystal [1]_.

    References
    ----------
    .. [1] J. I. Goldstein et al., *Scanning Electron Microscopy and X-Ray Microanalysis*, 3rd
       ed., Springer (2003), chapter 7.

    Examples
    --------
    >>> import omniscopy as om
    >>> window = om.eds.Detector(layers={"Be": 8000.0})
    >>> part = om.eds.detector_efficiency(om.samples.eds_map(), window)
    >>> bool(part.sel(energy=1.0, method="nearest") < part.sel(energy=6.0, method="nearest"))
    True
    """
    require_dim(data, dim, units="keV")
    known = require_detector(detector)
    energy = data[dim].values.astype(np.float64) * require_units(data[dim], "keV")
    seen = xray.efficiency(known, np.where(energy > 0, energy, 1.0))
    values = xr.DataArray(np.where(energy > 0, seen, np.nan), {dim: data[dim]}, (dim,))
    if data.chunks is not None:
        values = values.chunk()
    return labelled(values, units="1", long_name="Efficiency of the detector",
                    quantity="efficiency")  # fmt: skip


def require_detector(detector: xray.Detector | None) -> xray.Detector:
    """Return the detector, or the usual one; raise where it cannot be built."""
    known = Detector() if detector is None else detector
    lengths = {
        "dead_layer": known.dead_layer, "tail": known.tail,
        **{f"layer of {symbol}": thickness for symbol, thickness in known.layers.items()},
    }  # fmt: skip
    for name, length in lengths.items():
        if not length >= 0:
            message = f"the {name} of a detector must not be negative, got {length!r}"
            raise DataError(message)
    for name in ("thickness", "resolution", "tail_length"):
        if not getattr(known, name) > 0:
            message = f"the {name} of a detector must be positive, got {getattr(known, name)!r}"
            raise DataError(message)
    if known.resolution > 1:
        message = (
            f"the resolution of a detector is in keV: {known.resolution:g} eV are "
            f"{known.resolution * 1e-3:g}"
        )
        raise DataError(message)
    return known
