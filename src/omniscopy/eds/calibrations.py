"""The energies of an axis and the width of its peaks, from lines that are known."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.eds.design import Scale, Setting, refine, total_of
from omniscopy.eds.detector_models import Detector, require_detector
from omniscopy.eds.spectra import families_in, require_spectra, voltage_of
from omniscopy.model import DataError, operation, require_choice, result
from omniscopy.physics import xray
from omniscopy.physics.xray.bremsstrahlung import MODELS


@operation(example={"data": "eds_map", "elements": ["Fe_Ka", "Pt_La", "Sr_La"]})
def calibrate(
    data: xr.DataArray,
    elements: Sequence[str],
    *,
    background: Literal["lifshin", "kramers", "small"] = "lifshin",
    detector: Detector | None = None,
    voltage: float | None = None,
    dim: str = "energy",
) -> xr.Dataset:
    r"""Find the gain, the offset and the resolution of spectra from the lines of known elements.

    Parameters
    ----------
    data : DataArray, shape (..., energy), counts
        All spectra are added up. Lazy or in memory.
    elements : sequence of str
        All elements that there are (`"Fe"`), or families of their lines (`"Pt_La"`).
    background : {"lifshin", "kramers", "small"}
        Model of the continuum.
    detector : Detector
        How it is built; its resolution is where the search begins.
    voltage : float, V
        Of the electrons; that of the metadata otherwise.
    dim : str
        Dimension of the energy, in keV or units that convert to it.

    Returns
    -------
    Dataset
        True energies are ``offset`` (keV) plus ``gain`` times those of the axis; ``width`` is the
        full width at half maximum at manganese K alpha, in keV. With ``gain_std``,
        ``offset_std``, ``width_std``. NaN where there are no counts.

    Raises
    ------
    DataError
        The axis is no energy, the values are no counts, the voltage is not known, or an element
        has no line.

    Notes
    -----
    :math:`E_\mathrm{true} = o + g E`. Weighted least squares of the sum of all spectra; the counts
    of the lines and of the continuum are found in closed form for each scale (variable
    projection). Lines may be off by up to three times the resolution, which may be wrong by a
    factor of 2. One family alone tells of a shift, and leaves open whether it is one of gain or
    offset.

    Variable projection is that of [1]_.

    References
    ----------
    .. [1] G. H. Golub, V. Pereyra, *SIAM J. Numer. Anal.* 10, 413 (1973).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.eds.calibrate(om.samples.eds_map(), ["Fe", "Pt", "Sr", "Ti", "O"])
    >>> abs(found["width"].item() - 0.13) < 0.002
    True
    """
    energy = require_spectra(data, dim)
    require_choice("background", background, MODELS)
    known, volts = require_detector(detector), voltage_of(data, voltage)
    setting = Setting(families_in(energy, elements, volts), known, volts, background)

    def numbers(total: np.ndarray) -> np.ndarray:
        if total.ndim != 1 or not np.nansum(total) > 0:
            return np.full((*total.shape[:-1], 6), np.nan)
        scale, std = refine(total, energy, setting)
        return np.array([*scale, *std])

    (made,) = map_signal(numbers, total_of(data, dim), dim=dim, output_dims=({"number": 6},))
    gain, offset, width, gain_std, offset_std, width_std = (
        made.isel(number=place, drop=True) for place in range(6)
    )
    return result(
        gain=(gain, "1"), offset=(offset, "keV"), width=(width, "keV"),
        gain_std=(gain_std, "1"), offset_std=(offset_std, "keV"), width_std=(width_std, "keV"),
    )  # fmt: skip


def calibration_of(calibration: xr.Dataset | str | None, detector: xray.Detector) -> Scale | None:
    """Return the scale that is meant, `None` where it is to be fitted."""
    if isinstance(calibration, xr.Dataset):
        missing = [name for name in Scale._fields if name not in calibration]
        if missing:
            message = f"calibration must be a result of `eds.calibrate`; it has no {missing}"
            raise DataError(message)
        return Scale(*(float(calibration[name]) for name in Scale._fields))
    if calibration not in ("fit", None):
        message = f"calibration must be a result of `eds.calibrate`, 'fit' or None: {calibration!r}"
        raise DataError(message)
    return None if calibration == "fit" else Scale(width=detector.resolution)
