"""Structure factors of crystals, and what follows from them."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from omniscopy.model.errors import DataError
from omniscopy.physics.electron import POTENTIAL_PER_FACTOR, lorentz_factor, wavelength
from omniscopy.physics.scattering.absorption import absorptive_form_factor
from omniscopy.physics.scattering.coefficients import Table
from omniscopy.physics.scattering.form_factors import form_factor
from omniscopy.physics.scattering.phases import phase_sums
from omniscopy.physics.scattering.sites import occupied_sites

Floats = npt.NDArray[np.float64]
DebyeWaller = float | Mapping[str, float] | npt.ArrayLike | None


class Crystal(Protocol):
    """Atoms in a cell, as `ase.Atoms` holds them."""

    @property
    def cell(self) -> Any:
        """Return the three vectors of the cell in Å."""

    @property
    def arrays(self) -> dict[str, Any]:
        """Return what is known of each atom."""

    @property
    def info(self) -> dict[str, Any]:
        """Return what is known of the crystal."""

    def get_chemical_symbols(self) -> list[str]:
        """Return the symbol of each atom."""

    def get_scaled_positions(self, wrap: bool = ...) -> Floats:  # noqa: FBT001
        """Return positions in the vectors of the cell."""


def structure_factors(
    atoms: Crystal,
    hkl: npt.ArrayLike,
    *,
    table: Table = "lobato",
    debye_waller: DebyeWaller = None,
    absorption_at: float | None = None,
) -> Any:
    r"""Return the structure factors of reflections, in Å.

    Parameters
    ----------
    atoms : ase.Atoms
        The content of a cell; sites shared by several elements are understood where
        ``atoms.info["occupancy"]`` says so, as ASE reads them from CIF files.
    hkl : array, shape (..., 3)
        Indices of reflections in the cell of `atoms`; they need not be whole.
    table : str
        Whose form factors; see `form_factor`. With ``"waasmaier_kirfel"`` atoms are ions of the
        charges that ``atoms.set_initial_charges`` gave them; the other tables are of neutral ones.
    debye_waller : float, mapping of symbols, or array of one number or tensor an atom, Å²
        :math:`B = 8 \pi^2 \langle u^2 \rangle`, or tensors :math:`8 \pi^2 \langle u_i u_j \rangle`
        (shape (atoms, 3, 3)) along the axes of the positions. By default what
        ``atoms.arrays["debye_waller"]`` says, or none.
    absorption_at : float, V
        Voltage at which the absorptive part of thermal diffuse scattering is added to the form
        factors (times i), of tensors that of their mean; by default it is left out.

    Returns
    -------
    complex array, shape (...), Å
        :math:`F_g = \sum_j f_j(g)\, e^{-g \cdot B_j g/4}\, e^{-2 \pi i\, g \cdot r_j}`.
        At 000 the Coulomb terms of ions, which cancel, are left out.

    Raises
    ------
    DataError
        The cell has no volume, an element or ion is not in the table, charges do not add up to
        0, or the indices or the Debye-Waller factors are not of the form above.

    Notes
    -----
    Kinematic sum over the atoms of the cell, in the first Born approximation for the rest mass
    [1]_; phases are those of waves :math:`e^{+2 \pi i k \cdot r}`.

    References
    ----------
    .. [1] L. Reimer and H. Kohl, *Transmission Electron Microscopy*, 5th ed., Springer (2008),
       chapter 7.
    """
    reciprocal = reciprocal_cell(atoms)
    indices = _require_indices(hkl)
    sites = occupied_sites(atoms, debye_waller, table)
    g = indices @ reciprocal
    q = np.sqrt(np.square(g).sum(-1))
    total = np.zeros(len(indices), np.complex128)
    shapes, shape_of = np.unique(np.round(q, 10), return_inverse=True)
    sums = phase_sums(indices, sites.positions, sites.weights, sites.kinds, len(sites.species))
    for kind, phases in zip(sites.species, sums, strict=True):
        factor: Any = form_factor(kind.name, shapes, table)[shape_of] * kind.thermal_factor(g)
        if absorption_at is not None and kind.b > 0.0:
            factor = (
                factor
                + 1j
                * absorptive_form_factor(
                    kind.name, shapes, voltage=absorption_at, debye_waller=kind.b, table=table
                )[shape_of]
            )
        total += factor * phases
    return total.reshape(np.shape(hkl)[:-1])[()]


def _require_indices(hkl: npt.ArrayLike) -> Floats:
    """Return indices as rows of three numbers, or raise where they are not."""
    indices = np.asarray(hkl, dtype=np.float64)
    if indices.ndim == 0 or indices.shape[-1] != 3:
        message = f"indices of reflections have the shape (..., 3), got {indices.shape}"
        raise DataError(message)
    if not np.isfinite(indices).all():
        message = "indices of reflections must be finite numbers"
        raise DataError(message)
    return indices.reshape(-1, 3)


def cell_volume(atoms: Crystal) -> float:
    """Return the volume of the cell in Å³, or raise where there is none."""
    cell = np.asarray(atoms.cell, dtype=np.float64)
    volume = abs(float(np.linalg.det(cell)))
    if not np.isfinite(volume) or volume < 1e-6:
        message = (
            "the atoms have no cell with a volume, which a crystal needs; "
            "set it with `atoms.set_cell(...)`"
        )
        raise DataError(message)
    return volume


def reciprocal_cell(atoms: Crystal) -> Floats:
    """Return the vectors of the reciprocal cell as rows, in 1/Å, without the factor 2π."""
    cell_volume(atoms)
    inverse: Floats = np.linalg.inv(np.asarray(atoms.cell, dtype=np.float64)).T
    return inverse


def potential_coefficients(
    atoms: Crystal,
    hkl: npt.ArrayLike,
    *,
    table: Table = "lobato",
    debye_waller: DebyeWaller = None,
    absorption_at: float | None = None,
) -> Any:
    r"""Return the Fourier coefficients of the potential of a crystal, in V.

    Parameters
    ----------
    atoms : ase.Atoms
        The content of a cell; see `structure_factors`.
    hkl : array, shape (..., 3)
        Indices of reflections.
    table : str
        Whose form factors; see `form_factor`.
    debye_waller : float, mapping of symbols, or array, Å²
        Thermal motion; see `structure_factors`.
    absorption_at : float, V
        Voltage at which the absorptive part is added; by default it is left out.

    Returns
    -------
    complex array, shape (...), V
        :math:`V_g = h^2 F_g / 2 \pi m_0 e \Omega` with the volume :math:`\Omega` of the cell.
        For fast electrons :math:`U_g = \gamma V_g\, 2 m_0 e / h^2`.

    Raises
    ------
    DataError
        As `structure_factors`.

    Notes
    -----
    The potential is :math:`V(r) = \sum_g V_g e^{2 \pi i\, g \cdot r}` [1]_.

    References
    ----------
    .. [1] L. Reimer and H. Kohl, *Transmission Electron Microscopy*, 5th ed., Springer (2008),
       chapter 7.
    """
    factors = structure_factors(
        atoms, hkl, table=table, debye_waller=debye_waller, absorption_at=absorption_at
    )
    return POTENTIAL_PER_FACTOR / cell_volume(atoms) * factors


def mean_inner_potential(atoms: Crystal, *, table: Table = "lobato") -> float:
    r"""Return the mean inner potential of independent atoms, in V.

    Parameters
    ----------
    atoms : ase.Atoms
        The content of a cell; see `structure_factors`.
    table : str
        Whose form factors; see `form_factor`.

    Returns
    -------
    float, V
        :math:`V_0 = h^2 / (2 \pi m_0 e \Omega) \sum_j f_j(0)`; bonding lowers it by some per cent.

    Raises
    ------
    DataError
        As `structure_factors`.

    Notes
    -----
    The forward scattering of atoms that do not know of each other gives an upper limit [1]_.

    References
    ----------
    .. [1] D. Rez, P. Rez, I. Grant, *Acta Cryst. A* 50, 481 (1994).
    """
    return float(potential_coefficients(atoms, (0, 0, 0), table=table, debye_waller=0.0).real)


def extinction_distances(
    atoms: Crystal,
    hkl: npt.ArrayLike,
    *,
    voltage: float,
    table: Table = "lobato",
    debye_waller: DebyeWaller = None,
) -> Any:
    r"""Return the two-beam extinction distances of reflections, in Å.

    Parameters
    ----------
    atoms : ase.Atoms
        The content of a cell; see `structure_factors`.
    hkl : array, shape (..., 3)
        Indices of reflections.
    voltage : float, V
        Accelerating voltage.
    table : str
        Whose form factors; see `form_factor`.
    debye_waller : float, mapping of symbols, or array, Å²
        Thermal motion; see `structure_factors`.

    Returns
    -------
    float or array, shape (...), Å
        :math:`\xi_g = \pi \Omega / (\gamma \lambda |F_g|)` [1]_, infinite where :math:`F_g` is 0
        (to 1e-9 of the sum of the form factors).

    Raises
    ------
    DataError
        As `structure_factors`, or the voltage is not positive.

    References
    ----------
    .. [1] L. Reimer and H. Kohl, *Transmission Electron Microscopy*, 5th ed., Springer (2008),
       chapter 7.
    """
    scale = np.pi * cell_volume(atoms) / (lorentz_factor(voltage) * wavelength(voltage))
    size = np.abs(structure_factors(atoms, hkl, table=table, debye_waller=debye_waller))
    forward = abs(structure_factors(atoms, (0, 0, 0), table=table, debye_waller=0.0))
    allowed = size > 1e-9 * forward
    return np.where(allowed, scale / np.where(allowed, size, 1.0), np.inf)[()]
