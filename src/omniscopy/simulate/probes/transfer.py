"""Contrast transfer of a microscope."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, result
from omniscopy.physics import aberrations as lenses
from omniscopy.physics import electron
from omniscopy.physics.aberrations import Notation
from omniscopy.simulate.measurements import require_positive
from omniscopy.simulate.probes import lens


@operation(
    example={"voltage": 200e3, "aberrations": {"Cs": 1e7, "defocus": 600.0}, "points": 32},
    lazy=False,
)
def contrast_transfer(  # noqa: PLR0913 - each is a property of the microscope
    *,
    voltage: float,
    aberrations: Mapping[str, float] | None = None,
    notation: Notation = "krivanek",
    limit: float = 1.0,
    points: int = 512,
    dimensions: int = 1,
    azimuth: float = 0.0,
    focal_spread: float = 0.0,
    convergence: float = 0.0,
    aperture: float | None = None,
    amplitude_contrast: float = 0.0,
) -> xr.Dataset:
    r"""Return the contrast transfer function of a lens, with its envelopes.

    Parameters
    ----------
    voltage : float, V
        Accelerating voltage.
    aberrations : mapping of names to numbers, Å and degrees
        See `physics.aberrations.terms_of`; ``defocus`` is positive for underfocus.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the aberrations have.
    limit : float, 1/Å
        Largest spatial frequency.
    points : int
        Along k from 0 to the limit, or along ky and kx from one limit to the other.
    dimensions : {1, 2}
        Along one direction, or in the plane.
    azimuth : float, degrees
        Of that direction, from +x towards +y.
    focal_spread : float, Å
        Standard deviation of the defocus; see `physics.aberrations.focal_spread`.
    convergence : float, mrad
        Angle at which the Gaussian of directions of the illumination has fallen to 1/e.
    aperture : float, mrad
        Half angle of the objective aperture; none otherwise.
    amplitude_contrast : float
        Part of the contrast of a thin object that is absorption, such as 0.07 of ice.

    Returns
    -------
    Dataset, shape (k) or (ky, kx)
        ``transfer`` of phase contrast with all envelopes; ``phase`` (:math:`\chi`, rad),
        ``temporal_envelope``, ``spatial_envelope`` and ``aperture``.

    Raises
    ------
    DataError
        An argument is not as above.

    Notes
    -----
    :math:`T = A E_t E_s \sin(\chi - \arcsin w)`: the image of a thin object with the phases
    :math:`\varphi` is :math:`1 + 2 F^{-1}[T F[\varphi]]`. Where it is negative, as in the first
    band of an underfocused lens, atoms are dark.

    Envelopes are those of [1]_ and [2]_.

    References
    ----------
    .. [1] J. Frank, *Optik* 38, 519 (1973).
    .. [2] K. Ishizuka, *Ultramicroscopy* 5, 55 (1980).
    """
    electron.require_voltage(voltage)
    require_positive(limit=limit)
    if dimensions not in {1, 2} or points < 2 or not 0.0 <= amplitude_contrast < 1.0:
        message = (
            "contrast_transfer needs dimensions of 1 or 2, at least 2 points and an "
            f"amplitude_contrast from 0 to below 1, got {dimensions!r}, {points!r} and "
            f"{amplitude_contrast!r}"
        )
        raise DataError(message)
    if aperture is not None:
        lens.require_angle_in_mrad("aperture", aperture)
    if not (focal_spread >= 0.0 and convergence >= 0.0):
        message = (
            f"focal_spread (Å) and convergence (mrad) must be 0 or more, got {focal_spread!r} and "
            f"{convergence!r}"
        )
        raise DataError(message)
    coords, ky, kx = _frequencies(limit, points, dimensions, azimuth)
    coefficients, length = dict(aberrations or {}), float(electron.wavelength(voltage))
    terms = lenses.terms_of(coefficients, notation)
    k = np.hypot(ky, kx)
    chi = 2.0 * np.pi / length * lenses.wave_aberration(length * ky, length * kx, terms)
    temporal = lenses.temporal_envelope(k, focal_spread, voltage=voltage)
    spatial = lenses.spatial_envelope(
        ky, kx, coefficients, convergence=1e-3 * convergence, voltage=voltage, notation=notation
    )
    passed = np.ones_like(k) if aperture is None else 1.0 * (length * k <= 1e-3 * aperture)
    wave = passed * temporal * spatial
    dims = tuple(coords)
    named = {
        "transfer": (wave * np.sin(chi - np.arcsin(amplitude_contrast)), "1"),
        "phase": (chi + 0.0 * k, "rad"),
        "temporal_envelope": (temporal, "1"), "spatial_envelope": (spatial, "1"),
        "aperture": (passed, "1"),
    }  # fmt: skip
    attrs = {
        "source": "omniscopy.simulate", "modality": "TEM",
        "metadata": {"title": "Contrast transfer", "beam": {"voltage": float(voltage)}},
    }  # fmt: skip
    return result(
        attrs,
        **{
            name: (xr.DataArray(values, coords, dims), units)
            for name, (values, units) in named.items()
        },
    )


def _frequencies(
    limit: float, points: int, dimensions: int, azimuth: float
) -> tuple[dict[str, xr.Variable], np.ndarray, np.ndarray]:
    """Return coordinates, and the frequencies along y and x of every point."""
    if dimensions == 1:
        k = np.linspace(0.0, limit, points)
        coords = {"k": coordinate("k", k, "1/Å", kind="reciprocal", quantity="reciprocal length")}
        return coords, k * np.sin(np.deg2rad(azimuth)), k * np.cos(np.deg2rad(azimuth))
    axis = np.linspace(-limit, limit, points)
    coords = {dim: coordinate(dim, axis, "1/Å") for dim in ("ky", "kx")}
    ky, kx = np.meshgrid(axis, axis, indexing="ij")
    return coords, ky, kx
