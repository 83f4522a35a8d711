"""Permittivities of bound and free electrons."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.eels.axes import DIM
from omniscopy.model import DataError, coordinate, operation, result
from omniscopy.physics.energy_loss.plasmons import loss_function, oscillator_permittivity


@operation(example={"oscillators": [(225.0, 0.0, 1.0)], "channels": 200}, lazy=False)
def simulate_permittivity(
    oscillators: Sequence[tuple[float, float, float]],
    *,
    background: float = 1.0,
    start: float = 0.1,
    dispersion: float = 0.1,
    channels: int = 600,
) -> xr.Dataset:
    r"""Compute a permittivity from oscillators, after Drude and Lorentz.

    Parameters
    ----------
    oscillators : sequence of (strength in eV², energy in eV, width in eV)
        Free electrons have the energy 0, and the square of their plasmon's energy for strength.
    background : float
        Permittivity far above all of them.
    start, dispersion : float, eV
        First energy, above 0, and step.
    channels : int
        Of the axis.

    Returns
    -------
    Dataset, shape (energy_loss)
        ``permittivity_real`` and ``permittivity_imaginary``, which is positive, and
        ``loss_function``, as of `kramers_kronig`.

    Raises
    ------
    DataError
        A number is negative, or there is no oscillator.

    Notes
    -----
    :math:`\varepsilon = \varepsilon_\infty + \sum_j f_j / (E_j^2 - E^2 - i E \Gamma_j)` [1]_.

    References
    ----------
    .. [1] F. Wooten, *Optical Properties of Solids*, Academic Press (1972), chapter 3.

    Examples
    --------
    >>> import omniscopy as om
    >>> metal = om.eels.simulate_permittivity([(225.0, 0.0, 1.0)])
    >>> bool(metal["permittivity_real"].sel(energy_loss=10.0, method="nearest") < 0)
    True
    """
    given = np.asarray(oscillators, np.float64)
    if given.ndim != 2 or given.shape[1] != 3 or not np.isfinite(given).all() or (given < 0).any():
        message = f"oscillators must be (strength, energy, width) above 0, got {oscillators!r}"
        raise DataError(message)
    for name, value in (("background", background), ("start", start), ("dispersion", dispersion),
                        ("channels", channels), ("width", given[:, 2].min())):  # fmt: skip
        if not value > 0:
            message = f"{name} must be above 0, got {value!r}"
            raise DataError(message)
    energy = start + dispersion * np.arange(int(channels))
    values = oscillator_permittivity(energy, given, background=background)
    along = {DIM: coordinate(DIM, energy, "eV")}
    parts = {
        "permittivity_real": values.real, "permittivity_imaginary": values.imag,
        "loss_function": loss_function(values),
    }  # fmt: skip
    return result({}, **{name: (xr.DataArray(part, along), "1") for name, part in parts.items()})
