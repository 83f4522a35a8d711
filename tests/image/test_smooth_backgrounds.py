"""Backgrounds by means with Gaussian weights."""

import numpy as np
import pytest

from omniscopy.image import estimate_background, subtract_background


def test_a_plane_is_its_own_background_and_waves_are_left(image_of):
    y, x = 2.0 * np.arange(60), 0.5 * np.arange(200)
    wave = np.cos(2 * np.pi * x / 8.0) * np.ones((60, 1))
    data = image_of(wave + 5.0)
    k, sigma = 2 * np.pi / 8.0, 3.0
    found = subtract_background(data, sigma, "gaussian")
    left = 1 - np.exp(-0.5 * (k * sigma) ** 2)
    np.testing.assert_allclose(found[:, 40:160], left * wave[:, 40:160], atol=2e-3)
    plane = image_of(np.add.outer(0.1 * y, 0.2 * x))
    middle = estimate_background(plane, sigma, "gaussian")[15:45, 50:150]
    np.testing.assert_allclose(middle, plane[15:45, 50:150], atol=1e-3)


def test_missing_and_masked_points_do_not_count(image_of):
    data = image_of(np.full((30, 40), 3.0))
    data[10:14, 10:20] = 100.0
    data[2, 3] = np.nan
    mask = data > 50
    found = estimate_background(data, 6.0, "gaussian", mask=mask)
    np.testing.assert_allclose(found, 3.0)
    plain = estimate_background(data, 6.0, "gaussian")
    assert float(plain.max()) > 10.0
    assert float(plain[28, 38]) == pytest.approx(3.0)
