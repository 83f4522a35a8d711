"""Tapping mode: a driven cantilever that is brought to a surface."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, result
from omniscopy.physics import tapping as physics
from omniscopy.simulate.measurements import require_positive

_NANO = 1e9
_UNITS = {
    "amplitude": ("nm", _NANO), "phase": ("deg", 180.0 / np.pi), "deflection": ("nm", _NANO),
    "dissipation": ("eV", 1.0 / 1.602176634e-19), "virial": ("eV", 1.0 / 1.602176634e-19),
    "peak_force": ("nN", _NANO), "drive_work": ("eV", 1.0 / 1.602176634e-19),
    "damping_work": ("eV", 1.0 / 1.602176634e-19),
}  # fmt: skip


@operation(
    example={"distances": [12.0, 6.0], "quality_factor": 10.0, "steps": 100, "periods": 4},
    lazy=False,
)
def tapping(  # noqa: PLR0913 - the numbers of an experiment
    distances: Sequence[float] | None = None,
    *,
    resonance_frequency: float | Sequence[float] = 75e3,
    spring_constant: float | Sequence[float] = 3.0,
    quality_factor: float | Sequence[float] = 150.0,
    drive_frequency: float | None = None,
    free_amplitude: float = 20.0,
    radius: float = 10.0,
    modulus: float = 1e9,
    relaxing_modulus: float = 0.0,
    relaxation_time: float = 1e-6,
    viscosity: float = 0.0,
    poisson_ratio: float = 0.3,
    hamaker: float = 1e-19,
    closest: float = 0.165,
    steps: int = 400,
    periods: int = 20,
) -> xr.Dataset:
    r"""Simulate amplitude and phase of a tapping cantilever against its distance to a surface.

    Parameters
    ----------
    distances : sequence of float, nm
        Of the resting tip above the surface, in the order in which it comes there: the motion at
        one goes on at the next. From 1.5 free amplitudes down to 0.1 otherwise.
    resonance_frequency, spring_constant, quality_factor : float or sequence, Hz, N/m and 1
        Of the mode, or of several.
    drive_frequency : float, Hz
        That of the first mode otherwise.
    free_amplitude : float, nm
        Of the first mode far from the surface.
    radius : float, nm
        Of the tip.
    modulus : float, Pa
        Young's modulus of the surface after any relaxation.
    relaxing_modulus, relaxation_time : float, Pa and s
        Of an arm of Maxwell beside it, which makes it a standard linear solid.
    viscosity : float, Pa s
        Of a dashpot beside it, as in a solid of Kelvin and Voigt.
    poisson_ratio : float
        Of the surface.
    hamaker : float, J
        Of the attraction.
    closest : float, nm
        Distance of atoms in contact.
    steps, periods : int
        Steps of the integration a period, and periods that are measured after the motion has
        settled (for four times the largest quality factor, and 20 more).

    Returns
    -------
    Dataset, shape (z)
        Along the distance ``z``: ``amplitude`` and mean ``deflection`` (nm), ``phase`` of the lag
        behind the drive (90 degrees at the resonance of a free cantilever), ``dissipation`` of the
        surface in a period and the ``virial`` (eV), ``peak_force`` (nN), ``drive_work`` and
        ``damping_work`` (eV): what the drive gives in a period and the damping of the cantilever
        takes.

    Raises
    ------
    DataError
        Numbers are not positive, modes do not agree, or steps are too few.

    Notes
    -----
    :math:`\ddot z_n + \omega_n \dot z_n / Q_n + \omega_n^2 z_n = \omega_n^2 (F_0 \cos\omega t +
    F_{ts}) / k_n`, integrated by Runge and Kutta's fourth order. The force of the surface is that
    of Derjaguin, Muller and Toporov [1]_ with the arm and the dashpot of the material, whose
    contact radius is :math:`\sqrt{R \delta}`. Drive work is damping work plus dissipation once
    the motion repeats itself.

    References
    ----------
    .. [1] R. García, R. Pérez, *Surf. Sci. Rep.* 47, 197 (2002).
    """
    rows = [np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in (
        resonance_frequency, quality_factor, spring_constant,
    )]  # fmt: skip
    if len({each.size for each in rows}) > 1:
        message = (
            "resonance_frequency, quality_factor and spring_constant must be of as many modes, got "
            f"{[each.size for each in rows]}"
        )
        raise DataError(message)
    require_positive(
        free_amplitude=free_amplitude, radius=radius, closest=closest, modulus=modulus,
        relaxation_time=relaxation_time,
        **{f"value {n} of the modes": float(v) for n, v in enumerate(np.concatenate(rows))},
    )  # fmt: skip
    if steps < 50 or periods < 1 or min(relaxing_modulus, viscosity, hamaker) < 0:
        message = (
            "at least 50 steps a period and 1 period, and moduli, viscosity and hamaker of 0 or "
            f"more, are needed; got {steps}, {periods}, {relaxing_modulus}, {viscosity}, {hamaker}"
        )
        raise DataError(message)
    z = np.asarray(
        free_amplitude * np.linspace(1.5, 0.1, 57) if distances is None else distances, float
    )
    modes = np.stack([2 * np.pi * rows[0], rows[1], rows[2]], axis=1)
    omega = 2 * np.pi * (rows[0][0] if drive_frequency is None else float(drive_frequency))
    answer = mode_response(omega, *modes[0])
    drive = np.array([free_amplitude / _NANO / abs(answer), omega])
    root = np.sqrt(radius / _NANO)
    reduced = 4.0 / 3.0 / (1.0 - poisson_ratio**2) * root
    contact = np.array([
        hamaker * radius / _NANO / 6.0, closest / _NANO, reduced * modulus,
        reduced * relaxing_modulus, relaxation_time, viscosity * root,
    ])  # fmt: skip
    settle = int(np.ceil(4.0 * rows[1].max())) + 20
    state = _free_motion(modes, drive)
    found = np.empty((len(z), len(physics.COLUMNS)))
    for number, height in enumerate(z):
        physics.oscillate_fast(
            modes, drive, contact, height / _NANO, np.array([steps, settle, periods]), state,
            found[number],
        )  # fmt: skip
    along = {"z": coordinate("z", z, "nm", quantity="distance")}
    made = {
        name: (xr.DataArray(found[:, n] * _UNITS[name][1], along, dims="z"), _UNITS[name][0])
        for n, name in enumerate(physics.COLUMNS)
    }
    truth = {
        "drive_force": float(drive[0]), "modulus": modulus, "relaxing_modulus": relaxing_modulus,
        "viscosity": viscosity, "free_amplitude": free_amplitude,
    }  # fmt: skip
    return result(**made).assign_attrs(metadata={"technique": "AFM", "truth": truth})


def mode_response(omega: float, resonance: float, q: float, stiffness: float) -> complex:
    """Return the motion of a mode for a unit of force."""
    away = resonance**2 - omega**2 + 1j * omega * resonance / q
    return complex(resonance**2 / stiffness / away)


def _free_motion(modes: np.ndarray, drive: np.ndarray) -> np.ndarray:
    """Return positions and speeds of a free cantilever at the time 0, and no force of the arm."""
    state = np.zeros(2 * len(modes) + 1)
    for number, mode in enumerate(modes):
        answer = drive[0] * mode_response(drive[1], *mode)
        state[2 * number] = answer.real
        state[2 * number + 1] = -drive[1] * answer.imag
    return state
