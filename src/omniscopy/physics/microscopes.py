"""Microscopes to simulate with: aberrations that are left, and energies of their electrons."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.model.errors import DataError
from omniscopy.physics.electron import require_voltage


class Microscope(NamedTuple):
    """A microscope for probes at one voltage."""

    name: str
    title: str
    voltage: float
    """V"""
    coefficients: dict[str, float]
    """Aberrations in Å, in the notation ``"nion"`` of `aberrations.terms_of`; no defocus."""
    chromatic: float
    """Å"""
    convergence: float
    """Half angle of the probe in mrad."""
    source_size: float | None
    """Width at half maximum of the image of the source in Å, where it is known."""


@cache
def _table() -> dict[str, Any]:
    path = resources.files("omniscopy.physics.tables") / "microscopes.toml"
    return tomllib.loads(path.read_text("utf-8"))


def microscopes() -> list[Microscope]:
    """Return all known microscopes, one for each voltage."""
    return [
        Microscope(**{"source_size": None, **entry, "coefficients": dict(entry["coefficients"])})
        for entry in _table()["microscope"]
    ]


def microscope(name: str, voltage: float) -> Microscope:
    """Return a microscope by its name and voltage (V); `microscopes` lists them.

    Raises
    ------
    DataError
        None is known by this name or at this voltage.
    """
    require_voltage(voltage)
    named = [entry for entry in microscopes() if entry.name == str(name).strip().lower()]
    if not named:
        names = ", ".join(sorted({entry.name for entry in microscopes()}))
        message = f"no microscope is called {name!r}; there are {names}"
        raise DataError(message)
    for entry in named:
        if abs(entry.voltage - voltage) < 1.0:
            return entry
    voltages = ", ".join(f"{entry.voltage:g}" for entry in named)
    message = f"{name!r} is known at {voltages} V, not at {voltage:g} V"
    raise DataError(message)


def cold_field_emission() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return energies (eV, about the most frequent) and how many electrons have them.

    Measured at a cold field emitter; the weights add up to 1.
    """
    told = _table()["cold_field_emission"]
    weights = np.array(told["weights"])
    return np.linspace(told["first"], told["last"], len(weights)), weights / weights.sum()
