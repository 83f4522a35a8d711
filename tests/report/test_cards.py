"""Summaries of anything."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om


def test_a_file_is_summarised_by_its_channels(spectra):
    shown = om.show(spectra[0])
    assert repr(shown).splitlines()[0] == "map.dm4"
    assert "spectral image, y 6 × x 8 × energy_loss 50" in repr(shown)
    page = shown._repr_html_()
    assert page.count("data:image/png;base64,") == 1
    assert "Plasmons" in page


def test_results_are_listed_before_their_uncertainties_with_their_history():
    shown = om.show(om.samples.line_fit(), pictures=False)
    names = [row.name for row in shown.rows]
    assert names.index("gaussian_centre") < names.index("gaussian_centre_std")
    assert shown.steps[-1].endswith("(signal.fit_model)")
    assert "<img" not in shown._repr_html_()
    assert "<details>" in shown._repr_html_()


def test_text_from_a_file_is_escaped():
    data = xr.DataArray(np.ones((2, 2)), dims=("y", "x"), name="<script>x</script>")
    page = om.show(data.assign_attrs(long_name="a <b>", units="<i>"))._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page.partition("</b>")[2]
    assert "<i>" not in page


def test_lazy_data_stay_lazy():
    data = om.samples.spectrum_image().chunk()
    om.show(data)
    assert data.chunks is not None


def test_what_is_no_data_is_refused():
    with pytest.raises(om.DataError, match="expected data, results, a tree or a file, got int"):
        om.show(3)


def test_a_tree_of_many_channels_is_cut():
    tree = xr.DataTree.from_dict(
        {f"/c{i}": xr.Dataset({"signal": ("x", [1.0])}) for i in range(50)}
    )
    shown = om.show(tree, pictures=False)
    assert (len(shown.rows), shown.left_out) == (40, 10)
    assert "and 10 more" in repr(shown)
