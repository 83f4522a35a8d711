"""Small labelled measurements to try things on: synthetic, seeded, with a known truth.

Each is what the function of `omniscopy.simulate` with the same name makes by default, the truth
in ``attrs["metadata"]["truth"]``; or a result of one.
"""

from typing import Any

import xarray as xr

from omniscopy import signal, simulate, spm

__all__ = [
    "atom_image",
    "band_excitation",
    "condensed",
    "current_voltage",
    "decomposition",
    "diffraction_4d",
    "drifting_spectra",
    "folded",
    "image_stack",
    "line_fit",
    "peaks",
    "phase_spectra",
    "point_cloud",
    "regions",
    "spectrum",
    "spectrum_image",
    "surface",
]


def atom_image() -> xr.DataArray:
    """Return an image of atomic columns: (y, x) in nm, counts."""
    return simulate.atom_image()


def band_excitation() -> xr.DataArray:
    """Return complex band-excitation spectra: (y, x, frequency) in nm and Hz, volts."""
    return simulate.band_excitation()


def condensed() -> xr.DataArray:
    """Return the low frequencies of the current: (y, x, frequency) in nm and Hz, nA."""
    return spm.condense(simulate.current_voltage(), signal.LowPass(5e3))


def current_voltage() -> xr.DataArray:
    """Return the current under a sinusoidal bias: (y, x, time) in nm and s, nA."""
    return simulate.current_voltage()


def decomposition() -> xr.Dataset:
    """Return three principal components of a small spectrum image, and its mean."""
    return signal.decompose(simulate.spectrum_image((8, 10)), 3, method="pca")


def diffraction_4d() -> xr.DataArray:
    """Return a diffraction pattern for each point: (y, x, ky, kx) in nm and 1/nm, counts."""
    return simulate.diffraction_4d()


def folded() -> xr.DataArray:
    """Return the core losses of two phases as a list: (point, energy_loss) in eV, counts."""
    return signal.fold(simulate.spectrum_image((8, 10)))


def drifting_spectra() -> xr.DataArray:
    """Return spectra of light whose lines drift: (frame, energy) in eV, counts."""
    return simulate.drifting_spectra()


def image_stack() -> xr.DataArray:
    """Return images of drifting particles: (frame, y, x) in nm, counts."""
    return simulate.image_stack()


def line_fit() -> xr.Dataset:
    """Return a line on a decay, fitted to every point of the spectrum image."""
    return signal.fit_model(simulate.spectrum_image(), signal.Gaussian() + signal.Exponential())


def peaks() -> xr.Dataset:
    """Return the peaks of the spectrum: where they are, how high and how wide."""
    return signal.find_peaks(simulate.spectrum(), noise="poisson")


def phase_spectra() -> xr.DataArray:
    """Return the core losses of two phases without noise: (component, energy_loss), counts."""
    return simulate.phase_spectra()


def point_cloud() -> xr.DataArray:
    """Return a surface potential along a spiral: (point) with x and y in nm, volts."""
    return simulate.point_cloud()


def regions() -> xr.DataArray:
    """Return a map of two regions of the spectrum image: (y, x) in nm, numbers from 1 on."""
    windows: dict[str, Any] = {"left": {"x": (None, 3.0)}, "right": {"x": (6.0, None)}}
    return signal.label_regions(simulate.spectrum_image(), windows)


def spectrum() -> xr.DataArray:
    """Return a spectrum of light with three lines: (energy) in eV, counts."""
    return simulate.spectrum()


def spectrum_image() -> xr.DataArray:
    """Return core losses of two phases: (y, x, energy_loss) in nm and eV, counts."""
    return simulate.spectrum_image()


def surface() -> xr.DataArray:
    """Return the topography of rough terraces: (y, x) in nm, heights in nm."""
    return simulate.surface()
