"""The precision of what is made of values."""

import numpy as np


def single_or_double(dtype: np.dtype) -> np.dtype:
    """Return single precision for values that it holds exactly, double for all others."""
    return np.dtype(np.result_type(dtype, np.float32)).newbyteorder("=")
