"""Differential phase contrast: from centres of mass to fields, charges and phases."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.diffraction.deflections import gradients
from omniscopy.diffraction.deflections.gradients import BOUNDARIES, Boundary
from omniscopy.diffraction.deflections.measures import (
    Background,
    components,
    finite,
    per_nm,
    require_background,
    require_voltage,
)
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_choice,
    require_same_direction,
    result,
)
from omniscopy.physics import electron

# e / nm^2 per V / nm: the vacuum permittivity (CODATA 2018).
_PERMITTIVITY = 8.8541878128e-12 / 1.602176634e-19 * 1e-9

_COLUMNS = (
    "rotation", "rotation_std", "flip", "curl", "status", "deflection_y", "deflection_x", "phase",
    "divergence",
)  # fmt: skip


@operation(example={"com": "deflections"})
def fit_dpc(
    com: xr.Dataset,
    *,
    rotation: float | None = None,
    flip: bool | None = None,
    background: Background = "mean",
    dark_field: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find how the detector is turned against the scan, and turn the deflections back.

    Parameters
    ----------
    com : Dataset, shape (..., y, x)
        ``com_y`` and ``com_x`` of `measure_com`; lazy or in memory.
    rotation : float, degrees
        By how much deflections are turned, from +x towards +y; found otherwise.
    flip : bool
        Whether the deflection along ky is negated before it is turned; found otherwise.
    background : {"mean", "plane", "none"}
        What is taken off first: their mean, or a plane for a scan that moves the beam.
    dark_field : DataArray, shape (..., y, x)
        An image that is bright at atoms, such as an annular dark field, to tell a rotation from
        the one half a turn away.
    dims : (str, str)
        The dimensions of the scan; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``deflection_y`` and ``deflection_x`` in units of `com`; ``rotation`` with
        ``rotation_std`` in degrees (0 where it was given), ``flip``, and ``curl``, the root of
        the mean square of the curl that is left, as a part of that of the divergence: near 0 for
        a phase object without noise. ``status``: 4 (no data) where fewer than 9 positions have a
        deflection, or all the same one and the rotation is to be found.

    Raises
    ------
    DataError
        There is no scan of at least 3 by 3 positions, or its coordinates are not lengths.

    Notes
    -----
    The deflection by a phase object is a gradient, whose curl is 0. Turned by :math:`\theta`, a
    field of divergence D and curl C has the curl :math:`C \cos\theta + D \sin\theta`, whose mean
    square is least for :math:`\tan 2\theta = -2 \langle C D \rangle / \langle D^2 - C^2 \rangle`,
    for both signs of ky, and is known but for half a turn. Of these the one is taken whose phase
    correlates with `dark_field`, or without that, the one whose divergence is skewed to negative
    values: atoms draw electrons to themselves. The standard deviation is that of a jackknife over
    parts of the scan.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.diffraction.fit_dpc(om.samples.deflections())
    >>> round(float(found["rotation"])), bool(found["flip"])
    (25, True)
    """
    found = _solve(com, _Turn(rotation, flip, background), dark_field, dims)
    units = components(com, dims)[0].attrs.get("units")
    return result(
        None,
        deflection_y=(found["deflection_y"], units),
        deflection_x=(found["deflection_x"], units),
        rotation=(found["rotation"], "deg"),
        rotation_std=(found["rotation_std"], "deg"),
        flip=(found["flip"].astype(bool), "1"),
        curl=(found["curl"], "1"),
        status=(found["status"], "1"),
    )


@operation(example={"com": "deflections", "voltage": 200e3})
def reconstruct_dpc(
    com: xr.Dataset,
    *,
    voltage: float | None = None,
    thickness: float | None = None,
    rotation: float | None = None,
    flip: bool | None = None,
    background: Background = "mean",
    dark_field: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Reconstruct the electric field and the charge that deflect the beam.

    Parameters
    ----------
    com : Dataset, shape (..., y, x)
        ``com_y`` and ``com_x`` of `measure_com`, or the deflections of `fit_dpc`.
    voltage : float, V
        Accelerating voltage; that of the metadata otherwise.
    thickness : float, nm
        Of the sample, for a field and a charge of a volume; projected ones otherwise.
    rotation, flip, background, dark_field, dims : see `fit_dpc`
        What is done before, and on which dimensions.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``field_y`` and ``field_x`` in V, projected along the beam, or in V/nm; ``charge`` in
        e/nm^2, or in e/nm^3; ``rotation``, ``rotation_std``, ``flip`` and ``status`` as in
        `fit_dpc`.

    Raises
    ------
    DataError
        There is no scan of at least 3 by 3 positions, deflections are no angles or reciprocal
        lengths, or the voltage is not known.

    Notes
    -----
    :math:`\int E\,dz = -2 \pi \bar k / \sigma = -h v \bar k / e`, with the interaction
    :math:`\sigma` of the electron, and :math:`\rho = \varepsilon_0 \nabla \cdot E` [1]_. Both
    are blurred by the probe.

    References
    ----------
    .. [1] K. Müller et al., *Nature Communications* 5, 5653 (2014).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.diffraction.reconstruct_dpc(om.samples.deflections(), voltage=200e3)
    >>> found["charge"].attrs["units"]
    'e/nm^2'
    """
    along_y = components(com, dims)[0]
    volts = require_voltage(voltage, com, along_y)
    length = _require_thickness(thickness)
    found = _solve(com, _Turn(rotation, flip, background), dark_field, dims)
    # 2 pi / sigma in V nm, and from V to V / nm.
    factor = -2.0 * np.pi / (10.0 * float(electron.interaction(volts))) / length
    factor *= per_nm(along_y, volts)
    each = "" if thickness is None else "/nm"
    area = "nm^2" if thickness is None else "nm^3"
    return result(
        None,
        field_y=(factor * found["deflection_y"], f"V{each}"),
        field_x=(factor * found["deflection_x"], f"V{each}"),
        charge=(_PERMITTIVITY * factor * found["divergence"], f"e/{area}"),
        rotation=(found["rotation"], "deg"),
        rotation_std=(found["rotation_std"], "deg"),
        flip=(found["flip"].astype(bool), "1"),
        status=(found["status"], "1"),
    )


@operation(example={"com": "deflections", "voltage": 200e3})
def reconstruct_idpc(  # noqa: PLR0913 - as `fit_dpc`, and how is integrated
    com: xr.Dataset,
    *,
    voltage: float | None = None,
    boundary: Boundary = "antisymmetric",
    high_pass: float | None = None,
    rotation: float | None = None,
    flip: bool | None = None,
    background: Background = "mean",
    dark_field: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Reconstruct the phase that a sample gives the beam, by integrating deflections.

    Parameters
    ----------
    com : Dataset, shape (..., y, x)
        ``com_y`` and ``com_x`` of `measure_com`, or the deflections of `fit_dpc`.
    voltage : float, V
        Accelerating voltage; that of the metadata otherwise. Without it there is a phase but no
        potential, and deflections must be reciprocal lengths.
    boundary : {"antisymmetric", "periodic", "padded"}
        How deflections go on outside the scan: mirrored, so that the phase is; repeated; as 0.
    high_pass : float, 1/nm
        Frequency below which the phase is damped, as :math:`k^2 / (k^2 + q^2)`; none otherwise.
    rotation, flip, background, dark_field, dims : see `fit_dpc`
        What is done before, and on which dimensions.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``phase`` in rad and, where the voltage is known, ``potential`` in V nm, projected along
        the beam; both have the mean 0. ``rotation``, ``rotation_std``, ``flip`` and ``status``
        as in `fit_dpc`. NaN where there is no deflection; for the others it counts as 0.

    Raises
    ------
    DataError
        There is no scan of at least 3 by 3 positions, or deflections are no angles or reciprocal
        lengths.

    Notes
    -----
    The deflection is :math:`\bar k = \nabla\varphi / 2\pi`, blurred by the probe [1]_, so that
    :math:`\hat\varphi = k \cdot \hat{\bar k} / (i k^2)`; the potential is
    :math:`\varphi / \sigma`.

    References
    ----------
    .. [1] I. Lazić, E. G. T. Bosch, S. Lazar, *Ultramicroscopy* 160, 265 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.diffraction.reconstruct_idpc(om.samples.deflections(), voltage=200e3)
    >>> found["phase"].attrs["units"], found["potential"].attrs["units"]
    ('rad', 'V nm')
    """
    along_y = components(com, dims)[0]
    require_choice("boundary", boundary, BOUNDARIES)
    if high_pass is not None and not high_pass > 0:
        message = f"high_pass must be a positive frequency in 1/nm, got {high_pass!r}"
        raise DataError(message)
    try:
        volts: float | None = require_voltage(voltage, com, along_y)
    except DataError:
        if voltage is not None:
            raise
        volts = None
    turn = _Turn(rotation, flip, background, boundary, high_pass)
    found = _solve(com, turn, dark_field, dims)
    phase = 2.0 * np.pi * per_nm(along_y, volts) * found["phase"]
    variables: dict[str, tuple[xr.DataArray, str | None]] = {"phase": (phase, "rad")}
    if volts is not None:
        variables["potential"] = (phase / (10.0 * float(electron.interaction(volts))), "V nm")
    return result(
        None,
        **variables,
        rotation=(found["rotation"], "deg"),
        rotation_std=(found["rotation_std"], "deg"),
        flip=(found["flip"].astype(bool), "1"),
        status=(found["status"], "1"),
    )


def _varies(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return whether values differ by more than rounding, for each image."""
    over = (-2, -1)
    high = np.where(known, values, -np.inf).max(axis=over, initial=-np.inf)
    low = np.where(known, values, np.inf).min(axis=over, initial=np.inf)
    size = np.where(known, np.abs(values), 0.0).max(axis=over, initial=0.0)
    return np.asarray(high - low > 1e-9 * size)


def _require_thickness(thickness: float | None) -> float:
    if thickness is not None and not thickness > 0:
        message = f"the thickness must be positive, in nm, got {thickness!r}"
        raise DataError(message)
    return 1.0 if thickness is None else float(thickness)


def _solve(
    com: xr.Dataset, turn: "_Turn", dark_field: xr.DataArray | None, dims: tuple[str, str] | None
) -> dict[str, xr.DataArray]:
    require_background(turn.background)
    along_y, along_x, plane, steps = components(com, dims)
    also = [along_x]
    if dark_field is not None:
        strange = set(map(str, dark_field.dims)) - set(map(str, along_y.dims))
        if strange or any(dark_field.sizes.get(d) != along_y.sizes[d] for d in plane):
            message = (
                f"the dark field must be an image of the scan {dict(along_y.sizes)}, got "
                f"{dict(dark_field.sizes)}"
            )
            raise DataError(message)
        require_same_direction(dark_field, along_y, what="the dark field")
        also.append(dark_field.drop_vars(list(dark_field.coords)))
    image = {dim: along_y.sizes[dim] for dim in plane}
    images = {"deflection_y", "deflection_x", "phase", "divergence"}
    made = map_signal(
        turn.run, along_y.astype(np.float64), dim=plane, also=also,
        output_dims=[image if name in images else {} for name in _COLUMNS],
        parameters={"steps": steps},
    )  # fmt: skip
    found = dict(zip(_COLUMNS, made, strict=True))
    coords = {dim: along_y.coords[dim] for dim in plane}
    return {
        name: each.assign_coords(coords) if name in images else each for name, each in found.items()
    }


@dataclass(frozen=True)
class _Turn:
    """How deflections are turned and integrated."""

    rotation: float | None
    flip: bool | None
    background: Background
    boundary: Boundary = "antisymmetric"
    high_pass: float | None = None

    def run(
        self, along_y: np.ndarray, along_x: np.ndarray, dark: np.ndarray | None = None, *,
        steps: tuple[float, float],
    ) -> tuple[np.ndarray, ...]:  # fmt: skip
        """Return the columns for deflections of shape (..., y, x)."""
        outer = along_y.shape[:-2]
        known = np.isfinite(along_y) & np.isfinite(along_x)
        enough = known.sum(axis=(-2, -1)) >= 9
        if self.rotation is None:
            enough &= _varies(along_y, known) | _varies(along_x, known)
        along_y, along_x = (self.without_background(each) for each in (along_y, along_x))
        flips = (False, True) if self.flip is None else (self.flip,)
        tried = [self.tried(along_y, along_x, steps, flip=flip) for flip in flips]
        best = np.argmin([np.nan_to_num(each[2], nan=np.inf) for each in tried], axis=0)
        angle, std, curl, flip = (
            np.choose(best, [each[n] for each in tried]) for n in range(4)
        )  # fmt: skip
        field = gradients.turned(along_y, along_x, angle, flip)
        sign = self.sign(field, dark, steps)
        angle = (angle + np.where(sign < 0, 180.0, 0.0) + 180.0) % 360.0 - 180.0
        angle = np.full(outer, self.rotation) if self.rotation is not None else angle
        field_y, field_x = (sign[..., None, None] * each for each in field)
        with np.errstate(invalid="ignore"):
            divergence = gradients.divergence_and_curl(field_y, field_x, *steps)[0]
        size = np.sqrt(np.mean(finite(divergence) ** 2, axis=(-2, -1)))
        phase = gradients.integrate(
            finite(field_y), finite(field_x), *steps, boundary=self.boundary,
            high_pass=self.high_pass,
        )  # fmt: skip
        there = known & enough[..., None, None]
        images = [np.where(there, each, np.nan) for each in (field_y, field_x, phase, divergence)]
        with np.errstate(invalid="ignore", divide="ignore"):
            numbers = [np.where(enough, each, np.nan) for each in (angle, std)]
            left = np.where(enough, curl / size, np.nan)
        status = np.where(enough, float(Status.CONVERGED), float(Status.NO_DATA))
        return (*numbers, flip.astype(np.float64), left, status, *images)

    def without_background(self, values: np.ndarray) -> np.ndarray:
        if self.background == "plane":
            return gradients.without_plane(values)
        if self.background == "none":
            return values
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=(-2, -1), keepdims=True), 1)
        return np.asarray(values - finite(values).sum(axis=(-2, -1), keepdims=True) / count)

    def tried(
        self, along_y: np.ndarray, along_x: np.ndarray, steps: tuple[float, float], *, flip: bool
    ) -> tuple[Any, ...]:
        """Return the rotation, its std, the curl that is left, and the flip."""
        outer = along_y.shape[:-2]
        flipped = np.full(outer, flip)
        if self.rotation is None:
            field = gradients.turned(along_y, along_x, np.zeros(outer), flipped)
            return (*gradients.find_turn(*field, *steps), flipped)
        angle = np.full(outer, float(self.rotation))
        field = gradients.turned(along_y, along_x, angle, flipped)
        with np.errstate(invalid="ignore"):
            curl = gradients.divergence_and_curl(*field, *steps)[1]
        left = np.sqrt(np.mean(finite(curl) ** 2, axis=(-2, -1)))
        return angle, np.zeros(outer), left, flipped

    def sign(
        self, field: tuple[np.ndarray, np.ndarray], dark: np.ndarray | None,
        steps: tuple[float, float],
    ) -> np.ndarray:  # fmt: skip
        """Return -1 where the field is turned by half a turn."""
        if self.rotation is not None:
            return np.ones(field[0].shape[:-2])
        if dark is None:
            with np.errstate(invalid="ignore"):
                values = finite(gradients.divergence_and_curl(*field, *steps)[0])
            away = values - values.mean(axis=(-2, -1), keepdims=True)
            return np.where((away**3).sum(axis=(-2, -1)) > 0, -1.0, 1.0)
        phase = gradients.integrate(finite(field[0]), finite(field[1]), steps[0], steps[1])
        bright = finite(np.asarray(dark, np.float64))
        bright = bright - bright.mean(axis=(-2, -1), keepdims=True)
        return np.where((phase * bright).sum(axis=(-2, -1)) < 0, -1.0, 1.0)
