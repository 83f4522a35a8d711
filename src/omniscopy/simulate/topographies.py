"""Topographies of shapes whose areas, heights and volumes are known."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.model import DataError, operation, require_choice
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive

Shape = Literal["caps", "pits", "discs", "cones"]
Pattern = Literal["waves", "gratings", "steps"]


@operation(example={"shape": (48, 40), "extent": (480.0, 400.0), "count": 3}, lazy=False)
def grainy_surface(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (128, 128),
    *,
    extent: tuple[float, float] = (1000.0, 1000.0),
    kind: Shape = "caps",
    count: int = 12,
    radius: tuple[float, float] = (40.0, 70.0),
    height: float = 8.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    row_shift: float = 0.0,
    noise: float = 0.05,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate the topography of particles, pits or pillars on a plane.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    extent : (float, float), nm
        Lengths along y and x.
    kind : {"caps", "pits", "discs", "cones"}
        Caps of spheres, the same as pits, pillars with flat tops, or cones.
    count : int
        How many; they do not overlap, nor reach over the edges.
    radius : (float, float), nm
        Smallest and largest radius of their circles on the plane.
    height : float, nm
        Of each above the plane.
    tilt : (float, float)
        Slopes of the plane along y and x.
    row_shift : float, nm
        Standard deviation of the shifts of rows.
    noise : float, nm
        Standard deviation of the white noise of the instrument.
    rng : int or Generator
        Seed.

    Returns
    -------
    DataArray, shape (y, x), nm
        Heights; the truth are the centres ``y``, ``x`` and the ``radius`` of all.

    Raises
    ------
    DataError
        There is no room for so many.

    Notes
    -----
    A cap of a sphere has the volume :math:`\pi h (3 a^2 + h^2) / 6` and the surface
    :math:`\pi (a^2 + h^2)`.
    """
    require_choice("kind", kind, get_args(Shape))
    require_positive(extent_y=extent[0], extent_x=extent[1], radius=radius[0], height=height)
    generator = np.random.default_rng(rng)
    coords = _grid_of(shape, extent)
    y, x = np.meshgrid(coords["y"].values, coords["x"].values, indexing="ij")
    places = _places(extent, count, radius, generator)
    heights = np.zeros(shape)
    for centre_y, centre_x, size in places:
        away = np.hypot(y - centre_y, x - centre_x)
        heights += _SHAPES[kind](np.minimum(away / size, 1.0), size, height)
    heights += tilt[0] * y + tilt[1] * x
    heights += row_shift * generator.standard_normal(shape[0])[:, None]
    heights += noise * generator.standard_normal(shape)
    truth = {
        "kind": kind, "y": [p[0] for p in places], "x": [p[1] for p in places],
        "radius": [p[2] for p in places], "height": height, "tilt": list(tilt), "noise": noise,
    }  # fmt: skip
    return _topography(heights, coords, truth)


@operation(example={"shape": (16, 12), "extent": (160.0, 120.0)}, lazy=False)
def patterned_surface(
    shape: tuple[int, int] = (128, 128),
    *,
    extent: tuple[float, float] = (1000.0, 1000.0),
    kind: Pattern = "waves",
    period: float = 100.0,
    height: float = 2.0,
    angle: float = 0.0,
    noise: float = 0.0,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate the topography of a calibration pattern: waves, a grating or terraces.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    extent : (float, float), nm
        Lengths along y and x.
    kind : {"waves", "gratings", "steps"}
        A cosine, bars as wide as the gaps between them, or terraces that go up.
    period : float, nm
        Of the pattern; the width of terraces.
    height : float, nm
        From the lowest to the highest; of each step.
    angle : float, degrees
        Direction across the pattern, from +x towards +y (down in the image).
    noise : float, nm
        Standard deviation of the white noise of the instrument.
    rng : int or Generator
        Seed.

    Returns
    -------
    DataArray, shape (y, x), nm
        Heights.

    Raises
    ------
    DataError
        `kind` is unknown, the shape has no points, or the extent or `period` is not positive.

    Notes
    -----
    Of whole periods, a wave has the root mean square :math:`h / \sqrt 8` and a grating h / 2.
    """
    require_choice("kind", kind, get_args(Pattern))
    require_positive(extent_y=extent[0], extent_x=extent[1], period=period)
    coords = _grid_of(shape, extent)
    y, x = np.meshgrid(coords["y"].values, coords["x"].values, indexing="ij")
    across = (x * np.cos(np.deg2rad(angle)) + y * np.sin(np.deg2rad(angle))) / period
    heights = height * _PATTERNS[kind](across)
    heights = heights + noise * np.random.default_rng(rng).standard_normal(shape)
    truth = {"kind": kind, "period": period, "height": height, "angle": angle, "noise": noise}
    return _topography(heights, coords, truth)


@operation(example={"shape": (16, 12), "extent": (160.0, 120.0)}, lazy=False)
def random_surface(
    shape: tuple[int, int] = (128, 128),
    *,
    extent: tuple[float, float] = (1000.0, 1000.0),
    rms: float = 1.0,
    hurst: float = 0.8,
    roll_off: float = 200.0,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a self-affine surface: a Gaussian random field of a known power spectrum.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    extent : (float, float), nm
        Lengths along y and x.
    rms : float, nm
        Root mean square that the spectrum stands for.
    hurst : float
        Exponent H of the roughness, 0 to 1.
    roll_off : float, nm
        Wavelength above which the spectrum is flat.
    rng : int or Generator
        Seed.

    Returns
    -------
    DataArray, shape (y, x), nm
        Heights, periodic over the extent. The mean square differs from `rms` squared as it does
        between samples of the same process.

    Raises
    ------
    DataError
        The shape has no points, the extent, `roll_off` or `rms` is not positive, or `hurst` is not
        from 0 to 1.

    Notes
    -----
    The power spectral density is
    :math:`C_0\,(1 + (k\,\lambda_r)^2)^{-1-H}`, whose sum over all spatial frequencies k of the
    grid but 0 is the square of `rms`: the truth holds :math:`C_0` as ``density``.

    Spectra of this form are those of [1]_.

    References
    ----------
    .. [1] T. D. B. Jacobs, T. Junge, L. Pastewka, *Surf. Topogr.: Metrol. Prop.* 5, 013001
       (2017).
    """
    require_positive(extent_y=extent[0], extent_x=extent[1], roll_off=roll_off, rms=rms)
    if not 0 <= hurst <= 1:
        message = f"hurst must be from 0 to 1, got {hurst!r}"
        raise DataError(message)
    coords = _grid_of(shape, extent)
    ky, kx = (np.fft.fftfreq(n, d / n) for n, d in zip(shape, extent, strict=True))
    k = np.hypot(ky[:, None], kx)
    density = (1.0 + (k * roll_off) ** 2) ** (-1.0 - hurst)
    density[0, 0] = 0.0
    area = extent[0] * extent[1]
    level = rms**2 * area / density.sum()
    white = np.random.default_rng(rng).standard_normal(shape)
    # White noise has the density of one pixel; its mean square is 1.
    pixel = area / (shape[0] * shape[1])
    spectrum = np.fft.fft2(white) * np.sqrt(level * density / pixel)
    truth = {"rms": rms, "hurst": hurst, "roll_off": roll_off, "density": level}
    return _topography(np.real(np.fft.ifft2(spectrum)), coords, truth)


def _cap(away: np.ndarray, size: float, height: float) -> np.ndarray:
    """Return the cap of a sphere over a circle; `away` is 1 at its edge."""
    sphere = (size**2 + height**2) / (2 * height)
    return np.sqrt(np.maximum(sphere**2 - (away * size) ** 2, 0.0)) - (sphere - height)


_SHAPES: dict[str, Callable[[np.ndarray, float, float], np.ndarray]] = {
    "caps": _cap,
    "pits": lambda away, size, height: -_cap(away, size, height),
    "discs": lambda away, _size, height: height * (away < 1.0),
    "cones": lambda away, _size, height: height * (1.0 - away),
}
_PATTERNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "waves": lambda across: 0.5 * np.cos(2 * np.pi * across),
    "gratings": lambda across: np.where(across % 1.0 < 0.5, 1.0, 0.0),
    "steps": np.floor,
}


def _places(
    extent: tuple[float, float],
    count: int,
    radius: tuple[float, float],
    generator: np.random.Generator,
) -> list[tuple[float, float, float]]:
    """Return centres and radii of circles that do not overlap."""
    found: list[tuple[float, float, float]] = []
    for _ in range(1000 * max(count, 1)):
        if len(found) == count:
            return found
        size = generator.uniform(*radius)
        y, x = (size + generator.random() * (length - 2.2 * size) for length in extent)
        apart = (np.hypot(y - other[0], x - other[1]) - size - other[2] for other in found)
        if 2.2 * size < min(extent) and all(gap > 0.2 * size for gap in apart):
            found.append((float(y), float(x), float(size)))
    if len(found) == count:
        return found
    message = f"there is room for {len(found)} of {count} shapes only; take fewer or smaller ones"
    raise DataError(message)


def _grid_of(shape: tuple[int, int], extent: tuple[float, float]) -> dict[str, Any]:
    return {
        dim: grid((size,), length / max(size, 1), "nm", [dim])[dim]
        for dim, size, length in zip("yx", shape, extent, strict=True)
    }


def _topography(heights: np.ndarray, coords: dict[str, Any], truth: dict[str, Any]) -> xr.DataArray:
    return measurement(
        xr.DataArray(heights, coords), title="Height", quantity="height", units="nm",
        modality="AFM", truth=truth,
    )  # fmt: skip
