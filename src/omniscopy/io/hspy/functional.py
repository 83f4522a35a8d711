"""Axes that HyperSpy keeps as a formula of another axis."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from omniscopy.model.errors import DataError

_LONGEST = 10_000_000


def formula_places(
    about: Mapping[str, Any], inner: Mapping[str, Any], listed: np.ndarray | None, size: int
) -> np.ndarray | None:
    """Return the places of an axis that is a formula, `None` where it is none.

    Parameters
    ----------
    about : mapping
        What is stored of the axis: the formula of `x` under "expression", and its parameters.
    inner : mapping
        What is stored of the axis `x`.
    listed : array, shape (size,), or None
        The places of `x` where they are uneven.
    size : int
        How many there are.

    Returns
    -------
    array, shape (size,), float64
        Nothing is executed: formulas are those of `signal.Expression`, of any others there are
        no places.
    """
    from omniscopy.signal.parsing import parse_expression

    text = about.get("expression")
    if not isinstance(text, str) or not 0 < size <= _LONGEST:
        return None
    try:
        # A formula without a parameter of its own is none of a fit, so that it is given one.
        program = parse_expression(f"({text}) + nothing")
    except DataError:
        return None
    given = {**about, "nothing": 0.0}
    parameters = [given.get(name) for name in program.names]
    if not all(isinstance(value, int | float) for value in parameters):
        return None
    places = listed
    if places is None or places.shape != (size,):
        offset, scale = inner.get("offset", 0.0), inner.get("scale", 1.0)
        if not all(isinstance(value, int | float) for value in (offset, scale)):
            return None
        places = offset + scale * np.arange(size, dtype=np.float64)
    try:
        columns = [np.asarray(places, np.float64)]
        values, _ = program.evaluate(columns, (), np.array(parameters, np.float64))
    except (IndexError, ValueError, TypeError):
        return None
    made = np.array(values, np.float64)
    return made if made.shape == (size,) and np.isfinite(made).all() else None
