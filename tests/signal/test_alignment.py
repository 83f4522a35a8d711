"""Alignment: known drifts, the sign, what is uncertain, and bad input."""

import numpy as np
import pytest
import scipy.ndimage
import xarray as xr

from omniscopy import samples
from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import align_signals
from omniscopy.signal.shifts import Search
from omniscopy.signal.splines import shift_back

STEP, N = 0.2, 300
X = 10.0 + STEP * np.arange(N)


def lines(shift, *, width=6.0, x=X):
    """Return lines of a full width in channels, shifted by lengths on the axis."""
    away = np.asarray(shift, dtype=float)[..., None]
    width = width * abs(x[1] - x[0])
    return sum(
        height * np.exp(-4 * np.log(2) * ((x - centre - away) / width) ** 2)
        for height, centre in ((100.0, 25.0), (60.0, 38.0), (80.0, 55.0))
    )


def spectra(values, x=X, units="eV"):
    values = np.asarray(values)
    dims = ("y", "x", "energy")[-values.ndim :]
    coords = {"energy": coordinate("energy", x, units)}
    coords |= {dim: coordinate(dim, 1.0 * np.arange(values.shape[dims.index(dim)]), "nm")
               for dim in dims[:-1]}  # fmt: skip
    return xr.DataArray(values, coords, dims=dims, attrs={"units": "V", "long_name": "light"})


def noisy(values, noise, seed=0):
    return values + noise * np.random.default_rng(seed).standard_normal(np.shape(values))


@pytest.mark.parametrize("x", [X, X[::-1]])
@pytest.mark.parametrize("shift", [1.0, -0.73, 0.0])
def test_a_spectrum_at_larger_coordinates_has_a_positive_shift(x, shift):
    reference = spectra(lines(0.0, x=x), x)
    found = align_signals(spectra(lines(shift, x=x), x), reference=reference)
    assert float(found["shift"]) == pytest.approx(shift, abs=1e-3 * STEP)
    assert found["shift"].attrs["units"] == "eV"
    inside = np.isfinite(found["aligned"].values)
    np.testing.assert_allclose(found["aligned"].values[inside], reference.values[inside], atol=0.05)
    assert (~inside).sum() == np.ceil(abs(shift) / STEP - 1e-6)
    lost = np.flatnonzero(~inside)
    if shift:
        at_the_end = (x[lost] > x.mean()) == (shift > 0)
        assert at_the_end.all()


@pytest.mark.parametrize("width", [3.0, 6.0, 12.0])
def test_shifts_are_right_to_a_twentieth_of_a_channel_at_two_percent_of_noise(width):
    truth = np.random.default_rng(1).uniform(-2.0, 2.0, 400)
    values = noisy(lines(truth, width=width), 2.0)
    found = align_signals(spectra(values), reference=spectra(lines(0.0, width=width)))
    error = (found["shift"].values - truth) / STEP
    assert np.sqrt(np.mean(error**2)) < 0.05
    assert abs(error.mean()) < 0.01
    assert (found["status"] == Status.CONVERGED).all()
    assert float(found["correlation"].min()) > 0.98


def test_the_reported_spread_is_the_scatter():
    values = noisy(lines(np.full(3000, 0.37)), 8.0)
    found = align_signals(spectra(values), reference=spectra(lines(0.0)))
    scatter = float(found["shift"].std())
    assert float(found["shift_std"].mean()) == pytest.approx(scatter, rel=0.05)
    assert float(found["shift"].mean()) == pytest.approx(0.37, abs=0.1 * scatter)


def test_the_drift_of_a_spectrum_image_is_found_without_a_reference():
    y, x = np.mgrid[:20, :24]
    truth = 3.0 * np.sin(y / 6.0) + 0.05 * x
    data = spectra(noisy(lines(truth), 2.0))
    found = align_signals(data, max_shift=8.0)
    error = found["shift"].values - truth
    error -= error.mean()
    assert np.sqrt(np.mean(error**2)) < 0.05 * STEP
    middle = found["aligned"].isel(energy=slice(40, -40))
    assert float(middle.std(["y", "x"]).max()) < 2.5
    assert found["aligned"].attrs["units"] == "V"
    assert found["aligned"].attrs["long_name"] == "light"


def test_strength_and_offset_do_not_matter():
    values = np.stack([3.0 * lines(1.0) + 500.0, 1e-9 * lines(1.0), lines(1.0) - 1e6])
    found = align_signals(spectra(values), reference=spectra(lines(0.0)))
    np.testing.assert_allclose(found["shift"], 1.0, atol=1e-3 * STEP)
    np.testing.assert_allclose(found["correlation"], 1.0, atol=1e-6)


def test_only_the_window_is_compared():
    values = lines(0.6)
    values[200:] = lines(-2.0)[200:]
    data, reference = spectra(values), spectra(lines(0.0))
    near = align_signals(data, reference=reference, window=(15.0, 42.0), max_shift=3.0)
    far = align_signals(data, reference=reference, window=(50.0, 60.0), max_shift=3.0)
    assert float(near["shift"]) == pytest.approx(0.6, abs=0.01)
    assert float(far["shift"]) == pytest.approx(-2.0, abs=0.01)


def test_a_line_at_the_edge_of_the_axis_is_aligned_too():
    def edge(shift):
        return 100.0 * np.exp(-0.5 * ((X - 10.6 - shift) / 0.8) ** 2) + 0.5 * X

    found = align_signals(spectra(edge(1.1)), reference=spectra(edge(0.0)), max_shift=4.0)
    assert float(found["shift"]) == pytest.approx(1.1, abs=0.05 * STEP)


def plain_correlation(values, reference, first, reach):
    """Return Pearson's coefficient of the channels that both have, lag by lag."""
    found = []
    for lag in range(-reach, reach + 1):
        pairs = [
            (value, reference[first + i - lag])
            for i, value in enumerate(values)
            if 0 <= first + i - lag < len(reference)
        ]
        mine, theirs = np.array(pairs).T
        both = np.isfinite(mine) & np.isfinite(theirs)
        found.append(np.corrcoef(mine[both], theirs[both])[0, 1])
    return np.array(found)


@pytest.mark.parametrize("holes", ["none", "spectrum", "reference", "both"])
@pytest.mark.parametrize("window", [(0, 60), (10, 45)])
def test_the_correlation_is_pearsons(holes, window):
    rng = np.random.default_rng(3)
    reference = rng.standard_normal(60)
    values = np.roll(reference, 4) + 0.3 * rng.standard_normal((3, 60))
    if holes in ("spectrum", "both"):
        values[1, [12, 30, 31]] = np.nan
    if holes in ("reference", "both"):
        reference[[5, 20, 50]] = np.nan
    first, last = window
    found = Search(first, last, 12).find(values, reference)
    for row, value in enumerate(values):
        expected = plain_correlation(value[first:last], reference, first, 12)
        top = int(np.argmax(expected))
        assert abs(found.shift[row] - (top - 12)) <= 1.0
        near = expected[top - 4 : top + 5]
        polynomial = np.polynomial.Polynomial.fit(np.arange(-4, 5), near, 8)
        place = found.shift[row] - (top - 12)
        assert found.correlation[row] == pytest.approx(polynomial(place), abs=1e-9)
        assert polynomial(place) >= max(polynomial(place - 0.01), polynomial(place + 0.01)) - 1e-12


def test_shifted_spectra_are_those_of_scipys_splines():
    values = np.random.default_rng(4).standard_normal((5, 40))
    shift = np.array([0.37, -3.2, 5.0, 0.0, -38.5])
    made = shift_back(values, shift)
    for row, away in enumerate(shift):
        at = np.arange(40) + away
        expected = scipy.ndimage.map_coordinates(values[row], [at], order=3, mode="mirror")
        inside = (at >= 0) & (at <= 39)
        assert (np.isfinite(made[row]) == inside).all()
        np.testing.assert_allclose(made[row][inside], expected[inside], atol=1e-12)
    short = np.array([[1.0, 3.0, 2.0, 5.0]])
    expected = scipy.ndimage.map_coordinates(short[0], [[0.5, 1.5, 2.5]], order=3, mode="mirror")
    np.testing.assert_allclose(shift_back(short, np.array([0.5]))[0, :3], expected, atol=1e-12)


def test_missing_channels_are_left_out_and_missing_around_them():
    values = lines(np.array([0.9, 0.9]))
    values[0, 75:80] = np.nan
    found = align_signals(spectra(values), reference=spectra(lines(0.0)))
    np.testing.assert_allclose(found["shift"], 0.9, atol=0.01 * STEP)
    gap = np.flatnonzero(np.isnan(found["aligned"].values[0]))
    assert set(gap) - {295, 296, 297, 298, 299} == set(range(70, 76))


@pytest.mark.parametrize("whole", [-2, 0, 3])
@pytest.mark.parametrize("rounding", [-1e-15, 1e-15])
def test_rounding_of_a_shift_takes_no_channel(whole, rounding):
    spectra = np.random.default_rng(1).normal(size=(1, 20))
    moved = shift_back(spectra, np.array([whole + rounding]))[0]
    expected = np.full(20, np.nan)
    expected[max(0, -whole) : 20 - max(0, whole)] = spectra[0, max(0, whole) : 20 + min(0, whole)]
    np.testing.assert_allclose(moved, expected, atol=1e-9)


def test_spectra_without_anything_alike_have_no_shift():
    values = np.stack([np.full(N, np.nan), np.full(N, 7.0), -lines(0.0), lines(0.4)])
    values[0, :3] = 1.0
    found = align_signals(spectra(values), reference=spectra(lines(0.0)), max_shift=0.4)
    assert found["status"].values.tolist()[:2] == [Status.NO_DATA, Status.INVALID]
    assert found["status"].values[3] == Status.AT_BOUND
    missing = np.isnan(found["shift"].values)
    assert missing.tolist()[:2] == [True, True]
    assert np.isnan(found["aligned"].values[:2]).all()
    assert float(found["shift"][3]) == pytest.approx(0.4)
    assert np.isnan(found["shift_std"][3])
    wider = align_signals(spectra(values), reference=spectra(lines(0.0)), max_shift=1.0)
    assert wider["status"].values[3] == Status.CONVERGED


def test_the_reference_is_not_a_bad_spectrum():
    rng = np.random.default_rng(5)
    truth = rng.uniform(-3.0, 3.0, 200)
    values = noisy(lines(truth), 3.0)
    bad = rng.permutation(200)[:60]
    values[bad[:30]] = np.nan
    values[bad[30:]] = rng.standard_normal((30, N))
    found = align_signals(spectra(values), max_shift=8.0)
    good = np.setdiff1d(np.arange(200), bad)
    error = found["shift"].values[good] - truth[good]
    assert np.std(error) < 0.05 * STEP
    assert np.isnan(found["shift"].values[bad[:30]]).all()


def test_a_part_of_the_data_can_be_the_reference():
    data = spectra(lines(np.array([[0.0, 0.1], [0.5, 0.6]])))
    first = align_signals(data, reference={"y": 1.0, "x": 0.0})
    np.testing.assert_allclose(first["shift"], [[-0.5, -0.4], [0.0, 0.1]], atol=0.01 * STEP)
    row = align_signals(data, reference={"y": slice(0.0, 0.4)})
    np.testing.assert_allclose(row["shift"], [[-0.05, 0.05], [0.45, 0.55]], atol=0.02 * STEP)


def test_each_point_can_have_its_own_reference():
    data = spectra(lines(np.array([[0.0, 0.1, 0.3], [0.5, 0.6, 0.7]])))
    own = data.isel(y=0, drop=True)
    found = align_signals(data, reference=own)
    np.testing.assert_allclose(found["shift"][0], 0.0, atol=1e-9)
    np.testing.assert_allclose(found["shift"][1], [0.5, 0.5, 0.4], atol=0.01 * STEP)


@pytest.mark.parametrize("chunks", [{"y": 3, "x": 5}, {"y": 1, "energy": 100}])
@pytest.mark.parametrize("reference", [None, {"y": slice(0, 3)}])
def test_chunks_do_not_matter(chunks, reference):
    y, x = np.mgrid[:9, :11]
    data = spectra(noisy(lines(0.2 * y - 0.1 * x), 2.0))
    expected = align_signals(data, reference=reference)
    found = align_signals(data.chunk(chunks), reference=reference)
    assert found["aligned"].chunks is not None
    xr.testing.assert_allclose(found.compute(), expected, atol=1e-8)


def test_the_drift_of_the_sample_is_found():
    data = samples.drifting_spectra()
    found = align_signals(data, reference=samples.spectrum())
    truth = np.array(data.attrs["metadata"]["truth"]["shift"])
    step = float(data["energy"][1] - data["energy"][0])
    assert np.abs(found["shift"].values - truth).max() < step
    assert found["aligned"].dtype == np.float32


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"window": (80.0, 90.0)}, "holds 0 channels of 'energy' .which spans 10 to 69.8"),
        ({"window": (20.0, 20.5)}, "holds 3 channels .* at least 4"),
        ({"window": (30.0, 20.0)}, "low < high"),
        ({"max_shift": 0.1}, "max_shift 0.1 eV is 0.5 channels"),
        ({"max_shift": 40.0}, "max_shift 40 is more than half of 'energy'"),
        ({"reference": {"frame": 0}}, r"\['frame'\] are not among the dimensions \['y', 'x'\]"),
        ({"reference": {"x": 77.0}}, "there is no such label"),
        ({"reference": {"x": slice(50.0, 60.0)}}, "holds no spectrum"),
        ({"reference": spectra(lines(0.0))[:-1]}, "the 300 channels of 'energy' .* 299"),
        ({"reference": spectra(lines(0.0), X + 1.0)}, "on another axis; resample it"),
        ({"reference": spectra(lines(0.0) * 1j)}, "expected real numbers"),
        ({"dim": "time"}, "expected a dimension 'time'"),
    ],
)
def test_says_what_is_wrong(options, match):
    with pytest.raises(DataError, match=match):
        align_signals(spectra(lines(np.zeros((2, 3)))), **options)


def test_axes_and_data_that_do_not_fit_are_said():
    with pytest.raises(DataError, match=r"the shift needs a uniform axis: .* must be uniform"):
        align_signals(spectra(lines(np.zeros(3)), X**2))
    with pytest.raises(DataError, match="must ascend or descend"):
        align_signals(spectra(lines(np.zeros(3)), np.abs(X - 30.0)))
    several = spectra(lines(np.zeros(3)))
    for data in (spectra(lines(0.0)), several[:1], several[:0], several[:0].chunk()):
        with pytest.raises(DataError, match="one spectrum, or none, has nothing to be aligned to"):
            align_signals(data)
