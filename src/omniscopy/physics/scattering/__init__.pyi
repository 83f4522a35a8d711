__all__ = [
    "absorptive_form_factor",
    "debye_waller_factor",
    "electron_from_xray",
    "extinction_distances",
    "form_factor",
    "mean_inner_potential",
    "potential_coefficients",
    "projected_potential",
    "structure_factors",
    "thermal_displacement",
    "xray_form_factor",
    "xray_from_electron",
]

from .absorption import absorptive_form_factor
from .crystals import (
    extinction_distances,
    mean_inner_potential,
    potential_coefficients,
    structure_factors,
)
from .form_factors import (
    debye_waller_factor,
    electron_from_xray,
    form_factor,
    projected_potential,
    thermal_displacement,
    xray_form_factor,
    xray_from_electron,
)
