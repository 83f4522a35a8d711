"""Shadow images of an amorphous film in a focused probe."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, result
from omniscopy.physics import aberrations as lenses
from omniscopy.physics import electron
from omniscopy.physics.aberrations import Notation
from omniscopy.simulate.measurements import Random, require_positive
from omniscopy.simulate.probes import lens


@operation(
    example={"voltage": 200e3, "aberrations": {"Cs": 1e7, "defocus": 500.0}, "pixels": 32},
    lazy=False,
)
def ronchigram(
    *,
    voltage: float,
    aberrations: Mapping[str, float] | None = None,
    notation: Notation = "krivanek",
    aperture: float = 60.0,
    pixels: int = 512,
    grain: float = 1.5,
    strength: float = 1.0,
    rng: Random = 0,
) -> xr.Dataset:
    r"""Simulate a Ronchigram of an amorphous film, and the magnification in it.

    Parameters
    ----------
    voltage : float, V
        Accelerating voltage.
    aberrations : mapping of names to numbers, Å and degrees
        To the fifth order; see `physics.aberrations.terms_of`.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the aberrations have.
    aperture : float, mrad
        Half angle of the aperture; patterns reach a quarter farther.
    pixels : int
        Along ky and kx.
    grain : float, Å
        Standard deviation of the Gaussian that smooths the film.
    strength : float, rad
        Standard deviation of the phase that the film gives to the wave.
    rng : int or Generator
        Seed of the film.

    Returns
    -------
    Dataset, shape (ky, kx), mrad
        ``intensity``, 1 on the average in the aperture; ``magnification`` (mrad/Å), by how much a
        length in the film is enlarged along the direction in which that is most, infinite on the
        rings where neighbouring rays meet; ``aperture``; ``chi`` (rad), the phase of the lens.

    Raises
    ------
    DataError
        An argument is not as above.

    Notes
    -----
    :math:`|F[e^{i\varphi} F^{-1}[A e^{-i\chi}]]|^2`. Rays at the angle :math:`\theta` pass the
    film at :math:`\nabla W` (the film repeats where that is beyond its field), so the
    magnification along the two principal directions is one over the
    eigenvalues of the Hessian of W [1]_.

    References
    ----------
    .. [1] A. R. Lupini, P. Wang, P. D. Nellist, A. I. Kirkland and S. J. Pennycook,
       Ultramicroscopy 110, 891 (2010).
    """
    lens.require_angle_in_mrad("aperture", aperture)
    require_positive(grain=grain)
    if pixels < 8 or not strength >= 0.0:
        message = (
            f"a Ronchigram needs at least 8 pixels and a strength of 0 or more, got {pixels!r} "
            f"and {strength!r}"
        )
        raise DataError(message)
    length = float(electron.wavelength(voltage))
    terms = lenses.terms_of(dict(aberrations or {}), notation)
    step = 2.5e-3 * aperture / pixels
    theta = step * (np.arange(pixels) - pixels // 2)
    y, x = np.meshgrid(theta, theta, indexing="ij")
    inside = np.hypot(y, x) <= 1e-3 * aperture
    chi = 2.0 * np.pi / length * lenses.wave_aberration(y, x, terms)
    film = _film(pixels, length / (pixels * step), grain, np.random.default_rng(rng))
    wave = np.fft.ifft2(np.fft.ifftshift(inside * np.exp(-1j * chi)))
    seen = np.fft.fftshift(np.fft.fft2(wave * np.exp(1j * strength * film)))
    intensity = np.square(np.abs(seen))
    coords = {
        dim: coordinate(dim, 1e3 * theta, "mrad", quantity="scattering angle")
        for dim in ("ky", "kx")
    }
    attrs = {
        "source": "omniscopy.simulate", "modality": "STEM",
        "metadata": {"title": "Ronchigram", "beam": {"voltage": float(voltage)}},
    }  # fmt: skip
    planes = {
        "intensity": (intensity, "1"),
        "magnification": (1e3 * _magnification(y, x, terms), "mrad/Å"),
        "aperture": (inside.astype(np.float64), "1"),
        "chi": (chi, "rad"),
    }
    made = result(
        attrs,
        **{
            name: (xr.DataArray(v, coords, ("ky", "kx")), units)
            for name, (v, units) in planes.items()
        },
    )
    made["intensity"].attrs.update(long_name="Ronchigram", quantity="intensity")
    return made


def _film(pixels: int, step: float, grain: float, generator: np.random.Generator) -> np.ndarray:
    """Return a random phase with a standard deviation of 1, smooth over `grain`."""
    k = np.fft.fftfreq(pixels, step)
    fall = np.exp(-2.0 * (np.pi * grain) ** 2 * (k[:, None] ** 2 + k[None, :] ** 2))
    noise = np.fft.ifft2(np.fft.fft2(generator.standard_normal((pixels, pixels))) * fall).real
    spread = float(noise.std())
    return np.asarray(noise / spread if spread > 0 else noise)


def _magnification(y: np.ndarray, x: np.ndarray, terms: lenses.Terms) -> np.ndarray:
    """Return one over the smaller of the sizes of the eigenvalues of the Hessian of W (rad/Å)."""
    yy, yx, xx = lenses.hessian(y, x, terms)
    mean, half = 0.5 * (yy + xx), np.hypot(0.5 * (yy - xx), yx)
    smallest = np.minimum(np.abs(mean + half), np.abs(mean - half)) + 0.0 * y
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / smallest)
