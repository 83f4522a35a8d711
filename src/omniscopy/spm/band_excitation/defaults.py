"""What is done with band-excitation spectra when nobody says what to do."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, analysis, dims_of_kind
from omniscopy.model.analyses import Results
from omniscopy.signal.sums import mean_over
from omniscopy.spm.band_excitation.bias_axes import loop_axis
from omniscopy.spm.band_excitation.loop_fits import fit_loops
from omniscopy.spm.band_excitation.loop_models import NAMES
from omniscopy.spm.band_excitation.loops import project_loops
from omniscopy.spm.band_excitation.resonances import fit_oscillator, prepared
from omniscopy.spm.band_excitation.switching import switching_parameters

_BINS = 8


def _is_band_excitation(data: xr.DataArray) -> bool:
    """Return whether there are complex spectra of frequencies, a band of them above 0."""
    if data.dtype.kind != "c" or data.size == 0 or data.sizes.get("frequency", 0) < _BINS:
        return False
    try:
        _, frequency = prepared(data, "frequency", None)
    except DataError:
        return False
    # Spectra of a Fourier transform go from 0 on; a resonance is in a band.
    return bool(frequency[-1] < 4.0 * frequency[0])


def _has_loops(data: xr.DataArray) -> bool:
    """Return whether the spectra are along loops of the bias."""
    if not _is_band_excitation(data):
        return False
    try:
        _, bias = loop_axis(data, "bias", at_least=len(NAMES))
    except DataError:
        return False
    steps = np.diff(bias.values, axis=-1)
    return bool((steps > 0).any() and (steps < 0).any())


@analysis("Resonance", "spectral_image", "spectrum", applies=_is_band_excitation)
def resonance_of_spectra(data: xr.DataArray) -> Results:
    """Fit a resonance to every spectrum."""
    return {"Resonance": fit_oscillator(data)}


@analysis("Loops", "spectral_image", "spectrum", applies=_has_loops)
def loops_of_spectra(data: xr.DataArray) -> Results:
    """Project the loops of the response, and fit them."""
    loops = project_loops(fit_oscillator(data))
    found = fit_loops(loops)
    made: dict[str, xr.DataArray | xr.Dataset] = {"Loops": loops}
    response = loops["response"]
    if pixels := dims_of_kind(response, "spatial", "point"):
        made["Mean loop"] = mean_over(response, pixels)
    return {**made, "Loop fit": found, "Switching": switching_parameters(found)}
