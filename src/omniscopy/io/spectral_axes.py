"""Axes of optical spectra, whose steps need not be even: labels stay as the file has them."""

import numpy as np

from omniscopy.io.quantities import measures
from omniscopy.io.records import Axis

_DIMENSIONS = (
    # a unit of the abscissa: the dimension it is
    ("m", "wavelength"),
    ("1/m", "wavenumber"),
    ("eV", "energy"),
    ("s", "time"),
    ("Hz", "frequency"),
)
_QUANTITIES = {"wavenumber": "wavenumber", "wavelength": "wavelength", "energy": "energy"}


def spectral_axis(values: np.ndarray, units: str | None, *, quantity: str | None = None) -> Axis:
    """Return the axis of a spectrum by the units of its labels.

    Parameters
    ----------
    values : ndarray, shape (points,)
        The label of each point, in any order.
    units : str or None
        Of the labels; a length is a wavelength. Without a unit that is known the axis is
        `sample`.
    quantity : str, optional
        What the labels are where the dimension does not say it, such as "Raman shift".

    Returns
    -------
    Axis
        With its labels as they are given.
    """
    name = spectral_dimension(units)
    known = quantity or _QUANTITIES.get(name)
    return Axis(name=name, size=len(values), values=values, units=units, quantity=known)


def spectral_dimension(units: str | None) -> str:
    """Return the dimension of a spectrum whose labels have these units."""
    for known, name in _DIMENSIONS:
        if units and measures(units, known):
            return name
    return "sample"
