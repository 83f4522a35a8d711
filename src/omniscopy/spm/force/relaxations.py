"""Viscoelasticity: how the force on an indenter relaxes while its depth is held."""

from typing import Literal

import xarray as xr

from omniscopy.model import DataError, operation, require_choice, require_dim, require_units, result
from omniscopy.physics.contact import INDENTERS, Indenter, force
from omniscopy.signal import fit_model
from omniscopy.signal.models import Exponential, Offset, PowerLaw
from omniscopy.spm.force.indentations import indenter_law


@operation(example={"data": "force_relaxation", "indentation": 5e-7, "radius": 2.5e-6})
def fit_force_relaxation(
    data: xr.DataArray,
    *,
    indentation: float,
    rheology: Literal["standard_linear_solid", "power_law"] = "standard_linear_solid",
    model: Indenter = "hertz",
    radius: float | None = None,
    half_angle: float | None = None,
    poisson_ratio: float = 0.5,
    dim: str = "time",
) -> xr.Dataset:
    r"""Fit a relaxing modulus to forces at a constant indentation.

    Parameters
    ----------
    data : DataArray, shape (..., time), force
        Lazy or in memory, in N or units that convert to it, without its baseline; the time is
        that since the indentation.
    indentation : float, m
        Which is held.
    rheology : {"standard_linear_solid", "power_law"}
        :math:`E(t) = E_\infty + E_1 e^{-t/\tau}`, or :math:`E(t) = E_0 (t / 1\,s)^{-\alpha}`.
    model : {"hertz", "cone", "pyramid", "sneddon", "sneddon_series"}
        The contact, as in `fit_indentation`.
    radius : float, m
        Of paraboloids and spheres.
    half_angle : float, degrees
        Of cones and pyramids.
    poisson_ratio : float
        Of the sample, constant in time.
    dim : str
        Dimension of the time.

    Returns
    -------
    Dataset, shape (...)
        ``relaxed_modulus``, ``relaxing_modulus`` [Pa] and ``relaxation_time`` [s]; or ``modulus``
        at 1 s [Pa] and ``exponent``; each with its ``_std``, and ``status``.

    Raises
    ------
    DataError
        The units are not those of a force and of a time, or a number of the indenter is missing.

    Notes
    -----
    At a constant depth the force is that of the elastic contact with the modulus of the moment
    [1]_. The viscosity of the dashpot of a standard linear solid is :math:`E_1 \tau`.

    References
    ----------
    .. [1] E. H. Lee, J. R. M. Radok, J. Appl. Mech. 27, 438 (1960).
    """
    require_dim(data, dim, units="s", at_least=4)
    require_choice("model", model, tuple(name for name in INDENTERS if name not in ("dmt", "jkr")))
    require_choice("rheology", rheology, ("standard_linear_solid", "power_law"))
    if not indentation > 0:
        message = f"indentation must be above 0 m, got {indentation!r}"
        raise DataError(message)
    law = indenter_law(model, radius, half_angle, 4, poisson_ratio, None)
    newton = require_units(data, "N", what="the forces")
    second = require_units(data.coords[dim], "s")
    modulus = newton / float(force(law, indentation, 1.0)[0])
    if rheology == "power_law":
        if not float(data[dim][0]) > 0:
            message = f"times of a power law are above 0, got {float(data[dim][0]):g}; leave it out"
            raise DataError(message)
        found = fit_model(data, PowerLaw(reference=1.0 / second), dim=dim)
        return result(
            {},
            modulus=(found["power_law_amplitude"] * modulus, "Pa"),
            modulus_std=(found["power_law_amplitude_std"] * modulus, "Pa"),
            exponent=(found["power_law_exponent"], "1"),
            exponent_std=(found["power_law_exponent_std"], "1"),
            status=(found["status"], "1"),
        )
    found = fit_model(data, Exponential() + Offset(), dim=dim)
    return result(
        {},
        relaxed_modulus=(found["offset_value"] * modulus, "Pa"),
        relaxed_modulus_std=(found["offset_value_std"] * modulus, "Pa"),
        relaxing_modulus=(found["exponential_amplitude"] * modulus, "Pa"),
        relaxing_modulus_std=(found["exponential_amplitude_std"] * modulus, "Pa"),
        relaxation_time=(found["exponential_decay"] * second, "s"),
        relaxation_time_std=(found["exponential_decay_std"] * second, "s"),
        status=(found["status"], "1"),
    )
