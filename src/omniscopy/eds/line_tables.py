"""Tables of lines, and of how matter absorbs them."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, labelled, operation, result
from omniscopy.physics import xray


@operation(example={"element": "Fe"}, lazy=False)
def lines(element: str | int) -> xr.Dataset:
    """Return the X-ray lines of an element.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.

    Returns
    -------
    Dataset, shape (line)
        ``energy`` in keV and ``weight``, the part of a line in the X-rays that its family emits
        where electrons are fast. ``family`` is named after its alpha line (`"Fe_Ka"`), ``edge``
        is the energy in keV that excites all of it. By family, the strongest line first.

    Raises
    ------
    DataError
        There is no such element.

    Notes
    -----
    Energies, rates, yields and Coster–Kronig transitions are those of xraylib [1]_. Subshells are
    weighted by occupancy over ionisation energy.

    References
    ----------
    .. [1] T. Schoonjans et al., *Spectrochim. Acta B* 66, 776 (2011).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.eds.lines("Fe")["energy"].sel(line="Fe_Ka1").round(2).item()
    6.4
    """
    families = xray.families(element)
    rows = [(family, line) for family in families for line in family.lines]
    names = line_coordinate([line.name for _, line in rows])
    made = result(
        energy=(xr.DataArray([line.energy for _, line in rows], dims="line"), "keV"),
        weight=(xr.DataArray([line.weight for _, line in rows], dims="line"), "1"),
        edge=(xr.DataArray([family.edge for family, _ in rows], dims="line"), "keV"),
    )
    return made.assign_coords(line=names, family=("line", [family.name for family, _ in rows]))


@operation(example={"material": {"Sr": 0.48, "Ti": 0.26, "O": 0.26}, "energy": [0.5, 4.5]},
           lazy=False)  # fmt: skip
def mass_absorption(material: str | Mapping[str, float], energy: Sequence[float]) -> xr.DataArray:
    r"""Return the mass absorption coefficient of an element or a mixture.

    Parameters
    ----------
    material : str or mapping of str to float
        An element, or weight fractions of elements; they are scaled to the sum 1.
    energy : sequence of float, keV
        Energies of the X-rays.

    Returns
    -------
    DataArray, shape (energy), cm²/g
        With scattering; from the tables of xraylib.

    Raises
    ------
    DataError
        An element is unknown, or an energy or a fraction is not positive.

    Notes
    -----
    :math:`\mu / \rho = \sum_i w_i (\mu / \rho)_i` over the weight fractions w; elements from the
    tables of xraylib [1]_.

    References
    ----------
    .. [1] T. Schoonjans et al., Spectrochimica Acta B 66, 776 (2011).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.eds.mass_absorption("Fe", [6.4]).round().item()
    71.0
    """
    energies = coordinate("energy", np.asarray(energy, dtype=np.float64), "keV")
    values = xray.mass_absorption(material, energies.values)
    return labelled(
        xr.DataArray(values, {"energy": energies}),
        units="cm^2/g", long_name="Mass absorption", quantity="mass absorption coefficient",
    )  # fmt: skip


def line_coordinate(names: Sequence[str], *, dim: str = "line") -> xr.Variable:
    """Return the coordinate of lines or families called by their names."""
    return coordinate(dim, list(names), "1", quantity="line", kind="parameter")


def element_coordinate(symbols: Sequence[str]) -> xr.Variable:
    """Return the coordinate of elements called by their symbols."""
    return coordinate("element", list(symbols), "1", quantity="element", kind="parameter")
