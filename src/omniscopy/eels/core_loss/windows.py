"""Maps of what lies in windows of the energy loss."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from omniscopy.eels.axes import DIM, is_counted, loss_axis
from omniscopy.eels.background.backgrounds import subtract_background
from omniscopy.model import DataError, coordinate, operation, result


@operation(
    example={
        "data": "core_loss", "windows": {"Ti": (456.0, 500.0), "O": (532.0, 560.0)},
        "background": (395.0, 450.0),
    }
)  # fmt: skip
def measure_windows(
    data: xr.DataArray,
    windows: Mapping[str, tuple[float, float]],
    *,
    background: tuple[float, float] | None = None,
    dim: str = DIM,
) -> xr.Dataset:
    r"""Sum spectra over windows of the energy loss.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Lazy or in memory.
    windows : mapping of name to (low, high), eV
        What is added up, both ends included.
    background : (low, high), eV
        Where a power law is fitted that is taken off; nothing is otherwise.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    Dataset, shape (..., window)
        ``intensity`` in units of the data, and ``intensity_std`` of its counts (NaN where the
        data are none), without that of the background.

    Raises
    ------
    DataError
        The axis is not in eV, a window holds no channel, or the background overlaps it.

    Notes
    -----
    :math:`I = \sum_E (J_E - B_E)` over the channels of a window, with the power law B of
    `fit_background`; :math:`\sigma = \sqrt{\sum_E J_E}`, for Poisson noise of the counts J [1]_.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed.,
       Springer (2011), section 4.4.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.eels.measure_windows(om.samples.core_loss(), {"O": (532, 560)})["intensity"].dims
    ('y', 'x', 'window')
    """
    axis = loss_axis(data, dim)
    if not windows:
        message = "windows is empty; give names and ends in eV, as {'O': (532, 560)}"
        raise DataError(message)
    parts = [axis.inside(ends, at_least=1, what=f"window {name!r}") for name, ends in
             windows.items()]  # fmt: skip
    if background is not None:
        fitted = axis.inside(background, at_least=4, what="background")
        for (name, ends), part in zip(windows.items(), parts, strict=True):
            if part.start < fitted.stop and fitted.start < part.stop:
                message = (
                    f"window {name!r} {tuple(ends)} eV overlaps the background {tuple(background)} "
                    "eV: what is fitted as background is not in a map; let it end before the edge"
                )
                raise DataError(message)
    spectra = data if background is None else subtract_background(data, background, dim=dim)
    names = coordinate("window", [*windows], quantity="window", kind="parameter")

    def sums(values: xr.DataArray) -> xr.DataArray:
        kind = np.float32 if values.dtype == np.float16 else None  # in which sums are infinite
        each = [values.isel({dim: part}).sum(dim, skipna=False, dtype=kind) for part in parts]
        made = xr.concat(each, xr.Variable(("window",), np.arange(len(each))))
        return made.assign_coords(window=names).transpose(..., "window")

    counts = sums(data).astype(np.float64).clip(min=0.0) ** 0.5
    std = counts if is_counted(data) else counts * np.nan
    units = data.attrs.get("units")
    return result({}, intensity=(sums(spectra), units), intensity_std=(std, units))
