"""Synthetic topographies have the numbers that they are said to have."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.model import DataError


@pytest.mark.parametrize("kind", ["caps", "pits", "discs", "cones"])
def test_shapes_have_their_volumes(kind):
    made = om.simulate.grainy_surface(
        (600, 500), extent=(600.0, 500.0), kind=kind, count=4, noise=0.0
    )
    radius = np.array(made.attrs["metadata"]["truth"]["radius"])
    volume = {
        "caps": np.pi * 8 * (3 * radius**2 + 64) / 6, "pits": -np.pi * 8 * (3 * radius**2 + 64) / 6,
        "discs": 8 * np.pi * radius**2, "cones": 8 * np.pi * radius**2 / 3,
    }[kind]  # fmt: skip
    assert float(made.sum()) == pytest.approx(volume.sum(), rel=2e-3)


def test_patterns_have_their_root_mean_squares():
    for kind, expected in {"waves": 2 / np.sqrt(8), "gratings": 1.0}.items():
        made = om.simulate.patterned_surface((100, 400), extent=(100.0, 400.0), kind=kind)
        assert float(made.std()) == pytest.approx(expected, rel=1e-6)
        turned = om.simulate.patterned_surface(
            (400, 100), extent=(400.0, 100.0), kind=kind, angle=90.0
        )
        np.testing.assert_allclose(
            turned.values, made.values.T, atol=1e-9 if kind == "waves" else 2.0
        )


def test_the_spectrum_of_a_random_surface_is_the_one_that_is_stated():
    power = 0.0
    for seed in range(40):
        made = om.simulate.random_surface((64, 96), extent=(640.0, 480.0), rng=seed)
        power = power + om.image.power_spectrum(made, window="none") / 40
    truth = made.attrs["metadata"]["truth"]
    k = np.hypot(power["ky"], power["kx"])
    expected = truth["density"] * (1 + (k * truth["roll_off"]) ** 2) ** (-1 - truth["hurst"])
    ratio = (power / expected).where(k > 0)
    assert float(ratio.mean()) == pytest.approx(1.0, abs=5 / np.sqrt(40 * ratio.size / 2))
    area = abs(np.diff(power["ky"])[0] * np.diff(power["kx"])[0])
    assert float(expected.where(k > 0).sum() * area) == pytest.approx(1.0, rel=1e-9)


def test_wrong_calls_are_refused():
    with pytest.raises(DataError, match="room for"):
        om.simulate.grainy_surface(count=500)
    with pytest.raises(DataError, match="hurst must be"):
        om.simulate.random_surface(hurst=2.0)
    with pytest.raises(DataError, match="kind must be one of"):
        om.simulate.patterned_surface(kind="dots")
