"""Scanned diffraction of thin phase objects: what deflections, phases and fields are tested on."""

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.physics import electron
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive

# Where the two atoms of a cell are, as parts of it, and the phase of the second one.
_PLACES, _SECOND = ((0.25, 0.25), (0.6, 0.75)), 0.5


@operation(example={"shape": (4, 5), "pixels": 16, "size": 0.5}, lazy=False)
def phase_grating_4d(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (24, 26),
    pixels: int = 36,
    *,
    size: float = 0.9,
    sampling: float = 0.035,
    phase: float = 0.3,
    width: float = 0.06,
    voltage: float = 200e3,
    convergence_angle: float = 20.0,
    rotation: float = 25.0,
    flip: bool = True,
    counts: float | None = None,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a 4D-STEM block of a thin object that only changes the phase of the beam.

    Parameters
    ----------
    shape : (int, int)
        Points of the scan along y and x.
    pixels : int
        Pixels of a pattern along ky and along kx.
    size : float, nm
        Side of the square cell of the object, which repeats; a pixel of a pattern is its inverse.
    sampling : float, nm
        Distance of the points of the scan.
    phase : float, rad
        At the middle of the heavier of the two atoms in the cell.
    width : float, nm
        Standard deviation of the atoms, which are Gaussians.
    voltage : float, V
        Accelerating voltage.
    convergence_angle : float, mrad
        Radius of the aperture.
    rotation : float, degrees
        By how much deflections on the detector have to be turned, from +x to +y, to be those in
        the scan, after `flip`.
    flip : bool
        Whether ky is measured in the opposite direction.
    counts : float
        Mean electrons of a pattern, drawn as Poisson has it (uint16); the exact probability of
        each pixel (float64) otherwise.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, ky, kx), counts
        The truth holds ``phase``, at each position of the scan and blurred by the probe as the
        deflections are: their mean is its gradient over :math:`2\pi`.

    Raises
    ------
    DataError
        The shape has no points, or `sampling`, `size`, `phase`, `width`, `convergence_angle`,
        `pixels` or the voltage is not positive.

    Notes
    -----
    Patterns are :math:`|F[\psi(r - r_0) e^{i\varphi(r)}]|^2`, on the whole of the grid, so that
    no electron is lost.
    """
    require_positive(
        size=size, phase=phase, width=width, convergence_angle=convergence_angle, pixels=pixels
    )
    scan = grid(shape, sampling, "nm", ("y", "x"))
    k = np.fft.fftfreq(pixels, size / pixels)
    transmitted, transform = _object(pixels, size, phase, width)
    limit = 1e-3 * convergence_angle / (0.1 * float(electron.wavelength(voltage)))
    aperture = (np.hypot(k[:, None], k) <= limit).astype(np.complex128)
    aperture /= np.sqrt((np.abs(aperture) ** 2).sum())
    y, x = (each.ravel() for each in np.meshgrid(scan["y"], scan["x"], indexing="ij"))
    turn = np.deg2rad(rotation)
    row = (np.cos(turn) * y - np.sin(turn) * x) * (-1.0 if flip else 1.0)
    column = np.cos(turn) * x + np.sin(turn) * y
    shift_y, shift_x = (np.exp(-2j * np.pi * np.outer(each, k)) for each in (row, column))
    waves = np.fft.ifft2(aperture * shift_y[:, :, None] * shift_x[:, None, :])
    far = np.fft.fftshift(np.fft.fft2(waves * transmitted), axes=(1, 2))
    mean = (np.abs(far) ** 2 / (np.abs(far) ** 2).sum(axis=(1, 2), keepdims=True)).reshape(
        *shape, pixels, pixels
    )
    # |psi|^2 is even, so that its transform is real, and 1 for a constant.
    blur = np.fft.fft2(np.abs(np.fft.ifft2(aperture)) ** 2).real * pixels**2
    blurred = np.einsum(
        "pa,ab,pb->p", shift_y.conj(), transform * blur / pixels**2, shift_x.conj()
    ).real
    values = mean
    if counts is not None:
        values = np.random.default_rng(rng).poisson(mean * counts).astype(np.uint16)
    reciprocal = {dim: coordinate(dim, np.fft.fftshift(k), "1/nm") for dim in ("ky", "kx")}
    truth = {
        "rotation": rotation, "flip": flip, "phase": blurred.reshape(shape).tolist(),
    }  # fmt: skip
    made = measurement(
        xr.DataArray(values, {**scan, **reciprocal}, dims=("y", "x", "ky", "kx")),
        title="4D-STEM of a phase object", quantity="intensity",
        units="1" if counts is None else "counts", modality="STEM", truth=truth,
    )  # fmt: skip
    beam = {"voltage": float(voltage), "convergence_angle": float(convergence_angle)}
    return made.assign_attrs(metadata={**made.attrs["metadata"], "beam": beam})


def _object(pixels: int, size: float, phase: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what the object multiplies the wave with, and the transform of its phase."""
    k = np.fft.fftfreq(pixels, size / pixels)
    square = k[:, None] ** 2 + k**2
    atom = 2.0 * np.pi * width**2 * np.exp(-2.0 * np.pi**2 * width**2 * square)
    places = sum(
        height * np.exp(-2j * np.pi * size * (k[:, None] * y + k * x))
        for height, (y, x) in zip((1.0, _SECOND), _PLACES, strict=True)
    )
    transform = phase * atom * places * (pixels / size) ** 2
    return np.exp(1j * np.fft.ifft2(transform).real), transform
