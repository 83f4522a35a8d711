"""The continuous spectrum of slowed electrons."""

from typing import Literal, get_args

import numpy as np

from omniscopy.model.errors import DataError

Model = Literal["kramers", "small", "lifshin"]
MODELS: tuple[Model, ...] = get_args(Model)


def bremsstrahlung(energy: np.ndarray, voltage: float, model: Model = "lifshin") -> np.ndarray:
    """Return the shapes whose sum is the generated continuum, shape (shapes, energies).

    Parameters
    ----------
    energy : array, keV
        Positive energies of X-rays.
    voltage : float, V
        Of the electrons.
    model : {"kramers", "small", "lifshin"}
        :math:`(E_0 - E) / E` [1]_; its power :math:`0.00599 E_0 + 1.05` with :math:`E_0` in keV,
        up to 40 keV [2]_; or a sum of 1, :math:`(E_0 - E) / E` and :math:`(E_0 - E)^2 / E` with
        free weights [3]_.

    Returns
    -------
    array, shape (shapes, energies)
        Three shapes for ``"lifshin"``, one otherwise, of no particular scale; 0 above the energy of
        the electrons.

    Raises
    ------
    DataError
        The model is unknown.

    References
    ----------
    .. [1] H. A. Kramers, *Philos. Mag.* 46, 836 (1923).
    .. [2] J. A. Small, S. D. Leigh, D. E. Newbury, R. L. Myklebust, *J. Appl. Phys.* 61, 459
       (1987).
    .. [3] E. Lifshin, *Proc. 9th Ann. Conf. Microbeam Anal. Soc.*, 53 (1974).
    """
    if model not in MODELS:
        message = f"background must be one of {', '.join(map(repr, MODELS))}, got {model!r}"
        raise DataError(message)
    highest = voltage * 1e-3
    energies = np.maximum(np.asarray(energy, np.float64), 1e-3)
    left = np.maximum(highest - energies, 0.0) / highest
    kramers = left / energies
    if model == "kramers":
        return kramers[None]
    if model == "small":
        return kramers[None] ** (0.00599 * min(highest, 40.0) + 1.05)
    return np.stack([np.where(left > 0, 1.0, 0.0), kramers, left * kramers])
