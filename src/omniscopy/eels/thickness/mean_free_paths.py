"""Mean free paths of a material, from its density or composition."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.eels.beams import beam_of
from omniscopy.model import DataError, labelled, operation, require_choice
from omniscopy.physics.energy_loss import mean_free_paths as formulas

Method = Literal["iakoubovskii", "malis", "tpp_2m"]
METHODS: tuple[Method, ...] = ("iakoubovskii", "malis", "tpp_2m")


@operation(example={"density": 2.33, "voltage": 200e3}, lazy=False)
def mean_free_path(  # noqa: PLR0913 - numbers of three formulas
    *,
    voltage: float,
    density: float | None = None,
    convergence_mrad: float = 0.0,
    collection_mrad: float | None = None,
    method: Method = "iakoubovskii",
    composition: Mapping[str, float] | None = None,
    valence: float | None = None,
    molar_mass: float | None = None,
    gap: float = 0.0,
) -> xr.DataArray:
    """Estimate the mean free path between inelastic scattering.

    Parameters
    ----------
    voltage : float, V
        Accelerating voltage.
    density : float, g/cm³
        Of the material; "malis" does without.
    convergence_mrad, collection_mrad : float, mrad
        Half angles of probe and spectrometer. Without a collection angle all is collected.
    method : {"iakoubovskii", "malis", "tpp_2m"}
        From the density and the angles; from the composition and the collection angle; from
        density, valence electrons and molar mass, all angles collected.
    composition : mapping of element to atomic fraction
        Such as ``{"Si": 1, "O": 2}``, for "malis".
    valence, molar_mass : float
        Valence electrons of a formula unit, and its mass in g/mol, for "tpp_2m".
    gap : float, eV
        Of the bands, for "tpp_2m".

    Returns
    -------
    DataArray, nm
        One number. Its uncertainty is 10 to 20 %, which is that of the parametrisations.

    Raises
    ------
    DataError
        The voltage is in kV, or a number is missing that the method needs.

    Notes
    -----
    Iakoubovskii and others [1]_; Malis, Cheng and Egerton [2]_; Shinotsuka and others [3]_.

    References
    ----------
    .. [1] K. Iakoubovskii *et al.*, *Microsc. Res. Tech.* 71, 626 (2008).
    .. [2] T. Malis, S. C. Cheng, R. F. Egerton, *J. Electron Microsc. Tech.* 8, 193 (1988).
    .. [3] H. Shinotsuka *et al.*, *Surf. Interface Anal.* 47, 871 (2015).

    Examples
    --------
    >>> import omniscopy as om
    >>> round(float(om.eels.mean_free_path(density=2.33, voltage=200e3)), 2)
    148.84
    """
    require_choice("method", method, METHODS)
    wide = 1e3 if collection_mrad is None else collection_mrad
    beam = beam_of(None, voltage, convergence_mrad, min(wide, 999.0))
    collected = np.inf if collection_mrad is None else beam.collection
    if method == "malis":
        if composition is None or collection_mrad is None:
            message = "method='malis' needs composition= ({'Si': 1, 'O': 2}) and collection_mrad="
            raise DataError(message)
        value = formulas.malis(atomic_numbers(composition), beam.voltage, beam.collection)
    elif density is None or not (np.isfinite(density) and density > 0):
        message = f"method={method!r} needs density= in g/cm^3, above 0, got {density!r}"
        raise DataError(message)
    elif method == "tpp_2m":
        if not valence or not molar_mass or valence < 0 or molar_mass < 0:
            message = "method='tpp_2m' needs valence= (electrons) and molar_mass= (g/mol), above 0"
            raise DataError(message)
        value = formulas.tpp_2m(density, beam.voltage, valence=valence, mass=molar_mass, gap=gap)
    else:
        value = formulas.iakoubovskii(density, beam.voltage, beam.convergence, collected)
    return labelled(
        xr.DataArray(value), units="nm", long_name="inelastic mean free path", quantity="length"
    )


def atomic_numbers(composition: Mapping[str, float]) -> dict[int, float]:
    """Return a composition by atomic numbers; raise where an element or share is none."""
    from ase.data import atomic_numbers as known

    made = {}
    for element, share in composition.items():
        if element not in known or not (np.isfinite(share) and share > 0):
            message = f"composition has {element!r}: {share!r}; give symbols and positive shares"
            raise DataError(message)
        made[int(known[element])] = float(share)
    if not made:
        message = "composition is empty; give symbols and shares, as {'Si': 1, 'O': 2}"
        raise DataError(message)
    return made
