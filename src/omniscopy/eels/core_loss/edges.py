"""Ionisation edges of the elements, by their energy."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, result
from omniscopy.physics.energy_loss.shells import Shell, shells_of, symbols


@operation(example={"element": "Ti"}, lazy=False)
def edges(
    element: str | None = None, *, window: tuple[float, float] | None = None, major: bool = False
) -> xr.Dataset:
    """List the ionisation edges of an element, or of all elements in a range of energies.

    Parameters
    ----------
    element : str
        Symbol, such as "Ti"; all up to curium otherwise.
    window : (low, high), eV
        Edges whose onset lies there; all otherwise.
    major : bool
        Only edges that stand out of a background.

    Returns
    -------
    Dataset, dimension ``edge``
        Along the coordinate ``edge`` ("Ti_L3"), by energy: ``energy`` (eV) of the onset,
        ``electrons`` of the shell, and ``major``.

    Raises
    ------
    DataError
        The element is none, or it has no edge there.

    Notes
    -----
    Energies and numbers of electrons are those of xraylib.

    The library is described in [1]_.

    References
    ----------
    .. [1] T. Schoonjans et al., *Spectrochim. Acta B* 66, 776 (2011).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.eels.edges("Ti", window=(400, 500))
    >>> float(found["energy"].sel(edge="Ti_L3"))
    455.5
    """
    found = edges_within(
        symbols() if element is None else (element,), window or (0.0, np.inf), major=major
    )
    if not found:
        message = f"no edge of {element or 'any element'} lies in {window or 'the range'}"
        raise DataError(message)
    names = [f"{shell.element}_{shell.name}" for shell in found]
    along = {"edge": coordinate("edge", names, quantity="edge", kind="parameter")}
    columns = {
        "energy": (np.array([shell.energy for shell in found]), "eV"),
        "electrons": (np.array([shell.electrons for shell in found]), "1"),
        "major": (np.array([shell.is_major for shell in found]), "1"),
    }
    made = {
        name: (xr.DataArray(values, coords=along, dims=("edge",)), units)
        for name, (values, units) in columns.items()
    }
    return result({}, **made)


def edges_within(
    elements: tuple[str, ...], window: tuple[float, float], *, major: bool = False
) -> list[Shell]:
    """Return the shells of elements whose binding energy lies in a window, by energy."""
    low, high = window
    found = [
        shell
        for element in elements
        for shell in shells_of(element)
        if low <= shell.energy <= high and (shell.is_major or not major)
    ]
    return sorted(found, key=lambda shell: (shell.energy, shell.element, shell.name))
