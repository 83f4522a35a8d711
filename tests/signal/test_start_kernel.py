"""What spectra suggest of starts: compiled, against the same formulas in NumPy."""

import numpy as np
import pytest

from omniscopy.signal.coarse import smoothed
from omniscopy.signal.estimates import side_of_peaks
from omniscopy.signal.start_kernel import (
    ABOVE,
    ROUNDS,
    find_steps,
    lie_under,
    measure_peaks,
    widths_of_steps,
)


def spectra(count=60, channels=50, seed=0):
    return np.random.default_rng(seed).standard_normal((count, channels)).cumsum(axis=1)


@pytest.mark.parametrize("channels", [16, 17, 50, 200])
def test_spectra_are_smoothed_with_binomial_weights_and_even_ends(channels):
    values = spectra(channels=channels)
    padded = np.pad(values, ((0, 0), (2, 2)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=1)
    expected = windows @ np.array([1, 4, 6, 4, 1]) / 16
    np.testing.assert_allclose(smoothed(values), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(smoothed(values[:, :15]), values[:, :15])


def test_peaks_point_to_where_spectra_go_farther_from_their_median():
    values = spectra(500, 63)
    smooth = smoothed(values)
    middle = np.median(smooth, axis=1)
    up = smooth.max(axis=1) - middle >= middle - smooth.min(axis=1)
    assert 0.2 < up.mean() < 0.8
    np.testing.assert_array_equal(side_of_peaks(values), np.where(up, 1.0, -1.0))
    even = spectra(500, 60, seed=1)
    smooth, middle = smoothed(even), np.median(smoothed(even), axis=1)
    up = smooth.max(axis=1) - middle >= middle - smooth.min(axis=1)
    np.testing.assert_array_equal(side_of_peaks(even), np.where(up, 1.0, -1.0))


def under(basis, values, weights, tops):
    """Return the same as the kernel, spectrum by spectrum."""
    found = []
    for row, own, top in zip(values, np.broadcast_to(weights, values.shape), tops, strict=True):
        weight = own
        for _ in range(ROUNDS + 1):
            normal = (basis * weight) @ basis.T
            made = np.linalg.solve(normal, basis @ (weight * row))
            weight = own * np.where(top * (row - made @ basis) > 0, ABOVE, 1.0)
        found.append(made)
    return np.array(found)


@pytest.mark.parametrize("degree", [0, 1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_lines_lie_under_what_stands_out(degree, weighted):
    values, u = spectra(), np.linspace(-1, 1, 50)
    basis = np.stack([u**power for power in range(degree + 1)])
    weights = np.random.default_rng(1).uniform(0.5, 1, values.shape if weighted else (1, 50))
    tops = np.resize([1.0, -1.0, 0.0], len(values))
    count = degree + 1
    found = np.full((len(values), count), np.nan)
    room = np.empty((count, count)), np.empty(count), np.empty((2, 50))
    lie_under(basis, values, weights, tops, found, *room)
    expected = under(basis, values, weights, tops)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    assert (found[0::3, 0] < found[2::3, 0].max()).any()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_height_and_width_are_those_of_a_peak(sign):
    axis = np.linspace(-3, 7, 201)
    centre, sigma = np.array([-1.0, 2.0, 5.0]), np.array([0.3, 0.5, 0.8])
    values = sign * 4 * np.exp(-0.5 * ((axis - centre[:, None]) / sigma[:, None]) ** 2)
    top, height, fwhm = np.full(3, -1), np.empty(3), np.empty(3)
    doubt, anywhere = np.zeros((1, 201)), np.ones(201, bool)
    signs = np.full(3, sign)
    measure_peaks(axis, values, signs, doubt, anywhere, 0.05, top, height, fwhm)
    np.testing.assert_allclose(axis[top], centre, atol=1e-9)
    np.testing.assert_allclose(height, 4, rtol=1e-9)
    np.testing.assert_allclose(fwhm, 2.3548 * sigma, atol=0.06)


def test_a_peak_at_the_end_of_an_axis_is_as_wide_on_both_sides():
    axis = np.linspace(0, 10, 101)
    values = np.exp(-0.5 * ((axis - np.array([[0.0], [10.0]])) / 1.0) ** 2)
    top, height, fwhm = np.full(2, -1), np.empty(2), np.empty(2)
    args = np.ones(2), np.zeros((1, 101)), np.ones(101, bool)
    measure_peaks(axis, values, *args, 0.1, top, height, fwhm)
    assert top.tolist() == [0, 100]
    np.testing.assert_allclose(fwhm, 2.3548, atol=0.11)


def test_peaks_are_looked_for_where_they_may_be_and_not_in_doubt():
    axis = np.linspace(0, 10, 101)
    values = np.tile(3 * np.exp(-((axis - 3) ** 2)) + np.exp(-((axis - 7) ** 2)), (2, 1))
    known = np.array([-1, 25])
    allowed, doubt = axis > 5, np.zeros((2, 101))
    top, height, fwhm = known.copy(), np.empty(2), np.empty(2)
    measure_peaks(axis, values, np.ones(2), doubt, allowed, 0.1, top, height, fwhm)
    assert top.tolist() == [70, 25]
    doubt[0, axis < 5] = 4.0
    top = np.full(2, -1)
    measure_peaks(axis, values, np.ones(2), doubt, axis > -1, 0.1, top, height, fwhm)
    assert top.tolist() == [70, 30]


def steps_of(values, sizes, *, allowed=None, known=-1):
    """Return the channel before which there is a step, and its height."""
    count = values.shape[1]
    split, jump = np.empty(len(values), np.int64), np.empty(len(values))
    allowed = np.ones(count + 1, bool) if allowed is None else allowed
    room = np.empty(count + 1), np.empty(count + 1)
    given = np.full(len(values), known)
    find_steps(values, allowed, given, np.array(sizes), *room, split, jump)
    return split, jump


def test_a_step_on_a_slope_is_found_with_its_height():
    channels = np.arange(60)
    places, heights = np.array([[12], [31], [45]]), np.array([[2.0], [-3.0], [0.5]])
    values = 0.1 * channels - 4 + heights * (channels >= places)
    split, jump = steps_of(values, [4, 10])
    np.testing.assert_array_equal(split, places[:, 0])
    np.testing.assert_allclose(jump, heights[:, 0], rtol=1e-9)


def test_of_all_steps_the_one_that_explains_most_is_found():
    values = np.random.default_rng(2).standard_normal((20, 40)).cumsum(axis=1)
    size, u = 6, np.arange(12) - 5.5
    basis = np.stack([np.ones(12), u, np.sign(u) / 2])
    gains, heights = np.full((20, 41), -1.0), np.zeros((20, 41))
    for split in range(size, 41 - size):
        part = values[:, split - size : split + size].T
        line = basis[:2].T @ np.linalg.lstsq(basis[:2].T, part)[0]
        found = np.linalg.lstsq(basis.T, part)[0]
        gains[:, split] = ((part - line) ** 2 - (part - basis.T @ found) ** 2).sum(axis=0)
        heights[:, split] = found[2]
    split, jump = steps_of(values, [size])
    np.testing.assert_array_equal(split, gains.argmax(axis=1))
    np.testing.assert_allclose(jump, heights[np.arange(20), split], rtol=1e-9)
    allowed = np.arange(41) > 20
    split, _ = steps_of(values, [size], allowed=allowed)
    np.testing.assert_array_equal(split, np.where(allowed, gains, -1).argmax(axis=1))
    assert (steps_of(values, [size], known=25)[0] == 25).all()
    assert (steps_of(values, [size], known=2)[0] == size).all()


def test_a_step_rises_from_a_quarter_to_three_quarters_in_its_width():
    channels, scale = np.arange(200), np.array([[2.0], [6.0]])
    values = 5 / (1 + np.exp(-(channels - 99.5) / scale))
    wide, sums = np.empty(2), np.empty(201)
    sizes = np.arange(1, 80)
    widths_of_steps(values, np.full(2, 100), np.full(2, 5.0), sizes, sums, wide)
    # The mean over a length L beside the middle is 3/4 where ln cosh(L / 2 s) is L / 4 s: 2.44 s.
    np.testing.assert_array_equal(wide, np.ceil(2.44 * scale[:, 0]))
