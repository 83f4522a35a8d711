"""Topography of rough and stepped surfaces."""

import numpy as np
import xarray as xr

from omniscopy.model import operation
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive


@operation(example={"shape": (16, 12), "extent": (500.0, 400.0)}, lazy=False)
def surface(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (128, 128),
    *,
    extent: tuple[float, float] = (1000.0, 1000.0),
    rms: float = 0.15,
    correlation_length: float = 30.0,
    step_height: float = 0.39,
    terrace_width: float = 250.0,
    step_angle: float = 20.0,
    noise: float = 0.01,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate the topography of terraces with a correlated random roughness.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    extent : (float, float), nm
        Lengths along y and x.
    rms : float, nm
        Root mean square of the roughness, exact in every realisation.
    correlation_length : float, nm
        Distance at which the autocorrelation of the roughness falls to 1/e; 0 for white.
    step_height, terrace_width : float, nm
        Height and distance of the steps; a height of 0 makes a plane without steps.
    step_angle : float, degrees
        Direction in which the terraces climb, from +x towards +y (down in the image).
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
        The shape has no points, or the extent or `terrace_width` is not positive.

    Notes
    -----
    The roughness is Gaussian, periodic over the extent, with the autocorrelation
    :math:`\sigma^2 e^{-r^2 / \xi^2}`.
    """
    require_positive(extent_y=extent[0], extent_x=extent[1], terrace_width=terrace_width)
    steps = [length / max(size, 1) for length, size in zip(extent, shape, strict=True)]
    coords = {
        **grid(shape[:1], steps[0], "nm", ["y"]),
        **grid(shape[1:], steps[1], "nm", ["x"]),
    }
    generator = np.random.default_rng(rng)
    y, x = np.meshgrid(coords["y"].values, coords["x"].values, indexing="ij")
    angle = np.deg2rad(step_angle)
    climb = x * np.cos(angle) + y * np.sin(angle)
    heights = step_height * np.floor(climb / terrace_width)
    heights = heights + _roughness(shape, steps, rms, correlation_length, generator)
    heights = heights + noise * generator.standard_normal(shape)
    truth = {
        "rms": rms, "correlation_length": correlation_length, "noise": noise,
        "step_height": step_height, "terrace_width": terrace_width, "step_angle": step_angle,
    }  # fmt: skip
    return measurement(
        xr.DataArray(heights, coords), title="Height", quantity="height", units="nm",
        modality="AFM", truth=truth,
    )  # fmt: skip


def _roughness(
    shape: tuple[int, int],
    steps: list[float],
    rms: float,
    correlation_length: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return a Gaussian random field; its power spectrum is that of its autocorrelation."""
    white = generator.standard_normal(shape)
    ky = np.fft.fftfreq(shape[0], steps[0])[:, None]
    kx = np.fft.rfftfreq(shape[1], steps[1])
    # The transform of exp(-r²/ξ²) is proportional to exp(-π²ξ²k²); its root filters.
    transfer = np.exp(-0.5 * (np.pi * correlation_length) ** 2 * (ky**2 + kx**2))
    field = np.fft.irfft2(np.fft.rfft2(white) * transfer, s=shape)
    field -= field.mean()
    spread = field.std()
    return rms * field / spread if spread > 0 else np.zeros(shape)
