"""Scanned diffraction of an object that does not repeat: what phase retrieval is tested on."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation
from omniscopy.physics import aberrations as lenses
from omniscopy.physics import electron
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive

# Points and weights of a normal distribution, for the size of the source.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)


@operation(example={"shape": (3, 4), "pixels": 16, "pixel": 1.4}, lazy=False)
def ptychography_4d(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (10, 11),
    pixels: int = 32,
    *,
    sampling: float = 0.06,
    pixel: float = 0.8,
    phase: float = 0.5,
    width: float = 0.05,
    layers: int = 1,
    thickness: float = 0.0,
    density: float = 25.0,
    voltage: float = 200e3,
    convergence_angle: float = 20.0,
    aberrations: Mapping[str, float] | None = None,
    rotation: float = 0.0,
    flip: bool = False,
    source_size: float = 0.0,
    jitter: float = 0.0,
    counts: float | None = None,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a 4D-STEM block of scattered atoms that change the phase of the beam.

    Parameters
    ----------
    shape : (int, int)
        Points of the scan along y and x.
    pixels : int
        Pixels of a pattern along ky and along kx.
    sampling : float, nm
        Distance of the points of the scan.
    pixel : float, 1/nm
        Size of a pixel of a pattern; its inverse is the window the probe has to fit in.
    phase : float, rad
        Of the heaviest atom, at its middle; others have down to 0.3 of it.
    width : float, nm
        Standard deviation of the atoms, which are Gaussians.
    layers : int
        In how many planes, as far from each other, the atoms are: one after the other.
    thickness : float, nm
        From before the first plane to behind the last: half of a distance is before and behind.
    density : float, 1/nm^2
        Atoms in an area, at random places.
    voltage : float, V
        Accelerating voltage.
    convergence_angle : float, mrad
        Radius of the aperture.
    aberrations : mapping, Å and degrees
        As of `physics.aberrations.terms_of`, such as ``{"defocus": 100.0}``; azimuths are from
        +kx to +ky of the patterns.
    rotation : float, degrees
        By how much deflections on the detector have to be turned, from +x to +y, to be those in
        the scan, after `flip`.
    flip : bool
        Whether ky is measured in the opposite direction.
    source_size : float, nm
        Standard deviation of the image of the source, which blurs patterns incoherently.
    jitter : float, nm
        Standard deviation of the positions about the grid, along y and x.
    counts : float
        Mean electrons of a pattern, drawn as Poisson has it (uint16); parts of the beam (float64)
        otherwise.
    rng : int or Generator
        Seed of the atoms, of the positions and of the noise.

    Returns
    -------
    DataArray, shape (y, x, ky, kx), counts
        The truth holds ``atoms``, their (y, x, phase) in the scan, the ``layer`` of each,
        ``width``, and ``position_y`` and ``position_x`` in nm.

    Raises
    ------
    DataError
        The shape has no points; `sampling`, `layers`, `phase`, `width`, `convergence_angle`,
        `pixels`, `pixel` or the voltage is not positive; or `density`, `source_size`, `jitter` or
        `thickness` is negative.

    Notes
    -----
    Patterns are :math:`|F[\psi(r) e^{i\varphi(r + r_0)}]|^2`, with the object at the exact places
    of the pixels, so that nothing is interpolated and nothing repeats. The probe is that of the
    first layer; from one to the next waves are multiplied by :math:`e^{-i\pi\lambda k^2 t}`.
    """
    require_positive(
        layers=layers,
        phase=phase,
        width=width,
        convergence_angle=convergence_angle,
        pixels=pixels,
        pixel=pixel,
    )
    if min(density, source_size, jitter, thickness) < 0:
        message = "density, source_size, jitter and thickness must not be negative"
        raise DataError(message)
    random = np.random.default_rng(rng)
    scan = grid(shape, sampling, "nm", ("y", "x"))
    k = pixel * (np.arange(pixels) - pixels // 2)
    length = 0.1 * float(electron.wavelength(voltage))
    probe = _probe(k, length, 1e-3 * convergence_angle, aberrations or {})
    atoms = _atoms(scan, 1.0 / pixel, density, phase, random)
    layer = np.arange(len(atoms)) % layers
    square = np.fft.ifftshift(k[:, None] ** 2 + k**2)
    between = np.exp(-1j * np.pi * length * thickness / layers * square)
    y, x = (each.ravel() for each in np.meshgrid(scan["y"], scan["x"], indexing="ij"))
    y = y + jitter * random.standard_normal(y.shape)
    x = x + jitter * random.standard_normal(x.shape)
    window = (np.arange(pixels) - pixels // 2) / (pixels * pixel)
    turn = np.deg2rad(rotation)
    mean = np.zeros((y.size, pixels, pixels))
    for away_y, away_x, weight in _source(source_size):
        row, column = _turned(y + away_y, x + away_x, turn, flip=flip)
        at_row, at_column = _turned(atoms[:, 0], atoms[:, 1], turn, flip=flip)
        away = [
            np.exp(-0.5 * ((one[:, None] - atom)[:, :, None] + window) ** 2 / width**2)
            for one, atom in ((row, at_row), (column, at_column))
        ]
        wave = probe
        for number in range(layers):
            if number:
                wave = np.fft.ifft2(np.fft.fft2(wave) * between)
            heights = np.where(layer == number, atoms[:, 2], 0.0)
            total = np.einsum("a,pai,paj->pij", heights, *away, optimize=True)
            wave = wave * np.exp(1j * total)
        mean += weight * np.abs(np.fft.fft2(wave, norm="ortho")) ** 2
    mean = np.fft.fftshift(mean, axes=(1, 2)).reshape(*shape, pixels, pixels)
    values = mean if counts is None else random.poisson(mean * counts).astype(np.uint16)
    reciprocal = {dim: coordinate(dim, k, "1/nm") for dim in ("ky", "kx")}
    truth = {
        "atoms": atoms.tolist(), "layer": layer.tolist(), "width": width,
        "rotation": rotation, "flip": flip,
        "position_y": y.reshape(shape).tolist(), "position_x": x.reshape(shape).tolist(),
        "aberrations": dict(aberrations or {}), "source_size": source_size,
    }  # fmt: skip
    made = measurement(
        xr.DataArray(values, {**scan, **reciprocal}, dims=("y", "x", "ky", "kx")),
        title="4D-STEM of scattered atoms", quantity="intensity",
        units="1" if counts is None else "counts", modality="STEM", truth=truth,
    )  # fmt: skip
    beam = {"voltage": float(voltage), "convergence_angle": float(convergence_angle)}
    return made.assign_attrs(metadata={**made.attrs["metadata"], "beam": beam})


def _probe(
    k: np.ndarray, length: float, angle: float, aberrations: Mapping[str, float]
) -> np.ndarray:
    """Return the wave of the probe in the middle of its window, with the intensity 1."""
    theta = length * k
    inside = np.hypot(theta[:, None], theta) <= angle
    wave = lenses.wave_aberration(theta[:, None], theta[None, :], lenses.terms_of(aberrations))
    aperture = inside * np.exp(-2j * np.pi * wave / (10.0 * length))
    probe = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(aperture)))
    return np.asarray(probe / np.sqrt((np.abs(probe) ** 2).sum()))


def _atoms(
    scan: dict[str, xr.Variable], window: float, density: float, phase: float,
    random: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return (y, x, phase) of the atoms that the probe may reach."""
    ends = [(float(axis[0]) - window, float(axis[-1]) + window) for axis in scan.values()]
    area = np.prod([high - low for low, high in ends])
    number = int(np.ceil(density * area)) if density else 0
    places = [random.uniform(low, high, number) for low, high in ends]
    return np.stack([*places, phase * random.uniform(0.3, 1.0, number)], axis=1)


def _turned(
    y: np.ndarray, x: np.ndarray, turn: float, *, flip: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return places in the scan along the axes of the detector."""
    row = np.cos(turn) * y - np.sin(turn) * x
    return (-row if flip else row), np.cos(turn) * x + np.sin(turn) * y


def _source(size: float) -> list[tuple[float, float, float]]:
    """Return shifts of the probe and their weights."""
    if not size:
        return [(0.0, 0.0, 1.0)]
    parts = _WEIGHTS / _WEIGHTS.sum()
    return [
        (float(size * y), float(size * x), float(one * other))
        for y, one in zip(_NODES, parts, strict=True)
        for x, other in zip(_NODES, parts, strict=True)
    ]
