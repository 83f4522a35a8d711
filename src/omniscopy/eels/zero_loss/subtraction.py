"""The zero-loss peak taken off low-loss spectra."""

from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.eels.axes import DIM, keep_beam, loss_axis, require_zero
from omniscopy.eels.zero_loss.elastic import elastic_parts
from omniscopy.eels.zero_loss.fits import ZeroLossFit, model_of
from omniscopy.eels.zero_loss.shapes import SHAPES
from omniscopy.model import operation, require_choice, result

Method = Literal[
    "mirrored", "threshold", "gaussian", "lorentzian", "pseudo_voigt", "split_voigt", "voigt",
    "lorentzian_product",
]  # fmt: skip


@operation(example={"data": "low_loss"})
def subtract_zero_loss(
    data: xr.DataArray,
    *,
    method: Method = "mirrored",
    threshold: float | None = None,
    dim: str = DIM,
) -> xr.Dataset:
    r"""Split low-loss spectra into the zero loss and what has lost energy.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Low-loss spectra, lazy or in memory, that begin below 0 eV.
    method : {"mirrored", "threshold"} or a model of `fit_zero_loss`
        As measured up to half of the height on the right, and beyond as on the left; all up to
        `threshold`; or the fitted model.
    threshold : float, eV
        Where the zero loss ends; the first minimum otherwise.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    Dataset, shape (..., energy_loss)
        ``zero_loss`` and ``inelastic``, whose sum is the spectrum, in units of the data.
        ``status`` (...): ``no_data`` where a value is missing or none is positive, ``invalid``
        where the detector is saturated or there is no peak with both flanks; NaN.

    Raises
    ------
    DataError
        The axis is not in eV or has no zero loss, or the method is unknown.

    Notes
    -----
    "mirrored": with the centre :math:`E_0` and half of the height at :math:`E_h` on the right,
    :math:`Z(E) = J(2 E_0 - E)` beyond :math:`E_h` and :math:`Z(E) = J(E) - L(E)` before. L is what
    of the losses a peak that wide spreads there: losses are taken for a line from :math:`E_0`, the
    peak for a Gaussian.

    Examples
    --------
    >>> import omniscopy as om
    >>> parts = om.eels.subtract_zero_loss(om.samples.low_loss())
    >>> sorted(parts)
    ['inelastic', 'status', 'zero_loss']
    """
    require_choice("method", method, ("mirrored", "threshold", *SHAPES))
    axis = loss_axis(data, dim, at_least=8, uniform=True)
    require_zero(axis, dim, what="subtraction of the zero loss")
    size = data.sizes[dim]

    def split(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = np.asarray(block.reshape(-1, size), np.float64)
        if method in ("mirrored", "threshold"):
            zero, _, status, _ = elastic_parts(rows, axis.energy, method, threshold)
        else:
            fit = ZeroLossFit(SHAPES[method], axis, None, 100, 1)
            found = fit.run(rows)
            zero, status = (
                model_of(fit.shape, axis.energy, found[:, : fit.size]), found[:, -1]
            )  # fmt: skip
        return (
            zero.reshape(block.shape), (rows - zero).reshape(block.shape),
            status.astype(np.uint8).reshape(block.shape[:-1]),
        )  # fmt: skip

    zero, rest, status = map_signal(
        split, data, dim=dim, output_dims=[{dim: size}, {dim: size}, {}],
        dtypes=[np.float64, np.float64, np.uint8],
    )  # fmt: skip
    along, units = {dim: data.coords[dim]}, data.attrs.get("units")
    made = result(
        {}, zero_loss=(zero.assign_coords(along), units),
        inelastic=(rest.assign_coords(along), units), status=(status, "1"),
    )  # fmt: skip
    keep_beam(made, ["zero_loss", "inelastic"], data)
    return made
