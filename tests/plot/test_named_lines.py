"""Names of lines and edges over the spectrum that they are in."""

import numpy as np
import xarray as xr

from omniscopy import eds, eels, plot, samples, signal
from omniscopy.model import coordinate
from omniscopy.plot.named_lines import place_of_names


def test_edges_are_named_where_they_are():
    total = signal.sum_over(samples.core_loss())
    found = eels.find_edges(total, ["Ti", "O"])
    seen = found.isel(edge=np.flatnonzero(found["is_seen"].values))
    (axes,) = plot.signal(seen, over=total).axes
    texts = {each.get_text(): each.xy[0] for each in axes.texts}
    assert texts["O K"] == 532.0
    assert any(name.startswith("Ti L3") for name in texts)


def test_lines_in_kev_are_named_on_an_axis_in_ev_and_near_ones_together():
    spectrum = samples.eds_map().sum(("y", "x"), keep_attrs=True)
    lines = eds.fit_lines(spectrum, ["Fe", "Ti", "O", "Pt"], calibration=None)[["intensity"]]
    in_ev = coordinate("energy", 1e3 * spectrum["energy"].values, "eV")
    (axes,) = plot.signal(lines, over=spectrum.assign_coords(energy=in_ev)).axes
    texts = {each.get_text(): each.xy[0] for each in axes.texts}
    iron = float(lines["line_energy"].sel(line="Fe_Ka"))
    assert min(abs(texts["Fe Ka"] - 1e3 * iron), abs(texts["Fe Ka"] - iron)) < 1e-6
    assert any("O Ka" in name and "," in name for name in texts)


def test_what_has_no_place_on_the_axis_is_drawn_as_before():
    spectrum = xr.DataArray(
        np.ones(8), {"time": coordinate("time", np.arange(8.0), "s")}, attrs={"units": "V"}
    )
    found = eels.edges("Ti")
    assert place_of_names(found, spectrum) is None
    assert place_of_names(found, None) is None
    assert plot.signal(found, over=spectrum).axes
