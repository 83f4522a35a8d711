"""Force curves: what a cantilever feels while it is brought to a surface and taken back."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, require_choice
from omniscopy.physics import contact, viscoelasticity
from omniscopy.physics.contact import INDENTERS, Indenter
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive

Part = Literal["approach", "retract", "both"]
# Young's modulus falls along x to this part of what it is at the left.
_SOFTEST = 0.4


@operation(example={"shape": (2, 3), "points": 120}, lazy=False)
def force_map(  # noqa: PLR0913 - the numbers of an experiment
    shape: tuple[int, ...] = (4, 6),
    *,
    points: int = 400,
    part: Part = "approach",
    model: Indenter = "hertz",
    modulus: float = 20e3,
    radius: float = 2.5e-6,
    half_angle: float = 20.0,
    poisson_ratio: float = 0.5,
    thickness: float | None = None,
    adhesion: float = 0.0,
    spring_constant: float = 0.05,
    travel: tuple[float, float] = (-1.0, 1.0),
    tilt: float = 20.0,
    offset: float = 0.1,
    largest: float | None = None,
    speed: float = 2.0,
    noise: float = 0.02,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate force curves on the points of a map.

    Parameters
    ----------
    shape : tuple of int
        Points along y and x; one curve for ``()``.
    points : int
        Of approach and of retract.
    part : {"approach", "retract", "both"}
        What of the cycle is recorded; both follow each other in one record.
    model : {"hertz", "cone", "pyramid", "sneddon", "sneddon_series", "dmt", "jkr"}
        The contact.
    modulus : float, Pa
        Young's modulus at the left of the map; it falls linearly to 40 % of it at the right.
    radius : float, m
        Of paraboloids and spheres.
    half_angle : float, degrees
        Of cones and pyramids.
    poisson_ratio : float
        Of the sample.
    thickness : float, m
        Of a sample on something rigid; left out, it is thick.
    adhesion : float, nN
        Largest attraction. Contacts that do not stick have it on the way back only, as a constant
        force until the depth is 0.
    spring_constant : float, N/m
        Of the cantilever.
    travel : (float, float), µm
        Of the base, from the point where the undeformed surface is reached.
    tilt : float, pN/µm
        Of the baseline, per travel.
    offset : float, nN
        Of the baseline, at the surface.
    largest : float, nN
        Where the detector is saturated; nowhere if left out.
    speed : float, µm/s
        Of the base.
    noise : float, nN
        Standard deviation of the noise of the force.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, time), nN
        With the height ``z`` of the base in nm, which falls on the approach.

    Raises
    ------
    DataError
        `model` or `part` is unknown; modulus, radius, spring constant or speed is not positive; or
        the shape, the number of points or `travel` is not of the form above.

    Notes
    -----
    The force of the contact equals that of the cantilever, :math:`F(\delta) = k (s - \delta)` for
    a travel :math:`s`, on the branch of the direction of the motion: a contact that sticks is
    left where that branch ends. The truth has ``modulus`` (Pa) along x, ``contact`` (z in nm).
    """
    require_choice("model", model, INDENTERS)
    require_choice("part", part, ("approach", "retract", "both"))
    require_positive(modulus=modulus, radius=radius, spring_constant=spring_constant, speed=speed)
    if len(shape) > 2 or points < 2 or not travel[0] < travel[1]:
        message = (
            f"a map has at most two dimensions, at least 2 points and travel (low, high), got "
            f"shape {shape}, points {points}, travel {travel}"
        )
        raise DataError(message)
    of = contact.law(
        model, radius=radius, half_angle=half_angle, poisson_ratio=poisson_ratio,
        thickness=thickness,
    )  # fmt: skip
    s = np.linspace(*travel, points)
    columns = shape[-1] if shape else 1
    moduli = modulus * np.linspace(1.0, _SOFTEST, columns) if columns > 1 else np.array([modulus])
    there = np.stack([_approach(of, each, adhesion, spring_constant, s) for each in moduli])
    back = np.stack([_retract(of, each, adhesion, spring_constant, s) for each in moduli])
    path, force = s, there
    if part == "retract":
        path, force = s[::-1], back[:, ::-1]
    elif part == "both":
        path, force = np.concatenate([s, s[::-1]]), np.concatenate([there, back[:, ::-1]], axis=1)
    force = force + offset + 1e-3 * tilt * path
    force = np.broadcast_to(force if shape else force[0], (*shape, len(path)))
    force = force + noise * np.random.default_rng(rng).standard_normal(force.shape)
    if largest is not None:
        force = np.minimum(force, largest)
    high = 1e3 * (travel[1] - travel[0])
    dims = ("y", "x")[2 - len(shape) :]
    coords: dict[str, Any] = grid(shape, 500.0, "nm", dims)
    step = (travel[1] - travel[0]) / (points - 1) / speed
    coords["time"] = coordinate("time", step * np.arange(len(path)), "s", role="signal")
    height = high - 1e3 * (path - travel[0])
    coords["z"] = ("time", height, {"units": "nm", "quantity": "height"})
    made = measurement(
        xr.DataArray(force, coords, dims=(*dims, "time")),
        title="Force", quantity="force", units="nN", modality="AFM",
        truth={
            "modulus": moduli.tolist(), "contact": high + 1e3 * travel[0], "adhesion": adhesion,
            "noise": noise, "tilt": tilt, "offset": offset, "model": model,
        },
    )  # fmt: skip
    metadata = {**made.attrs["metadata"], "probe": {"spring_constant": spring_constant}}
    return made.assign_attrs(metadata=metadata)


@operation(example={"points": 120}, lazy=False)
def force_curve(
    *, points: int = 400, part: Part = "both", adhesion: float = 0.5, noise: float = 0.02,
    rng: Random = 0,
) -> xr.DataArray:  # fmt: skip
    r"""Simulate one force curve, such as `force_map` makes them, in one record.

    Parameters
    ----------
    points : int
        Of approach and of retract.
    part : {"approach", "retract", "both"}
        What of the cycle is recorded.
    adhesion : float, nN
        Largest attraction on the way back.
    noise : float, nN
        Standard deviation of the noise of the force.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (time), nN
        With the height ``z`` in nm.

    Notes
    -----
    :math:`F(\delta) = k (s - \delta)`, as in `force_map`.
    """
    return force_map((), points=points, part=part, adhesion=adhesion, noise=noise, rng=rng)


@operation(example={"points": 60}, lazy=False)
def force_relaxation(  # noqa: PLR0913 - the numbers of an experiment
    *, points: int = 200, duration: float = 5.0, relaxed: float = 10e3, relaxing: float = 15e3,
    relaxation_time: float = 0.8, indentation: float = 5e-7, radius: float = 2.5e-6,
    noise: float = 0.05, rng: Random = 0,
) -> xr.DataArray:  # fmt: skip
    r"""Simulate the force on a paraboloid that is held in a standard linear solid.

    Parameters
    ----------
    points : int
        Samples.
    duration : float, s
        From just after the indentation on.
    relaxed, relaxing : float, Pa
        :math:`E_\infty` and :math:`E_1` of :math:`E(t) = E_\infty + E_1 e^{-t/\tau}`.
    relaxation_time : float, s
        :math:`\tau`.
    indentation : float, m
        Which is held.
    radius : float, m
        Of the paraboloid; the Poisson ratio is 1/2.
    noise : float, nN
        Standard deviation of the noise of the force.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (time), nN
        With the truth in the metadata.

    Raises
    ------
    DataError
        `points`, `duration`, `relaxation_time`, `indentation` or `radius` is not positive.

    Notes
    -----
    :math:`F = \frac{16}{9} \sqrt R\, \delta^{3/2} E(t)`, after a step of the depth [1]_.

    References
    ----------
    .. [1] E. H. Lee, J. R. M. Radok, *J. Appl. Mech.* 27, 438 (1960).
    """
    require_positive(points=points, duration=duration, relaxation_time=relaxation_time)
    require_positive(indentation=indentation, radius=radius)
    time = duration * np.arange(1, points + 1) / points
    unit = 1e9 * float(contact.force(contact.law("hertz", radius=radius), indentation, 1.0)[0])
    force = unit * (relaxed + relaxing * np.exp(-time / relaxation_time))
    force = force + noise * np.random.default_rng(rng).standard_normal(points)
    values = xr.DataArray(
        force, {"time": coordinate("time", time, "s", role="signal")}, dims="time"
    )
    return measurement(
        values, title="Force", quantity="force", units="nN", modality="AFM",
        truth={"relaxed": relaxed, "relaxing": relaxing, "relaxation_time": relaxation_time},
    )  # fmt: skip


@operation(example={"points": 60}, lazy=False)
def force_creep(  # noqa: PLR0913 - the numbers of an experiment
    *, points: int = 300, duration: float = 1.0, most: float = 20.0, glassy: float = 2e-5,
    compliances: tuple[float, ...] = (8e-5,), times: tuple[float, ...] = (0.1,),
    fluidity: float = 0.0, radius: float = 2.5e-6, noise: float = 0.5, rng: Random = 0,
) -> xr.DataArray:  # fmt: skip
    r"""Simulate how deep a sphere goes into Voigt elements in series, under a rising force.

    Parameters
    ----------
    points : int
        Samples.
    duration : float, s
        From the contact on.
    most : float, nN
        The force at the end; it rises evenly.
    glassy : float, 1/Pa
        Compliance in shear of the spring alone.
    compliances, times : tuple of float, 1/Pa and s
        Of the elements.
    fluidity : float, 1/(Pa s)
        Of the dashpot alone.
    radius : float, m
        Of the sphere; the Poisson ratio is 1/2.
    noise : float, nm
        Standard deviation of the noise of the depth.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (time), nN
        With the coordinate ``indentation`` in nm along the time.

    Raises
    ------
    DataError
        `points`, `duration`, `most` or `radius` is not positive.

    Notes
    -----
    :math:`\delta^{3/2} = \frac{3}{16 \sqrt R} \int J(t - s)\, dF(s)` [1]_, with :math:`J = J_g +
    \sum_i J_i (1 - e^{-t/\tau_i}) + \varphi t`.

    References
    ----------
    .. [1] E. H. Lee, J. R. M. Radok, *J. Appl. Mech.* 27, 438 (1960).
    """
    require_positive(points=points, duration=duration, most=most, radius=radius)
    time = duration * np.arange(points) / max(points - 1, 1)
    force = 1e-9 * most * time / duration
    columns = viscoelasticity.creep_histories(force, float(time[1] - time[0]), times, flows=True)
    response = np.array([glassy, *compliances, fluidity]) @ columns
    depth = 1e9 * (response * 3.0 / (16.0 * radius**0.5)) ** (2.0 / 3.0)
    depth = depth + noise * np.random.default_rng(rng).standard_normal(points)
    attrs = {"units": "nm", "quantity": "indentation", "long_name": "Indentation"}
    values = xr.DataArray(
        1e9 * force,
        {
            "time": coordinate("time", time, "s", role="signal"),
            "indentation": ("time", depth, attrs),
        },
        dims="time",
    )
    return measurement(
        values, title="Force", quantity="force", units="nN", modality="AFM",
        truth={"glassy": glassy, "compliances": list(compliances), "times": list(times),
               "fluidity": fluidity},
    )  # fmt: skip


def _approach(
    of: contact.Law, modulus: float, adhesion: float, spring: float, s: np.ndarray
) -> np.ndarray:
    """Return the force in nN on the way there; `s` is in µm."""
    more = (1e-9 * adhesion,) if of.sticks else ()
    depth, force = _equilibrium(of, (modulus, *more), spring, 1e-6 * s)
    return np.where(depth > 0.0, 1e9 * force, 0.0) if not of.sticks else np.where(
        s > 0.0, 1e9 * force, 0.0
    )  # fmt: skip


def _retract(
    of: contact.Law, modulus: float, adhesion: float, spring: float, s: np.ndarray
) -> np.ndarray:
    """Return the force in nN on the way back; `s` is in µm."""
    if of.sticks:
        depth, force = _equilibrium(of, (modulus, 1e-9 * adhesion), spring, 1e-6 * s)
        return np.where(np.isfinite(depth), 1e9 * force, 0.0)
    held = 1e-9 * adhesion
    depth, force = _equilibrium(of, (modulus,), spring, 1e-6 * s + held / spring)
    return np.where(depth > 0.0, 1e9 * (force - held), 0.0)


def _equilibrium(
    of: contact.Law, parameters: tuple[float, ...], spring: float, s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return depth and force where contact and cantilever are in balance; NaN where they are not.

    Newton's method from a depth that is surely too large: the force is convex.
    """
    attraction = parameters[1] if len(parameters) > 1 else 0.0
    depth = s + attraction / spring
    for _ in range(100):
        value, slope = contact.force(of, depth, *parameters)
        # Without a slope (out of contact) the depth is the travel.
        change = (depth + value / spring - s) / (1.0 + slope / spring)
        depth = depth - change
        if np.all(np.abs(change) <= 1e-15 * np.abs(depth) + 1e-21):
            break
    value, slope = contact.force(of, depth, *parameters)
    left = np.abs(depth + value / spring - s) > 1e-9 * np.ptp(s)
    lost = left | (1.0 + slope / spring <= 0.0) | ((value == 0.0) & (attraction > 0.0))
    return np.where(lost, np.nan if attraction > 0.0 else s, depth), np.where(lost, 0.0, value)
