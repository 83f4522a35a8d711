"""Spikes: injected ones are found, real peaks stay, whatever their neighbours."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import remove_spikes
from omniscopy.signal.spikes import steepest_gaussian

STEP = 0.25


def spectra(values, units="V"):
    values = np.asarray(values)
    dims = ("y", "x", "energy")[-values.ndim :]
    coords = {"energy": coordinate("energy", np.arange(values.shape[-1]) * STEP, "eV")}
    coords |= {dim: coordinate(dim, np.arange(values.shape[dims.index(dim)]) * 1.0, "nm")
               for dim in dims[:-1]}  # fmt: skip
    return xr.DataArray(values, coords, dims=dims, attrs={"units": units, "long_name": "light"})


def gaussian(channels, centre, width):
    return np.exp(-4 * np.log(2) * ((channels - centre) / width) ** 2)


def measured(count, n=400, seed=0, narrow=3.0):
    """Return spectra with wide and narrow peaks on a background, with noise of 1."""
    rng = np.random.default_rng(seed)
    channels = np.arange(n)
    values = 60.0 * np.exp(-channels / 300.0) + rng.standard_normal((count, n))
    for width, height in ((25.0, 80.0), (8.0, 60.0), (narrow, 100.0)):
        # They wander from spectrum to spectrum, by less than they are wide.
        centres = rng.uniform(0, n) + 0.1 * width * np.sin(np.arange(count) / 9.0)[:, None]
        values += height * gaussian(channels, centres, width)
    return values


def with_spikes(values, seed=1, per_spectrum=2, low=15.0, high=300.0):
    """Return the values with spikes of one or two channels, and where these are."""
    rng = np.random.default_rng(seed)
    spiked, where = values.copy(), np.zeros(values.shape, dtype=bool)
    for row, spectrum in enumerate(spiked):
        for place in rng.integers(3, len(spectrum) - 4, per_spectrum):
            height = rng.uniform(low, high)
            spectrum[place] += height
            where[row, place] = True
            if rng.random() < 0.3:
                spectrum[place + 1] += rng.uniform(0.7, 1.0) * height
                where[row, place + 1] = True
    return spiked, where


@pytest.mark.parametrize("neighbours", [None, ()])
def test_injected_spikes_are_found_and_little_else(neighbours):
    values = measured(500)
    spiked, where = with_spikes(values)
    found = remove_spikes(spectra(spiked), neighbours=neighbours)
    marked = found["spike"].values
    assert (marked & where).sum() / where.sum() > 0.95
    assert (marked & where).sum() / marked.sum() > 0.97
    error = (found["cleaned"].values - values)[where]
    assert np.median(np.abs(error)) < 1.5
    assert (found["cleaned"].values[~marked] == spiked[~marked]).all()
    assert float(found["count"].mean()) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_real_peaks_of_three_channels_or_more_stay(noise):
    rng = np.random.default_rng(2)
    centre, width = rng.uniform(30, 31, (4000, 1)), rng.uniform(3.0, 12.0, (4000, 1))
    height = 10.0 ** rng.uniform(-1, 6, (4000, 1))
    peaks = height * gaussian(np.arange(80), centre, width) + noise * rng.standard_normal(
        (4000, 80)
    )
    found = remove_spikes(spectra(peaks), neighbours=())
    assert int(found["count"].sum()) == 0
    assert (found["cleaned"].values == peaks).all()


@pytest.mark.parametrize("width", [1.2, 2.0, 5.0])
def test_the_narrowest_peak_can_be_said(width):
    rng = np.random.default_rng(3)
    peaks = 1000.0 * gaussian(np.arange(80), rng.uniform(30, 31, (500, 1)), width)
    data = spectra(peaks + rng.standard_normal((500, 80)))
    assert int(remove_spikes(data, min_width=width * STEP, neighbours=())["count"].sum()) == 0


def test_wider_spikes_need_wider_peaks():
    values = np.random.default_rng(0).standard_normal(200)
    values[50:54] += 200.0
    assert int(remove_spikes(spectra(values))["count"]) == 0
    found = remove_spikes(spectra(values), min_width=6 * STEP)
    assert np.flatnonzero(found["spike"]).tolist() == [50, 51, 52, 53]
    assert float(abs(found["cleaned"]).max()) < 4.0


def test_the_steepness_of_a_gaussian_is_that_of_a_scan():
    for width in (1.0, 2.5, 3.0, 6.0):
        steepest, longest = steepest_gaussian(width)
        expected = 0.0
        for place in np.linspace(0, 1, 101):
            values = gaussian(np.arange(-20, 21), place, width)
            for length in range(1, longest + 1):
                for first in range(1, 40 - length):
                    run = values[first : first + length]
                    up = values[first] - values[first - 1]
                    down = values[first + length - 1] - values[first + length]
                    if run.max() > 1e-6:
                        expected = max(expected, min(up, down) / run.max())
        assert steepest == pytest.approx(expected, rel=1e-9)
    assert steepest_gaussian(3.0)[0] == pytest.approx(0.46, abs=0.005)


def test_noise_alone_hardly_has_spikes():
    rng = np.random.default_rng(5)
    white = spectra(rng.standard_normal((3000, 280)))
    counted = spectra(rng.poisson(800.0 * np.exp(-np.arange(280) / 90), (3000, 280)), "counts")
    for data in (white, counted):
        for neighbours in (None, ()):
            assert int(remove_spikes(data, neighbours=neighbours)["count"].sum()) <= 2


@pytest.mark.parametrize("mean", [0.003, 0.05, 0.5])
def test_single_counts_are_no_spikes(mean):
    data = spectra(np.random.default_rng(6).poisson(mean, (300, 500)), "counts")
    assert int(remove_spikes(data)["count"].sum()) <= 1
    spiked = data.copy()
    spiked[5, 100] = 40
    assert remove_spikes(spiked)["spike"][5, 100]


def plainly(values, threshold, noise, width):
    """Return where the rule of the docstring finds spikes, feet aside, channel by channel."""
    steepness, longest = steepest_gaussian(width)
    spikes = np.zeros(len(values), dtype=bool)
    i = 1
    while i < len(values) - 1:
        for last in range(i, min(i + longest, len(values) - 1)):
            edge = min(values[i] - values[i - 1], values[last] - values[last + 1])
            beside = np.r_[values[max(i - 6, 0) : i], values[last + 1 : last + 7]]
            height = values[i : last + 1].max() - beside.min()
            if edge > threshold * noise and edge > steepness * height + threshold * noise / 2:
                spikes[i : last + 1] = True
                i = last
                break
        i += 1
    return spikes


def test_the_compiled_rule_is_the_plain_one():
    rng = np.random.default_rng(7)
    values = rng.standard_normal((60, 300)).cumsum(axis=1) * 0.3
    values, where = with_spikes(values, per_spectrum=8, low=2.0, high=20.0)
    found = remove_spikes(spectra(values), noise=0.5, threshold=5.0, neighbours=())["spike"].values
    for row, marked in zip(values, found, strict=True):
        expected = plainly(row, 5.0, 0.5, 3.0)
        assert (marked[expected]).all()
        feet = marked & ~expected
        beside = np.convolve(expected, [1, 1, 1], mode="same") > 0
        assert (beside | ~feet).all()
    assert 0.6 < (found & where).sum() / where.sum() < 1.0


def test_feet_go_with_a_spike():
    values = np.random.default_rng(8).standard_normal(200)
    values[100:103] += [60.0, 200.0, 40.0]
    found = remove_spikes(spectra(values))
    assert np.flatnonzero(found["spike"]).tolist() == [100, 101, 102]
    assert int(found["count"]) == 1


def line_in_all(shape=(6, 7, 200)):
    values = np.random.default_rng(9).standard_normal(shape)
    values[..., 80] += 300.0 * (1.0 + 0.012 * np.arange(shape[1]))
    return values


@pytest.mark.parametrize("neighbours", [None, "x", ["y", "x"]])
def test_a_line_of_one_channel_that_neighbours_have_too_stays(neighbours):
    values = line_in_all()
    values[2, 3, 80] += 120.0
    values[4, 4, 120] += 90.0
    found = remove_spikes(spectra(values), neighbours=neighbours)
    assert np.argwhere(found["spike"].values).tolist() == [[2, 3, 80], [4, 4, 120]]
    alone = remove_spikes(spectra(values), neighbours=())
    assert bool(alone["spike"][:, :, 80].all())


def test_frames_are_neighbours_and_order_does_not_matter():
    values = spectra(line_in_all()).rename(y="frame")
    values = values.assign_coords(frame=coordinate("frame", np.arange(6), "1"))
    values[3, 2, 80] += 100.0
    expected = remove_spikes(values, neighbours="frame")
    assert np.argwhere(expected["spike"].values).tolist() == [[3, 2, 80]]
    turned = remove_spikes(values.transpose("energy", "x", "frame"), neighbours="frame")
    xr.testing.assert_equal(turned.transpose("frame", "x", "energy"), expected)


def test_spikes_at_the_edges_of_chunks_are_found_alike():
    values, _ = with_spikes(measured(42, n=150, narrow=5.0))
    data = spectra(values.reshape(6, 7, 150))
    expected = remove_spikes(data)
    for chunks in ({"y": 1, "x": 1, "energy": 40}, {"y": 4, "x": 3}):
        xr.testing.assert_equal(remove_spikes(data.chunk(chunks)).compute(), expected)


def test_missing_values_stay_missing_and_are_no_spikes():
    values = measured(4)
    values[0, 50] += 200.0
    values[0, 52:60] = np.nan
    values[1] = np.nan
    values[2] = 3.0
    found = remove_spikes(spectra(values), neighbours=())
    assert found["spike"][0, 50]
    assert found["count"].values.tolist() == [1, 0, 0, 0]
    assert found["status"].values.tolist() == [0, Status.NO_DATA, 0, 0]
    assert (np.isnan(found["cleaned"].values) == np.isnan(values)).all()
    np.testing.assert_array_equal(found["cleaned"][2], 3.0)


def test_a_neighbour_with_a_gap_is_compared_where_it_has_values():
    values = spectra(line_in_all())
    values[2, 3, 80] += 120.0
    expected = remove_spikes(values)["spike"]
    holed = values.copy()
    holed[:, ::2, 150] = np.nan
    found = remove_spikes(holed)["spike"]
    assert int(expected.sum()) == 1
    assert (found[..., :145] == expected[..., :145]).all()


def test_dips_are_left_alone():
    values = measured(1)
    values[0, 200] -= 300.0
    assert int(remove_spikes(spectra(values))["count"].sum()) == 0


def test_a_descending_axis_has_the_same_spikes():
    values, _ = with_spikes(measured(20))
    up = remove_spikes(spectra(values), neighbours=())["spike"]
    down = remove_spikes(spectra(values)[:, ::-1], neighbours=())["spike"]
    assert (up.values != down.values[:, ::-1]).sum() <= 4


def test_the_result_says_what_it_is():
    found = remove_spikes(samples.spectrum_image())
    assert found["cleaned"].attrs["units"] == "counts"
    assert found["cleaned"].attrs["quantity"] == "intensity"
    assert found["cleaned"].dtype == np.float32
    assert found["spike"].dtype == bool
    assert found["count"].dims == ("y", "x")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"threshold": 0.0}, "threshold must be above 0, got 0.0"),
        ({"min_width": 0.1}, "is 0.4 channels of 'energy'"),
        ({"min_width": -1.0}, "min_width must be above 0"),
        ({"noise": "white"}, "above 0 or 'poisson', got 'white'"),
        ({"noise": -1.0}, "above 0 or 'poisson', got -1.0"),
        ({"neighbours": "frame"}, r"\['frame'\] missing"),
        ({"neighbours": ["x", "x"]}, "each named once"),
        ({"neighbours": "energy"}, "other dimensions than 'energy'"),
    ],
)
def test_says_what_is_wrong(options, match):
    with pytest.raises(DataError, match=match):
        remove_spikes(spectra(measured(2)), **options)


def test_axes_that_are_short_or_unsorted_are_said():
    with pytest.raises(DataError, match="has 4 points; at least 5"):
        remove_spikes(spectra(np.ones(4)))
    data = spectra(np.ones(9)).assign_coords(energy=[0.0, 1, 2, 2, 3, 4, 5, 6, 7])
    with pytest.raises(DataError, match="without equal"):
        remove_spikes(data)
