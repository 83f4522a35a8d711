"""Images of a microscope for parallel illumination, with partial coherence."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, labelled, operation, require_choice, require_dims
from omniscopy.model.units import product
from omniscopy.physics import aberrations as lenses
from omniscopy.physics import electron
from omniscopy.physics.aberrations import Notation
from omniscopy.simulate.probes import lens
from omniscopy.simulate.waves.grids import Grid, grid_of

Method = Literal["envelopes", "sum"]
FOCI, DIRECTIONS = 9, 7  # nodes of the sums over defocus, and over directions along each axis


@operation(example={"wave": "exit_wave", "voltage": 200e3, "aberrations": {"defocus": 400.0}})
def tem_image(
    wave: xr.DataArray,
    *,
    voltage: float,
    aberrations: Mapping[str, float] | None = None,
    notation: Notation = "krivanek",
    aperture: float | None = None,
    focal_spread: float = 0.0,
    convergence: float = 0.0,
    method: Method = "envelopes",
) -> xr.DataArray:
    r"""Return the image that a lens makes of an exit wave.

    Parameters
    ----------
    wave : DataArray, shape (..., y, x), complex
        Exit wave, such as that of `multislice`.
    voltage : float, V
        Accelerating voltage.
    aberrations : mapping of names to numbers, Å and degrees
        See `physics.aberrations.terms_of`; ``defocus`` is positive for underfocus.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the aberrations have.
    aperture : float, mrad
        Half angle of the objective aperture; none otherwise.
    focal_spread : float, Å
        Standard deviation of the defocus; see `physics.aberrations.focal_spread`.
    convergence : float, mrad
        Angle at which the Gaussian of directions of the illumination has fallen to 1/e.
    method : {"envelopes", "sum"}
        Damp the wave, right for thin samples; or add up the images of all defoci and directions
        (the latter without what the sample does with an inclined wave).

    Returns
    -------
    DataArray, shape (..., y, x), 1
        Intensity, over that of an incident wave of 1.

    Raises
    ------
    DataError
        The wave is not complex or has no lengths along y and x, or an argument is not as above.

    Notes
    -----
    :math:`|F^{-1}[F[\psi] A e^{-i\chi} E_t E_s]|^2` with the envelopes of `physics.aberrations`,
    or :math:`\int |F^{-1}[F[\psi] A e^{-i\chi(k + q; \Delta)}]|^2`.

    Envelopes are those of [1]_ and [2]_.

    References
    ----------
    .. [1] J. Frank, *Optik* 38, 519 (1973).
    .. [2] K. Ishizuka, *Ultramicroscopy* 5, 55 (1980).
    """
    require_dims(wave, ("y", "x"))
    if wave.dtype.kind != "c":
        message = f"an exit wave has complex values, got {wave.dtype}"
        raise DataError(message)
    require_choice("method", method, get_args(Method))
    electron.require_voltage(voltage)
    if aperture is not None:
        lens.require_angle_in_mrad("aperture", aperture)
    if not (focal_spread >= 0.0 and 0.0 <= convergence <= lens.LARGEST_ANGLE):
        message = (
            f"focal_spread (Å) and convergence (mrad) must be 0 or more, got {focal_spread!r} and "
            f"{convergence!r}"
        )
        raise DataError(message)
    optics = {
        "grid": grid_of(wave), "voltage": float(voltage), "aperture": aperture,
        "coefficients": dict(aberrations or {}), "notation": notation,
        "focal_spread": float(focal_spread), "convergence": 1e-3 * convergence, "method": method,
    }  # fmt: skip
    dtype = np.float32 if wave.dtype.itemsize <= 8 else np.float64
    (image,) = map_signal(
        _images, wave, dim=("y", "x"), dtypes=[dtype], parameters=optics,
        output_dims=[{"y": wave.sizes["y"], "x": wave.sizes["x"]}],
    )  # fmt: skip
    image = image.assign_coords(y=wave.coords["y"], x=wave.coords["x"])
    units = wave.attrs.get("units")
    return labelled(
        image, units=None if units is None else product((units, 2)), long_name="Simulated image",
        quantity="intensity", modality="TEM", source="omniscopy.simulate",
        metadata={"title": "Simulated image", "beam": {"voltage": float(voltage)}},
    ).rename(None)  # fmt: skip


def _images(wave: npt.NDArray[Any], *, grid: Grid, method: Method, **optics: Any) -> Any:
    """Return the intensities of images of waves, shape (..., y, x)."""
    spectrum = np.fft.fft2(wave.astype(np.complex128))
    total = np.zeros(wave.shape)
    transfers = _damped(grid, **optics) if method == "envelopes" else _summed(grid, **optics)
    for weight, transfer in transfers:
        total += weight * np.square(np.abs(np.fft.ifft2(spectrum * transfer)))
    return total.astype(np.float32) if wave.dtype.itemsize <= 8 else total


def _transfer(
    grid: Grid, voltage: float, aperture: float | None, terms: lenses.Terms,
    direction: tuple[float, float] = (0.0, 0.0),
) -> Any:  # fmt: skip
    """Return the transfer function of waves for an incident direction (rad)."""
    length = float(electron.wavelength(voltage))
    y = length * grid.ky[:, None] + direction[0]
    x = length * grid.kx[None, :] + direction[1]
    made = np.exp(-2j * np.pi / length * lenses.wave_aberration(y, x, terms))
    return made if aperture is None else made * (np.hypot(y, x) <= 1e-3 * aperture)


def _damped(
    grid: Grid, *, voltage: float, aperture: float | None, coefficients: Any, notation: Notation,
    focal_spread: float, convergence: float,
) -> Any:  # fmt: skip
    terms = lenses.terms_of(coefficients, notation)
    k = np.hypot(grid.ky[:, None], grid.kx[None, :])
    made = _transfer(grid, voltage, aperture, terms)
    made = made * lenses.temporal_envelope(k, focal_spread, voltage=voltage)
    return [(1.0, made * lenses.spatial_envelope(
        grid.ky[:, None], grid.kx[None, :], coefficients, convergence=convergence,
        voltage=voltage, notation=notation,
    ))]  # fmt: skip


def _summed(
    grid: Grid, *, voltage: float, aperture: float | None, coefficients: Any, notation: Notation,
    focal_spread: float, convergence: float,
) -> Any:  # fmt: skip
    terms = lenses.terms_of(coefficients, notation)
    foci, weights = _gaussian(FOCI if focal_spread else 1, focal_spread)
    # exp(-t^2 / a^2) along each axis has the standard deviation a / sqrt(2).
    turns, parts = _gaussian(DIRECTIONS if convergence else 1, convergence / np.sqrt(2.0))
    for focus, weight in zip(foci, weights, strict=True):
        shifted = {**terms, (1, 0): terms.get((1, 0), 0.0) + complex(focus)}
        for y, of_y in zip(turns, parts, strict=True):
            for x, of_x in zip(turns, parts, strict=True):
                yield weight * of_y * of_x, _transfer(grid, voltage, aperture, shifted, (y, x))


def _gaussian(count: int, spread: float) -> tuple[Any, Any]:
    """Return nodes and weights of the mean over a normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return spread * nodes, weights / weights.sum()
