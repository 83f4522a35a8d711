"""Captions: in words, with the units of their figures."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.text import Text

import omniscopy as om
from omniscopy.report.captions import alternative_text, describe_figure


@pytest.fixture
def surface():
    """Make a surface whose heights are stored in metres."""
    data = om.samples.surface()
    return data.copy(data=data.values * 1e-9).assign_attrs(units="m")


def test_a_caption_has_the_units_of_the_figure(surface):
    assert describe_figure(surface).startswith("Height (nm) along y (0 to 992.2 nm, 128 points)")
    written = [text.get_text() for text in om.plot.signal(surface).findobj(Text)]
    assert "Height (nm)" in written


def test_of_lazy_data_the_units_are_known_from_their_largest_value(surface):
    lazy = surface.chunk(y=32)
    assert describe_figure(lazy).startswith("Height (m)")
    assert describe_figure(lazy, largest=3e-9).startswith("Height (nm)")
    assert "Height (nm)" in alternative_text("Height", lazy, largest=3e-9)


@pytest.mark.parametrize("sample", ["spectrum_image", "exit_wave", "diffraction_4d", "grains"])
def test_units_that_have_no_prefix_stay(sample):
    data = getattr(om.samples, sample)()
    units = data.attrs.get("units")
    said = describe_figure(data)
    assert units in (None, "1") or f"({units})" in said


def test_magnitudes_of_complex_values_decide():
    data = om.samples.band_excitation() * 1e-6
    data = data.assign_attrs(units="V", long_name="Response")
    assert "(nV)" in describe_figure(data) or "(µV)" in describe_figure(data)
    assert describe_figure(data) == describe_figure(data * np.exp(1j))


def test_blanks_at_the_end_of_a_table_are_not_counted():
    places = xr.DataArray([1.0, 2.0, np.nan, np.nan], dims="peak", attrs={"units": "nm"})
    found = xr.Dataset({"position": places})
    assert describe_figure(found) == "Position along 2 peaks."
    assert describe_figure(found * np.nan) == "No peaks were found."
