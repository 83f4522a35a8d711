"""Cantilevers that are driven while their resonance changes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr

from omniscopy.compute.threads import share_work
from omniscopy.model import DataError, coordinate, operation, require_choice
from omniscopy.physics import cantilevers
from omniscopy.physics.cantilevers import RELAXATIONS
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive

# Steps a period of the resonance, at least.
_STEPS = 20
# Nodes of the integration that a thread works on at a time.
_NODES = 2**17

Numbers = dict[str, np.ndarray]


@dataclass(frozen=True)
class MechanicalDrive:
    """The base of the cantilever is shaken.

    Attributes
    ----------
    frequency : float, Hz
        The resonance if left out.
    amplitude : float, m
        Of the motion before anything changes.
    """

    frequency: float | None = None
    amplitude: float = 16.6e-9


@dataclass(frozen=True)
class ElectricDrive:
    r"""A voltage between tip and sample.

    The force is :math:`C' (V_{dc} - V_{cpd} + V_{ac} \sin \omega t)^2 / 2`.

    Attributes
    ----------
    frequency : float, Hz
        The resonance if left out.
    ac_voltage, dc_voltage : float, V
    contact_potential, contact_potential_change : float, V
        Before the trigger, and how much it has changed in the end.
    capacitance_gradient : float, F/m
    """

    frequency: float | None = None
    ac_voltage: float = 1.0
    dc_voltage: float = 1.0
    contact_potential: float = 0.0
    contact_potential_change: float = 0.0
    capacitance_gradient: float = 1e-9


@dataclass(frozen=True)
class ChirpDrive:
    """A force whose frequency rises linearly, from the trigger on; at rest before.

    Attributes
    ----------
    start, stop : float, Hz
    length : float, s
        How long the force lasts.
    drive_force : float, N
    """

    start: float = 150e3
    stop: float = 400e3
    length: float = 4e-4
    drive_force: float = 1e-9


Drive = MechanicalDrive | ElectricDrive | ChirpDrive


@operation(example={"duration": 2e-4, "trigger": 5e-5}, lazy=False)
def cantilever(  # noqa: PLR0913 - the numbers of an experiment
    relaxation: Literal["exponential", "biexponential", "stretched", "step"]
    | Sequence[float] = "exponential",
    *,
    drive: Drive = MechanicalDrive(),
    tau: float | Sequence[float] = 1e-5,
    second_tau: float = 1e-4,
    exponent: float = 0.5,
    resonance_frequency: float = 277261.0,
    spring_constant: float = 26.2,
    quality_factor: float = 432.0,
    frequency_shift: float = -170.0,
    force: float = 3.7e-9,
    trigger: float = 5e-4,
    duration: float = 1e-3,
    sampling_rate: float = 1e7,
    synchronised: bool = True,
    maps: xr.Dataset | None = None,
    noise: float = 0.0,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate the deflection of a driven cantilever whose resonance changes at a trigger.

    Parameters
    ----------
    relaxation : {"exponential", "biexponential", "stretched", "step"} or sequence of float
        How the change comes, from 0 to 1: :math:`1-e^{-t/\tau}`, :math:`1-(e^{-t/\tau} +
        e^{-t/\tau_2})/2`, :math:`1-e^{-(t/\tau)^\beta}` or at once; or its values at the samples
        from the trigger on, the last of which stays.
    drive : MechanicalDrive, ElectricDrive or ChirpDrive
        What makes the cantilever move.
    tau : float or sequence of float, s
        Time of the relaxation; several make a dimension `tau`.
    second_tau : float, s
        Of the biexponential relaxation.
    exponent : float
        Of the stretched relaxation.
    resonance_frequency : float, Hz
        Before the trigger.
    spring_constant : float, N/m
        It says what mass there is.
    quality_factor : float
        Above 1/2.
    frequency_shift : float, Hz
        What the resonance has shifted by in the end.
    force : float, N
        Attraction that comes with the change.
    trigger : float, s
        When the change begins.
    duration : float, s
        From the first sample on.
    sampling_rate : float, Hz
        Samples a second.
    synchronised : bool
        Let the phase of the drive be 180° at the trigger, as instruments do it; it is 0 at time 0
        otherwise.
    maps : Dataset, optional
        Any of the numbers above or of the drive, by name, where they differ: along any dimensions.
    noise : float, m
        Standard deviation of every sample.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (..., time), m
        Deflection. ``attrs["metadata"]["truth"]`` holds the numbers (those in `maps` left out).

    Raises
    ------
    DataError
        A number that must be positive is not, the trigger is outside of the data, or `maps` has a
        name that is not known.

    Notes
    -----
    :math:`\ddot z = f(t) - \omega \dot z / Q - \omega^2 z` with :math:`\omega = \omega_0 +
    2 \pi \Delta f\, G(t - t_0)` and the relaxation `G`. Until the trigger :math:`t_0` the motion
    is the steady state, exactly. From there on it is integrated in fixed steps, at least 20 a
    period, in the frame of the free oscillation: the error is below 1e-6 of the amplitude (1e-7
    at the resonance) as long as the resonance shifts by less than a hundredth.

    The model is that of [1]_.

    References
    ----------
    .. [1] D. U. Karatay, J. S. Harrison, M. S. Glaz, R. Giridharagopal, D. S. Ginger, *Rev. Sci.
       Instrum.* 87, 053702 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.simulate.cantilever(tau=1e-5).sizes["time"]
    10000
    """
    change = _change(relaxation, sampling_rate)
    given: dict[str, Any] = {
        "tau": tau, "second_tau": second_tau, "exponent": exponent,
        "resonance_frequency": resonance_frequency, "spring_constant": spring_constant,
        "quality_factor": quality_factor, "frequency_shift": frequency_shift, "force": force,
    }  # fmt: skip
    if not isinstance(tau, int | float):
        several = coordinate("tau", tau, "s", kind="parameter", quantity="time")
        given["tau"] = xr.DataArray(several.values, {"tau": several}, dims="tau")
    given |= {field.name: getattr(drive, field.name) for field in fields(drive)}
    names = _with_maps(given, maps)
    shape, dims, coords, numbers = _rows(names)
    _require(numbers, sampling_rate, duration)
    samples = round(duration * sampling_rate)
    if not (0 <= trigger < duration and samples >= 2):
        message = f"the trigger at {trigger} s must be within the {samples} samples of {duration} s"
        raise DataError(message)
    # The drive is sin(omega (t - origin)).
    origin = np.zeros_like(numbers["tau"])
    if synchronised and "frequency" in numbers:
        origin = trigger - 0.5 / numbers["frequency"]
    z = np.empty((len(origin), samples))
    rate = float(np.max(numbers["resonance_frequency"]))
    substeps = max(1, math.ceil(_STEPS * rate / sampling_rate))
    block = max(1, _NODES // (2 * samples * substeps))

    def work(begin: int) -> None:
        rows = {name: values[begin : begin + block] for name, values in numbers.items()}
        shifted = origin[begin : begin + block, None]
        motion = _Motion(drive, rows, shifted, trigger, change)
        motion.fill(z[begin : begin + block], sampling_rate, substeps)

    share_work(work, range(0, len(z), block))
    if noise:
        z += noise * np.random.default_rng(rng).standard_normal(z.shape)
    time = coordinate("time", np.arange(samples) / sampling_rate, "s")
    values = xr.DataArray(
        z.reshape(*shape, samples), {**coords, "time": time}, dims=(*dims, "time")
    )
    truth = {name: each for name, each in given.items() if maps is None or name not in maps}
    truth |= {"tau": list(tau)} if "tau" in truth and isinstance(tau, Sequence) else {}
    truth |= {"trigger": trigger, "relaxation": relaxation if change.sampled is None else "sampled"}
    made = measurement(
        values, title="Deflection of a cantilever", quantity="deflection", units="m",
        modality="AFM", truth=truth,
    )  # fmt: skip
    probe = {"spring_constant": spring_constant, "drive_frequency": truth.get("frequency")}
    made.attrs["metadata"] |= {
        "probe": {name: each for name, each in probe.items() if each is not None},
        "stimulus": {"trigger": trigger},
    }
    return made


@operation(example={"shape": (1, 2)}, lazy=False)
def transients(
    shape: tuple[int, int] = (2, 3),
    *,
    tau: tuple[float, float] = (1e-5, 4e-5),
    frequency_shift: tuple[float, float] = (-100.0, -60.0),
    sampling: float = 20.0,
    noise: float = 1e-11,
    rng: Random = 0,
) -> xr.DataArray:
    """Simulate transients of a soft cantilever on a sample that reacts more slowly along x.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    tau : (float, float), s
        Time of the change at the first and at the last point along x, in equal ratios between.
    frequency_shift : (float, float), Hz
        Shift of the resonance at the first and at the last point along y.
    sampling : float, nm
        Distance of the points.
    noise : float, m
        Standard deviation of every sample.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, time), m
        Deflections of a cantilever of 60 kHz and a quality factor of 60, at 1 MHz, with a trigger
        at 0.2 ms of 1 ms.

    Raises
    ------
    DataError
        The shape has no points, or `tau` or `sampling` is not positive.

    Notes
    -----
    The equation of motion is that of `cantilever`.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.simulate.transients().dims
    ('y', 'x', 'time')
    """
    require_positive(first=tau[0], last=tau[1])
    coords = grid(shape, sampling, "nm", ("y", "x"))
    maps = xr.Dataset(
        {
            "frequency_shift": ("y", np.linspace(*frequency_shift, shape[0])),
            "tau": ("x", np.geomspace(*tau, shape[1])),
        },
        coords,
    )
    made = cantilever(
        maps=maps, resonance_frequency=60e3, quality_factor=60.0, spring_constant=2.0,
        force=1e-11, trigger=2e-4, duration=1e-3, sampling_rate=1e6, noise=noise, rng=rng,
    )  # fmt: skip
    truth = made.attrs["metadata"]["truth"]
    truth |= {"tau": list(tau), "frequency_shift": list(frequency_shift)}
    return made.transpose("y", "x", "time")


def _with_maps(given: dict[str, Any], maps: xr.Dataset | None) -> dict[str, xr.DataArray]:
    """Return every number as labelled data; the drive is at the resonance unless it says where."""
    known = dict(given)
    if maps is not None:
        unknown = [str(name) for name in maps.data_vars if name not in known]
        if unknown:
            message = f"maps hold {unknown}, which are none of {sorted(known)}"
            raise DataError(message)
        known |= {str(name): values for name, values in maps.data_vars.items()}
    if "frequency" in known and known["frequency"] is None:
        known["frequency"] = known["resonance_frequency"]
        if not isinstance(known["frequency"], xr.DataArray):
            given["frequency"] = known["frequency"]
    return {name: xr.DataArray(each) for name, each in known.items()}


def _rows(
    names: dict[str, xr.DataArray],
) -> tuple[tuple[int, ...], tuple[Any, ...], dict[str, Any], Numbers]:
    """Return shape, dimensions and coordinates of all numbers, and each as a row."""
    wide = xr.broadcast(*names.values())
    rows = {
        name: np.asarray(values.values, dtype=np.float64).ravel()
        for name, values in zip(names, wide, strict=True)
    }
    first = wide[0]
    coords = {str(dim): first.coords[dim].variable for dim in first.dims if dim in first.coords}
    return wide[0].shape, wide[0].dims, coords, rows


def _require(numbers: Numbers, sampling_rate: float, duration: float) -> None:
    require_positive(sampling_rate=sampling_rate, duration=duration)
    for name in (
        "tau", "second_tau", "exponent", "resonance_frequency", "spring_constant",
        "quality_factor", "frequency", "start", "stop", "length",
    ):  # fmt: skip
        if name in numbers and not (numbers[name] > 0).all():
            message = f"{name} must be positive, got {numbers[name].min():g}"
            raise DataError(message)
    if not (numbers["quality_factor"] > 0.5).all():
        message = "quality_factor must be above 1/2: the cantilever must oscillate"
        raise DataError(message)


class _Change(NamedTuple):
    """How the change comes."""

    kind: cantilevers.Relaxation
    sampled: np.ndarray | None
    sampling_rate: float

    def at(self, t: np.ndarray, rows: Numbers) -> np.ndarray:
        """Return how far it has come at times since the trigger, shape (cantilevers, times)."""
        if self.sampled is not None:
            own = np.arange(len(self.sampled)) / self.sampling_rate
            return np.interp(t, own, self.sampled)
        tau, second, exponent = (rows[each][:, None] for each in ("tau", "second_tau", "exponent"))
        return np.asarray(cantilevers.relaxation(t, self.kind, tau, second, exponent))


def _change(relaxation: cantilevers.Relaxation | Sequence[float], sampling_rate: float) -> _Change:
    if isinstance(relaxation, str):
        require_choice("relaxation", relaxation, RELAXATIONS)
        return _Change(relaxation, None, sampling_rate)
    sampled = np.asarray(relaxation, dtype=np.float64)
    if sampled.ndim != 1 or not sampled.size or not np.isfinite(sampled).all():
        message = "relaxation must be a row of finite numbers, one for each sample from the trigger"
        raise DataError(message)
    return _Change("step", sampled, sampling_rate)


class _Motion(NamedTuple):
    """Cantilevers of a block, and what drives them."""

    drive: Drive
    rows: Numbers
    origin: np.ndarray
    trigger: float
    change: _Change

    def fill(self, z: np.ndarray, sampling_rate: float, substeps: int) -> None:
        """Write the samples of the motion."""
        count, samples = z.shape
        omega_0, q = 2.0 * np.pi * self.rows["resonance_frequency"], self.rows["quality_factor"]
        first = min(int(np.floor(self.trigger * sampling_rate + 1e-9)) + 1, samples)
        z[:, :first] = self._steady(np.arange(first) / sampling_rate)[0]
        if first == samples:
            return
        steps = np.array([first / sampling_rate - self.trigger, 1.0 / sampling_rate])
        since = _nodes(steps, samples - first, substeps)
        g = self.change.at(since, self.rows)
        omega = omega_0[:, None] + 2.0 * np.pi * self._column("frequency_shift") * g
        start = np.concatenate(self._steady(np.array([self.trigger])), axis=-1)
        z[:, first:] = cantilevers.oscillate(
            omega, self._acceleration(since, g), np.tile(steps, (count, 1)), omega_0, q, start,
            substeps,
        )  # fmt: skip

    def _column(self, name: str) -> np.ndarray:
        return self.rows[name][:, None]

    def _mass(self) -> np.ndarray:
        omega_0 = 2.0 * np.pi * self._column("resonance_frequency")
        return self._column("spring_constant") / omega_0**2

    def _harmonics(self) -> list[tuple[np.ndarray | float, np.ndarray]]:
        """Return (rad/s, m/s²) before the change: the imaginary part is the acceleration."""
        if isinstance(self.drive, ChirpDrive):
            return []
        omega = 2.0 * np.pi * self._column("frequency")
        if isinstance(self.drive, MechanicalDrive):
            return [(omega, self._shaken() + 0j)]
        ac, dc = self._column("ac_voltage"), self._column("dc_voltage")
        dc = dc - self._column("contact_potential")
        half = 0.5 * self._column("capacitance_gradient") / self._mass()
        return [
            (0.0, 1j * half * (dc**2 + 0.5 * ac**2)),
            (omega, 2.0 * half * dc * ac + 0j),
            (2.0 * omega, -0.5j * half * ac**2),
        ]

    def _steady(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return position and velocity before the change."""
        omega_0 = 2.0 * np.pi * self._column("resonance_frequency")
        shape = len(omega_0), len(t)
        z, v = np.zeros(shape), np.zeros(shape)
        for omega, acceleration in self._harmonics():
            response = cantilevers.static_response(omega, omega_0, self._column("quality_factor"))
            phasor = acceleration * response * np.exp(1j * omega * (t - self.origin))
            z += phasor.imag
            v += (1j * omega * phasor).imag
        return z, v

    def _shaken(self) -> np.ndarray:
        omega_0 = 2.0 * np.pi * self._column("resonance_frequency")
        omega = 2.0 * np.pi * self._column("frequency")
        response = cantilevers.static_response(omega, omega_0, self._column("quality_factor"))
        return self._column("amplitude") / np.abs(response)

    def _acceleration(self, since: np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return the driving force by mass at times since the trigger."""
        mass = self._mass()
        attraction = -self._column("force") / mass * g
        if isinstance(self.drive, ChirpDrive):
            start, stop = self._column("start"), self._column("stop")
            length = self._column("length")
            phase = 2.0 * np.pi * (start + 0.5 * (stop - start) * since / length) * since
            push = self._column("drive_force") / mass * np.sin(phase)
            return np.asarray(attraction + np.where(since <= length, push, 0.0))
        time = since + self.trigger - self.origin
        sine = np.sin(2.0 * np.pi * self._column("frequency") * time)
        if isinstance(self.drive, MechanicalDrive):
            return np.asarray(attraction + self._shaken() * sine)
        contact = self._column("contact_potential") + self._column("contact_potential_change") * g
        voltage = self._column("dc_voltage") - contact + self._column("ac_voltage") * sine
        half = 0.5 * self._column("capacitance_gradient") / mass
        return np.asarray(attraction + half * voltage**2)


def _nodes(steps: np.ndarray, samples: int, substeps: int) -> np.ndarray:
    """Return beginning, middle and end of every step, in times since the trigger."""
    part = np.arange(2 * substeps + 1) / (2.0 * substeps)
    more = np.arange(1, 2 * substeps * (samples - 1) + 1) / (2.0 * substeps)
    return np.concatenate([steps[0] * part, steps[0] + steps[1] * more])
