"""Signals of HyperSpy that hold an array of another shape at every place."""

import math
from collections.abc import Sequence

import numpy as np

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.records import Axis

_MOST_BYTES = 64 * 2**20
_NAMES = ("sample", "column")


def filled_up(
    values: Sequence[np.ndarray], shapes: Sequence[np.ndarray], lead: tuple[int, ...], path: str
) -> tuple[np.ndarray, list[Axis]]:
    """Return lists of any length as one array, and the axes behind those of the places.

    Parameters
    ----------
    values : sequence of arrays
        The numbers at every place, in a row.
    shapes : sequence of arrays
        Their shape at every place; where there is none they are a list.
    lead : tuple of int
        The shape of the places.
    path : str
        The file, for messages.

    Returns
    -------
    data : array, shape (*lead, sample) or (*lead, sample, column)
        NaN after the last number of each place.
    axes : list of Axis
        Of the further dimensions.
    """
    forms = []
    for place, one in enumerate(values):
        said = shapes[place] if place < len(shapes) else np.array([], np.int64)
        form = tuple(int(n) for n in said)
        fits = 0 < len(form) <= len(_NAMES) and min(form) >= 0 and math.prod(form) == one.size
        forms.append(form if fits else (one.size,))
    ndim = max((len(form) for form in forms), default=1)
    forms = [(*form, *[1] * (ndim - len(form))) for form in forms]
    longest = [max((form[n] for form in forms), default=0) for n in range(ndim)]
    kinds = [one.dtype for one in values if one.size] or [np.dtype(np.float64)]
    dtype = np.result_type(*kinds, np.float32)
    if math.prod([*lead, *longest]) * dtype.itemsize > _MOST_BYTES:
        message = f"lists of {longest} numbers at {lead} places are too many to be filled up"
        raise UnsupportedFormatError(message, path=path)
    filled = np.full((len(values), *longest), np.nan, dtype)
    for place, (one, form) in enumerate(zip(values, forms, strict=True)):
        filled[place][tuple(slice(n) for n in form)] = one.reshape(form)
    axes = [
        Axis(name=name, size=size, kind="spectral" if name == "sample" else "parameter")
        for name, size in zip(_NAMES, longest, strict=False)
    ]
    return filled.reshape(*lead, *longest), axes
