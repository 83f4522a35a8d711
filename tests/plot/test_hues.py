"""Complex values in colours of their phase."""

import numpy as np
import pytest
from skimage.color import rgb2lab
from tests.plot import measurements as make

from omniscopy import plot
from omniscopy.model import DataError
from omniscopy.plot.hues import hues


def hue_of(values):
    """Return the hue in radians, and the lightness, by another colour space."""
    lab = rgb2lab(hues(np.asarray(values), 1.0))
    return np.arctan2(lab[..., 2], lab[..., 1]), lab[..., 0]


def test_the_hue_goes_round_once_with_the_phase_and_forwards():
    phase = np.linspace(-np.pi, np.pi, 181)
    found, _ = hue_of(np.exp(1j * phase))
    turned = np.unwrap(found)
    assert (np.diff(turned) > 0).all()
    assert turned[-1] - turned[0] == pytest.approx(2 * np.pi, rel=1e-6)
    assert np.abs(turned - turned[90] - phase).max() < 0.6


def test_brightness_is_that_of_the_magnitude_whatever_the_phase():
    turn = np.exp(1j * np.linspace(0, 2 * np.pi, 60))
    light = [hue_of(part * turn)[1] for part in (0.1, 0.3, 0.6, 1.0, 3.0)]
    means = [each.mean() for each in light]
    assert np.all(np.diff(means[:4]) > 5)
    assert means[3] == pytest.approx(means[4])
    assert np.ptp(light[3]) < 0.15 * means[3]
    np.testing.assert_array_equal(hues(np.zeros(2), 1.0), 0)


def test_missing_values_are_grey_and_values_of_zero_are_black():
    red, green, blue = hues(np.array([np.nan + 1j]), 1.0)[0]
    assert red == green == blue > 0.5
    assert not hues(np.zeros(3), 0.0).any()


def test_a_complex_image_has_a_wheel_that_says_what_its_colours_are():
    phase = np.linspace(-3, 3, 24 * 32).reshape(24, 32)
    data = (make.image() * np.exp(1j * phase)).assign_attrs(make.image().attrs)
    figure = plot.signal(data, complex_as="hue", percentiles=(0, 100))
    figure.draw_without_rendering()
    (ax,) = figure.axes
    expected = hues(data.values, float(np.abs(data).max()))
    np.testing.assert_allclose(ax.images[0].get_array(), expected)
    assert ax.images[0].get_extent() == [-0.25, 15.75, 11.75, -0.25]
    (wheel,) = ax.child_axes
    said = {text.get_text() for text in wheel.texts}
    assert {"0", "π/2", "π", "−π/2", "|intensity|\n0 to 767 counts"} <= said
    # On the wheel π/2 is on top.
    shown = np.asarray(wheel.images[0].get_array())
    np.testing.assert_allclose(shown[-1, 80, :3], hues(np.array([1j]), 1.0)[0], atol=1e-6)


def test_many_complex_spectra_are_a_picture_of_hues():
    data = make.spectral_image()[:, 0] * np.exp(0.3j)
    stack = data.rename(y="time").assign_coords(time=("time", np.arange(8.0) ** 2, {"units": "s"}))
    figure = plot.signal(stack, complex_as="hue")
    figure.draw_without_rendering()
    assert figure.axes[0].collections


def test_another_way_to_show_complex_values_is_refused():
    with pytest.raises(DataError, match="complex_as must be"):
        plot.signal(make.image(), complex_as="rainbow")
