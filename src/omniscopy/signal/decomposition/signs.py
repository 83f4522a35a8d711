"""Which way round components are returned."""

import numpy as np


def signs_of(rows: np.ndarray) -> np.ndarray:
    """Return the sign, of complex numbers the phase, of the largest value of each row.

    Values as large to rounding count as one, of which the first decides; 1 for a row of zeros.
    """
    size = np.abs(rows)
    largest = size >= (1 - 1e-6) * size.max(axis=1, keepdims=True)
    leading = np.take_along_axis(rows, np.argmax(largest, axis=1)[:, None], axis=1)[:, 0]
    return np.where(leading != 0, leading / np.where(leading != 0, np.abs(leading), 1), 1)
