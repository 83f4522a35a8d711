"""Focused probes."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from omniscopy.model import DataError, operation, result
from omniscopy.physics import electron
from omniscopy.physics.aberrations import Notation
from omniscopy.simulate.measurements import require_positive
from omniscopy.simulate.probes import lens
from omniscopy.simulate.waves.grids import Grid, grid_of, plane_coordinates, require_angle

FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))


@operation(
    example={"voltage": 200e3, "convergence_angle": 20.0, "size": 8.0, "sampling": 0.2},
    lazy=False,
)
def probe(  # noqa: PLR0913 - each is a property of the microscope
    *,
    voltage: float,
    convergence_angle: float,
    aberrations: Mapping[str, float] | None = None,
    notation: Notation = "krivanek",
    size: float | tuple[float, float] = 20.0,
    sampling: float = 0.1,
    like: xr.DataArray | None = None,
    position: tuple[float, float] | None = None,
    chromatic: float = 0.0,
    energy_spread: float | str = 0.0,
    source_size: float = 0.0,
    soft: bool = True,
) -> xr.Dataset:
    r"""Simulate a focused probe: its wave, and its intensity with incoherent broadening.

    Parameters
    ----------
    voltage : float, V
        Accelerating voltage.
    convergence_angle : float, mrad
        Half angle of the aperture.
    aberrations : mapping of names to numbers, Å and degrees
        To the fifth order; see `physics.aberrations.terms_of`. None by default.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the aberrations have.
    size : float or (y, x), Å
        Lengths of the field, which repeats.
    sampling : float, Å
        Largest length of a pixel.
    like : DataArray, optional
        Take the grid of this potential or wave in place of `size` and `sampling`.
    position : (y, x), Å
        Where the probe is; the middle of the field otherwise.
    chromatic : float, Å
        Coefficient of chromatic aberration.
    energy_spread : float or "cold_field_emission", eV
        Standard deviation of a Gaussian of energies, or what a cold field emitter has. The wave
        is that of the mean energy.
    source_size : float, Å
        Width at half maximum of the image of the source, a Gaussian.
    soft : bool
        Let the edge of the aperture fall over a pixel, which has less of the corners of pixels.

    Returns
    -------
    Dataset, shape (y, x)
        ``wave`` (complex, 1/Å) with an integral of its intensity of 1; ``intensity`` (1/Å²),
        summed over energies and blurred by the source.

    Raises
    ------
    DataError
        The voltage was given in kV, an angle in rad, or pixels are too large for the aperture.

    Notes
    -----
    :math:`|F^{-1}[A e^{-i\chi}]|^2`, with :math:`C_{10} + C_c\, \delta E / E` for each energy [1]_.

    References
    ----------
    .. [1] E. J. Kirkland, *Advanced Computing in Electron Microscopy*, 2nd ed., Springer (2010),
       chapter 3.
    """
    optics = lens.lens_of(voltage, convergence_angle, aberrations, notation)
    grid = field_grid(size, sampling) if like is None else grid_of(like)
    require_angle(grid, convergence_angle, float(electron.wavelength(voltage)), "the aperture")
    if not source_size >= 0.0:
        message = f"source_size must be a width in Å, got {source_size!r}"
        raise DataError(message)
    middle = position or (grid.size[0] / 2.0, grid.size[1] / 2.0)
    area = grid.sampling[0] * grid.sampling[1]
    wave = _wave(optics, grid, middle, soft=soft) / np.sqrt(area)
    intensity = np.zeros(grid.shape)
    for energy, weight in zip(*lens.energies(energy_spread), strict=True):
        shift = chromatic * energy / voltage
        part = wave if shift == 0.0 else _wave(
            optics, grid, middle, soft=soft, defocus=shift
        ) / np.sqrt(area)  # fmt: skip
        intensity += weight * np.square(np.abs(part))
    coords = plane_coordinates(grid)
    beam = {"voltage": float(voltage), "convergence_angle": float(convergence_angle)}
    attrs = {
        "source": "omniscopy.simulate",
        "modality": "STEM",
        "metadata": {"title": "Probe", "beam": beam},
    }
    made = result(
        attrs,
        wave=(xr.DataArray(wave, coords, ("y", "x")), "1/Å"),
        intensity=(
            xr.DataArray(blurred(intensity, grid, source_size), coords, ("y", "x")),
            "1/Å^2",
        ),
    )
    made["intensity"].attrs.update(long_name="Intensity of the probe", quantity="intensity")
    made["wave"].attrs.update(long_name="Wave of the probe", quantity="wave")
    return made


def field_grid(size: float | tuple[float, float], sampling: float) -> Grid:
    """Return the grid of a field, whose pixels are no longer than asked."""
    from scipy.fft import next_fast_len

    lengths = np.broadcast_to(np.asarray(size, np.float64), 2)
    require_positive(sampling=sampling, size=float(lengths.min()))
    counts = [next_fast_len(max(2, int(np.ceil(each / sampling - 1e-6)))) for each in lengths]
    return Grid((counts[0], counts[1]), (float(lengths[0]), float(lengths[1])))


def _wave(
    optics: lens.Lens, grid: Grid, position: tuple[float, float], *, soft: bool,
    defocus: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Return the wave of a probe, whose intensities add up to 1."""
    made = lens.spectrum(optics, grid.ky, grid.kx, soft=soft, defocus=defocus)
    made = lens.moved(made, grid.ky, grid.kx, *position)
    return np.asarray(np.fft.ifft2(made, norm="ortho"))


def blurred(intensity: np.ndarray, grid: Grid, width: float) -> np.ndarray:
    """Return an image blurred by a Gaussian with this width at half maximum (Å); it repeats."""
    if width == 0.0:
        return intensity
    square = grid.ky[:, None] ** 2 + np.fft.rfftfreq(grid.shape[1], grid.sampling[1]) ** 2
    fall = np.exp(-2.0 * (np.pi * width / FWHM) ** 2 * square)
    return np.asarray(np.fft.irfft2(np.fft.rfft2(intensity) * fall, grid.shape))
