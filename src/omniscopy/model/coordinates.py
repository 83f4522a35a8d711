"""Coordinates of a dimension, with the attributes that the contract asks for."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.model.vocabulary import DIMENSIONS, kind_of


def coordinate(
    dim: str, values: npt.ArrayLike, units: str | None = None, **attrs: Any
) -> xr.Variable:
    """Return a coordinate of `dim` with its units, and the quantity and kind that its name has.

    Parameters
    ----------
    dim : str
        Dimension; a name of the vocabulary (also numbered, ``x_1``) brings quantity and kind.
    values : array_like, shape (dim,)
        Where the points lie, in `units`.
    units : str, optional
        `None` where they are unknown.
    **attrs
        Attributes that differ from the vocabulary, such as ``role="signal"``.

    Returns
    -------
    Variable, shape (dim,)
        To be given to ``xarray.DataArray(coords=...)``.
    """
    known = DIMENSIONS.get(dim) or DIMENSIONS.get(dim.rpartition("_")[0])
    stated = {
        "units": units,
        "quantity": known.quantity if known else None,
        "kind": kind_of(dim),
        **attrs,
    }
    kept = {key: value for key, value in stated.items() if value is not None}
    return xr.Variable((dim,), np.asarray(values), kept)
