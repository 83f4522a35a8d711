"""Cross-sections of ionisation edges."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.eels.axes import DIM
from omniscopy.eels.beams import Beam, beam_of
from omniscopy.model import DataError, coordinate, labelled, operation, require_choice
from omniscopy.physics.energy_loss import cross_sections as formulas
from omniscopy.physics.energy_loss.shells import Shell, shells_named

Method = Literal["photoabsorption", "hydrogenic"]
METHODS = {
    "photoabsorption": formulas.from_photoabsorption, "hydrogenic": formulas.hydrogenic,
}  # fmt: skip


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
    method : {"photoabsorption", "hydrogenic"}
        From measured and computed absorption of X-rays, for all edges at small angles; or of a
        scaled hydrogen atom, for K and L edges.
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
        The edge is unknown, or the method does not know it; voltage or angles make no sense.

    Examples
    --------
    >>> import omniscopy as om
    >>> sigma = om.eels.cross_section("C_K", voltage=200e3, collection_mrad=10)
    >>> round(float(sigma[1:101].sum()), -2)
    5100.0
    """
    require_choice("method", method, METHODS)
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
    sigma = sum_of_shells(shells, losses - moved, beam, method)
    return labelled(
        xr.DataArray(sigma, coords={DIM: coordinate(DIM, losses, "eV")}),
        units="barn/eV", long_name=f"cross-section of {edge}", quantity="cross-section",
        signal_type="spectrum", modality="EELS",
    )  # fmt: skip


def sum_of_shells(
    shells: Sequence[Shell], energy: np.ndarray, beam: Beam, method: Method
) -> np.ndarray:
    """Return the cross-section of some shells of one element in barn/eV."""
    made = np.zeros(np.shape(energy))
    for shell in shells:
        made = made + METHODS[method](
            shell, energy, beam.voltage, beam.convergence, beam.collection
        )
    return made
