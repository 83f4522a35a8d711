"""Peaks are marked on their curve and spots on their image, at the right places."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om


def test_peaks_are_marked_on_the_curve_they_were_found_in():
    spectrum = om.samples.spectrum()
    peaks = om.signal.find_peaks(spectrum)
    ax = om.plot.signal(peaks, over=spectrum).axes[0]
    curve, marks = ax.lines[:2]
    np.testing.assert_array_equal(curve.get_ydata(), spectrum)
    np.testing.assert_allclose(marks.get_xdata(), peaks["position"])
    expected = np.interp(peaks["position"], spectrum["energy"], spectrum)
    np.testing.assert_allclose(marks.get_ydata(), expected)


def test_spots_are_ringed_on_the_image_they_were_found_in():
    image = om.samples.atom_image()
    spots = om.image.find_fourier_spots(image)
    ax = om.plot.signal(spots, over=om.image.power_spectrum(image)).axes[0]
    assert len(ax.images) == 1
    places = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(places, np.stack([spots["kx"], spots["ky"]], axis=1))


def test_points_of_ones_own_are_ringed_on_an_image():
    own = xr.Dataset(
        {
            "y": ("point", [1000.0, 3000.0], {"units": "pm"}),
            "x": ("point", [2000.0, 500.0], {"units": "pm"}),
        }
    )
    ax = om.plot.signal(own, over=om.samples.atom_image()).axes[0]
    assert len(ax.images) == 1
    np.testing.assert_allclose(ax.collections[-1].get_offsets(), [[2.0, 1.0], [0.5, 3.0]])


def test_marks_are_put_in_the_units_of_the_axis():
    x = xr.DataArray(np.linspace(0.0, 2e-6, 50), dims="x", attrs={"units": "m"})
    curve = xr.DataArray(np.sin(3e6 * x), coords={"x": x}, attrs={"units": "V"})
    peaks = xr.Dataset(
        {"position": ("peak", [500.0], {"units": "nm"}), "height": ("peak", [1.0], {"units": "V"})}
    )
    ax = om.plot.signal(peaks, over=curve).axes[0]
    assert ax.get_xlabel().endswith("(µm)")
    assert ax.lines[1].get_xdata()[0] == pytest.approx(0.5)


@pytest.mark.parametrize("over", [om.samples.atom_image(), None])
def test_a_background_that_does_not_fit_is_left_out(over):
    peaks = om.signal.find_peaks(om.samples.spectrum())
    ax = om.plot.signal(peaks, over=over).axes[0]
    assert not ax.images
