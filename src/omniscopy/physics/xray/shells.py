"""Shells of atoms: their edges, yields, and how vacancies move between them.

Numbers are those of xraylib (edges of Larkins and others, yields and Coster–Kronig transitions of
Krause and of EADL).
"""

from functools import cache

from omniscopy.model.errors import DataError
from omniscopy.physics.scattering.coefficients import find_element

SHELLS = ("K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5")
OCCUPANCY = dict(zip(SHELLS, (2, 2, 2, 4, 2, 2, 4, 4, 6), strict=True))


def require_shell(shell: str) -> str:
    """Return the shell, or raise where there is none of this name."""
    if shell not in SHELLS:
        message = f"unknown shell {shell!r}; there are {', '.join(SHELLS)}"
        raise DataError(message)
    return shell


@cache
def edge_energy(element: str | int, shell: str) -> float:
    """Return the energy in keV that frees an electron of a shell, 0 where there is none.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.
    shell : str
        Such as `"K"`, `"L3"` or `"M5"`.

    Returns
    -------
    float, keV

    Raises
    ------
    DataError
        There is no such element or shell.

    Notes
    -----
    The tables of xraylib [1]_.

    References
    ----------
    .. [1] T. Schoonjans et al., *Spectrochim. Acta B* 66, 776 (2011).
    """
    return _asked("EdgeEnergy", element, f"{require_shell(shell)}_SHELL")


@cache
def fluorescence_yield(element: str | int, shell: str) -> float:
    """Return which part of the vacancies of a shell ends with an X-ray, 0 where unknown.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.
    shell : str
        Such as `"K"`, `"L3"` or `"M5"`.

    Returns
    -------
    float, 1
        Between 0 and 1.

    Raises
    ------
    DataError
        There is no such element or shell.

    Notes
    -----
    The tables of xraylib [1]_, of K and L shells after Krause [2]_.

    References
    ----------
    .. [1] T. Schoonjans et al., *Spectrochim. Acta B* 66, 776 (2011).
    .. [2] M. O. Krause, *J. Phys. Chem. Ref. Data* 8, 307 (1979).
    """
    return _asked("FluorYield", element, f"{require_shell(shell)}_SHELL")


@cache
def coster_kronig(element: str | int, start: str, stop: str) -> float:
    """Return which part of the vacancies of a subshell moves to an outer one of its shell.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.
    start, stop : str
        Subshells, such as `"L1"` and `"L3"`.

    Returns
    -------
    float, 1
        Between 0 and 1; 0 where unknown.

    Raises
    ------
    DataError
        There is no such element or shell, or the second is not an outer one of the
        same shell.

    Notes
    -----
    The tables of xraylib [1]_.

    References
    ----------
    .. [1] T. Schoonjans et al., *Spectrochim. Acta B* 66, 776 (2011).
    """
    if start[0] != stop[0] or start >= stop:
        message = f"vacancies go to an outer subshell of the same shell, not from {start} to {stop}"
        raise DataError(message)
    return _asked("CosKronTransProb", element, f"F{start[0]}{start[1]}{stop[1]}_TRANS")


@cache
def radiative_rate(element: str | int, transition: str) -> float:
    """Return which part of the X-rays of a shell are of a transition such as `"KL3"`."""
    return _asked("RadRate", element, f"{transition}_LINE")


@cache
def line_energy(element: str | int, transition: str) -> float:
    """Return the energy in keV of a transition such as `"KL3"`, 0 where there is none."""
    return _asked("LineEnergy", element, f"{transition}_LINE")


def partial_absorption(element: str | int, shell: str, energy: float) -> float:
    """Return the photoabsorption of a subshell in cm²/g for X-rays of an energy in keV."""
    import xraylib

    if not energy > edge_energy(element, shell) > 0.0:
        return 0.0
    number = find_element(element).atomic_number
    try:
        return float(xraylib.CS_Photo_Partial(number, getattr(xraylib, f"{shell}_SHELL"), energy))
    except ValueError:
        return 0.0


@cache
def atomic_weight(element: str | int) -> float:
    """Return the mass of a mole of atoms in g."""
    import xraylib

    return float(xraylib.AtomicWeight(find_element(element).atomic_number))


@cache
def density(element: str | int) -> float:
    """Return the density of the element at room temperature in g/cm³."""
    import xraylib

    return float(xraylib.ElementDensity(find_element(element).atomic_number))


def vacancies(element: str | int, primary: dict[str, float]) -> dict[str, float]:
    """Return the vacancies of each subshell after those of inner ones have moved outwards."""
    settled = dict(primary)
    for stop in SHELLS:
        for start in SHELLS[: SHELLS.index(stop)]:
            if start[0] == stop[0] and start in settled and stop in settled:
                settled[stop] += settled[start] * coster_kronig(element, start, stop)
    return settled


def _asked(function: str, element: str | int, name: str) -> float:
    """Return a number of the tables, 0 where they have none."""
    import xraylib

    number = find_element(element).atomic_number
    try:
        return float(getattr(xraylib, function)(number, getattr(xraylib, name)))
    except ValueError:
        return 0.0
