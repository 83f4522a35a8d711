"""The compiled passes over curves against plain NumPy."""

import numpy as np

from omniscopy import simulate, spm
from omniscopy.spm.force import curve_kernel


def test_baselines_are_those_of_a_plain_fit():
    data = simulate.force_map((3, 4), noise=0.05)
    found = spm.fit_baseline(data)
    z = data["z"].values
    far = z >= z.max() - 0.4 * (z.max() - z.min())
    for row in np.ndindex(3, 4):
        (tilt, offset), covariance = np.polyfit(
            z[far] - z[far].mean(), data.values[row][far], 1, cov=True
        )
        np.testing.assert_allclose(found["tilt"].values[row], tilt, rtol=1e-8)
        np.testing.assert_allclose(found["offset"].values[row], offset, rtol=1e-8)
        deviations = found["tilt_std"].values[row], found["offset_std"].values[row]
        np.testing.assert_allclose(deviations, np.sqrt(np.diag(covariance)), rtol=1e-8)


def test_an_offset_alone_is_the_mean():
    data = simulate.force_map((2, 2), noise=0.05, tilt=0.0)
    found = spm.fit_baseline(data, degree=0)
    z = data["z"].values
    far = data.values[..., z >= z.max() - 0.4 * (z.max() - z.min())]
    np.testing.assert_allclose(found["offset"], far.mean(axis=-1), rtol=1e-12)
    expected = far.std(axis=-1, ddof=1) / np.sqrt(far.shape[-1])
    np.testing.assert_allclose(found["offset_std"], expected, rtol=1e-9)
    assert (found["tilt"] == 0).all()


def test_curves_are_put_in_order_from_far_to_near():
    z, f = np.arange(10.0), np.arange(10.0)[::-1].copy()
    travel, force = np.empty(10), np.empty(10)
    count, direction, status = curve_kernel.in_order(z, f, travel, force)
    assert (count, direction, status) == (10, -1.0, 0.0)
    np.testing.assert_array_equal(travel, -z[::-1])
    np.testing.assert_array_equal(force, f[::-1])
