"""What is done with maps of X-rays when nobody says what to do."""

import numpy as np
import xarray as xr

from omniscopy import samples
from omniscopy.eds.defaults import lines_of_spectra
from omniscopy.model import coordinate


def test_frames_of_one_map_are_added_up():
    whole = samples.eds_map()
    rng = np.random.default_rng(1)
    first = rng.binomial(whole.values.astype(np.int64), 0.3)
    frames = xr.concat([whole.copy(data=first), whole.copy(data=whole.values - first)], "time")
    frames = frames.assign_coords(time=coordinate("time", [0.0, 2.0], "s"))
    made = lines_of_spectra(frames.assign_attrs(whole.attrs))
    expected = lines_of_spectra(whole)
    assert set(made) == set(expected)
    for name, each in expected.items():
        xr.testing.assert_allclose(made[name], each)
    assert "time" not in made["Counts of the lines"].dims


def test_spectra_at_several_times_stay_apart():
    whole = samples.eds_map().sum(("y", "x"), keep_attrs=True)
    series = xr.concat([whole, 2 * whole], "time", combine_attrs="override")
    series = series.assign_coords(time=coordinate("time", [0.0, 2.0], "s"))
    counts = lines_of_spectra(series)["Counts of the lines"]["intensity"]
    np.testing.assert_allclose(counts.isel(time=1), 2 * counts.isel(time=0), rtol=0.02)
