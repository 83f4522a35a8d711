"""Default analyses of every sample."""

from collections.abc import Mapping

import dask.array
import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.model import analyses_for, history, validate
from omniscopy.report.contents import computed
from omniscopy.signal.defaults import components_of_spectral_image

EXPECTED = {
    "atom_image": {
        "Atoms",
        "Heights of the atoms",
        "Lattice of the atoms",
        "Neighbours",
        "Sublattices",
        "Strain",
        "Power spectrum",
        "Spots",
        "Image of the spots alone",
        "Symmetry of the spectrum",
    },
    "band_excitation": {"Components", "Resonance"},
    "diffraction_4d": {
        "Mean pattern",
        "Disc",
        "Bright field",
        "Dark field",
        "Centre of mass",
        "Bragg vector map",
        "Lattice of the discs",
        "Strain",
    },
    "phase_grating_4d": {
        "Mean pattern",
        "Disc",
        "Bright field",
        "Dark field",
        "Centre of mass",
        "Deflection",
        "Phase",
    },
    "drifting_spectra": set(),
    "eds_map": {
        "Sum spectrum",
        "Sum image",
        "Components",
        "Elements",
        "Sum of the spectra",
        "Lines of the sum",
        "Counts of the lines",
        "Composition",
    },
    "image_stack": {"Mean image", "Registered mean", "Shifts"},
    "point_cloud": {"Image of the points"},
    "spectrum": {"Peaks", "Baseline"},
    "spectrum_image": {
        "Sum spectrum",
        "Sum image",
        "Components",
        "Edges of the sum",
        "Sum of the core losses",
        "Edges that are seen",
        "Map of Ti_L3",
        "Map of O_K",
    },
    "switching_spectroscopy": {
        "Components",
        "Resonance",
        "Loops",
        "Mean loop",
        "Loop fit",
        "Switching",
    },
    "current_voltage": {
        "Mean image",
        "Conductance while the bias rises and falls",
        "Resistance at the lowest bias",
        "Resistance at the highest bias",
        "Capacitance",
    },
    "force_curve": {"Curve without its baseline", "Contact", "Attraction"},
    "force_map": {"Mean image", "Quality", "Attraction", "Contact"},
    "grainy_surface": {
        "Power spectrum",
        "Spots",
        "Roughness",
        "Power spectral density",
        "Levelled, rows aligned",
        "Grains",
        "Measures of grains",
    },
    "surface": {
        "Power spectrum",
        "Spots",
        "Roughness",
        "Power spectral density",
        "Levelled, rows aligned",
    },
    "transients": {"Mean image", "Frequency", "First peak"},
}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_is_analysed_and_every_result_has_its_history(name, chunked):
    data = getattr(samples, name)()
    data = data.chunk() if chunked else data
    found = {}
    for analysis in analyses_for(data):
        found |= analysis.function(data)
    assert set(found) == EXPECTED[name]
    for made in found.values():
        assert validate(made) == []
        assert history(made)[0].operation in (f"simulate.{name}", "data")
    for title, made in computed(found).items():
        assert made.chunks in (None, {})
        xr.testing.assert_identical(made, found[title].compute())


@pytest.mark.parametrize("modality", ["EELS", "EDS"])
def test_spectra_whose_background_has_a_model_have_no_smooth_baseline(modality):
    data = samples.spectrum()
    titles = {entry.title for entry in analyses_for(data.assign_attrs(modality=modality))}
    assert titles == {entry.title for entry in analyses_for(data)} - {"Baseline"}


@pytest.mark.parametrize("name", EXPECTED)
def test_data_without_a_pixel_are_no_error(name):
    data = getattr(samples, name)()
    for dim in data.dims:
        empty = data.isel({dim: slice(0)})
        for analysis in analyses_for(empty):
            assert isinstance(analysis.function(empty), Mapping)


def test_large_spectrum_images_are_decomposed_binned():
    frames = xr.DataArray(
        dask.array.zeros((14, 512, 512, 4096), np.uint16, chunks=(1, 32, 512, 4096)),
        dims=("time", "y", "x", "energy"),
        attrs={"units": "counts", "signal_type": "spectral_image"},
    )
    [made] = components_of_spectral_image(frames).values()
    assert made.sizes == {"time": 14, "y": 128, "x": 256, "energy": 1024, "component": 6}
    assert [step.operation.rpartition(".")[2] for step in history(made)][-2:] == [
        "rebin", "decompose",
    ]  # fmt: skip
