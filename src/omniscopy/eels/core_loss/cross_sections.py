"""Cross-sections of ionisation edges."""

from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from omniscopy.eels.axes import DIM
from omniscopy.eels.beams import Beam, beam_of
from omniscopy.eels.core_loss.strengths import has_table, table_of
from omniscopy.model import DataError, coordinate, labelled, operation, require_choice
from omniscopy.physics.energy_loss import cross_sections as formulas
from omniscopy.physics.energy_loss.shells import Shell, shells_named

Method = Literal["photoabsorption", "hydrogenic", "tabulated"]
METHODS: tuple[Method, ...] = ("photoabsorption", "hydrogenic", "tabulated")


class Sections(NamedTuple):
    """How cross-sections are found: the method, and the file of its tables."""

    method: Method
    tables: str | None = None

    def require(self, name: str) -> None:
        """Raise unless the method is known, and has its tables if it is of tables."""
        require_choice(name, self.method, METHODS)
        if self.tables is not None and self.method != "tabulated":
            message = f"tables= is for {name}='tabulated', not for {self.method!r}"
            raise DataError(message)
        if self.tables is None and self.method == "tabulated":
            message = f"{name}='tabulated' needs tables=, the path of a file of the format GOSH"
            raise DataError(message)

    def knows(self, shell: Shell) -> bool:
        """Return whether there is a cross-section of a shell."""
        if self.tables is not None:
            return has_table(self.tables, shell)
        return self.method != "hydrogenic" or shell.name[0] in "KL"

    def require_element(self, element: str, shells: Sequence[Shell]) -> None:
        """Raise where there is no cross-section of any shell of an element."""
        if not any(self.knows(shell) for shell in shells):
            of = f"in {self.tables}" if self.tables else f"by {self.method!r}"
            message = f"there is no cross-section of {element} {of}; take 'photoabsorption'"
            raise DataError(message)

    def sum(self, shells: Sequence[Shell], energy: np.ndarray, beam: Beam) -> np.ndarray:
        """Return the cross-section of some shells of one element in barn/eV."""
        made = np.zeros(np.shape(energy))
        for shell in shells:
            numbers = (shell, energy, beam.voltage, beam.convergence, beam.collection)
            if self.tables is not None:
                table = table_of(self.tables, shell)
                made += formulas.from_strengths(*numbers, partial(table.at, shell.energy))
            elif self.method == "hydrogenic":
                made += formulas.hydrogenic(*numbers)
            else:
                made += formulas.from_photoabsorption(*numbers)
        return made


@operation(
    example={"edge": "O_K", "voltage": 200e3, "collection_mrad": 20.0, "stop": 700.0}, lazy=False
)
def cross_section(  # noqa: PLR0913 - numbers of the microscope, and of the axis
    edge: str,
    energy_loss: Sequence[float] | None = None,
    *,
    voltage: float,
    collection_mrad: float,
    convergence_mrad: float = 0.0,
    method: Method = "photoabsorption",
    tables: str | None = None,
    onset: float | None = None,
    stop: float | None = None,
    step: float = 1.0,
) -> xr.DataArray:
    r"""Compute the differential cross-section of an ionisation edge.

    Parameters
    ----------
    edge : str
        Element and shell, as in "O_K", "Ti_L23" or "La_M45"; "Ti_L" is all of the shell.
    energy_loss : sequence of float, eV
        Where; from the onset to `stop` in steps of `step` otherwise.
    voltage : float, V
        Accelerating voltage.
    collection_mrad, convergence_mrad : float, mrad
        Half angles of spectrometer and probe.
    method : {"photoabsorption", "hydrogenic", "tabulated"}
        From measured and computed absorption of X-rays, for all edges at small angles; of a
        scaled hydrogen atom, for K and L edges; or from a file of oscillator strengths.
    tables : str
        Path of that file, of the format GOSH [1]_.
    onset : float, eV
        Where the edge begins; what the tables say otherwise. The whole edge is moved.
    stop, step : float, eV
        End and step of the axis; 300 eV beyond the onset otherwise.

    Returns
    -------
    DataArray, shape (energy_loss), barn/eV
        0 below the onset. Atoms, without fine structure. Uncertain by 5 to 10 % for K edges, by
        15 % and more for others.

    Raises
    ------
    DataError
        The edge is unknown, or the method does not know it; voltage or angles make no sense; there
        are tables of another method, or none for theirs.

    Notes
    -----
    Tables hold :math:`df/dE` of all electrons of a subshell by wave number and energy of the
    ejected electron, whose lowest loss is put at the onset as measured.

    References
    ----------
    .. [1] L. Segger, G. Guzzinati, H. Kohl, Zenodo 7645765 (2023).

    Examples
    --------
    >>> import omniscopy as om
    >>> sigma = om.eels.cross_section("C_K", voltage=200e3, collection_mrad=10)
    >>> round(float(sigma[1:101].sum()), -2)
    5100.0
    """
    sections = Sections(method, tables)
    sections.require("method")
    beam = beam_of(None, voltage, convergence_mrad, collection_mrad)
    shells = shells_named(edge)
    first = min(shell.energy for shell in shells)
    moved = 0.0 if onset is None else onset - first
    if energy_loss is None:
        last = first + moved + 300.0 if stop is None else stop
        if not step > 0 or not last > first + moved:
            message = f"stop must be above the onset of {first + moved:g} eV, and step above 0"
            raise DataError(message)
        losses = np.arange(first + moved, last + 1e-9, step)
    else:
        losses = np.asarray(energy_loss, dtype=np.float64)
        if losses.ndim != 1 or not (np.diff(losses) > 0).all():
            message = "energy_loss must be numbers in eV that ascend"
            raise DataError(message)
    sigma = sections.sum(shells, losses - moved, beam)
    return labelled(
        xr.DataArray(sigma, coords={DIM: coordinate(DIM, losses, "eV")}),
        units="barn/eV", long_name=f"cross-section of {edge}", quantity="cross-section",
        signal_type="spectrum", modality="EELS",
    )  # fmt: skip
