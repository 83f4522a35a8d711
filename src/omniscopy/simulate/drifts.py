"""Spectra that drift."""

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.simulate.measurements import Random, counted, measurement, require_positive
from omniscopy.simulate.spectra import spectrum


@operation(example={"frames": 3}, lazy=False)
def drifting_spectra(
    frames: int = 24, *, drift: float = 0.04, noise: bool = True, rng: Random = 0
) -> xr.DataArray:
    r"""Simulate spectra of light whose lines drift to and fro.

    Parameters
    ----------
    frames : int
        Spectra, one after the other.
    drift : float, eV
        How far the lines drift.
    noise : bool
        Draw Poisson counts (float32); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (frame, energy), counts
        What `spectrum` simulates, at energies that are larger by
        :math:`drift \sin(2 \pi\,frame / 24)`; these are in
        ``attrs["metadata"]["truth"]["shift"]``.

    Raises
    ------
    DataError
        There are no frames.
    """
    require_positive(frames=frames)
    shift = drift * np.sin(2 * np.pi * np.arange(frames) / 24)
    lines = spectrum(noise=False).attrs["metadata"]["truth"]["peaks"]
    moved = [
        spectrum([(centre + away, width, height) for centre, width, height in lines], noise=False)
        for away in shift
    ]
    frame = coordinate("frame", np.arange(frames), "1")
    energy = moved[0].coords["energy"]
    mean = xr.DataArray(
        np.stack([each.values for each in moved]), {"frame": frame, "energy": energy},
        dims=("frame", "energy"),
    )  # fmt: skip
    return measurement(
        counted(mean, noise=noise, rng=rng), title="Drifting lines", quantity="intensity",
        units="counts", modality="CL", truth={"shift": shift.tolist(), "peaks": lines},
    )  # fmt: skip
